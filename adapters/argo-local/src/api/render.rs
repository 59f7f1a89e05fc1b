//! Answers as bytes.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::failure::Failure;
use super::negotiate::{Accept, Form};
use super::store::Stored;
use super::{Answer, Api, Reply, json};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// A value in the form that was asked for.
pub(crate) fn value(status: u16, value: &Value, accept: Accept) -> Reply {
    if accept.yaml
        && let Ok(text) = argo_core::yaml::to_string(value)
    {
        return Reply { status, content_type: YAML, headers: Vec::new(), body: text.into() };
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

/// Writes an object with its `kind` and `apiVersion` in front.
pub(crate) fn write_object(out: &mut Vec<u8>, api_version: &str, kind: &str, object: &Value) {
    let Value::Object(map) = object else { return };
    out.extend_from_slice(b"{\"kind\":");
    write_json(out, &kind);
    out.extend_from_slice(b",\"apiVersion\":");
    write_json(out, &api_version);
    for (key, value) in map {
        out.push(b',');
        write_json(out, key);
        out.push(b':');
        write_json(out, value);
    }
    out.push(b'}');
}

fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Writing JSON values to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// An object with `kind` and `apiVersion`.
pub(crate) fn stamped(object: &Value, api_version: &str, kind: &str) -> Value {
    let mut value = object.clone();
    let map = json::map(&mut value);
    map.insert("apiVersion".to_owned(), api_version.into());
    map.insert("kind".to_owned(), kind.into());
    value
}

/// `PartialObjectMetadata` of an object.
pub(crate) fn partial(object: &Value, beta: bool) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" },
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| Value::Object(Map::new())),
    })
}

impl Api {
    /// An object as a client of this resource and version sees it.
    pub(crate) fn shown<'a>(&self, ask: &Ask, object: &'a Value) -> Cow<'a, Value> {
        if ask.resource.group == "events.k8s.io" {
            return Cow::Owned(super::builtin::events::to_events_k8s_io(object));
        }
        if ask.resource.type_of(&ask.version) != ask.resource.type_name {
            return Cow::Owned(super::builtin::autoscaler::to_v1(object));
        }
        match ask.served().and_then(|v| v.custom.as_ref()) {
            Some(custom) if custom.schema.has_defaults() => {
                let mut value = object.clone();
                custom.schema.fill(&mut value);
                Cow::Owned(value)
            }
            _ => Cow::Borrowed(object),
        }
    }

    /// The answer that is one object.
    pub(crate) fn object_reply(&self, ask: &Ask, status: u16, object: &Stored) -> Result<Answer, Failure> {
        self.value_reply(ask, status, &object.value)
    }

    /// The answer that is one object, kept or not.
    pub(crate) fn value_reply(&self, ask: &Ask, status: u16, object: &Value) -> Result<Answer, Failure> {
        let object = self.shown(ask, object);
        let mut reply = match ask.accept.form {
            Form::Whole | Form::Discovery { .. } if ask.accept.yaml || ask.accept.pretty || ask.query.flag("pretty") => {
                let accept = Accept { pretty: true, ..ask.accept };
                value(status, &stamped(&object, &ask.api_version(), &ask.resource.kind), accept)
            }
            Form::Whole | Form::Discovery { .. } => {
                let mut out = Vec::with_capacity(1024);
                write_object(&mut out, &ask.api_version(), &ask.resource.kind, &object);
                Reply { status, content_type: JSON, headers: Vec::new(), body: out.into() }
            }
            Form::Partial { list: true, .. } => {
                let message =
                    format!("you requested PartialObjectMetadataList, but the requested object is not a list (*{})", go_type(ask, false));
                return Err(Failure::new(406, "NotAcceptable", message, None));
            }
            Form::Partial { beta, .. } => value(status, &partial(&object, beta), ask.accept),
            Form::Table { beta } => {
                check_include(ask)?;
                let revision = json::meta(&object, "resourceVersion").to_owned();
                value(status, &self.table_of(ask, &[&*object], json!({"resourceVersion": revision}), beta, true), ask.accept)
            }
        };
        warn(&mut reply, &ask.warnings);
        Ok(Answer::Whole(reply))
    }

    /// The answer that is a list.
    pub(crate) fn list_reply(&self, ask: &Ask, metadata: Value, items: &[std::sync::Arc<Stored>]) -> Result<Answer, Failure> {
        let shown: Vec<Cow<'_, Value>> = items.iter().map(|i| self.shown(ask, &i.value)).collect();
        match ask.accept.form {
            Form::Table { beta } => {
                let rows: Vec<&Value> = shown.iter().map(|i| &**i).collect();
                check_include(ask)?;
                Ok(Answer::Whole(value(200, &self.table_of(ask, &rows, metadata, beta, true), ask.accept)))
            }
            Form::Partial { list: false, .. } => {
                let message = format!("you requested PartialObjectMetadata, but the requested object is a list (*{})", go_type(ask, true));
                Err(Failure::new(406, "NotAcceptable", message, None))
            }
            Form::Partial { beta, .. } => {
                let items: Vec<Value> = shown.iter().map(|i| partial(i, beta)).collect();
                let api_version = if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
                let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": metadata, "items": items});
                Ok(Answer::Whole(value(200, &list, ask.accept)))
            }
            Form::Whole | Form::Discovery { .. } => {
                let (api_version, custom) = (ask.api_version(), ask.resource.custom());
                let metadata = if custom { with_continue(metadata) } else { metadata };
                if ask.accept.yaml || ask.query.flag("pretty") {
                    let items: Vec<Value> = shown
                        .iter()
                        .map(|i| if custom { stamped(i, &api_version, &ask.resource.kind) } else { i.clone().into_owned() })
                        .collect();
                    let list = json!({"kind": ask.resource.list_kind, "apiVersion": api_version, "metadata": metadata, "items": items});
                    return Ok(Answer::Whole(value(200, &list, Accept { pretty: true, ..ask.accept })));
                }
                let mut out = Vec::with_capacity(items.len().saturating_mul(1024).saturating_add(256));
                out.extend_from_slice(b"{\"kind\":");
                write_json(&mut out, &ask.resource.list_kind);
                out.extend_from_slice(b",\"apiVersion\":");
                write_json(&mut out, &api_version);
                out.extend_from_slice(b",\"metadata\":");
                write_json(&mut out, &metadata);
                out.extend_from_slice(b",\"items\":[");
                for (index, item) in shown.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    if custom {
                        write_object(&mut out, &api_version, &ask.resource.kind, item);
                    } else {
                        write_json(&mut out, &**item);
                    }
                }
                out.extend_from_slice(b"]}");
                let mut reply = Reply { status: 200, content_type: JSON, headers: Vec::new(), body: out.into() };
                warn(&mut reply, &ask.warnings);
                Ok(Answer::Whole(reply))
            }
        }
    }
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
