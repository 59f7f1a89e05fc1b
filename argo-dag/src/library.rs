//! What workflows refer to.

use std::sync::Arc;

use argo_core::workflows::{ClusterWorkflowTemplate, WorkflowTemplate};
use serde_json::Value;

/// Answers from caches: asking costs nothing and has no side effect.
pub trait Library: Send + Sync {
    /// A template of the workflow's namespace.
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>>;
    /// A template of the whole cluster.
    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>>;
    /// A whole ConfigMap of the workflow's namespace.
    fn config_map(&self, name: &str) -> Option<Arc<Value>>;
}

/// A library that holds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl Library for Empty {
    fn workflow_template(&self, _name: &str) -> Option<Arc<WorkflowTemplate>> {
        None
    }

    fn cluster_workflow_template(&self, _name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        None
    }

    fn config_map(&self, _name: &str) -> Option<Arc<Value>> {
        None
    }
}
