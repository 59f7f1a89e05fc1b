//! How values merge: by built-in types, by schemas, or by what they look like.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Part;

use crate::api::crd::Schema;
use crate::api::types::{self, Code, Lists};

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    /// A built-in type, by name.
    Typed(&'static str),
    /// A built-in field.
    Code(&'static Code),
    /// A custom resource: its metadata is typed.
    Root(&'a Schema),
    /// A part of a custom resource.
    Schema(&'a Schema),
    /// Nothing: maps merge, lists are replaced.
    Deduced,
}

/// How a value merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// Replaced whole.
    Leaf,
    /// By field.
    Map,
    /// A list as a set.
    Set,
    /// A list with keys.
    Keyed(&'a [String]),
}

/// Fields that hold a struct and no pointer to one: they are there even in an empty object.
const HELD: [&str; 10] =
    ["metadata", "spec", "status", "strategy", "updateStrategy", "resources", "source", "nodeInfo", "daemonEndpoints", "kubeletEndpoint"];

impl<'a> Shape<'a> {
    pub(crate) fn kind(self, value: &Value) -> Kind<'a> {
        match self {
            Self::Typed(name) => typed_kind(name),
            Self::Code(code) => match code {
                Code::Type(name) => typed_kind(name),
                Code::Map { atomic: false, .. } => Kind::Map,
                Code::List { merge: Lists::Set, .. } => Kind::Set,
                Code::List { merge: Lists::Keys(keys), .. } => Kind::Keyed(keys),
                Code::Any if value.is_object() => Kind::Leaf,
                _ => Kind::Leaf,
            },
            Self::Root(_) => Kind::Map,
            Self::Schema(schema) => match value {
                Value::Object(_) if schema.map_type == "atomic" => Kind::Leaf,
                Value::Object(_) => Kind::Map,
                Value::Array(_) if schema.list_type == "set" => Kind::Set,
                Value::Array(_) if schema.list_type == "map" => Kind::Keyed(&schema.list_keys),
                _ => Kind::Leaf,
            },
            Self::Deduced => {
                if value.is_object() {
                    Kind::Map
                } else {
                    Kind::Leaf
                }
            }
        }
    }

    pub(crate) fn field(self, name: &str) -> Self {
        match self {
            Self::Typed(own) => types::find(own).and_then(|t| t.fields.get(name)).map_or(Self::Deduced, |f| Self::Code(&f.code)),
            Self::Code(Code::Type(own)) => Self::Typed(own).field(name),
            Self::Code(Code::Map { value, .. }) => Self::Code(value),
            Self::Code(_) | Self::Deduced => Self::Deduced,
            Self::Root(_) if name == "metadata" => Self::Typed("meta/v1.ObjectMeta"),
            Self::Root(schema) | Self::Schema(schema) => {
                if schema.embedded && name == "metadata" {
                    return Self::Typed("meta/v1.ObjectMeta");
                }
                schema.field(name).map_or(Self::Deduced, Self::Schema)
            }
        }
    }

    /// Whether a field is named by the type itself and not merely allowed.
    pub(crate) fn declares(self, name: &str) -> bool {
        match self {
            Self::Typed(own) => types::find(own).is_some_and(|t| t.fields.contains_key(name)),
            Self::Code(Code::Type(own)) => Self::Typed(own).declares(name),
            Self::Root(schema) => matches!(name, "apiVersion" | "kind" | "metadata") || schema.properties.contains_key(name),
            Self::Schema(schema) => schema.properties.contains_key(name),
            Self::Code(_) | Self::Deduced => false,
        }
    }

    pub(crate) fn item(self) -> Self {
        match self {
            Self::Code(Code::List { item, .. }) => Self::Code(item),
            Self::Schema(schema) => schema.items.as_deref().map_or(Self::Deduced, Self::Schema),
            _ => Self::Deduced,
        }
    }

    /// The default of a key field that an item leaves out.
    fn key_default(self, key: &str) -> Value {
        match self {
            // Of the built-in lists with two keys, the second is the protocol wherever it has a default.
            Self::Code(_) if key == "protocol" => json!("TCP"),
            Self::Schema(schema) => {
                schema.items.as_ref().and_then(|i| i.properties.get(key)).and_then(|p| p.default.clone()).unwrap_or(Value::Null)
            }
            _ => Value::Null,
        }
    }

    /// An object of this shape before anything is in it.
    pub(crate) fn blank(self) -> Value {
        match self {
            Self::Typed(name) => Value::Object(blank(name)),
            Self::Root(_) => json!({"metadata": {}}),
            _ => json!({}),
        }
    }
}

fn typed_kind(name: &str) -> Kind<'static> {
    if types::find(name).is_some_and(|t| t.atomic) { Kind::Leaf } else { Kind::Map }
}

fn blank(name: &str) -> Map<String, Value> {
    let mut map = Map::new();
    for (field, about) in types::find(name).into_iter().flat_map(|t| &t.fields) {
        match &about.code {
            // A pod's own resources are pointers.
            Code::Type(_) if *field == "resources" && matches!(name, "core/v1.PodSpec" | "core/v1.PodStatus") => {}
            Code::Type(inner) if (about.required && *field != "selector") || HELD.contains(field) => {
                map.insert((*field).to_owned(), Value::Object(blank(inner)));
            }
            Code::List { .. } | Code::Map { .. } if about.required => {
                map.insert((*field).to_owned(), Value::Null);
            }
            Code::Text if about.required => {
                map.insert((*field).to_owned(), "".into());
            }
            Code::Int32 | Code::Int64 if about.required => {
                map.insert((*field).to_owned(), 0.into());
            }
            _ => {}
        }
    }
    map
}

/// The part of a path that an item of a list is.
pub(super) fn element(kind: &Kind<'_>, item: &Value, shape: Shape<'_>) -> Part<'static> {
    match kind {
        Kind::Keyed(keys) => {
            let mut sorted: Vec<&String> = keys.iter().collect();
            sorted.sort();
            let mut text = String::from("{");
            for key in sorted {
                let value = item.get(key).map_or_else(|| Cow::Owned(shape.key_default(key)), Cow::Borrowed);
                if !value.is_null() {
                    let comma = if text.len() > 1 { "," } else { "" };
                    // Writing to memory does not fail.
                    let _ = write!(text, "{comma}{}:{value}", Value::from(key.as_str()));
                }
            }
            text.push('}');
            Part::key(text)
        }
        _ => Part::item(item.to_string()),
    }
}
