//! The workflow as a whole: its beginning, its hooks, its exit handler, its end.

use std::collections::BTreeMap;

use argo_core::workflows::{Condition, LifecycleHook, NodeFlag, NodeStatus, Outputs, Parameter};
use serde_json::{Value, json};

use super::WorkflowRun;
use super::act::{Args, Kind, Request};
use super::calls::{Origin, Target};
use super::hooks::hook_request;
use super::scope::{Layers, holds, text};
use super::tree::{self, is_failed};
use crate::Effect;
use crate::validate;

const COMPLETED: &str = "workflows.argoproj.io/completed";
const PHASE: &str = "workflows.argoproj.io/phase";
const EXIT: &str = "exit";
const TEMPLATE: &str = "workflows.argoproj.io/workflow-template";
const CLUSTER_TEMPLATE: &str = "workflows.argoproj.io/cluster-workflow-template";

/// What the workflow's own hooks have come to.
#[derive(Default)]
pub(super) struct WorkflowHooks {
    /// Node of each hook that fired.
    fired: BTreeMap<String, String>,
    exit_decided: Option<bool>,
}

/// One entry of `workflow.failures`, with its fields in the order in which upstream writes them.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    display_name: &'a str,
    message: &'a str,
    template_name: &'a str,
    phase: &'a str,
    pod_name: String,
    finished_at: Option<String>,
}

impl WorkflowRun {
    /// The first event of this run, or the first after loading it.
    pub(super) fn begin(&mut self) {
        self.begun = true;
        if self.is_ended() {
            return;
        }
        if self.workflow.status.phase.is_empty() && !self.check_spec() {
            return;
        }
        if !self.has_workflow_locks() {
            if self.workflow.status.phase.is_empty() {
                self.set_workflow_phase("Pending", None);
            }
            return;
        }
        self.launch();
    }

    fn check_spec(&mut self) -> bool {
        let mut merged = self.workflow.clone();
        merged.spec = self.spec.clone();
        merged.spec.workflow_template_ref = None;
        // As they are written: what `templateDefaults` adds to a template is not its author's fault.
        let stored = self.workflow.status.stored_workflow_template_spec.as_ref();
        let written = stored.map_or(&self.workflow.spec.templates, |spec| &spec.templates);
        if !written.is_empty() {
            merged.spec.templates.clone_from(written);
        }
        let found = validate::workflow(&merged, self.library.as_ref(), &validate::Options { submit: true, ..validate::Options::default() });
        let Some(first) = found.first() else { return true };
        let message = format!("invalid spec: {}", first.message);
        self.end("Failed", &message);
        false
    }

    /// Starts the entrypoint, or walks down to what is under way already.
    fn launch(&mut self) {
        self.launched = true;
        let is_new = self.workflow.status.started_at.is_none();
        if matches!(self.workflow.status.phase.as_str(), "" | "Pending") {
            self.set_workflow_phase("Running", Some(""));
        }
        if is_new {
            self.workflow.status.started_at = self.time();
            if let Some(reference) = &self.workflow.spec.workflow_template_ref {
                let label = if reference.cluster_scope { CLUSTER_TEMPLATE } else { TEMPLATE };
                self.workflow.metadata.labels.insert(label.to_owned(), reference.name.clone());
            }
            self.add_metadata();
            self.create_claims();
            self.create_budget();
        }
        if let Some(at) = self.workflow_deadline() {
            self.timer_at(at, "");
        }
        if self.spec.suspend != Some(true) {
            self.enter();
        }
        self.shut_down();
    }

    /// Executes the entrypoint once nothing speaks against it.
    fn enter(&mut self) {
        self.entered = true;
        let mut arguments = Args::default();
        for parameter in &self.spec.arguments.parameters {
            let value = self.globals.get(&format!("workflow.parameters.{}", parameter.name)).and_then(|v| v.as_str().map(str::to_owned));
            if let Some(value) = value {
                arguments.parameters.insert(parameter.name.clone(), Some(value));
            }
        }
        arguments.artifacts = self.spec.arguments.artifacts.iter().map(|a| (a.name.clone(), a.clone())).collect();
        let target = Target { template: self.spec.entrypoint.clone(), template_ref: None };
        let request = self.top(self.name().to_owned(), target, arguments, 0, None, false);
        self.take_up(request);
    }

    fn top(&self, name: String, target: Target, args: Args, place: u32, flag: Option<NodeFlag>, on_exit: bool) -> Request {
        Request {
            name,
            parent: None,
            order: std::iter::once(place).collect(),
            origin: Origin::Local,
            inline: None,
            target,
            args,
            boundary: String::new(),
            flag,
            on_exit,
            include_output: false,
            depth: 0,
        }
    }

    fn take_up(&mut self, request: Request) {
        let is_root = request.name == self.name();
        if let Err(super::act::Stop::Error(message)) = self.execute(request)
            && is_root
        {
            self.entry_error.get_or_insert_with(|| format!("error in entry template execution: {message}"));
        }
    }

    /// Looks at the workflow as a whole; tells whether something new was started.
    pub(super) fn settle(&mut self) -> bool {
        if !self.begun || self.is_ended() {
            return false;
        }
        if !self.launched {
            if self.workflow_locks_held {
                self.launch();
                return true;
            }
            return false;
        }
        if !self.entered {
            self.enter();
            return true;
        }
        let root_id = self.name().to_owned();
        let Some(root) = self.tree.get(&root_id).cloned() else {
            if let Some(message) = self.entry_error.take() {
                self.end("Error", &message);
            }
            return false;
        };
        if let Some(message) = self.entry_error.take() {
            self.end("Error", &message);
            return false;
        }
        let over = tree::is_fulfilled(&root) && root.phase != "Running";
        let status = match root.phase.as_str() {
            "Succeeded" | "Skipped" | "Omitted" if over => "Succeeded",
            "Failed" if over => "Failed",
            "Error" if over => "Error",
            "Pending" => "Pending",
            _ => "Running",
        };
        self.name_status(status);
        let started = self.workflow_hooks(&root);
        if started || !over {
            return started;
        }
        if !self.hooks.fired.values().all(|id| self.tree.is_fulfilled(id)) {
            return false;
        }
        let (handler, started) = self.exit_handler(&root);
        if started {
            return true;
        }
        let handler = match handler {
            Some(id) => match self.tree.get(&id) {
                Some(node) if tree::is_fulfilled(node) => Some(node.clone()),
                _ => return false,
            },
            None => None,
        };
        let stopped = is_failed(&root.phase) && !self.spec.shutdown.is_empty();
        let message = if stopped { format!("Stopped with strategy '{}'", self.spec.shutdown) } else { root.message.clone() };
        match handler.filter(|h| is_failed(&h.phase) && status == "Succeeded") {
            Some(handler) => self.end(&handler.phase, &handler.message),
            None => self.end(status, if status == "Succeeded" { "" } else { &message }),
        }
        false
    }

    /// `workflow.status`, `workflow.failures` and `workflow.duration`, as hooks and the exit handler see them.
    fn name_status(&mut self, status: &str) {
        self.globals.insert("workflow.status".to_owned(), text(status));
        let seconds = self.workflow.status.started_at.map_or(0.0, |t| self.now.duration_since(t.0).as_secs_f64());
        self.globals.insert("workflow.duration".to_owned(), text(format!("{seconds:.6}")));
        if self.spec.hooks.is_empty() && self.spec.on_exit.is_empty() {
            // Nobody can ask for more.
            return;
        }
        let failures: Vec<Failure<'_>> = self
            .tree
            .failed()
            .map(|n| Failure {
                display_name: &n.display_name,
                message: &n.message,
                template_name: &n.template_name,
                phase: &n.phase,
                pod_name: self.pod_name_of(n),
                finished_at: n.finished_at.map(|t| t.to_string()),
            })
            .collect();
        // Quoted once more, as upstream does.
        let failures = if failures.is_empty() { "null".to_owned() } else { serde_json::to_string(&failures).unwrap_or_default() };
        self.globals.insert("workflow.failures".to_owned(), text(Value::from(failures).to_string()));
    }

    fn exit_hook(&self) -> Option<LifecycleHook> {
        if let Some(hook) = self.spec.hooks.get(EXIT) {
            return Some(hook.clone());
        }
        let on_exit = self.spec.on_exit.as_str();
        (!on_exit.is_empty()).then(|| LifecycleHook {
            template: on_exit.to_owned(),
            arguments: self.spec.arguments.clone(),
            ..LifecycleHook::default()
        })
    }

    fn workflow_hooks(&mut self, root: &NodeStatus) -> bool {
        let hooks: Vec<(String, LifecycleHook)> =
            self.spec.hooks.iter().filter(|(name, _)| *name != EXIT).map(|(n, h)| (n.clone(), h.clone())).collect();
        let mut started = false;
        for (name, hook) in hooks {
            if self.hooks.fired.contains_key(&name) {
                continue;
            }
            let node_name = format!("{}.hooks.{name}", root.name);
            let id = self.id_of(&node_name);
            let known = self.tree.get(&id).is_some();
            let globals = self.globals.clone();
            let scope = Layers::at(vec![&globals], self.moment());
            if !(known || self.may_run(false) && holds(&hook.expression, &scope).unwrap_or(false)) {
                continue;
            }
            self.hooks.fired.insert(name, id.clone());
            match hook_request(&hook, &scope) {
                Ok((target, arguments)) => {
                    let flag = NodeFlag { hooked: true, ..NodeFlag::default() };
                    let request = self.top(node_name, target, arguments, 1, Some(flag), false);
                    self.take_up(request);
                }
                Err(message) => self.workflow.status.message = message,
            }
            self.tree.add_child(&root.id, &id);
            started = true;
        }
        started
    }

    /// The exit handler's node, if there is to be one, and whether it was started just now.
    fn exit_handler(&mut self, root: &NodeStatus) -> (Option<String>, bool) {
        let Some(hook) = self.exit_hook() else { return (None, false) };
        let node_name = format!("{}.onExit", root.name);
        let id = self.id_of(&node_name);
        let known = self.tree.get(&id).is_some();
        if let Some(decided) = self.hooks.exit_decided {
            return (decided.then_some(id), false);
        }
        let globals = self.globals.clone();
        let scope = Layers::at(vec![&globals], self.moment());
        let wanted = known || (self.may_run(true) && (hook.expression.is_empty() || holds(&hook.expression, &scope).unwrap_or(false)));
        self.hooks.exit_decided = Some(wanted);
        if !wanted {
            return (None, false);
        }
        match hook_request(&hook, &scope) {
            Ok((target, arguments)) => {
                let flag = NodeFlag { hooked: true, ..NodeFlag::default() };
                let request = self.top(node_name, target, arguments, 2, Some(flag), true);
                self.take_up(request);
            }
            Err(message) => {
                self.hooks.exit_decided = Some(false);
                self.end("Error", &message);
                return (None, false);
            }
        }
        (Some(id), true)
    }

    /// Makes outputs with a global name known to all.
    pub(super) fn publish(&mut self, outputs: &Outputs) {
        for parameter in outputs.parameters.iter().filter(|p| !p.global_name.is_empty()) {
            let Some(value) = &parameter.value else { continue };
            let name = format!("workflow.outputs.parameters.{}", parameter.global_name);
            self.globals.insert(name, text(value.as_str()));
            let list = &mut self.workflow.status.outputs.get_or_insert_with(Outputs::default).parameters;
            let published = Parameter { name: parameter.global_name.clone(), value: Some(value.clone()), ..Parameter::default() };
            match list.iter_mut().find(|p| p.name == parameter.global_name) {
                Some(known) => *known = published,
                None => list.push(published),
            }
        }
        for artifact in outputs.artifacts.iter().filter(|a| !a.global_name.is_empty()) {
            let mut published = artifact.clone();
            published.name = std::mem::take(&mut published.global_name);
            published.path.clear();
            let name = format!("workflow.outputs.artifacts.{}", published.name);
            self.globals.insert(name, super::args::artifact_value(&published));
            let list = &mut self.workflow.status.outputs.get_or_insert_with(Outputs::default).artifacts;
            match list.iter_mut().find(|a| a.name == published.name) {
                Some(known) => *known = published,
                None => list.push(published),
            }
        }
    }

    /// Global outputs of a status that is loaded.
    pub(super) fn restore_outputs(&mut self) {
        let Some(outputs) = self.workflow.status.outputs.clone() else { return };
        for parameter in &outputs.parameters {
            if let Some(value) = &parameter.value {
                self.globals.insert(format!("workflow.outputs.parameters.{}", parameter.name), text(value.as_str()));
            }
        }
        for artifact in &outputs.artifacts {
            let value = super::args::artifact_value(artifact);
            self.globals.insert(format!("workflow.outputs.artifacts.{}", artifact.name), value);
        }
    }

    pub(super) fn set_workflow_phase(&mut self, phase: &str, message: Option<&str>) {
        let changed = self.workflow.status.phase != phase;
        phase.clone_into(&mut self.workflow.status.phase);
        if let Some(message) = message {
            message.clone_into(&mut self.workflow.status.message);
        }
        let labels = &mut self.workflow.metadata.labels;
        labels.insert(PHASE.to_owned(), phase.to_owned());
        labels.entry(COMPLETED.to_owned()).or_insert_with(|| "false".to_owned());
        if !changed {
            return;
        }
        let (kind, reason, sentence) = match phase {
            "Running" => ("Normal", "WorkflowRunning", "Workflow Running".to_owned()),
            "Succeeded" => ("Normal", "WorkflowSucceeded", "Workflow completed".to_owned()),
            "Failed" | "Error" => ("Warning", "WorkflowFailed", self.workflow.status.message.clone()),
            _ => return,
        };
        let effect = Effect::Emit { kind: kind.to_owned(), reason: reason.to_owned(), message: sentence, annotations: BTreeMap::new() };
        self.effect(&["event", reason], effect);
    }

    /// The end: nothing is left held, kept or running.
    pub(super) fn end(&mut self, phase: &str, message: &str) {
        self.workflow.status.finished_at = self.time();
        self.workflow.status.started_at = self.workflow.status.started_at.or(self.time());
        self.set_workflow_phase(phase, Some(message));
        self.workflow.metadata.labels.insert(COMPLETED.to_owned(), "true".to_owned());
        self.condition("Completed", "True");
        self.release_all();
        let gc = self.spec.pod_gc.as_ref().map_or("", |gc| gc.strategy.as_str());
        if gc == "OnWorkflowCompletion" || (gc == "OnWorkflowSuccess" && phase == "Succeeded") {
            let pods: Vec<(String, String)> =
                self.tree.nodes.values().filter(|n| n.type_ == "Pod").map(|n| (n.id.clone(), self.pod_name_of(n))).collect();
            for (id, name) in pods {
                self.delete_pod(&id, &name);
            }
        }
        let keep = self.spec.volume_claim_gc.as_ref().is_some_and(|gc| gc.strategy == "OnWorkflowSuccess") && phase != "Succeeded";
        let claims = if keep { Vec::new() } else { std::mem::take(&mut self.workflow.status.persistent_volume_claims) };
        for claim in claims {
            if let Some(name) = claim.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str) {
                let effect = Effect::DeleteClaim { name: name.to_owned() };
                self.effect(&["claim", name, "delete"], effect);
            }
        }
        if self.spec.pod_disruption_budget.is_some() {
            let name = self.name().to_owned();
            self.effect(&["budget", "delete"], Effect::DeleteDisruptionBudget { name });
        }
        // Where the end comes early, nothing goes on behind it.
        let left: Vec<String> = self.acts.iter().filter(|(_, a)| matches!(a.kind, Kind::Pod(_))).map(|(id, _)| id.clone()).collect();
        for id in left {
            if self.tree.get(&id).is_some_and(|n| !tree::is_fulfilled(n)) {
                self.stop_pod(&id);
            }
        }
        self.acts.clear();
        self.places.clear();
        self.limits.clear();
        self.work.clear();
        self.blocked.clear();
        self.timers.clear();
        self.waiting.clear();
    }

    fn condition(&mut self, kind: &str, status: &str) {
        let conditions = &mut self.workflow.status.conditions;
        match conditions.iter_mut().find(|c| c.type_ == kind) {
            Some(known) => status.clone_into(&mut known.status),
            None if kind == "PodRunning" => {
                let condition = Condition { type_: kind.to_owned(), status: status.to_owned(), ..Condition::default() };
                conditions.insert(0, condition);
            }
            None => conditions.push(Condition { type_: kind.to_owned(), status: status.to_owned(), ..Condition::default() }),
        }
    }

    /// Brings what is counted over all nodes up to date.
    pub(super) fn update_head(&mut self) {
        if self.launched || self.is_ended() {
            self.workflow.status.progress = self.tree.progress();
        }
        if self.pods_seen {
            let running = if self.running_pods.is_empty() || self.is_ended() { "False" } else { "True" };
            self.condition("PodRunning", running);
        }
    }

    /// Labels and annotations that `workflowMetadata` asks for.
    fn add_metadata(&mut self) {
        let Some(wanted) = self.spec.workflow_metadata.clone() else { return };
        for (key, value) in wanted.labels {
            self.globals.insert(format!("workflow.labels.{key}"), text(value.as_str()));
            self.workflow.metadata.labels.insert(key, value);
        }
        for (key, value) in wanted.annotations {
            self.globals.insert(format!("workflow.annotations.{key}"), text(value.as_str()));
            self.workflow.metadata.annotations.insert(key, value);
        }
        for (key, from) in wanted.labels_from {
            let globals = self.globals.clone();
            match super::args::expression(&from.expression, &Layers::at(vec![&globals], self.moment())) {
                Ok(value) => {
                    self.workflow.metadata.labels.insert(key, value);
                }
                Err(message) => {
                    let message = format!("failed to evaluate label {key:?} expression {:?}: {message}", from.expression);
                    self.end("Error", &message);
                    return;
                }
            }
        }
    }

    fn create_claims(&mut self) {
        let templates = self.spec.volume_claim_templates.clone();
        for template in templates {
            let Some(name) = template.pointer("/metadata/name").and_then(Value::as_str) else { continue };
            let claim_name = format!("{}-{name}", self.name());
            let mut claim = template.clone();
            let mut labels = template.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
            labels.insert("workflows.argoproj.io/workflow".to_owned(), Value::from(self.name()));
            if let Some(map) = claim.as_object_mut() {
                map.remove("status");
                map.insert("apiVersion".to_owned(), json!("v1"));
                map.insert("kind".to_owned(), json!("PersistentVolumeClaim"));
                if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
                    meta.insert("name".to_owned(), json!(claim_name));
                    meta.insert("namespace".to_owned(), json!(self.workflow.metadata.namespace));
                    meta.insert("labels".to_owned(), Value::Object(labels));
                    meta.insert("ownerReferences".to_owned(), json!([self.owner()]));
                }
            }
            let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": claim_name}});
            self.workflow.status.persistent_volume_claims.push(volume);
            self.effect(&["claim", &claim_name], Effect::CreateClaim { claim: Box::new(claim) });
        }
    }

    fn owner(&self) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": self.name(), "uid": self.workflow.metadata.uid,
            "controller": true, "blockOwnerDeletion": true,
        })
    }

    fn create_budget(&mut self) {
        let Some(wanted) = self.spec.pod_disruption_budget.clone() else { return };
        let mut spec = wanted;
        if let Some(map) = spec.as_object_mut() {
            let own = json!({"matchLabels": {"workflows.argoproj.io/workflow": self.name()}});
            map.entry("selector").or_insert(own);
        }
        let budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {
                "name": self.name(), "namespace": self.workflow.metadata.namespace,
                "labels": {"workflows.argoproj.io/workflow": self.name()}, "ownerReferences": [self.owner()],
            },
            "spec": spec,
        });
        self.effect(&["budget"], Effect::CreateDisruptionBudget { budget: Box::new(budget) });
    }
}
