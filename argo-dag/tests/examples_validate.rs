//! Upstream's example manifests have nothing wrong. Reads `examples/workflows` below `ARGO_CONFORMANCE_DIR`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn examples_have_nothing_wrong() {
    let Some(dir) = std::env::var_os("ARGO_CONFORMANCE_DIR") else { return };
    let mut found = Vec::new();
    files(&Path::new(&dir).join("examples/workflows"), &mut found);
    let mut all = Vec::new();
    let mut shelf = Shelf::default();
    for path in &found {
        for document in yaml::parse_documents(&std::fs::read_to_string(path).unwrap()).unwrap() {
            let kind = document.value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            if kind == "WorkflowTemplate" {
                let template: WorkflowTemplate = serde_json::from_value(document.value.clone()).unwrap();
                shelf.namespaced.insert(template.metadata.name.clone(), Arc::new(template));
            } else if kind == "ClusterWorkflowTemplate" {
                let template: ClusterWorkflowTemplate = serde_json::from_value(document.value.clone()).unwrap();
                shelf.cluster.insert(template.metadata.name.clone(), Arc::new(template));
            }
            all.push((path, kind, document.value));
        }
    }
    let mut wrong = Vec::new();
    for (path, kind, value) in &all {
        for diagnostic in validate::manifest(kind, value, &shelf, &Options { lint: true, ..Options::default() }) {
            wrong.push(format!("{}: {}: {} ({})", path.display(), diagnostic.path, diagnostic.message, diagnostic.hint));
        }
    }
    for (path, kind, value) in &all {
        for diagnostic in validate::advice(kind, value) {
            wrong.push(format!("{}: {}: {} ({})", path.display(), diagnostic.path, diagnostic.message, diagnostic.hint));
        }
    }
    println!("{} documents, {} diagnostics", all.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
