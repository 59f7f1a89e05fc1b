//! The world of one recording: workflows under the engine, pods under the stand-in kubelet, a clock that jumps.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use argo_core::meta::Time;
use argo_core::workflows::{NodeResult, SemaphoreRef, Workflow};
use argo_dag::event::Control;
use argo_dag::locks::{LockManager, LockRequest, Told};
use argo_dag::{Effect, RunConfig, TaskEvent, WorkflowRun};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::kubelet::{KILLED, Pod, Rules, TERMINATED};
use super::shelf::{self, Shelf};

/// When the recorded runs start; nothing that is compared depends on it.
const START: i64 = 1_700_000_000;
/// How many effects one point may cause before the run counts as running in circles.
const MOST_EFFECTS: usize = 20_000;
/// How far a `time` point may lie away, in seconds: the recorder gave up after that.
const FARTHEST: i64 = 240;
/// The same for other points, in seconds: short suspensions and back-offs may end before all is quiet.
const SOON: i64 = 3;
/// Above this number of nodes a run is loaded anew at some points only: the cost of a load grows with the tree.
const MANY_NODES: usize = 12;
/// How far the clock goes from point to point, in milliseconds: the recorder waited for 400 of quiet. Timers that came due meanwhile are fired where what was
/// recorded shows it.
const POINT: i64 = 450;

/// How the engine is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One run from start to end.
    Incremental,
    /// The run is loaded from the stored status before each event, and told again of all that there is.
    Reloaded,
}

struct Running {
    object: Value,
    run: Option<WorkflowRun>,
    pods: BTreeMap<String, Pod>,
    results: BTreeMap<String, (NodeResult, bool)>,
    inbox: VecDeque<TaskEvent>,
    loaded_at: Timestamp,
}

/// What the kubelet does a while after it was asked to.
enum Later {
    Kill { workflow: String, node_id: String, code: i32 },
    Delete { workflow: String, node_id: String },
}

/// Everything one case needs.
pub(crate) struct World {
    mode: Mode,
    now: Timestamp,
    shelf: Arc<Shelf>,
    config: Arc<RunConfig>,
    runs: BTreeMap<String, Running>,
    order: Vec<String>,
    rules: Rules,
    locks: LockManager,
    later: VecDeque<(Timestamp, Later)>,
    pods_made: usize,
    pods_started: usize,
    first_pods: BTreeMap<String, Value>,
    created: BTreeMap<String, usize>,
    expected_created: BTreeMap<String, usize>,
    expected_nodes: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    created_otherwise: Option<String>,
    strayed: Option<String>,
}

type Played = Result<(), String>;

impl World {
    pub(crate) fn new(case: &Value, mode: Mode) -> Result<Self, String> {
        let mut shelf = Shelf::default();
        let (mut runs, mut order, mut images) = (BTreeMap::new(), Vec::new(), Vec::new());
        for text in case.get("manifests").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            for document in argo_core::yaml::parse_documents(text).map_err(|e| format!("manifest: {e}"))? {
                let mut object = document.value;
                shelf::images(&object, &mut images);
                if object.get("kind").and_then(Value::as_str) != Some("Workflow") {
                    shelf.put(object)?;
                    continue;
                }
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    meta.insert("namespace".to_owned(), json!("NAMESPACE"));
                    meta.insert("uid".to_owned(), json!("UID"));
                    meta.insert("creationTimestamp".to_owned(), json!(Time(start()).to_string()));
                }
                order.push(name.clone());
                let running = Running {
                    object,
                    run: None,
                    pods: BTreeMap::new(),
                    results: BTreeMap::new(),
                    inbox: VecDeque::new(),
                    loaded_at: Timestamp::MIN,
                };
                runs.insert(name, running);
            }
        }
        if let Some(pods) = case.get("pods") {
            shelf::images(pods, &mut images);
        }
        Ok(Self {
            mode,
            now: start(),
            shelf: Arc::new(shelf),
            config: Arc::new(shelf::config(&images)?),
            runs,
            order,
            rules: Rules::new(case.pointer("/script/rules")),
            locks: LockManager::new(),
            later: VecDeque::new(),
            pods_made: 0,
            pods_started: 1,
            first_pods: BTreeMap::new(),
            created: BTreeMap::new(),
            expected_created: BTreeMap::new(),
            expected_nodes: BTreeMap::new(),
            created_otherwise: None,
            strayed: None,
        })
    }

    /// Name of the workflow that the recording is about.
    pub(super) fn subject(&self) -> &str {
        self.order.first().map(String::as_str).unwrap_or_default()
    }

    /// A workflow as it stands in the API.
    pub(super) fn object(&self, name: &str) -> Option<&Value> {
        self.runs.get(name).map(|r| &r.object)
    }

    /// The first pod that was made for a node.
    pub(super) fn pod_of(&self, node: &str) -> Option<&Value> {
        self.first_pods.get(node)
    }

    /// Where pods were created otherwise than recorded.
    pub(super) fn created_otherwise(&self) -> Option<&str> {
        self.created_otherwise.as_deref()
    }

    /// Where a node's phase or message first differed from the recorded one.
    pub(super) fn strayed(&self) -> Option<&str> {
        self.strayed.as_deref()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Plays all recorded points.
    pub(super) fn play(&mut self, case: &Value) -> Played {
        let mut actions: VecDeque<&Value> = case.get("actions").and_then(Value::as_array).into_iter().flatten().collect();
        let points: Vec<&Value> = case.get("trace").and_then(Value::as_array).into_iter().flatten().collect();
        for (index, point) in points.iter().enumerate() {
            self.expect(point);
            self.point(point, &mut actions).map_err(|message| format!("point {index}: {message}"))?;
            // What time alone brought about may as well have come at once.
            let next = points.get(index.saturating_add(1));
            if next.is_none_or(|p| p.pointer("/event/time").is_none()) {
                self.look(index, point);
            }
        }
        Ok(())
    }

    fn point(&mut self, point: &Value, actions: &mut VecDeque<&Value>) -> Played {
        self.now = self.now.saturating_add(SignedDuration::from_millis(POINT)).map_err(|e| e.to_string())?;
        let Some(event) = point.get("event").and_then(Value::as_object) else { return Ok(()) };
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        if event.contains_key("submit") {
            for name in self.order.clone() {
                self.reload(&name)?;
            }
        } else if let Some(names) = event.get("start").and_then(Value::as_array) {
            for node in names.iter().filter_map(Value::as_str) {
                self.start(node)?;
            }
        } else if let Some(node) = text("complete") {
            self.complete(node, event)?;
        } else if let Some(node) = text("deletePod") {
            let (workflow, node_id) = self.find(node)?;
            self.gone(&workflow, &node_id);
        } else if event.contains_key("argo") {
            let arguments: Vec<&str> =
                event.get("argo").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            if let Some(rules) = actions.pop_front().and_then(|a| a.get("rules")) {
                self.rules = Rules::new(Some(rules));
            }
            let fails = event.get("failed").and_then(Value::as_bool).unwrap_or_default();
            match super::commands::apply(self, &arguments) {
                Err(message) if !fails => return Err(message),
                Ok(()) if fails => return Err(format!("`argo {}` is to fail", arguments.join(" "))),
                _ => {}
            }
        } else if event.contains_key("time") {
            return self.wait(point);
        } else {
            return Err(format!("unknown event {}", event.keys().next().map(String::as_str).unwrap_or_default()));
        }
        self.settle()?;
        self.fire(SOON)
    }

    // Loads a workflow from the API and tells the engine of everything that is there.
    fn reload(&mut self, name: &str) -> Played {
        let (now, shelf, config) = (self.now, self.shelf.clone(), self.config.clone());
        let running = self.runs.get_mut(name).ok_or_else(|| format!("no workflow {name}"))?;
        let workflow: Workflow = serde_json::from_value(running.object.clone()).map_err(|e| e.to_string())?;
        running.inbox.clear();
        match WorkflowRun::load(&workflow, shelf, config, now) {
            Ok(run) => running.run = Some(run),
            Err(error) => {
                running.run = None;
                refuse(&mut running.object, &error.to_string());
                return Ok(());
            }
        }
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

    fn push(&mut self, workflow: &str, event: TaskEvent) {
        if let Some(running) = self.runs.get_mut(workflow) {
            running.inbox.push_back(event);
        }
    }

    // The workflow and the node id of a node's pod.
    fn find(&self, node: &str) -> Result<(String, String), String> {
        let pods = self.runs.iter().flat_map(|(workflow, running)| running.pods.values().map(move |pod| (workflow, pod)));
        pods.into_iter()
            .find(|(_, pod)| pod.node_name == node)
            .map(|(workflow, pod)| (workflow.clone(), pod.node_id.clone()))
            .ok_or_else(|| format!("no pod for node {node}"))
    }

    fn pod(&mut self, workflow: &str, node_id: &str) -> Option<&mut Pod> {
        self.runs.get_mut(workflow)?.pods.get_mut(node_id)
    }

    fn show(&mut self, workflow: &str, node_id: &str) {
        if let Some(seen) = self.pod(workflow, node_id).map(|p| p.seen.clone()) {
            self.push(workflow, TaskEvent::Pod(Box::new(seen)));
        }
    }

    fn start(&mut self, node: &str) -> Played {
        let (workflow, node_id) = self.find(node)?;
        let template = self.pod(&workflow, &node_id).map(|p| p.template_name().to_owned()).unwrap_or_default();
        let rule = self.rules.choose(&template, node);
        if rule.get("pending").is_none() {
            self.pods_started = self.pods_started.saturating_add(1);
        }
        let (serial, now) = (self.pods_started, self.now);
        let Some(pod) = self.pod(&workflow, &node_id) else { return Ok(()) };
        pod.start(rule, serial, now);
        if pod.has_wait() && pod.is_running() {
            self.report(&workflow, &node_id, NodeResult::default(), false);
        }
        self.show(&workflow, &node_id);
        Ok(())
    }

    fn report(&mut self, workflow: &str, node_id: &str, result: NodeResult, completed: bool) {
        if let Some(running) = self.runs.get_mut(workflow) {
            running.results.insert(node_id.to_owned(), (result.clone(), completed));
            running.inbox.push_back(TaskEvent::TaskResult { node_id: node_id.to_owned(), result: Box::new(result), completed });
        }
    }

    fn complete(&mut self, node: &str, event: &Map<String, Value>) -> Played {
        let (workflow, node_id) = self.find(node)?;
        let now = self.now;
        let Some(pod) = self.pod(&workflow, &node_id) else { return Ok(()) };
        let code = |value: &Value| value.as_i64().and_then(|n| i32::try_from(n).ok());
        if let Some(failed) = event.get("podFailed") {
            let text = |key: &str| failed.get(key).and_then(Value::as_str).unwrap_or_default();
            pod.fail(text("reason"), text("message"));
        } else {
            let exits = event.get("exits").and_then(Value::as_object).into_iter().flatten();
            let exits: BTreeMap<String, i32> = exits.filter_map(|(name, value)| Some((name.clone(), code(value)?))).collect();
            pod.end(&exits, event.get("waitExit").and_then(code).unwrap_or_default(), now);
        }
        let (crashed, has_wait, over) = (pod.flag("waitCrash"), pod.has_wait(), pod.is_over());
        let mut result = NodeResult::default();
        if !crashed {
            result.progress = pod.rule.get("progress").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(reported) = event.get("reported") {
                result.outputs = Some(serde_json::from_value(reported.clone()).map_err(|e| e.to_string())?);
            }
        }
        if has_wait {
            self.report(&workflow, &node_id, result, !crashed);
        }
        self.show(&workflow, &node_id);
        if !over {
            // Sidecars: whether the controller or the executor ends them, they end.
            self.later.push_back((now, Later::Kill { workflow, node_id, code: TERMINATED }));
        }
        Ok(())
    }

    fn gone(&mut self, workflow: &str, node_id: &str) {
        if self.runs.get_mut(workflow).is_some_and(|r| r.pods.remove(node_id).is_some()) {
            self.push(workflow, TaskEvent::PodGone { node_id: node_id.to_owned() });
        }
    }

    // Ends a running pod's containers, and reports what the executor reports then.
    fn kill(&mut self, workflow: &str, node_id: &str, code: i32) {
        let now = self.now;
        let Some(pod) = self.pod(workflow, node_id).filter(|p| p.is_running()) else { return };
        let unreported = pod.has_wait()
            && pod.seen.containers.iter().any(|c| c.name == "wait" && matches!(c.state, argo_dag::ContainerState::Running { .. }));
        pod.kill(code, now);
        let outputs = pod.outputs();
        if unreported {
            self.report(workflow, node_id, NodeResult { outputs, ..NodeResult::default() }, true);
        }
        self.show(workflow, node_id);
    }

    /// The API's copy of a workflow.
    pub(super) fn workflow(&self, name: &str) -> Result<Workflow, String> {
        let running = self.runs.get(name).ok_or_else(|| format!("no workflow {name}"))?;
        serde_json::from_value(running.object.clone()).map_err(|e| e.to_string())
    }

    /// Takes over an edited object: the pods named and the task results of the nodes are gone, the engine loads afresh and is told of all that is there.
    pub(super) fn replace(&mut self, name: &str, workflow: &Workflow, deleted: &[String], nodes: &[String]) -> Played {
        let running = self.runs.get_mut(name).ok_or_else(|| format!("no workflow {name}"))?;
        running.object = serde_json::to_value(workflow).map_err(|e| e.to_string())?;
        let gone: Vec<String> = running.pods.iter().filter(|(_, pod)| deleted.contains(&pod.seen.name)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            running.pods.remove(&id);
        }
        for id in nodes {
            running.results.remove(id);
        }
        self.reload(name)
    }

    /// Changes the control fields of a running workflow's spec, as `argo stop` does.
    pub(super) fn control(&mut self, name: &str, workflow: &Workflow) -> Played {
        let running = self.runs.get_mut(name).ok_or_else(|| format!("no workflow {name}"))?;
        running.object = serde_json::to_value(workflow).map_err(|e| e.to_string())?;
        if self.mode == Mode::Reloaded {
            return self.reload(name);
        }
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
        self.settle()?;
        self.fire(FARTHEST)
    }

    // Fires timers until all is as recorded, or the next lies too far away.
    fn fire(&mut self, seconds: i64) -> Played {
        let limit = self.now.saturating_add(SignedDuration::from_secs(seconds)).map_err(|e| e.to_string())?;
        // A quiescent point may lie some timers away.
        for _ in 0..200 {
            if self.is_as_expected() {
                return Ok(());
            }
            let timers = self.runs.iter().filter_map(|(name, r)| Some((r.run.as_ref()?.poll_timeout()?, name.clone())));
            let Some((at, name)) = timers.min().filter(|(at, _)| *at <= limit) else { return Ok(()) };
            self.now = self.now.max(at);
            self.push(&name, TaskEvent::Tick);
            self.settle()?;
        }
        Ok(())
    }

    fn pod_deadline(&mut self, node: &str) -> Played {
        let (workflow, node_id) = self.find(node)?;
        let now = self.now;
        let Some(pod) = self.pod(&workflow, &node_id) else { return Ok(()) };
        let seconds = pod.object.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).unwrap_or_default();
        let due = pod.started.unwrap_or(now).saturating_add(SignedDuration::from_secs(seconds)).map_err(|e| e.to_string())?;
        let now = now.max(due);
        self.now = now;
        let Some(pod) = self.pod(&workflow, &node_id) else { return Ok(()) };
        if pod.is_running() {
            pod.kill(TERMINATED, now);
        }
        pod.seen.phase = "Failed".to_owned();
        pod.seen.reason = "DeadlineExceeded".to_owned();
        pod.seen.message = "Pod was active on the node longer than the specified deadline".to_owned();
        if pod.has_wait() {
            let outputs = pod.started.and_then(|_| pod.outputs());
            self.report(&workflow, &node_id, NodeResult { outputs, ..NodeResult::default() }, true);
        }
        self.show(&workflow, &node_id);
        Ok(())
    }

    /// Handles what is in the inboxes and applies effects until nothing is left.
    fn settle(&mut self) -> Played {
        let mut effects = 0_usize;
        let names: Vec<String> = self.runs.keys().cloned().collect();
        loop {
            let mut quiet = true;
            for name in &names {
                while self.runs.get(name).is_some_and(|r| !r.inbox.is_empty()) {
                    quiet = false;
                    effects = effects.saturating_add(1);
                    if effects > MOST_EFFECTS {
                        return Err("the run goes in circles".to_owned());
                    }
                    self.handle(name, &mut effects)?;
                }
            }
            if quiet {
                let Some((at, later)) = self.later.pop_front() else { return Ok(()) };
                self.now = self.now.max(at);
                match later {
                    Later::Kill { workflow, node_id, code } => self.kill(&workflow, &node_id, code),
                    Later::Delete { workflow, node_id } => {
                        self.kill(&workflow, &node_id, TERMINATED);
                        self.gone(&workflow, &node_id);
                    }
                }
            }
        }
    }

    fn handle(&mut self, name: &str, effects: &mut usize) -> Played {
        let now = self.now;
        let Some(event) = self.runs.get_mut(name).and_then(|r| r.inbox.pop_front()) else { return Ok(()) };
        if self.mode == Mode::Reloaded && !matches!(event, TaskEvent::Locks { .. } | TaskEvent::Memo { .. }) {
            let waiting = self.runs.get_mut(name).map(|r| std::mem::take(&mut r.inbox)).unwrap_or_default();
            let due = self.runs.get_mut(name).is_some_and(|r| {
                let nodes = r.object.pointer("/status/nodes").and_then(Value::as_object).map_or(0, Map::len);
                let points = i64::try_from(nodes / MANY_NODES).unwrap_or(i64::MAX);
                let rest = SignedDuration::from_millis(POINT.saturating_mul(points));
                let due = r.run.is_some() && now.duration_since(r.loaded_at) >= rest;
                if due {
                    r.loaded_at = now;
                }
                due
            });
            if due {
                self.reload(name)?;
                let told = self.runs.get_mut(name).map(|r| std::mem::take(&mut r.inbox)).unwrap_or_default();
                for event in told {
                    self.feed(name, event, now, effects)?;
                }
            }
            if let Some(running) = self.runs.get_mut(name) {
                running.inbox.extend(waiting);
            }
        }
        self.feed(name, event, now, effects)
    }

    fn feed(&mut self, name: &str, event: TaskEvent, now: Timestamp, effects: &mut usize) -> Played {
        if let Some(run) = self.runs.get_mut(name).and_then(|r| r.run.as_mut()) {
            run.handle(event, now);
        }
        while let Some(keyed) = self.runs.get_mut(name).and_then(|r| r.run.as_mut()).and_then(WorkflowRun::poll_effect) {
            *effects = effects.saturating_add(1);
            if *effects > MOST_EFFECTS {
                return Err("the run goes in circles".to_owned());
            }
            self.apply(name, keyed.effect);
        }
        if let Some(running) = self.runs.get_mut(name)
            && let Some(patch) = running.run.as_mut().and_then(WorkflowRun::take_patch)
        {
            argo_core::patch::merge::apply(&mut running.object, &patch);
        }
        Ok(())
    }

    fn apply(&mut self, workflow: &str, effect: Effect) {
        let now = self.now;
        match effect {
            Effect::CreatePod { node_id, pod } => self.create(workflow, &node_id, *pod),
            Effect::DeletePod { node_id, selector, .. } => {
                let labels = self.pod(workflow, &node_id).and_then(|p| p.object.pointer("/metadata/labels").cloned()).unwrap_or_default();
                if !argo_dag::effect::selects(selector.as_deref(), &serde_json::from_value(labels).unwrap_or_default()) {
                    return;
                }
                self.later.push_back((now, Later::Delete { workflow: workflow.to_owned(), node_id }));
            }
            Effect::StopPod { node_id, .. } => {
                let Some(pod) = self.pod(workflow, &node_id).filter(|p| p.is_running()) else { return };
                let (after, code) = if pod.flag("ignoreTerm") { (30_000, KILLED) } else { (400, TERMINATED) };
                let at = now.saturating_add(SignedDuration::from_millis(after)).unwrap_or(now);
                self.later.push_back((at, Later::Kill { workflow: workflow.to_owned(), node_id, code }));
            }
            Effect::AcquireLocks { locks, holder, priority, created, .. } => {
                let shelf = self.shelf.clone();
                let told = self
                    .locks
                    .acquire(&LockRequest { locks, holder, priority, created }, &move |_: &str, source: &SemaphoreRef| shelf.limit(source));
                self.tell(told);
            }
            Effect::ReleaseLocks { holder } => {
                let shelf = self.shelf.clone();
                let told = self.locks.release(&holder, &move |_: &str, source: &SemaphoreRef| shelf.limit(source));
                self.tell(told);
            }
            Effect::ReadMemo { node_id, config_map, key } => {
                let entry = self.shelf.memo(&config_map, &key);
                self.push(workflow, TaskEvent::Memo { node_id, entry });
            }
            Effect::WriteMemo { config_map, key, entry } => self.shelf.remember(&config_map, &key, &entry),
            // Without a counterpart in what is compared.
            Effect::LabelPodCompleted { .. }
            | Effect::CreateClaim { .. }
            | Effect::DeleteClaim { .. }
            | Effect::CreateDisruptionBudget { .. }
            | Effect::DeleteDisruptionBudget { .. }
            | Effect::RunByAgent { .. }
            | Effect::Emit { .. } => {}
        }
    }

    fn create(&mut self, workflow: &str, node_id: &str, object: Value) {
        let now = self.now;
        self.pods_made = self.pods_made.saturating_add(1);
        let serial = self.pods_made;
        let Some(running) = self.runs.get_mut(workflow) else { return };
        if !running.pods.contains_key(node_id) {
            let pod = Pod::new(node_id, object, serial, now);
            let count = self.created.entry(pod.node_name.clone()).or_default();
            *count = count.saturating_add(1);
            self.first_pods.entry(pod.node_name.clone()).or_insert_with(|| pod.object.clone());
            running.pods.insert(node_id.to_owned(), pod);
        }
        self.show(workflow, node_id);
    }

    fn tell(&mut self, told: Vec<Told>) {
        for one in told {
            let (workflow, node_id) = (one.workflow().to_owned(), one.node_id().to_owned());
            self.push(&workflow, TaskEvent::Locks { node_id, outcome: one.outcome });
        }
    }

    // Adds what a point says to what is expected from then on.
    fn expect(&mut self, point: &Value) {
        for node in point.get("created").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let count = self.expected_created.entry(node.to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        for (workflow, change) in point.get("workflows").and_then(Value::as_object).into_iter().flatten() {
            let nodes = self.expected_nodes.entry(workflow.clone()).or_default();
            for (node, seen) in change.get("nodes").and_then(Value::as_object).into_iter().flatten() {
                if let Some(seen) = seen.as_object() {
                    nodes.insert(node.clone(), seen.clone());
                }
            }
        }
    }

    fn is_as_expected(&self) -> bool {
        self.created == self.expected_created && self.stray().is_none()
    }

    fn look(&mut self, index: usize, point: &Value) {
        let event = point.get("event").and_then(Value::as_object).and_then(|e| e.iter().next());
        let event = event.map(|(key, value)| format!("{key} {value}")).unwrap_or_default();
        let event: String = event.chars().take(80).collect();
        if self.strayed.is_none() {
            self.strayed = self.stray().map(|stray| format!("first at point {index}, {event}: {stray}"));
        }
        if self.created_otherwise.is_none() && self.created != self.expected_created {
            let few = self.expected_created.iter().find(|(node, n)| self.created.get(*node) < Some(n));
            let many = self.created.iter().find(|(node, n)| self.expected_created.get(*node) < Some(n));
            let what = few.map(|(node, _)| format!("no pod for {node} yet")).or_else(|| many.map(|(node, _)| format!("a pod for {node}")));
            self.created_otherwise = Some(format!("point {index}, {event}: {}", what.unwrap_or_default()));
        }
    }

    // The first node that is not as expected.
    fn stray(&self) -> Option<String> {
        for (workflow, expected) in &self.expected_nodes {
            let nodes = self.runs.get(workflow)?.object.pointer("/status/nodes").and_then(Value::as_object);
            let by_name: BTreeMap<&str, &Value> =
                nodes.into_iter().flatten().filter_map(|(_, n)| Some((n.get("name")?.as_str()?, n))).collect();
            for (name, seen) in expected {
                let Some(node) = by_name.get(name.as_str()) else { return Some(format!("no node {name}")) };
                for key in ["phase", "message"] {
                    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
                    let (want, got) = (text(seen.get(key)), text(node.get(key)));
                    if want != got {
                        return Some(format!("{name} has {key} {got:?}, expected {want:?}"));
                    }
                }
            }
            if let Some(extra) = by_name.keys().find(|name| !expected.contains_key(**name)) {
                return Some(format!("node {extra} too early"));
            }
        }
        None
    }
}

fn start() -> Timestamp {
    Timestamp::from_second(START).unwrap_or_default()
}

/// What the driver writes for a workflow that cannot be run.
pub(crate) fn refuse(object: &mut Value, message: &str) {
    let phase = if message.starts_with("invalid spec") { "Failed" } else { "Error" };
    let patch = json!({
        "metadata": {"labels": {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": phase}},
        "status": {"phase": phase, "message": message, "progress": "0/0", "conditions": [{"type": "Completed", "status": "True"}]},
    });
    argo_core::patch::merge::apply(object, &patch);
}
