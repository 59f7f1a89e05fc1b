//! govaluate, fasttemplate.

use std::collections::BTreeMap;

use argo_lang::{Budget, Function, Value, fasttemplate, govaluate};
use serde_json::{Value as Json, json};

use super::lang::{Got, Names, judge, side, text};
use crate::{Ctx, Outcome};

/// Parameters and functions of the recorder.
fn parameters() -> Names {
    let number = |n: f64| Value::Float(n);
    Names(BTreeMap::from([
        ("i".to_owned(), number(42.0)),
        ("f".to_owned(), number(2.5)),
        ("s".to_owned(), "hello".into()),
        ("b".to_owned(), true.into()),
        ("a".to_owned(), Value::map([("c", number(1.0))])),
        ("my-param".to_owned(), "dashed".into()),
        ("status".to_owned(), "Succeeded".into()),
        ("heads".to_owned(), "heads".into()),
        ("null1".to_owned(), Value::Nil),
        ("lst".to_owned(), vec![number(1.0), number(2.0)].into()),
        ("pattern".to_owned(), "^h".into()),
        ("badpattern".to_owned(), "(".into()),
    ]))
}

fn functions() -> BTreeMap<String, Function> {
    let length = Function::new("len", |_, a| match a {
        #[allow(clippy::cast_precision_loss)]
        [Value::String(s)] => Ok(Value::Float(s.chars().count() as f64)),
        _ => Err("len wants a string".to_owned()),
    });
    let upper = Function::new("upper", |_, a| match a {
        [Value::String(s)] => Ok(s.to_uppercase().into()),
        _ => Err("upper wants a string".to_owned()),
    });
    let add = Function::new("add", |_, a| match a {
        [Value::Float(x), Value::Float(y)] => Ok(Value::Float(x + y)),
        [_, _] => Err("add wants numbers".to_owned()),
        other => Err(format!("add wants 2 arguments, got {}", other.len())),
    });
    #[allow(clippy::cast_precision_loss)]
    let noargs = Function::new("noargs", |_, a| Ok(Value::Float(a.len() as f64)));
    let fails = Function::new("fails", |_, _| Err("it failed".to_owned()));
    [length, upper, add, noargs, fails].into_iter().map(|f| (f.name().to_owned(), f)).collect()
}

pub(super) fn govaluate(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let full = text(case, "/in/mode") == "full";
    let (names, functions) = if full { (parameters(), functions()) } else { (Names(BTreeMap::new()), BTreeMap::new()) };
    let got: Got = govaluate::Program::parse(text(case, "/in/expr"), &functions)
        .map_err(|e| ("parse", e.to_string()))
        .and_then(|p| p.run(&names, &Budget::default()).map_err(|e| ("eval", e.to_string())));
    judge(case, got)
}

pub(super) fn golden_govaluate(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    let env: BTreeMap<String, Value> =
        case.pointer("/in/env").and_then(Json::as_object).into_iter().flatten().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
    let got = govaluate::Program::parse(text(case, "/in/expr"), &|_: &str| None)
        .map_err(|e| e.message)
        .and_then(|p| p.run(&env, &Budget::default()).map_err(|e| e.message))
        .map(|v| match v {
            Value::Float(n) if !n.is_finite() => json!(v.to_string()),
            v => v.to_json(),
        });
    golden(case, got)
}

/// Compares with `out.result` and `out.err` of a recording of Events.
pub(super) fn golden(case: &Json, got: Result<Json, String>) -> Outcome {
    let error = case.pointer("/out/err").filter(|e| !e.is_null());
    let result = case.pointer("/out/result").unwrap_or(&Json::Null);
    match (error, got) {
        (Some(_), Err(_)) => Outcome::Pass,
        (None, Ok(value)) if close(&value, result) => Outcome::Pass,
        (Some(error), Ok(value)) => Outcome::Fail(format!("gave {value}, expected the error {error}")),
        (None, Ok(value)) => Outcome::Fail(format!("gave {value}, expected {result}")),
        (None, Err(error)) => Outcome::Fail(format!("failed: {error}; expected {result}")),
    }
}

/// Equal, where 1 and 1.0 are the same.
pub(super) fn close(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| close(x, y)),
        (Json::Object(x), Json::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| close(v, w))),
        _ => a == b,
    }
}

pub(super) fn fasttemplate(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let values = match side(ctx, "lang/fasttemplate.values.json") {
        Ok(values) => values,
        Err(error) => return Outcome::Fail(error),
    };
    let value = |tag: &str| values.get(tag).and_then(Json::as_str).map(str::to_owned);
    let (source, start, end) = (text(case, "/in/text"), text(case, "/in/start"), text(case, "/in/end"));
    let mode = text(case, "/in/mode");
    let parsed = if mode.starts_with("free") {
        fasttemplate::Template::parse_lenient(source, start, end)
    } else {
        fasttemplate::Template::parse(source, start, end)
    };
    let got = parsed.map_err(|e| ("parse", e.to_string())).and_then(|t| {
        let filled = match mode {
            "execute" | "free" => t.execute(value, &Budget::default()),
            "execute_std" | "free_std" => t.execute_keeping(value, &Budget::default()),
            "strict" => t.execute_strict(value, &Budget::default()),
            "tags" => t.execute(|_| Some("<>".to_owned()), &Budget::default()),
            other => return Err(("eval", format!("unknown mode {other}"))),
        };
        let filled = filled.map_err(|e| ("eval", e.to_string()))?;
        let tags: Vec<&str> = t.tags().collect();
        let tags = if tags.is_empty() { Json::Null } else { json!(tags) };
        Ok(if mode == "tags" { json!({"tags": tags, "text": filled}) } else { json!(filled) })
    });
    judge_json(case, got)
}

/// As [`judge`], for plain JSON.
pub(super) fn judge_json(case: &Json, got: Result<Json, (&'static str, String)>) -> Outcome {
    match got {
        Err(error) => judge(case, Err(error)),
        Ok(value) if case.get("error").is_some() => Outcome::Fail(format!("gave {value}, expected the error {}", case["error"])),
        Ok(value) if case.get("out") == Some(&value) => Outcome::Pass,
        Ok(value) => Outcome::Fail(format!("gave {value}, expected {}", case.get("out").unwrap_or(&Json::Null))),
    }
}
