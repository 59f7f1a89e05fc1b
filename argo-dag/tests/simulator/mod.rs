//! A world for one workflow: an API that remembers, a kubelet that ends pods, and a messenger that reorders, repeats and forgets.

pub mod manifest;
pub mod rng;

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_core::meta::Time;
use argo_core::workflows::{NodeResult, SemaphoreRef, Workflow};
use argo_dag::library::Empty;
use argo_dag::locks::{LockManager, LockRequest};
use argo_dag::{ContainerSeen, ContainerState, Effect, PodSeen, RunConfig, TaskEvent, WorkflowRun};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use rng::Rng;

const MOST_STEPS: usize = 6_000;
const MOST_EFFECTS: usize = 5_000;

/// What may go wrong on the way, and how the engine is driven.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Messages come in any order, twice, old, or only with the next resync.
    pub messenger: bool,
    /// The controller stops after any effect and starts again from what is stored.
    pub crashes: bool,
    /// The run is loaded anew before each event.
    pub always_reload: bool,
    /// Every effect is applied twice.
    pub twice: bool,
    /// After each event a second run is loaded from the status: it must want nothing that the first did not want.
    pub shadow: bool,
}

/// How a simulated run came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The stored status.
    pub status: Value,
    /// Ids of all effects in order.
    pub trace: Vec<String>,
    /// How often each node's pod was created.
    pub created: BTreeMap<String, usize>,
}

/// The state of one simulation.
pub struct World {
    seed: u64,
    rng: Rng,
    faults: Faults,
    now: Timestamp,
    object: Value,
    run: Option<WorkflowRun>,
    config: Arc<RunConfig>,
    pods: BTreeMap<String, PodSeen>,
    results: BTreeMap<String, (NodeResult, bool)>,
    mail: Vec<TaskEvent>,
    old: Vec<TaskEvent>,
    locks: LockManager,
    outcome: Outcome,
}

/// Runs the workflow of a seed to its end.
pub fn simulate(seed: u64, faults: Faults) -> Result<Outcome, String> {
    simulate_workflow(seed, manifest::Maker::workflow(seed), faults)
}

/// Runs a workflow to its end, in the world of a seed.
pub fn simulate_workflow(seed: u64, workflow: Value, faults: Faults) -> Result<Outcome, String> {
    let mut world = World::new(seed, workflow, faults);
    world.play().map_err(|e| format!("seed {seed}: {e}"))?;
    let mut outcome = world.outcome;
    outcome.status = world.object["status"].clone();
    Ok(outcome)
}

fn limits(_: &str, _: &SemaphoreRef) -> Result<i64, String> {
    Ok(1)
}

impl World {
    /// A new world.
    pub fn new(seed: u64, object: Value, faults: Faults) -> Self {
        Self {
            seed,
            rng: Rng::new(seed),
            faults,
            now: Timestamp::from_second(1_704_067_200).unwrap_or_default(),
            object,
            run: None,
            config: Arc::new(RunConfig::default()),
            pods: BTreeMap::new(),
            results: BTreeMap::new(),
            mail: Vec::new(),
            old: Vec::new(),
            locks: LockManager::new(),
            outcome: Outcome::default(),
        }
    }

    fn phase(&self) -> &str {
        self.object.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default()
    }

    fn over(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed" | "Error")
    }

    fn play(&mut self) -> Result<(), String> {
        self.start()?;
        for _ in 0..MOST_STEPS {
            self.now = self.now.checked_add(SignedDuration::from_millis(10)).map_err(|e| e.to_string())?;
            if self.over() {
                return Ok(());
            }
            self.step()?;
        }
        Err(format!("no end after {MOST_STEPS} steps: {}", self.phase()))
    }

    fn step(&mut self) -> Result<(), String> {
        let active: Vec<String> = self.pods.iter().filter(|(_, p)| !is_over(p)).map(|(id, _)| id.clone()).collect();
        let choice = self.rng.below(10);
        if self.faults.crashes && self.rng.one_in(25) {
            return self.start();
        }
        if !self.mail.is_empty() && (choice < 6 || active.is_empty()) {
            return self.deliver();
        }
        if !active.is_empty() && choice < 9 {
            let node_id = active[self.rng.index(active.len())].clone();
            self.advance(&node_id);
            return Ok(());
        }
        if let Some(at) = self.run.as_ref().and_then(WorkflowRun::poll_timeout)
            && (active.is_empty() || at <= self.now)
        {
            self.now = self.now.max(at);
            return self.hand_over(TaskEvent::Tick);
        }
        if self.mail.is_empty() && active.is_empty() {
            // Nothing moves: a resync brings what the messenger lost. If that changes nothing, the run is stuck.
            let before = self.object.clone();
            let made = self.outcome.created.len();
            for event in self.everything() {
                self.hand_over(event)?;
            }
            if self.object == before && self.outcome.created.len() == made && self.mail.is_empty() && !self.over() {
                let waiting = self.run.as_ref().and_then(WorkflowRun::poll_timeout);
                if waiting.is_none() {
                    return Err(format!("stuck in {}: {}", self.phase(), self.unfinished()));
                }
            }
        }
        Ok(())
    }

    fn unfinished(&self) -> String {
        let nodes = self.object.pointer("/status/nodes").and_then(Value::as_object);
        let open = nodes.into_iter().flatten().filter(|(_, n)| matches!(n["phase"].as_str(), Some("Running" | "Pending") | None));
        open.map(|(_, n)| format!("{} {} {}", n["name"], n["phase"], n["message"])).collect::<Vec<_>>().join(", ")
    }

    // The controller starts: it loads what is stored and is told of all that there is. It may stop again on the way, twice at most.
    fn start(&mut self) -> Result<(), String> {
        let crashes = self.faults.crashes;
        for attempt in 0..3 {
            self.faults.crashes = crashes && attempt < 2;
            let ended = self.begin();
            self.faults.crashes = crashes;
            if ended? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<bool, String> {
        self.load()?;
        for event in self.everything() {
            if !self.hand_over_loaded(event)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn load(&mut self) -> Result<(), String> {
        let workflow: Workflow = serde_json::from_value(self.object.clone()).map_err(|e| e.to_string())?;
        let run = WorkflowRun::load(&workflow, Arc::new(Empty), self.config.clone(), self.now);
        self.run = Some(run.map_err(|e| format!("cannot be loaded: {e}"))?);
        Ok(())
    }

    fn everything(&self) -> Vec<TaskEvent> {
        let results = self.results.iter().map(|(node_id, (result, completed))| TaskEvent::TaskResult {
            node_id: node_id.clone(),
            result: Box::new(result.clone()),
            completed: *completed,
        });
        let pods = self.pods.values().map(|pod| TaskEvent::Pod(Box::new(pod.clone())));
        results.chain(pods).chain([TaskEvent::Tick]).collect()
    }

    fn post(&mut self, event: TaskEvent) {
        self.old.push(event.clone());
        self.mail.push(event);
    }

    fn deliver(&mut self) -> Result<(), String> {
        if !self.faults.messenger {
            let event = self.mail.remove(0);
            return self.hand_over(event);
        }
        let index = self.rng.index(self.mail.len());
        match self.rng.below(10) {
            // Lost until the next resync.
            0 if !matches!(self.mail[index], TaskEvent::Locks { .. } | TaskEvent::Memo { .. }) => {
                self.mail.remove(index);
                Ok(())
            }
            // Once more, and not the newest.
            1 if !self.old.is_empty() => {
                let event = self.old[self.rng.index(self.old.len())].clone();
                if matches!(event, TaskEvent::Locks { .. } | TaskEvent::Memo { .. }) { Ok(()) } else { self.hand_over(event) }
            }
            2 => {
                let event = self.mail[index].clone();
                self.hand_over(event)
            }
            _ => {
                let event = self.mail.remove(index);
                self.hand_over(event)
            }
        }
    }

    fn hand_over(&mut self, event: TaskEvent) -> Result<(), String> {
        if self.faults.always_reload {
            self.load()?;
            for event in self.everything() {
                self.hand_over_loaded(event)?;
            }
        }
        if self.hand_over_loaded(event)? { Ok(()) } else { self.start() }
    }

    // False when the controller stopped on the way: what was not written is lost, and the next start decides it anew.
    fn hand_over_loaded(&mut self, event: TaskEvent) -> Result<bool, String> {
        let shown = if self.faults.shadow { format!("{event:?}") } else { String::new() };
        let crash_after = if self.faults.crashes && self.rng.one_in(20) { Some(self.rng.below(3)) } else { None };
        let now = self.now;
        if let Some(run) = self.run.as_mut() {
            run.handle(event, now);
        }
        let mut applied = 0_u64;
        let mut effects = 0_usize;
        while let Some(keyed) = self.run.as_mut().and_then(WorkflowRun::poll_effect) {
            if crash_after == Some(applied) {
                return Ok(false);
            }
            applied += 1;
            effects += 1;
            if effects > MOST_EFFECTS {
                return Err("effects without end".to_owned());
            }
            self.outcome.trace.push(keyed.id.to_string());
            self.apply(keyed.effect.clone())?;
            if self.faults.twice {
                self.apply(keyed.effect)?;
            }
        }
        if crash_after == Some(applied) {
            return Ok(false);
        }
        if let Some(patch) = self.run.as_mut().and_then(WorkflowRun::take_patch) {
            argo_core::patch::merge::apply(&mut self.object, &patch);
        }
        if self.faults.shadow && !self.over() {
            self.compare_with_shadow(&shown)?;
        }
        Ok(true)
    }

    // A run loaded now and told of what the first was told of wants nothing new.
    fn compare_with_shadow(&mut self, after: &str) -> Result<(), String> {
        if !self.mail.is_empty() {
            return Ok(());
        }
        let workflow: Workflow = serde_json::from_value(self.object.clone()).map_err(|e| e.to_string())?;
        let mut shadow = WorkflowRun::load(&workflow, Arc::new(Empty), self.config.clone(), self.now).map_err(|e| e.to_string())?;
        for event in self.everything() {
            shadow.handle(event, self.now);
        }
        while let Some(keyed) = shadow.poll_effect() {
            if let Effect::CreatePod { node_id, .. } = &keyed.effect
                && !self.pods.contains_key(node_id)
            {
                return Err(format!("loaded after {after}: wants a pod for {node_id}, the run did not"));
            }
        }
        if let Some(patch) = shadow.take_patch() {
            let mut object = self.object.clone();
            argo_core::patch::merge::apply(&mut object, &patch);
            // As upstream does, the condition PodRunning is written with the second look at a workflow: a load is one.
            if patch.pointer("/status/conditions").is_some() && self.object["status"].get("conditions").is_none() {
                object["status"].as_object_mut().and_then(|s| s.remove("conditions"));
            }
            if object != self.object {
                return Err(format!("loaded after {after}: the status differs: {patch}"));
            }
        }
        let (first, second) = (self.run.as_ref().and_then(WorkflowRun::poll_timeout), shadow.poll_timeout());
        if first != second {
            return Err(format!("loaded after {after}: wakes at {second:?}, the run at {first:?}"));
        }
        Ok(())
    }

    fn apply(&mut self, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::CreatePod { node_id, pod } => {
                if !self.pods.contains_key(&node_id) {
                    let count = self.outcome.created.entry(node_id.clone()).or_default();
                    *count += 1;
                    if *count > 1 {
                        return Err(format!("the pod of {node_id} was created twice"));
                    }
                    let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    if name.is_empty() {
                        return Err(format!("the pod of {node_id} has no name"));
                    }
                    let seen = PodSeen {
                        uid: format!("pod-{name}"),
                        name,
                        node_id: node_id.clone(),
                        phase: "Pending".to_owned(),
                        created: Some(Time::truncated(self.now)),
                        ..PodSeen::default()
                    };
                    self.pods.insert(node_id.clone(), seen);
                }
                self.show(&node_id);
            }
            Effect::DeletePod { node_id, .. } if self.pods.remove(&node_id).is_some() => {
                self.post(TaskEvent::PodGone { node_id });
            }
            Effect::StopPod { node_id, .. } => self.end(&node_id, 143),
            Effect::AcquireLocks { locks, holder, priority, created, .. } => {
                let told = self.locks.acquire(&LockRequest { locks, holder, priority, created }, &limits);
                self.tell(told);
            }
            Effect::ReleaseLocks { holder } => {
                let told = self.locks.release(&holder, &limits);
                self.tell(told);
            }
            Effect::ReadMemo { node_id, .. } => self.post(TaskEvent::Memo { node_id, entry: Ok(None) }),
            _ => {}
        }
        Ok(())
    }

    fn tell(&mut self, told: Vec<argo_dag::locks::Told>) {
        for one in told {
            let node_id = one.node_id().to_owned();
            self.post(TaskEvent::Locks { node_id, outcome: one.outcome });
        }
    }

    fn show(&mut self, node_id: &str) {
        if let Some(pod) = self.pods.get(node_id).cloned() {
            self.post(TaskEvent::Pod(Box::new(pod)));
        }
    }

    fn advance(&mut self, node_id: &str) {
        let at = Time::truncated(self.now);
        let Some(pod) = self.pods.get_mut(node_id) else { return };
        if pod.phase == "Pending" {
            pod.phase = "Running".to_owned();
            pod.ip = "10.0.0.1".to_owned();
            pod.ready = true;
            let running = |name: &str| ContainerSeen { name: name.to_owned(), state: ContainerState::Running { started_at: Some(at) } };
            pod.containers = vec![running("wait"), running("main")];
            self.report(node_id, NodeResult::default(), false);
            self.show(node_id);
            return;
        }
        // Three in four end well, whatever the order of events.
        let lot = rng::hash(&format!("{} {node_id}", self.seed)) % 8;
        let code = if lot == 0 { 1 } else { 0 };
        self.end(node_id, code);
    }

    fn end(&mut self, node_id: &str, code: i32) {
        let at = Time::truncated(self.now);
        let Some(pod) = self.pods.get_mut(node_id).filter(|p| p.phase == "Running") else { return };
        let ended = |name: &str, exit_code: i32| ContainerSeen {
            name: name.to_owned(),
            state: ContainerState::Terminated {
                exit_code,
                reason: if exit_code == 0 { "Completed" } else { "Error" }.to_owned(),
                message: String::new(),
                started_at: Some(at),
                finished_at: Some(at),
            },
        };
        pod.containers = vec![ended("wait", 0), ended("main", code)];
        pod.phase = if code == 0 { "Succeeded" } else { "Failed" }.to_owned();
        pod.ready = false;
        self.report(node_id, NodeResult::default(), true);
        self.show(node_id);
    }

    fn report(&mut self, node_id: &str, result: NodeResult, completed: bool) {
        self.results.insert(node_id.to_owned(), (result.clone(), completed));
        self.post(TaskEvent::TaskResult { node_id: node_id.to_owned(), result: Box::new(result), completed });
    }
}

fn is_over(pod: &PodSeen) -> bool {
    matches!(pod.phase.as_str(), "Succeeded" | "Failed")
}
