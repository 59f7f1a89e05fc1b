//! What label and field selectors see of an object.

use std::borrow::Cow;

use argo_core::selector::{FieldSelector, LabelSelector};
use serde_json::Value;

use super::failure::Failure;

/// A label selector of a query parameter.
pub(crate) fn labels(text: &str) -> Result<LabelSelector, Failure> {
    text.parse().map_err(|error: argo_core::selector::LabelSelectorError| Failure::bad_request(error.to_string()))
}

/// A field selector of a query parameter.
pub(crate) fn fields(text: &str) -> Result<FieldSelector, Failure> {
    text.parse().map_err(|error: argo_core::selector::FieldSelectorError| Failure::bad_request(error.to_string()))
}

/// The `LabelSelector` of an object; what is missing or broken selects nothing.
pub(crate) fn of_object(selector: Option<&Value>) -> LabelSelector {
    let read = selector.and_then(|s| serde_json::from_value(s.clone()).ok());
    LabelSelector::from_object(read.as_ref()).unwrap_or_else(|_| LabelSelector::nothing())
}

/// Whether an object's labels are selected.
pub(crate) fn label_match(selector: &LabelSelector, object: &Value) -> bool {
    if selector.is_everything() {
        return true;
    }
    let labels = object.get("metadata").and_then(|m| m.get("labels"));
    selector.selects(|key| labels.and_then(|l| l.get(key)).and_then(Value::as_str))
}

/// Whether an object's fields are selected; a field that is missing counts as its zero value.
pub(crate) fn field_match(selector: &FieldSelector, object: &Value) -> bool {
    selector.matches(|field| Some(field_text(object, field)))
}

fn field_text<'v>(object: &'v Value, field: &str) -> Cow<'v, str> {
    match field.split('.').try_fold(object, |value, part| value.get(part)) {
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(Value::Null) => Cow::Borrowed(""),
        Some(other) => Cow::Owned(other.to_string()),
        None => Cow::Borrowed(match field {
            "spec.unschedulable" | "spec.hostNetwork" => "false",
            "status.successful" | "status.replicas" => "0",
            _ => "",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_match_by_labels_and_fields() {
        let object = json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"n": 3}, "status": {"phase": "Running"}});
        assert!(label_match(&labels("a in (b,c),!x").unwrap(), &object));
        assert!(!label_match(&labels("x").unwrap(), &object));
        assert!(label_match(&of_object(Some(&json!({"matchLabels": {"a": "b"}}))), &object));
        assert!(!label_match(&of_object(None), &object));
        assert!(field_match(&fields("metadata.name=x,status.phase!=Failed,spec.n=3,spec.nodeName=").unwrap(), &object));
        assert!(field_match(&fields("spec.unschedulable=false").unwrap(), &object));
        assert!(!field_match(&fields("spec.n!=3").unwrap(), &object));
    }
}
