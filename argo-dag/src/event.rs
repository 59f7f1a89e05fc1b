//! What the world tells a run.

use argo_core::meta::Time;
use argo_core::workflows::NodeResult;

use crate::effect::MemoEntry;

/// Something that happened outside the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskEvent {
    /// Time passed: `poll_timeout` came due, or the driver wants the run looked at.
    Tick,
    /// A pod of this run, as it is now. Repeats and stale repeats are harmless.
    Pod(Box<PodSeen>),
    /// A pod of this run is gone from the API.
    PodGone {
        /// Id of the pod's node.
        node_id: String,
    },
    /// A `WorkflowTaskResult` of this run, as it is now.
    TaskResult {
        /// Id of the node it reports for.
        node_id: String,
        /// What it reports.
        result: Box<NodeResult>,
        /// Whether the executor has reported everything it will (`workflows.argoproj.io/report-outputs-completed`).
        completed: bool,
    },
    /// The result of a task run by the agent (HTTP, plugin).
    AgentResult {
        /// Id of the node.
        node_id: String,
        /// What it reports.
        result: Box<NodeResult>,
    },
    /// The control fields of the spec, as they are now.
    Control(Control),
    /// Whether the locks asked for by `Effect::AcquireLocks` are held now.
    Locks {
        /// Node that asked; the workflow's own name for workflow-level locks.
        node_id: String,
        /// What came of it.
        outcome: LockOutcome,
    },
    /// Answer to `Effect::ReadMemo`.
    Memo {
        /// Node that asked.
        node_id: String,
        /// The entry, or none.
        entry: Result<Option<Box<MemoEntry>>, String>,
    },
    /// An effect could not be applied.
    Failed {
        /// Id of the node the effect was for.
        node_id: String,
        /// Whether trying again later may help (quota, conflict, time-out): the run then asks again after a while.
        transient: bool,
        /// What the API said.
        message: String,
    },
}

/// Spec fields that change while a workflow runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Control {
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.shutdown`: empty, `Stop` or `Terminate`.
    pub shutdown: String,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i64>,
}

/// What came of asking for locks.
#[derive(Clone, Debug, PartialEq)]
pub enum LockOutcome {
    /// All are held.
    Held,
    /// At least one is held by others.
    Waiting {
        /// Name of the first lock that is not free.
        lock: String,
        /// Sentence for the node's message.
        message: String,
    },
    /// The locks cannot be had at all (missing ConfigMap, bad limit).
    Refused {
        /// Why.
        message: String,
    },
}

/// A pod as observed: only what the engine decides by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSeen {
    /// Pod name.
    pub name: String,
    /// Pod uid.
    pub uid: String,
    /// Id of the node it runs for.
    pub node_id: String,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// `status.reason`: `Evicted`, `DeadlineExceeded`, …
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// `status.podIP`.
    pub ip: String,
    /// `spec.nodeName`.
    pub host: String,
    /// Whether all its containers are ready.
    pub ready: bool,
    /// Whether deletion was asked for.
    pub deleting: bool,
    /// Annotation `workflows.argoproj.io/progress`.
    pub progress: String,
    /// Init containers in order.
    pub init_containers: Vec<ContainerSeen>,
    /// Containers in order.
    pub containers: Vec<ContainerSeen>,
    /// When it was created.
    pub created: Option<Time>,
}

/// A container as observed.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerSeen {
    /// Container name.
    pub name: String,
    /// Its state.
    pub state: ContainerState,
}

/// State of a container.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerState {
    /// Not started.
    Waiting {
        /// Short reason such as `ImagePullBackOff`.
        reason: String,
        /// Sentence.
        message: String,
    },
    /// Started.
    Running {
        /// When.
        started_at: Option<Time>,
    },
    /// Ended.
    Terminated {
        /// Exit code; 128+n for signal n.
        exit_code: i32,
        /// Short reason such as `Error`, `Completed`, `OOMKilled`.
        reason: String,
        /// Sentence.
        message: String,
        /// When it started.
        started_at: Option<Time>,
        /// When it ended.
        finished_at: Option<Time>,
    },
}
