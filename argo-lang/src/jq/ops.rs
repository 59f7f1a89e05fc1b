//! Order, arithmetic, and how values are shown in messages.

use std::cmp::Ordering;

use super::ast::Op;
use crate::Value;
use crate::go::json;

/// Largest text that an operation makes.
pub(super) const MOST_TEXT: usize = 20_000_000;
/// Largest list that an operation makes.
pub(super) const MOST_LIST: usize = 5_000_000;

/// JSON as gojq writes it: without escapes of HTML, NaN as null, the infinities as the largest numbers.
pub(super) fn text(value: &Value) -> String {
    fn clean(value: &Value) -> Value {
        match value {
            Value::Float(n) if n.is_nan() => Value::Nil,
            Value::Float(n) if n.is_infinite() => Value::Float(if *n > 0.0 { f64::MAX } else { f64::MIN }),
            Value::List(list) => Value::List(list.iter().map(clean).collect()),
            Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), clean(v)))),
            other => other.clone(),
        }
    }
    json::encode(&clean(value), false).unwrap_or_default()
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        _ => "null",
    }
}

/// A value with its kind, cut short, for messages.
pub(super) fn shown(value: &Value) -> String {
    if matches!(value, Value::Nil) {
        return "null".to_owned();
    }
    let whole = text(value);
    if whole.chars().count() <= 30 {
        return format!("{} ({whole})", kind(value));
    }
    let tail = match value {
        Value::String(_) => " ...\"",
        Value::List(_) => " ...]",
        Value::Map(_) => " ...}",
        _ => " ...",
    };
    let cut: String = whole.chars().take(30 - tail.len()).collect();
    format!("{} ({cut}{tail})", kind(value))
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::Int(_) | Value::Float(_) => 3,
        Value::String(_) => 4,
        Value::List(_) => 5,
        Value::Map(_) => 6,
        _ => 0,
    }
}

/// The order of all values: null, false, true, numbers, texts, lists, objects (by keys, then values). NaN is before all numbers.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => x.cmp(y),
        (Value::String(x), Value::String(y)) => x.cmp(y),
        (Value::List(x), Value::List(y)) => {
            let found = x.iter().zip(y.iter()).map(|(x, y)| compare(x, y)).find(|o| o.is_ne());
            found.unwrap_or_else(|| x.len().cmp(&y.len()))
        }
        (Value::Map(x), Value::Map(y)) => {
            let keys = x.keys().cmp(y.keys());
            keys.then_with(|| x.values().zip(y.values()).map(|(x, y)| compare(x, y)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal))
        }
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => {
                if x.is_nan() {
                    Ordering::Less
                } else if y.is_nan() {
                    Ordering::Greater
                } else {
                    x.partial_cmp(&y).unwrap_or(Ordering::Equal)
                }
            }
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

pub(super) fn truth(value: &Value) -> bool {
    !matches!(value, Value::Nil | Value::Bool(false))
}

/// An operator on two values.
pub(super) fn apply(op: Op, a: &Value, b: &Value) -> Result<Value, String> {
    let order = || compare(a, b);
    match op {
        Op::Equal => Ok(order().is_eq().into()),
        Op::NotEqual => Ok(order().is_ne().into()),
        Op::Less => Ok(order().is_lt().into()),
        Op::LessEqual => Ok(order().is_le().into()),
        Op::Greater => Ok(order().is_gt().into()),
        Op::GreaterEqual => Ok(order().is_ge().into()),
        Op::Add => add(a, b),
        Op::Subtract => subtract(a, b),
        Op::Multiply => multiply(a, b),
        Op::Divide => divide(a, b),
        Op::Modulo => modulo(a, b),
    }
}

fn misfit(verb: &str, a: &Value, b: &Value, between: &str) -> String {
    format!("cannot {verb}: {} {between} {}", shown(a), shown(b))
}

pub(super) fn add(a: &Value, b: &Value) -> Result<Value, String> {
    match (a, b) {
        (Value::Nil, other) | (other, Value::Nil) => Ok(other.clone()),
        (Value::Int(x), Value::Int(y)) if x.checked_add(*y).is_some() => Ok(Value::Int(x.wrapping_add(*y))),
        (Value::String(x), Value::String(y)) => {
            if x.len().saturating_add(y.len()) > MOST_TEXT {
                Err("the text is too large".to_owned())
            } else {
                Ok(format!("{x}{y}").into())
            }
        }
        (Value::List(x), Value::List(y)) => {
            if x.len().saturating_add(y.len()) > MOST_LIST {
                return Err("the array is too large".to_owned());
            }
            Ok(Value::List(x.iter().chain(y.iter()).cloned().collect()))
        }
        (Value::Map(x), Value::Map(y)) => {
            let mut out = x.as_ref().clone();
            out.extend(y.iter().map(|(k, v)| (k.clone(), v.clone())));
            Ok(Value::Map(out.into()))
        }
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => Ok(Value::Float(x + y)),
            _ => Err(misfit("add", a, b, "and")),
        },
    }
}

fn subtract(a: &Value, b: &Value) -> Result<Value, String> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) if x.checked_sub(*y).is_some() => Ok(Value::Int(x.wrapping_sub(*y))),
        (Value::List(x), Value::List(y)) => {
            if x.len().saturating_mul(y.len()) > 50_000_000 {
                return Err("the arrays are too large to subtract".to_owned());
            }
            Ok(Value::List(x.iter().filter(|v| !y.iter().any(|w| compare(v, w).is_eq())).cloned().collect()))
        }
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => Ok(Value::Float(x - y)),
            _ => Err(misfit("subtract", a, b, "and")),
        },
    }
}

fn multiply(a: &Value, b: &Value) -> Result<Value, String> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) if x.checked_mul(*y).is_some() => Ok(Value::Int(x.wrapping_mul(*y))),
        (Value::Map(x), Value::Map(y)) => merge(x, y, 0).map(|m| Value::Map(m.into())),
        (Value::String(s), n) | (n, Value::String(s)) if n.as_f64().is_some() => {
            let times = n.as_f64().unwrap_or(0.0);
            if times.is_nan() || times < 0.0 {
                return Ok(Value::Nil);
            }
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            if times * s.len() as f64 > MOST_TEXT as f64 {
                Err(format!("repeat string result too large: {} * {}", text(&Value::String(s.clone())), text(n)))
            } else {
                Ok(s.repeat(times as usize).into())
            }
        }
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => Ok(Value::Float(x * y)),
            _ => Err(misfit("multiply", a, b, "and")),
        },
    }
}

type Object = std::collections::BTreeMap<std::sync::Arc<str>, Value>;

fn merge(a: &Object, b: &Object, depth: usize) -> Result<Object, String> {
    if depth > 400 {
        return Err("objects are nested too deeply".to_owned());
    }
    let mut out = a.clone();
    for (key, value) in b {
        let merged = match (out.get(key), value) {
            (Some(Value::Map(x)), Value::Map(y)) => Value::Map(merge(x, y, depth + 1)?.into()),
            _ => value.clone(),
        };
        out.insert(key.clone(), merged);
    }
    Ok(out)
}

fn divide(a: &Value, b: &Value) -> Result<Value, String> {
    match (a, b) {
        (Value::String(x), Value::String(y)) => Ok(split(x, y)),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(_), Some(0.0)) => Err(misfit("divide", a, b, "by:")),
            (Some(x), Some(y)) => match (a, b) {
                (Value::Int(x), Value::Int(y)) if x.checked_rem(*y) == Some(0) => Ok(Value::Int(x.wrapping_div(*y))),
                _ => Ok(Value::Float(x / y)),
            },
            _ => Err(misfit("divide", a, b, "by:")),
        },
    }
}

pub(super) fn split(text: &str, by: &str) -> Value {
    if text.is_empty() {
        return Vec::new().into();
    }
    if by.is_empty() {
        return Value::List(text.chars().map(|c| c.to_string().into()).collect());
    }
    Value::List(text.split(by).map(Value::from).collect())
}

fn modulo(a: &Value, b: &Value) -> Result<Value, String> {
    use crate::sprig::args::go_truncate;
    let whole = |v: &Value| match v {
        Value::Int(n) => Some(*n),
        Value::Float(n) if n.is_infinite() => Some(if *n > 0.0 { i64::MAX } else { i64::MIN }),
        Value::Float(n) if !n.is_nan() => Some(go_truncate(*n)),
        _ => None,
    };
    if a.as_f64().is_some_and(f64::is_nan) || b.as_f64().is_some_and(f64::is_nan) {
        return Ok(Value::Float(f64::NAN));
    }
    match (whole(a), whole(b)) {
        (Some(_), Some(0)) => Err(misfit("modulo", a, b, "by:")),
        (Some(x), Some(y)) => {
            // The divisor's sign does not count.
            let rest = x.unsigned_abs() % y.unsigned_abs();
            let rest = i64::try_from(rest).unwrap_or(0);
            Ok(Value::Int(if x < 0 { -rest } else { rest }))
        }
        _ => Err(misfit("modulo", a, b, "by:")),
    }
}
