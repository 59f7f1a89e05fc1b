//! JSONPath.

use argo_lang::jsonpath::{Missing, Program};
use argo_lang::{Budget, Value, gjson as paths, sjson as changes};
use serde_json::{Value as Json, json};

use super::lang::{side, text};
use super::lang_govaluate::judge_json;
use crate::{Ctx, Outcome};

#[allow(clippy::cast_precision_loss)]
fn floats(value: &Value) -> Value {
    match value {
        Value::Int(n) => Value::Float(*n as f64),
        Value::List(list) => Value::List(list.iter().map(floats).collect()),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), floats(v)))),
        other => other.clone(),
    }
}

pub(super) fn jsonpath(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let doc = match side(ctx, "lang/jsonpath.doc.json") {
        Ok(doc) => Value::from(doc.as_ref().clone()),
        Err(error) => return Outcome::Fail(error),
    };
    let doc = if text(case, "/in/numbers") == "float64" { floats(&doc) } else { doc };
    let missing = if case.pointer("/in/allow_missing_keys") == Some(&json!(true)) { Missing::Nothing } else { Missing::Error };
    let got = Program::parse(text(case, "/in/template"))
        .map_err(|e| ("parse", e.message))
        .and_then(|p| p.run(&doc, missing, &Budget::default()).map_err(|e| ("eval", e.to_string())))
        .map(Json::from);
    judge_json(case, got)
}

/// Go's float in JSON: as written there or as the text that JSON has no number for.
fn number(n: f64) -> Json {
    if n.is_finite() { json!(n) } else { Json::from(Value::Float(n).to_string()) }
}

pub(super) fn gjson(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let docs = match side(ctx, "lang/gjson.docs.json") {
        Ok(docs) => docs,
        Err(error) => return Outcome::Fail(error),
    };
    let doc = docs.get(text(case, "/in/doc")).and_then(Json::as_str).unwrap_or_default();
    let found = paths::get(doc, text(case, "/in/path"), &Budget::default()).unwrap_or_default();
    let mut ours = json!({
        "array_len": found.array().len(), "bool": found.bool(), "exists": found.exists(), "float": number(found.float()),
        "index": found.index(), "int": found.int(), "is_array": found.is_array(), "is_object": found.is_object(),
        "raw": found.raw(), "string": found.text(), "type": found.kind().name(),
    });
    if let (Some(indexes), Json::Object(map)) = (found.indexes().filter(|i| !i.is_empty()), &mut ours) {
        map.insert("indexes".to_owned(), json!(indexes));
    }
    let expected = case.get("out").unwrap_or(&Json::Null);
    if super::lang_govaluate::close(&ours, expected) {
        Outcome::Pass
    } else if case.get("error_class").is_some() {
        // Where the reference panics, we find nothing.
        if found.exists() { Outcome::Fail(format!("found {}, expected an error", found.raw())) } else { Outcome::Pass }
    } else {
        Outcome::Fail(format!("gave {ours}, expected {expected}"))
    }
}

pub(super) fn sjson(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let docs = match side(ctx, "lang/gjson.docs.json") {
        Ok(docs) => docs,
        Err(error) => return Outcome::Fail(error),
    };
    let doc = docs.get(text(case, "/in/doc")).and_then(Json::as_str).unwrap_or_default();
    let path = text(case, "/in/path");
    let got = match text(case, "/in/op") {
        "delete" => changes::delete(doc, path, &Budget::default()),
        "raw" => changes::set_raw(doc, path, text(case, "/in/value_raw"), &Budget::default()),
        _ => changes::set(doc, path, &floats(&Value::from(case.pointer("/in/value").cloned().unwrap_or(Json::Null))), &Budget::default()),
    };
    judge_json(case, got.map(Json::from).map_err(|e| ("eval", e.to_string())))
}

pub(super) fn golden_gjson(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let found = paths::get(text(case, "/in/json"), text(case, "/in/path"), &Budget::default()).unwrap_or_default();
    let ours = json!({
        "bool": found.bool(), "exists": found.exists(), "float": Value::Float(found.float()).to_string(), "raw": found.raw(),
        "string": found.text(), "type": found.kind().name(), "value": found.value().to_json(),
    });
    let expected = case.get("out").unwrap_or(&Json::Null);
    if super::lang_govaluate::close(&ours, expected) { Outcome::Pass } else { Outcome::Fail(format!("gave {ours}, expected {expected}")) }
}

pub(super) fn golden_sjson(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let (doc, path) = (text(case, "/in/json"), text(case, "/in/path"));
    if path.is_empty() {
        return super::lang_govaluate::golden(case, Err("path cannot be empty".to_owned()));
    }
    let got = match case.pointer("/in/raw").and_then(Json::as_str) {
        Some(raw) => changes::set_raw(doc, path, raw, &Budget::default()),
        None => {
            changes::set(doc, path, &floats(&Value::from(case.pointer("/in/value").cloned().unwrap_or(Json::Null))), &Budget::default())
        }
    };
    super::lang_govaluate::golden(case, got.map(Json::from).map_err(|e| e.to_string()))
}
