//! Where events use languages directly: filters of event sources, expression filters, names with wildcards.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_lang::{Budget, Value, expr, gjson, glob, go::json, govaluate, tags};
use serde_json::{Value as Json, json};

use super::lang::text;
use super::lang_govaluate::golden;
use crate::{Ctx, Outcome};

pub(super) fn golden_glob(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let pattern = glob::Pattern::parse(text(case, "/in/pattern"), &[]).map_err(|e| e.message);
    golden(case, pattern.map(|p| p.matches(text(case, "/in/raw")).into()))
}

/// An expression over the members of a JSON object, which must be true or false; what is missing is nil.
fn holds(expression: &str, object: &Value) -> Result<bool, String> {
    let map = match object {
        Value::Map(map) => map.clone(),
        Value::Nil => Arc::default(),
        _ => return Err("the data is no object".to_owned()),
    };
    // Keys with dots are members of members, as the reference expands them.
    let entries: Vec<(&str, &Value)> = map.iter().map(|(k, v)| (k.as_ref(), v)).collect();
    let nested = tags::nest(&entries);
    let env = |name: &str| match &nested {
        Value::Map(map) if name != "sprig" => Some(map.get(name).cloned().unwrap_or_default()),
        _ => None,
    };
    let program = expr::Program::parse(expression).map_err(|e| e.message)?;
    match program.run(&env, &Budget::default()).map_err(|e| e.message)? {
        Value::Bool(holds) => Ok(holds),
        other => Err(format!("unable to cast expression result '{other}' to bool")),
    }
}

/// `filter.expression` of event sources.
pub(super) fn source_filter(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let input = case.get("oracle_input").or_else(|| case.get("in")).unwrap_or(&Json::Null);
    let case = json!({"out": case.get("golden").or_else(|| case.get("out"))});
    let got = json::decode(text(input, "/json")).and_then(|object| holds(text(input, "/expr"), &object));
    golden(&case, got.map(Json::from))
}

/// `exprs` of a sensor's dependency: values that paths find are the parameters of an expression. One without fields is passed over.
pub(super) fn expressions(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let data = text(case, "/in/event/data");
    let list = |value: &Json, key: &str| value.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut errors = Vec::new();
    let or = text(case, "/in/operator") == "or";
    let mut held_all: Vec<bool> = Vec::new();
    for one in list(case.get("in").unwrap_or(&Json::Null), "exprs") {
        if list(&one, "fields").is_empty() {
            continue;
        }
        let held = (|| {
            let mut parameters = BTreeMap::new();
            for field in list(&one, "fields") {
                let found = gjson::get(data, text(&field, "/path"), &Budget::default()).map_err(|e| e.message)?;
                if !found.exists() {
                    return Err(format!("path {} does not exist", text(&field, "/path")));
                }
                parameters.insert(text(&field, "/name").to_owned(), found.value());
            }
            let program = govaluate::Program::parse(text(&one, "/expr"), &|_: &str| None).map_err(|e| e.message)?;
            Ok(program.run(&parameters, &Budget::default()).map_err(|e| e.message)? == Value::Bool(true))
        })();
        match held {
            Ok(held) => held_all.push(held),
            Err(error) => errors.push(error),
        }
    }
    let holds = if or { held_all.contains(&true) } else { !held_all.contains(&false) };
    golden(case, if errors.is_empty() || (or && holds) { Ok(holds.into()) } else { Err(errors.join("; ")) })
}
