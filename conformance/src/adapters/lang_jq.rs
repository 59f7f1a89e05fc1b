//! jq.

use std::collections::BTreeMap;

use argo_lang::jq::Program;
use argo_lang::{Budget, Fault, Value, go::json};
use serde_json::Value as Json;

use super::lang::{Names, side, text};
use super::lang_govaluate::{close, golden};
use crate::{Ctx, Outcome};

pub(super) fn jq(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let doc = match text(case, "/in/doc") {
        "main" => match side(ctx, "lang/jq.docs.json") {
            Ok(docs) => docs.get("main").cloned().map(|d| d.to_string()).unwrap_or_else(|| docs.to_string()),
            Err(error) => return Outcome::Fail(error),
        },
        doc => doc.to_owned(),
    };
    let doc = match json::decode(&doc) {
        Ok(doc) => doc,
        Err(error) => return Outcome::Fail(error),
    };
    let class = text(case, "/error_class");
    let program = match Program::parse(text(case, "/in/program")) {
        Ok(program) => program,
        Err(error) => {
            let ours = if error.fault == Fault::Syntax { "parse" } else { "compile" };
            return if ours == class || class == "panic" {
                Outcome::Pass
            } else {
                Outcome::Fail(format!("{ours} error: {error}; expected {case}"))
            };
        }
    };
    let mut values = Vec::new();
    let run = program.run_each(&doc, &Names(BTreeMap::new()), &Budget::default(), &mut |value| values.push(value));
    match run {
        Err(_) if matches!(class, "eval" | "panic" | "hang") => {
            let before = case
                .pointer("/in/emitted_before_error")
                .map_or(0, |n| n.as_array().map_or_else(|| n.as_u64().map_or(0, |n| usize::try_from(n).unwrap_or(0)), Vec::len));
            if before == values.len() || class != "eval" {
                Outcome::Pass
            } else {
                Outcome::Fail(format!("{} outputs before the error, expected {before}", values.len()))
            }
        }
        Err(error) => Outcome::Fail(format!("failed: {error}; expected {}", case.get("out").unwrap_or(&Json::Null))),
        Ok(()) if case.get("error").is_some() => Outcome::Fail(format!("gave {values:?}, expected the error {}", case["error"])),
        Ok(()) => {
            let shown = |v: &Value| v.to_json_text().unwrap_or_else(|_| v.to_string());
            let expected: Vec<&str> = case.get("out").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
            // Numbers are compared as gojq writes them.
            let ours: Vec<String> = values.iter().map(argo_lang::jq::text).collect();
            if ours == expected {
                Outcome::Pass
            } else {
                Outcome::Fail(format!("gave {:?}, expected {expected:?}", values.iter().map(shown).collect::<Vec<_>>()))
            }
        }
    }
}

pub(super) fn golden_jq(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let data = text(case, "/in/event/data");
    let got = (|| {
        let doc = json::decode(data)?;
        let program = Program::parse(text(case, "/in/jq")).map_err(|e| e.to_string())?;
        let out = program.run(&doc, &Names(BTreeMap::new()), &Budget::default()).map_err(|e| e.to_string())?;
        // What an event becomes must be an object, and the first output counts.
        match out.first() {
            Some(value) if matches!(value, Value::Map(_)) || doc == Value::Nil => {
                serde_json::from_str(&value.to_json_text()?).map_err(|e| e.to_string())
            }
            Some(_) => Err("jq transformation output must be a JSON object".to_owned()),
            None => Err("no output".to_owned()),
        }
    })();
    match (got, case.pointer("/out/result").and_then(Json::as_str)) {
        (Ok(ours), Some(expected)) => match serde_json::from_str::<Json>(expected) {
            Ok(expected) if close(&ours, &expected) => Outcome::Pass,
            _ => Outcome::Fail(format!("gave {ours}, expected {expected}")),
        },
        (got, _) => golden(case, got),
    }
}
