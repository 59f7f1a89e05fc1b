//! Patches: JSON, merge, strategic merge; server-side apply is in `fields`.

use argo_core::describe::Shape;
use argo_core::patch;
use jiff::Timestamp;
use serde_json::Value;

use super::ask::Ask;
use super::failure::{Cause, Failure, Named};
use super::write::Update;
use super::{Answer, Api, builtin, render, types};

const STRATEGIC: &str = "application/strategic-merge-patch+json";
/// The most operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

impl Api {
    pub(crate) fn patch(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Answer, Failure> {
        let kind = ask.content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let kinds: &[&str] = if ask.resource.custom() {
            &["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
        } else {
            &["application/json-patch+json", "application/merge-patch+json", STRATEGIC, "application/apply-patch+yaml"]
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
        let patched = patched(&kind, &current, body, shape(ask))?;
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
    let restored = (kind == STRATEGIC).then(|| builtin::decode::unrestorable(ask.resource.type_name, patched)).flatten();
    if let Some(why) = restored {
        let patch = serde_json::from_slice(body).unwrap_or(Value::Null);
        let cause = Cause::invalid("patch", &argo_core::go::print(&patch).into(), &why);
        return Failure::invalid(Named { group: "", kind: "", name: "" }, &[cause]);
    }
    let why = why.replace("pkg/api/legacyscheme/scheme.go:31", "pkg/runtime/scheme.go:111");
    let shown = if ask.resource.custom() {
        patched.to_string()
    } else if kind == STRATEGIC {
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

/// How objects of a resource merge strategically; `None` for custom resources, which do not.
fn shape(ask: &Ask) -> Option<Shape> {
    match ask.resource.type_name {
        // Events are the one kind that two groups have.
        "events/v1.Event" => Shape::of_kind("EventsEvent"),
        name => Shape::of_kind(types::short(name)),
    }
}

/// The object a patch makes of another, which merges as `shape` says.
pub(crate) fn patched(kind: &str, current: &Value, body: &[u8], shape: Option<Shape>) -> Result<Value, Failure> {
    let mut object = current.clone();
    let patch: Value = serde_json::from_slice(body).map_err(|_| Failure::bad_request("invalid JSON patch"))?;
    if kind == "application/json-patch+json" {
        return json_patch(object, &patch);
    }
    if !patch.is_object() {
        if patch.is_null() {
            return Err(Failure::bad_request(patch::merge::MergeError::Patch.to_string()));
        }
        let why = format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", go_kind(&patch));
        return Err(Failure::bad_request(format!("error decoding patch: {why}")));
    }
    if kind == "application/merge-patch+json" {
        patch::merge::apply_document(&mut object, &patch).map_err(|error| Failure::bad_request(error.to_string()))?;
    } else {
        patch::strategic::apply_as(shape.unwrap_or(Shape::Any), &mut object, &patch)
            .map_err(|error| Failure::new(500, "", error.to_string(), None))?;
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

fn json_patch(mut object: Value, patch: &Value) -> Result<Value, Failure> {
    let refused = || {
        let message = "the server rejected our request due to an error in our request";
        Failure::new(422, "Invalid", message, Some(serde_json::json!({})))
    };
    let Some(operations) = patch.as_array() else {
        let why = format!("json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp", go_kind(patch));
        return Err(Failure::bad_request(format!("error decoding patch: {why}")));
    };
    if operations.len() > MAX_OPERATIONS {
        let why = format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", operations.len());
        return Err(Failure::new(413, "RequestEntityTooLarge", why, None));
    }
    let operations = patch::json::parse(patch).map_err(|_| refused())?;
    patch::json::apply(&mut object, &operations).map_err(|_| refused())?;
    if object.is_object() { Ok(object) } else { Err(refused()) }
}
