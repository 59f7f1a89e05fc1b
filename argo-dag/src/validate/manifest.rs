//! From a manifest as it was written: what types no longer show is looked at here.

use argo_core::describe::Described;
use argo_core::strict;
use argo_core::workflows::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowTemplate};
use serde_json::Value;

use super::arguments::EMPTY_ENUM;
use super::{Diagnostic, Options};
use crate::Library;

/// Everything that is wrong with a manifest of the given kind (`Workflow`, `WorkflowTemplate`, `ClusterWorkflowTemplate` or `CronWorkflow`);
/// kinds that hold no workflow have nothing wrong.
///
/// This is the way in for files and requests: it also finds what the types cannot tell, such as an `enum` that is there and empty.
#[must_use]
pub fn manifest(kind: &str, manifest: &Value, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    let mut manifest = manifest.clone();
    mark(&mut manifest);
    match kind {
        "Workflow" => read(manifest, |w: Workflow| super::workflow(&w, library, options)),
        "WorkflowTemplate" => read(manifest, |w: WorkflowTemplate| super::workflow_template(&w, library, options)),
        "ClusterWorkflowTemplate" => read(manifest, |w: ClusterWorkflowTemplate| super::cluster_workflow_template(&w, library, options)),
        "CronWorkflow" => read(manifest, |w: CronWorkflow| super::cron_workflow(&w, library, options)),
        _ => Vec::new(),
    }
}

fn read<T: Described + serde::de::DeserializeOwned>(manifest: Value, check: impl FnOnce(T) -> Vec<Diagnostic>) -> Vec<Diagnostic> {
    match strict::from_yaml_value(manifest) {
        Ok(object) => check(object),
        Err(error) => vec![Diagnostic { path: String::new(), message: error.to_string(), hint: String::new() }],
    }
}

/// Marks parameters whose `enum` is there and empty.
fn mark(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(mark),
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                match inner {
                    Value::Array(list) if key == "parameters" => list.iter_mut().for_each(mark_parameter),
                    other => mark(other),
                }
            }
        }
        _ => {}
    }
}

fn mark_parameter(parameter: &mut Value) {
    if let Value::Object(map) = parameter
        && map.get("enum").and_then(Value::as_array).is_some_and(Vec::is_empty)
    {
        map.insert(EMPTY_ENUM.to_owned(), Value::Bool(true));
    }
}
