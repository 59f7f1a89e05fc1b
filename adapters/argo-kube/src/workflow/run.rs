//! The seam between the controller and the workflow engine: what the controller asks of a run, and what a run may ask of its surroundings.

use std::sync::Arc;

use argo_core::Keyed;
use argo_core::workflows::{ClusterWorkflowTemplate, Workflow, WorkflowTemplate};
use argo_dag::{Effect, PodSeen, TaskEvent};
use jiff::Timestamp;
use serde_json::Value;

/// What workflows refer to, answered from caches.
pub trait Library: Send + Sync {
    /// A template of the workflow's namespace.
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>>;
    /// A template of the whole cluster.
    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>>;
    /// A whole ConfigMap of the workflow's namespace.
    fn config_map(&self, name: &str) -> Option<Arc<Value>>;
}

/// One workflow being run.
pub trait Run: Send {
    /// Something happened.
    fn handle(&mut self, event: TaskEvent, now: Timestamp);
    /// What is to be done next; drained after each [`Run::handle`].
    fn poll_effect(&mut self) -> Option<Keyed<Effect>>;
    /// When a [`TaskEvent::Tick`] is wanted.
    fn poll_timeout(&self) -> Option<Timestamp>;
    /// The JSON merge patch of what changed since the last call.
    fn take_patch(&mut self) -> Option<Value>;
    /// The workflow's phase.
    fn phase(&self) -> &str;
}

/// Makes runs of workflows, new ones and ones that ran already.
pub trait Runs: Send + Sync + 'static {
    /// Starts from the object as it is stored.
    ///
    /// # Errors
    /// A sentence, when the workflow cannot be run at all; it becomes the workflow's message.
    fn load(&self, workflow: &Workflow, library: Arc<dyn Library>, now: Timestamp) -> Result<Box<dyn Run>, String>;
    /// What the engine wants to know of a pod; none when it is not a workflow's.
    fn pod_seen(&self, pod: &Value) -> Option<PodSeen>;
}
