//! The languages of manifests, against recordings of the reference libraries.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_lang::{Budget, Env, Function, Object, Value, depends, expr};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::{Ctx, Outcome};

/// What a program gave: a value, or the class and text of an error.
pub(super) type Got = Result<Value, (&'static str, String)>;

/// A tagged value of the recordings; none where it is of a kind that we have no value for.
pub(super) fn tagged(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::String(s) => Value::from(s.as_str()),
        Json::Object(map) => {
            let (tag, inner) = map.iter().next()?;
            match tag.as_str() {
                "int" | "uint" => Value::Int(inner.as_i64()?),
                "float" => Value::Float(match inner.as_str() {
                    Some("NaN") => f64::NAN,
                    Some("+Inf") => f64::INFINITY,
                    Some("-Inf") => f64::NEG_INFINITY,
                    Some("-0") => -0.0,
                    _ => inner.as_f64()?,
                }),
                "list" => {
                    inner.as_array().map(|l| l.iter().map(tagged).collect::<Option<Vec<_>>>()).unwrap_or_else(|| Some(Vec::new()))?.into()
                }
                "map" => Value::Map(Arc::new(
                    inner.as_object()?.iter().map(|(k, v)| Some((k.as_str().into(), tagged(v)?))).collect::<Option<BTreeMap<_, _>>>()?,
                )),
                "pairs" => Value::Pairs(
                    inner
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|pair| Some((tagged(pair.get(0)?)?, tagged(pair.get(1)?)?)))
                        .collect::<Option<Vec<_>>>()?
                        .into(),
                ),
                "duration" => Value::Duration(map.get("ns")?.as_i64()?),
                "time" => argo_lang::go::time::parse(argo_lang::go::time::RFC3339_NANO, inner.as_str()?, &TimeZone::UTC).ok()?.into(),
                "go" if inner.as_str() == Some("func") => Value::from(Function::new("func", |_, _| Ok(Value::Nil))),
                "go" => Value::Object(Arc::new(Opaque {
                    kind: inner.as_str()?.to_owned(),
                    text: map.get("str").and_then(Json::as_str).unwrap_or_default().to_owned(),
                })),
                _ => return None,
            }
        }
        Json::Number(_) | Json::Array(_) => return None,
    })
}

/// A value of a Go type of the recorder's own.
#[derive(Debug)]
struct Opaque {
    kind: String,
    text: String,
}

impl Object for Opaque {
    fn type_name(&self) -> &str {
        &self.kind
    }

    fn text(&self) -> String {
        self.text.clone()
    }
}

/// Equal, and of the same kind: 1 and 1.0 are not the same here.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => x == y || (x.is_nan() && y.is_nan()),
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        (Value::List(x), Value::List(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| same(x, y)),
        (Value::Map(x), Value::Map(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|((k, x), (l, y))| k == l && same(x, y)),
        (Value::Pairs(x), Value::Pairs(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.iter().any(|(l, w)| same(k, l) && same(v, w))),
        (Value::Time(x), Value::Time(y)) => argo_lang::go::time::rfc3339(x) == argo_lang::go::time::rfc3339(y),
        (Value::Function(_), Value::Function(_)) => true,
        (a, b) => a == b,
    }
}

/// Compares what came with what the case expects: values by kind, errors by class.
pub(super) fn judge(case: &Json, got: Got) -> Outcome {
    let class = case.get("error_class").and_then(Json::as_str).unwrap_or_default();
    match (case.get("error"), got) {
        (Some(error), Err((ours, text))) => {
            // Where the reference panics or hangs, any error is the answer.
            if ours == class || matches!(class, "panic" | "hang" | "") {
                Outcome::Pass
            } else {
                Outcome::Fail(format!("{ours} error {text:?}, expected a {class} error: {error}"))
            }
        }
        (Some(error), Ok(value)) => Outcome::Fail(format!("gave {value}, expected the {class} error {error}")),
        (None, Err((class, error))) => {
            Outcome::Fail(format!("{class} error: {error}; expected {}", case.get("out").unwrap_or(&Json::Null)))
        }
        (None, Ok(value)) => match tagged(case.get("out").unwrap_or(&Json::Null)) {
            None => Outcome::Fail(format!("gave {value}, expected {}", case.get("out").unwrap_or(&Json::Null))),
            Some(expected) if same(&expected, &value) => Outcome::Pass,
            Some(expected) => Outcome::Fail(format!("gave {value:?}, expected {expected:?}")),
        },
    }
}

pub(super) fn text<'a>(case: &'a Json, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// Side files are read once a run.
pub(super) fn side(ctx: &Ctx, name: &str) -> Result<Arc<Json>, String> {
    use std::sync::Mutex;
    static READ: Mutex<BTreeMap<String, Arc<Json>>> = Mutex::new(BTreeMap::new());
    let key = ctx.root().join(name).display().to_string();
    let mut read = READ.lock().map_err(|e| e.to_string())?;
    if let Some(found) = read.get(&key) {
        return Ok(found.clone());
    }
    let json = Arc::new(ctx.side_json(name).map_err(|e| e.to_string())?);
    read.insert(key, json.clone());
    Ok(json)
}

/// An environment of values, with a fixed time and no real randomness.
pub(super) struct Names(pub(super) BTreeMap<String, Value>);

impl Env for Names {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn now(&self) -> Option<Timestamp> {
        Timestamp::from_second(1_700_000_000).ok()
    }

    fn random(&self, buffer: &mut [u8]) -> bool {
        buffer.iter_mut().zip((7_u8..=251).cycle()).for_each(|(b, n)| *b = n);
        true
    }
}

pub(super) fn names(json: &Json) -> Names {
    let map = json.as_object().into_iter().flatten();
    Names(map.filter_map(|(name, value)| Some((name.clone(), tagged(value)?))).collect())
}

pub(super) fn expr(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let env = match side(ctx, "lang/expr.env.json") {
        Ok(env) => names(env.get("map").unwrap_or(&Json::Null)),
        Err(error) => return Outcome::Fail(error),
    };
    let got = (|| {
        let program = expr::Program::parse(text(case, "/in/expr")).map_err(|e| ("parse", e.to_string()))?;
        program.check_env(&env).map_err(|e| ("type", e.to_string()))?;
        program.run(&env, &Budget::default()).map_err(|e| ("eval", e.to_string()))
    })();
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
