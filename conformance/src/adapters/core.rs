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
        "to_json" => first(source, yaml::Duplicates::LastWins).map(|v| argo_core::json::to_string(&v)),
        "to_json_strict" => first(source, yaml::Duplicates::Refuse).map(|v| argo_core::json::to_string(&v)),
        // The recording decoded into Go's interface{}, where every number is a float.
        "round_trip" => first(source, yaml::Duplicates::LastWins).and_then(|v| yaml::to_string(&floats(v)).map_err(|e| e.to_string())),
        "marshal" => {
            if let Some(why) = lost(case) {
                return Outcome::Skip(why.to_owned());
            }
            let value = tagged(case.pointer("/in/value").unwrap_or(&Value::Null));
            let got = yaml::to_string(&value)
                .map_err(|e| e.to_string())
                .map(|yaml| json!({"json": argo_core::json::to_string(&value), "yaml": yaml}));
            return judge_value(case, got, false);
        }
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    judge(case, got)
}

fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), Value::from),
        Value::Array(list) => list.into_iter().map(floats).collect(),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, floats(value))).collect()),
        other => other,
    }
}

/// What the recording's tags cannot say.
fn lost(case: &Value) -> Option<&'static str> {
    let input = case.pointer("/in/value")?;
    let empty = |tag: &str| input.get(tag).is_some_and(|v| v.as_object().is_some_and(|m| m.is_empty()) || v == "" || v == &json!([]));
    let number = input.is_string() && case.pointer("/out/json").and_then(Value::as_str).is_some_and(|json| !json.starts_with('"'));
    if empty("map") || empty("bytes") || empty("list") {
        Some("nil and empty have the same tag")
    } else if number {
        Some("a json.Number is tagged as a text")
    } else if input.as_str().is_some_and(|text| text.contains('\u{fffd}')) {
        Some("texts that are not UTF-8 are recorded with the replacement character")
    } else {
        None
    }
}

/// A float32 was widened when it was recorded; its own shortest digits are fewer.
fn float(value: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    let narrow = value as f32;
    let short = narrow.to_string();
    if f64::from(narrow).to_bits() == value.to_bits() && short.len() < value.to_string().len() {
        return short.parse::<f64>().map_or(Value::Null, Value::from);
    }
    Value::from(value)
}

/// A tagged value (see the data's README) as JSON.
fn tagged(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let number = |text: &str| match text {
        "-0" => json!(-0.0),
        _ => Value::Null,
    };
    match map.iter().next() {
        Some((tag, inner)) => match tag.as_str() {
            "float" => inner.as_str().map_or_else(|| inner.as_f64().map_or(Value::Null, float), number),
            "int" | "uint" => inner.clone(),
            "list" => inner.as_array().map(|list| list.iter().map(tagged).collect()).unwrap_or_default(),
            "map" => inner.as_object().map(|map| map.iter().map(|(key, value)| (key.clone(), tagged(value))).collect()).unwrap_or_default(),
            "time" => inner.clone(),
            "duration" => map.get("ns").cloned().unwrap_or_default(),
            "bytes" => json!(argo_core::json::base64(inner.as_str().unwrap_or_default().as_bytes())),
            _ => inner.clone(),
        },
        None => Value::Null,
    }
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
                (Ok(a), Ok(b)) => patch::json::equal(&a, &b),
                _ => text(case, "doc") == text(case, "target"),
            };
            return judge_value(case, Ok(json!(equal)), false);
        }
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    // Where the patch itself is JSON and Go's message is whole, it is what clients of the API see.
    match (case.get("error").and_then(Value::as_str), &got) {
        (Some(error), Err(got))
            if text(case, "op") == "patch" && !error.contains("%!") && !error.contains("looking for") && error != got =>
        {
            Outcome::Fail(format!("failed with {got:?}, expected {error:?}"))
        }
        _ => judge(case, got),
    }
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
        "scaled int or percent" => json_in().and_then(|value| {
            let value: IntOrString = serde_json::from_value(value).map_err(|e| e.to_string())?;
            let number = |key: &str| case.pointer(&format!("/in/{key}")).cloned().unwrap_or_default();
            let total = number("total").as_i64().unwrap_or_default();
            let scaled = value.scaled(total, number("round_up").as_bool().unwrap_or_default()).map_err(|e| e.to_string())?;
            let int_value = if let IntOrString::Int(number) = &value { *number } else { 0 };
            Ok(json!({"int_value": int_value, "string": value.to_string(), "value": scaled}))
        }),
        "metav1.Duration" => json_in().and_then(|value| {
            let text = if value.is_null() { "" } else { value.as_str().ok_or("not a text")? };
            let d = duration::parse(text).map_err(|e| e.to_string())?;
            Ok(json!({"json": format!("\"{}\"", duration::to_string(d)), "ns": duration::nanos(d)}))
        }),
        "metav1.Time" => return time(case, json_in()),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    // A value that is no text, or a time, is refused with a message of our own.
    let messages = !case.get("error").and_then(Value::as_str).is_some_and(|e| e.starts_with("json:"));
    judge_value(case, got, messages)
}

fn time(case: &Value, value: Result<Value, String>) -> Outcome {
    let got = value.and_then(|value| {
        let read: Option<meta::Time> = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
        let time = read.filter(|time| !time.is_zero());
        let micro = value.as_str().unwrap_or_default().parse::<meta::MicroTime>();
        let quoted = |text: String| format!("\"{text}\"");
        Ok(json!({
            "is_zero": time.is_none(),
            "json": time.map_or("null".to_owned(), |time| quoted(time.to_string())),
            "microtime": micro.map_or_else(|_| "error".to_owned(), |time| quoted(time.to_string())),
        }))
    });
    let mut expected = case.clone();
    if let Some(text) = expected.pointer_mut("/out/microtime")
        && text.as_str().is_some_and(|t| t.starts_with("error"))
    {
        *text = json!("error");
    }
    judge_value(&expected, got, false)
}

pub(super) fn podhash(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    use argo_core::podhash;
    let template = case.pointer("/in/template").cloned().unwrap_or_default();
    let count = case.pointer("/in/collision_count").and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
    let got = podhash::canonical_json(&template).map_err(|e| e.to_string()).and_then(|canonical| {
        let stored: Value = serde_json::from_str(&canonical).map_err(|e| e.to_string())?;
        let text = |e: podhash::TemplateError| e.to_string();
        let mut got = json!({
            "canonical_json": canonical,
            "rollouts_hash": podhash::rollouts(&template, count).map_err(text)?,
            "deployment_hash": podhash::deployment(&template, count).map_err(text)?,
            "deployment_hash_stored": podhash::deployment(&stored, count).map_err(text)?,
        });
        if case.pointer("/out/dump").is_some()
            && let Some(map) = got.as_object_mut()
        {
            map.insert("dump".to_owned(), json!(podhash::dump(&template).map_err(text)?));
        }
        Ok(got)
    });
    judge_value(case, got, false)
}

pub(super) fn quantity(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    use argo_core::quantity::Quantity;
    let read = |key: &str| text(case, key).parse::<Quantity>().map_err(|e| e.to_string());
    let got = match text(case, "op") {
        "parse" => read("a").map(|q| {
            json!({
                "as_int64": q.as_i64().unwrap_or(0).to_string(),
                "as_int64_ok": q.as_i64().is_some(),
                "canonical": q.to_string(),
                "dec": q.decimal(),
                "float": if q.as_f64().is_finite() { json!(q.as_f64()) } else { json!(if q.sign() < 0 { "-Inf" } else { "+Inf" }) },
                "format": q.format().name(),
                "is_zero": q.is_zero(),
                "json": format!("\"{q}\""),
                "milli_value": q.milli_value().to_string(),
                "sign": q.sign(),
                "value": q.value().to_string(),
            })
        }),
        "add" => read("a").and_then(|a| Ok(json!({"canonical": a.add(&read("b")?).to_string()}))),
        "sub" => read("a").and_then(|a| Ok(json!({"canonical": a.sub(&read("b")?).to_string()}))),
        "cmp" => read("a").and_then(|a| {
            let order = a.cmp(&read("b")?);
            Ok(json!({"cmp": order as i8, "equal": order.is_eq()}))
        }),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    judge_value(case, got, true)
}

pub(super) fn fnv(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    use argo_core::ids;
    let source = case.get("in").and_then(Value::as_str).unwrap_or_default();
    let hash = ids::fnv1a32(source.as_bytes());
    let prefix = source.split_once('[').map_or(source, |(prefix, _)| prefix);
    let got = json!({
        "fnv32": ids::fnv1_32(source.as_bytes()),
        "fnv32a": hash,
        "fnv64a": ids::fnv1a64(source.as_bytes()).to_string(),
        "node_id_v1_for_prefix": format!("{prefix}-{hash}"),
        "safe_encoded": ids::safe_encode(&hash.to_string()),
    });
    judge_value(case, Ok(got), true)
}
