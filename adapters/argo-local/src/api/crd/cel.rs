//! `x-kubernetes-validations`: rules in CEL.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cel::{Context, Program, Value as Cel};
use serde_json::Value;

use crate::api::failure::Cause;
use crate::api::json;

/// A rule that has been compiled, or what is wrong with it.
type Compiled = Result<Arc<Program>, String>;

static PROGRAMS: LazyLock<Mutex<BTreeMap<String, Compiled>>> = LazyLock::new(Mutex::default);
/// More are not kept at a time.
const MAX_PROGRAMS: usize = 1024;
/// Causes after which rules are not looked at.
const BLOCKING: [&str; 5] =
    ["FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"];

/// The most characters, and the most brackets and signs that nest, a rule may have: the parser goes down into them.
const MAX_LENGTH: usize = 8192;
const MAX_NESTING: usize = 200;

/// Compiles a rule.
pub(super) fn compile(source: &str) -> Compiled {
    let nesting = source.chars().filter(|c| matches!(c, '(' | '[' | '{' | '!' | '-' | '?')).count();
    if source.len() > MAX_LENGTH || nesting > MAX_NESTING {
        return Err("the rule is too long, or nests too deep".to_owned());
    }
    let mut known = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() > MAX_PROGRAMS {
        known.clear();
    }
    let compiled = || {
        // A parser that gives up on odd text must not take the API along.
        let outcome = std::panic::catch_unwind(|| Program::compile(source).map(Arc::new).map_err(|e| e.to_string()));
        outcome.unwrap_or_else(|_| Err("the rule cannot be parsed".to_owned()))
    };
    known.entry(source.to_owned()).or_insert_with(compiled).clone()
}

fn convert(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cel::Int(number),
            None => Cel::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(list) => Cel::List(Arc::new(list.iter().map(convert).collect())),
        Value::Object(map) => {
            let fields: HashMap<String, Cel> = map.iter().map(|(k, v)| (k.clone(), convert(v))).collect();
            Cel::Map(fields.into())
        }
    }
}

/// Whether a schema has rules anywhere.
pub(super) fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("x-kubernetes-validations") || map.values().any(has_rules),
        Value::Array(list) => list.iter().any(has_rules),
        _ => false,
    }
}

/// Checks an object against the rules of its schema. `causes` holds what the schema itself has against it.
pub(super) fn check(schema: &Value, object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    if causes.iter().any(|c| BLOCKING.contains(&c.reason)) {
        let why =
            "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        causes.push(Cause::invalid("<nil>", &Value::Null, why));
        return;
    }
    walk(schema, object, old, "", causes);
}

fn walk(schema: &Value, value: &Value, old: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
    for rule in json::items(schema, &["x-kubernetes-validations"]) {
        evaluate(rule, value, old, path, causes);
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let declared =
                    json::at(schema, &["properties", name]).or_else(|| schema.get("additionalProperties").filter(|a| a.is_object()));
                if let Some(declared) = declared {
                    walk(declared, inner, old.and_then(|o| o.get(name)), &below, causes);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            let keys: Vec<&str> = json::items(schema, &["x-kubernetes-list-map-keys"]).filter_map(Value::as_str).collect();
            for (index, item) in list.iter().enumerate() {
                // Only items with keys can be told to be the same as before.
                let before = old.and_then(Value::as_array).filter(|_| !keys.is_empty());
                let before = before.and_then(|l| l.iter().find(|o| keys.iter().all(|k| o.get(*k) == item.get(*k))));
                walk(items, item, before, &format!("{path}[{index}]"), causes);
            }
        }
        _ => {}
    }
}

fn evaluate(rule: &Value, value: &Value, old: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
    let source = json::text(rule, &["rule"]);
    let transition = source.contains("oldSelf");
    let context = || {
        let mut context = Context::default();
        context.add_variable_from_value("self", convert(value));
        if let Some(old) = old {
            context.add_variable_from_value("oldSelf", convert(old));
        }
        context
    };
    // What has not changed is let be; and a rule about change needs something to compare with.
    if (transition && old.is_none()) || (!transition && old == Some(value)) {
        return;
    }
    let shown = match value {
        Value::Object(_) | Value::Array(_) => String::new(),
        Value::String(text) => format!("{text:?}: "),
        other => format!("{other}: "),
    };
    let message = || {
        let by_expression = match json::text(rule, &["messageExpression"]) {
            "" => None,
            expression => match compile(expression).ok().and_then(|p| p.execute(&context()).ok()) {
                Some(Cel::String(text)) if !text.trim().is_empty() => Some(text.to_string()),
                _ => None,
            },
        };
        by_expression.unwrap_or_else(|| match json::text(rule, &["message"]) {
            "" => format!("failed rule: {source}"),
            message => message.to_owned(),
        })
    };
    let field = format!("{path}{}", json::text(rule, &["fieldPath"]));
    let outcome = compile(source).and_then(|p| p.execute(&context()).map_err(|e| e.to_string()));
    let (reason, text) = match outcome {
        Ok(Cel::Bool(true)) => return,
        Ok(_) => match json::text(rule, &["reason"]) {
            "FieldValueForbidden" => ("FieldValueForbidden", format!("Forbidden: {}", message())),
            "FieldValueRequired" => ("FieldValueRequired", format!("Required value: {}", message())),
            "FieldValueDuplicate" => ("FieldValueDuplicate", format!("Duplicate value: {shown}{}", message())),
            _ => ("FieldValueInvalid", format!("Invalid value: {shown}{}", message())),
        },
        Err(why) => ("FieldValueInvalid", format!("Invalid value: {shown}rule evaluation error: {why}")),
    };
    causes.push(Cause::other(reason, field, text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_hold_or_say_why_not() {
        let schema = json!({"x-kubernetes-validations": [{"rule": "self.min <= self.max", "message": "no"}], "properties": {
            "kind": {"x-kubernetes-validations": [{"rule": "self == oldSelf"}]},
        }});
        let mut causes = Vec::new();
        check(&schema, &json!({"min": 1, "max": 2, "kind": "a"}), None, &mut causes);
        assert!(causes.is_empty(), "{causes:?}");
        check(&schema, &json!({"min": 3, "max": 2, "kind": "b"}), Some(&json!({"min": 1, "max": 2, "kind": "a"})), &mut causes);
        let fields: Vec<&str> = causes.iter().map(|c| c.field.as_str()).collect();
        assert_eq!(fields, ["", "kind"]);
        assert!(compile("1 +").is_err());
    }
}
