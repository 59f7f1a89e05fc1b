//! The pods of leaf nodes: how they are built, what is seen of them, and what their end means.

mod artifacts;
mod build;
mod check;
mod mounts;
mod outcome;
mod scope;
mod seen;

use std::collections::BTreeMap;

use argo_core::meta::Time;
use argo_core::workflows::{ArtifactRepository, Template, Workflow, WorkflowSpec};
use serde_json::Value;

use crate::event::PodSeen;

pub(crate) use artifacts::has_location_or_key;

/// Settings of the controller that shape pods.
#[derive(Clone, Debug)]
pub struct PodOptions {
    /// Image of the `init` and `wait` containers.
    pub executor_image: String,
    /// When that image is pulled; empty: the cluster's default.
    pub executor_image_pull_policy: String,
    /// What an image would have run, by image name: for containers without a command.
    pub images: BTreeMap<String, ImageConfig>,
    /// Where artifacts go whose template does not say it.
    pub artifact_repository: Option<ArtifactRepository>,
    /// Merged into every pod's `main` container where the template leaves a field open.
    pub main_container: Option<Value>,
    /// Merged into every executor container.
    pub executor: Option<Value>,
    /// Volumes of every pod, for what `main_container` and `executor` mount.
    pub volumes: Vec<Value>,
    /// Instance id of the controller; becomes a label where it is not empty.
    pub instance_id: String,
    /// How much the executor logs: `debug`, `info`, `warn` or `error`.
    pub executor_log_level: String,
}

impl Default for PodOptions {
    fn default() -> Self {
        Self {
            executor_image: "quay.io/argoproj/argoexec:latest".to_owned(),
            executor_image_pull_policy: String::new(),
            images: BTreeMap::new(),
            artifact_repository: None,
            main_container: None,
            executor: None,
            volumes: Vec::new(),
            instance_id: String::new(),
            executor_log_level: "warn".to_owned(),
        }
    }
}

impl PodOptions {
    /// What is known of an image: by the whole name, else by the name without default registry, tag and digest, so that `alpine` stands for every version.
    #[must_use]
    pub fn image(&self, name: &str) -> Option<&ImageConfig> {
        self.images.get(name).or_else(|| {
            let name = name.split('@').next().unwrap_or_default();
            let name = match name.rsplit_once(':') {
                Some((repository, tag)) if !tag.contains('/') => repository,
                _ => name,
            };
            let name = name.strip_prefix("docker.io/").unwrap_or(name);
            self.images.get(name.strip_prefix("library/").unwrap_or(name))
        })
    }
}

/// What an image runs when a container names no command.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its arguments.
    pub cmd: Vec<String>,
}

/// All that one pod is made from.
pub struct PodRequest<'a> {
    /// The workflow; its metadata and status are read, its spec is not.
    pub workflow: &'a Workflow,
    /// The spec in force: workflow, its template reference and the defaults merged, globals substituted.
    pub spec: &'a WorkflowSpec,
    /// Id of the node.
    pub node_id: &'a str,
    /// Name of the node.
    pub node_name: &'a str,
    /// The template, fully substituted: inputs carry their values.
    pub template: &'a Template,
    /// Name under which the pod is created.
    pub pod_name: &'a str,
    /// Whether standard output is wanted as `outputs.result`.
    pub include_output: bool,
    /// When the workflow's or the template's deadline is over, whichever comes first.
    pub deadline: Option<Time>,
    /// Whether the node is (below) the workflow's exit handler: then the workflow's deadline does not hold.
    pub on_exit: bool,
    /// Hosts on which earlier attempts ran and that this one is to avoid (`retryStrategy.affinity`).
    pub avoid_hosts: &'a [String],
    /// Seconds from now until `deadline`, for `activeDeadlineSeconds` of the pod.
    pub seconds_left: Option<i64>,
}

/// A template that no pod can be made from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// The template is at fault; the sentence becomes the node's message.
    #[error("{0}")]
    Template(String),
}

/// Makes a complete pod, laid out as upstream's: `init`, `wait`, the main containers and sidecars, all but `init` and `wait` behind the emissary.
///
/// # Errors
/// When the template asks for something that cannot be.
pub fn build(request: &PodRequest<'_>, options: &PodOptions) -> Result<Value, PodError> {
    build::build(request, options)
}

/// Reason of a pod that no machine takes, and how the message of its node begins.
pub(crate) const UNSCHEDULABLE: &str = "Unschedulable";

/// What the engine wants to know of a pod; none when it is not a workflow's.
///
/// A pod that cannot be scheduled has the condition's words as its `reason` and `message`, where the pod has none of its own.
#[must_use]
pub fn seen(pod: &Value) -> Option<PodSeen> {
    seen::seen(pod)
}

/// What a pod's state means for its node, as upstream's `assessNodeStatus` has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Error`. A daemon that runs and is not ready yet is `Pending`; once it
    /// was ready, a later `Pending` says nothing new.
    pub phase: String,
    /// Why.
    pub message: String,
    /// Exit code of the main container, where it ended.
    pub exit_code: Option<i32>,
    /// Whether a daemon is ready: its node then counts as done.
    pub daemoned: bool,
    /// When the last container ended.
    pub finished_at: Option<Time>,
    /// Ended containers and running ones of a container set, by name: phase, message and exit code.
    pub containers: BTreeMap<String, ContainerOutcome>,
    /// Whether the executor's `wait` container is known to have ended without a word (its report will not come).
    pub report_lost: bool,
}

/// What one container of a container set came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerOutcome {
    /// Phase of its node.
    pub phase: String,
    /// Why.
    pub message: String,
    /// Exit code, where it ended.
    pub exit_code: Option<i32>,
}

/// Judges a pod by the template it was made from.
#[must_use]
pub fn outcome(pod: &PodSeen, template: &Template) -> Outcome {
    outcome::outcome(pod, template)
}
