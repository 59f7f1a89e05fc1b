//! The workflow engine as the controller asks for it.

use std::sync::Arc;

use argo_core::Keyed;
use argo_core::workflows::{ClusterWorkflowTemplate, Workflow, WorkflowTemplate};
use argo_dag::{Effect, PodSeen, RunConfig, TaskEvent, WorkflowRun};
use argo_kube::workflow::{self, Run, Runs};
use jiff::Timestamp;
use serde_json::Value;

/// Runs of [`argo_dag`].
pub struct DagRuns {
    /// Settings that shape them.
    pub config: Arc<RunConfig>,
}

struct DagRun(WorkflowRun);

/// The controller's caches as the engine asks them.
struct Shelf(Arc<dyn workflow::Library>);

impl argo_dag::Library for Shelf {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        self.0.workflow_template(name)
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        self.0.cluster_workflow_template(name)
    }

    fn config_map(&self, name: &str) -> Option<Arc<Value>> {
        self.0.config_map(name)
    }
}

impl Run for DagRun {
    fn handle(&mut self, event: TaskEvent, now: Timestamp) {
        self.0.handle(event, now);
    }

    fn poll_effect(&mut self) -> Option<Keyed<Effect>> {
        self.0.poll_effect()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.0.poll_timeout()
    }

    fn take_patch(&mut self) -> Option<Value> {
        self.0.take_patch()
    }

    fn phase(&self) -> &str {
        self.0.phase()
    }
}

impl Runs for DagRuns {
    fn load(&self, workflow: &Workflow, library: Arc<dyn workflow::Library>, now: Timestamp) -> Result<Box<dyn Run>, String> {
        let run = WorkflowRun::load(workflow, Arc::new(Shelf(library)), Arc::clone(&self.config), now).map_err(|e| e.to_string())?;
        Ok(Box::new(DagRun(run)))
    }

    fn pod_seen(&self, pod: &Value) -> Option<PodSeen> {
        argo_dag::pod::seen(pod)
    }
}
