//! Events show as two kinds: those of the core group and those of `events.k8s.io`. They are kept as the former.

use serde_json::{Map, Value, json};

use crate::api::json;

/// New name, name in the core group.
const RENAMED: [(&str, &str); 6] = [
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
];

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
    out
}
