//! Structural schemas: what a custom resource may hold.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::json;

/// A structural schema.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    pub(crate) kind: String,
    pub(crate) properties: BTreeMap<String, Schema>,
    pub(crate) additional: Option<Box<Schema>>,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) preserve: bool,
    pub(crate) embedded: bool,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) list_type: String,
    pub(crate) list_keys: Vec<String>,
    pub(crate) map_type: String,
    /// The schema as it was written, for validation.
    pub(crate) raw: Value,
    defaults: bool,
}

impl Schema {
    /// Reads an `openAPIV3Schema`.
    pub(crate) fn read(raw: &Value) -> Self {
        let text = |key: &str| json::text(raw, &[key]).to_owned();
        let flag = |key: &str| raw.get(key).and_then(Value::as_bool).unwrap_or(false);
        let properties: BTreeMap<String, Self> =
            raw.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(k, v)| (k.clone(), Self::read(v))).collect();
        let additional = match raw.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Box::new(Self { preserve: true, ..Self::default() })),
            Some(schema @ Value::Object(_)) => Some(Box::new(Self::read(schema))),
            _ => None,
        };
        let items = raw.get("items").filter(|i| i.is_object()).map(|i| Box::new(Self::read(i)));
        let default = raw.get("default").cloned();
        let below = properties.values().any(|p| p.defaults)
            || additional.as_ref().is_some_and(|a| a.defaults)
            || items.as_ref().is_some_and(|i| i.defaults);
        Self {
            kind: text("type"),
            defaults: default.is_some() || below,
            properties,
            additional,
            items,
            preserve: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            nullable: flag("nullable"),
            default,
            list_type: text("x-kubernetes-list-type"),
            list_keys: json::items(raw, &["x-kubernetes-list-map-keys"]).filter_map(Value::as_str).map(str::to_owned).collect(),
            map_type: text("x-kubernetes-map-type"),
            raw: raw.clone(),
        }
    }

    /// Whether a default stands anywhere in it.
    pub(crate) fn has_defaults(&self) -> bool {
        self.defaults
    }

    /// The schema of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// Fills in defaults; `null` counts as missing where it is not allowed.
    pub(crate) fn fill(&self, value: &mut Value) {
        if !self.defaults {
            return;
        }
        match value {
            Value::Object(map) => {
                for (name, schema) in &self.properties {
                    if let Some(default) = &schema.default {
                        let missing = match map.get(name) {
                            None => true,
                            Some(Value::Null) => !schema.nullable,
                            Some(_) => false,
                        };
                        if missing {
                            map.insert(name.clone(), default.clone());
                        }
                    }
                    if let Some(inner) = map.get_mut(name) {
                        schema.fill(inner);
                    }
                }
                if let Some(additional) = &self.additional {
                    for (name, inner) in map.iter_mut() {
                        if self.properties.contains_key(name) {
                            continue;
                        }
                        if inner.is_null()
                            && !additional.nullable
                            && let Some(default) = &additional.default
                        {
                            *inner = default.clone();
                        }
                        additional.fill(inner);
                    }
                }
            }
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    for item in list {
                        if item.is_null()
                            && !items.nullable
                            && let Some(default) = &items.default
                        {
                            *item = default.clone();
                        }
                        items.fill(item);
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes out nulls where they are not allowed and no default stands for them.
    pub(crate) fn drop_nulls(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|name, inner| {
                    !inner.is_null() || self.properties.get(name).is_none_or(|s| s.nullable || s.default.is_some() || s.kind.is_empty())
                });
                for (name, inner) in map.iter_mut() {
                    if let Some(schema) = self.field(name) {
                        schema.drop_nulls(inner);
                    }
                }
            }
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    list.iter_mut().for_each(|i| items.drop_nulls(i));
                }
            }
            _ => {}
        }
    }

    /// Takes out what is not specified; gives the paths.
    pub(crate) fn prune(&self, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                let mut gone = Vec::new();
                for (name, inner) in map.iter_mut() {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    if self.embedded && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                        if name == "metadata"
                            && let Some(metadata) = inner.as_object_mut()
                            && let Ok(odd) = crate::api::builtin::decode::normalise_type("meta/v1.ObjectMeta", metadata)
                        {
                            unknown.extend(odd.into_iter().map(|f| format!("{below}.{f}")));
                        }
                        continue;
                    }
                    match self.field(name) {
                        Some(schema) => schema.prune(inner, &below, unknown),
                        None if self.preserve => {}
                        None => {
                            unknown.push(below);
                            gone.push(name.clone());
                        }
                    }
                }
                for name in gone {
                    map.remove(&name);
                }
            }
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    for (index, item) in list.iter_mut().enumerate() {
                        items.prune(item, &format!("{path}[{index}]"), unknown);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_fields_go_and_defaults_come() {
        let schema = Schema::read(&json!({"type": "object", "properties": {
            "a": {"type": "integer", "default": 5},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string", "default": "y"}}}},
        }}));
        let mut value = json!({"b": 1, "open": {"z": 1}, "list": [{"q": 1}]});
        let mut unknown = Vec::new();
        schema.prune(&mut value, "", &mut unknown);
        schema.fill(&mut value);
        assert_eq!(value, json!({"a": 5, "open": {"z": 1}, "list": [{"x": "y"}]}));
        assert_eq!(unknown, ["b", "list[0].q"]);
    }
}
