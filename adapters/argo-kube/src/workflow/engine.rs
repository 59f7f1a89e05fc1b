//! One workflow's run in the driver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argo_core::workflows::{NodeResult, TtlStrategy, Workflow, WorkflowTaskResult};
use argo_core::{EffectId, Keyed};
use argo_dag::event::Control;
use argo_dag::{Effect, Library, PodSeen, RunConfig, TaskEvent, WorkflowRun};
use jiff::{SignedDuration, Timestamp};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::library::{Caches, NamespaceLibrary};
use super::{COMPLETED, PHASE, POD, REPORT_COMPLETED, TASK_RESULT};
use crate::crd;
use crate::driver::{Decision, Engine, Failure, Input, Key, Object, OnConflict, Stage};

/// How long after TERM the containers of a stopped pod are killed: Kubernetes' default grace.
const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// How long a new workflow waits for templates and ConfigMaps that it names: what was created just before it may reach the caches after it.
const PATIENCE: SignedDuration = SignedDuration::from_secs(2);
/// How often it looks for them meanwhile.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(50);

/// What is to be done for a workflow.
#[derive(Debug)]
pub(super) enum WorkflowEffect {
    /// What its run asks for.
    Run(Effect),
    /// The second half of [`Effect::StopPod`].
    KillPod { name: String },
    /// It has been kept for as long as `ttlStrategy` says.
    Delete,
}

pub(super) struct WorkflowEngine {
    key: Key,
    caches: Arc<Caches>,
    config: Arc<RunConfig>,
    patience: SignedDuration,
    seen: Option<Arc<Object>>,
    /// The object is to be loaded before anything else is decided.
    stale: bool,
    /// When to look again for what a new workflow refers to.
    postponed: Option<Timestamp>,
    run: Option<Box<WorkflowRun>>,
    /// Why it cannot be run at all, and since when.
    broken: Option<(String, Timestamp)>,
    pods: BTreeMap<String, PodSeen>,
    results: BTreeMap<String, (NodeResult, bool)>,
    /// Nodes whose pods were created by this process and have not come back by the watch.
    expected: BTreeSet<String>,
    delete_at: Option<Timestamp>,
}

impl WorkflowEngine {
    pub(super) fn new(key: &Key, caches: Arc<Caches>, config: Arc<RunConfig>, patience: SignedDuration) -> Self {
        Self {
            key: key.clone(),
            caches,
            config,
            patience,
            seen: None,
            stale: false,
            postponed: None,
            run: None,
            broken: None,
            pods: BTreeMap::new(),
            results: BTreeMap::new(),
            expected: BTreeSet::new(),
            delete_at: None,
        }
    }

    fn handle(&mut self, event: TaskEvent, now: Timestamp) {
        // While an object waits to be loaded nothing is lost: pods and results are kept, and everything else is asked for again.
        if let Some(run) = &mut self.run
            && !self.stale
        {
            run.handle(event, now);
        }
    }

    fn load(&mut self, now: Timestamp) {
        self.stale = false;
        self.postponed = None;
        self.run = None;
        self.broken = None;
        let Some(object) = &self.seen else { return };
        let workflow: Workflow = match object.read() {
            Ok(workflow) => workflow,
            Err(error) => {
                self.broken = Some((format!("the workflow cannot be read: {error}"), now));
                return;
            }
        };
        self.delete_at = delete_at(&workflow);
        let has_ended = is_terminal(&workflow.status.phase);
        if has_ended && self.pods.is_empty() {
            return;
        }
        let library = Arc::new(NamespaceLibrary { caches: Arc::clone(&self.caches), namespace: self.key.namespace.clone() });
        let is_new = workflow.status.phase.is_empty()
            && workflow.metadata.creation_timestamp.is_some_and(|created| now.duration_since(created.0).abs() < PATIENCE);
        if is_new && !object.get("spec").is_none_or(|spec| knows_all(library.as_ref(), spec, false)) {
            self.stale = true;
            self.postponed = now.checked_add(LOOK_AGAIN).ok();
            return;
        }
        match WorkflowRun::load(&workflow, library, Arc::clone(&self.config), now) {
            Ok(run) => self.run = Some(Box::new(run)),
            Err(_) if has_ended => return,
            Err(error) => {
                self.broken = Some((error.to_string(), now));
                return;
            }
        }
        let pods: Vec<PodSeen> = self.pods.values().cloned().collect();
        let present: BTreeSet<String> = pods.iter().map(|pod| pod.node_id.clone()).collect();
        for pod in pods {
            self.handle(TaskEvent::Pod(Box::new(pod)), now);
        }
        let results: Vec<_> = self.results.iter().map(|(id, (result, completed))| (id.clone(), result.clone(), *completed)).collect();
        for (node_id, result, completed) in results {
            self.handle(TaskEvent::TaskResult { node_id, result: Box::new(result), completed }, now);
        }
        // A pod is created before the status that mentions it is written, and pods are listed after workflows: what is missing is gone.
        for node in workflow.status.nodes.values() {
            let unfinished = node.type_ == "Pod" && matches!(node.phase.as_str(), "Pending" | "Running");
            if unfinished && !present.contains(&node.id) && !self.expected.contains(&node.id) {
                self.handle(TaskEvent::PodGone { node_id: node.id.clone() }, now);
            }
        }
        self.handle(TaskEvent::Tick, now);
    }

    fn control(&mut self, now: Timestamp) {
        let Some(object) = &self.seen else { return };
        let spec = object.get("spec");
        let field = |name: &str| spec.and_then(|spec| spec.get(name));
        let control = Control {
            suspend: field("suspend").and_then(Value::as_bool).unwrap_or(false),
            shutdown: field("shutdown").and_then(Value::as_str).unwrap_or_default().to_owned(),
            active_deadline_seconds: field("activeDeadlineSeconds").and_then(Value::as_i64),
        };
        self.handle(TaskEvent::Control(control), now);
    }

    /// Whether an object belongs to an earlier workflow of the same name.
    fn is_foreign(&self, object: &Object) -> bool {
        let Some(uid) = self.seen.as_ref().and_then(|seen| seen.meta().uid.as_ref()) else { return false };
        object.owner_references().iter().any(|owner| owner.kind == crd::WORKFLOW.kind && owner.uid != *uid)
    }

    fn pod(&mut self, object: &Object, now: Timestamp) {
        if self.is_foreign(object) {
            return;
        }
        let Some(pod) = argo_dag::pod::seen(object.value()) else { return };
        self.expected.remove(&pod.node_id);
        if self.pods.get(&pod.name) == Some(&pod) {
            return;
        }
        self.pods.insert(pod.name.clone(), pod.clone());
        self.handle(TaskEvent::Pod(Box::new(pod)), now);
    }

    fn pod_gone(&mut self, name: &str, object: Option<&Object>, now: Timestamp) {
        let Some(pod) = self.pods.remove(name) else { return };
        // A pod that is labelled as dealt with leaves the watch but not the API.
        let dealt_with = object.is_some_and(|o| o.labels().get(COMPLETED).is_some_and(|v| v == "true"));
        if !dealt_with {
            self.handle(TaskEvent::PodGone { node_id: pod.node_id }, now);
        }
    }

    fn task_result(&mut self, object: &Object, now: Timestamp) {
        if self.is_foreign(object) {
            return;
        }
        let completed = object.labels().get(REPORT_COMPLETED).is_some_and(|v| v == "true");
        let parsed: Result<WorkflowTaskResult, _> = object.read();
        let report = match parsed {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(key = %self.key, name = object.name_any(), %error, "the task result cannot be read");
                return;
            }
        };
        let node_id = report.metadata.name;
        let result = NodeResult {
            phase: report.phase,
            message: report.message,
            outputs: report.outputs,
            progress: report.progress,
            ..NodeResult::default()
        };
        let entry = (result.clone(), completed);
        if self.results.get(&node_id) == Some(&entry) {
            return;
        }
        self.results.insert(node_id.clone(), entry);
        self.handle(TaskEvent::TaskResult { node_id, result: Box::new(result), completed }, now);
    }
}

/// Whether all templates and ConfigMaps that a part of a spec names are known.
fn knows_all(library: &dyn Library, part: &Value, in_parameters: bool) -> bool {
    match part {
        Value::Array(list) => list.iter().all(|item| knows_all(library, item, in_parameters)),
        Value::Object(map) => map.iter().all(|(key, value)| {
            let name = value.get("name").and_then(Value::as_str).filter(|name| !name.contains("{{")).unwrap_or_default();
            let of_cluster = value.get("clusterScope") == Some(&Value::Bool(true));
            let known = match key.as_str() {
                _ if name.is_empty() => true,
                "templateRef" | "workflowTemplateRef" if of_cluster => library.cluster_workflow_template(name).is_some(),
                "templateRef" | "workflowTemplateRef" => library.workflow_template(name).is_some(),
                "configMapKeyRef" if in_parameters => library.config_map(name).is_some(),
                _ => true,
            };
            known && knows_all(library, value, in_parameters || key == "parameters")
        }),
        _ => true,
    }
}

impl Engine for WorkflowEngine {
    type Effect = WorkflowEffect;
    type Answer = TaskEvent;
    const ON_CONFLICT: OnConflict = OnConflict::Resend;

    fn observe(&mut self, object: &Arc<Object>, status_is_ours: bool, now: Timestamp) {
        self.seen = Some(Arc::clone(object));
        if status_is_ours {
            self.control(now);
        } else {
            self.stale = true;
        }
    }

    fn input(&mut self, input: Input<TaskEvent>, now: Timestamp) {
        match input {
            Input::Child { kind: POD, object } => self.pod(&object, now),
            Input::Child { kind: TASK_RESULT, object } => self.task_result(&object, now),
            Input::Child { .. } => {}
            Input::ChildGone { kind: POD, name, object } => self.pod_gone(&name, object.as_deref(), now),
            Input::ChildGone { name, .. } => {
                self.results.remove(&name);
            }
            Input::Answer(event) => self.handle(event, now),
        }
    }

    fn failed(&mut self, keyed: &Keyed<WorkflowEffect>, failure: &Failure, now: Timestamp) {
        let WorkflowEffect::Run(effect) = &keyed.effect else { return };
        let node_id = match effect {
            Effect::CreatePod { node_id, .. } => {
                self.expected.remove(node_id);
                node_id
            }
            Effect::RunByAgent { node_id, .. } | Effect::AcquireLocks { node_id, .. } | Effect::ReadMemo { node_id, .. } => node_id,
            // A claim or a budget is the whole workflow's.
            Effect::CreateClaim { .. } | Effect::CreateDisruptionBudget { .. } => &self.key.name,
            // Nothing was to come of the others; that they failed is in the log.
            _ => return,
        };
        let event = TaskEvent::Failed { node_id: node_id.clone(), transient: failure.transient, message: failure.message.clone() };
        self.handle(event, now);
    }

    fn decide(&mut self, now: Timestamp) -> Decision<WorkflowEffect> {
        let mut decision = Decision::default();
        let Some(object) = self.seen.clone() else { return decision };
        if object.meta().deletion_timestamp.is_some() {
            return decision;
        }
        let uid = object.uid().unwrap_or_default();
        if self.stale {
            self.load(now);
        } else if self.run.as_ref().and_then(|run| run.poll_timeout()).is_some_and(|due| due <= now) {
            self.handle(TaskEvent::Tick, now);
        }
        if self.postponed.is_some() {
            decision.wake_at = self.postponed;
            return decision;
        }
        if let Some((message, since)) = self.broken.take() {
            decision.patch = Some(broken(&message, since));
            return decision;
        }
        if let Some(run) = &mut self.run {
            while let Some(Keyed { id, effect }) = run.poll_effect() {
                match &effect {
                    Effect::CreatePod { node_id, .. } => {
                        self.expected.insert(node_id.clone());
                    }
                    Effect::StopPod { name, .. } => {
                        let kill = WorkflowEffect::KillPod { name: name.clone() };
                        decision.effects.push(Keyed { id: EffectId::new([id.0.as_str(), "kill"]), effect: kill });
                    }
                    _ => {}
                }
                decision.effects.push(Keyed { id, effect: WorkflowEffect::Run(effect) });
            }
            decision.patch = run.take_patch();
            if !is_terminal(run.phase()) && !decision.effects.iter().any(|keyed| awaited(&keyed.effect)) {
                decision.patience = self.patience;
            }
            decision.wake_at = run.poll_timeout();
            if is_terminal(run.phase()) && decision.wake_at.is_none() {
                let finished = decision.patch.as_ref().and_then(|p| p.pointer("/status/finishedAt")).and_then(Value::as_str);
                if let Some(finished) = finished.and_then(|t| t.parse().ok()) {
                    let ttl: Option<TtlStrategy> =
                        object.value().pointer("/spec/ttlStrategy").and_then(|v| serde::Deserialize::deserialize(v).ok());
                    self.delete_at = ttl.and_then(|ttl| expiry(&ttl, run.phase(), finished));
                }
                self.run = None;
                self.pods.clear();
                self.results.clear();
                self.expected.clear();
            }
        }
        if self.run.is_none() {
            match self.delete_at {
                Some(at) if at <= now => {
                    let id = EffectId::new([uid.as_str(), "expired"]);
                    decision.effects.push(Keyed { id, effect: WorkflowEffect::Delete });
                    self.delete_at = None;
                }
                later => decision.wake_at = [decision.wake_at, later].into_iter().flatten().min(),
            }
            // There may be many that have ended.
            self.seen = Some(Arc::new(object.brief()));
        }
        decision
    }

    fn farewell(&mut self) -> Vec<Keyed<WorkflowEffect>> {
        // Pods go with their owner; locks have nobody else to give them back.
        let holder = format!("{}/{}", self.key.namespace, self.key.name);
        let id = EffectId::new([holder.as_str(), "farewell"]);
        vec![Keyed { id, effect: WorkflowEffect::Run(Effect::ReleaseLocks { holder }) }]
    }

    fn rests(&self) -> bool {
        self.run.is_none() && !self.stale && self.broken.is_none()
    }

    fn is_vacant(&self) -> bool {
        self.seen.is_none() && self.pods.is_empty() && self.results.is_empty()
    }

    fn stage(effect: &WorkflowEffect) -> Stage {
        let WorkflowEffect::Run(effect) = effect else { return Stage::AfterStatus };
        match effect {
            Effect::CreatePod { .. }
            | Effect::StopPod { .. }
            | Effect::CreateClaim { .. }
            | Effect::CreateDisruptionBudget { .. }
            | Effect::RunByAgent { .. }
            | Effect::AcquireLocks { .. }
            | Effect::ReadMemo { .. }
            | Effect::WriteMemo { .. } => Stage::BeforeStatus,
            Effect::DeletePod { .. }
            | Effect::LabelPodCompleted { .. }
            | Effect::DeleteClaim { .. }
            | Effect::DeleteDisruptionBudget { .. }
            | Effect::ReleaseLocks { .. }
            | Effect::Emit { .. } => Stage::AfterStatus,
        }
    }

    fn independent(effect: &WorkflowEffect) -> bool {
        match effect {
            WorkflowEffect::Run(effect) => matches!(
                effect,
                Effect::CreatePod { .. }
                    | Effect::StopPod { .. }
                    | Effect::DeletePod { .. }
                    | Effect::LabelPodCompleted { .. }
                    | Effect::Emit { .. }
            ),
            WorkflowEffect::KillPod { .. } => true,
            WorkflowEffect::Delete => false,
        }
    }

    fn delay(effect: &WorkflowEffect) -> Option<SignedDuration> {
        match effect {
            WorkflowEffect::KillPod { .. } => Some(GRACE),
            WorkflowEffect::Run(Effect::DeletePod { delay_seconds, .. }) if *delay_seconds > 0 => {
                Some(SignedDuration::from_secs(*delay_seconds))
            }
            _ => None,
        }
    }
}

/// Whether somebody else waits for what is done after the status is written.
fn awaited(effect: &WorkflowEffect) -> bool {
    matches!(effect, WorkflowEffect::Run(Effect::ReleaseLocks { .. } | Effect::DeleteClaim { .. }) | WorkflowEffect::Delete)
}

fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed" | "Error")
}

fn delete_at(workflow: &Workflow) -> Option<Timestamp> {
    let finished = workflow.status.finished_at?;
    expiry(workflow.spec.ttl_strategy.as_ref()?, &workflow.status.phase, finished.0)
}

/// When a workflow is to be deleted: what holds for its outcome comes before what holds for any.
fn expiry(ttl: &TtlStrategy, phase: &str, finished: Timestamp) -> Option<Timestamp> {
    let special = if phase == "Succeeded" { ttl.seconds_after_success } else { ttl.seconds_after_failure };
    let seconds = special.or(ttl.seconds_after_completion)?;
    is_terminal(phase).then(|| finished.checked_add(SignedDuration::from_secs(seconds)).ok()).flatten()
}

/// The end of a workflow that cannot be run at all.
fn broken(message: &str, now: Timestamp) -> Value {
    let at = argo_core::meta::Time::truncated(now).to_string();
    json!({
        "metadata": {"labels": {COMPLETED: "true", PHASE: "Error"}},
        "status": {"phase": "Error", "message": message, "startedAt": at, "finishedAt": at},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_prefers_the_outcome() {
        let finished: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let ttl = TtlStrategy { seconds_after_completion: Some(60), seconds_after_success: Some(5), ..TtlStrategy::default() };
        let after = |seconds| Some(finished + SignedDuration::from_secs(seconds));
        assert_eq!(expiry(&ttl, "Succeeded", finished), after(5));
        assert_eq!(expiry(&ttl, "Failed", finished), after(60));
        assert_eq!(expiry(&ttl, "Running", finished), None);
    }
}
