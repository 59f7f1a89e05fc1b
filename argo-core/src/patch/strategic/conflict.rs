//! Whether two patches of one document contradict each other.

use serde_json::Value;

use super::lists::{self, Elements, key_of, sort_scalars};
use super::{DIRECTIVE, Object, RETAIN_KEYS, StrategicError, lookup, merge_key};
use crate::describe::{Merge, Shape, Strategy};

pub(super) fn maps(left: &Object, right: &Object, shape: Shape) -> Result<bool, StrategicError> {
    for (name, value) in left.iter().filter(|(name, _)| *name != DIRECTIVE && *name != RETAIN_KEYS) {
        let Some(other) = right.get(name) else { continue };
        let (inner, merge) = match value {
            Value::Array(_) | Value::Object(_) => lookup(shape, name)?,
            _ => (Shape::Any, Merge::default()),
        };
        if values(value, other, inner, merge)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn values(left: &Value, right: &Value, shape: Shape, merge: Merge) -> Result<bool, StrategicError> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            // A directive is about the whole map: it agrees only with itself.
            if left.get(DIRECTIVE) != right.get(DIRECTIVE) {
                return Ok(true);
            }
            if merge.strategy == Strategy::Replace { Ok(false) } else { maps(left, right, shape) }
        }
        (Value::Array(left), Value::Array(right)) => both_lists(left, right, shape, merge),
        (left, right) => Ok(left != right),
    }
}

fn both_lists(left: &[Value], right: &[Value], shape: Shape, merge: Merge) -> Result<bool, StrategicError> {
    let kind = lists::elements(&[left, right])?;
    if let (Some(key), Some(Elements::Maps)) = (merge_key(merge), kind) {
        for element in left {
            let wanted = key_of(element, key)?;
            let Some(other) = right.iter().find(|other| other.get(key) == Some(wanted)) else { continue };
            if values(element, other, shape, Merge::default())? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if merge.strategy == Strategy::Set {
        // Plain values are added and removed one by one, so nothing contradicts.
        return Ok(false);
    }
    if left.len() != right.len() {
        return Ok(true);
    }
    let sorted = |list: &[Value]| match kind {
        Some(Elements::Scalars) => lists::deduplicate(sort_scalars(list.to_vec())),
        _ => list.to_vec(),
    };
    for (a, b) in sorted(left).iter().zip(&sorted(right)) {
        if values(a, b, shape, merge)? {
            return Ok(true);
        }
    }
    Ok(false)
}
