//! Leaves: pods, suspended nodes, and what the agent runs.

use std::sync::Arc;

use argo_core::workflows::{NodeResult, NodeStatus, Outputs, Parameter, Template};

use super::WorkflowRun;
use super::act::{Act, Kind, PodState, Stop};
use super::control::NOT_CREATED;
use super::execute::duration;
use super::tree::{self, is_failed};
use crate::Effect;
use crate::event::PodSeen;
use crate::pod::{self, PodRequest};

impl WorkflowRun {
    pub(super) fn start_pod(&mut self, mut act: Box<Act>) -> Result<(), Stop> {
        let id = act.id.clone();
        let existing = self.tree.get(&id).cloned();
        let is_new = existing.as_ref().is_none_or(|n| n.phase == "Pending" && n.synchronization_status.is_some());
        if is_new && !self.may_run(act.request.on_exit) {
            self.ensure_node(&act, "Pod", "Pending");
            self.fail_node(&id, &format!("workflow shutdown with strategy: {}", self.spec.shutdown));
            return Ok(());
        }
        self.ensure_node(&act, "Pod", "Pending");
        self.container_nodes(&act);
        let name = argo_core::ids::pod_name(self.name(), &id, &act.prepared.template.name);
        act.kind = Kind::Pod(Box::new(PodState { name, ..PodState::default() }));
        let deadline = self.deadline_of(&act);
        self.acts.insert(id.clone(), act);
        if let Some(deadline) = deadline {
            self.timer_at(deadline, &id);
        }
        let again = existing.as_ref().is_some_and(|n| n.phase == "Pending" && n.message.starts_with(NOT_CREATED));
        if is_new || again {
            self.create_pod(&id);
            if let Some(node) = self.tree.get(&id).filter(|n| n.phase == "Error") {
                return Err(Stop::Error(node.message.clone()));
            }
        }
        Ok(())
    }

    /// The nodes of a container set: one for each container, below those that it depends on.
    fn container_nodes(&mut self, act: &Act) {
        let Some(set) = &act.template.container_set else { return };
        for container in &set.containers {
            let name = format!("{}.{}", act.request.name, container.name);
            if self.tree.get(&self.id_of(&name)).is_none() {
                let node = self.node(&name, "Container", "Pending", &act.called, &act.id, None, "", "");
                self.add_node(node, None);
            }
        }
        for container in &set.containers {
            let id = self.id_of(&format!("{}.{}", act.request.name, container.name));
            if container.dependencies.is_empty() {
                self.tree.add_child(&act.id, &id);
            }
            for dep in &container.dependencies {
                let parent = self.id_of(&format!("{}.{dep}", act.request.name));
                self.tree.add_child(&parent, &id);
            }
        }
    }

    /// Asks for a node's pod.
    pub(super) fn create_pod(&mut self, id: &str) {
        let Some(mut act) = self.acts.remove(id) else { return };
        let Kind::Pod(state) = &mut act.kind else {
            self.acts.insert(id.to_owned(), act);
            return;
        };
        state.create_at = None;
        let name = state.name.clone();
        let deadline = self.deadline_of(&act);
        let seconds_left = deadline.map(|d| {
            let left = d.duration_since(self.now);
            left.as_secs().saturating_add(i64::from(left.subsec_nanos() > 0)).max(1)
        });
        if deadline.is_some_and(|d| d <= self.now) {
            let message = format!("{} exceeded its deadline", act.request.name);
            self.acts.insert(id.to_owned(), act);
            self.set_error(id, &message);
            return;
        }
        let avoid = self.hosts_to_avoid(&act);
        let request = PodRequest {
            workflow: &self.workflow,
            spec: &self.spec,
            node_id: id,
            node_name: &act.request.name,
            template: &act.template,
            pod_name: &name,
            include_output: act.request.include_output,
            deadline: deadline.map(argo_core::meta::Time::truncated),
            on_exit: act.request.on_exit,
            avoid_hosts: &avoid,
            seconds_left,
        };
        let built = pod::build(&request, &self.config.pod);
        self.acts.insert(id.to_owned(), act);
        match built {
            Ok(pod) => self.effect(&["pod", id, "create"], Effect::CreatePod { node_id: id.to_owned(), pod: Box::new(pod) }),
            Err(e) => self.set_error(id, &e.to_string()),
        }
    }

    /// Hosts of the attempts before this one, where the strategy wants another.
    fn hosts_to_avoid(&self, act: &Act) -> Vec<String> {
        let strategy = super::execute::retry_strategy(&self.spec.retry_strategy, &act.template);
        if !act.is_attempt() || strategy.and_then(|s| s.affinity).and_then(|a| a.node_anti_affinity).is_none() {
            return Vec::new();
        }
        let Some(parent) = &act.request.parent else { return Vec::new() };
        let children = self.tree.get(parent).map(|n| n.children.as_slice()).unwrap_or_default();
        let mut hosts: Vec<String> = Vec::new();
        for node in children.iter().filter_map(|c| self.tree.get(c)) {
            if !node.host_node_name.is_empty() && !hosts.contains(&node.host_node_name) {
                hosts.push(node.host_node_name.clone());
            }
        }
        hosts
    }

    pub(super) fn pod_event(&mut self, seen: PodSeen) {
        let id = seen.node_id.clone();
        if seen.phase == "Running" {
            self.running_pods.insert(id.clone());
        } else {
            self.running_pods.remove(&id);
        }
        let now = self.time();
        let Some(act) = self.acts.get_mut(&id) else {
            self.daemon_ended(&seen);
            self.pod_left_over(&seen);
            return;
        };
        let Kind::Pod(state) = &mut act.kind else { return };
        if state.name != seen.name {
            return;
        }
        state.create_at = None;
        state.seen = Some(seen.clone());
        let template = Arc::clone(&act.template);
        let stopping = state.stopping;
        let is_daemon = template.daemon == Some(true);
        let outcome = pod::outcome(&seen, &template);
        let name = act.request.name.clone();
        if let Some(set) = &template.container_set {
            for container in &set.containers {
                let Some(judged) = outcome.containers.get(&container.name).cloned() else { continue };
                let child = self.id_of(&format!("{name}.{}", container.name));
                self.change(&child, |n| {
                    n.phase.clone_from(&judged.phase);
                    n.message.clone_from(&judged.message);
                    if matches!(judged.phase.as_str(), "Succeeded" | "Failed" | "Error") {
                        n.finished_at = n.finished_at.or(now);
                        if judged.phase == "Succeeded" {
                            n.progress = "1/1".to_owned();
                        }
                    }
                });
            }
        }
        let before = self.tree.get(&id).cloned().unwrap_or_default();
        if tree::is_fulfilled(&before) && before.phase != "Running" {
            return;
        }
        let phase = if outcome.phase.is_empty() { before.phase.clone() } else { outcome.phase.clone() };
        // A stale look at the pod takes nothing back.
        let phase = if before.phase == "Running" && phase == "Pending" { before.phase.clone() } else { phase };
        let over = matches!(phase.as_str(), "Succeeded" | "Failed" | "Error");
        self.change(&id, |n| {
            n.phase.clone_from(&phase);
            if !(over && outcome.message.is_empty() && !n.message.is_empty() && is_failed(&phase)) {
                n.message.clone_from(&outcome.message);
            }
            if !seen.host.is_empty() {
                n.host_node_name.clone_from(&seen.host);
            }
            if is_daemon && outcome.daemoned && !over {
                n.daemoned = Some(true);
                n.pod_ip.clone_from(&seen.ip);
            }
            if over {
                n.daemoned = None;
                n.finished_at = n.finished_at.or(outcome.finished_at).or(now);
                if n.task_result_synced == Some(false) && outcome.report_lost {
                    n.task_result_synced = Some(true);
                }
            }
            if let Some(code) = outcome.exit_code.filter(|_| over) {
                n.outputs.get_or_insert_with(Outputs::default).exit_code = Some(code.to_string());
            }
            if is_progress(&seen.progress) {
                n.progress.clone_from(&seen.progress);
            }
            if phase == "Succeeded" {
                n.progress = complete(&n.progress);
            }
        });
        if over && !stopping && is_daemon && phase == "Succeeded" {
            // A daemon is not expected to end by itself.
            self.set_phase(&id, "Failed", None);
        }
        self.pod_left_over(&seen);
    }

    /// Once a pod's node is done the pod is dealt with: labelled, or deleted where `podGC` says so.
    fn pod_left_over(&mut self, seen: &PodSeen) {
        let Some(node) = self.tree.get(&seen.node_id).filter(|n| tree::is_fulfilled(n) && n.phase != "Running").cloned() else { return };
        if !matches!(seen.phase.as_str(), "Succeeded" | "Failed") {
            return;
        }
        let strategy = self.spec.pod_gc.as_ref().map_or("", |gc| gc.strategy.as_str());
        let delete = match strategy {
            "OnPodCompletion" => true,
            "OnPodSuccess" => node.phase == "Succeeded",
            _ => false,
        };
        if delete {
            self.delete_pod(&seen.node_id, &seen.name);
        } else {
            let effect = Effect::LabelPodCompleted { node_id: node.id.clone(), name: seen.name.clone() };
            self.effect(&["pod", &node.id, "label"], effect);
        }
    }

    pub(super) fn delete_pod(&mut self, id: &str, name: &str) {
        let gc = self.spec.pod_gc.as_ref();
        let delay = gc.and_then(|gc| duration(&gc.delete_delay_duration)).map_or(0, |d| d.as_secs());
        let selector = gc.and_then(|gc| gc.label_selector.clone()).map(Box::new);
        let effect = Effect::DeletePod { node_id: id.to_owned(), name: name.to_owned(), delay_seconds: delay, selector };
        self.effect(&["pod", id, "gc"], effect);
    }

    pub(super) fn pod_gone(&mut self, id: &str) {
        self.running_pods.remove(id);
        let Some(node) = self.tree.get(id).cloned() else { return };
        if matches!(node.phase.as_str(), "Succeeded" | "Failed" | "Error") {
            // Its report will not come any more.
            self.change(id, |n| {
                if n.task_result_synced == Some(false) {
                    n.task_result_synced = Some(true);
                }
            });
            return;
        }
        let uncreated = self.acts.get(id).is_some_and(|a| matches!(&a.kind, Kind::Pod(p) if p.create_at.is_some()));
        if self.acts.contains_key(id) && !uncreated {
            self.set_error(id, "pod deleted");
        }
    }

    pub(super) fn task_result(&mut self, id: &str, result: NodeResult, completed: bool) {
        let Some(node) = self.tree.get(id).cloned() else { return };
        if tree::is_fulfilled(&node) && node.phase != "Running" {
            return;
        }
        self.change(id, |n| {
            if let Some(reported) = result.outputs {
                let code = n.outputs.take().and_then(|o| o.exit_code);
                let exit_code = code.or_else(|| reported.exit_code.clone());
                n.outputs = Some(Outputs { exit_code, ..reported });
                if n.outputs.as_ref().is_some_and(|o| *o == Outputs::default()) {
                    n.outputs = None;
                }
            }
            if is_progress(&result.progress) && n.phase == "Running" {
                n.progress = result.progress;
            }
            if completed && n.task_result_synced == Some(false) {
                n.task_result_synced = Some(true);
            }
        });
        if let Some(seen) = self.acts.get(id).and_then(|a| if let Kind::Pod(p) = &a.kind { p.seen.clone() } else { None }) {
            self.pod_left_over(&seen);
        }
    }

    /// A daemon whose template went on without it, and that ended by itself: it should not have.
    fn daemon_ended(&mut self, seen: &PodSeen) {
        let is_daemon = self.tree.get(&seen.node_id).is_some_and(|n| n.daemoned == Some(true) && n.phase == "Running");
        if !is_daemon || !matches!(seen.phase.as_str(), "Succeeded" | "Failed") {
            return;
        }
        let outcome = pod::outcome(seen, &Template { daemon: Some(true), ..Template::default() });
        let phase = if outcome.phase == "Error" { "Error" } else { "Failed" };
        self.change(&seen.node_id, |n| n.daemoned = None);
        self.set_phase(&seen.node_id, phase, Some(&outcome.message));
    }

    /// Name of a node's pod.
    pub(super) fn pod_name_of(&self, node: &NodeStatus) -> String {
        let template = node.template_ref.as_ref().map_or(node.template_name.as_str(), |r| r.template.as_str());
        argo_core::ids::pod_name(self.name(), &node.id, template)
    }

    /// Asks a pod's containers to end.
    pub(super) fn stop_pod(&mut self, id: &str) {
        let Some(node) = self.tree.get(id).filter(|n| n.type_ == "Pod") else { return };
        let name = self.pod_name_of(node);
        if let Some(Kind::Pod(state)) = self.acts.get_mut(id).map(|act| &mut act.kind)
            && std::mem::replace(&mut state.stopping, true)
        {
            return;
        }
        self.effect(&["pod", id, "stop"], Effect::StopPod { node_id: id.to_owned(), name });
    }

    /// A pod that should have been over by now: the node that runs it ends it by itself, unless it never got that far.
    pub(super) fn pod_overdue(&mut self, id: &str) {
        let Some(act) = self.acts.get(id) else { return };
        let due = self.deadline_of(act).is_some_and(|d| d <= self.now);
        let uncreated = matches!(&act.kind, Kind::Pod(p) if p.create_at.is_some());
        // Kubernetes counts from the start of a pod, a template's timeout from the start of its node.
        let stuck = !act.template.timeout.is_empty() && self.tree.get(id).is_some_and(|n| n.phase == "Pending");
        if due && (uncreated || stuck) {
            let name = if let Kind::Pod(p) = &act.kind { p.name.clone() } else { String::new() };
            self.fail_node(id, "Step exceeded its deadline");
            self.effect(&["pod", id, "delete"], Effect::DeletePod { node_id: id.to_owned(), name, delay_seconds: 0, selector: None });
        }
    }

    /// The daemons of a template that has ended are no longer needed.
    pub(super) fn end_daemons(&mut self, boundary: &str) {
        for id in self.daemons.get(boundary).cloned().unwrap_or_default() {
            self.stop_pod(&id);
            let now = self.time();
            self.change(&id, |n| {
                n.daemoned = None;
                n.phase = "Succeeded".to_owned();
                n.finished_at = now;
                if n.type_ == "Pod" {
                    n.progress = complete(&n.progress);
                }
            });
        }
    }

    pub(super) fn start_suspend(&mut self, mut act: Box<Act>) -> Result<(), Stop> {
        let id = act.id.clone();
        if !self.may_run(act.request.on_exit) {
            self.ensure_node(&act, "Suspend", "Running");
            self.fail_node(&id, &format!("Stopped with strategy '{}'", self.spec.shutdown));
            return Ok(());
        }
        let is_new = self.tree.get(&id).is_none();
        self.ensure_node(&act, "Suspend", "Running");
        if is_new {
            self.change(&id, |n| offer_choices(n, &act.template.outputs));
        }
        let wanted = act.template.suspend.as_ref().map(|s| s.duration.clone()).unwrap_or_default();
        act.kind = Kind::Suspend;
        self.acts.insert(id.clone(), act);
        if !wanted.is_empty() {
            let Some(wait) = duration(&wanted) else {
                let message = format!("suspend.duration is {wanted:?}, neither seconds nor a duration such as 1m30s");
                self.set_error(&id, &message);
                return Err(Stop::Error(message));
            };
            let from = self.tree.get(&id).and_then(|n| n.started_at).map_or(self.now, |t| t.0);
            if let Ok(at) = from.checked_add(wait) {
                self.timer_at(at, &id);
            }
        }
        Ok(())
    }

    /// Nodes that somebody resumed by writing their phase have done all they had to do.
    pub(super) fn complete_resumed(&mut self) {
        let resumed: Vec<String> = self
            .tree
            .nodes
            .values()
            .filter(|n| n.type_ == "Suspend" && n.phase == "Succeeded" && n.progress != complete(&n.progress))
            .map(|n| n.id.clone())
            .collect();
        for id in resumed {
            self.change(&id, |n| n.progress = complete(&n.progress));
        }
    }

    /// A suspension with a duration has lasted as long as it should.
    pub(super) fn suspend_over(&mut self, id: &str) {
        self.change(id, |n| {
            n.progress = complete(&n.progress);
            for parameter in n.outputs.iter_mut().flat_map(|o| o.parameters.iter_mut()) {
                if parameter.value.is_none() {
                    parameter.value = parameter.value_from.as_ref().and_then(|f| f.default.clone()).or_else(|| parameter.default.clone());
                }
                parameter.value_from = None;
            }
        });
        self.set_phase(id, "Succeeded", None);
    }

    pub(super) fn start_remote(&mut self, mut act: Box<Act>) -> Result<(), Stop> {
        let id = act.id.clone();
        self.ensure_node(&act, act.prepared.node_type(), "Pending");
        if !self.may_run(act.request.on_exit) {
            self.fail_node(&id, &format!("Stopped with strategy '{}'", self.spec.shutdown));
            return Ok(());
        }
        let template = Box::new(act.template.as_ref().clone());
        act.kind = Kind::Remote;
        self.acts.insert(id.clone(), act);
        self.effect(&["agent", &id], Effect::RunByAgent { node_id: id.clone(), template });
        Ok(())
    }

    pub(super) fn agent_result(&mut self, id: &str, result: NodeResult) {
        if self.acts.get(id).is_none_or(|a| !matches!(a.kind, Kind::Remote)) {
            return;
        }
        let now = self.time();
        self.change(id, |n| {
            if !result.phase.is_empty() {
                n.phase.clone_from(&result.phase);
            }
            n.message.clone_from(&result.message);
            if result.outputs.is_some() {
                n.outputs = result.outputs;
            }
            if matches!(n.phase.as_str(), "Succeeded" | "Failed" | "Error") {
                n.finished_at = now;
            }
            if n.phase == "Succeeded" {
                n.progress = complete(&n.progress);
            }
        });
    }
}

/// What a suspended node asks for: its outputs, with the value of an input of the same name where nothing else is supplied. An input whose value
/// describes a parameter brings that parameter's choices, as upstream has it.
fn offer_choices(node: &mut NodeStatus, outputs: &Outputs) {
    let inputs = node.inputs.as_mut().map(|i| i.parameters.as_mut_slice()).unwrap_or_default();
    for input in inputs.iter_mut() {
        let described = input.value.as_ref().and_then(|v| serde_json::from_str::<Parameter>(v.as_str()).ok());
        if let Some(described) = described.filter(|d| !d.enum_.is_empty()) {
            input.default = input.default.take().or_else(|| described.enum_.first().cloned());
            input.enum_ = described.enum_;
        }
    }
    if outputs.parameters.is_empty() {
        return;
    }
    let mut outputs = outputs.clone();
    for parameter in &mut outputs.parameters {
        let given = inputs.iter().find(|i| i.name == parameter.name).and_then(|i| i.value.clone());
        if let Some(from) = parameter.value_from.as_mut().filter(|f| f.supplied.is_some() && f.default.is_none()) {
            from.default = given;
        }
    }
    node.outputs = Some(outputs);
}

pub(super) fn is_progress(text: &str) -> bool {
    text.split_once('/').is_some_and(|(n, m)| matches!((n.parse::<u64>(), m.parse::<u64>()), (Ok(n), Ok(m)) if m > 0 && n <= m))
}

fn complete(progress: &str) -> String {
    let total = progress.split_once('/').map_or("1", |(_, total)| total);
    format!("{total}/{total}")
}
