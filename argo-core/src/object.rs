//! Objects of the kinds this project defines, typed, and all others as they are.

use serde_json::Value;

use crate::describe::{Described, Shape};
use crate::meta::ObjectMeta;
use crate::rollouts::Rollout;
use crate::workflows::{
    ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowArtifactGcTask, WorkflowEventBinding, WorkflowTaskResult, WorkflowTaskSet,
    WorkflowTemplate,
};

/// API group and version of all kinds of this project.
pub const API_VERSION: &str = "argoproj.io/v1alpha1";

macro_rules! objects {
    ($( $(#[doc = $doc:literal])* $variant:ident($ty:ty) = $kind:literal, )*) => {
        /// An object of any kind.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Object {
            $( $(#[doc = $doc])* $variant(Box<$ty>), )*
            /// An object of another kind.
            Other(Value),
        }

        impl Object {
            /// Reads an object as the type of its kind. One without `apiVersion` is taken for one of this project's, as upstream does.
            ///
            /// # Errors
            /// When a field does not hold what its type says.
            pub fn from_value(value: Value) -> Result<Self, serde_json::Error> {
                let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
                if !is_ours(word("apiVersion")) {
                    return Ok(Self::Other(value));
                }
                match word("kind") {
                    $( $kind => serde_json::from_value(value).map(|object| Self::$variant(Box::new(object))), )*
                    _ => Ok(Self::Other(value)),
                }
            }

            /// The object as JSON.
            ///
            /// # Errors
            /// When a value cannot be JSON, which none of these types allows.
            pub fn to_value(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $( Self::$variant(object) => serde_json::to_value(object), )*
                    Self::Other(value) => Ok(value.clone()),
                }
            }

            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $kind, )*
                    Self::Other(value) => value.get("kind").and_then(Value::as_str).unwrap_or_default(),
                }
            }

            /// Its metadata, for the kinds of this project.
            #[must_use]
            pub fn metadata(&self) -> Option<&ObjectMeta> {
                match self {
                    $( Self::$variant(object) => Some(&object.metadata), )*
                    Self::Other(_) => None,
                }
            }
        }

        /// The shape of a kind of this project.
        pub(crate) fn shape_of(kind: &str) -> Option<Shape> {
            match kind {
                $( $kind => Some(<$ty>::shape()), )*
                _ => None,
            }
        }
    };
}

objects! {
    /// A workflow.
    Workflow(Workflow) = "Workflow",
    /// A workflow template of a namespace.
    WorkflowTemplate(WorkflowTemplate) = "WorkflowTemplate",
    /// A workflow template of the cluster.
    ClusterWorkflowTemplate(ClusterWorkflowTemplate) = "ClusterWorkflowTemplate",
    /// A workflow that starts by the clock.
    CronWorkflow(CronWorkflow) = "CronWorkflow",
    /// A workflow that starts on an event.
    WorkflowEventBinding(WorkflowEventBinding) = "WorkflowEventBinding",
    /// Tasks for the agent.
    WorkflowTaskSet(WorkflowTaskSet) = "WorkflowTaskSet",
    /// Outputs of a node.
    WorkflowTaskResult(WorkflowTaskResult) = "WorkflowTaskResult",
    /// Artifacts to be deleted.
    WorkflowArtifactGcTask(WorkflowArtifactGcTask) = "WorkflowArtifactGCTask",
    /// A rollout.
    Rollout(Rollout) = "Rollout",
}

/// Whether an API version is this project's; one that is not given is.
pub(crate) fn is_ours(api_version: &str) -> bool {
    api_version.is_empty() || api_version == API_VERSION
}

impl Object {
    /// Its name; empty where it has none yet.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// Its namespace; empty where it says none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.text("namespace")
    }

    fn text(&self, key: &str) -> &str {
        match (self, self.metadata()) {
            (_, Some(meta)) => match key {
                "name" => &meta.name,
                _ => &meta.namespace,
            },
            (Self::Other(value), None) => value.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default(),
            _ => "",
        }
    }
}
