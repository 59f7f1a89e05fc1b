//! JSON with tags in its texts, parsed once and rendered many times.

use argo_lang::tags::{Policy, RenderError, Scope, Template as Tags};
use serde_json::{Map, Value};

/// A JSON value whose texts may hold tags. Parts without any are kept as they are.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    Plain(Value),
    Text(Tags),
    List(Vec<Doc>),
    Map(Vec<(Key, Doc)>),
}

/// A key of a map; tags in keys are rendered too, as upstream renders the whole JSON text.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Plain(String),
    Text(Tags),
}

impl Doc {
    pub(super) fn parse(value: Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            Value::Array(list) => {
                let list: Vec<Self> = list.into_iter().map(Self::parse).collect();
                if list.iter().all(|d| matches!(d, Self::Plain(_))) {
                    return Self::Plain(list.into_iter().map(Self::into_plain).collect());
                }
                Self::List(list)
            }
            Value::Object(map) => {
                let entries: Vec<(Key, Self)> = map.into_iter().map(|(k, v)| (Key::parse(k), Self::parse(v))).collect();
                if entries.iter().all(|(k, d)| matches!((k, d), (Key::Plain(_), Self::Plain(_)))) {
                    let map: Map<String, Value> = entries.into_iter().map(|(k, d)| (k.into_plain(), d.into_plain())).collect();
                    return Self::Plain(Value::Object(map));
                }
                Self::Map(entries)
            }
            other => Self::Plain(other),
        }
    }

    fn text(text: String) -> Self {
        match tags(&text) {
            Some(tags) => Self::Text(tags),
            None => Self::Plain(Value::String(text)),
        }
    }

    fn into_plain(self) -> Value {
        if let Self::Plain(value) = self { value } else { Value::Null }
    }

    /// The value with all tags replaced.
    pub(super) fn render(&self, scope: &dyn Scope, policy: Policy) -> Result<Value, RenderError> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(tags) => Value::String(tags.render(scope, policy)?),
            Self::List(list) => list.iter().map(|d| d.render(scope, policy)).collect::<Result<_, _>>()?,
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, doc) in entries {
                    let key = match key {
                        Key::Plain(key) => key.clone(),
                        Key::Text(tags) => tags.render(scope, policy)?,
                    };
                    map.insert(key, doc.render(scope, policy)?);
                }
                Value::Object(map)
            }
        })
    }
}

impl Key {
    fn parse(key: String) -> Self {
        match tags(&key) {
            Some(tags) => Self::Text(tags),
            None => Self::Plain(key),
        }
    }

    fn into_plain(self) -> String {
        if let Self::Plain(key) = self { key } else { String::new() }
    }
}

fn tags(text: &str) -> Option<Tags> {
    if !text.contains("{{") {
        return None;
    }
    Tags::parse(text).ok().filter(|tags| !tags.is_plain())
}

/// Renders one text.
pub(super) fn render_text(text: &str, scope: &dyn Scope, policy: Policy) -> Result<String, RenderError> {
    match tags(text) {
        Some(tags) => tags.render(scope, policy),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use argo_lang::Value as V;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_no_tags_stays_and_what_has_is_rendered() {
        let doc = Doc::parse(json!({"a": ["x", 1], "{{k}}": {"b": "{{v}}!"}}));
        let scope = |name: &str| match name {
            "k" => Some(V::from("key")),
            "v" => Some(V::from("{{v}}")),
            _ => None,
        };
        assert_eq!(doc.render(&scope, Policy::KeepUnknown).unwrap(), json!({"a": ["x", 1], "key": {"b": "{{v}}!"}}));
        assert!(matches!(Doc::parse(json!({"a": [1, "b"]})), Doc::Plain(_)));
    }
}
