//! Patches: JSON, merge, strategic merge; server-side apply is in `fields`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ask::Ask;
use super::failure::{Cause, Failure, Named};
use super::write::Update;
use super::{Answer, Api, render, strategic};

/// The most operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

impl Api {
    pub(crate) fn patch(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Answer, Failure> {
        let kind = ask.content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let kinds: &[&str] = if ask.resource.custom() {
            &["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
        } else {
            &[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ]
        };
        if !kinds.contains(&kind.as_str()) {
            return Err(unsupported(ask, kinds));
        }
        ask.check_options("PatchOptions")?;
        if kind == "application/apply-patch+yaml" {
            return self.apply(ask, body, now);
        }
        if ask.query.get("force").is_some() {
            let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
            return Err(Failure::invalid(Named { group: "meta.k8s.io", kind: "PatchOptions", name: "" }, &[cause]));
        }
        let old = self.existing(ask)?;
        let current = render::stamped(&self.shown(ask, &old.value), &ask.api_version(), &ask.resource.kind);
        let patched = patched(&kind, &current, body, ask)?;
        let object = self.decode(ask, patched.clone()).map_err(|failure| undecodable(ask, &kind, &patched, body, failure))?;
        let update = Update { manager: ask.manager(), applied: false };
        let (stored, _) = self.replace(ask, object, &update, now)?;
        self.object_reply(ask, 200, &stored)
    }
}

/// A patch whose outcome is no such object is told so as upstream does: as an invalid patch.
fn undecodable(ask: &Ask, kind: &str, patched: &Value, body: &[u8], failure: Failure) -> Failure {
    if failure.code() != 400 {
        return failure;
    }
    let prefix = format!("cannot be handled as a {}: ", ask.resource.kind);
    let why = failure.message().split_once(&prefix).map_or(failure.message(), |(_, why)| why);
    let why = why.replace("pkg/api/legacyscheme/scheme.go:31", "pkg/runtime/scheme.go:111");
    let shown = if ask.resource.custom() {
        patched.to_string()
    } else if kind == "application/strategic-merge-patch+json" {
        String::from_utf8_lossy(body).into_owned()
    } else {
        go_text(patched)
    };
    let cause = Cause::invalid("patch", &shown.into(), &why);
    Failure::invalid(Named { group: "", kind: "", name: "" }, &[cause])
}

/// An object as Go writes one that was patched as JSON: sorted, but for its metadata, which has its own order.
fn go_text(object: &Value) -> String {
    const METADATA: [&str; 15] = [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    const MANAGED: [&str; 7] = ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"];
    let in_order = |value: &Value, order: &[&str], inner: &dyn Fn(&str, &Value) -> String| {
        let fields: Vec<String> = order.iter().filter_map(|f| value.get(*f).map(|v| format!("\"{f}\":{}", inner(f, v)))).collect();
        format!("{{{}}}", fields.join(","))
    };
    let managed = |entry: &Value| in_order(entry, &MANAGED, &|_, v| v.to_string());
    let fields: Vec<String> = object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let text = if key == "metadata" {
                in_order(value, &METADATA, &|field, v| match (field, v.as_array()) {
                    ("managedFields", Some(list)) => format!("[{}]", list.iter().map(managed).collect::<Vec<_>>().join(",")),
                    _ => v.to_string(),
                })
            } else {
                value.to_string()
            };
            format!("\"{key}\":{text}")
        })
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn unsupported(ask: &Ask, kinds: &[&str]) -> Failure {
    if ask.resource.custom() {
        let message = format!("the body of the request was in an unknown format - accepted media types include: {}", kinds.join(", "));
        return Failure::new(415, "UnsupportedMediaType", message, None);
    }
    Failure::new(415, "UnsupportedMediaType", "415: Unsupported Media Type", Some(serde_json::json!({})))
}

/// The object a patch makes of another.
pub(crate) fn patched(kind: &str, current: &Value, body: &[u8], ask: &Ask) -> Result<Value, Failure> {
    let mut object = current.clone();
    let patch: Value = serde_json::from_slice(body).map_err(|_| Failure::bad_request("invalid JSON patch"))?;
    if kind == "application/json-patch+json" {
        return json_patch(object, patch);
    }
    let Value::Object(changes) = &patch else {
        if patch.is_null() {
            return Err(Failure::bad_request("Invalid JSON Patch"));
        }
        let why = format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", go_kind(&patch));
        return Err(Failure::bad_request(format!("error decoding patch: {why}")));
    };
    if kind == "application/merge-patch+json" {
        merge(&mut object, changes);
    } else {
        strategic::apply(&mut object, &patch, ask.resource.type_name)?;
    }
    Ok(object)
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        _ => "object",
    }
}

/// JSON merge patch as the library upstream uses it does: nulls in what is new are dropped, in lists too.
fn merge(target: &mut Value, changes: &Map<String, Value>) {
    let map = super::json::map(target);
    for (key, change) in changes {
        match (map.get_mut(key), change) {
            (_, Value::Null) => {
                map.remove(key);
            }
            (Some(old @ Value::Object(_)), Value::Object(changes)) => merge(old, changes),
            (_, other) => {
                let mut fresh = other.clone();
                drop_nulls(&mut fresh);
                map.insert(key.clone(), fresh);
            }
        }
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn json_patch(mut object: Value, patch: Value) -> Result<Value, Failure> {
    let refused = || {
        let message = "the server rejected our request due to an error in our request";
        Failure::new(422, "Invalid", message, Some(serde_json::json!({})))
    };
    let Value::Array(operations) = patch else {
        let why = format!("json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp", go_kind(&patch));
        return Err(Failure::bad_request(format!("error decoding patch: {why}")));
    };
    if operations.len() > MAX_OPERATIONS {
        let why = format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", operations.len());
        return Err(Failure::new(413, "RequestEntityTooLarge", why, None));
    }
    for mut operation in operations {
        // As upstream's library: a path without its slash is taken as if its first part were not there, a missing value counts as null in a test,
        // and replacing what is not in a map adds it.
        if let Some(map) = operation.as_object_mut() {
            let path = map.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
            if !path.is_empty() && !path.starts_with('/') {
                let rest = path.split_once('/').map_or("", |(_, rest)| rest);
                map.insert("path".to_owned(), format!("/{rest}").into());
            }
            let path = map.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
            let missing = object.pointer(&path).is_none();
            let in_map = path.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent)).is_some_and(Value::is_object);
            match map.get("op").and_then(Value::as_str) {
                Some("test") if missing && in_map && map.get("value").is_none_or(Value::is_null) => continue,
                Some("replace") if missing && in_map => {
                    map.insert("op".to_owned(), "add".into());
                }
                _ => {}
            }
        }
        let operation: json_patch::PatchOperation = serde_json::from_value(operation).map_err(|_| refused())?;
        json_patch::patch(&mut object, &[operation]).map_err(|_| refused())?;
    }
    if object.is_object() { Ok(object) } else { Err(refused()) }
}
