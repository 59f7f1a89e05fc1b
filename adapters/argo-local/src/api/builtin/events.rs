//! Events show as two kinds: those of the core group and those of `events.k8s.io`. They are kept as the former.

use serde_json::{Map, Value, json};

use crate::api::failure::Cause;
use crate::api::{json, names};

/// New name, name in the core group.
const RENAMED: [(&str, &str); 6] = [
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
];

/// What the core group refuses: as upstream, events that bring `eventTime` are held to more than those of old.
pub(crate) fn check_core(event: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (own, about) = (json::meta(event, "namespace"), json::text(event, &["involvedObject", "namespace"]));
    let modern = event.get("eventTime").is_some_and(|t| !t.is_null());
    let free = if modern { matches!(own, "" | "default" | "kube-system") } else { matches!(own, "" | "default") };
    if (about.is_empty() && !free) || (!about.is_empty() && !modern && about != own) {
        causes.push(Cause::invalid("involvedObject.namespace", &about.into(), "does not match event.namespace"));
    }
    if modern {
        source(event, &mut causes);
    }
    causes
}

/// Who reported what, where that must be said.
fn source(event: &Value, causes: &mut Vec<Cause>) {
    let controller = json::text(event, &["reportingComponent"]);
    if controller.is_empty() {
        causes.push(Cause::required("reportingController", ""));
    }
    causes.extend(names::label_key(controller).iter().map(|why| Cause::invalid("reportingController", &controller.into(), why)));
    for key in ["reportingInstance", "action", "reason"] {
        let text = json::text(event, &[key]);
        if text.is_empty() {
            causes.push(Cause::required(key, ""));
        } else if text.len() > 128 {
            causes.push(Cause::invalid(key, &"".into(), "can have at most 128 characters"));
        }
    }
    if json::text(event, &["message"]).len() > 1024 {
        causes.push(Cause::invalid("message", &"".into(), "can have at most 1024 characters"));
    }
}

/// What `events.k8s.io` refuses, and the core group does not. The fields go by their names in the core group, as upstream's do.
pub(crate) fn check(event: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(old) = old {
        for (key, value) in event.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "metadata" | "series" | "count" | "lastTimestamp") && old.get(key) != Some(value) {
                causes.push(Cause::invalid(key.as_str(), value, "field is immutable"));
            }
        }
        return causes;
    }
    if event.get("eventTime").is_none_or(Value::is_null) {
        causes.push(Cause::required("eventTime", ""));
    }
    source(event, &mut causes);
    let kind = json::text(event, &["type"]);
    if !matches!(kind, "Normal" | "Warning") {
        causes.push(Cause::invalid("type", &"".into(), &format!("has invalid value: {kind}")));
    }
    causes
}

/// A core event as `events.k8s.io` shows it.
pub(crate) fn to_events_k8s_io(event: &Value) -> Value {
    let mut out = Map::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        let name = match key.as_str() {
            "count" => "deprecatedCount",
            other => RENAMED.iter().find(|(_, core)| *core == other).map_or(other, |(new, _)| new),
        };
        out.insert(name.to_owned(), value.clone());
    }
    for absent in ["deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime"] {
        out.entry(absent).or_insert(Value::Null);
    }
    out.entry("deprecatedSource").or_insert_with(|| json!({}));
    for empty in ["reportingController", "reportingInstance"] {
        if out.get(empty).and_then(Value::as_str) == Some("") {
            out.remove(empty);
        }
    }
    Value::Object(out)
}

/// An event of `events.k8s.io` as the core group keeps it.
pub(crate) fn from_events_k8s_io(event: &Value) -> Value {
    let mut out = Map::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        let name = match key.as_str() {
            "deprecatedCount" => "count",
            other => RENAMED.iter().find(|(new, _)| *new == other).map_or(other, |(_, core)| core),
        };
        out.insert(name.to_owned(), value.clone());
    }
    let mut out = Value::Object(out);
    let map = json::map(&mut out);
    json::default(map, "involvedObject", json!({}));
    json::default(map, "source", json!({}));
    for absent in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        map.entry(absent).or_insert(Value::Null);
    }
    out
}
