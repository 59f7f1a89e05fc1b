//! Lua.

use std::collections::BTreeMap;

use argo_lang::lua::{Libraries, Program};
use argo_lang::{Budget, Value, go::json};
use serde_json::{Value as Json, json};

use super::lang::{Names, side, text};
use super::lang_govaluate::{close, golden, judge_json};
use crate::{Ctx, Outcome};

/// A recorded value without its wrapping: tables as lists or maps, numbers as numbers.
fn bare(value: &Json) -> Json {
    if let Some(number) = value.get("number").and_then(Json::as_str) {
        return number.parse::<f64>().ok().map_or_else(|| json!(number), |n| if n.is_finite() { json!(n) } else { json!(number) });
    }
    let Some(table) = value.get("table") else { return value.clone() };
    let list: Vec<Json> = table.get("list").and_then(Json::as_array).into_iter().flatten().map(bare).collect();
    if !list.is_empty() {
        return list.into();
    }
    let members = table.get("map").and_then(Json::as_object).into_iter().flatten();
    Json::Object(members.map(|(k, v)| (k.split_once(':').map_or(k.as_str(), |(_, k)| k).to_owned(), bare(v))).collect())
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Float(n) if !n.is_finite() => json!(value.to_string()),
        Value::List(list) => list.iter().map(shown).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.to_string(), shown(v))).collect()),
        other => other.to_json(),
    }
}

pub(super) fn lua(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let globals = match side(ctx, "lang/lua.globals.json") {
        Ok(globals) => globals,
        Err(error) => return Outcome::Fail(error),
    };
    let value = |name: &str| Value::from(globals.get(name).cloned().unwrap_or(Json::Null));
    let libraries = if text(case, "/in/libs") == "open" { Libraries::Open } else { Libraries::Restricted };
    let got = Program::parse(text(case, "/in/script")).map_err(|e| ("parse", e.message)).and_then(|p| {
        let globals = [("obj", value("obj")), ("event", value("event"))];
        p.run(&globals, libraries, &Names(BTreeMap::new()), &Budget::default()).map_err(|e| ("eval", e.message))
    });
    match (got, case.get("out").and_then(Json::as_array)) {
        (Ok(values), Some(expected)) => {
            let (ours, expected): (Json, Json) = (values.iter().map(shown).collect(), expected.iter().map(bare).collect());
            if close(&ours, &expected) { Outcome::Pass } else { Outcome::Fail(format!("gave {ours}, expected {expected}")) }
        }
        (got, _) => judge_json(case, got.map(|v| v.iter().map(shown).collect())),
    }
}

/// An event as Events hands it to scripts: nulls and lists within lists are left out of lists.
fn handed_over(value: Value) -> Value {
    match value {
        Value::List(list) => {
            let kept = list.iter().filter(|v| !matches!(v, Value::Nil | Value::List(_)));
            Value::List(kept.cloned().map(handed_over).collect())
        }
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), handed_over(v.clone())))),
        other => other,
    }
}

pub(super) fn golden_lua(file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let data = text(case, "/in/event/data");
    let got = (|| {
        if data.is_empty() {
            return Ok(json!(""));
        }
        if file.ends_with("luafilter") && text(case, "/in/script").is_empty() {
            return Ok(json!(true));
        }
        let event = handed_over(json::decode(data)?);
        if !matches!(event, Value::Map(_) | Value::Nil) {
            return Err("json: cannot unmarshal into Go value of type map[string]interface {}".to_owned());
        }
        if data.trim() == "null" {
            return Ok(if file.ends_with("luatransform") { json!("{}") } else { json!(true) });
        }
        let program = Program::parse(text(case, "/in/script")).map_err(|e| e.message)?;
        let out = program.run(&[("event", event)], Libraries::Open, &Names(BTreeMap::new()), &Budget::default()).map_err(|e| e.message)?;
        let first = out.first().cloned().unwrap_or_default();
        if file.ends_with("luafilter") {
            return Ok(json!(first == Value::Bool(true)));
        }
        match first {
            Value::Map(_) | Value::List(_) => first.to_json_text().map(Json::from),
            _ => Err("transformation script output type is not of lua table".to_owned()),
        }
    })();
    golden(case, got)
}
