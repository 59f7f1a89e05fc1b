//! The languages of manifests, against recordings of the reference libraries.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_lang::{Value, depends, expr, when};
use serde_json::Value as Json;

use crate::{Ctx, Outcome};

/// A tagged value of the recordings; none where it is of a kind that we have no value for.
fn tagged(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::String(s) => Value::from(s.as_str()),
        Json::Object(map) => {
            let (tag, inner) = map.iter().next()?;
            match tag.as_str() {
                "int" => Value::Int(inner.as_i64()?),
                "float" => Value::Float(match inner.as_str() {
                    Some("NaN") => f64::NAN,
                    Some("+Inf") => f64::INFINITY,
                    Some("-Inf") => f64::NEG_INFINITY,
                    Some("-0") => -0.0,
                    _ => inner.as_f64()?,
                }),
                "list" => inner.as_array()?.iter().map(tagged).collect::<Option<Vec<_>>>()?.into(),
                "map" => Value::Map(Arc::new(
                    inner.as_object()?.iter().map(|(k, v)| Some((k.as_str().into(), tagged(v)?))).collect::<Option<BTreeMap<_, _>>>()?,
                )),
                _ => return None,
            }
        }
        Json::Number(_) | Json::Array(_) => return None,
    })
}

/// Equal, and of the same kind: 1 and 1.0 are not the same here.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => x == y || (x.is_nan() && y.is_nan()),
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        (Value::List(x), Value::List(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| same(x, y)),
        (Value::Map(x), Value::Map(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|((k, x), (l, y))| k == l && same(x, y)),
        (a, b) => a == b,
    }
}

fn judge(case: &Json, got: Result<Value, String>) -> Outcome {
    match (case.get("error"), got) {
        (Some(_), Err(_)) => Outcome::Pass,
        (Some(error), Ok(value)) => Outcome::Fail(format!("gave {value}, expected the error {error}")),
        (None, Err(error)) => Outcome::Fail(format!("failed: {error}; expected {}", case.get("out").unwrap_or(&Json::Null))),
        (None, Ok(value)) => match tagged(case.get("out").unwrap_or(&Json::Null)) {
            None => Outcome::Fail(format!("gave {value}, expected {}", case.get("out").unwrap_or(&Json::Null))),
            Some(expected) if same(&expected, &value) => Outcome::Pass,
            Some(expected) => Outcome::Fail(format!("gave {value:?}, expected {expected:?}")),
        },
    }
}

fn source(case: &Json) -> &str {
    case.pointer("/in/expr").and_then(Json::as_str).unwrap_or_default()
}

pub(super) fn expr(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let env = match ctx.side_json("lang/expr.env.json") {
        Ok(env) => env,
        Err(error) => return Outcome::Fail(error.to_string()),
    };
    let values: BTreeMap<String, Value> = env
        .get("map")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), tagged(value)?)))
        .collect();
    let got = expr::Program::parse(source(case)).map_err(|e| e.to_string()).and_then(|p| p.run(&values).map_err(|e| e.to_string()));
    judge(case, got)
}

pub(super) fn govaluate(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    if case.pointer("/in/mode").and_then(Json::as_str) != Some("argo") {
        return Outcome::Skip("the language with parameters and functions is not built".to_owned());
    }
    let got = when::evaluate(source(case)).map_err(|e| e.to_string());
    judge(case, got)
}

/// Reads the `depends` texts of every DAG task in the examples: none may be refused.
pub(super) fn depends_texts(manifest: &Json) -> Result<(), String> {
    match manifest {
        Json::Object(map) => {
            if let Some(text) = map.get("depends").and_then(Json::as_str) {
                depends::Logic::parse(text).map_err(|e| e.render(text))?;
            }
            map.values().try_for_each(depends_texts)
        }
        Json::Array(list) => list.iter().try_for_each(depends_texts),
        _ => Ok(()),
    }
}
