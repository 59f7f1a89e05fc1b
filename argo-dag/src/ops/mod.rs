//! What users do to workflows: submit, stop, terminate, suspend, resume, set, retry, resubmit. Pure: an object in, a changed object out.
//!
//! | command | function |
//! |---|---|
//! | `submit` | [`submit::apply`], [`submit::from_workflow_template`], [`submit::from_cron_workflow`] |
//! | `stop`, `terminate` | [`control::stop`], [`control::terminate`] |
//! | `suspend`, `resume` | [`control::suspend`], [`control::resume`] |
//! | `node set` | [`control::set`] |
//! | `retry` | [`retry::retry`] |
//! | `resubmit` | [`resubmit::resubmit`] |
//!
//! What came out goes back to the API as [`patch`] between the object read and the changed one, which fails with a conflict where somebody else was faster.
//!
//! ```
//! use argo_core::workflows::Workflow;
//! use argo_dag::ops::{self, Actor, control};
//!
//! let workflow: Workflow = serde_json::from_value(serde_json::json!({
//!     "metadata": {"name": "build", "resourceVersion": "7"}, "status": {"phase": "Running"}
//! })).unwrap();
//! let stopped = control::stop(&workflow, &Actor::default()).unwrap();
//! assert_eq!(ops::patch(&workflow, &stopped).unwrap()["spec"]["shutdown"], "Stop");
//! ```

pub mod control;
pub mod resubmit;
pub mod retry;
pub mod selector;
pub mod submit;

use std::collections::BTreeMap;

use argo_core::meta::ObjectMeta;
use argo_core::workflows::Workflow;
use serde_json::{Value, json};

/// Label: `true` once the workflow has ended.
pub const COMPLETED: &str = "workflows.argoproj.io/completed";
/// Label: the workflow's phase.
pub const PHASE: &str = "workflows.argoproj.io/phase";
/// Label: where the workflow stands on its way to the archive.
pub const ARCHIVING_STATUS: &str = "workflows.argoproj.io/workflow-archiving-status";
/// Label: the workflow that this one was resubmitted from.
pub const RESUBMITTED_FROM: &str = "workflows.argoproj.io/resubmitted-from-workflow";
/// Label: the WorkflowTemplate that a workflow was submitted from.
pub const WORKFLOW_TEMPLATE: &str = "workflows.argoproj.io/workflow-template";
/// Label: the ClusterWorkflowTemplate that a workflow was submitted from.
pub const CLUSTER_WORKFLOW_TEMPLATE: &str = "workflows.argoproj.io/cluster-workflow-template";
/// Label: the CronWorkflow that a workflow was submitted from.
pub const CRON_WORKFLOW: &str = "workflows.argoproj.io/cron-workflow";
/// Label: the controller that a workflow is for.
pub const INSTANCE_ID: &str = "workflows.argoproj.io/controller-instanceid";
/// Label: who made the workflow; `-email` and `-preferred-username` follow it.
pub const CREATOR: &str = "workflows.argoproj.io/creator";
/// Label: who changed the workflow last; `-email` and `-preferred-username` follow it.
pub const ACTOR: &str = "workflows.argoproj.io/actor";
/// Label: what was done last: `Stop`, `Retry`, …
pub const ACTION: &str = "workflows.argoproj.io/action";

/// Longest value of a label.
const LABEL_LENGTH: usize = 63;

/// Who asks, as far as it is known; it becomes labels. The default is nobody: then no labels are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// User name, or the subject of a token.
    pub name: String,
    /// Email address.
    pub email: String,
    /// The name the user would like to read.
    pub preferred_username: String,
}

impl Actor {
    /// An actor of whom only the user name is known.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn is_known(&self) -> bool {
        *self != Self::default()
    }

    /// The actor as upstream writes it into messages: `map[User:admin]`.
    fn described(&self) -> String {
        let parts = [("User", &self.name), ("Email", &self.email), ("PreferredUsername", &self.preferred_username)];
        let known: Vec<String> = parts.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key}:{value}")).collect();
        format!("map[{}]", known.join(" "))
    }

    fn label(&self, metadata: &mut ObjectMeta, key: &str, action: &str) {
        if !self.is_known() {
            return;
        }
        let email = self.email.replace('@', ".at.");
        for (suffix, value) in [("", &self.name), ("-email", &email), ("-preferred-username", &self.preferred_username)] {
            metadata.labels.remove(&format!("{key}{suffix}"));
            let value = label_value(value);
            if !value.is_empty() {
                metadata.labels.insert(format!("{key}{suffix}"), value);
            }
        }
        if key == ACTOR {
            metadata.labels.remove(ACTION);
            if !action.is_empty() {
                metadata.labels.insert(ACTION.to_owned(), action.to_owned());
            }
        }
    }

    /// Labels an object with who made it.
    pub fn label_creator(&self, metadata: &mut ObjectMeta) {
        self.label(metadata, CREATOR, "");
    }

    /// Labels an object with who changed it and how; an empty action only with who.
    pub fn label_actor(&self, metadata: &mut ObjectMeta, action: &str) {
        self.label(metadata, ACTOR, action);
    }
}

/// What a label value may hold: letters, digits, `-`, `_`, `.`; 63 characters, a letter or digit at both ends. The end is kept where it is too long, as upstream does.
fn label_value(text: &str) -> String {
    let clean: Vec<char> = text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    let kept: String = clean.iter().skip(clean.len().saturating_sub(LABEL_LENGTH)).collect();
    kept.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// A value that JSON cannot hold; none of the types here has one.
#[derive(Debug, thiserror::Error)]
#[error("this object cannot be written as JSON: {0}")]
pub struct PatchError(#[from] serde_json::Error);

/// The JSON merge patch from one state of a workflow to another, bound to the resource version that was read: the API refuses it if the object has changed since.
///
/// # Errors
/// When an object cannot be written as JSON.
pub fn patch(before: &Workflow, after: &Workflow) -> Result<Value, PatchError> {
    let mut patch = argo_core::patch::merge::create(&serde_json::to_value(before)?, &serde_json::to_value(after)?);
    let version = &before.metadata.resource_version;
    if !version.is_empty()
        && let Value::Object(map) = &mut patch
    {
        let metadata = map.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
    }
    Ok(patch)
}

/// Reads `a=b,c=d`.
pub(crate) fn parse_labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=') else {
            return Err(format!("{part:?} has no \"=\""));
        };
        if key.is_empty() {
            return Err(format!("{part:?} has no name before its \"=\""));
        }
        labels.insert(key.to_owned(), value.to_owned());
    }
    Ok(labels)
}

/// Whether a workflow has ended.
#[must_use]
pub fn is_completed(workflow: &Workflow) -> bool {
    matches!(workflow.status.phase.as_str(), "Succeeded" | "Failed" | "Error")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use argo_core::meta::ObjectMeta;

    use super::{Actor, label_value};

    #[test]
    fn actors_become_labels() {
        let mut metadata = ObjectMeta::default();
        let actor = Actor { name: "system:serviceaccount:a:b".to_owned(), email: "x@y.z".to_owned(), preferred_username: String::new() };
        actor.label_actor(&mut metadata, "Stop");
        let labels: Vec<String> =
            metadata.labels.iter().map(|(k, v)| format!("{}={v}", k.trim_start_matches("workflows.argoproj.io/"))).collect();
        assert_eq!(labels, ["action=Stop", "actor=system-serviceaccount-a-b", "actor-email=x.at.y.z"]);
        Actor::default().label_actor(&mut metadata, "Retry");
        assert_eq!(metadata.labels.len(), 3);
    }

    #[test]
    fn label_values_are_cut_from_the_front() {
        assert_eq!(label_value(&"a".repeat(70)).len(), 63);
        assert_eq!(label_value("-a/b-"), "a-b");
    }
}
