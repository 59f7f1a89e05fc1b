//! Bringing a Workflow into the form of the recordings' `final`, and the first difference between two of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const DROPPED_IN_NODES: [&str; 8] =
    ["startedAt", "finishedAt", "estimatedDuration", "resourcesDuration", "hostNodeName", "boundaryID", "name", "artifactRepositoryRef"];
const DROPPED_IN_STATUS: [&str; 8] = [
    "startedAt",
    "finishedAt",
    "estimatedDuration",
    "resourcesDuration",
    "artifactRepositoryRef",
    "storedTemplates",
    "storedWorkflowTemplateSpec",
    "taskResultsCompletionStatus",
];
const KEPT_OF_SPEC: [&str; 3] = ["shutdown", "suspend", "activeDeadlineSeconds"];

/// Fields that are compared before others.
const RANK: [&str; 4] = ["nodes", "type", "phase", "message"];

/// What differs first between the recorded end and ours.
pub(super) fn difference(expected: &Value, workflow: &Value, unordered: Option<&Value>) -> Option<String> {
    let mut got = normalise(workflow);
    let mut expected = expected.clone();
    for path in unordered.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let inner = path.strip_prefix("/final").unwrap_or(path);
        sort_at(&mut got, inner);
        sort_at(&mut expected, inner);
    }
    first_difference("", &expected, &got)
}

fn sort_at(value: &mut Value, path: &str) {
    let Some((pointer, leaf)) = path.rsplit_once('/') else { return };
    // Node names hold no slashes, but dots and brackets: the pointer needs no escapes.
    if let Some(list) = value.pointer_mut(pointer).and_then(|parent| parent.get_mut(leaf)).and_then(Value::as_array_mut) {
        list.sort_by_key(ToString::to_string);
    }
}

fn normalise(workflow: &Value) -> Value {
    let empty = Map::new();
    let status = workflow.get("status").and_then(Value::as_object).unwrap_or(&empty);
    let mut out = Map::new();
    for (key, value) in status {
        if !DROPPED_IN_STATUS.contains(&key.as_str()) && key != "nodes" {
            out.insert(key.clone(), value.clone());
        }
    }
    out.insert("nodes".to_owned(), nodes(status.get("nodes").and_then(Value::as_object).unwrap_or(&empty)));
    if let Some(stored) = status.get("storedTemplates").and_then(Value::as_object) {
        out.insert("storedTemplateNames".to_owned(), stored.keys().cloned().collect());
    }
    for key in ["labels", "annotations", "finalizers"] {
        if let Some(value) = workflow.pointer(&format!("/metadata/{key}")) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(annotations) = out.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("workflows.argoproj.io/pod-name-format");
    }
    for key in KEPT_OF_SPEC {
        if let Some(value) = workflow.pointer(&format!("/spec/{key}")) {
            out.insert(format!("spec.{key}"), value.clone());
        }
    }
    out.retain(|key, value| !is_empty(value) || key == "nodes");
    Value::Object(out)
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn nodes(by_id: &Map<String, Value>) -> Value {
    let names: BTreeMap<&str, &str> = by_id.iter().filter_map(|(id, node)| Some((id.as_str(), node.get("name")?.as_str()?))).collect();
    let name_of = |id: &Value| -> Value {
        let id = id.as_str().unwrap_or_default();
        Value::from(names.get(id).copied().unwrap_or(id))
    };
    let mut out = Map::new();
    for (id, node) in by_id {
        let Some(node) = node.as_object() else { continue };
        let mut kept = Map::new();
        for (key, value) in node {
            match key.as_str() {
                "children" | "outboundNodes" => {
                    let list: Vec<Value> = value.as_array().into_iter().flatten().map(name_of).collect();
                    kept.insert(key.clone(), Value::from(list));
                }
                key if DROPPED_IN_NODES.contains(&key) => {}
                _ => {
                    kept.insert(key.clone(), value.clone());
                }
            }
        }
        if let Some(boundary) = node.get("boundaryID").filter(|b| !is_empty(b)) {
            kept.insert("boundary".to_owned(), name_of(boundary));
        }
        let name = names.get(id.as_str()).copied().unwrap_or(id);
        out.insert(name.to_owned(), Value::Object(kept));
    }
    Value::Object(out)
}

/// The first difference of two values. Recorded texts hold `TIME` where a time stood.
pub(super) fn first_difference(path: &str, expected: &Value, got: &Value) -> Option<String> {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            let missing = a
                .iter()
                .find(|(k, v)| !b.contains_key(*k) && !is_empty(v))
                .map(|(k, v)| format!("{path}/{k}: missing, expected {}", short(v)));
            let extra = || {
                b.iter().find(|(k, v)| !a.contains_key(*k) && !is_empty(v)).map(|(k, v)| format!("{path}/{k}: not expected: {}", short(v)))
            };
            // Nodes first: what else differs follows from them.
            let mut both: Vec<(&String, &Value, &Value)> = a.iter().filter_map(|(k, v)| Some((k, v, b.get(k)?))).collect();
            both.sort_by_key(|(k, _, _)| RANK.iter().position(|r| r == k).unwrap_or(RANK.len()));
            both.into_iter().find_map(|(k, v, w)| first_difference(&format!("{path}/{k}"), v, w)).or(missing).or_else(extra)
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (v, w))| first_difference(&format!("{path}/{i}"), v, w))
        }
        (Value::String(a), Value::String(b)) if same(a, b) => None,
        (a, b) if a == b || (is_empty(a) && is_empty(b)) => None,
        (a, b) => Some(format!("{path}: {}, expected {}", short(b), short(a))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

// `TIME` stands for any time, so for any text.
fn same(expected: &str, got: &str) -> bool {
    if expected == got {
        return true;
    }
    let mut rest = got;
    let mut parts = expected.split("TIME").peekable();
    if let Some(first) = parts.next() {
        let Some(after) = rest.strip_prefix(first) else { return false };
        rest = after;
    }
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at.saturating_add(part.len())..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn a_time_is_any_text() {
        assert!(
            super::same("at TIME or TIME", "at 1 or 2")
                && super::same("TIME", "x")
                && !super::same("at TIME", "on 1")
                && !super::same("a", "ab")
        );
    }

    #[test]
    fn ids_become_names_and_times_are_left_out() {
        let workflow = json!({"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Succeeded", "startedAt": "x", "nodes": {
            "w": {"id": "w", "name": "w", "children": ["w-1"], "finishedAt": "x"},
            "w-1": {"id": "w-1", "name": "w[0]", "boundaryID": "w"},
        }}});
        let expected = json!({"labels": {"a": "b"}, "phase": "Succeeded", "nodes": {
            "w": {"id": "w", "children": ["w[0]"]}, "w[0]": {"id": "w-1", "boundary": "w"},
        }});
        assert_eq!(difference(&expected, &workflow, None), None);
        let other = json!({"labels": {"a": "b"}, "phase": "Failed", "nodes": {}});
        assert_eq!(difference(&other, &workflow, None).as_deref(), Some("/nodes/w: not expected: {\"children\":[\"w[0]\"],\"id\":\"w\"}"));
    }
}
