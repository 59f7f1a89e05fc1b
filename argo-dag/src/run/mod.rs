//! One workflow being run: events in, effects out, the status as a patch.

use std::sync::Arc;

use argo_core::workflows::Workflow;
use argo_core::{Keyed, Reason};
use jiff::Timestamp;
use serde_json::Value;

use crate::pod::PodOptions;
use crate::{Effect, Library, TaskEvent};

/// Settings of the controller that shape runs.
#[derive(Clone, Debug, Default)]
pub struct RunConfig {
    /// How pods are made.
    pub pod: PodOptions,
    /// Defaults for what a workflow leaves open (`workflowDefaults` of the controller's configuration).
    pub defaults: Option<Box<Workflow>>,
}

/// A workflow that cannot be run at all; the sentence becomes its message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The spec is at fault.
    #[error("{0}")]
    Invalid(String),
}

/// One workflow's run. Loading it from a status and having handled the events that led there are the same.
pub struct WorkflowRun {
    workflow: Workflow,
}

impl WorkflowRun {
    /// Starts from the object as it is stored, new or half done.
    ///
    /// # Errors
    /// When the workflow cannot be run at all.
    pub fn load(workflow: &Workflow, library: Arc<dyn Library>, config: Arc<RunConfig>, now: Timestamp) -> Result<Self, LoadError> {
        let _ = (library, config, now);
        Ok(Self { workflow: workflow.clone() })
    }

    /// Something happened. Afterwards [`poll_effect`](Self::poll_effect) is to be drained, and [`poll_timeout`](Self::poll_timeout) and [`take_patch`](Self::take_patch) may have changed.
    pub fn handle(&mut self, event: TaskEvent, now: Timestamp) {
        let _ = (event, now);
    }

    /// What is to be done next.
    pub fn poll_effect(&mut self) -> Option<Keyed<Effect>> {
        None
    }

    /// When a [`TaskEvent::Tick`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// The JSON merge patch of what changed since the last call: status, labels, annotations.
    pub fn take_patch(&mut self) -> Option<Value> {
        None
    }

    /// The workflow with its status as it is now.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// Why everything that waits, was skipped or omitted does so.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        Vec::new()
    }
}
