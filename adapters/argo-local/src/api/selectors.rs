//! What label and field selectors see of an object.

use std::borrow::Cow;

use argo_core::selector::{FieldSelector, LabelSelector};
use serde_json::Value;

use super::failure::Failure;
use super::object::Stored;
use super::raw::Raw;

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

/// Whether the labels of an object that is kept are selected.
pub(crate) fn labels_match(selector: &LabelSelector, object: &Stored) -> bool {
    if selector.is_everything() {
        return true;
    }
    let labels = object.metadata().get("labels");
    selector.selects(|key| labels.and_then(|l| l.get(key)).and_then(Raw::plain))
}

/// Whether an object's fields are selected; a field that is missing counts as its zero value.
pub(crate) fn fields_match(selector: &FieldSelector, object: &Stored) -> bool {
    selector.matches(|field| Some(field_text(object, field)))
}

fn field_text<'v>(object: &'v Stored, field: &str) -> Cow<'v, str> {
    let path: Vec<&str> = field.split('.').collect();
    match object.at(&path) {
        Some(raw) if raw.is_null() => Cow::Borrowed(""),
        Some(raw) => raw.text().unwrap_or(Cow::Borrowed(raw.as_str())),
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
        let value = json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"n": 3}, "status": {"phase": "Running"}});
        let object = Stored::of(value.clone(), None);
        for (selector, matches) in [("a in (b,c),!x", true), ("x", false)] {
            let selector = labels(selector).unwrap();
            assert_eq!((label_match(&selector, &value), labels_match(&selector, &object)), (matches, matches));
        }
        assert!(label_match(&of_object(Some(&json!({"matchLabels": {"a": "b"}}))), &value));
        assert!(!label_match(&of_object(None), &value));
        assert!(fields_match(&fields("metadata.name=x,status.phase!=Failed,spec.n=3,spec.nodeName=").unwrap(), &object));
        assert!(fields_match(&fields("spec.unschedulable=false").unwrap(), &object));
        assert!(!fields_match(&fields("spec.n!=3").unwrap(), &object));
    }
}
