//! Templates made of tasks: each runs when what it depends on has come out as it says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argo_core::workflows::NodeFlag;
use argo_lang::depends::TaskResult;
use argo_lang::tags::Policy;

use super::act::{Act, Dag, Kind, Queued, Task, TaskState};
use super::calls::{Body, Call, Items};
use super::doc::render_text;
use super::scope::{Layer, Layers};
use super::steps::{FAIL_FAST, Outcome, names_of};
use super::tree::{self, is_failed};
use super::{WorkflowRun, items};

type Calls = BTreeMap<String, Arc<Call>>;

impl WorkflowRun {
    pub(super) fn advance_dag(&mut self, act: &mut Act) {
        let prepared = Arc::clone(&act.prepared);
        let Body::Dag(calls) = &prepared.body else { return };
        let Kind::Dag(mut state) = std::mem::replace(&mut act.kind, Kind::New) else { return };
        self.limit(act);
        let mut touched = std::mem::take(&mut act.touched);
        let mut ready: BTreeSet<(u32, String)> = BTreeSet::new();
        if !state.begun {
            state.begun = true;
            begin(act, &mut state, calls);
            ready.extend(state.tasks.iter().map(|(name, task)| (task.ordinal, name.clone())));
        }
        loop {
            for child in std::mem::take(&mut touched) {
                self.task_touched(act, &mut state, calls, &child, &mut ready);
            }
            while let Some((_, name)) = ready.pop_first() {
                self.try_task(act, &mut state, calls, &name);
            }
            let blocked: Vec<String> = state.tasks.iter().filter(|(_, t)| t.is_blocked()).map(|(n, _)| n.clone()).collect();
            for name in blocked {
                self.run_task(act, &mut state, &name);
            }
            touched.append(&mut self.touched.remove(&act.id).unwrap_or_default());
            if touched.is_empty() && ready.is_empty() {
                break;
            }
        }
        let blocked = state.tasks.values().any(Task::is_blocked);
        if state.open.is_empty() && !self.tree.is_fulfilled(&act.id) {
            if blocked && self.dag_fails_fast(act) {
                self.set_phase(&act.id, "Failed", Some(FAIL_FAST));
            } else if !blocked {
                self.assess_dag(act, &state, calls);
            }
        }
        act.kind = Kind::Dag(state);
    }

    fn dag_fails_fast(&self, act: &Act) -> bool {
        self.limits.get(&act.id).is_some_and(|l| l.fail_fast) && self.below.get(&act.id).is_some_and(|b| b.failed > 0)
    }

    fn task_name(act: &Act, task: &str) -> String {
        format!("{}.{task}", act.request.name)
    }

    /// Starts a task whose dependencies have all ended.
    fn try_task(&mut self, act: &Act, state: &mut Dag, calls: &Calls, name: &str) {
        let Some(call) = calls.get(name).cloned() else { return };
        if state.tasks.get(name).is_none_or(|t| t.state != TaskState::Waiting) {
            return;
        }
        let done = |dep: &String| state.tasks.get(dep).is_some_and(|t| t.state == TaskState::Done);
        if !call.dependencies.iter().all(done) {
            return;
        }
        let node_name = Self::task_name(act, name);
        let id = self.id_of(&node_name);
        if let Some(task) = state.tasks.get_mut(name) {
            task.state = TaskState::Started;
        }
        let kept = self.tree.get(&id).map(|n| (n.type_.clone(), tree::is_fulfilled(n)));
        if let Some((kind, true)) = &kept
            && kind != "TaskGroup"
        {
            self.adopt(act, state, &call, &id);
            return;
        }
        if kept.is_none() {
            let proceeds = match &call.depends {
                Err(message) => Err(message.clone()),
                Ok(logic) => Ok(logic.holds(&|dep| self.holds_alone(act, calls, dep), &|dep, what| self.holds_as(act, dep, what))),
            };
            match proceeds {
                Ok(true) => {}
                Ok(false) => {
                    self.place_skipped(act, state, &call, "Omitted", "omitted: depends condition not met");
                    return;
                }
                Err(message) => {
                    self.place_skipped(act, state, &call, "Error", &message);
                    return;
                }
            }
        }
        if let Err(message) = self.queue_task(act, state, &call, &id) {
            self.place_skipped(act, state, &call, "Error", &message);
            return;
        }
        self.run_task(act, state, name);
    }

    /// Whether a task that is named alone counts as done well: it succeeded, was skipped or is a daemon, or may fail by its own `continueOn`.
    fn holds_alone(&self, act: &Act, calls: &Calls, dep: &str) -> bool {
        let Some(node) = self.tree.get(&self.id_of(&Self::task_name(act, dep))) else { return false };
        match node.phase.as_str() {
            "Succeeded" | "Skipped" => true,
            phase if is_failed(phase) => calls.get(dep).is_some_and(|c| c.continues_on(phase)),
            _ => node.daemoned == Some(true),
        }
    }

    fn holds_as(&self, act: &Act, dep: &str, what: TaskResult) -> bool {
        let name = Self::task_name(act, dep);
        let Some(node) = self.tree.get(&self.id_of(&name)) else { return false };
        let phase = node.phase.as_str();
        let turns = || if node.type_ == "TaskGroup" { self.turn_nodes(&node.id, &name) } else { Vec::new() };
        match what {
            TaskResult::Succeeded => phase == "Succeeded",
            TaskResult::Failed => phase == "Failed",
            TaskResult::Errored => phase == "Error",
            TaskResult::Skipped => phase == "Skipped",
            TaskResult::Omitted => phase == "Omitted",
            TaskResult::Daemoned => node.daemoned == Some(true) && phase != "Pending",
            TaskResult::AnySucceeded => turns().iter().any(|n| n.phase == "Succeeded"),
            TaskResult::AllFailed => {
                let turns = turns();
                !turns.is_empty() && turns.iter().all(|n| n.phase == "Failed")
            }
        }
    }

    /// A node that stands where a task would have run.
    fn place_skipped(&mut self, act: &Act, state: &mut Dag, call: &Arc<Call>, phase: &str, message: &str) {
        let globals = self.globals.clone();
        let called = self.called_of(act, call, &Layers::at(vec![&globals, &act.locals, &act.inputs], self.moment()));
        let name = Self::task_name(act, &call.name);
        let id = self.id_of(&name);
        if self.tree.get(&id).is_some() {
            self.set_phase(&id, phase, Some(message));
        } else {
            let node = self.node(&name, "Skipped", phase, &called, &act.id, Some(NodeFlag::default()), message, "");
            self.add_node(node, None);
        }
        self.connect(act, call, &id);
        self.adopt(act, state, call, &id);
    }

    /// Takes a task's node, ended already, as its one expansion.
    fn adopt(&mut self, act: &Act, state: &mut Dag, call: &Arc<Call>, id: &str) {
        if let Some(task) = state.tasks.get_mut(&call.name) {
            task.expanded = vec![id.to_owned()];
            task.left = 1;
        }
        state.owner.insert(id.to_owned(), call.name.clone());
        state.open.insert(id.to_owned());
        self.arm(&mut state.hooks, id, call);
        self.touched.entry(act.id.clone()).or_default().push(id.to_owned());
    }

    /// Hangs a task's node below what it depends on.
    fn connect(&mut self, act: &Act, call: &Call, id: &str) {
        let mut parents: Vec<String> = Vec::new();
        for dep in &call.dependencies {
            parents.extend(self.tree.outbound(&self.id_of(&Self::task_name(act, dep))));
        }
        if call.dependencies.is_empty() {
            parents.push(act.id.clone());
        }
        for parent in parents {
            self.tree.add_child(&parent, id);
        }
    }

    /// Expands a task into what is to run; a task whose condition is false, or whose loop is empty, gets its node at once.
    fn queue_task(&mut self, act: &Act, state: &mut Dag, call: &Arc<Call>, id: &str) -> Result<(), String> {
        let globals = self.globals.clone();
        let scope = Layers::at(vec![&globals, &act.locals, &act.inputs, &state.scope], self.moment());
        let looped = !matches!(call.items, Items::Once);
        let mut skipped = None;
        if !(looped && call.when.contains("item")) {
            let when = render_text(&call.when, &scope, Policy::KeepUnknown).map_err(|e| e.to_string())?;
            match argo_lang::when::holds(&when) {
                Ok(true) => {}
                Ok(false) => skipped = Some(format!("when '{when}' evaluated false")),
                Err(_) if when.contains("{{") => {}
                Err(e) => return Err(super::steps::when_error(&when, &e)),
            }
        }
        let turns = match (items::turns(&call.items, &scope), skipped) {
            // The turns of a loop are skipped one by one; nobody asks for the items of a loop that does not run.
            (Ok(None) | Err(_), Some(message)) => {
                self.place_skipped(act, state, call, "Skipped", &message);
                return Ok(());
            }
            (turns, _) => turns?,
        };
        let Some(turns) = turns else {
            let ordinal = state.tasks.get(&call.name).map_or(0, |t| t.ordinal);
            if let Some(task) = state.tasks.get_mut(&call.name) {
                let item = names_of(&call.name, Layer::new());
                task.queue = [Queued { call: Arc::clone(call), ordinal, name: call.name.clone(), item }].into();
                task.left = 1;
            }
            return Ok(());
        };
        if turns.is_empty() {
            self.place_skipped(act, state, call, "Skipped", "Skipped, empty params");
            return Ok(());
        }
        if self.tree.get(id).is_none() {
            let called = self.called_of(act, call, &scope);
            let name = Self::task_name(act, &call.name);
            let node = self.node(&name, "TaskGroup", "Running", &called, &act.id, Some(NodeFlag::default()), "", "");
            self.add_node(node, None);
            self.connect(act, call, id);
        }
        state.owner.insert(id.to_owned(), call.name.clone());
        state.open.insert(id.to_owned());
        self.arm(&mut state.hooks, id, call);
        if let Some(task) = state.tasks.get_mut(&call.name) {
            task.group = true;
            task.left = turns.len();
            let ordinals = 0_u32..;
            task.queue = turns
                .into_iter()
                .zip(ordinals)
                .map(|(turn, ordinal)| {
                    let name = format!("{}{}", call.name, turn.suffix);
                    let item = names_of(&name, turn.names);
                    Queued { call: Arc::clone(call), ordinal, name, item }
                })
                .collect();
        }
        Ok(())
    }

    fn run_task(&mut self, act: &Act, state: &mut Dag, name: &str) {
        let group = Self::task_name(act, name);
        loop {
            let Some(task) = state.tasks.get(name) else { return };
            let (ordinal, grouped) = (task.ordinal, task.group);
            let Some(queued) = task.queue.front().cloned() else { return };
            if self.dag_fails_fast(act) {
                self.block(&act.id);
                return;
            }
            let node_name = Self::task_name(act, &queued.name);
            let id = self.id_of(&node_name);
            let outcome = self.run_call(act, &queued, &node_name, &state.scope, ordinal);
            match outcome {
                Outcome::Blocked => {
                    self.block(&act.id);
                    return;
                }
                Outcome::There => {}
                Outcome::Error(message) => {
                    // What could not be resolved says so as it is; what failed as it was started says whose fault it was.
                    let started = self.tree.get(&id).is_some_and(|n| n.node_flag.is_none());
                    if started {
                        let message = format!("task '{node_name}' errored: {message}");
                        self.change(&id, |n| n.message = message);
                    }
                }
            }
            if let Some(task) = state.tasks.get_mut(name) {
                task.queue.pop_front();
                task.expanded.push(id.clone());
            }
            if grouped {
                self.tree.add_child(&self.id_of(&group), &id);
            } else {
                self.connect(act, &queued.call, &id);
                self.arm(&mut state.hooks, &id, &queued.call);
            }
            state.owner.insert(id.clone(), name.to_owned());
            state.open.insert(id.clone());
            self.touched.entry(act.id.clone()).or_default().push(id);
        }
    }

    fn task_touched(&mut self, act: &Act, state: &mut Dag, calls: &Calls, child: &str, ready: &mut BTreeSet<(u32, String)>) {
        if let Some(owner) = state.hooks.of.get(child).cloned() {
            if self.tree.is_fulfilled(child) {
                state.open.remove(child);
                state.hooks.of.remove(child);
                self.finish_task(act, state, calls, &owner, ready);
            }
            return;
        }
        let Some(name) = state.owner.get(child).cloned() else { return };
        let Some(call) = calls.get(&name).cloned() else { return };
        let Some(node) = self.tree.get(child).cloned() else { return };
        let of_group = state.tasks.get(&name).is_some_and(|t| t.group) && node.type_ != "TaskGroup";
        if !of_group {
            let prefix = format!("tasks.{name}");
            let started = self.run_hooks(act, &mut state.hooks, &state.scope, &call, &node, &prefix);
            state.open.extend(started);
        }
        if !tree::is_fulfilled(&node) || !state.open.remove(child) {
            return;
        }
        if of_group {
            let Some(task) = state.tasks.get_mut(&name) else { return };
            task.left = task.left.saturating_sub(1);
            if task.left == 0 {
                let group = self.id_of(&Self::task_name(act, &name));
                let phases = task.expanded.iter().filter_map(|id| self.tree.get(id)).map(|n| n.phase.clone());
                let phase = phases.rev().find(|p| is_failed(p)).unwrap_or_else(|| "Succeeded".to_owned());
                self.set_phase(&group, &phase, None);
                self.touched.entry(act.id.clone()).or_default().push(group);
            }
            return;
        }
        self.finish_task(act, state, calls, child, ready);
    }

    /// A task whose node, and all hooks of it, have ended is done: what waits for it is looked at.
    fn finish_task(&mut self, act: &Act, state: &mut Dag, calls: &Calls, node: &str, ready: &mut BTreeSet<(u32, String)>) {
        let Some(name) = state.owner.get(node).cloned() else { return };
        let Some(call) = calls.get(&name) else { return };
        if !self.tree.is_fulfilled(node)
            || state.open.contains(node)
            || state.hooks.of.iter().any(|(hook, of)| of == node && state.open.contains(hook))
        {
            return;
        }
        let Some(task) = state.tasks.get_mut(&name) else { return };
        if task.state == TaskState::Done {
            return;
        }
        task.state = TaskState::Done;
        let full_name = Self::task_name(act, &name);
        let id = self.id_of(&full_name);
        match self.names_after(act, call, &full_name, &format!("tasks.{name}"), &id) {
            Ok(names) => state.scope.extend(names),
            Err(message) => {
                self.fail_composite(act, &message);
                return;
            }
        }
        for dependant in state.dependants.get(&name).into_iter().flatten() {
            if let Some(task) = state.tasks.get(dependant) {
                ready.insert((task.ordinal, dependant.clone()));
            }
        }
    }

    fn assess_dag(&mut self, act: &Act, state: &Dag, calls: &Calls) {
        let shutdown = !self.spec.shutdown.is_empty();
        let fail_fast = act.template.dag.as_ref().and_then(|d| d.fail_fast).unwrap_or(true);
        let mut result = "Succeeded".to_owned();
        for target in &state.targets {
            let id = self.id_of(&Self::task_name(act, target));
            let phase = self.branch_phase(act, &id);
            match phase {
                None => {
                    if !shutdown {
                        return;
                    }
                    result = "Failed".to_owned();
                }
                Some(phase) if is_failed(&phase) => {
                    if calls.get(target).is_some_and(|c| c.continues_on(&phase)) {
                        continue;
                    }
                    result = phase;
                    if fail_fast {
                        break;
                    }
                }
                Some(_) => {}
            }
        }
        let outbound: Vec<String> = state.targets.iter().flat_map(|t| self.outbound_of(act, t)).collect();
        if is_failed(&result) {
            self.change(&act.id, |n| n.outbound_nodes = outbound);
            self.set_phase(&act.id, &result, None);
            return;
        }
        let scope = state.scope.clone();
        self.finish_composite(act, &scope, outbound);
    }

    fn outbound_of(&self, act: &Act, task: &str) -> Vec<String> {
        let id = self.id_of(&Self::task_name(act, task));
        if self.tree.get(&id).is_some() { self.tree.outbound(&id) } else { Vec::new() }
    }

    /// The phase that a target stands for: its own where it ran, else that of what leads to it, failures before successes.
    fn branch_phase(&self, act: &Act, id: &str) -> Option<String> {
        let node = self.tree.get(id)?;
        if tree::is_completed(node) {
            return Some(node.phase.clone());
        }
        let mut found = "Succeeded".to_owned();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut todo: Vec<&str> = self.tree.parents(id).iter().map(String::as_str).collect();
        while let Some(parent) = todo.pop() {
            if parent == act.id || !seen.insert(parent) {
                continue;
            }
            let Some(node) = self.tree.get(parent) else { continue };
            if tree::is_completed(node) {
                if is_failed(&node.phase) && !is_failed(&found) {
                    found.clone_from(&node.phase);
                }
            } else {
                todo.extend(self.tree.parents(parent).iter().map(String::as_str));
            }
        }
        Some(found)
    }
}

/// Which tasks are wanted, and in which order they are looked at: from each target down to what it depends on.
fn begin(act: &Act, state: &mut Dag, calls: &Calls) {
    let target = act.template.dag.as_ref().map_or("", |d| d.target.as_str());
    state.targets = if target.trim().is_empty() {
        let needed: BTreeSet<&String> = calls.values().flat_map(|c| &c.dependencies).collect();
        calls.keys().filter(|name| !needed.contains(name)).cloned().collect()
    } else {
        target.split(' ').filter(|t| !t.is_empty()).map(str::to_owned).collect()
    };
    let mut ordinal = 0_u32;
    let mut stack: Vec<(String, bool)> = state.targets.iter().rev().map(|t| (t.clone(), false)).collect();
    let mut entered: BTreeSet<String> = BTreeSet::new();
    while let Some((name, below_done)) = stack.pop() {
        let Some(call) = calls.get(&name) else { continue };
        if below_done {
            if !state.tasks.contains_key(&name) {
                state.tasks.insert(name.clone(), Task { ordinal, ..Task::default() });
                ordinal = ordinal.saturating_add(1);
                for dep in &call.dependencies {
                    state.dependants.entry(dep.clone()).or_default().push(name.clone());
                }
            }
            continue;
        }
        // A cycle, which validation refuses, ends here: its tasks wait for each other.
        if !entered.insert(name.clone()) {
            continue;
        }
        stack.push((name, true));
        stack.extend(call.dependencies.iter().rev().map(|d| (d.clone(), false)));
    }
}
