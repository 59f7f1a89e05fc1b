//! Errors as clients see them: `Status` objects with the reasons, codes and sentences of kube-apiserver.

use serde_json::{Value, json};

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Cause {
    fn new(reason: &'static str, field: impl Into<String>, message: String) -> Self {
        Self { reason, field: field.into(), message }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self::new("FieldValueInvalid", field, format!("Invalid value: {}: {why}", show(value)))
    }

    pub(crate) fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self::new("FieldValueRequired", field, message)
    }

    pub(crate) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {why}"))
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let list: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
        Self::new("FieldValueNotSupported", field, format!("Unsupported value: {}: supported values: {}", show(value), list.join(", ")))
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueDuplicate", field, format!("Duplicate value: {}", show(value)))
    }

    pub(crate) fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueNotFound", field, format!("Not found: {}", show(value)))
    }

    pub(crate) fn too_long(field: impl Into<String>, limit: usize) -> Self {
        Self::new("FieldValueTooLong", field, format!("Too long: may not be more than {limit} bytes"))
    }

    pub(crate) fn other(reason: &'static str, field: impl Into<String>, message: String) -> Self {
        Self::new(reason, field, message)
    }
}

/// A value as messages show it: strings in quotes, the rest as JSON.
fn show(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// The resource an error is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) group: &'a str,
    /// Plural, or kind for validation errors.
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
}

impl Named<'_> {
    fn qualified(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    fn details(&self) -> Value {
        let mut details = serde_json::Map::new();
        for (key, value) in [("name", self.name), ("group", self.group), ("kind", self.kind)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), value.into());
            }
        }
        Value::Object(details)
    }
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
    plain: bool,
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>, details: Option<Value>) -> Self {
        Self(Box::new(Inner { code, reason, message: message.into(), details, plain: false }))
    }

    pub(crate) fn code(&self) -> u16 {
        self.0.code
    }

    pub(crate) fn reason(&self) -> &'static str {
        self.0.reason
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The text for answers that are no `Status`, as for paths nobody serves.
    pub(crate) fn plain(&self) -> Option<&str> {
        self.0.plain.then_some(self.0.message.as_str())
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.0.details.as_ref()?.get("retryAfterSeconds")?.as_u64()
    }

    pub(crate) fn status(&self) -> Value {
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": self.0.code});
        if let Some(map) = status.as_object_mut() {
            if !self.0.message.is_empty() {
                map.insert("message".to_owned(), self.0.message.as_str().into());
            }
            if !self.0.reason.is_empty() {
                map.insert("reason".to_owned(), self.0.reason.into());
            }
            if let Some(details) = &self.0.details {
                map.insert("details".to_owned(), details.clone());
            }
        }
        status
    }

    pub(crate) fn no_such_page() -> Self {
        let mut failure = Self::new(404, "NotFound", "404 page not found\n", None);
        failure.0.plain = true;
        failure
    }

    pub(crate) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource", Some(json!({})))
    }

    pub(crate) fn not_found(what: Named<'_>) -> Self {
        Self::new(404, "NotFound", format!("{} {:?} not found", what.qualified(), what.name), Some(what.details()))
    }

    pub(crate) fn already_exists(what: Named<'_>, deleting: bool) -> Self {
        let before = if deleting { "object is being deleted: " } else { "" };
        let message = format!("{before}{} {:?} already exists", what.qualified(), what.name);
        Self::new(409, "AlreadyExists", message, Some(what.details()))
    }

    pub(crate) fn conflict(what: Named<'_>, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {:?}: {why}", what.qualified(), what.name);
        Self::new(409, "Conflict", message, Some(what.details()))
    }

    pub(crate) fn modified(what: Named<'_>) -> Self {
        Self::conflict(what, "the object has been modified; please apply your changes to the latest version and try again")
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, None)
    }

    pub(crate) fn forbidden(what: Named<'_>, why: &str) -> Self {
        let message = if what.name.is_empty() {
            format!("{} is forbidden: {why}", what.qualified())
        } else {
            format!("{} {:?} is forbidden: {why}", what.qualified(), what.name)
        };
        Self::new(403, "Forbidden", message, Some(what.details()))
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", Some(json!({})))
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        let text = message.to_string();
        let details = json!({"causes": [{"message": text}]});
        Self::new(500, "InternalError", format!("Internal error occurred: {text}"), Some(details))
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message, None)
    }

    /// The object is not valid. `what.kind` is the kind, not the plural.
    pub(crate) fn invalid(what: Named<'_>, causes: &[Cause]) -> Self {
        let mut details = what.details();
        let list: Vec<Value> = causes.iter().map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field})).collect();
        if let Some(map) = details.as_object_mut() {
            map.insert("causes".to_owned(), list.into());
        }
        let mut lines: Vec<String> = Vec::new();
        for cause in causes {
            let line = format!("{}: {}", cause.field, cause.message);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let text = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        Self::new(422, "Invalid", format!("{} {:?} is invalid: {text}", what.qualified(), what.name), Some(details))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_those_of_the_real_server() {
        let what = Named { group: "apps", kind: "deployments", name: "a" };
        assert_eq!(Failure::not_found(what).status()["message"], "deployments.apps \"a\" not found");
        let kind = Named { group: "", kind: "Pod", name: "a" };
        let one = Failure::invalid(kind, &[Cause::required("spec.containers", "")]);
        assert_eq!(one.status()["message"], "Pod \"a\" is invalid: spec.containers: Required value");
    }
}
