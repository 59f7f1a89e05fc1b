//! argo-core, against recordings of the Go libraries: YAML, patches, selectors, names, durations, quantities and hashes.

use std::collections::BTreeMap;

use argo_core::describe::Shape;
use argo_core::meta::{self, IntOrString};
use argo_core::selector::{FieldSelector, LabelSelector};
use argo_core::{duration, patch, validation, yaml};
use serde_json::{Value, json};

use crate::{Ctx, Outcome};

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case.pointer(&format!("/in/{key}")).and_then(Value::as_str).unwrap_or_default()
}

/// A text is compared as the JSON it holds, where it holds JSON: key order and escapes are Go's.
fn judge(case: &Value, got: Result<String, String>) -> Outcome {
    let expected = case.get("out").and_then(Value::as_str);
    match (case.get("error"), expected, got) {
        (Some(_), _, Err(_)) => Outcome::Pass,
        (Some(error), _, Ok(got)) => Outcome::Fail(format!("gave {got}, expected the error {error}")),
        (None, _, Err(error)) => Outcome::Fail(format!("failed: {error}")),
        (None, Some(expected), Ok(got)) if expected == got || same_json(expected, &got) => Outcome::Pass,
        (None, expected, Ok(got)) => Outcome::Fail(format!("gave {got:?}, expected {expected:?}")),
    }
}

fn same_json(a: &str, b: &str) -> bool {
    matches!((serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)), (Ok(a), Ok(b)) if a == b)
}

/// Values are compared as they are, error texts too where `messages` says so.
fn judge_value(case: &Value, got: Result<Value, String>, messages: bool) -> Outcome {
    match (case.get("error"), case.get("out"), got) {
        (Some(Value::String(error)), _, Err(got)) if messages && *error != got => {
            Outcome::Fail(format!("failed with {got:?}, expected {error:?}"))
        }
        (Some(_), _, Err(_)) => Outcome::Pass,
        (Some(error), _, Ok(got)) => Outcome::Fail(format!("gave {got}, expected the error {error}")),
        (None, _, Err(error)) => Outcome::Fail(format!("failed: {error}")),
        (None, Some(expected), Ok(got)) if same(expected, &got) => Outcome::Pass,
        (None, expected, Ok(got)) => Outcome::Fail(format!("gave {got}, expected {}", expected.cloned().unwrap_or_default())),
    }
}

/// Equal, with whole floats equal to whole numbers.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y))),
        _ => a == b,
    }
}

fn first(text: &str, duplicates: yaml::Duplicates) -> Result<Value, String> {
    let documents = yaml::parse(text, duplicates).map_err(|e| e.to_string())?;
    Ok(documents.into_iter().next().map_or(Value::Null, |d| d.value))
}

pub(super) fn yaml(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let source = text(case, "yaml");
    let got = match text(case, "op") {
        "to_json" => first(source, yaml::Duplicates::LastWins).map(|v| v.to_string()),
        "to_json_strict" => first(source, yaml::Duplicates::Refuse).map(|v| v.to_string()),
        "round_trip" => first(source, yaml::Duplicates::LastWins).and_then(|v| yaml::to_string(&v).map_err(|e| e.to_string())),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    judge(case, got)
}

pub(super) fn jsonpatch(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let read = |key: &str| serde_json::from_str::<Value>(text(case, key)).map_err(|e| format!("{key}: {e}"));
    let got = match text(case, "op") {
        "merge" => read("doc").and_then(|mut doc| {
            patch::merge::apply_document(&mut doc, &read("patch")?).map_err(|e| e.to_string())?;
            Ok(doc.to_string())
        }),
        "create_merge" => read("doc")
            .and_then(|doc| patch::merge::create_document(&doc, &read("target")?).map_err(|e| e.to_string()))
            .map(|patch| patch.to_string()),
        "patch" => read("doc").and_then(|mut doc| {
            let patch = patch::json::parse(&read("patch")?).map_err(|e| e.to_string())?;
            patch::json::apply(&mut doc, &patch).map_err(|e| e.to_string())?;
            Ok(doc.to_string())
        }),
        "equal" => {
            let equal = match (read("doc"), read("target")) {
                (Ok(a), Ok(b)) => a == b,
                _ => text(case, "doc") == text(case, "target"),
            };
            return judge_value(case, Ok(json!(equal)), false);
        }
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    judge(case, got)
}

pub(super) fn strategic(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    use patch::strategic;
    let read = |key: &str| match case.pointer(&format!("/in/{key}")) {
        Some(Value::String(text)) => serde_json::from_str::<Value>(text).map_err(|e| format!("{key}: {e}")),
        other => Ok(other.cloned().unwrap_or_default()),
    };
    let Some(shape) = Shape::of_kind(text(case, "kind")) else { return Outcome::Fail("a kind that is not known".to_owned()) };
    let apply = |document: &Value, patch: &Value| {
        let mut document = document.clone();
        strategic::apply_as(shape, &mut document, patch).map(|()| document).map_err(|e| e.to_string())
    };
    let both = |document: Value, patch: Value| Ok(json!({"applied": apply(&document, &patch)?, "patch": patch}));
    let got = match text(case, "op") {
        "apply" => read("base").and_then(|base| apply(&base, &read("patch")?)),
        "two_way" => read("original").and_then(|original| {
            let patch = strategic::two_way(shape, &original, &read("modified")?).map_err(|e| e.to_string())?;
            both(original, patch)
        }),
        "three_way" => read("current").and_then(|current| {
            let overwrite = case.pointer("/in/overwrite").and_then(Value::as_bool).unwrap_or_default();
            let patch =
                strategic::three_way(shape, &read("original")?, &read("modified")?, &current, overwrite).map_err(|e| e.to_string())?;
            both(current, patch)
        }),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    let mut expected = case.clone();
    if let Some(out) = expected.get_mut("out") {
        parse_texts(out);
    }
    let messages = case.get("error").and_then(Value::as_str).is_some_and(|e| e != "invalid JSON document");
    judge_value(&expected, got, messages)
}

/// Texts that are JSON become what they hold.
fn parse_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Ok(parsed) = serde_json::from_str(text) {
                *value = parsed;
            }
        }
        Value::Object(map) => map.values_mut().for_each(parse_texts),
        _ => {}
    }
}

pub(super) fn selector(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let against: Vec<BTreeMap<String, String>> =
        case.pointer("/in/against").and_then(|a| serde_json::from_value(a.clone()).ok()).unwrap_or_default();
    let got = match text(case, "kind") {
        "label" => text(case, "selector").parse::<LabelSelector>().map_err(|e| e.to_string()).map(|selector| {
            json!({
                "empty": selector.is_everything(),
                "matches": against.iter().map(|labels| selector.matches(labels)).collect::<Vec<_>>(),
                "requirements": selector.requirements().map_or(0, <[_]>::len),
                "selectable": selector.requirements().is_some(),
                "string": selector.to_string(),
            })
        }),
        "field" => text(case, "selector").parse::<FieldSelector>().map_err(|e| e.to_string()).map(|selector| {
            json!({
                "empty": selector.terms.is_empty(),
                "matches": against.iter().map(|fields| selector.matches(|f| fields.get(f).map(String::as_str))).collect::<Vec<_>>(),
                "string": selector.to_string(),
            })
        }),
        _ => {
            let object = case.pointer("/in/selector").cloned().unwrap_or_default();
            let object: Result<Option<meta::LabelSelector>, _> = serde_json::from_value(object);
            object
                .map_err(|e| e.to_string())
                .and_then(|object| Ok((object.is_some(), LabelSelector::from_object(object.as_ref()).map_err(|e| e.to_string())?)))
                .map(|(_, selector)| {
                    let string = selector.to_string();
                    json!({
                        "format": if string.is_empty() { "<none>".to_owned() } else { string.clone() },
                        "matches": against.iter().map(|labels| selector.matches(labels)).collect::<Vec<_>>(),
                        "string": string,
                    })
                })
        }
    };
    judge_value(case, got, true)
}

fn duration_views(d: Result<jiff::SignedDuration, duration::DurationError>) -> Result<Value, String> {
    let d = d.map_err(|e| e.to_string())?;
    let second = jiff::SignedDuration::from_secs(1);
    let minute = jiff::SignedDuration::from_secs(60);
    Ok(json!({
        "ns": duration::nanos(d),
        "round_s": duration::to_string(duration::round(d, second)),
        "seconds": d.as_secs_f64(),
        "str2duration_string": duration::to_string_with_days(d),
        "string": duration::to_string(d),
        "truncate_m": duration::to_string(duration::truncate(d, minute)),
    }))
}

pub(super) fn scalar(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let source = text(case, "text");
    let json_in = || serde_json::from_str::<Value>(text(case, "json")).map_err(|e| e.to_string());
    let got = match text(case, "op") {
        "time.ParseDuration" => duration_views(duration::parse(source)),
        "str2duration.ParseDuration" => duration_views(duration::parse_with_days(source)),
        "IsValidPortName" => Ok(json!(validation::port_name(source))),
        "IsDNS1035Label" => Ok(json!(validation::dns1035_label(source))),
        "IsDNS1123Label" => Ok(json!(validation::dns1123_label(source))),
        "IsDNS1123Subdomain" => Ok(json!(validation::dns1123_subdomain(source))),
        "IsWildcardDNS1123Subdomain" => Ok(json!(validation::wildcard_dns1123_subdomain(source))),
        "IsValidLabelValue" => Ok(json!(validation::label_value(source))),
        "IsQualifiedName" => Ok(json!(validation::qualified_name(source))),
        "IsEnvVarName" => Ok(json!(validation::env_var_name(source))),
        "IsCIdentifier" => Ok(json!(validation::c_identifier(source))),
        "IsConfigMapKey" => Ok(json!(validation::config_map_key(source))),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    let _ = (json_in, IntOrString::Int(0));
    judge_value(case, got, true)
}
