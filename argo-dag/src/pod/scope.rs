//! The names that the key format of an artifact repository may use.

use std::collections::BTreeMap;

use argo_core::meta::Time;
use argo_lang::Value;

use super::PodRequest;

/// Letters of the date formats that `workflow.creationTimestamp.<letter>` knows.
const DATE_LETTERS: [&str; 15] = ["B", "b", "m", "A", "a", "d", "H", "I", "M", "S", "Y", "y", "p", "Z", "z"];

pub(super) fn of(request: &PodRequest<'_>) -> BTreeMap<String, Value> {
    let metadata = &request.workflow.metadata;
    let mut names = BTreeMap::new();
    let mut put = |name: String, value: &str| names.insert(name, Value::from(value));
    put("workflow.name".to_owned(), &metadata.name);
    put("workflow.namespace".to_owned(), &metadata.namespace);
    put("workflow.uid".to_owned(), &metadata.uid);
    put("workflow.mainEntrypoint".to_owned(), &request.spec.entrypoint);
    put("workflow.serviceAccountName".to_owned(), &request.spec.service_account_name);
    if let Some(priority) = request.spec.priority {
        put("workflow.priority".to_owned(), &priority.to_string());
    }
    if let Some(Time(at)) = metadata.creation_timestamp {
        put("workflow.creationTimestamp".to_owned(), &Time(at).to_string());
        put("workflow.creationTimestamp.RFC3339".to_owned(), &Time(at).to_string());
        put("workflow.creationTimestamp.s".to_owned(), &at.as_second().to_string());
        for letter in DATE_LETTERS {
            put(format!("workflow.creationTimestamp.{letter}"), &at.strftime(&format!("%{letter}")).to_string());
        }
    }
    for (key, value) in &metadata.labels {
        put(format!("workflow.labels.{key}"), value);
    }
    for (key, value) in &metadata.annotations {
        put(format!("workflow.annotations.{key}"), value);
    }
    for parameter in &request.spec.arguments.parameters {
        if let Some(value) = parameter.value.as_ref().or(parameter.default.as_ref()) {
            put(format!("workflow.parameters.{}", parameter.name), value.as_str());
        }
    }
    for parameter in &request.template.inputs.parameters {
        if let Some(value) = parameter.value.as_ref().or(parameter.default.as_ref()) {
            put(format!("inputs.parameters.{}", parameter.name), value.as_str());
        }
    }
    put("pod.name".to_owned(), request.pod_name);
    put("node.name".to_owned(), request.node_name);
    names
}
