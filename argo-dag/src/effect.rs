//! What a run asks the world to do.

use std::collections::BTreeMap;

use argo_core::meta::{self, Time};
use argo_core::selector::LabelSelector;
use argo_core::workflows::{Outputs, SemaphoreRef, Template};
use serde_json::Value;

/// One thing to be done. Applying it twice is the same as applying it once: every name in it is a function of the workflow and the node.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create this pod (a complete object). If it exists already and belongs to this workflow, all is well.
    CreatePod {
        /// Node it runs for.
        node_id: String,
        /// The pod.
        pod: Box<Value>,
    },
    /// Delete this pod (it never started, or podGC says so).
    DeletePod {
        /// Node it ran for.
        node_id: String,
        /// Pod name.
        name: String,
        /// How long to wait before deleting, in seconds (`podGC.deleteDelayDuration`).
        delay_seconds: i64,
        /// Only if the pod's labels match (`podGC.labelSelector`); otherwise it is marked as dealt with. See [`selects`].
        selector: Option<Box<meta::LabelSelector>>,
    },
    /// Ask the containers of a running pod to end: TERM, and KILL after the pod's grace period.
    StopPod {
        /// Node it runs for.
        node_id: String,
        /// Pod name.
        name: String,
    },
    /// Mark a pod as dealt with: label `workflows.argoproj.io/completed=true`.
    LabelPodCompleted {
        /// Node it ran for.
        node_id: String,
        /// Pod name.
        name: String,
    },
    /// Create this PersistentVolumeClaim.
    CreateClaim {
        /// The claim.
        claim: Box<Value>,
    },
    /// Delete this PersistentVolumeClaim.
    DeleteClaim {
        /// Claim name.
        name: String,
    },
    /// Create this PodDisruptionBudget.
    CreateDisruptionBudget {
        /// The budget.
        budget: Box<Value>,
    },
    /// Delete the PodDisruptionBudget of this name.
    DeleteDisruptionBudget {
        /// Its name.
        name: String,
    },
    /// Have the agent run a template (HTTP, plugin).
    RunByAgent {
        /// Node it runs for.
        node_id: String,
        /// What is to be run, fully substituted.
        template: Box<Template>,
    },
    /// Ask for locks, all or none; answered by `TaskEvent::Locks`, now and whenever it changes.
    AcquireLocks {
        /// Node that asks; the workflow's name for workflow-level locks.
        node_id: String,
        /// What is asked for.
        locks: Vec<Lock>,
        /// Holder name as upstream writes it: `namespace/workflow[/nodeID]`.
        holder: String,
        /// Higher goes first.
        priority: i64,
        /// Earlier goes first among equals.
        created: Option<Time>,
    },
    /// Give back everything this holder has or waits for.
    ReleaseLocks {
        /// Holder name.
        holder: String,
    },
    /// Look up a memoized result; answered by `TaskEvent::Memo`.
    ReadMemo {
        /// Node that asks.
        node_id: String,
        /// ConfigMap that is the cache.
        config_map: String,
        /// Key within it.
        key: String,
    },
    /// Remember a result.
    WriteMemo {
        /// ConfigMap that is the cache.
        config_map: String,
        /// Key within it.
        key: String,
        /// What is remembered.
        entry: Box<MemoEntry>,
    },
    /// Record a Kubernetes event on the workflow.
    Emit {
        /// `Normal` or `Warning`.
        kind: String,
        /// CamelCase word such as `WorkflowRunning`.
        reason: String,
        /// Sentence.
        message: String,
        /// Annotations of the event.
        annotations: BTreeMap<String, String>,
    },
}

/// One lock that a workflow or template asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Lock {
    /// A mutex: one holder.
    Mutex {
        /// Its name as upstream writes it: `namespace/Mutex/name`.
        name: String,
    },
    /// A semaphore: as many holders as its limit says.
    Semaphore {
        /// Its name as upstream writes it: `namespace/ConfigMap/name/key`.
        name: String,
        /// Where the limit stands.
        source: Box<SemaphoreRef>,
    },
}

/// A memoized result as it stands in the cache's ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MemoEntry {
    /// Node that made it.
    #[serde(rename = "nodeID")]
    pub node_id: String,
    /// What it made.
    pub outputs: Option<Outputs>,
    /// When it was made.
    pub creation_timestamp: Option<Time>,
    /// When it was last used.
    pub last_hit_timestamp: Option<Time>,
}

/// Whether [`Effect::DeletePod`] means a pod with these labels. A selector that cannot be read selects nothing.
///
/// ```
/// use argo_core::meta::LabelSelector;
/// let selector = LabelSelector { match_labels: [("app".to_owned(), "a".to_owned())].into(), ..LabelSelector::default() };
/// assert!(argo_dag::effect::selects(Some(&selector), &selector.match_labels));
/// assert!(!argo_dag::effect::selects(Some(&selector), &[].into()));
/// assert!(argo_dag::effect::selects(None, &[].into()));
/// ```
#[must_use]
pub fn selects(selector: Option<&meta::LabelSelector>, labels: &BTreeMap<String, String>) -> bool {
    selector.is_none_or(|s| LabelSelector::from_object(Some(s)).is_ok_and(|s| s.matches(labels)))
}
