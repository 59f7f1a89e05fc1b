//! Retrying a workflow that has ended: what failed is forgotten and runs again, what succeeded stays.
//!
//! Nodes to run again are *removed*, with all that came after them; the nodes around them (steps, groups, retries, up to the root) are *reset* to Running. Which nodes
//! those are is upstream's choice, with these things fixed on purpose: a suspended node that failed is asked again; what failed inside an attempt that a later attempt
//! replaced stays as it is; nodes of workflow-level hooks are removed, so that the hooks can act again; where nothing but group nodes failed, these are judged again.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::ids;
use argo_core::meta::Time;
use argo_core::workflows::{Condition, NodeStatus, Parameter, SuppliedValueFrom, ValueFrom, Workflow};
use jiff::Timestamp;

use super::selector::{NodeSelector, SelectorError};
use super::submit::{SubmitError, override_parameters};
use super::{ARCHIVING_STATUS, Actor, COMPLETED, PHASE};

const POD_NAME_FORMAT: &str = "workflows.argoproj.io/pod-name-format";

/// What is to be retried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryOptions {
    /// Whether nodes that succeeded run again too, where the selector chooses them.
    pub restart_successful: bool,
    /// Which nodes; see [`NodeSelector`].
    pub node_field_selector: String,
    /// Arguments to change: `name=value`.
    pub parameters: Vec<String>,
}

/// A workflow ready to run again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The changed workflow.
    pub workflow: Workflow,
    /// Names of the pods to be deleted before the workflow is written.
    pub pods: Vec<String>,
    /// Ids of the nodes that are gone; the task results of the same names are to be deleted too.
    pub nodes: Vec<String>,
}

/// Why a workflow cannot be retried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// All went well, and nothing is chosen to run all the same.
    #[error("To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector")]
    Succeeded,
    /// It has not ended.
    #[error("Cannot retry a workflow in phase {}", if .phase.is_empty() { "Pending" } else { .phase })]
    Phase {
        /// Its phase.
        phase: String,
    },
    /// The node selector is no selector.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A parameter is not of its form.
    #[error(transparent)]
    Parameter(#[from] SubmitError),
}

/// Makes a workflow that failed (or, with a selector, one that succeeded) run again.
///
/// # Errors
/// When it has not ended, nothing is chosen, or an option is not of its form.
pub fn retry(workflow: &Workflow, options: &RetryOptions, now: Timestamp, actor: &Actor) -> Result<Retry, RetryError> {
    match workflow.status.phase.as_str() {
        "Failed" | "Error" => {}
        "Succeeded" if options.restart_successful && !options.node_field_selector.is_empty() => {}
        "Succeeded" => return Err(RetryError::Succeeded),
        phase => return Err(RetryError::Phase { phase: phase.to_owned() }),
    }
    let selector = if options.restart_successful { options.node_field_selector.as_str() } else { "" };
    let plan = Plan::of(workflow, selector)?;
    let mut changed = workflow.clone();
    reopen(&mut changed, now);
    override_parameters(&mut changed, &options.parameters)?;
    changed.status.nodes = plan.kept(workflow, now);
    for id in &plan.removed {
        changed.status.task_results_completion_status.remove(id);
    }
    actor.label_actor(&mut changed.metadata, "Retry");
    let mut pods: Vec<String> = Vec::new();
    for node in plan.removed.iter().filter_map(|id| workflow.status.nodes.get(id)).filter(|node| node.type_ == "Pod") {
        let name = pod_name(workflow, node);
        if !pods.contains(&name) {
            pods.push(name);
        }
    }
    Ok(Retry { workflow: changed, pods, nodes: plan.removed.into_iter().collect() })
}

/// Takes back what says that a workflow has ended.
fn reopen(workflow: &mut Workflow, now: Timestamp) {
    let labels = &mut workflow.metadata.labels;
    labels.remove(COMPLETED);
    labels.remove(ARCHIVING_STATUS);
    labels.insert(PHASE.to_owned(), "Running".to_owned());
    let status = &mut workflow.status;
    match status.conditions.iter_mut().find(|c| c.type_ == "Completed") {
        Some(condition) => "False".clone_into(&mut condition.status),
        None => status.conditions.push(Condition { type_: "Completed".to_owned(), status: "False".to_owned(), ..Condition::default() }),
    }
    "Running".clone_into(&mut status.phase);
    status.message.clear();
    status.started_at = Some(Time::truncated(now));
    status.finished_at = None;
    status.persistent_volume_claims.clear();
    if let Some(stored) = &mut status.stored_workflow_template_spec {
        stored.shutdown.clear();
    }
    reopen_spec(workflow);
}

/// Takes back what stopped a workflow.
pub(super) fn reopen_spec(workflow: &mut Workflow) {
    workflow.spec.shutdown.clear();
    // Old versions terminated by a deadline of nothing.
    if workflow.spec.active_deadline_seconds == Some(0) {
        workflow.spec.active_deadline_seconds = None;
    }
}

/// Name of a node's pod, in the form that the workflow's annotation says.
#[must_use]
pub fn pod_name(workflow: &Workflow, node: &NodeStatus) -> String {
    if workflow.metadata.annotations.get(POD_NAME_FORMAT).is_some_and(|format| format == "v1") {
        return node.id.clone();
    }
    let template = node.template_ref.as_ref().map_or(&node.template_name, |r| &r.template);
    ids::pod_name(&workflow.metadata.name, &node.id, template)
}

/// Which nodes go, and which are to run once more.
pub(super) struct Plan {
    /// Ids of nodes that go.
    pub(super) removed: BTreeSet<String>,
    /// Ids of nodes that are Running again.
    pub(super) reset: BTreeSet<String>,
}

impl Plan {
    /// Plans for all that failed, and for what the selector chooses unless it is empty.
    pub(super) fn of(workflow: &Workflow, selector: &str) -> Result<Self, SelectorError> {
        let graph = Graph::of(workflow);
        let chosen = if selector.is_empty() {
            BTreeSet::new()
        } else {
            let selector = NodeSelector::parse(selector)?;
            graph.with_descendants(graph.nodes.values().filter(|node| selector.matches(node)).map(|node| node.id.as_str()))
        };
        let root = workflow.metadata.name.as_str();
        let tree = if graph.nodes.contains_key(root) { graph.with_descendants([root]) } else { BTreeSet::new() };
        let starts: Vec<&NodeStatus> = tree
            .iter()
            .filter_map(|id| graph.node(id))
            .filter(|node| !is_beside(workflow, node))
            .filter(|node| chosen.contains(node.id.as_str()) || graph.is_retry_point(node, &chosen))
            .collect();

        let mut removed: BTreeSet<&str> = BTreeSet::new();
        let mut reset: BTreeSet<&str> = BTreeSet::new();
        for start in &starts {
            let start = graph.whole(start);
            removed.extend(graph.with_descendants([start.id.as_str()]));
            reset.extend(graph.around(start).iter().map(|node| node.id.as_str()));
        }
        if starts.is_empty() {
            reset.extend(tree.iter().filter(|id| graph.node(id).is_some_and(|node| failed(node) && is_group(node))));
        }
        if graph.node(root).is_some_and(is_group) && removed.remove(root) {
            reset.insert(root);
        }
        removed.extend(graph.nodes.values().filter(|node| is_beside(workflow, node)).map(|node| node.id.as_str()));
        let reset = reset.difference(&removed).map(|id| (*id).to_owned()).collect();
        Ok(Self { removed: removed.into_iter().map(str::to_owned).collect(), reset })
    }

    /// The nodes that stay, reset where the plan says so.
    pub(super) fn kept(&self, workflow: &Workflow, now: Timestamp) -> BTreeMap<String, NodeStatus> {
        let mut nodes = workflow.status.nodes.clone();
        nodes.retain(|id, _| !self.removed.contains(id));
        for (id, node) in &mut nodes {
            node.children.retain(|child| !self.removed.contains(child));
            node.outbound_nodes.retain(|outbound| !self.removed.contains(outbound));
            if self.reset.contains(id) {
                reset(node, now);
            }
        }
        nodes
    }
}

fn reset(node: &mut NodeStatus, now: Timestamp) {
    if node.type_ == "Suspend" {
        for parameter in node.outputs.iter_mut().flat_map(|outputs| &mut outputs.parameters) {
            let value_from = Some(ValueFrom { supplied: Some(SuppliedValueFrom::default()), ..ValueFrom::default() });
            *parameter = Parameter { name: std::mem::take(&mut parameter.name), value_from, ..Parameter::default() };
        }
    }
    // A skipped node that ran again would wait for ever: nothing below it says when it is done.
    if node.phase != "Skipped" {
        "Running".clone_into(&mut node.phase);
    }
    node.message.clear();
    node.started_at = Some(Time::truncated(now));
    node.finished_at = None;
}

fn failed(node: &NodeStatus) -> bool {
    matches!(node.phase.as_str(), "Failed" | "Error")
}

fn is_group(node: &NodeStatus) -> bool {
    matches!(node.type_.as_str(), "Steps" | "StepGroup" | "DAG" | "TaskGroup" | "Retry")
}

/// Exit handler and hooks of the workflow itself: they stand beside its tree. A task may be called `hooks` or `onExit` too: then its boundary is the root.
fn is_beside(workflow: &Workflow, node: &NodeStatus) -> bool {
    let root = &workflow.metadata.name;
    node.boundary_id != *root && node.name.strip_prefix(root).is_some_and(|rest| rest.starts_with(".onExit") || rest.starts_with(".hooks."))
}

struct Graph<'w> {
    nodes: &'w BTreeMap<String, NodeStatus>,
    parents: BTreeMap<&'w str, Vec<&'w NodeStatus>>,
}

impl<'w> Graph<'w> {
    fn of(workflow: &'w Workflow) -> Self {
        let nodes = &workflow.status.nodes;
        let mut parents: BTreeMap<&str, Vec<&NodeStatus>> = BTreeMap::new();
        for node in nodes.values() {
            for child in &node.children {
                parents.entry(child).or_default().push(node);
            }
        }
        Self { nodes, parents }
    }

    fn node(&self, id: &str) -> Option<&'w NodeStatus> {
        self.nodes.get(id)
    }

    fn with_descendants<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'w str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&NodeStatus> = ids.into_iter().filter_map(|id| self.node(id)).collect();
        while let Some(node) = open.pop() {
            if found.insert(node.id.as_str()) {
                open.extend(node.children.iter().filter_map(|child| self.node(child)));
            }
        }
        found
    }

    /// The group node that this one is a direct part of: a step's group, an attempt's retry, an item's task group.
    fn group_of(&self, node: &NodeStatus) -> Option<&'w NodeStatus> {
        let part_of = |parent: &NodeStatus, mark: char| {
            parent.name.is_empty() || node.name.strip_prefix(parent.name.as_str()).is_some_and(|rest| rest.starts_with(mark))
        };
        self.parents.get(node.id.as_str())?.iter().copied().find(|parent| match parent.type_.as_str() {
            "Retry" | "TaskGroup" => part_of(parent, '('),
            "StepGroup" => part_of(parent, '.'),
            _ => false,
        })
    }

    /// Everything that a node is part of, inside out.
    fn around(&self, node: &'w NodeStatus) -> Vec<&'w NodeStatus> {
        let mut around = Vec::new();
        let mut seen = BTreeSet::from([node.id.as_str()]);
        let mut current = node;
        while let Some(outer) = self.group_of(current).or_else(|| self.node(&current.boundary_id)) {
            if !seen.insert(outer.id.as_str()) {
                break;
            }
            around.push(outer);
            current = outer;
        }
        around
    }

    /// What has to run again as a whole: the pod of a container, else the node itself.
    fn whole(&self, node: &'w NodeStatus) -> &'w NodeStatus {
        if node.type_ != "Container" {
            return node;
        }
        self.around(node).into_iter().find(|outer| outer.type_ == "Pod").unwrap_or(node)
    }

    /// Whether a node failed, rather than something that it holds, and the workflow did not get past it.
    fn is_retry_point(&self, node: &'w NodeStatus, chosen: &BTreeSet<&str>) -> bool {
        let is_leaf = match node.type_.as_str() {
            "Pod" | "Container" | "HTTP" | "Plugin" | "Suspend" => failed(node),
            "Skipped" => node.phase == "Error",
            _ => false,
        };
        if !is_leaf || self.is_replaced(node) {
            return false;
        }
        let is_attempt = node.node_flag.as_ref().is_some_and(|flag| flag.retried);
        let judged = if is_attempt { self.group_of(node).unwrap_or(node) } else { node };
        !self
            .with_descendants([judged.id.as_str()])
            .into_iter()
            .any(|id| id != judged.id && !chosen.contains(id) && self.node(id).is_some_and(|descendant| descendant.phase == "Succeeded"))
    }

    /// Whether a node is inside an attempt after which there was another.
    fn is_replaced(&self, node: &'w NodeStatus) -> bool {
        self.around(node).into_iter().any(|outer| match self.group_of(outer) {
            Some(retry) if retry.type_ == "Retry" => {
                let mut attempts = retry.children.iter().filter_map(|id| self.node(id));
                let last = attempts.rfind(|child| self.group_of(child).is_some_and(|group| group.id == retry.id));
                last.is_some_and(|last| last.id != outer.id)
            }
            _ => false,
        })
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
