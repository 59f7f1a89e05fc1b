//! Strategic merge patch by the built-in types: which lists merge, and by which key.

use serde_json::{Map, Value};

use super::failure::{Cause, Failure, Named};
use super::types::{self, Code, Strategic};

/// Changes an object of a type as the patch says.
pub(crate) fn apply(target: &mut Value, patch: &Value, type_name: &'static str) -> Result<(), Failure> {
    let Value::Object(changes) = patch else { return Ok(()) };
    merge_map(target, changes, Some(type_name), patch)
}

fn fail(message: String) -> Failure {
    Failure::new(500, "", message, None)
}

/// A value as Go prints maps and such.
fn go(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let inner: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", go(v))).collect();
            format!("map[{}]", inner.join(" "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

fn directive(map: &Map<String, Value>) -> Option<&str> {
    map.get("$patch").and_then(Value::as_str)
}

fn merge_map(target: &mut Value, changes: &Map<String, Value>, type_name: Option<&'static str>, whole: &Value) -> Result<(), Failure> {
    match directive(changes) {
        Some("replace") => {
            let rest: Map<String, Value> =
                changes.iter().filter(|(k, _)| !k.starts_with('$')).map(|(k, v)| (k.clone(), v.clone())).collect();
            *target = Value::Object(rest);
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(fail(format!("unknown patch type: {other} in map: {}", go(&Value::Object(changes.clone()))))),
    }
    let map = super::json::map(target);
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|k| k.as_str() == Some(key)));
    }
    for (key, change) in changes {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(list), Some(gone)) = (map.get_mut(field).and_then(Value::as_array_mut), change.as_array()) {
                list.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        let field = type_name.and_then(types::find).and_then(|t| t.fields.get(key.as_str()));
        let inner = match field.map(|f| &f.code) {
            Some(Code::Type(name)) => Some(*name),
            _ => None,
        };
        match (change, field.map(|f| (&f.code, f.strategic))) {
            (Value::Null, _) => {
                map.remove(key);
            }
            (Value::Object(changes), _) => {
                let value = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                merge_map(value, changes, inner, whole)?;
            }
            (Value::Array(items), Some((Code::List { item, .. }, strategic))) => {
                let item_type = match &**item {
                    Code::Type(name) => Some(*name),
                    _ => None,
                };
                let order = changes.get(&format!("$setElementOrder/{key}")).and_then(Value::as_array);
                let value = map.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                merge_list(value, items, strategic, item_type, order, whole)?;
            }
            (other, Some((Code::List { .. }, Strategic::Key(_) | Strategic::Set))) => {
                let what = if other.is_string() {
                    "string"
                } else if other.is_number() {
                    "int64"
                } else {
                    "bool"
                };
                let why = format!("cannot restore slice from {what}");
                let cause = Cause::invalid("patch", &go(whole).into(), &why);
                return Err(Failure::invalid(Named { group: "", kind: "", name: "" }, &[cause]));
            }
            (other, _) => {
                map.insert(key.clone(), other.clone());
            }
        }
    }
    // An order may be given for a list that is not changed otherwise.
    for (key, order) in changes {
        let Some(field) = key.strip_prefix("$setElementOrder/") else { continue };
        let known = type_name.and_then(types::find).and_then(|t| t.fields.get(field));
        if changes.contains_key(field) {
            continue;
        }
        if let (Some(Value::Array(list)), Some(order)) = (map.get_mut(field), order.as_array()) {
            let strategic = known.map_or(Strategic::Replace, |f| f.strategic);
            let server = list.clone();
            *list = ordered(list, order, &server, strategic);
        }
    }
    Ok(())
}

fn same(a: &Value, b: &Value, strategic: Strategic) -> bool {
    match strategic {
        Strategic::Key(key) => a.get(key) == b.get(key),
        _ => a == b,
    }
}

/// Puts a merged list in order: what the patch names in the patch's order, the rest where the server had it.
fn ordered(merged: &[Value], order: &[Value], server: &[Value], strategic: Strategic) -> Vec<Value> {
    let at = |list: &[Value], item: &Value| list.iter().position(|o| same(o, item, strategic));
    let (mut named, rest): (Vec<&Value>, Vec<&Value>) = merged.iter().partition(|item| at(order, item).is_some());
    named.sort_by_key(|item| at(order, item));
    let (mut named, mut rest) = (named.into_iter().peekable(), rest.into_iter().peekable());
    let mut out = Vec::with_capacity(merged.len());
    loop {
        let next = match (named.peek(), rest.peek()) {
            (None, None) => return out,
            (Some(_), None) => named.next(),
            (None, Some(_)) => rest.next(),
            (Some(a), Some(b)) => match (at(server, a), at(server, b)) {
                (Some(a), Some(b)) if b < a => rest.next(),
                _ => named.next(),
            },
        };
        out.extend(next.cloned());
    }
}

fn merge_list(
    target: &mut Value,
    items: &[Value],
    strategic: Strategic,
    item_type: Option<&'static str>,
    order: Option<&Vec<Value>>,
    whole: &Value,
) -> Result<(), Failure> {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Value::Array(list) = target else { return Ok(()) };
    let of = |item: &Value| item.as_object().and_then(directive).map(str::to_owned);
    if items.iter().any(|i| of(i).as_deref() == Some("replace")) {
        *list = items.iter().filter(|i| of(i).as_deref() != Some("replace")).cloned().collect();
        return Ok(());
    }
    let key = match strategic {
        Strategic::Replace => {
            *list = items.to_vec();
            return Ok(());
        }
        Strategic::Set => {
            let server = list.clone();
            let fresh: Vec<Value> = items.iter().filter(|i| !list.contains(i)).cloned().collect();
            list.extend(fresh);
            *list = ordered(list, order.map_or(items, Vec::as_slice), &server, strategic);
            return Ok(());
        }
        Strategic::Key(key) => key,
    };
    let server = list.clone();
    for item in items {
        let Value::Object(changes) = item else { continue };
        let Some(id) = changes.get(key) else {
            return Err(fail(format!("map: {} does not contain declared merge key: {key}", go(item))));
        };
        let found = list.iter().position(|old| old.get(key) == Some(id));
        match (directive(changes), found) {
            (Some("delete"), _) => list.retain(|old| old.get(key) != Some(id)),
            (Some("merge") | None, Some(index)) => {
                if let Some(old) = list.get_mut(index) {
                    merge_map(old, changes, item_type, whole)?;
                }
            }
            (Some("merge") | None, None) => {
                let mut fresh = Value::Object(Map::new());
                merge_map(&mut fresh, changes, item_type, whole)?;
                list.push(fresh);
            }
            (Some(other), _) => return Err(fail(format!("unknown patch type: {other} in map: {}", go(item)))),
        }
    }
    let named: Vec<Value> = items.iter().filter(|i| of(i).is_none()).cloned().collect();
    *list = ordered(list, order.map_or(named.as_slice(), Vec::as_slice), &server, strategic);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_merge_by_key_and_keep_order() {
        let mut pod = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}]}});
        let patch = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "Y", "value": "3"}, {"name": "Z", "value": "4"}]}, {"name": "b"}]}});
        apply(&mut pod, &patch, "core/v1.Pod").unwrap();
        let env: Vec<&str> = pod["spec"]["containers"][0]["env"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
        assert_eq!(env, ["X", "Y", "Z"]);
        let gone = json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}});
        apply(&mut pod, &gone, "core/v1.Pod").unwrap();
        assert_eq!(pod["spec"]["containers"], json!([{"name": "b"}]));
    }
}
