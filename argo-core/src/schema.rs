//! OpenAPI v3 schemas of the types, in the structural form that custom resource definitions need.
//!
//! ```
//! use argo_core::schema;
//! use argo_core::workflows::Workflow;
//!
//! let schema = schema::of::<Workflow>();
//! let entrypoint = schema.pointer("/properties/spec/properties/entrypoint").unwrap();
//! assert_eq!(entrypoint["type"], "string");
//! assert_eq!(entrypoint["description"], "Name of the template that is run first.");
//! ```

use serde_json::{Map, Value, json};

use crate::describe::{Described, Field, Shape};

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";

/// How much a schema says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether types of Kubernetes' own API, such as volumes, are spelled out. Where they are not, they keep every field and nothing is checked.
    pub kubernetes: bool,
    /// Whether an object's status is spelled out.
    pub status: bool,
    /// Whether fields have descriptions.
    pub descriptions: bool,
}

impl Default for Options {
    /// Descriptions, and neither Kubernetes' own types nor status: a Workflow's schema takes 430 kB that way instead of 1.4 MB (190 kB without
    /// descriptions).
    fn default() -> Self {
        Self { kubernetes: false, status: false, descriptions: true }
    }
}

/// The schema of a kind, with the usual [`Options`].
#[must_use]
pub fn of<T: Described>() -> Value {
    of_kind(T::shape(), Options::default())
}

/// The schema of a kind: `apiVersion`, `kind` and `metadata` are left to the API server; all else is as the type says.
#[must_use]
pub fn of_kind(shape: Shape, options: Options) -> Value {
    let mut writer = Writer { options, open: Vec::new() };
    let mut schema = writer.shape(shape);
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return schema };
    let mut required = Vec::new();
    for (name, plain) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
        if let Some(slot) = properties.get_mut(name) {
            *slot = json!({"type": plain});
        }
    }
    if !options.status
        && let Some(status) = properties.get_mut("status")
    {
        let mut open = json!({"type": "object", PRESERVE: true});
        describe(&mut open, status.get("description").and_then(Value::as_str).unwrap_or_default());
        *status = open;
    }
    for name in ["metadata", "spec"] {
        if properties.contains_key(name) {
            required.push(name);
        }
    }
    if let Some(map) = schema.as_object_mut() {
        map.insert("required".to_owned(), json!(required));
    }
    schema
}

/// The schema of any shape.
#[must_use]
pub fn of_shape(shape: Shape, options: Options) -> Value {
    Writer { options, open: Vec::new() }.shape(shape)
}

struct Writer {
    options: Options,
    /// Structs that are being written: one that contains itself is not spelled out again, as structural schemas have no references.
    open: Vec<&'static str>,
}

impl Writer {
    fn shape(&mut self, shape: Shape) -> Value {
        let mut schema = match shape {
            Shape::String => json!({"type": "string"}),
            Shape::Integer => json!({"type": "integer", "format": "int64"}),
            Shape::Number => json!({"type": "number"}),
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Time => json!({"type": "string", "format": "date-time"}),
            Shape::Bytes => json!({"type": "string", "format": "byte"}),
            Shape::IntOrString | Shape::Quantity => json!({INT_OR_STRING: true}),
            // A text that may be written as a number has no type of its own.
            Shape::Any | Shape::AnyString => json!({PRESERVE: true}),
            Shape::List(inner) => json!({"type": "array", "items": self.shape(inner.get())}),
            Shape::Map(inner) => json!({"type": "object", "additionalProperties": self.shape(inner.get())}),
            Shape::Kube(_) if !self.options.kubernetes => json!({"type": "object", PRESERVE: true}),
            Shape::Struct(_) | Shape::Kube(_) if self.open.contains(&shape.type_name()) => json!({"type": "object", PRESERVE: true}),
            Shape::Struct(_) | Shape::Kube(_) => self.structure(shape),
        };
        if self.options.descriptions {
            describe(&mut schema, shape.doc());
        }
        schema
    }

    fn structure(&mut self, shape: Shape) -> Value {
        self.open.push(shape.type_name());
        let mut properties = Map::new();
        for field in shape.fields() {
            properties.insert(field.name.to_owned(), self.field(&field));
        }
        self.open.pop();
        let mut schema = json!({"type": "object"});
        if let Some(map) = schema.as_object_mut()
            && !properties.is_empty()
        {
            map.insert("properties".to_owned(), Value::Object(properties));
        }
        schema
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut schema = self.shape(field.shape);
        if self.options.descriptions {
            describe(&mut schema, field.doc);
        }
        schema
    }
}

fn describe(schema: &mut Value, doc: &str) {
    if let Some(map) = schema.as_object_mut()
        && !doc.is_empty()
    {
        map.insert("description".to_owned(), Value::from(doc));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::{CronWorkflow, Workflow};

    /// What a structural schema must and must not have.
    fn check(schema: &Value, path: &str) {
        let map = schema.as_object().unwrap();
        let untyped = map.contains_key(PRESERVE) || map.contains_key(INT_OR_STRING);
        assert!(map.contains_key("type") || untyped, "{path} has no type");
        assert!(!(map.contains_key("type") && map.contains_key(INT_OR_STRING)), "{path} has a type");
        assert!(!(map.contains_key("properties") && map.contains_key("additionalProperties")), "{path}");
        for (name, inner) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            check(inner, &format!("{path}.{name}"));
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = map.get(key) {
                check(inner, &format!("{path}.{key}"));
            }
        }
    }

    #[test]
    fn schemas_are_structural_and_small() {
        check(&of::<Workflow>(), "Workflow");
        check(&of::<CronWorkflow>(), "CronWorkflow");
        let all = of_kind(Workflow::shape(), Options { kubernetes: true, status: true, descriptions: true });
        check(&all, "Workflow");
        let (small, large) = (of::<Workflow>().to_string().len(), all.to_string().len());
        let bare = of_kind(Workflow::shape(), Options { descriptions: false, ..Options::default() }).to_string().len();
        assert!(small < 450_000 && bare < 200_000, "{small} {bare}");
        assert!(large > 3 * small);
        assert!(all.pointer("/properties/spec/properties/volumes/items/properties/emptyDir").is_some());
    }
}
