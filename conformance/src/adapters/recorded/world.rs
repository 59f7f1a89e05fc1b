//! The world of one recording: workflows under the engine, pods under the stand-in kubelet, a clock that jumps.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use argo_core::meta::Time;
use argo_core::workflows::{ClusterWorkflowTemplate, NodeResult, Workflow, WorkflowTemplate};
use argo_dag::event::Control;
use argo_dag::locks::LockManager;
use argo_dag::pod::PodOptions;
use argo_dag::{Effect, Library, RunConfig, TaskEvent, WorkflowRun};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::kubelet::{Pod, Rules, TERMINATED};

/// When the recorded runs start; nothing that is compared depends on it.
const START: i64 = 1_700_000_000;
/// How many effects one event may cause before the run counts as running in circles.
const MOST_EFFECTS: usize = 20_000;

#[derive(Default)]
struct Shelf {
    templates: BTreeMap<String, Arc<WorkflowTemplate>>,
    cluster_templates: BTreeMap<String, Arc<ClusterWorkflowTemplate>>,
    config_maps: Mutex<BTreeMap<String, Arc<Value>>>,
}

impl Library for Shelf {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        self.templates.get(name).cloned()
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        self.cluster_templates.get(name).cloned()
    }

    fn config_map(&self, name: &str) -> Option<Arc<Value>> {
        self.config_maps.lock().ok()?.get(name).cloned()
    }
}

struct Running {
    object: Value,
    run: Option<WorkflowRun>,
    pods: BTreeMap<String, Pod>,
    results: BTreeMap<String, (NodeResult, bool)>,
    inbox: VecDeque<TaskEvent>,
}

/// Everything one case needs.
pub(super) struct World {
    now: Timestamp,
    shelf: Arc<Shelf>,
    config: Arc<RunConfig>,
    runs: BTreeMap<String, Running>,
    subject: String,
    rules: Rules,
    locks: LockManager,
    pods_made: usize,
    pods_started: usize,
}

type Played = Result<(), String>;

impl World {
    pub(super) fn new(case: &Value) -> Result<Self, String> {
        let mut shelf = Shelf::default();
        let mut runs = BTreeMap::new();
        let mut subject = String::new();
        for text in case.get("manifests").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            for document in argo_core::yaml::parse_documents(text).map_err(|e| format!("manifest: {e}"))? {
                let mut object = document.value;
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                let read = |e: serde_json::Error| format!("manifest {name}: {e}");
                match object.get("kind").and_then(Value::as_str).unwrap_or_default() {
                    "Workflow" => {
                        if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                            meta.insert("namespace".to_owned(), json!("NAMESPACE"));
                            meta.insert("uid".to_owned(), json!("UID"));
                            meta.insert("creationTimestamp".to_owned(), json!(Time(start()).to_string()));
                        }
                        if subject.is_empty() {
                            subject.clone_from(&name);
                        }
                        let running =
                            Running { object, run: None, pods: BTreeMap::new(), results: BTreeMap::new(), inbox: VecDeque::new() };
                        runs.insert(name, running);
                    }
                    "WorkflowTemplate" => {
                        shelf.templates.insert(name.clone(), Arc::new(serde_json::from_value(object).map_err(read)?));
                    }
                    "ClusterWorkflowTemplate" => {
                        shelf.cluster_templates.insert(name.clone(), Arc::new(serde_json::from_value(object).map_err(read)?));
                    }
                    "ConfigMap" => {
                        if let Ok(maps) = shelf.config_maps.get_mut() {
                            maps.insert(name, Arc::new(object));
                        }
                    }
                    _ => {}
                }
            }
        }
        let rules = Rules::new(case.pointer("/script/rules"));
        let config = Arc::new(config()?);
        Ok(Self {
            now: start(),
            shelf: Arc::new(shelf),
            config,
            runs,
            subject,
            rules,
            locks: LockManager::new(),
            pods_made: 0,
            pods_started: 1,
        })
    }

    /// The workflow that the recording is about, as it stands in the API.
    pub(super) fn subject(&self) -> Option<&Value> {
        self.runs.get(&self.subject).map(|r| &r.object)
    }

    /// Plays all recorded points.
    pub(super) fn play(&mut self, case: &Value) -> Played {
        let mut actions: VecDeque<&Value> = case.get("actions").and_then(Value::as_array).into_iter().flatten().collect();
        for (index, point) in case.get("trace").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.point(point, &mut actions).map_err(|message| format!("point {index}: {message}"))?;
        }
        Ok(())
    }

    fn point(&mut self, point: &Value, actions: &mut VecDeque<&Value>) -> Played {
        self.now = self.now.saturating_add(SignedDuration::from_millis(500)).map_err(|e| e.to_string())?;
        let Some(event) = point.get("event").and_then(Value::as_object) else { return Ok(()) };
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        if let Some(name) = text("submit") {
            self.submit(name)?;
        } else if let Some(names) = event.get("start").and_then(Value::as_array) {
            for node in names.iter().filter_map(Value::as_str) {
                self.start(node)?;
            }
        } else if let Some(node) = text("complete") {
            self.complete(node, event)?;
        } else if let Some(node) = text("deletePod") {
            self.delete(node)?;
        } else if event.contains_key("argo") {
            let arguments: Vec<&str> = event.get("argo").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            if let Some(rules) = actions.pop_front().and_then(|a| a.get("rules")) {
                self.rules = Rules::new(Some(rules));
            }
            self.command(&arguments)?;
        } else if event.contains_key("time") {
            self.wait(point)?;
        }
        self.settle()
    }

    fn submit(&mut self, name: &str) -> Played {
        self.load(name)?;
        self.push(name, TaskEvent::Tick);
        Ok(())
    }

    fn load(&mut self, name: &str) -> Played {
        let running = self.runs.get_mut(name).ok_or_else(|| format!("no workflow {name}"))?;
        let workflow: Workflow = serde_json::from_value(running.object.clone()).map_err(|e| e.to_string())?;
        let run = WorkflowRun::load(&workflow, self.shelf.clone(), self.config.clone(), self.now).map_err(|e| e.to_string())?;
        running.run = Some(run);
        running.inbox.clear();
        Ok(())
    }

    fn push(&mut self, workflow: &str, event: TaskEvent) {
        if let Some(running) = self.runs.get_mut(workflow) {
            running.inbox.push_back(event);
        }
    }

    fn find(&mut self, node: &str) -> Result<(String, &mut Pod), String> {
        for (workflow, running) in &mut self.runs {
            let id = argo_core::ids::node_id(workflow, node);
            if let Some(pod) = running.pods.get_mut(&id) {
                return Ok((workflow.clone(), pod));
            }
        }
        Err(format!("no pod for node {node}"))
    }

    fn start(&mut self, node: &str) -> Played {
        self.pods_started = self.pods_started.saturating_add(1);
        let serial = self.pods_started;
        let (workflow, pod) = self.find(node)?;
        let template = pod.template();
        let (workflow, node) = (workflow, node.to_owned());
        let rule = self.rules.choose(&template, &node);
        let (_, pod) = self.find(&node)?;
        pod.start(rule, serial);
        let (has_wait, node_id, seen) = (pod.has_wait(), pod.node_id.clone(), pod.seen.clone());
        if has_wait && seen.phase == "Running" {
            self.report(&workflow, &node_id, NodeResult::default(), false);
        }
        self.push(&workflow, TaskEvent::Pod(Box::new(seen)));
        Ok(())
    }

    fn report(&mut self, workflow: &str, node_id: &str, result: NodeResult, completed: bool) {
        if let Some(running) = self.runs.get_mut(workflow) {
            running.results.insert(node_id.to_owned(), (result.clone(), completed));
            running.inbox.push_back(TaskEvent::TaskResult { node_id: node_id.to_owned(), result: Box::new(result), completed });
        }
    }

    fn complete(&mut self, node: &str, event: &Map<String, Value>) -> Played {
        let (workflow, pod) = self.find(node)?;
        let crash = pod.rule.get("waitCrash").and_then(Value::as_bool).unwrap_or_default();
        let code = |value: &Value| value.as_i64().and_then(|n| i32::try_from(n).ok());
        if let Some(failed) = event.get("podFailed") {
            let text = |key: &str| failed.get(key).and_then(Value::as_str).unwrap_or_default();
            pod.fail(text("reason"), text("message"));
        } else {
            let exits: BTreeMap<String, i32> = event
                .get("exits")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), code(value)?)))
                .collect();
            pod.end(&exits, event.get("waitExit").and_then(code).unwrap_or_default());
        }
        let (node_id, seen, has_wait) = (pod.node_id.clone(), pod.seen.clone(), pod.has_wait());
        if has_wait {
            let mut result = NodeResult::default();
            if let Some(reported) = event.get("reported").filter(|_| !crash) {
                result.outputs = Some(serde_json::from_value(reported.clone()).map_err(|e| e.to_string())?);
            }
            self.report(&workflow, &node_id, result, !crash);
        }
        self.push(&workflow, TaskEvent::Pod(Box::new(seen)));
        Ok(())
    }

    fn delete(&mut self, node: &str) -> Played {
        let (workflow, pod) = self.find(node)?;
        let node_id = pod.node_id.clone();
        if let Some(running) = self.runs.get_mut(&workflow) {
            running.pods.remove(&node_id);
        }
        self.push(&workflow, TaskEvent::PodGone { node_id });
        Ok(())
    }

    // The CLI edits the object in the API, and the controller loads what it finds there.
    fn command(&mut self, arguments: &[&str]) -> Played {
        super::commands::apply(self, arguments)
    }

    pub(super) fn object(&self, workflow: &str) -> Result<Workflow, String> {
        let running = self.runs.get(workflow).ok_or_else(|| format!("no workflow {workflow}"))?;
        serde_json::from_value(running.object.clone()).map_err(|e| e.to_string())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes over an edited object: pods named in `deleted` are gone, the engine loads afresh and is told of all that is there.
    pub(super) fn replace(&mut self, name: &str, workflow: &Workflow, deleted: &[String]) -> Played {
        let object = serde_json::to_value(workflow).map_err(|e| e.to_string())?;
        let running = self.runs.get_mut(name).ok_or_else(|| format!("no workflow {name}"))?;
        running.object = object;
        let gone: Vec<String> =
            running.pods.iter().filter(|(_, pod)| deleted.contains(&pod.seen.name)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            running.pods.remove(&id);
            running.results.remove(&id);
        }
        self.load(name)?;
        let Some(running) = self.runs.get_mut(name) else { return Ok(()) };
        for (node_id, (result, completed)) in &running.results {
            running.inbox.push_back(TaskEvent::TaskResult {
                node_id: node_id.clone(),
                result: Box::new(result.clone()),
                completed: *completed,
            });
        }
        for pod in running.pods.values() {
            running.inbox.push_back(TaskEvent::Pod(Box::new(pod.seen.clone())));
        }
        running.inbox.push_back(TaskEvent::Tick);
        Ok(())
    }

    /// Changes the control fields of a running workflow's spec, as `argo stop` does.
    pub(super) fn control(&mut self, name: &str, workflow: &Workflow) -> Played {
        let running = self.runs.get_mut(name).ok_or_else(|| format!("no workflow {name}"))?;
        running.object = serde_json::to_value(workflow).map_err(|e| e.to_string())?;
        let control = Control {
            suspend: workflow.spec.suspend.unwrap_or_default(),
            shutdown: workflow.spec.shutdown.clone(),
            active_deadline_seconds: workflow.spec.active_deadline_seconds,
        };
        running.inbox.push_back(TaskEvent::Control(control));
        Ok(())
    }

    fn wait(&mut self, point: &Value) -> Played {
        for entry in point.get("kubelet").and_then(Value::as_array).into_iter().flatten() {
            if let Some(node) = entry.get("podDeadline").and_then(Value::as_str) {
                self.pod_deadline(node)?;
            }
        }
        // A quiescent point may lie some timers away: go on until something changes.
        for _ in 0..5 {
            let due: Vec<(String, Timestamp)> = self
                .runs
                .iter()
                .filter_map(|(name, r)| Some((name.clone(), r.run.as_ref()?.poll_timeout()?)))
                .collect();
            let Some(first) = due.iter().map(|(_, at)| *at).min() else { return Ok(()) };
            self.now = self.now.max(first);
            let before: Vec<Value> = self.runs.values().map(|r| r.object.clone()).collect();
            for (name, at) in due {
                if at <= self.now {
                    self.push(&name, TaskEvent::Tick);
                }
            }
            self.settle()?;
            if self.runs.values().map(|r| &r.object).ne(before.iter()) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn pod_deadline(&mut self, node: &str) -> Played {
        let deadline = {
            let (_, pod) = self.find(node)?;
            pod.object.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).unwrap_or_default()
        };
        self.now = self.now.saturating_add(SignedDuration::from_secs(deadline)).map_err(|e| e.to_string())?;
        let (workflow, pod) = self.find(node)?;
        let started = pod.seen.phase == "Running";
        if started {
            let exits = pod.mains().into_iter().map(|name| (name, TERMINATED)).collect();
            pod.end(&exits, 0);
        } else {
            pod.ended = true;
        }
        pod.seen.phase = "Failed".to_owned();
        pod.seen.reason = "DeadlineExceeded".to_owned();
        pod.seen.message = "Pod was active on the node longer than the specified deadline".to_owned();
        let (node_id, seen, has_wait) = (pod.node_id.clone(), pod.seen.clone(), pod.has_wait());
        if has_wait {
            self.report(&workflow, &node_id, NodeResult::default(), true);
        }
        self.push(&workflow, TaskEvent::Pod(Box::new(seen)));
        Ok(())
    }

    /// Handles what is in the inboxes and applies effects until nothing is left.
    fn settle(&mut self) -> Played {
        let mut effects = 0_usize;
        let names: Vec<String> = self.runs.keys().cloned().collect();
        loop {
            let mut quiet = true;
            for name in &names {
                while let Some(event) = self.runs.get_mut(name).and_then(|r| r.inbox.pop_front()) {
                    quiet = false;
                    let now = self.now;
                    if let Some(run) = self.runs.get_mut(name).and_then(|r| r.run.as_mut()) {
                        run.handle(event, now);
                    }
                    while let Some(keyed) = self.runs.get_mut(name).and_then(|r| r.run.as_mut()).and_then(WorkflowRun::poll_effect) {
                        effects = effects.saturating_add(1);
                        if effects > MOST_EFFECTS {
                            return Err("the run goes in circles".to_owned());
                        }
                        self.apply(name, keyed.effect);
                    }
                    self.patch(name);
                }
            }
            if quiet {
                return Ok(());
            }
        }
    }

    fn patch(&mut self, name: &str) {
        let Some(running) = self.runs.get_mut(name) else { return };
        if let Some(patch) = running.run.as_mut().and_then(WorkflowRun::take_patch) {
            merge(&mut running.object, &patch);
        }
    }

    fn apply(&mut self, workflow: &str, effect: Effect) {
        match effect {
            Effect::CreatePod { node_id, pod } => {
                self.pods_made = self.pods_made.saturating_add(1);
                let pod = Pod::new(&node_id, *pod, self.pods_made);
                let seen = pod.seen.clone();
                if let Some(running) = self.runs.get_mut(workflow)
                    && !running.pods.contains_key(&node_id)
                {
                    running.pods.insert(node_id, pod);
                    running.inbox.push_back(TaskEvent::Pod(Box::new(seen)));
                }
            }
            Effect::DeletePod { node_id, .. } => {
                if self.runs.get_mut(workflow).is_some_and(|r| r.pods.remove(&node_id).is_some()) {
                    self.push(workflow, TaskEvent::PodGone { node_id });
                }
            }
            Effect::StopPod { node_id, .. } => self.stop(workflow, &node_id),
            Effect::AcquireLocks { node_id, locks, holder, priority, created } => {
                let shelf = self.shelf.clone();
                let answers = self.locks.acquire(workflow, &node_id, &locks, &holder, priority, created, shelf.as_ref());
                self.answer(answers);
            }
            Effect::ReleaseLocks { holder } => {
                let shelf = self.shelf.clone();
                let answers = self.locks.release(&holder, shelf.as_ref());
                self.answer(answers);
            }
            Effect::ReadMemo { node_id, config_map, key } => {
                let entry = self
                    .shelf
                    .config_map(&config_map)
                    .and_then(|map| map.pointer("/data")?.get(&key)?.as_str().map(str::to_owned))
                    .map(|text| serde_json::from_str(&text).map_err(|e| e.to_string()))
                    .transpose();
                self.push(workflow, TaskEvent::Memo { node_id, entry });
            }
            Effect::WriteMemo { config_map, key, entry } => {
                if let (Ok(mut maps), Ok(text)) = (self.shelf.config_maps.lock(), serde_json::to_string(&entry)) {
                    let mut map = maps.get(&config_map).map_or_else(|| json!({}), |m| m.as_ref().clone());
                    merge(&mut map, &json!({"data": {key: text}}));
                    maps.insert(config_map, Arc::new(map));
                }
            }
            // Without a counterpart in the recordings' final state.
            Effect::LabelPodCompleted { .. }
            | Effect::CreateClaim { .. }
            | Effect::DeleteClaim { .. }
            | Effect::CreateDisruptionBudget { .. }
            | Effect::DeleteDisruptionBudget { .. }
            | Effect::RunByAgent { .. }
            | Effect::Emit { .. } => {}
        }
    }

    fn answer(&mut self, answers: Vec<(String, TaskEvent)>) {
        for (workflow, event) in answers {
            self.push(&workflow, event);
        }
    }

    fn stop(&mut self, workflow: &str, node_id: &str) {
        let Some(pod) = self.runs.get_mut(workflow).and_then(|r| r.pods.get_mut(node_id)) else { return };
        let ignores = pod.rule.get("ignoreTerm").and_then(Value::as_bool).unwrap_or_default();
        if pod.ended || ignores || pod.seen.phase != "Running" {
            return;
        }
        let exits = pod.mains().into_iter().map(|name| (name, TERMINATED)).collect();
        pod.end(&exits, 0);
        let (seen, has_wait) = (pod.seen.clone(), pod.has_wait());
        if has_wait {
            self.report(workflow, node_id, NodeResult::default(), true);
        }
        self.push(workflow, TaskEvent::Pod(Box::new(seen)));
    }
}

fn start() -> Timestamp {
    Timestamp::from_second(START).unwrap_or_default()
}

/// The settings of the controller that made the recordings.
fn config() -> Result<RunConfig, String> {
    let repository = json!({"s3": {"bucket": "my-bucket", "endpoint": "s3.invalid:9000", "insecure": true,
        "accessKeySecret": {"name": "my-s3-cred", "key": "accesskey"}, "secretKeySecret": {"name": "my-s3-cred", "key": "secretkey"}}});
    let pod = PodOptions { default_entrypoint: Some(vec!["/bin/ep".to_owned()]), ..PodOptions::default() };
    Ok(RunConfig { pod, artifact_repository: Some(serde_json::from_value(repository).map_err(|e| e.to_string())?), ..RunConfig::default() })
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    argo_core::patch::merge::apply(target, patch);
}
