//! The node tree as people read it, drawn as upstream's `argo get` does.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::workflows::{NodeStatus, Workflow};
use argo_dag::ops::control::is_waiting;
use argo_dag::ops::retry::pod_name;
use argo_dag::ops::selector::NodeSelector;
use jiff::Timestamp;

use super::table::{self, Cell};
use super::{Look, icon, time};

/// What of a tree is shown.
#[derive(Clone, Debug, Default)]
pub struct TreeOptions {
    /// More columns.
    pub wide: bool,
    /// Only nodes that it chooses, with what they are part of.
    pub selector: NodeSelector,
    /// Only nodes in this phase, with what they are part of.
    pub status: String,
}

/// The tree with its header, a line each; nothing when there are no nodes.
pub fn lines(workflow: &Workflow, options: &TreeOptions, now: Timestamp, look: Look) -> Vec<String> {
    let mut painter = Painter { workflow, options, now, index: Index::of(workflow), rows: Vec::new(), drawn: BTreeSet::new() };
    painter.draw();
    if painter.rows.is_empty() {
        return Vec::new();
    }
    let mut header: Vec<Cell> = ["STEP", "TEMPLATE", "PODNAME", "DURATION", "MESSAGE"].map(Cell::from).to_vec();
    if options.wide {
        header.extend(["ARTIFACTS", "RESOURCESDURATION", "NODENAME"].map(Cell::from));
    }
    let mut rows = vec![header];
    rows.extend(painter.rows);
    table::lines(&rows, 2, look)
}

/// What is inside what, found once for the whole tree.
struct Index<'w> {
    inside: BTreeMap<&'w str, Vec<&'w NodeStatus>>,
    grouped: BTreeSet<&'w str>,
}

impl<'w> Index<'w> {
    fn of(workflow: &'w Workflow) -> Self {
        let nodes = &workflow.status.nodes;
        let mut inside: BTreeMap<&str, Vec<&NodeStatus>> = BTreeMap::new();
        let mut grouped = BTreeSet::new();
        for node in nodes.values() {
            if !node.boundary_id.is_empty() {
                inside.entry(&node.boundary_id).or_default().push(node);
            }
            for child in node.children.iter().filter_map(|id| nodes.get(id)).filter(|child| is_part(node, child)) {
                grouped.insert(child.id.as_str());
            }
        }
        for list in inside.values_mut() {
            list.sort_by_cached_key(|node| order(node));
        }
        Self { inside, grouped }
    }
}

/// Whether a child is what its parent consists of, rather than what comes after it.
fn is_part(parent: &NodeStatus, child: &NodeStatus) -> bool {
    let rest = child.name.strip_prefix(parent.name.as_str());
    match parent.type_.as_str() {
        "Retry" | "TaskGroup" => rest.is_some_and(|rest| rest.starts_with('(')),
        "StepGroup" => child.type_ != "StepGroup" && rest.is_some_and(|rest| rest.starts_with('.')),
        _ => false,
    }
}

/// The name of a step without its item.
fn step(name: &str) -> &str {
    if name.ends_with(')') { name.split_once('(').map_or(name, |(step, _)| step) } else { name }
}

/// By start, then by name with numbers in their order, so that step 10 comes after step 9.
fn order(node: &NodeStatus) -> (Option<Timestamp>, Vec<(String, u64)>) {
    // A step group that has not started has no place of its own but after the others.
    let started = node.started_at.map(|t| t.0).or(Some(Timestamp::MAX)).filter(|_| node.type_ != "StepGroup");
    (started, natural(&node.name))
}

fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let (mut text, mut number) = (String::new(), None::<u64>);
    for c in name.chars() {
        match c.to_digit(10) {
            Some(digit) => number = Some(number.unwrap_or_default().saturating_mul(10).saturating_add(u64::from(digit))),
            None => {
                if let Some(number) = number.take() {
                    parts.push((std::mem::take(&mut text), number));
                }
                text.push(c);
            }
        }
    }
    parts.push((text, number.unwrap_or_default()));
    parts
}

struct Painter<'w> {
    workflow: &'w Workflow,
    options: &'w TreeOptions,
    now: Timestamp,
    index: Index<'w>,
    rows: Vec<Vec<Cell>>,
    drawn: BTreeSet<&'w str>,
}

impl<'w> Painter<'w> {
    fn draw(&mut self) {
        let nodes = &self.workflow.status.nodes;
        if let Some(root) = nodes.get(&self.workflow.metadata.name) {
            self.branch(root, " ", " ");
        }
        // Exit handler and hooks hang on no node of the tree.
        let mut beside: Vec<&NodeStatus> =
            nodes.values().filter(|node| node.boundary_id.is_empty() && !self.drawn.contains(node.id.as_str())).collect();
        beside.sort_by_cached_key(|node| order(node));
        for node in beside {
            if !self.drawn.contains(node.id.as_str()) {
                if !self.rows.is_empty() && self.is_wanted(node) {
                    self.rows.push(Vec::new());
                }
                self.branch(node, " ", " ");
            }
        }
    }

    fn is_wanted(&self, node: &'w NodeStatus) -> bool {
        let itself = self.options.selector.matches(node) && (self.options.status.is_empty() || self.options.status == node.phase);
        itself || self.below(node).into_iter().any(|child| self.is_wanted(child))
    }

    fn below(&self, node: &'w NodeStatus) -> Vec<&'w NodeStatus> {
        match node.type_.as_str() {
            "Retry" | "TaskGroup" | "StepGroup" => {
                let nodes = &self.workflow.status.nodes;
                let mut parts: Vec<&NodeStatus> =
                    node.children.iter().filter_map(|id| nodes.get(id)).filter(|child| is_part(node, child)).collect();
                if node.type_ == "StepGroup" {
                    // Steps stay as the manifest has them; the items of one have numbers.
                    let steps: Vec<String> = parts.iter().map(|part| step(&part.name).to_owned()).collect();
                    parts.sort_by_cached_key(|part| (steps.iter().position(|s| s == step(&part.name)), natural(&part.name)));
                } else {
                    parts.sort_by_cached_key(|part| natural(&part.name));
                }
                parts
            }
            _ => {
                let inside = self.index.inside.get(node.id.as_str()).map(Vec::as_slice).unwrap_or_default();
                inside.iter().copied().filter(|child| !self.index.grouped.contains(child.id.as_str())).collect()
            }
        }
    }

    /// One node at `lead`, and everything below it at `margin`.
    fn branch(&mut self, node: &'w NodeStatus, lead: &str, margin: &str) {
        if !self.is_wanted(node) || !self.drawn.insert(&node.id) {
            return;
        }
        self.rows.push(self.row(node, lead));
        self.children(node, margin);
    }

    fn children(&mut self, node: &'w NodeStatus, margin: &str) {
        let below: Vec<&NodeStatus> = self.below(node).into_iter().filter(|child| self.is_wanted(child)).collect();
        let last = below.len().saturating_sub(1);
        for (at, child) in below.into_iter().enumerate() {
            let (fork, bar) = if at == last { ("└─", "  ") } else { ("├─", "│ ") };
            if child.type_ == "StepGroup" && node.type_ == "Steps" {
                self.group(child, &format!("{margin}{fork}"), &format!("{margin}{bar}"));
            } else {
                self.branch(child, &format!("{margin}{fork}"), &format!("{margin}{bar}"));
            }
        }
    }

    /// A group of parallel steps: not shown itself unless it failed before it had any.
    fn group(&mut self, group: &'w NodeStatus, lead: &str, margin: &str) {
        if !self.drawn.insert(&group.id) {
            return;
        }
        let steps: Vec<&NodeStatus> = self.below(group).into_iter().filter(|step| self.is_wanted(step)).collect();
        if steps.is_empty() {
            self.rows.push(self.row(group, &format!("{lead}──")));
            return;
        }
        let last = steps.len().saturating_sub(1);
        for (at, step) in steps.into_iter().enumerate() {
            let start = if at == 0 { lead } else { margin };
            let (fork, bar) = match (at, at == last) {
                (0, true) => ("──", "  "),
                (0, false) => ("┬─", "│ "),
                (_, true) => ("└─", "  "),
                (_, false) => ("├─", "│ "),
            };
            self.branch(step, &format!("{start}{fork}"), &format!("{margin}{bar}"));
        }
    }

    fn row(&self, node: &NodeStatus, lead: &str) -> Vec<Cell> {
        let (mark, colour) = if is_waiting(node) { ("‖", icon("Running").1) } else { icon(&node.phase) };
        let name = if node.display_name.is_empty() { &node.name } else { &node.display_name };
        let template = node.template_ref.as_ref().map_or_else(|| node.template_name.clone(), |r| format!("{}/{}", r.name, r.template));
        let is_pod = node.type_ == "Pod";
        let pod = if is_pod { pod_name(self.workflow, node) } else { String::new() };
        let took = if is_pod || node.type_ == "Suspend" || node.type_ == "HTTP" {
            time::seconds(node.started_at, node.finished_at, self.now)
        } else {
            None
        };
        let step = Cell::from(lead).then(colour, mark).then(None, format!(" {name}"));
        let mut row =
            vec![step, template.into(), pod.into(), took.map(time::short).unwrap_or_default().into(), node.message.as_str().into()];
        if self.options.wide {
            let artifacts: Vec<&str> = node.outputs.iter().flat_map(|o| &o.artifacts).map(|a| a.name.as_str()).collect();
            let resources: Vec<String> =
                node.resources_duration.iter().map(|(name, seconds)| format!("{}*({name})", time::short(*seconds))).collect();
            row.extend([artifacts.join(","), resources.join(","), node.host_node_name.clone()].map(Cell::from));
        }
        row
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
