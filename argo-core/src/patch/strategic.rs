//! Strategic merge patch: lists of named things merge by their key.

use serde_json::{Map, Value};

/// Fields whose lists merge by a key: field name and key. The first key that the elements have is used.
const MERGE_KEYS: [(&str, &[&str]); 22] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("volumes", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("resourceClaims", &["name"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("ownerReferences", &["uid"]),
    ("conditions", &["type"]),
    ("templates", &["name"]),
    ("parameters", &["name"]),
    ("artifacts", &["name"]),
    ("sidecars", &["name"]),
    ("tasks", &["name"]),
    ("volumeClaimTemplates", &["name"]),
    ("secrets", &["name"]),
    ("addresses", &["type"]),
];

/// Lists of plain values that merge as sets.
const SETS: [&str; 1] = ["finalizers"];

/// Changes `target` as the patch says.
///
/// ```
/// let mut pod = serde_json::json!({"containers": [{"name": "main", "image": "a"}]});
/// argo_core::patch::strategic::apply(&mut pod, &serde_json::json!({"containers": [{"name": "main", "tty": true}]}));
/// assert_eq!(pod, serde_json::json!({"containers": [{"name": "main", "image": "a", "tty": true}]}));
/// ```
pub fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if changes.get("$patch").and_then(Value::as_str) == Some("replace") || !target.is_object() {
        let mut fresh = Value::Object(Map::new());
        merge_map(&mut fresh, changes);
        *target = fresh;
        return;
    }
    merge_map(target, changes);
}

fn merge_map(target: &mut Value, changes: &Map<String, Value>) {
    let Value::Object(map) = target else { return };
    if changes.get("$patch").and_then(Value::as_str) == Some("delete") {
        map.clear();
        return;
    }
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
        if change.is_null() {
            map.remove(key);
            continue;
        }
        match (map.get_mut(key), change) {
            (Some(list), Value::Array(items)) if list.is_array() => merge_list(list, items, key),
            (Some(value), _) => apply(value, change),
            (None, _) => {
                let mut value = Value::Null;
                match change {
                    Value::Object(_) => apply(&mut value, change),
                    Value::Array(items) => {
                        value = Value::Array(Vec::new());
                        merge_list(&mut value, items, key);
                    }
                    other => value = other.clone(),
                }
                map.insert(key.clone(), value);
            }
        }
    }
    for (key, order) in changes {
        if let Some(field) = key.strip_prefix("$setElementOrder/")
            && let (Some(list), Some(order)) = (map.get_mut(field).and_then(Value::as_array_mut), order.as_array())
        {
            let merge_key = merge_key(field, list);
            list.sort_by_key(|item| {
                let same = |o: &Value| match merge_key {
                    Some(k) => o.get(k) == item.get(k),
                    None => o == item,
                };
                order.iter().position(same).unwrap_or(usize::MAX)
            });
        }
    }
}

fn merge_key(field: &str, list: &[Value]) -> Option<&'static str> {
    let (_, keys) = MERGE_KEYS.iter().find(|(name, _)| *name == field)?;
    keys.iter().copied().find(|key| list.iter().all(|item| item.get(key).is_some()))
}

fn merge_list(target: &mut Value, items: &[Value], field: &str) {
    let Value::Array(list) = target else { return };
    let is_directive = |item: &Value, what: &str| item.get("$patch").and_then(Value::as_str) == Some(what);
    if items.iter().any(|item| is_directive(item, "replace")) {
        *list = items.iter().filter(|item| !is_directive(item, "replace")).cloned().collect();
        return;
    }
    if SETS.contains(&field) {
        for item in items {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
        return;
    }
    let Some(key) = merge_key(field, items) else {
        *list = items.to_vec();
        return;
    };
    let mut fresh = Vec::new();
    for item in items {
        let found = list.iter().position(|old| old.get(key) == item.get(key));
        match found {
            Some(index) if is_directive(item, "delete") => {
                list.remove(index);
            }
            Some(index) => {
                if let Some(old) = list.get_mut(index) {
                    apply(old, item);
                }
            }
            None if is_directive(item, "delete") => {}
            None => fresh.push(item.clone()),
        }
    }
    // New elements come first, as upstream's merge puts what the patch adds before what was there.
    fresh.append(list);
    *list = fresh;
}
