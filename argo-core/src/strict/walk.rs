//! The walk over a value and its shape.

use serde_json::{Map, Value};

use super::{Problem, nearest::suggest};
use crate::describe::{Field, Shape};

struct Walk {
    pointer: String,
    path: String,
    texts: bool,
    found: Vec<(String, Problem)>,
}

/// Checks a value; with `texts`, numbers and booleans are made texts where the shape has a text, and names with wrong capitals are put right.
pub(super) fn check(value: &mut Value, shape: Shape, texts: bool) -> Vec<(String, Problem)> {
    let mut walk = Walk { pointer: String::new(), path: String::new(), texts, found: Vec::new() };
    walk.value(value, shape, shape.type_name());
    walk.found
}

impl Walk {
    fn value(&mut self, value: &mut Value, shape: Shape, owner: &'static str) {
        // An explicit null is as good as nothing, as in Go.
        if value.is_null() {
            return;
        }
        match (shape, &mut *value) {
            (Shape::Any | Shape::AnyString, _)
            | (Shape::String | Shape::IntOrString | Shape::Bytes, Value::String(_))
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::Number, Value::Number(_)) => {}
            (Shape::String, Value::Number(number)) if self.texts => *value = Value::String(number_text(number)),
            (Shape::String, Value::Bool(truth)) if self.texts => *value = Value::String(truth.to_string()),
            (Shape::Integer | Shape::IntOrString, Value::Number(number)) if number.is_i64() => {}
            (Shape::Quantity, Value::String(_) | Value::Number(_)) => {
                if let Err(error) = crate::quantity::Quantity::from_value(value) {
                    self.report(Problem::Malformed { path: self.path.clone(), message: error.to_string() });
                }
            }
            (Shape::Time, Value::String(text)) => {
                if let Err(error) = crate::meta::parse_time(text) {
                    self.report(Problem::Malformed { path: self.path.clone(), message: error.to_string() });
                }
            }
            (Shape::List(inner), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.step(&index.to_string(), &format!("[{index}]"), |walk| walk.value(item, inner.get(), owner));
                }
            }
            (Shape::Map(inner), Value::Object(map)) => {
                for (key, item) in map.iter_mut() {
                    self.named(key, |walk| walk.value(item, inner.get(), owner));
                }
            }
            (Shape::Struct(_) | Shape::Kube(_), Value::Object(map)) => self.fields(map, shape),
            (_, found) => {
                let (found, go_found) = kind_of(found);
                let steps: Vec<&str> = self.path.split('.').map(|step| step.split('[').next().unwrap_or(step)).collect();
                let upstream = match self.path.as_str() {
                    "" => format!("json: cannot unmarshal {go_found} into Go value of type {}", go_type(shape)),
                    _ => format!(
                        "json: cannot unmarshal {go_found} into Go struct field {owner}.{} of type {}",
                        steps.join("."),
                        go_type(shape)
                    ),
                };
                self.report(Problem::WrongType { path: self.path.clone(), expected: article(shape), found, upstream });
            }
        }
    }

    fn fields(&mut self, map: &mut Map<String, Value>, shape: Shape) {
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in keys {
            let Some(field) = shape.field(&key).or_else(|| self.other_case(&key, map, shape)) else {
                self.named(&key, |walk| {
                    let problem = Problem::UnknownField { path: walk.path.clone(), field: key.clone(), nearest: suggest(&key, shape) };
                    walk.report(problem);
                });
                continue;
            };
            if field.name != key
                && let Some(item) = map.remove(&key)
            {
                map.insert(field.name.to_owned(), item);
            }
            if let Some(item) = map.get_mut(field.name) {
                self.named(&key, |walk| walk.value(item, field.shape, shape.type_name()));
            }
        }
    }

    /// The field that a name means whose capitals are wrong. Go's reader takes such names in manifests; an API server does not.
    fn other_case(&self, key: &str, map: &Map<String, Value>, shape: Shape) -> Option<Field> {
        if !self.texts {
            return None;
        }
        shape.fields().into_iter().find(|field| field.name.eq_ignore_ascii_case(key) && !map.contains_key(field.name))
    }

    fn report(&mut self, problem: Problem) {
        self.found.push((self.pointer.clone(), problem));
    }

    fn named(&mut self, key: &str, visit: impl FnOnce(&mut Self)) {
        let pointer = key.replace('~', "~0").replace('/', "~1");
        let path = if self.path.is_empty() { key.to_owned() } else { format!(".{key}") };
        self.step(&pointer, &path, visit);
    }

    fn step(&mut self, pointer: &str, path: &str, visit: impl FnOnce(&mut Self)) {
        let lengths = (self.pointer.len(), self.path.len());
        self.pointer.push('/');
        self.pointer.push_str(pointer);
        self.path.push_str(path);
        visit(self);
        self.pointer.truncate(lengths.0);
        self.path.truncate(lengths.1);
    }
}

/// What the shape wants, with its article.
fn article(shape: Shape) -> String {
    match shape {
        Shape::Integer => "a whole number".to_owned(),
        Shape::IntOrString => "a whole number or a text".to_owned(),
        Shape::Boolean => "true or false".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::String | Shape::AnyString => "a text".to_owned(),
        Shape::Time => "an RFC 3339 time".to_owned(),
        Shape::Quantity => "a quantity such as 500m or 1Gi".to_owned(),
        Shape::Bytes => "a base64 text".to_owned(),
        Shape::Any => "any value".to_owned(),
        Shape::List(inner) => format!("a list of {}", plural(inner.get())),
        Shape::Map(inner) => format!("a map of {}", plural(inner.get())),
        Shape::Struct(_) | Shape::Kube(_) => format!("a map ({})", shape.type_name()),
    }
}

fn plural(shape: Shape) -> String {
    match shape {
        Shape::Integer => "whole numbers".to_owned(),
        Shape::String | Shape::AnyString => "texts".to_owned(),
        Shape::List(_) => "lists".to_owned(),
        Shape::Map(_) | Shape::Struct(_) | Shape::Kube(_) => "maps".to_owned(),
        _ => "values".to_owned(),
    }
}

/// What a value is, in words and in Go's.
fn kind_of(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", "null"),
        Value::Bool(_) => ("a boolean", "bool"),
        Value::Number(number) if number.is_f64() => ("a fraction", "number"),
        Value::Number(_) => ("a number", "number"),
        Value::String(_) => ("a text", "string"),
        Value::Array(_) => ("a list", "array"),
        Value::Object(_) => ("a map", "object"),
    }
}

/// What Go calls a type; the width of numbers is not known here.
fn go_type(shape: Shape) -> String {
    match shape {
        Shape::String | Shape::AnyString | Shape::Time | Shape::Quantity | Shape::Bytes => "string".to_owned(),
        Shape::Integer | Shape::IntOrString => "int64".to_owned(),
        Shape::Number => "float64".to_owned(),
        Shape::Boolean => "bool".to_owned(),
        Shape::Any => "interface {}".to_owned(),
        Shape::List(inner) => format!("[]{}", go_type(inner.get())),
        Shape::Map(inner) => format!("map[string]{}", go_type(inner.get())),
        Shape::Struct(info) => format!("v1alpha1.{}", info.name),
        Shape::Kube(kube) => format!("v1.{}", kube.name()),
    }
}

/// A number as sigs.k8s.io/yaml makes it a text.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => crate::go::float_g(float),
        _ => number.to_string(),
    }
}
