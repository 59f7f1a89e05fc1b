//! Whether a manifest can be run, before it is.
//!
//! Upstream stops at the first thing that is wrong; here all are collected, in the order in which upstream looks.
//!
//! ```
//! use argo_core::workflows::Workflow;
//! use argo_dag::{library::Empty, validate};
//!
//! let workflow: Workflow = argo_core::yaml::from_str("
//! spec:
//!   entrypoint: mian
//!   templates:
//!   - name: main
//!     container: {image: busybox, command: [echo, '{{inputs.parameters.text}}']}
//! ").unwrap();
//! let found = validate::workflow(&workflow, &Empty, &validate::Options::default());
//! assert_eq!(found[0].to_string(), "template name 'mian' undefined");
//! assert_eq!(found[0].hint, "did you mean \"main\"?");
//! assert_eq!(found[1].to_string(), "templates.main templates.main: failed to resolve {{inputs.parameters.text}}");
//! assert_eq!(found[1].path, "spec.templates[0]");
//! ```

mod advice;
mod arguments;
mod checker;
mod cron;
mod dag;
mod leaf;
mod manifest;
mod names;
mod outputs;
mod spec;
mod steps;
mod tags;

use argo_core::workflows::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowTemplate};

use crate::Library;

pub use advice::advice;
pub use manifest::manifest;

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
    /// As `argo lint`: arguments may lack values.
    pub lint: bool,
    /// As when it is submitted.
    pub submit: bool,
    /// A template object (WorkflowTemplate, ClusterWorkflowTemplate) rather than a workflow: arguments may lack values, and there need be no entrypoint.
    pub is_template: bool,
    /// Defaults of the controller's configuration.
    pub defaults: Option<Box<Workflow>>,
}

/// Everything that is wrong with a workflow; upstream stops at the first, which is the first here too.
#[must_use]
pub fn workflow(workflow: &Workflow, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    if let Some(found) = names::too_long("workflow", &workflow.metadata.name, names::OBJECT_NAME) {
        return vec![found];
    }
    spec::workflow(workflow, library, options)
}

/// Everything that is wrong with a template of a namespace.
#[must_use]
pub fn workflow_template(template: &WorkflowTemplate, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    template_object("workflow template", &template.metadata, &template.spec, library, options)
}

/// Everything that is wrong with a template of the whole cluster.
#[must_use]
pub fn cluster_workflow_template(template: &ClusterWorkflowTemplate, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    template_object("cluster workflow template", &template.metadata, &template.spec, library, options)
}

fn template_object(
    what: &str,
    metadata: &argo_core::meta::ObjectMeta,
    spec: &argo_core::workflows::WorkflowSpec,
    library: &dyn Library,
    options: &Options,
) -> Vec<Diagnostic> {
    if let Some(found) = names::too_long(what, &metadata.name, names::OBJECT_NAME) {
        return vec![found];
    }
    let workflow = Workflow { metadata: metadata.clone(), spec: spec.clone(), ..Workflow::default() };
    spec::workflow(&workflow, library, &Options { is_template: true, ..options.clone() })
}

/// Everything that is wrong with a cron workflow: its schedule, and the workflow it makes.
#[must_use]
pub fn cron_workflow(cron: &CronWorkflow, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    cron::check(cron, library, options)
}
