//! Manifests and what upstream says is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_core::workflows::{ClusterWorkflowTemplate, WorkflowTemplate};
use argo_core::{strict, yaml};
use argo_dag::Library;
use argo_dag::validate::{self, Options};
use serde_json::{Value, json};

use crate::{Ctx, Outcome};

/// Templates that stand before the manifest under test.
#[derive(Default)]
struct Shelf {
    namespaced: BTreeMap<String, Arc<WorkflowTemplate>>,
    cluster: BTreeMap<String, Arc<ClusterWorkflowTemplate>>,
}

impl Library for Shelf {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        self.namespaced.get(name).cloned()
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        self.cluster.get(name).cloned()
    }

    fn config_map(&self, _name: &str) -> Option<Arc<Value>> {
        None
    }
}

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    if case.to_string().contains("$opaque") {
        return Outcome::Skip("a value of the case is not known".to_owned());
    }
    let kind = case.get("api").and_then(Value::as_str).unwrap_or_default();
    let found = match errors(case, kind) {
        Ok(found) => found,
        Err(message) => return Outcome::Fail(message),
    };
    let texts = |key: &str| case.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    match (case.get("expect").and_then(Value::as_str), found.first()) {
        (Some("ok"), None) => Outcome::Pass,
        (Some("ok"), Some(first)) => Outcome::Fail(format!("nothing is wrong with it, but: {first}")),
        (_, None) => Outcome::Fail(format!("nothing was found wrong, expected {:?} {:?}", texts("err_contains"), case.get("err_equals"))),
        (_, Some(first)) => {
            let equals = case.get("err_equals").and_then(Value::as_str).is_none_or(|text| text == first);
            let contains = texts("err_contains").iter().all(|text| first.contains(text));
            if equals && contains {
                Outcome::Pass
            } else {
                Outcome::Fail(format!("{first:?}, expected {:?} {:?}", texts("err_contains"), case.get("err_equals")))
            }
        }
    }
}

/// What is found wrong, in order.
fn errors(case: &Value, kind: &str) -> Result<Vec<String>, String> {
    let manifest = match read(case.get("yaml").unwrap_or(&Value::Null), kind)? {
        Ok(manifest) => manifest,
        Err(found) => return Ok(found),
    };
    let mut shelf = Shelf::default();
    for text in case.get("prereqs").and_then(Value::as_array).into_iter().flatten() {
        let kind = document(text)?.get("kind").and_then(Value::as_str).unwrap_or("WorkflowTemplate").to_owned();
        let template = read(text, &kind)?.map_err(|found| format!("a template before it: {}", found.join("; ")))?;
        if kind == "ClusterWorkflowTemplate" {
            let template: ClusterWorkflowTemplate = strict::from_yaml_value(template).map_err(|e| e.to_string())?;
            shelf.cluster.insert(template.metadata.name.clone(), Arc::new(template));
        } else if kind == "WorkflowTemplate" {
            let template: WorkflowTemplate = strict::from_yaml_value(template).map_err(|e| e.to_string())?;
            shelf.namespaced.insert(template.metadata.name.clone(), Arc::new(template));
        }
    }
    let flag = |key: &str| case.pointer(&format!("/opts/{key}")).and_then(Value::as_bool) == Some(true);
    let defaults = case.get("defaults").filter(|d| !d.is_null());
    let options = Options {
        lint: flag("Lint"),
        submit: flag("Submit"),
        is_template: false,
        defaults: defaults.map(|d| serde_json::from_value(d.clone())).transpose().map_err(|e| e.to_string())?,
    };
    Ok(validate::manifest(kind, &manifest, &shelf, &options).iter().map(ToString::to_string).collect())
}

fn document(text: &Value) -> Result<Value, String> {
    let Some(text) = text.as_str() else { return Ok(text.clone()) };
    let documents = yaml::parse_documents(text).map_err(|e| e.to_string())?;
    Ok(documents.into_iter().next().map(|d| d.value).unwrap_or_default())
}

/// Reads a manifest strictly as the kind that the case calls for, whatever kind it says it is.
fn read(text: &Value, kind: &str) -> Result<Result<Value, Vec<String>>, String> {
    let mut value = document(text)?;
    if let Some(map) = value.as_object_mut() {
        map.insert("kind".to_owned(), json!(kind));
        map.insert("apiVersion".to_owned(), json!("argoproj.io/v1alpha1"));
    }
    let reading = strict::read(&value.to_string(), "case.yaml");
    if reading.errors.is_empty() {
        return Ok(Ok(value));
    }
    Ok(Err(reading.errors.iter().map(strict::StrictError::upstream).collect()))
}
