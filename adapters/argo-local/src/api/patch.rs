//! Patches: JSON, merge, strategic merge; server-side apply is in `fields`.

use argo_core::describe::Shape;
use argo_core::patch;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ask::Ask;
use super::change::Draft;
use super::failure::{Cause, Failure, Named};
use super::object::Stored;
use super::raw::Raw;
use super::write::Ownership;
use super::{Api, Outcome, builtin, json, render, types};

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
/// The most operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

impl Api {
    pub(crate) fn patch(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let kind = ask.content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let kinds: &[&str] = if ask.resource.custom() { &[JSON_PATCH, MERGE, APPLY] } else { &[JSON_PATCH, MERGE, STRATEGIC, APPLY] };
        if !kinds.contains(&kind.as_str()) {
            return Err(unsupported(ask, kinds));
        }
        ask.check_options("PatchOptions")?;
        if kind == APPLY {
            return self.apply(ask, body, now);
        }
        if ask.query.get("force").is_some() {
            let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
            return Err(Failure::invalid(Named { group: "meta.k8s.io", kind: "PatchOptions", name: "" }, &[cause]));
        }
        let old = self.existing(ask)?;
        let patch = read(ask, body)?;
        let ownership = Ownership::Of(ask.manager());
        if let Some(draft) = self.patched_part(ask, &kind, &old, &patch) {
            return Ok(Outcome::Object(200, self.change(ask, &old, draft, ownership, now)?));
        }
        let stamped = |ask: &Ask, object: Value| render::stamped(object, &ask.api_version(), &ask.resource.kind);
        let current = if kind == JSON_PATCH || mentions_managers(&patch) {
            render::shown(ask, &old)
        } else {
            render::converted(ask, &old).unwrap_or_else(|| old.bare_value())
        };
        let patched = self::patched(&kind, stamped(ask, current), &patch, shape(ask))?;
        let object = match self.decode(ask, patched, true) {
            Ok(object) => object,
            Err(failure) if failure.code() != 400 => return Err(failure),
            Err(failure) => {
                let patched = self::patched(&kind, stamped(ask, render::shown(ask, &old)), &patch, shape(ask))?;
                return Err(undecodable(ask, &kind, &patched, body, failure));
            }
        };
        let (stored, _) = self.replace(ask, object, ownership, now)?;
        Ok(Outcome::Object(200, stored))
    }

    /// Applies a patch to the fields it names alone, where the others have no part in what comes of it. `None` says nothing about the patch:
    /// whatever may be wrong with it shows when it is applied to the whole object.
    fn patched_part(&self, ask: &mut Ask, kind: &str, old: &Stored, patch: &Value) -> Option<Draft> {
        let fields = patch.as_object().filter(|_| matches!(kind, MERGE | STRATEGIC))?;
        let touched: Vec<&str> = fields.keys().map(String::as_str).collect();
        if touched.iter().any(|f| f.starts_with('$')) || mentions_managers(patch) || !can_stand_alone(ask, old, &touched) {
            return None;
        }
        let mut part = Map::new();
        part.insert("apiVersion".to_owned(), ask.api_version().into());
        part.insert("kind".to_owned(), ask.resource.kind.as_str().into());
        if touched.contains(&"metadata") {
            part.insert("metadata".to_owned(), old.bare_metadata());
        }
        for field in touched.iter().filter_map(|name| old.field(name)) {
            part.insert(field.name.clone().into_owned(), Raw::new(&field.text).value());
        }
        let patched = patched(kind, Value::Object(part), patch, shape(ask)).ok()?;
        let object = self.decode(ask, patched, false).ok()?;
        let moved = object.get("metadata").is_some_and(|metadata| {
            let same = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or_default() == old.meta(key);
            !metadata.is_object() || !same("name") || !same("namespace")
        });
        (!moved && object.get("metadata").is_some() == touched.contains(&"metadata")).then(|| Draft::part(object, &touched, old))
    }
}

/// Whether a patch says something about `managedFields`.
fn mentions_managers(patch: &Value) -> bool {
    json::at(patch, &["metadata", "managedFields"]).is_some()
}

/// Whether some fields of an object can be changed without a look at the others.
fn can_stand_alone(ask: &Ask, old: &Stored, touched: &[&str]) -> bool {
    let only = |fields: &[&str]| touched.iter().all(|t| matches!(*t, "apiVersion" | "kind" | "metadata") || fields.contains(t));
    let resource = &ask.resource;
    if let Some(custom) = ask.served().and_then(|v| v.custom.as_ref()) {
        let settled = old.revision > resource.since && resource.versions.len() == 1;
        return settled && custom.plain() && (ask.sub.is_empty() || only(&["status"]));
    }
    if resource.group == "events.k8s.io" || resource.type_of(&ask.version) != resource.type_name {
        return false;
    }
    match ask.sub.as_str() {
        "status" => only(&["status"]),
        // Nothing that is filled in or checked of a pod depends on its metadata.
        _ => builtin::stands_by_field(resource) || (resource.type_name == "core/v1.Pod" && only(&[])),
    }
}

/// A patch in JSON.
pub(crate) fn read(ask: &mut Ask, body: &[u8]) -> Result<Value, Failure> {
    match ask.parsed.take() {
        Some(parsed) => Ok(parsed),
        None => serde_json::from_slice(body).map_err(|_| Failure::bad_request("invalid JSON patch")),
    }
}

/// A patch whose outcome is no such object is told so as upstream does: as an invalid patch.
fn undecodable(ask: &Ask, kind: &str, patched: &Value, body: &[u8], failure: Failure) -> Failure {
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
pub(crate) fn patched(kind: &str, mut object: Value, patch: &Value, shape: Option<Shape>) -> Result<Value, Failure> {
    if kind == JSON_PATCH {
        return json_patch(object, patch);
    }
    if !patch.is_object() {
        if patch.is_null() {
            return Err(Failure::bad_request(patch::merge::MergeError::Patch.to_string()));
        }
        let why = format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", go_kind(patch));
        return Err(Failure::bad_request(format!("error decoding patch: {why}")));
    }
    if kind == MERGE {
        patch::merge::apply_document(&mut object, patch).map_err(|error| Failure::bad_request(error.to_string()))?;
    } else {
        patch::strategic::apply_as(shape.unwrap_or(Shape::Any), &mut object, patch)
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
