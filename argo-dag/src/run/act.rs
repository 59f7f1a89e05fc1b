//! Executions of templates that are under way: what is kept in memory for a node, and made anew when a run is loaded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use argo_core::workflows::{Artifact, NodeFlag, Template, TemplateRef};
use jiff::Timestamp;

use super::calls::{Call, Origin, Prepared, Target};
use super::scope::Layer;
use crate::event::PodSeen;

/// A place in the tree: what comes first when several things can go on.
pub(super) type Order = Arc<[u32]>;

pub(super) fn below(order: &Order, ordinal: u32) -> Order {
    order.iter().copied().chain(std::iter::once(ordinal)).collect()
}

/// The arguments of a call, rendered.
#[derive(Clone, Debug, Default)]
pub(super) struct Args {
    /// Value by name; none where it refers to an output that was never made.
    pub(super) parameters: BTreeMap<String, Option<String>>,
    pub(super) artifacts: BTreeMap<String, Artifact>,
}

/// What is to be executed.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) name: String,
    pub(super) parent: Option<String>,
    pub(super) order: Order,
    pub(super) origin: Origin,
    pub(super) inline: Option<Arc<Prepared>>,
    pub(super) target: Target,
    pub(super) args: Args,
    pub(super) boundary: String,
    pub(super) flag: Option<NodeFlag>,
    pub(super) on_exit: bool,
    pub(super) include_output: bool,
    pub(super) depth: usize,
}

/// Why a request did not lead to a running node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// As many run as may: to be asked again when one has ended.
    Parallelism,
    /// It cannot be: the node says why.
    Error(String),
}

/// How a node names the template it runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Called {
    pub(super) template: String,
    pub(super) reference: Option<TemplateRef>,
    pub(super) scope: String,
}

pub(super) struct Act {
    pub(super) request: Request,
    pub(super) id: String,
    pub(super) called: Called,
    pub(super) prepared: Arc<Prepared>,
    /// The template with its inputs; calls are not in it.
    pub(super) template: Arc<Template>,
    pub(super) inputs: Layer,
    /// Names such as `retries` that only this execution has.
    pub(super) locals: Layer,
    /// When it has to be over, by its own `timeout` or that of an attempt around it.
    pub(super) deadline: Option<Timestamp>,
    pub(super) gate: Gate,
    pub(super) kind: Kind,
    /// Children whose state changed since the last look.
    pub(super) touched: Vec<String>,
}

/// What has to be granted before an execution begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    Locks,
    Memo,
}

pub(super) enum Kind {
    /// Nothing began yet.
    New,
    Steps(Steps),
    Dag(Dag),
    Retry(Retry),
    Pod(Box<PodState>),
    Suspend,
    Remote,
}

/// One expansion of a call, not started yet.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) call: Arc<Call>,
    pub(super) ordinal: u32,
    /// Last part of the node's name: the call's name, with index and item in a loop.
    pub(super) name: String,
    pub(super) item: Layer,
}

#[derive(Default)]
pub(super) struct Steps {
    pub(super) group: usize,
    pub(super) begun: bool,
    pub(super) queue: VecDeque<Queued>,
    pub(super) open: BTreeSet<String>,
    /// Call of each child of the current group.
    pub(super) children: BTreeMap<String, Arc<Call>>,
    /// `steps.*` of the groups that are done, and of the current one as far as hooks need it.
    pub(super) scope: Layer,
    pub(super) hooks: Hooks,
}

#[derive(Default)]
pub(super) struct Dag {
    pub(super) begun: bool,
    pub(super) targets: Vec<String>,
    pub(super) tasks: BTreeMap<String, Task>,
    /// Tasks that wait for this one.
    pub(super) dependants: BTreeMap<String, Vec<String>>,
    /// Nodes of the tasks, and of their hooks, that have not ended.
    pub(super) open: BTreeSet<String>,
    /// Task of each node.
    pub(super) owner: BTreeMap<String, String>,
    pub(super) scope: Layer,
    pub(super) hooks: Hooks,
}

#[derive(Default)]
pub(super) struct Task {
    pub(super) state: TaskState,
    pub(super) ordinal: u32,
    pub(super) queue: VecDeque<Queued>,
    /// Expansions in order, and how many of them have not ended.
    pub(super) expanded: Vec<String>,
    pub(super) left: usize,
    pub(super) group: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TaskState {
    #[default]
    Waiting,
    Started,
    Done,
}

/// The hooks of the children of one template.
#[derive(Default)]
pub(super) struct Hooks {
    /// Hooks that did not fire yet, by child.
    pub(super) armed: BTreeMap<String, Vec<String>>,
    /// Child that a hook's node belongs to.
    pub(super) of: BTreeMap<String, String>,
}

#[derive(Default)]
pub(super) struct Retry {
    /// When the next attempt may start.
    pub(super) not_before: Option<Timestamp>,
}

#[derive(Default)]
pub(super) struct PodState {
    pub(super) name: String,
    pub(super) seen: Option<PodSeen>,
    /// The creation is to be tried again then.
    pub(super) create_at: Option<Timestamp>,
    pub(super) tries: u32,
    pub(super) stopping: bool,
}

impl Act {
    pub(super) fn is_attempt(&self) -> bool {
        self.request.flag.as_ref().is_some_and(|f| f.retried)
    }
}
