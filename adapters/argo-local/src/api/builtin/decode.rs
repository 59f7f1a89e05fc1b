//! Takes what a client sent for an object of a built-in kind: checks its types, drops what nobody knows and what is empty.

use serde_json::{Map, Value};

use crate::api::ask::Ask;
use crate::api::failure::Failure;
use crate::api::json;
use crate::api::resources::{Registry, Resource};
use crate::api::types::{self, Code};

/// What an object of another kind is told.
pub(crate) fn wrong_kind(registry: &Registry, ask: &Ask, kind: &str, api_version: &str) -> Failure {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let own = &ask.resource.kind;
    let known = registry.by_kind(api_version, kind).is_some_and(|r| !r.custom());
    let why = if !known {
        format!("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:31\"")
    } else if kind == *own && group == ask.resource.group {
        format!("the API version in the data ({api_version}) does not match the expected API version ({})", ask.api_version())
    } else {
        let package = ask.resource.group.split('.').next().filter(|g| !g.is_empty()).unwrap_or("core");
        format!("converting (v1.{kind}) to ({package}.{own}): unknown conversion")
    };
    Failure::bad_request(format!("{kind} in version {version:?} cannot be handled as a {own}: {why}"))
}

#[derive(Default)]
struct Walk {
    unknown: Vec<String>,
    /// Says what is wrong in the words of the converter that strategic patches go through, not of the JSON parser.
    converter: bool,
    /// Fields that must be there may be missing from the object itself.
    partial: bool,
}

/// Where in an object a value stands: written out only where something is to be said about it.
#[derive(Clone, Copy)]
struct Place<'a> {
    above: Option<&'a Place<'a>>,
    part: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    /// A field of a type.
    Field(&'a str),
    /// What a map has under a key.
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    const ROOT: Place<'static> = Place { above: None, part: Step::Root };

    fn below<'b>(&'b self, part: Step<'b>) -> Place<'b> {
        Place { above: Some(self), part }
    }

    fn is_root(&self) -> bool {
        matches!(self.part, Step::Root)
    }

    /// As a path; Go's names only the fields of types.
    fn path(&self, go: bool) -> String {
        let mut path = self.above.map(|a| a.path(go)).unwrap_or_default();
        match self.part {
            Step::Field(name) if path.is_empty() => path.push_str(name),
            Step::Field(name) => {
                path.push('.');
                path.push_str(name);
            }
            Step::Key(key) if !go => {
                path.push('.');
                path.push_str(key);
            }
            Step::Index(index) if !go => path.push_str(&format!("[{index}]")),
            _ => {}
        }
        path
    }
}

/// What keeps a value from being an object of a type, in the words of the converter that strategic patches go through.
pub(crate) fn unrestorable(type_name: &str, object: &Value) -> Option<String> {
    let mut walk = Walk { converter: true, ..Walk::default() };
    let mut fields = object.as_object()?.clone();
    walk.fields(&mut fields, type_name, Place::ROOT).err()
}

/// As Go's converter of unstructured objects has it, by the kinds of the two types.
fn not_restored(value: &Value, code: &Code) -> String {
    let found = match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    };
    match code {
        Code::List { .. } | Code::Bytes => format!("cannot restore slice from {found}"),
        Code::Map { .. } => format!("cannot restore map from {found}"),
        Code::Type(_) => format!("cannot restore struct from: {found}"),
        // Numbers convert to each other and to texts, in Go's eyes; JSON has no such conversion.
        code => match (code, found) {
            (Code::Text | Code::Int32 | Code::Int64 | Code::Number, "int64") | (Code::Int32 | Code::Int64, "float64") => {
                format!("cannot convert {found} to {}", go_type(code))
            }
            _ => format!("unrecognized type: {}", go_type(code)),
        },
    }
}

/// Checks and cleans an object in place; gives the paths of fields that nobody knows. What is not `whole` is not given the fields that must be there.
pub(crate) fn normalise(resource: &Resource, api_version: &str, object: &mut Value, whole: bool) -> Result<Vec<String>, Failure> {
    let version = api_version.rsplit('/').next().unwrap_or(api_version);
    let kind = &resource.kind;
    let fail = |why: String| Failure::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"));
    if !object.is_object() {
        return Err(fail(format!("json: cannot unmarshal {} into Go value of type v1.{kind}", go_kind(object))));
    }
    let mut walk = Walk { partial: !whole, ..Walk::default() };
    if let Some(map) = object.as_object_mut() {
        // What they hold has been looked at; the table of types does not name them.
        let (api_version, own) = (map.remove("apiVersion"), map.remove("kind"));
        walk.fields(map, resource.type_of(version), Place::ROOT).map_err(fail)?;
        for (key, value) in [("apiVersion", api_version), ("kind", own)] {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        }
        if whole {
            json::metadata(object);
        }
    }
    Ok(walk.unknown)
}

/// The same for a value of a type.
pub(crate) fn normalise_type(type_name: &str, object: &mut Map<String, Value>) -> Result<Vec<String>, String> {
    let mut walk = Walk::default();
    walk.fields(object, type_name, Place::ROOT)?;
    Ok(walk.unknown)
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_type(code: &Code) -> String {
    match code {
        Code::Text | Code::Quantity | Code::Time | Code::MicroTime | Code::IntOrText => "string".to_owned(),
        Code::Int32 => "int32".to_owned(),
        Code::Int64 => "int64".to_owned(),
        Code::Bool => "bool".to_owned(),
        Code::Number => "float64".to_owned(),
        Code::Bytes => "[]uint8".to_owned(),
        Code::Any => "interface {}".to_owned(),
        Code::Type(name) => {
            let version = name.split('.').next().and_then(|g| g.rsplit('/').next()).unwrap_or("v1");
            format!("{version}.{}", types::short(name))
        }
        Code::Map { value, .. } => format!("map[string]{}", go_type(value)),
        Code::List { item, .. } => format!("[]{}", go_type(item)),
    }
}

impl Walk {
    fn fields(&mut self, map: &mut Map<String, Value>, type_name: &str, place: Place<'_>) -> Result<(), String> {
        let Some(known) = types::find(type_name) else { return Ok(()) };
        let mut gone = Vec::new();
        for (key, value) in map.iter_mut() {
            let Some(field) = known.fields.get(key.as_str()) else {
                if !(matches!(key.as_str(), "apiVersion" | "kind") && place.is_root()) {
                    self.unknown.push(place.below(Step::Field(key)).path(false));
                    gone.push(key.clone());
                }
                continue;
            };
            self.value(value, &field.code, place.below(Step::Field(key)), types::short(type_name))?;
            let empty = match &*value {
                Value::Null => true,
                Value::Array(list) => list.is_empty() && matches!(field.code, Code::List { .. }),
                Value::Object(map) => map.is_empty() && matches!(field.code, Code::Map { .. }),
                Value::String(text) => text.is_empty() && field.omit_zero,
                Value::Bool(flag) => !flag && field.omit_zero,
                Value::Number(number) => number.as_i64() == Some(0) && field.omit_zero,
            };
            let keeps_null = matches!(field.code, Code::List { .. } | Code::Map { .. } | Code::Time | Code::MicroTime);
            if empty && field.required && keeps_null {
                *value = Value::Null;
            } else if empty {
                gone.push(key.clone());
            }
        }
        for key in gone {
            map.remove(&key);
        }
        if self.partial && place.is_root() {
            return Ok(());
        }
        for (name, field) in known.fields.iter().filter(|(_, f)| f.required) {
            if !map.contains_key(*name) {
                let zero = match &field.code {
                    Code::Text | Code::Quantity => Value::String(String::new()),
                    Code::Int32 | Code::Int64 | Code::Number => 0.into(),
                    Code::Bool => false.into(),
                    Code::Type(inner) => {
                        let mut fields = Map::new();
                        self.fields(&mut fields, inner, place.below(Step::Key(name)))?;
                        Value::Object(fields)
                    }
                    Code::Any | Code::IntOrText => continue,
                    _ => Value::Null,
                };
                map.insert((*name).to_owned(), zero);
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &mut Value, code: &Code, place: Place<'_>, owner: &str) -> Result<(), String> {
        let converter = self.converter;
        let wrong = |value: &Value, code: &Code| {
            if converter {
                return Err(not_restored(value, code));
            }
            let number = match value {
                Value::Number(n) if matches!(code, Code::Int32 | Code::Int64) => format!(" {n}"),
                _ => String::new(),
            };
            Err(format!(
                "json: cannot unmarshal {}{number} into Go struct field {owner}.{} of type {}",
                go_kind(value),
                place.path(true),
                go_type(code)
            ))
        };
        if value.is_null() {
            return Ok(());
        }
        match code {
            Code::Any => Ok(()),
            Code::Text | Code::Bytes => {
                if value.is_string() {
                    Ok(())
                } else {
                    wrong(value, code)
                }
            }
            Code::Bool => {
                if value.is_boolean() {
                    Ok(())
                } else {
                    wrong(value, code)
                }
            }
            Code::Number => {
                if value.is_number() {
                    Ok(())
                } else {
                    wrong(value, code)
                }
            }
            Code::Int32 => {
                if value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) {
                    Ok(())
                } else {
                    wrong(value, code)
                }
            }
            Code::Int64 => {
                if value.as_i64().is_some() {
                    Ok(())
                } else {
                    wrong(value, code)
                }
            }
            Code::IntOrText => {
                if value.is_string() || value.as_i64().is_some() {
                    Ok(())
                } else {
                    wrong(value, code)
                }
            }
            Code::Quantity => quantity(value),
            Code::Time | Code::MicroTime => time(value, matches!(code, Code::MicroTime)),
            Code::Type(name) => match value {
                Value::Object(map) => self.fields(map, name, place),
                _ => wrong(value, code),
            },
            Code::Map { value: inner, .. } => match value {
                Value::Object(map) => {
                    for (key, item) in map.iter_mut() {
                        if item.is_null() && matches!(**inner, Code::Text) {
                            *item = Value::String(String::new());
                        }
                        self.value(item, inner, place.below(Step::Key(key)), owner)?;
                    }
                    Ok(())
                }
                _ => wrong(value, code),
            },
            Code::List { item: inner, .. } => match value {
                Value::Array(list) => {
                    for (index, item) in list.iter_mut().enumerate() {
                        self.value(item, inner, place.below(Step::Index(index)), owner)?;
                    }
                    Ok(())
                }
                _ => wrong(value, code),
            },
        }
    }
}

/// Brings a quantity into its canonical form.
fn quantity(value: &mut Value) -> Result<(), String> {
    let quantity = argo_core::quantity::Quantity::from_value(value).map_err(|error| error.to_string())?;
    *value = Value::String(quantity.to_string());
    Ok(())
}

fn time(value: &mut Value, micro: bool) -> Result<(), String> {
    let Value::String(text) = &*value else {
        return Err(format!("json: cannot unmarshal {} into Go value of type string", go_kind(value)));
    };
    let Ok(parsed) = text.parse::<jiff::Timestamp>() else {
        let layout = if micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
        let part = layout.get(..4).unwrap_or_default();
        return Err(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as {part:?}"));
    };
    let format = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    *value = Value::String(parsed.strftime(format).to_string());
    Ok(())
}
