//! Answers as bytes.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::failure::Failure;
use super::negotiate::{Accept, Form};
use super::object::Stored;
use super::{Reply, json, protobuf, table};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// A value in the form that was asked for.
pub(crate) fn value(status: u16, value: &Value, accept: Accept) -> Reply {
    if accept.yaml
        && let Ok(text) = argo_core::yaml::to_string(value)
    {
        return Reply { status, content_type: YAML, headers: Vec::new(), body: text.into() };
    }
    if accept.protobuf
        && let Some(bytes) = protobuf::write(value)
    {
        return Reply { status, content_type: PROTOBUF, headers: Vec::new(), body: bytes.into() };
    }
    let bytes = if accept.pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    Reply { status, content_type: JSON, headers: Vec::new(), body: bytes.unwrap_or_default().into() }
}

/// Plain text.
pub(crate) fn text(status: u16, text: impl Into<Bytes>) -> Reply {
    Reply { status, content_type: "text/plain; charset=utf-8", headers: Vec::new(), body: text.into() }
}

/// An error.
pub(crate) fn failure(failure: &Failure, accept: Accept) -> Reply {
    if let Some(plain) = failure.plain() {
        return text(failure.code(), plain.to_owned());
    }
    let mut reply = value(failure.code(), &failure.status(), accept);
    if let Some(seconds) = failure.retry_after() {
        reply.headers.push((http::header::RETRY_AFTER, seconds.to_string()));
    }
    reply
}

/// `Status` of a success.
pub(crate) fn success(ask: &Ask, name: &str, uid: &str) -> Value {
    let mut details = json!({"name": name, "kind": ask.resource.plural, "uid": uid});
    if !ask.resource.group.is_empty() {
        json::map(&mut details).insert("group".to_owned(), ask.resource.group.as_str().into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// Warning headers, as RFC 7234 writes them.
pub(crate) fn warn(reply: &mut Reply, warnings: &[String]) {
    let mut seen: Vec<&String> = Vec::new();
    for warning in warnings {
        if seen.contains(&warning) {
            continue;
        }
        seen.push(warning);
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        reply.headers.push((http::header::WARNING, format!("299 - \"{quoted}\"")));
    }
}

/// Writes `kind` and `apiVersion`, as the first members of an object that goes on.
fn write_head(out: &mut Vec<u8>, api_version: &str, kind: &str) {
    out.extend_from_slice(b"{\"kind\":");
    json::write(out, kind);
    out.extend_from_slice(b",\"apiVersion\":");
    json::write(out, api_version);
}

/// Writes an object with its `kind` and `apiVersion` in front, as clients of a resource and version see it.
pub(crate) fn write_object(out: &mut Vec<u8>, ask: &Ask, object: &Stored) {
    write_head(out, &ask.api_version(), &ask.resource.kind);
    out.push(b',');
    write_members(out, ask, object);
    out.push(b'}');
}

fn write_members(out: &mut Vec<u8>, ask: &Ask, object: &Stored) {
    match converted(ask, object) {
        None => object.write_members(out),
        Some(Value::Object(map)) => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                json::write(out, key);
                out.push(b':');
                json::write(out, value);
            }
        }
        Some(_) => {}
    }
}

/// Writes `PartialObjectMetadata` of an object.
pub(crate) fn write_partial(out: &mut Vec<u8>, object: &Stored, beta: bool) {
    write_head(out, meta_version(beta), "PartialObjectMetadata");
    out.extend_from_slice(b",\"metadata\":");
    object.write_metadata(out);
    out.push(b'}');
}

fn meta_version(beta: bool) -> &'static str {
    if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" }
}

/// An object with `kind` and `apiVersion`.
pub(crate) fn stamped(mut value: Value, api_version: &str, kind: &str) -> Value {
    let map = json::map(&mut value);
    map.insert("apiVersion".to_owned(), api_version.into());
    map.insert("kind".to_owned(), kind.into());
    value
}

/// `PartialObjectMetadata` of an object.
pub(crate) fn partial(object: &Value, beta: bool) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": meta_version(beta),
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| Value::Object(Map::new())),
    })
}

/// An object as clients of this resource and version see it, where that is not as it is kept.
pub(crate) fn converted(ask: &Ask, object: &Stored) -> Option<Value> {
    if ask.resource.group == "events.k8s.io" {
        return Some(super::builtin::events::to_events_k8s_io(&object.value()));
    }
    if ask.resource.type_of(&ask.version) != ask.resource.type_name {
        return Some(super::builtin::autoscaler::to_v1(&object.value()));
    }
    let custom = ask.served().and_then(|v| v.custom.as_ref())?;
    // What was written under this definition has its defaults already.
    if !custom.schema.has_defaults() || (object.revision > ask.resource.since && ask.resource.versions.len() == 1) {
        return None;
    }
    let mut value = object.value();
    custom.schema.fill(&mut value);
    Some(value)
}

/// An object as clients of this resource and version see it.
pub(crate) fn shown(ask: &Ask, object: &Stored) -> Value {
    converted(ask, object).unwrap_or_else(|| object.value())
}

/// The answer that is one object.
pub(crate) fn object(ask: &Ask, status: u16, object: &Stored) -> Result<Reply, Failure> {
    let mut reply = match ask.accept.form {
        Form::Whole | Form::Discovery { .. } if spelled(ask) => {
            let accept = Accept { pretty: true, ..ask.accept };
            value(status, &stamped(shown(ask, object), &ask.api_version(), &ask.resource.kind), accept)
        }
        Form::Whole | Form::Discovery { .. } => {
            let mut out = Vec::with_capacity(object.weight(None).saturating_add(512));
            write_object(&mut out, ask, object);
            json_reply(status, out)
        }
        Form::Partial { list: true, .. } => {
            let message =
                format!("you requested PartialObjectMetadataList, but the requested object is not a list (*{})", go_type(ask, false));
            return Err(Failure::new(406, "NotAcceptable", message, None));
        }
        Form::Partial { beta, .. } if spelled(ask) => value(status, &partial(&shown(ask, object), beta), ask.accept),
        Form::Partial { beta, .. } => {
            let mut out = Vec::with_capacity(1024);
            write_partial(&mut out, object, beta);
            json_reply(status, out)
        }
        Form::Table { beta } => {
            check_include(ask)?;
            let metadata = json!({"resourceVersion": object.revision.to_string()});
            value(status, &table::of(ask, &[shown(ask, object)], metadata, beta, true), ask.accept)
        }
    };
    warn(&mut reply, &ask.warnings);
    Ok(reply)
}

/// Whether an answer is anything but JSON on one line, which is written from the text that is kept.
fn spelled(ask: &Ask) -> bool {
    ask.accept.yaml || ask.accept.protobuf || ask.accept.pretty || ask.query.flag("pretty")
}

fn json_reply(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, content_type: JSON, headers: Vec::new(), body: body.into() }
}

/// The answer that is a list.
pub(crate) fn list(ask: &Ask, metadata: Value, items: &[Arc<Stored>]) -> Result<Reply, Failure> {
    match ask.accept.form {
        Form::Table { beta } => {
            let rows: Vec<Value> = items.iter().map(|i| shown(ask, i)).collect();
            check_include(ask)?;
            Ok(value(200, &table::of(ask, &rows, metadata, beta, true), ask.accept))
        }
        Form::Partial { list: false, .. } => {
            let message = format!("you requested PartialObjectMetadata, but the requested object is a list (*{})", go_type(ask, true));
            Err(Failure::new(406, "NotAcceptable", message, None))
        }
        Form::Partial { beta, .. } if spelled(ask) => {
            let items: Vec<Value> = items.iter().map(|i| partial(&shown(ask, i), beta)).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": meta_version(beta), "metadata": metadata, "items": items});
            Ok(value(200, &list, ask.accept))
        }
        Form::Partial { beta, .. } => {
            let each = |out: &mut Vec<u8>, item: &Stored| write_partial(out, item, beta);
            Ok(json_reply(200, written_list(meta_version(beta), "PartialObjectMetadataList", &metadata, items, each)))
        }
        Form::Whole | Form::Discovery { .. } => {
            let (api_version, custom) = (ask.api_version(), ask.resource.custom());
            let metadata = if custom { with_continue(metadata) } else { metadata };
            if spelled(ask) {
                let shown = items.iter().map(|i| shown(ask, i));
                let items: Vec<Value> = shown.map(|i| if custom { stamped(i, &api_version, &ask.resource.kind) } else { i }).collect();
                let list = json!({"kind": ask.resource.list_kind, "apiVersion": api_version, "metadata": metadata, "items": items});
                return Ok(value(200, &list, Accept { pretty: true, ..ask.accept }));
            }
            let each = |out: &mut Vec<u8>, item: &Stored| {
                if custom {
                    return write_object(out, ask, item);
                }
                out.push(b'{');
                write_members(out, ask, item);
                out.push(b'}');
            };
            let mut reply = json_reply(200, written_list(&api_version, &ask.resource.list_kind, &metadata, items, each));
            warn(&mut reply, &ask.warnings);
            Ok(reply)
        }
    }
}

fn written_list(api_version: &str, kind: &str, metadata: &Value, items: &[Arc<Stored>], each: impl Fn(&mut Vec<u8>, &Stored)) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len().saturating_mul(1024).saturating_add(256));
    write_head(&mut out, api_version, kind);
    out.extend_from_slice(b",\"metadata\":");
    json::write(&mut out, metadata);
    out.extend_from_slice(b",\"items\":[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(&mut out, item);
    }
    out.extend_from_slice(b"]}");
    out
}

fn check_include(ask: &Ask) -> Result<(), Failure> {
    let include = ask.query.text("includeObject");
    if matches!(include, "" | "None" | "Metadata" | "Object") {
        return Ok(());
    }
    let why = format!("includeObject: Invalid value: {include:?}: must be 'Metadata', 'Object', 'None', or empty");
    Err(Failure::bad_request(format!("Unable to convert to Table as requested: {why}")))
}

// Lists of custom resources always name `continue`, even empty.
fn with_continue(mut metadata: Value) -> Value {
    json::default(json::map(&mut metadata), "continue", "");
    metadata
}

/// The name of the Go type the real server keeps such an object in.
fn go_type(ask: &Ask, list: bool) -> String {
    if ask.resource.custom() {
        return format!("unstructured.Unstructured{}", if list { "List" } else { "" });
    }
    let package = ask.resource.group.split('.').next().filter(|g| !g.is_empty()).unwrap_or("core");
    format!("{package}.{}{}", ask.resource.kind, if list { "List" } else { "" })
}
