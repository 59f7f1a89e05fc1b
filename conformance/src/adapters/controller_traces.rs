//! Upstream's controller tests as data: load, operate, set pod phases, look at the status.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use argo_core::meta::Time;
use argo_core::workflows::{NodeResult, SemaphoreRef, Workflow};
use argo_dag::locks::{LockManager, LockRequest, Told};
use argo_dag::ops::{Actor, control};
use argo_dag::pod::{ImageConfig, PodOptions};
use argo_dag::{ContainerSeen, ContainerState, Effect, PodSeen, RunConfig, TaskEvent, WorkflowRun};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::go::eval::{Host, Machine, Stop};
use super::recorded::shelf::Shelf;
use crate::{Ctx, Outcome};

/// How many effects one pass may have before it counts as running in circles.
const MOST_EFFECTS: usize = 5_000;
/// For how long a node may be without pod after its start, in seconds.
const RECENT: i64 = 10;

/// The test world: a fake API without kubelet.
pub(super) struct Stage {
    now: Timestamp,
    operations: BTreeMap<String, Value>,
    workflows: BTreeMap<String, Value>,
    pods: BTreeMap<String, (Value, PodSeen)>,
    results: BTreeMap<String, (NodeResult, bool)>,
    shelf: Arc<Shelf>,
    locks: LockManager,
    config: Arc<RunConfig>,
    recent: i64,
}

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    if case.get("tier").and_then(Value::as_i64) == Some(3) {
        return Outcome::Skip("looks inside upstream's controller".to_owned());
    }
    let mut stage = Stage::new();
    let mut machine = Machine::new(&mut stage);
    let mut left_out = String::new();
    for step in case.get("steps").and_then(Value::as_array).into_iter().flatten() {
        if machine.lost {
            return Outcome::Skip(format!("not understood: {left_out}"));
        }
        match take(&mut machine, step) {
            Ok(()) => {}
            Err(Stop::Failed(message)) => {
                let line = step.get("line").and_then(Value::as_u64).map(|l| format!(" (line {l})")).unwrap_or_default();
                return Outcome::Fail(format!("{message}{line}, asked for {}", brief(step)));
            }
            Err(Stop::Opaque(what)) => {
                if matches!(step.get("op").and_then(Value::as_str), Some("yaml" | "woc" | "operate" | "pods")) {
                    return Outcome::Skip(format!("not understood: {what}"));
                }
                left_out = what;
            }
        }
    }
    if machine.checked == 0 { Outcome::Skip(format!("no assertion is understood: {left_out}")) } else { Outcome::Pass }
}

fn brief(step: &Value) -> String {
    let arguments = step.get("args").or_else(|| step.get("src")).map(ToString::to_string).unwrap_or_default();
    arguments.chars().take(120).collect()
}

fn take(machine: &mut Machine<'_, Stage>, step: &Value) -> Result<(), Stop> {
    let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default();
    let list = |key: &str| -> Vec<String> {
        step.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    match text("op") {
        "yaml" => {
            let document = argo_core::yaml::parse_documents(text("text")).map_err(|e| Stop::Opaque(e.to_string()))?;
            let mut object = document.into_iter().next().map(|d| d.value).unwrap_or_default();
            if let Some(map) = object.as_object_mut() {
                map.insert("kind".to_owned(), json!(text("kind")));
            }
            machine.variables.insert(text("var").to_owned(), object);
            Ok(())
        }
        "controller" => {
            if text("fn") != "newController" {
                return Err(Stop::Opaque(text("fn").to_owned()));
            }
            for option in list("opts") {
                let object = machine.evaluate(&option)?;
                machine.host.put(object)?;
            }
            Ok(())
        }
        "woc" => {
            let object = machine.evaluate(text("from"))?;
            machine.host.operations.insert(text("var").to_owned(), object);
            Ok(())
        }
        "operate" => machine.host.operate(text("woc")),
        "pods" => {
            let (mut code, mut outputs) = (None, Value::Null);
            for with in list("with") {
                if let Some(inner) = with.strip_prefix("withExitCode(").and_then(|w| w.strip_suffix(')')) {
                    code = inner.parse().ok();
                } else if let Some(inner) = with.strip_prefix("withOutputs(ctx, ").and_then(|w| w.strip_suffix(')')) {
                    outputs = machine.evaluate(inner)?;
                } else if with.contains("ExitCode: 1") {
                    code = Some(1);
                } else {
                    return Err(Stop::Opaque(with));
                }
            }
            machine.host.set_phase(text("phase"), code, &outputs)
        }
        "assert" => machine.assert(text("kind"), &list("args")),
        "bind" if text("src").starts_with("yaml.Unmarshal([]byte(") => {
            let inner = text("src").trim_start_matches("yaml.Unmarshal([]byte(").trim_end_matches(')');
            let (source, target) = inner.split_once("), &").ok_or_else(|| Stop::Opaque(inner.to_owned()))?;
            let read = machine.evaluate(source)?;
            let documents = argo_core::yaml::parse_documents(read.as_str().unwrap_or_default()).map_err(|e| Stop::Opaque(e.to_string()))?;
            let document = documents.into_iter().next().map(|d| d.value).unwrap_or_default();
            machine.variables.insert(target.to_owned(), document);
            Ok(())
        }
        "bind" => {
            let bound = machine.bind(text("var"), text("src"));
            if bound.is_err() {
                machine.forget(text("var"));
            }
            bound
        }
        "for" | "if" | "call" => {
            let ran = machine.run(text("src"));
            if matches!(ran, Err(Stop::Opaque(_))) {
                machine.forget_flags(text("src"));
            }
            ran
        }
        _ => Ok(()),
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        let repository = json!({"s3": {"bucket": "my-bucket", "endpoint": "my-minio-endpoint.default:9000", "insecure": true,
            "accessKeySecret": {"name": "my-minio-cred", "key": "accesskey"}, "secretKeySecret": {"name": "my-minio-cred", "key": "secretkey"}}});
        let image = ImageConfig { entrypoint: vec!["my-entrypoint".to_owned()], cmd: vec!["my-cmd".to_owned()] };
        let names = [
            "my-image",
            "argoproj/argosay:v2",
            "docker/whalesay:latest",
            "busybox",
            "docker/whalesay",
            "alpine:latest",
            "alpine",
            "alpine:3.7",
            "alpine:3.23",
        ];
        let pod = PodOptions {
            executor_image: "executor:latest".to_owned(),
            images: names.iter().map(|n| ((*n).to_owned(), image.clone())).collect(),
            artifact_repository: serde_json::from_value(repository).ok(),
            ..PodOptions::default()
        };
        Self {
            now: Timestamp::from_second(1_800_000_000).unwrap_or_default(),
            operations: BTreeMap::new(),
            workflows: BTreeMap::new(),
            pods: BTreeMap::new(),
            results: BTreeMap::new(),
            shelf: Arc::new(Shelf::default()),
            locks: LockManager::new(),
            config: Arc::new(RunConfig { pod, ..RunConfig::default() }),
            recent: RECENT,
        }
    }

    fn put(&mut self, object: Value) -> Result<(), Stop> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if object.get("kind").and_then(Value::as_str) == Some("Workflow") {
            self.workflows.insert(name, object);
            return Ok(());
        }
        match Arc::get_mut(&mut self.shelf) {
            Some(shelf) => shelf.put(object).map_err(Stop::Opaque),
            None => Err(Stop::Opaque("templates are in use".to_owned())),
        }
    }

    // One pass of the controller over a workflow, with a run loaded from what stands in its status.
    fn operate(&mut self, name: &str) -> Result<(), Stop> {
        self.now = self.now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(self.now);
        let now = self.now;
        let Some(mut object) = self.operations.get(name).cloned() else { return Err(Stop::Opaque(format!("no {name}"))) };
        let workflow: Workflow = serde_json::from_value(object.clone()).map_err(|e| Stop::Opaque(e.to_string()))?;
        if matches!(workflow.status.phase.as_str(), "Succeeded" | "Failed" | "Error") {
            return Ok(());
        }
        match WorkflowRun::load(&workflow, self.shelf.clone(), self.config.clone(), now) {
            Ok(mut run) => {
                let inbox = self.news(&workflow);
                self.drive(&workflow.metadata.name, &mut run, inbox, &mut object)?;
            }
            Err(error) => super::recorded::refuse(&mut object, &error.to_string()),
        }
        self.workflows.insert(workflow.metadata.name, object.clone());
        self.operations.insert(name.to_owned(), object);
        Ok(())
    }

    fn news(&self, workflow: &Workflow) -> VecDeque<TaskEvent> {
        let mine = |id: &str| workflow.status.nodes.contains_key(id);
        let results = self.results.iter().filter(|(id, _)| mine(id)).map(|(node_id, (result, completed))| TaskEvent::TaskResult {
            node_id: node_id.clone(),
            result: Box::new(result.clone()),
            completed: *completed,
        });
        let mut inbox: VecDeque<TaskEvent> = results.collect();
        let pods: Vec<&PodSeen> = self.pods.values().map(|(_, seen)| seen).filter(|seen| mine(&seen.node_id)).collect();
        inbox.extend(pods.iter().map(|seen| TaskEvent::Pod(Box::new((*seen).clone()))));
        for (id, node) in &workflow.status.nodes {
            let open = matches!(node.phase.as_str(), "" | "Pending" | "Running");
            let old = node.started_at.is_none_or(|t| self.now.duration_since(t.0).as_secs() > self.recent);
            if node.type_ == "Pod" && open && old && !pods.iter().any(|p| p.node_id == *id) {
                inbox.push_back(TaskEvent::PodGone { node_id: id.clone() });
            }
        }
        inbox.push_back(TaskEvent::Tick);
        inbox
    }

    fn drive(&mut self, name: &str, run: &mut WorkflowRun, mut inbox: VecDeque<TaskEvent>, object: &mut Value) -> Result<(), Stop> {
        let mut effects = 0_usize;
        while let Some(event) = inbox.pop_front() {
            run.handle(event, self.now);
            while let Some(keyed) = run.poll_effect() {
                effects = effects.saturating_add(1);
                if effects > MOST_EFFECTS {
                    return Err(Stop::Failed("the run goes in circles".to_owned()));
                }
                self.apply(name, keyed.effect, &mut inbox);
            }
        }
        if let Some(patch) = run.take_patch() {
            argo_core::patch::merge::apply(object, &patch);
        }
        Ok(())
    }

    fn apply(&mut self, workflow: &str, effect: Effect, inbox: &mut VecDeque<TaskEvent>) {
        let tell = |told: Vec<Told>, inbox: &mut VecDeque<TaskEvent>| {
            for one in told.into_iter().filter(|t| t.workflow() == workflow) {
                inbox.push_back(TaskEvent::Locks { node_id: one.node_id().to_owned(), outcome: one.outcome });
            }
        };
        match effect {
            Effect::CreatePod { node_id, pod } => {
                let pod_name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                let seen = PodSeen {
                    name: pod_name.clone(),
                    uid: format!("uid-{pod_name}"),
                    node_id,
                    phase: "Pending".to_owned(),
                    created: Some(Time::truncated(self.now)),
                    ..PodSeen::default()
                };
                self.pods.entry(pod_name).or_insert((*pod, seen));
            }
            Effect::DeletePod { name, selector, .. } => {
                let selected = |pod: &Value| {
                    let labels = serde_json::from_value(pod.pointer("/metadata/labels").cloned().unwrap_or_default()).unwrap_or_default();
                    argo_dag::effect::selects(selector.as_deref(), &labels)
                };
                if self.pods.get(&name).is_some_and(|(pod, _)| selected(pod)) {
                    self.pods.remove(&name);
                }
            }
            Effect::AcquireLocks { locks, holder, priority, created, .. } => {
                let shelf = self.shelf.clone();
                let limits = move |_: &str, source: &SemaphoreRef| shelf.limit(source);
                tell(self.locks.acquire(&LockRequest { locks, holder, priority, created }, &limits), inbox);
            }
            Effect::ReleaseLocks { holder } => {
                let shelf = self.shelf.clone();
                let limits = move |_: &str, source: &SemaphoreRef| shelf.limit(source);
                tell(self.locks.release(&holder, &limits), inbox);
            }
            Effect::ReadMemo { node_id, config_map, key } => {
                inbox.push_back(TaskEvent::Memo { node_id, entry: self.shelf.memo(&config_map, &key) });
            }
            Effect::WriteMemo { config_map, key, entry } => self.shelf.remember(&config_map, &key, &entry),
            _ => {}
        }
    }

    // Sets the phase of all pods that have not ended.
    fn set_phase(&mut self, phase: &str, code: Option<i32>, outputs: &Value) -> Result<(), Stop> {
        let ended = matches!(phase, "Succeeded" | "Failed");
        for (object, seen) in self.pods.values_mut() {
            if matches!(seen.phase.as_str(), "Succeeded" | "Failed") {
                continue;
            }
            phase.clone_into(&mut seen.phase);
            if phase == "Failed" {
                seen.message = "Pod failed".to_owned();
            }
            if let Some(exit_code) = code {
                let state = ContainerState::Terminated {
                    exit_code,
                    reason: String::new(),
                    message: String::new(),
                    started_at: None,
                    finished_at: None,
                };
                seen.containers = vec![ContainerSeen { name: "main".to_owned(), state }];
                seen.message.clear();
            }
            if let Some(map) = object.as_object_mut() {
                map.insert("status".to_owned(), json!({"phase": phase}));
            }
            if ended {
                let mut result = NodeResult::default();
                if !outputs.is_null() {
                    result.outputs = Some(serde_json::from_value(outputs.clone()).map_err(|e| Stop::Opaque(e.to_string()))?);
                }
                self.results.insert(seen.node_id.clone(), (result, true));
            }
        }
        Ok(())
    }

    fn with_workflow(&mut self, name: &str, change: impl FnOnce(&Workflow) -> Result<Option<Workflow>, String>) -> Result<Value, String> {
        let object = self.workflows.get(name).cloned().ok_or_else(|| format!("no workflow {name}"))?;
        let workflow: Workflow = serde_json::from_value(object).map_err(|e| e.to_string())?;
        if let Some(changed) = change(&workflow)? {
            let object = serde_json::to_value(&changed).map_err(|e| e.to_string())?;
            self.workflows.insert(name.to_owned(), object);
        }
        Ok(Value::Null)
    }
}

impl Host for Stage {
    fn object(&self, name: &str) -> Option<Value> {
        let object = self.operations.get(name)?;
        Some(json!({"wf": object, "execWf": object}))
    }

    fn replace(&mut self, name: &str, value: Value) -> bool {
        let (Some(object), Some(exec), Some(old)) = (value.get("wf"), value.get("execWf"), self.operations.get_mut(name)) else {
            return false;
        };
        // Both are the same object here: the one that was changed counts.
        *old = if exec == old { object.clone() } else { exec.clone() };
        true
    }

    fn call(&mut self, path: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let argument = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pods = || Value::Array(self.pods.values().map(|(pod, _)| pod.clone()).collect());
        let (now, actor) = (self.now, Actor::default());
        Some(match path {
            "listPods" => Ok(json!({"items": pods()})),
            "getPod" => Ok(self.pods.get(&argument(2)).map(|(pod, _)| pod.clone()).unwrap_or_default()),
            "getPodTemplate" => Ok(arguments.first().and_then(super::recorded::template).unwrap_or_default()),
            "time.Sleep" => {
                // Durations are in seconds here.
                #[allow(clippy::cast_possible_truncation)]
                let seconds = arguments.first().and_then(Value::as_f64).unwrap_or_default() as i64;
                self.now = self.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.now);
                Ok(Value::Null)
            }
            "t.Setenv" if argument(0) == "RECENTLY_STARTED_POD_DURATION" => {
                self.recent = argument(1).parse().unwrap_or(RECENT);
                Ok(Value::Null)
            }
            "deletePods" => {
                self.pods.clear();
                Ok(Value::Null)
            }
            "util.IsWorkflowSuspended" => {
                let suspended = arguments.first().is_some_and(|wf| {
                    wf.pointer("/spec/suspend") == Some(&json!(true))
                        || wf
                            .pointer("/status/nodes")
                            .and_then(Value::as_object)
                            .into_iter()
                            .flatten()
                            .any(|(_, n)| n.get("type") == Some(&json!("Suspend")) && n.get("phase") == Some(&json!("Running")))
                });
                Ok(json!(suspended))
            }
            "util.SuspendWorkflow" => self.with_workflow(&argument(2), |wf| control::suspend(wf, &actor).map_err(|e| e.to_string())),
            "util.ResumeWorkflow" => {
                let selector = argument(4);
                self.with_workflow(&argument(3), |wf| control::resume(wf, &selector, now, &actor).map_err(|e| e.to_string()))
            }
            "util.StopWorkflow" => {
                let (selector, message) = (argument(4), argument(5));
                self.with_workflow(&argument(3), |wf| {
                    if selector.is_empty() { control::stop(wf, &actor) } else { control::stop_nodes(wf, &selector, &message, now, &actor) }
                        .map(Some)
                        .map_err(|e| e.to_string())
                })
            }
            _ if path.ends_with("Pods().List") => Ok(json!({"items": pods()})),
            _ if path.ends_with("Pods().Update") => {
                let object = arguments.get(1).cloned().unwrap_or_default();
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let host = text("/spec/nodeName");
                if let Some((pod, seen)) = self.pods.get_mut(&text("/metadata/name")) {
                    *pod = object.clone();
                    seen.host = host;
                }
                Ok(object)
            }
            _ if path.ends_with("Workflows().Create") || path.ends_with("Workflows().Update") => {
                let mut object = arguments.get(1).cloned().unwrap_or_default();
                if let Some(map) = object.as_object_mut() {
                    map.insert("kind".to_owned(), json!("Workflow"));
                }
                self.put(object.clone()).map(|()| object).map_err(|_| "cannot be put".to_owned())
            }
            _ if path.ends_with("Workflows().Get") => {
                self.workflows.get(&argument(1)).cloned().ok_or_else(|| format!("no workflow {}", argument(1)))
            }
            _ if path.ends_with("ConfigMaps().Create") => {
                let object = arguments.get(1).cloned().unwrap_or_default();
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                self.shelf.put_config_map(name, object.clone());
                Ok(object)
            }
            _ if path.ends_with("ConfigMaps().Get") => {
                use argo_dag::Library;
                Ok(self.shelf.config_map(&argument(1)).map(|m| m.as_ref().clone()).unwrap_or_default())
            }
            _ => return None,
        })
    }
}
