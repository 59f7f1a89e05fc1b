//! Templates made of steps: groups one after the other, the steps of a group side by side.

use std::sync::Arc;

use argo_core::workflows::NodeFlag;
use argo_lang::tags::Policy;

use super::act::{Act, Called, Kind, Queued, Request, Steps, Stop, Task, below};
use super::calls::{Body, Call, Items, Target};
use super::doc::render_text;
use super::scope::{Layer, Layers, text};
use super::tree::{self, is_failed};
use super::{WorkflowRun, args, items, outputs};

/// What upstream says when a template stops at the first failure.
pub(super) const FAIL_FAST: &str = "template has failed or errored children and failFast enabled";

/// What became of one expansion of a call.
pub(super) enum Outcome {
    /// Its node exists now.
    There,
    /// Its node exists and is in error; the message.
    Error(String),
    /// Nothing more may start now.
    Blocked,
}

impl WorkflowRun {
    pub(super) fn advance_steps(&mut self, act: &mut Act) {
        let prepared = Arc::clone(&act.prepared);
        let Body::Steps(groups) = &prepared.body else { return };
        let Kind::Steps(mut state) = std::mem::replace(&mut act.kind, Kind::New) else { return };
        self.limit(act);
        let mut touched = std::mem::take(&mut act.touched);
        loop {
            if self.tree.is_fulfilled(&act.id) {
                break;
            }
            let Some(group) = groups.get(state.group) else {
                self.finish_composite(act, &state.scope, self.last_group(act, groups.len()));
                break;
            };
            let group_name = format!("{}[{}]", act.request.name, state.group);
            let group_id = self.id_of(&group_name);
            if !state.begun {
                state.begun = true;
                self.begin_group(act, &mut state, group, &group_name);
            }
            touched.append(&mut self.touched.remove(&act.id).unwrap_or_default());
            for child in std::mem::take(&mut touched) {
                self.step_touched(act, &mut state, &child);
            }
            if !self.tree.is_fulfilled(&group_id) {
                self.run_group(act, &mut state, &group_name, &group_id);
                touched.append(&mut self.touched.remove(&act.id).unwrap_or_default());
                if !touched.is_empty() {
                    continue;
                }
            }
            if !self.tree.is_fulfilled(&group_id) {
                if !state.open.is_empty() {
                    break;
                }
                if !state.queue.is_empty() {
                    if self.fails_fast(act) {
                        self.set_phase(&group_id, "Failed", Some(FAIL_FAST));
                        self.set_phase(&act.id, "Failed", Some(FAIL_FAST));
                    }
                    break;
                }
                self.judge_group(&state, &group_id);
            }
            if let Some(message) = self.tree.get(&group_id).filter(|n| is_failed(&n.phase)).map(|n| n.message.clone()) {
                if !state.open.is_empty() {
                    // What runs beside the failed step is waited for: nothing is left behind (upstream leaves it running).
                    break;
                }
                let outbound = self.last_group(act, groups.len());
                self.change(&act.id, |n| n.outbound_nodes = outbound);
                self.set_phase(&act.id, "Failed", Some(&message));
                break;
            }
            match self.group_scope(act, group, &group_name, &group_id) {
                Ok(names) => state.scope.extend(names),
                Err(message) => {
                    self.fail_composite(act, &message);
                    break;
                }
            }
            state.group = state.group.saturating_add(1);
            state.begun = false;
            state.children.clear();
        }
        act.kind = Kind::Steps(state);
    }

    fn last_group(&self, act: &Act, groups: usize) -> Vec<String> {
        let last = (0..groups).rev().map(|i| self.id_of(&format!("{}[{i}]", act.request.name))).find(|id| self.tree.get(id).is_some());
        let children = last.and_then(|id| self.tree.get(&id)).map(|n| n.children.clone()).unwrap_or_default();
        children.iter().flat_map(|child| self.tree.outbound(child)).collect()
    }

    fn begin_group(&mut self, act: &Act, state: &mut Steps, group: &[Arc<Call>], group_name: &str) {
        let group_id = self.id_of(group_name);
        if self.tree.get(&group_id).is_none() {
            let called = Called { scope: self.own_scope(act), ..Called::default() };
            let node = self.node(group_name, "StepGroup", "Running", &called, &act.id, Some(NodeFlag::default()), "", "");
            self.add_node(node, None);
            let parents = match state.group.checked_sub(1) {
                None => vec![act.id.clone()],
                Some(previous) => {
                    let id = self.id_of(&format!("{}[{previous}]", act.request.name));
                    let children = self.tree.get(&id).map(|n| n.children.clone()).unwrap_or_default();
                    let outbound: Vec<String> = children.iter().flat_map(|c| self.tree.outbound(c)).collect();
                    if outbound.is_empty() { vec![id] } else { outbound }
                }
            };
            for parent in parents {
                self.tree.add_child(&parent, &group_id);
            }
        }
        if self.tree.is_fulfilled(&group_id) {
            return;
        }
        if let Err(message) = self.queue_group(act, state, group, group_name, &group_id) {
            self.set_error(&group_id, &message);
            state.queue.clear();
        }
    }

    /// The scope in which the calls of a template look up templates.
    pub(super) fn own_scope(&self, act: &Act) -> String {
        self.scope_name(&act.prepared.origin)
    }

    fn queue_group(&mut self, act: &Act, state: &mut Steps, group: &[Arc<Call>], group_name: &str, group_id: &str) -> Result<(), String> {
        let globals = self.globals.clone();
        let scope = Layers::at(vec![&globals, &act.locals, &act.inputs, &state.scope], self.moment());
        let mut queue = Vec::new();
        for (ordinal, call) in group.iter().enumerate() {
            let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
            let looped = !matches!(call.items, Items::Once);
            let proceeds = if looped && call.when.contains("item") {
                true
            } else {
                let when =
                    render_text(&call.when, &scope, Policy::KeepUnknown).map_err(|e| format!("failed to resolve references: {e}"))?;
                match argo_lang::when::holds(&when) {
                    Ok(proceeds) => proceeds,
                    Err(_) if when.contains("{{") => true,
                    Err(e) => return Err(format!("failed to resolve references: {}", when_error(&when, &e))),
                }
            };
            let turns = match items::turns(&call.items, &scope) {
                Ok(turns) => turns,
                // Nobody asks for the items of a loop that does not run.
                Err(_) if !proceeds => None,
                Err(message) => return Err(message),
            };
            match turns {
                None => {
                    let item = names_of(&call.name, Layer::new());
                    if proceeds {
                        args::arguments(&call.arguments, &scope.with(&item)).map_err(|e| format!("failed to resolve references: {e}"))?;
                    }
                    queue.push(Queued { call: Arc::clone(call), ordinal, name: call.name.clone(), item });
                }
                Some(turns) if turns.is_empty() => {
                    let name = format!("{group_name}.{}", call.name);
                    if self.tree.get(&self.id_of(&name)).is_none() {
                        let called = self.called_of(act, call, &scope);
                        let node = self.node(
                            &name,
                            "Skipped",
                            "Skipped",
                            &called,
                            &act.id,
                            Some(NodeFlag::default()),
                            "Skipped, empty params",
                            "",
                        );
                        let id = node.id.clone();
                        self.add_node(node, None);
                        self.tree.add_child(group_id, &id);
                    }
                }
                Some(turns) => {
                    for turn in turns {
                        let name = format!("{}{}", call.name, turn.suffix);
                        let item = names_of(&name, turn.names);
                        queue.push(Queued { call: Arc::clone(call), ordinal, name, item });
                    }
                }
            }
        }
        state.queue = queue.into();
        Ok(())
    }

    /// How the node of a call names its template.
    pub(super) fn called_of(&self, act: &Act, call: &Call, scope: &Layers<'_>) -> Called {
        let target: Target =
            call.target.render(scope, Policy::KeepUnknown).ok().and_then(|v| serde_json::from_value(v).ok()).unwrap_or_default();
        let template = if target.template_ref.is_some() { String::new() } else { target.template };
        Called { template, reference: target.template_ref, scope: self.own_scope(act) }
    }

    fn run_group(&mut self, act: &Act, state: &mut Steps, group_name: &str, group_id: &str) {
        while let Some(queued) = state.queue.front().cloned() {
            if self.fails_fast(act) {
                return;
            }
            let name = format!("{group_name}.{}", queued.name);
            let child = self.id_of(&name);
            state.children.insert(child.clone(), Arc::clone(&queued.call));
            let ordinal = u32::try_from(state.group).unwrap_or(u32::MAX);
            let outcome = self.run_call(act, &queued, &name, &state.scope, ordinal);
            match outcome {
                Outcome::Blocked => {
                    self.block(&act.id);
                    return;
                }
                Outcome::There => {
                    state.queue.pop_front();
                    self.tree.add_child(group_id, &child);
                    self.arm(&mut state.hooks, &child, &queued.call);
                    state.open.insert(child.clone());
                    self.touched.entry(act.id.clone()).or_default().push(child);
                }
                Outcome::Error(message) => {
                    state.queue.clear();
                    self.tree.add_child(group_id, &child);
                    let skipped = self.tree.get(&child).is_some_and(|n| n.node_flag.is_some() && n.type_ == "Skipped");
                    let message = if skipped { message } else { format!("step group deemed errored due to child {name} error: {message}") };
                    self.set_error(group_id, &message);
                    return;
                }
            }
        }
    }

    /// Runs one expansion: skips it where its condition says so, executes it otherwise.
    pub(super) fn run_call(&mut self, act: &Act, queued: &Queued, name: &str, scope: &Layer, ordinal: u32) -> Outcome {
        let id = self.id_of(name);
        if self.tree.get(&id).is_some_and(|n| tree::is_fulfilled(n) && n.phase != "Running") {
            return Outcome::There;
        }
        let call = Arc::clone(&queued.call);
        let globals = self.globals.clone();
        let layers = Layers::at(vec![&globals, &act.locals, &act.inputs, scope, &queued.item], self.moment());
        let node_exists = self.tree.get(&id).is_some();
        let when = match render_text(&call.when, &layers, Policy::KeepUnknown) {
            Ok(when) => when,
            Err(e) => return self.refuse_call(act, &call, name, &layers, &e.to_string()),
        };
        match argo_lang::when::holds(&when) {
            Ok(true) => {}
            Ok(false) if node_exists => {}
            Ok(false) => {
                let called = self.called_of(act, &call, &layers);
                let message = format!("when '{when}' evaluated false");
                let node = self.node(name, "Skipped", "Skipped", &called, &act.id, Some(NodeFlag::default()), &message, "");
                self.add_node(node, None);
                return Outcome::There;
            }
            Err(e) => return self.refuse_call(act, &call, name, &layers, &when_error(&when, &e)),
        }
        let arguments = match args::arguments(&call.arguments, &layers) {
            Ok(arguments) => arguments,
            Err(message) => return self.refuse_call(act, &call, name, &layers, &message),
        };
        let target = match call.target.render(&layers, Policy::KeepUnknown).map_err(|e| e.to_string()) {
            Ok(value) => serde_json::from_value(value).unwrap_or_default(),
            Err(message) => return self.refuse_call(act, &call, name, &layers, &message),
        };
        let request = Request {
            name: name.to_owned(),
            parent: Some(act.id.clone()),
            order: below(&below(&act.request.order, ordinal), queued.ordinal),
            origin: act.prepared.origin.clone(),
            inline: call.inline.clone(),
            target,
            args: arguments,
            boundary: act.id.clone(),
            flag: None,
            on_exit: act.request.on_exit,
            include_output: act.prepared.reads_result_of(&call.name),
            depth: act.request.depth.saturating_add(1),
        };
        match self.execute(request) {
            Ok(()) => Outcome::There,
            Err(Stop::Parallelism) => Outcome::Blocked,
            Err(Stop::Error(message)) => Outcome::Error(message),
        }
    }

    fn refuse_call(&mut self, act: &Act, call: &Call, name: &str, scope: &Layers<'_>, message: &str) -> Outcome {
        let called = self.called_of(act, call, scope);
        let id = self.id_of(name);
        if self.tree.get(&id).is_some() {
            self.set_error(&id, message);
        } else {
            let node = self.node(name, "Skipped", "Error", &called, &act.id, Some(NodeFlag::default()), message, "");
            self.add_node(node, None);
        }
        Outcome::Error(message.to_owned())
    }

    fn step_touched(&mut self, act: &Act, state: &mut Steps, child: &str) {
        if state.hooks.of.contains_key(child) {
            if self.tree.is_fulfilled(child) {
                state.open.remove(child);
            }
            return;
        }
        let Some(call) = state.children.get(child).cloned() else { return };
        let Some(node) = self.tree.get(child).cloned() else { return };
        let prefix = format!("steps.{}", call.name);
        let started = self.run_hooks(act, &mut state.hooks, &state.scope, &call, &node, &prefix);
        state.open.extend(started);
        if tree::is_fulfilled(&node) {
            state.open.remove(child);
        }
    }

    fn judge_group(&mut self, state: &Steps, group_id: &str) {
        let children = self.tree.get(group_id).map(|n| n.children.clone()).unwrap_or_default();
        let failed = children.iter().find(|child| {
            let phase = self.tree.get(child).map(|n| n.phase.clone()).unwrap_or_default();
            is_failed(&phase) && !state.children.get(*child).is_some_and(|call| call.continues_on(&phase))
        });
        match failed {
            Some(child) => {
                let message = format!("child '{child}' failed");
                self.set_phase(group_id, "Failed", Some(&message));
            }
            None => self.set_phase(group_id, "Succeeded", None),
        }
    }

    /// What the steps of a finished group put out.
    fn group_scope(&mut self, act: &Act, group: &[Arc<Call>], group_name: &str, group_id: &str) -> Result<Layer, String> {
        let mut layer = Layer::new();
        for call in group {
            let name = format!("{group_name}.{}", call.name);
            layer.extend(self.names_after(act, call, &name, &format!("steps.{}", call.name), group_id)?);
        }
        Ok(layer)
    }

    /// What a call put out: its node's outputs, or those of its turns gathered.
    pub(super) fn names_after(&mut self, act: &Act, call: &Call, name: &str, prefix: &str, around: &str) -> Result<Layer, String> {
        let id = self.id_of(name);
        if let Some(node) = self.tree.get(&id).cloned()
            && node.type_ != "TaskGroup"
        {
            let unmade = matches!(node.phase.as_str(), "Skipped" | "Omitted");
            let declared = if unmade { self.declared_outputs(act, call) } else { None };
            let mut names = outputs::names(prefix, &node, declared.as_ref());
            // A retried daemon is where its last attempt is.
            let attempt = node.children.last().filter(|_| node.type_ == "Retry" && node.daemoned == Some(true));
            if let Some(attempt) = attempt.and_then(|id| self.tree.get(id)) {
                names.insert(format!("{prefix}.ip"), text(attempt.pod_ip.as_str()));
            }
            return Ok(names);
        }
        let turns = self.turn_nodes(around, name);
        let turns: Vec<&argo_core::workflows::NodeStatus> = turns.iter().collect();
        let mut layer = outputs::aggregate(prefix, &turns)?;
        if let Some(group) = self.tree.get(around) {
            layer.insert(format!("{prefix}.id"), text(group.id.as_str()));
            layer.insert(format!("{prefix}.status"), text(group.phase.as_str()));
        }
        Ok(layer)
    }

    /// The nodes of a loop, in the order of their items.
    pub(super) fn turn_nodes(&self, around: &str, name: &str) -> Vec<argo_core::workflows::NodeStatus> {
        let prefix = format!("{name}(");
        let children = self.tree.get(around).map(|n| n.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|c| self.tree.get(c)).filter(|n| n.name.starts_with(&prefix)).cloned().collect()
    }

    fn declared_outputs(&mut self, act: &Act, call: &Call) -> Option<argo_core::workflows::Outputs> {
        if let Some(inline) = &call.inline {
            return Some(inline.template.outputs.clone());
        }
        let globals = self.globals.clone();
        let layers = Layers::at(vec![&globals, &act.locals, &act.inputs], self.moment());
        let target: Target = call.target.render(&layers, Policy::KeepUnknown).ok().and_then(|v| serde_json::from_value(v).ok())?;
        let (origin, name) = match target.template_ref {
            Some(r) if r.cluster_scope => (super::Origin::Cluster(r.name), r.template),
            Some(r) => (super::Origin::Namespaced(r.name), r.template),
            None => (act.prepared.origin.clone(), target.template),
        };
        self.lookup(&origin, &name).ok().map(|p| p.template.outputs.clone())
    }

    fn fails_fast(&self, act: &Act) -> bool {
        self.limits.get(&act.id).is_some_and(|l| l.fail_fast) && self.below.get(&act.id).is_some_and(|b| b.failed > 0)
    }

    /// Ends a template made of calls well: with its outputs.
    pub(super) fn finish_composite(&mut self, act: &Act, scope: &Layer, outbound: Vec<String>) {
        let globals = self.globals.clone();
        let layers = Layers::at(vec![&globals, &act.locals, &act.inputs, scope], self.moment());
        match outputs::of_template(outputs::declared(&act.prepared.template), &layers) {
            Ok(made) => {
                self.change(&act.id, |n| {
                    n.outbound_nodes = outbound;
                    n.outputs = made;
                });
                self.set_phase(&act.id, "Succeeded", None);
            }
            Err(message) => self.fail_composite(act, &message),
        }
    }

    /// Ends a template made of calls because it cannot go on; what called it is told.
    pub(super) fn fail_composite(&mut self, act: &Act, message: &str) {
        self.set_error(&act.id, message);
        if self.id_of(self.name()) == act.id {
            self.entry_error = Some(format!("error in entry template execution: {message}"));
        }
    }
}

impl Task {
    pub(super) fn is_blocked(&self) -> bool {
        !self.queue.is_empty()
    }
}

/// Names that a step or task has beside its item.
pub(super) fn names_of(name: &str, mut item: Layer) -> Layer {
    item.insert("steps.name".to_owned(), text(name));
    item.insert("tasks.name".to_owned(), text(name));
    item
}

/// What upstream says of a condition that cannot be used.
pub(super) fn when_error(when: &str, error: &argo_lang::when::WhenError) -> String {
    use argo_lang::when::WhenError;
    match error {
        WhenError::Parse(e) => format!("Invalid 'when' expression '{when}': {}", e.message),
        WhenError::Run(message) => format!("Failed to evaluate 'when' expresion '{when}': {message}"),
        WhenError::NotBoolean(_) => format!("Expected boolean evaluation for '{when}'. Got {}", error),
    }
}
