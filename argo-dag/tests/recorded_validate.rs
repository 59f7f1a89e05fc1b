//! Recorded workflows: what upstream refused is refused, in its words, and nothing else. Reads `workflows/recorded*.jsonl` below `ARGO_CONFORMANCE_DIR`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_core::workflows::{ClusterWorkflowTemplate, WorkflowTemplate};
use argo_core::yaml;
use argo_dag::Library;
use argo_dag::validate::{self, Options};
use serde_json::Value;

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

#[test]
fn what_upstream_refused_is_refused() {
    let Some(dir) = std::env::var_os("ARGO_CONFORMANCE_DIR").map(std::path::PathBuf::from) else { return };
    let (mut total, mut refused, mut wrong) = (0, 0, Vec::new());
    for file in ["recorded.jsonl", "recorded_examples.jsonl"] {
        let text = std::fs::read_to_string(dir.join("workflows").join(file)).unwrap();
        for record in text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()) {
            let mut shelf = Shelf::default();
            let mut subject = None;
            for manifest in record["manifests"].as_array().unwrap() {
                for document in yaml::parse_documents(manifest.as_str().unwrap()).unwrap() {
                    let value = document.value;
                    match value["kind"].as_str().unwrap_or_default() {
                        "WorkflowTemplate" => {
                            let template: WorkflowTemplate = serde_json::from_value(value).unwrap();
                            shelf.namespaced.insert(template.metadata.name.clone(), Arc::new(template));
                        }
                        "ClusterWorkflowTemplate" => {
                            let template: ClusterWorkflowTemplate = serde_json::from_value(value).unwrap();
                            shelf.cluster.insert(template.metadata.name.clone(), Arc::new(template));
                        }
                        "Workflow" if subject.is_none() => subject = Some(value),
                        _ => {}
                    }
                }
            }
            let Some(subject) = subject.filter(|_| record.get("rejected").is_none()) else { continue };
            total += 1;
            // A workflow whose template object is missing fails before it is looked at.
            let message = record["final"]["message"].as_str().unwrap_or_default();
            let missing = message.starts_with("workflowtemplates.") && message.ends_with("not found");
            let expected = message.strip_prefix("invalid spec: ").or(missing.then_some(message)).unwrap_or_default();
            refused += i32::from(!expected.is_empty());
            let found = validate::manifest("Workflow", &subject, &shelf, &Options::default());
            let first = found.first().map(ToString::to_string).unwrap_or_default();
            if first != expected {
                wrong.push(format!("{}: {first:?}, expected {expected:?}", record["id"].as_str().unwrap()));
            }
        }
    }
    println!("{total} workflows, {refused} refused by upstream, {} otherwise here", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
