//! JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

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

/// The patch that turns `from` into `to`; an empty map where nothing changes.
#[must_use]
pub fn create(from: &Value, to: &Value) -> Value {
    let (Value::Object(a), Value::Object(b)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for (key, value) in b {
        match a.get(key) {
            Some(old) if old == value => {}
            Some(old) if old.is_object() && value.is_object() => {
                patch.insert(key.clone(), create(old, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in a.keys().filter(|key| !b.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn create_is_the_inverse_of_apply() {
        let (from, to) = (json!({"a": {"b": 1, "c": [1]}, "d": 2}), json!({"a": {"b": 2, "e": {}}, "f": "x"}));
        let mut patched = from.clone();
        super::apply(&mut patched, &super::create(&from, &to));
        assert_eq!(patched, to);
    }
}
