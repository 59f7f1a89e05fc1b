//! One workflow being run: events in, effects out, the status as a patch.
//!
//! A run is a tree of nodes (`tree`: the status as it is written) and, for each node that is under way, an execution (`act`). Whatever happens
//! names the executions that it concerns; each is advanced as far as it goes, in the order of the tree, and what it changes concerns its parent in turn.
//! So the cost of an event is what it changes. Everything but the status can be made anew: loading a status walks down the tree once, through the
//! same code that starts nodes, which finds them there already.

mod act;
mod args;
mod calls;
mod control;
mod dag;
mod doc;
mod execute;
mod finish;
mod globals;
mod hooks;
mod items;
mod merge;
mod outputs;
mod pods;
mod reasons;
mod retry;
mod scope;
mod steps;
mod tree;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use argo_core::meta::Time;
use argo_core::workflows::{NodeStatus, Template, Workflow, WorkflowSpec};
use argo_core::{EffectId, Keyed};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::pod::PodOptions;
use crate::{Effect, Library, TaskEvent};
use act::{Act, Kind, Order};
use calls::{Origin, Prepared};
use scope::Layer;
use tree::Tree;

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

/// A place in the order of work: what is deeper comes before what is around it, and both before what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn(Order);

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        let differing = self.0.iter().zip(other.0.iter()).map(|(a, b)| a.cmp(b)).find(|o| o.is_ne());
        differing.unwrap_or_else(|| other.0.len().cmp(&self.0.len()))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How many nodes below one boundary are under way, and how many have failed: what limits are compared with.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    active: i64,
    failed: i64,
}

/// What a template made of calls allows its children.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    parallelism: Option<i64>,
    fail_fast: bool,
}

/// One workflow's run. Loading it from a status and having handled the events that led there are the same.
pub struct WorkflowRun {
    /// The object; its nodes are in `tree`.
    workflow: Workflow,
    /// The spec in force: workflow, template reference and defaults merged, global names put in.
    spec: WorkflowSpec,
    library: Arc<dyn Library>,
    config: Arc<RunConfig>,
    globals: Layer,
    prepared: BTreeMap<(Origin, String), Arc<Prepared>>,
    tree: Tree,
    acts: BTreeMap<String, Box<Act>>,
    /// Place and parent of each execution, kept while it is being advanced.
    places: BTreeMap<String, (Order, Option<String>)>,
    touched: BTreeMap<String, Vec<String>>,
    work: BTreeSet<(Turn, String)>,
    blocked: BTreeSet<(Turn, String)>,
    below: BTreeMap<String, Below>,
    limits: BTreeMap<String, Limits>,
    active_pods: i64,
    effects: VecDeque<Keyed<Effect>>,
    timers: BTreeSet<(Timestamp, String)>,
    now: Timestamp,
    begun: bool,
    /// Daemons that are ready, by the template that they serve.
    daemons: BTreeMap<String, BTreeSet<String>>,
    /// Head of the status (phase, message, …) as it was last written.
    written: Value,
    hooks: finish::WorkflowHooks,
    locks: BTreeMap<String, Vec<crate::effect::Lock>>,
    /// Where steps and tasks were told to go on although they wait for something else: why they wait, by node id.
    waiting: BTreeMap<String, (String, String)>,
    running_pods: BTreeSet<String>,
    pods_seen: bool,
    /// The entrypoint could not be executed at all.
    entry_error: Option<String>,
    workflow_locks_held: bool,
    /// The workflow's locks are held and it has been marked as running.
    launched: bool,
    /// The entrypoint was executed, or taken up after loading.
    entered: bool,
}

impl WorkflowRun {
    /// Starts from the object as it is stored, new or half done. Nothing happens before the first event.
    ///
    /// # Errors
    /// When the workflow cannot be run at all.
    pub fn load(workflow: &Workflow, library: Arc<dyn Library>, config: Arc<RunConfig>, now: Timestamp) -> Result<Self, LoadError> {
        let mut workflow = workflow.clone();
        let written = head(&workflow);
        let tree = Tree::load(&workflow.metadata.name, &workflow.status.nodes);
        workflow.status.nodes.clear();
        let merged = merge::spec(&mut workflow, library.as_ref(), &config)?;
        let globals = globals::of(&workflow, &merged);
        let spec = globals::render(&merged, &globals).map_err(LoadError::Invalid)?;
        let mut run = Self {
            workflow,
            spec,
            library,
            config,
            globals,
            prepared: BTreeMap::new(),
            tree,
            acts: BTreeMap::new(),
            places: BTreeMap::new(),
            touched: BTreeMap::new(),
            work: BTreeSet::new(),
            blocked: BTreeSet::new(),
            below: BTreeMap::new(),
            limits: BTreeMap::new(),
            entry_error: None,
            workflow_locks_held: false,
            launched: false,
            entered: false,
            active_pods: 0,
            effects: VecDeque::new(),
            timers: BTreeSet::new(),
            now,
            begun: false,
            daemons: BTreeMap::new(),
            written,
            hooks: finish::WorkflowHooks::default(),
            locks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            running_pods: BTreeSet::new(),
            pods_seen: false,
        };
        run.prepare();
        let nodes: Vec<NodeStatus> = run.tree.nodes.values().cloned().collect();
        for node in &nodes {
            run.count(node, 1);
        }
        run.pods_seen = !run.workflow.status.phase.is_empty() && !run.is_ended();
        run.complete_resumed();
        run.workflow_locks_held = run.workflow.status.started_at.is_some();
        run.restore_outputs();
        Ok(run)
    }

    fn prepare(&mut self) {
        for template in &self.spec.templates {
            let prepared = Arc::new(Prepared::new(template, Origin::Local));
            self.prepared.insert((Origin::Local, template.name.clone()), prepared);
        }
    }

    /// Something happened. Afterwards [`poll_effect`](Self::poll_effect) is to be drained, and [`poll_timeout`](Self::poll_timeout) and
    /// [`take_patch`](Self::take_patch) may have changed.
    pub fn handle(&mut self, event: TaskEvent, now: Timestamp) {
        self.now = self.now.max(now);
        // As upstream does: from the second look on, whether there are pods or not.
        self.pods_seen |= self.launched && !self.is_ended();
        if !self.begun {
            self.begin();
        }
        match event {
            TaskEvent::Tick => {}
            TaskEvent::Pod(pod) => self.pod_event(*pod),
            TaskEvent::PodGone { node_id } => self.pod_gone(&node_id),
            TaskEvent::TaskResult { node_id, result, completed } => self.task_result(&node_id, *result, completed),
            TaskEvent::AgentResult { node_id, result } => self.agent_result(&node_id, *result),
            TaskEvent::Control(control) => self.control(&control),
            TaskEvent::Locks { node_id, outcome } => self.locks_answer(&node_id, outcome),
            TaskEvent::Memo { node_id, entry } => self.memo_answer(&node_id, entry),
            TaskEvent::Failed { node_id, transient, message } => self.effect_failed(&node_id, transient, &message),
        }
        self.pump();
    }

    /// What is to be done next.
    pub fn poll_effect(&mut self) -> Option<Keyed<Effect>> {
        self.effects.pop_front()
    }

    /// When a [`TaskEvent::Tick`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The JSON merge patch of what changed since the last call: status, labels, annotations.
    pub fn take_patch(&mut self) -> Option<Value> {
        let nodes = self.tree.take_patch();
        let head = head(&self.workflow);
        let mut patch = Map::new();
        let mut status = Map::new();
        let changed = argo_core::patch::merge::create(&self.written, &head);
        if let Some(changed) = changed.get("status").and_then(Value::as_object) {
            status.extend(changed.clone());
        }
        if let Some(metadata) = changed.get("metadata").filter(|m| m.as_object().is_some_and(|m| !m.is_empty())) {
            patch.insert("metadata".to_owned(), metadata.clone());
        }
        if !nodes.is_empty() {
            status.insert("nodes".to_owned(), Value::Object(nodes));
        }
        if !status.is_empty() {
            patch.insert("status".to_owned(), Value::Object(status));
        }
        self.written = head;
        (!patch.is_empty()).then_some(Value::Object(patch))
    }

    /// The workflow with its status as it is now.
    #[must_use]
    pub fn workflow(&self) -> Workflow {
        let mut workflow = self.workflow.clone();
        workflow.status.nodes.clone_from(&self.tree.nodes);
        workflow
    }

    /// The workflow's phase: empty before the first event, then `Running`, at the end `Succeeded`, `Failed` or `Error`.
    #[must_use]
    pub fn phase(&self) -> &str {
        &self.workflow.status.phase
    }

    /// The processed template of a node that is under way.
    #[must_use]
    pub fn template_of(&self, node_id: &str) -> Option<&Template> {
        self.acts.get(node_id).map(|act| act.template.as_ref())
    }

    fn name(&self) -> &str {
        &self.workflow.metadata.name
    }

    fn id_of(&self, node: &str) -> String {
        self.tree.id_of(self.name(), node)
    }

    fn moment(&self) -> Option<scope::Moment> {
        let uid = u64::from(argo_core::ids::fnv1a32(self.workflow.metadata.uid.as_bytes()));
        let nanos = u64::from_le_bytes(self.now.as_nanosecond().to_le_bytes().first_chunk::<8>().copied().unwrap_or_default());
        Some(scope::Moment { now: self.now, seed: (uid << 32) ^ nanos })
    }

    fn time(&self) -> Option<Time> {
        Some(Time::truncated(self.now))
    }

    fn effect(&mut self, step: &[&str], effect: Effect) {
        let mut parts = vec![self.workflow.metadata.uid.as_str()];
        parts.extend(step);
        let id = EffectId::new(parts);
        self.effects.push_back(Keyed { id, effect });
    }

    fn is_ended(&self) -> bool {
        matches!(self.workflow.status.phase.as_str(), "Succeeded" | "Failed" | "Error")
    }

    /// Advances everything that can go on, then looks at the workflow as a whole.
    fn pump(&mut self) {
        loop {
            while let Some((at, id)) = self.timers.first().cloned() {
                if at > self.now {
                    break;
                }
                self.timers.pop_first();
                self.timer(&id);
            }
            if self.spec.suspend == Some(true) && !self.is_ended() {
                break;
            }
            while let Some((_, id)) = self.work.pop_first() {
                self.advance(&id);
            }
            if !self.settle() && self.work.is_empty() {
                break;
            }
        }
        self.update_head();
    }

    /// An execution is to be looked at: because of a child, or on its own account.
    fn wake(&mut self, id: &str, child: Option<&str>) {
        let Some((order, _)) = self.places.get(id) else { return };
        self.work.insert((Turn(Arc::clone(order)), id.to_owned()));
        if let Some(child) = child {
            self.touched.entry(id.to_owned()).or_default().push(child.to_owned());
        }
    }

    fn block(&mut self, id: &str) {
        if let Some((order, _)) = self.places.get(id) {
            self.blocked.insert((Turn(Arc::clone(order)), id.to_owned()));
        }
    }

    fn unblock(&mut self) {
        self.work.append(&mut self.blocked);
    }

    fn advance(&mut self, id: &str) {
        let Some(mut act) = self.acts.remove(id) else { return };
        act.touched = self.touched.remove(id).unwrap_or_default();
        match &act.kind {
            Kind::Steps(_) => self.advance_steps(&mut act),
            Kind::Dag(_) => self.advance_dag(&mut act),
            Kind::Retry(_) => self.advance_retry(&mut act),
            Kind::New | Kind::Pod(_) | Kind::Suspend | Kind::Remote => {}
        }
        let over = self.tree.get(id).is_some_and(|n| matches!(n.phase.as_str(), "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted"));
        if over && self.tree.is_fulfilled(id) {
            self.retire(&act);
        } else {
            self.acts.insert(id.to_owned(), act);
        }
    }

    /// Changes a node and tells all whom it concerns.
    fn change(&mut self, id: &str, change: impl FnOnce(&mut NodeStatus)) {
        let Some(before) = self.tree.get(id).cloned() else { return };
        if !self.tree.change(id, change) {
            return;
        }
        let Some(after) = self.tree.get(id).cloned() else { return };
        self.count(&before, -1);
        self.count(&after, 1);
        let was = tree::is_fulfilled(&before);
        let is = tree::is_fulfilled(&after);
        if before.phase != after.phase || was != is || before.daemoned != after.daemoned {
            if let Some((_, Some(parent))) = self.places.get(id).cloned() {
                self.wake(&parent, Some(id));
            }
            if is && !was {
                self.fulfilled(&after);
            }
        }
        if self.is_active(&before) && !self.is_active(&after) {
            self.unblock();
        }
    }

    fn is_active(&self, node: &NodeStatus) -> bool {
        matches!(node.type_.as_str(), "Pod" | "Steps" | "DAG") && matches!(node.phase.as_str(), "Pending" | "Running")
    }

    fn count(&mut self, node: &NodeStatus, by: i64) {
        if node.daemoned == Some(true) && node.phase == "Running" {
            let daemons = self.daemons.entry(node.boundary_id.clone()).or_default();
            if by > 0 {
                daemons.insert(node.id.clone());
            } else {
                daemons.remove(&node.id);
            }
        }
        let waiting = node.synchronization_status.as_ref().is_some_and(|s| !s.waiting.is_empty());
        let active = self.is_active(node);
        if active && node.type_ == "Pod" && !waiting {
            self.active_pods = self.active_pods.saturating_add(by);
        }
        if node.boundary_id.is_empty() {
            return;
        }
        let failed = tree::is_failed(&node.phase);
        if !active && !failed {
            return;
        }
        let below = self.below.entry(node.boundary_id.clone()).or_default();
        if active {
            below.active = below.active.saturating_add(by);
        } else if matches!(node.type_.as_str(), "Pod" | "Steps" | "DAG") {
            below.failed = below.failed.saturating_add(by);
        }
    }

    /// A node has come to its end.
    fn fulfilled(&mut self, node: &NodeStatus) {
        if let Some(outputs) = node.outputs.clone().filter(|_| node.phase != "Running") {
            self.publish(&outputs);
        }
        if node.phase == "Running" {
            // A daemon: done for those who wait, but its execution goes on.
            return;
        }
        self.waiting.remove(&node.id);
        self.give_back(node);
        if matches!(node.type_.as_str(), "Steps" | "DAG") {
            self.end_daemons(&node.id);
        }
        if let Some(act) = self.acts.remove(&node.id) {
            self.retire(&act);
        }
    }

    fn retire(&mut self, act: &Act) {
        self.places.remove(&act.id);
        self.touched.remove(&act.id);
        self.limits.remove(&act.id);
        self.timers.retain(|(_, id)| *id != act.id);
    }

    fn set_phase(&mut self, id: &str, phase: &str, message: Option<&str>) {
        let now = self.time();
        self.change(id, |node| {
            node.phase = phase.to_owned();
            if let Some(message) = message {
                node.message = message.to_owned();
            }
            if matches!(phase, "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted") && node.finished_at.is_none() {
                node.finished_at = now;
            }
        });
    }

    fn set_error(&mut self, id: &str, message: &str) {
        self.set_phase(id, "Error", Some(message));
        self.change(id, |node| {
            if node.task_result_synced == Some(false) {
                node.task_result_synced = Some(true);
            }
        });
    }

    /// Notes the limits of a template that is about to start children.
    fn limit(&mut self, act: &Act) {
        let limits = Limits { parallelism: act.template.parallelism, fail_fast: act.template.fail_fast == Some(true) };
        self.limits.insert(act.id.clone(), limits);
    }

    fn timer_at(&mut self, at: Timestamp, id: &str) {
        self.timers.insert((at, id.to_owned()));
    }
}

/// What of the object, nodes aside, a run changes.
fn head(workflow: &Workflow) -> Value {
    let mut status = serde_json::to_value(&workflow.status).unwrap_or_default();
    if let Some(map) = status.as_object_mut() {
        map.remove("nodes");
    }
    json!({
        "metadata": {"labels": workflow.metadata.labels, "annotations": workflow.metadata.annotations},
        "status": status,
    })
}
