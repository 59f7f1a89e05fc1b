//! The nodes of a run: the status as it is written, and what is kept beside it so that no event costs more than what it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argo_core::ids;
use argo_core::workflows::NodeStatus;
use serde_json::{Map, Value};

/// Fields that a later state of a node may lack: a merge patch must take them away by name.
const CLEARABLE: [&str; 7] = ["message", "daemoned", "synchronizationStatus", "progress", "finishedAt", "outputs", "podIP"];

/// Nodes whose progress is their own; that of all others is the sum of what is below them.
pub(super) fn is_executable(kind: &str) -> bool {
    matches!(kind, "Pod" | "HTTP" | "Plugin" | "Container" | "Suspend")
}

/// Whether a node has come to its end: nothing more will change for those who wait for it.
pub(super) fn is_fulfilled(node: &NodeStatus) -> bool {
    match node.phase.as_str() {
        "Succeeded" | "Failed" | "Error" => node.task_result_synced != Some(false),
        "Skipped" | "Omitted" => true,
        "Pending" | "" => false,
        _ => node.daemoned == Some(true),
    }
}

/// Whether a node ended after it ran.
pub(super) fn is_completed(node: &NodeStatus) -> bool {
    is_fulfilled(node) && !matches!(node.phase.as_str(), "Skipped" | "Omitted")
}

pub(super) fn is_failed(phase: &str) -> bool {
    matches!(phase, "Failed" | "Error")
}

type Sums = Arc<BTreeSet<String>>;

#[derive(Default)]
struct Around {
    parents: Vec<String>,
    /// Composite nodes from which this one is reached: their progress includes this node's.
    above: Sums,
    /// `above` and the node itself, where it is composite: what its children start with.
    for_children: Option<Sums>,
    /// Sum of the progress of what is below: done and total.
    below: (i64, i64),
}

/// All nodes of a run.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<String, NodeStatus>,
    around: BTreeMap<String, Around>,
    total: (i64, i64),
    dirty: BTreeSet<String>,
    /// Nodes of which only the progress changed: their lists of children, which can be long, need not be written again.
    moved: BTreeSet<String>,
    /// Nodes that are in phase Failed or Error.
    failed: BTreeSet<String>,
    /// Children that are named but not there yet, with those who named them.
    expected: BTreeMap<String, Vec<String>>,
    /// Ids, by name, of nodes that have not the id their name gives: another node had it.
    displaced: BTreeMap<String, String>,
}

fn parse_progress(text: &str) -> (i64, i64) {
    let parsed = text.split_once('/').and_then(|(n, m)| Some((n.parse::<i64>().ok()?, m.parse::<i64>().ok()?)));
    parsed.filter(|(n, m)| *n >= 0 && *m > 0 && n <= m).unwrap_or((0, 0))
}

fn print_progress((done, total): (i64, i64)) -> String {
    format!("{done}/{total}")
}

fn plus(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.saturating_add(b.0), a.1.saturating_add(b.1))
}

impl Tree {
    /// From a status: everything beside it is made anew.
    pub(super) fn load(workflow: &str, nodes: &BTreeMap<String, NodeStatus>) -> Self {
        let mut tree = Self { nodes: nodes.clone(), ..Self::default() };
        for (id, node) in nodes {
            tree.around.insert(id.clone(), Around::default());
            if is_executable(&node.type_) {
                tree.total = plus(tree.total, parse_progress(&node.progress));
            }
            if is_failed(&node.phase) {
                tree.failed.insert(id.clone());
            }
            if *id != ids::node_id(workflow, &node.name) {
                tree.displaced.insert(node.name.clone(), id.clone());
            }
        }
        for (id, node) in nodes {
            for child in &node.children {
                tree.link(id, child);
            }
        }
        tree.dirty.clear();
        tree.moved.clear();
        tree
    }

    pub(super) fn get(&self, id: &str) -> Option<&NodeStatus> {
        self.nodes.get(id)
    }

    pub(super) fn is_fulfilled(&self, id: &str) -> bool {
        self.nodes.get(id).is_some_and(is_fulfilled)
    }

    pub(super) fn parents(&self, id: &str) -> &[String] {
        self.around.get(id).map_or(&[], |a| a.parents.as_slice())
    }

    pub(super) fn failed(&self) -> impl Iterator<Item = &NodeStatus> {
        self.failed.iter().filter_map(|id| self.nodes.get(id))
    }

    pub(super) fn progress(&self) -> String {
        print_progress(self.total)
    }

    /// The id of the node of this name, whether it is there or not.
    pub(super) fn id_of(&self, workflow: &str, name: &str) -> String {
        match self.displaced.get(name) {
            Some(id) => id.clone(),
            None => ids::free_node_id(workflow, name, |id| self.nodes.get(id).is_some_and(|n| n.name != name)),
        }
    }

    pub(super) fn insert(&mut self, workflow: &str, node: NodeStatus) {
        let id = node.id.clone();
        if id != ids::node_id(workflow, &node.name) {
            self.displaced.insert(node.name.clone(), id.clone());
        }
        if is_executable(&node.type_) {
            self.total = plus(self.total, parse_progress(&node.progress));
        }
        if is_failed(&node.phase) {
            self.failed.insert(id.clone());
        }
        self.around.entry(id.clone()).or_default();
        self.dirty.insert(id.clone());
        self.nodes.insert(id.clone(), node);
        for parent in self.expected.remove(&id).unwrap_or_default() {
            self.link(&parent, &id);
        }
    }

    /// Changes a node; tells whether anything changed.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut NodeStatus)) -> bool {
        let Some(node) = self.nodes.get_mut(id) else { return false };
        let before = node.clone();
        change(node);
        if *node == before {
            return false;
        }
        if is_failed(&node.phase) {
            self.failed.insert(id.to_owned());
        } else {
            self.failed.remove(id);
        }
        let (kind, old, new) = (node.type_.clone(), parse_progress(&before.progress), parse_progress(&node.progress));
        self.dirty.insert(id.to_owned());
        if is_executable(&kind) && old != new {
            let delta = (new.0.saturating_sub(old.0), new.1.saturating_sub(old.1));
            self.total = plus(self.total, delta);
            let above = self.around.get(id).map(|a| Arc::clone(&a.above)).unwrap_or_default();
            for ancestor in above.iter() {
                self.add_below(ancestor, delta);
            }
        }
        true
    }

    /// Makes a node the child of another; again is the same as once.
    pub(super) fn add_child(&mut self, parent: &str, child: &str) {
        let Some(node) = self.nodes.get_mut(parent) else { return };
        // Fan-out has many children of one parent, fan-in many parents of one child: the shorter list is searched.
        let parents = self.around.get(child).map(|a| &a.parents).or_else(|| self.expected.get(child)).map_or(&[][..], Vec::as_slice);
        let known = if parents.len() < node.children.len() {
            parents.iter().any(|p| p == parent)
        } else {
            node.children.iter().any(|c| c == child)
        };
        if known {
            return;
        }
        node.children.push(child.to_owned());
        self.dirty.insert(parent.to_owned());
        self.link(parent, child);
    }

    fn link(&mut self, parent: &str, child: &str) {
        if !self.around.contains_key(child) {
            self.expected.entry(child.to_owned()).or_default().push(parent.to_owned());
            return;
        }
        let composite = self.nodes.get(parent).is_some_and(|n| !is_executable(&n.type_));
        let Some(around) = self.around.get_mut(parent) else { return };
        let above = around.for_children.get_or_insert_with(|| {
            if composite {
                let mut above = around.above.as_ref().clone();
                above.insert(parent.to_owned());
                Arc::new(above)
            } else {
                Arc::clone(&around.above)
            }
        });
        let above = Arc::clone(above);
        if let Some(around) = self.around.get_mut(child) {
            around.parents.push(parent.to_owned());
        }
        // Depth-first without recursion: trees can be deep.
        let mut todo = vec![(child.to_owned(), above)];
        while let Some((id, above)) = todo.pop() {
            let Some(around) = self.around.get_mut(&id) else { continue };
            if Arc::ptr_eq(&around.above, &above) {
                continue;
            }
            let new: Sums =
                if around.above.is_empty() { Arc::clone(&above) } else { Arc::new(above.difference(&around.above).cloned().collect()) };
            if new.is_empty() {
                continue;
            }
            if around.above.is_empty() {
                around.above = above;
            } else {
                around.above = Arc::new(around.above.union(&new).cloned().collect());
            }
            around.for_children = None;
            let Some(node) = self.nodes.get(&id) else { continue };
            let own = if is_executable(&node.type_) { parse_progress(&node.progress) } else { (0, 0) };
            todo.extend(node.children.iter().map(|c| (c.clone(), Arc::clone(&new))));
            if own != (0, 0) {
                for ancestor in new.iter() {
                    self.add_below(ancestor, own);
                }
            }
        }
    }

    fn add_below(&mut self, id: &str, delta: (i64, i64)) {
        let Some(around) = self.around.get_mut(id) else { return };
        around.below = plus(around.below, delta);
        let sum = around.below;
        if let Some(node) = self.nodes.get_mut(id) {
            let progress = if sum.1 > 0 { print_progress(sum) } else { String::new() };
            if node.progress != progress {
                node.progress = progress;
                self.moved.insert(id.to_owned());
            }
        }
    }

    /// The nodes at the end of what a node stands for: what comes next hangs below these.
    pub(super) fn outbound(&self, id: &str) -> Vec<String> {
        let Some(node) = self.nodes.get(id) else { return Vec::new() };
        let own = || vec![node.id.clone()];
        let of_children = |wanted: &dyn Fn(&NodeStatus) -> bool| -> Vec<String> {
            let children = node.children.iter().filter(|c| self.nodes.get(*c).is_some_and(wanted));
            children.flat_map(|c| self.outbound(c)).collect()
        };
        let found = match node.type_.as_str() {
            "Pod" => of_children(&|child| child.type_ == "Container" && child.boundary_id == node.id),
            "Container" => of_children(&|child| child.type_ == "Container" && child.boundary_id == node.boundary_id),
            "TaskGroup" => of_children(&|_| true),
            // Whatever came last, an exit handler included, as upstream does.
            "Retry" => return node.children.last().map_or_else(own, |last| vec![last.clone()]),
            "Steps" | "DAG" => {
                return if node.memoization_status.as_ref().is_some_and(|m| m.hit == Some(true)) {
                    own()
                } else {
                    node.outbound_nodes.clone()
                };
            }
            _ => Vec::new(),
        };
        if found.is_empty() {
            return own();
        }
        let mut seen = BTreeSet::new();
        found.into_iter().filter(|id| seen.insert(id.clone())).collect()
    }

    /// What changed since the last call, as the value of `status.nodes` in a merge patch.
    pub(super) fn take_patch(&mut self) -> Map<String, Value> {
        let mut patch = Map::new();
        for id in std::mem::take(&mut self.moved) {
            if let Some(node) = self.nodes.get(&id).filter(|_| !self.dirty.contains(&id)) {
                let progress = if node.progress.is_empty() { Value::Null } else { Value::from(node.progress.as_str()) };
                patch.insert(id, serde_json::json!({"progress": progress}));
            }
        }
        for id in std::mem::take(&mut self.dirty) {
            let Some(node) = self.nodes.get(&id) else { continue };
            let mut value = serde_json::to_value(node).unwrap_or_default();
            if let Some(map) = value.as_object_mut() {
                for field in CLEARABLE {
                    map.entry(field).or_insert(Value::Null);
                }
            }
            patch.insert(id, value);
        }
        patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, kind: &str, progress: &str) -> NodeStatus {
        NodeStatus { id: id.into(), name: id.into(), type_: kind.into(), progress: progress.into(), ..NodeStatus::default() }
    }

    #[test]
    fn progress_is_the_sum_of_what_is_below_counted_once() {
        let mut tree = Tree::default();
        for (id, kind) in [("wf", "Steps"), ("g0", "StepGroup"), ("a", "Pod"), ("b", "Pod"), ("g1", "StepGroup"), ("c", "Pod")] {
            tree.insert("w", node(id, kind, if kind == "Pod" { "0/1" } else { "" }));
        }
        for (parent, child) in [("wf", "g0"), ("g0", "a"), ("g0", "b"), ("a", "g1"), ("b", "g1"), ("g1", "c")] {
            tree.add_child(parent, child);
        }
        tree.change("a", |n| n.progress = "1/1".into());
        let of = |tree: &Tree, id: &str| tree.get(id).unwrap().progress.clone();
        assert_eq!(
            (of(&tree, "wf"), of(&tree, "g0"), of(&tree, "g1"), tree.progress()),
            ("1/3".into(), "1/3".into(), "0/1".into(), "1/3".into())
        );
        let loaded = Tree::load("w", &tree.nodes);
        assert_eq!(of(&loaded, "g0"), "1/3");
        let mut loaded = loaded;
        loaded.change("c", |n| n.progress = "1/1".into());
        assert_eq!((of(&loaded, "wf"), of(&loaded, "g1")), ("2/3".into(), "1/1".into()));
    }
}
