//! Recorded pods against ours: what a user can see, not the executor's own wiring.

use serde_json::{Map, Value};

use super::compare::first_difference;

const OWN_VOLUMES: [&str; 5] = ["var-run-argo", "tmp-dir-argo", "input-artifacts", "argo-staging", "var-run-argo-secrets"];
/// Fields that the API server or the controller's settings fill in.
const NOT_LOOKED_AT: [&str; 7] = [
    "containers",
    "initContainers",
    "volumes",
    "restartPolicy",
    "serviceAccount",
    "terminationGracePeriodSeconds",
    "activeDeadlineSeconds",
];

/// What differs first.
pub(super) fn difference(expected: &Value, pod: &Value) -> Option<String> {
    let (mut expected, mut got) = (recorded(expected), ours(pod));
    fill_in(&mut expected);
    fill_in(&mut got);
    first_difference("", &expected, &got)
}

// What the API server fills in: files readable by their owner, requests as the limits say.
fn fill_in(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("defaultMode").is_some_and(|mode| *mode == 420) {
                map.remove("defaultMode");
            }
            if let Some(limits) = map.get("limits").and_then(Value::as_object).cloned()
                && let Some(requests) = map.entry("requests").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
            {
                for (resource, amount) in limits {
                    requests.entry(resource).or_insert(amount);
                }
            }
            for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
                if let Some(probe) = map.get_mut(probe).and_then(Value::as_object_mut) {
                    for (field, value) in [("failureThreshold", 3), ("periodSeconds", 10), ("successThreshold", 1), ("timeoutSeconds", 1)] {
                        probe.entry(field).or_insert_with(|| Value::from(value));
                    }
                    if let Some(get) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
                        get.entry("scheme").or_insert_with(|| Value::from("HTTP"));
                    }
                }
            }
            map.values_mut().for_each(fill_in);
        }
        Value::Array(list) => list.iter_mut().for_each(fill_in),
        _ => {}
    }
}

fn recorded(record: &Value) -> Value {
    let spec = record.get("spec").cloned().unwrap_or_default();
    let field = |key: &str| record.get(key).cloned().unwrap_or_default();
    seen(field("name"), field("labels"), field("annotations"), &spec)
}

fn ours(pod: &Value) -> Value {
    let field = |key: &str| pod.pointer(&format!("/metadata/{key}")).cloned().unwrap_or_default();
    seen(field("name"), field("labels"), field("annotations"), &pod.get("spec").cloned().unwrap_or_default())
}

fn seen(name: Value, labels: Value, annotations: Value, spec: &Value) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), name);
    out.insert("labels".to_owned(), labels);
    out.insert("annotations".to_owned(), annotations);
    for list in ["initContainers", "containers"] {
        let containers = spec.get(list).and_then(Value::as_array).into_iter().flatten().map(container).collect();
        out.insert(list.to_owned(), Value::Array(containers));
    }
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten().filter(|v| !own_volume(v)).cloned().collect();
    out.insert("volumes".to_owned(), Value::Array(volumes));
    for (key, value) in spec.as_object().into_iter().flatten() {
        if !NOT_LOOKED_AT.contains(&key.as_str()) {
            out.insert(format!("spec.{key}"), value.clone());
        }
    }
    // Where nothing is said the API server fills in the default account.
    out.entry("spec.serviceAccountName").or_insert_with(|| Value::from("default"));
    Value::Object(out)
}

fn own_volume(volume: &Value) -> bool {
    volume.get("name").and_then(Value::as_str).is_some_and(|name| OWN_VOLUMES.contains(&name))
}

// The executor's own containers count by their presence; of a user's container everything that comes from the manifest.
fn container(container: &Value) -> Value {
    let name = container.get("name").cloned().unwrap_or_default();
    let mut out = Map::new();
    let own = name == "wait" || name == "init" || container.get("image").and_then(Value::as_str) == Some("EXECUTOR_IMAGE");
    out.insert("name".to_owned(), name);
    if own {
        return Value::Object(out);
    }
    let list = |key: &str| container.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let command = list("command");
    let from = command.iter().position(|c| c == "--").map_or(0, |at| at.saturating_add(1));
    out.insert("command".to_owned(), command.into_iter().skip(from).collect());
    out.insert("args".to_owned(), Value::from(list("args")));
    let is_own = |e: &Value| e.get("name").and_then(Value::as_str).is_some_and(|n| n.starts_with("ARGO_"));
    out.insert("env".to_owned(), list("env").into_iter().filter(|e| !is_own(e)).collect());
    out.insert("volumeMounts".to_owned(), list("volumeMounts").into_iter().filter(|m| !own_volume(m)).collect());
    for (key, value) in container.as_object().into_iter().flatten() {
        let done = ["command", "args", "env", "volumeMounts", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"];
        if !done.contains(&key.as_str()) && value.as_object().is_none_or(|map| !map.is_empty()) {
            out.insert(key.clone(), value.clone());
        }
    }
    Value::Object(out)
}
