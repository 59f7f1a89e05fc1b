//! Looking into values, and changing them at paths.

use std::sync::Arc;

use super::ops::{MOST_LIST, compare, kind, shown, text};
use crate::Value;
use crate::sprig::args::go_truncate;

/// Deepest path.
const MOST_DEPTH: usize = 400;

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Float(n) if !n.is_nan() => Some(go_truncate(n.floor())),
        _ => None,
    }
}

/// The place of an index in a list of a length.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index.checked_add(length)? } else { index }).ok()
}

fn bounds(from: &Value, to: &Value, length: usize) -> Result<(usize, usize), String> {
    let top = i64::try_from(length).unwrap_or(i64::MAX);
    let at = |v: &Value, default: i64, up: bool| match v {
        Value::Nil => Ok(default),
        v => match v.as_f64() {
            Some(f) => {
                let n = go_truncate(if up { f.ceil() } else { f.floor() });
                let n = if f.is_infinite() { if f > 0.0 { top } else { 0 } } else { n };
                Ok(if n < 0 { n.saturating_add(top) } else { n }.clamp(0, top))
            }
            None => Err(format!("expected a number for slice index but got: {}", shown(v))),
        },
    };
    let start = at(from, 0, false)?;
    let end = at(to, top, true)?.max(start);
    Ok((usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0)))
}

/// `value[key]`.
pub(super) fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Nil, Value::String(_) | Value::Int(_) | Value::Float(_) | Value::Nil) => Ok(Value::Nil),
        (Value::Map(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::List(list), key) if key.as_f64().is_some() => {
            Ok(whole(key).and_then(|n| place(n, list.len())).and_then(|i| list.get(i).cloned()).unwrap_or_default())
        }
        (Value::String(s), key) if key.as_f64().is_some() => {
            let count = s.chars().count();
            let found = whole(key).and_then(|n| place(n, count)).and_then(|i| s.chars().nth(i));
            Ok(found.map_or(Value::Nil, |c| c.to_string().into()))
        }
        (Value::List(list), Value::List(wanted)) => Ok(indices_of_list(list, wanted)),
        (Value::List(_) | Value::Nil | Value::String(_), Value::Map(map)) => match (map.get("start"), map.get("end")) {
            (None, None) => Err(format!("expected \"start\" or \"end\" for slice but got: {}", shown(key))),
            (from, to) => slice(value, from.unwrap_or(&Value::Nil), to.unwrap_or(&Value::Nil)),
        },
        (value, Value::String(_)) => Err(format!("expected an object but got: {}", shown(value))),
        (value, key) if key.as_f64().is_some() => Err(format!("expected an array but got: {}", shown(value))),
        (value, key) => Err(format!("cannot index {} with: {}", kind(value), shown(key))),
    }
}

/// `value[from:to]`.
pub(super) fn slice(value: &Value, from: &Value, to: &Value) -> Result<Value, String> {
    match value {
        Value::Nil => Ok(Value::Nil),
        Value::List(list) => {
            let (start, end) = bounds(from, to, list.len())?;
            Ok(Value::List(list.get(start..end).unwrap_or_default().into()))
        }
        Value::String(s) => {
            let (start, end) = bounds(from, to, s.chars().count())?;
            Ok(s.chars().skip(start).take(end - start).collect::<String>().into())
        }
        other => Err(format!("expected an array but got: {}", shown(other))),
    }
}

/// Where a list occurs in another.
pub(super) fn indices_of_list(list: &[Value], wanted: &[Value]) -> Value {
    if wanted.is_empty() {
        return Value::Nil;
    }
    let same = |at: &[Value]| at.iter().zip(wanted).all(|(a, b)| compare(a, b).is_eq());
    let found = list.windows(wanted.len()).enumerate().filter(|(_, w)| same(w));
    Value::List(found.map(|(i, _)| i.into()).collect())
}

/// `getpath(path)`.
pub(super) fn get(value: &Value, path: &[Value]) -> Result<Value, String> {
    let mut at = value.clone();
    for key in path {
        if matches!(at, Value::Nil) {
            return Ok(Value::Nil);
        }
        at = index(&at, key)?;
    }
    Ok(at)
}

/// `setpath(path; new)`.
pub(super) fn set(value: &Value, path: &[Value], new: &Value, depth: usize) -> Result<Value, String> {
    let Some((key, rest)) = path.split_first() else { return Ok(new.clone()) };
    if depth > MOST_DEPTH {
        return Err("the path is too deep".to_owned());
    }
    match (value, key) {
        (Value::Nil | Value::Map(_), Value::String(key)) => {
            let mut map = if let Value::Map(map) = value { map.as_ref().clone() } else { Default::default() };
            let old = map.get(key).cloned().unwrap_or_default();
            map.insert(key.clone(), set(&old, rest, new, depth + 1)?);
            Ok(Value::Map(Arc::new(map)))
        }
        (Value::Nil | Value::List(_), key) if key.as_f64().is_some() => {
            let mut list = if let Value::List(list) = value { list.to_vec() } else { Vec::new() };
            let n = whole(key).ok_or("array index is not a number")?;
            let Some(at) = place(n, list.len()) else {
                return Err("array index should not be negative".to_owned());
            };
            if at > MOST_LIST {
                return Err(format!("array index too large: {n}"));
            }
            if at >= list.len() {
                list.resize(at + 1, Value::Nil);
            }
            if let Some(slot) = list.get_mut(at) {
                *slot = set(slot, rest, new, depth + 1)?;
            }
            Ok(list.into())
        }
        (Value::Nil | Value::List(_), Value::Map(range)) => {
            let list = if let Value::List(list) = value { list.to_vec() } else { Vec::new() };
            let nil = Value::Nil;
            let (start, end) = bounds(range.get("start").unwrap_or(&nil), range.get("end").unwrap_or(&nil), list.len())?;
            let old = if matches!(value, Value::Nil) { Value::Nil } else { Value::List(list.get(start..end).unwrap_or_default().into()) };
            match set(&old, rest, new, depth + 1)? {
                Value::List(new) => {
                    let (before, after) = (list.get(..start).unwrap_or_default(), list.get(end..).unwrap_or_default());
                    Ok(Value::List(before.iter().chain(new.iter()).chain(after).cloned().collect()))
                }
                other => Err(format!("expected an array but got: {}", shown(&other))),
            }
        }
        (value, Value::String(_)) => Err(format!("expected an object but got: {}", shown(value))),
        (value, key) if key.as_f64().is_some() => Err(format!("expected an array but got: {}", shown(value))),
        (value, key) => Err(format!("cannot index {} with: {}", kind(value), shown(key))),
    }
}

/// `delpaths(paths)`: the last ones first, so that indexes stay what they were.
pub(super) fn delete(value: &Value, paths: &[Value]) -> Result<Value, String> {
    let mut sorted: Vec<&Value> = paths.iter().collect();
    sorted.sort_by(|a, b| compare(b, a));
    sorted.dedup_by(|a, b| compare(a, b).is_eq());
    let mut out = value.clone();
    for path in sorted {
        let Value::List(keys) = path else { return Err(format!("expected an array for path but got: {}", shown(path))) };
        out = remove(&out, keys, 0)
            .map_err(|e| format!("delpaths({}) cannot be applied to {}: {e}", text(&paths.to_vec().into()), text(value)))?;
    }
    Ok(out)
}

fn remove(value: &Value, path: &[Value], depth: usize) -> Result<Value, String> {
    let Some((key, rest)) = path.split_first() else { return Ok(Value::Nil) };
    if matches!(value, Value::Nil) {
        return Ok(Value::Nil);
    }
    if depth > MOST_DEPTH {
        return Err("the path is too deep".to_owned());
    }
    if !rest.is_empty() {
        let old = index(value, key)?;
        if matches!(old, Value::Nil) {
            return Ok(value.clone());
        }
        let new = remove(&old, rest, depth + 1)?;
        return set(value, std::slice::from_ref(key), &new, 0);
    }
    match (value, key) {
        (Value::Map(map), Value::String(key)) => {
            let mut map = map.as_ref().clone();
            map.remove(key);
            Ok(Value::Map(Arc::new(map)))
        }
        (Value::List(list), key) if key.as_f64().is_some() => {
            let mut list = list.to_vec();
            if let Some(at) = whole(key).and_then(|n| place(n, list.len())).filter(|at| *at < list.len()) {
                list.remove(at);
            }
            Ok(list.into())
        }
        (Value::List(list), Value::Map(range)) => {
            let nil = Value::Nil;
            let (start, end) = bounds(range.get("start").unwrap_or(&nil), range.get("end").unwrap_or(&nil), list.len())?;
            let (before, after) = (list.get(..start).unwrap_or_default(), list.get(end..).unwrap_or_default());
            Ok(Value::List(before.iter().chain(after).cloned().collect()))
        }
        (value, Value::String(_)) => Err(format!("expected an object but got: {}", shown(value))),
        (value, key) if key.as_f64().is_some() => Err(format!("expected an array but got: {}", shown(value))),
        (value, key) => Err(format!("cannot delete {} of {}", shown(key), kind(value))),
    }
}
