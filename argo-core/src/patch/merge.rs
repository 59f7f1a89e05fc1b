//! JSON merge patch (RFC 7386).

use serde_json::{Map, Number, Value};

/// Why a merge patch cannot be made or applied. The messages are those of the Go library that Kubernetes uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The document is null, or a plain value where a map must be.
    #[error("Invalid JSON Document")]
    Document,
    /// The patch is neither a map nor a list.
    #[error("Invalid JSON Patch")]
    Patch,
    /// One document is a list and the other is not.
    #[error("Mismatched JSON Documents")]
    Mismatch,
}

/// Changes `target` as the patch says: maps merge, `null` removes, everything else replaces.
///
/// ```
/// let mut object = serde_json::json!({"a": 1, "b": {"c": 2}});
/// argo_core::patch::merge::apply(&mut object, &serde_json::json!({"a": null, "b": {"d": 3}}));
/// assert_eq!(object, serde_json::json!({"b": {"c": 2, "d": 3}}));
/// ```
pub fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, change) in changes {
        if change.is_null() {
            map.remove(key);
        } else if let Some(value) = map.get_mut(key) {
            apply(value, change);
        } else {
            let mut value = Value::Null;
            apply(&mut value, change);
            map.insert(key.clone(), value);
        }
    }
}

/// As [`apply`], the way API servers do it: patch and document must be fit for it, and nulls inside lists of the patch are dropped from their maps.
///
/// # Errors
/// When the document is null, or the patch is neither a map nor a list.
pub fn apply_document(target: &mut Value, patch: &Value) -> Result<(), MergeError> {
    if target.is_null() {
        // A broken patch is told of first only where it is broken JSON, which a value cannot be.
        return Err(MergeError::Document);
    }
    match (&mut *target, patch) {
        (Value::Object(map), Value::Object(changes)) => merge_maps(map, changes),
        (_, Value::Object(_) | Value::Array(_)) => {
            *target = patch.clone();
            prune(target);
        }
        _ => return Err(MergeError::Patch),
    }
    Ok(())
}

fn merge_maps(map: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (key, change) in changes {
        if change.is_null() {
            map.remove(key);
            continue;
        }
        match (map.get_mut(key), change) {
            (Some(Value::Object(inner)), Value::Object(changes)) => merge_maps(inner, changes),
            (Some(old @ Value::Object(_)), _) => *old = change.clone(),
            _ => {
                let mut value = change.clone();
                prune(&mut value);
                map.insert(key.clone(), value);
            }
        }
    }
}

/// Drops nulls from maps, at any depth; those in lists stay.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(prune);
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}

/// The patch that turns `from` into `to`; an empty map where nothing changes. What is no map is replaced whole.
#[must_use]
pub fn create(from: &Value, to: &Value) -> Value {
    match (from, to) {
        (Value::Object(a), Value::Object(b)) => Value::Object(diff(a, b)),
        _ => to.clone(),
    }
}

/// As [`create`], the way API clients do it: lists of maps of equal length give a list of patches, null is an empty map, and numbers are floats.
///
/// # Errors
/// When the documents are not both maps, or both lists of as many maps.
pub fn create_document(from: &Value, to: &Value) -> Result<Value, MergeError> {
    let empty = Map::new();
    let patch = match (from, to) {
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Err(MergeError::Document);
            }
            let pairs = a.iter().zip(b).map(|(a, b)| Ok(Value::Object(diff(as_map(a, &empty)?, as_map(b, &empty)?))));
            Value::Array(pairs.collect::<Result<_, _>>()?)
        }
        (Value::Array(_), _) | (_, Value::Array(_)) => return Err(MergeError::Mismatch),
        _ => Value::Object(diff(as_map(from, &empty)?, as_map(to, &empty)?)),
    };
    Ok(plain_numbers(patch))
}

fn as_map<'v>(value: &'v Value, empty: &'v Map<String, Value>) -> Result<&'v Map<String, Value>, MergeError> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(empty),
        _ => Err(MergeError::Document),
    }
}

fn diff(a: &Map<String, Value>, b: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, value) in b {
        match (a.get(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let inner = diff(old, new);
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            (Some(old), _) if same(old, value) => {}
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in a.keys().filter(|key| !b.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

/// Whether two values are the same where every number is a float, as Go's JSON has them: 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        _ => a == b,
    }
}

/// Whole floats as whole numbers, as Go writes them.
fn plain_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(number)),
        Value::Array(list) => list.into_iter().map(plain_numbers).collect(),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, plain_numbers(value))).collect()),
        other => other,
    }
}

fn whole(number: Number) -> Number {
    match number.as_f64() {
        #[allow(clippy::cast_possible_truncation)]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => Number::from(float as i64),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn create_is_the_inverse_of_apply() {
        let (from, to) = (json!({"a": {"b": 1, "c": [1]}, "d": 2}), json!({"a": {"b": 2, "e": {}}, "f": "x"}));
        let mut patched = from.clone();
        apply(&mut patched, &create(&from, &to));
        assert_eq!(patched, to);
    }

    #[test]
    fn documents_are_checked() {
        assert_eq!(apply_document(&mut json!({}), &json!(5)), Err(MergeError::Patch));
        assert_eq!(apply_document(&mut json!(null), &json!({})), Err(MergeError::Document));
        assert_eq!(create_document(&json!([1]), &json!({})), Err(MergeError::Mismatch));
        let mut doc = json!({"a": 1});
        apply_document(&mut doc, &json!({"a": [{"b": null}, null]})).unwrap();
        assert_eq!(doc, json!({"a": [{}, null]}));
    }
}
