//! Does what a pod's [`Worker`] says, and tells it what happened: one task for each pod.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::sync::mpsc;

use super::container::Plan;
use super::resident::{self, ResidentRemote, Residing};
use super::runner::{Found, Run};
use super::spec::{ExitRecord, RunDir};
use super::worker::{Action, Ended, Input, Outcome, Recovered, Trouble, Unit, Worker};
use super::{Context, container, logs, probes, runner, status, volumes};

/// What changes within this time is reported at once: a short-lived pod is only ever reported as ended.
const GATHER: Duration = Duration::from_millis(20);

/// What the tasks of one pod share.
pub(crate) struct Shared {
    pub(crate) ctx: Arc<Context>,
    pub(crate) uid: String,
    inputs: mpsc::UnboundedSender<Input>,
    volumes: Mutex<BTreeMap<String, PathBuf>>,
    remotes: Mutex<BTreeMap<usize, Remote>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn run_dir(&self, container: &str, attempt: u32) -> RunDir {
        self.ctx.run_dir(&self.uid, container, attempt)
    }

    fn tell(&self, input: Input) {
        // Nobody listens once the pod is over.
        drop(self.inputs.send(input));
    }
}

/// A pod that is being run.
pub(crate) struct Handle {
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

/// Begins or resumes a pod.
///
/// Its uid is sent to `over` at the end.
pub(crate) fn spawn(ctx: Arc<Context>, pod: Pod, over: mpsc::UnboundedSender<String>) -> Handle {
    let (inputs, received) = mpsc::unbounded_channel();
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let shared = Arc::new(Shared { ctx, uid, inputs: inputs.clone(), volumes: Mutex::default(), remotes: Mutex::default() });
    let task = tokio::spawn(async move {
        let uid = shared.uid.clone();
        drive(shared, pod, received).await;
        drop(over.send(uid));
    });
    Handle { inputs, task }
}

async fn drive(shared: Arc<Shared>, pod: Pod, mut received: mpsc::UnboundedReceiver<Input>) {
    let ctx = Arc::clone(&shared.ctx);
    let recovered = recover(&shared, &pod).await;
    let mut reported = pod.status.clone();
    let mut conditions = reported.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let mut worker = Worker::new(pod, recovered, (ctx.clock)());
    let mut report_at: Option<tokio::time::Instant> = None;
    loop {
        for action in worker.advance((ctx.clock)()) {
            act(&shared, &worker, action);
        }
        if worker.gone() && worker.finished() {
            break;
        }
        if received.is_empty() && !worker.gone() {
            let now = tokio::time::Instant::now();
            if worker.finished() || *report_at.get_or_insert(now + GATHER) <= now {
                report_at = None;
                report(&shared, &worker, &mut reported, &mut conditions).await;
            }
        }
        if worker.finished() && received.is_empty() {
            if to_be_removed(&worker.pod) {
                remove(&ctx, &worker.pod).await;
            }
            break;
        }
        let timer = async {
            match worker.wake_at() {
                Some(at) => {
                    let wait = at.duration_since((ctx.clock)());
                    tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
                }
                None => std::future::pending().await,
            }
        };
        let reporting = async {
            match report_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            input = received.recv() => match input {
                Some(input) => worker.handle(input, (ctx.clock)()),
                None => break,
            },
            () = timer => {}
            () = reporting => {}
        }
        while let Ok(input) = received.try_recv() {
            worker.handle(input, (ctx.clock)());
        }
    }
}

/// Whether the object of a pod that has ended waits for its node: one that is deleted without grace does not, even if finalizers keep it.
pub(crate) fn to_be_removed(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some() && pod.metadata.deletion_grace_period_seconds != Some(0)
}

/// Deletes the object of a pod that has ended, as only its node may.
pub(crate) async fn remove(ctx: &Context, pod: &Pod) {
    let (Some(name), Some(namespace)) = (&pod.metadata.name, &pod.metadata.namespace) else { return };
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let preconditions = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
    let options = DeleteParams { grace_period_seconds: Some(0), preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(name, &options).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {}
        Err(error) => tracing::warn!("delete of pod {namespace}/{name}: {error}"),
    }
}

/// Sends a status, without reading what the pod is then: the watch brings it.
async fn send_status(api: &Api<Pod>, name: &str, patch: &serde_json::Value) -> kube::Result<()> {
    let request = kube::core::Request::new(api.resource_url());
    let request =
        request.patch_subresource("status", name, &PatchParams::default(), &Patch::Merge(patch)).map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request_text(request).await.map(drop)
}

async fn report(shared: &Shared, worker: &Worker, reported: &mut Option<PodStatus>, conditions: &mut Vec<PodCondition>) {
    let ctx = &shared.ctx;
    let status = status::status(worker, conditions, (ctx.clock)());
    if reported.as_ref() == Some(&status) {
        return;
    }
    let meta = &worker.pod.metadata;
    let (Some(name), Some(namespace)) = (&meta.name, &meta.namespace) else { return };
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let patch = json!({"metadata": {"uid": meta.uid}, "status": status});
    let mut wait = Duration::from_millis(20);
    for _ in 0..8 {
        match send_status(&api, name, &patch).await {
            Ok(_) => {
                *conditions = status.conditions.clone().unwrap_or_default();
                *reported = Some(status);
                return;
            }
            Err(kube::Error::Api(answer)) if matches!(answer.code, 404 | 409 | 422) => {
                // Gone, or another pod of the same name: its end will be heard of.
                tracing::debug!("status of pod {namespace}/{name}: {answer}");
                return;
            }
            Err(error) => tracing::warn!("status of pod {namespace}/{name}: {error}"),
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2);
    }
}

fn act(shared: &Arc<Shared>, worker: &Worker, action: Action) {
    match action {
        Action::Prepare => {
            let (shared, pod) = (Arc::clone(shared), worker.pod.clone());
            tokio::spawn(async move {
                let folder = shared.ctx.pod_folder(&shared.uid).join("volumes");
                let result = volumes::prepare(&shared.ctx, &pod, &folder).await.map(|ready| *lock(&shared.volumes) = ready);
                if let Err(trouble) = &result {
                    shared.ctx.events.warn(&pod, &trouble.reason, &trouble.message);
                }
                shared.tell(Input::Prepared(result));
            });
        }
        Action::Start { container, attempt } => {
            let Some(unit) = worker.units.get(container).cloned() else { return };
            tokio::spawn(start(Arc::clone(shared), worker.pod.clone(), unit, container, attempt));
        }
        Action::Terminate { container } => {
            let Some(unit) = worker.units.get(container).cloned() else { return };
            let (shared, pod) = (Arc::clone(shared), worker.pod.clone());
            tokio::spawn(async move {
                let dir = shared.run_dir(&unit.spec.name, unit.attempt);
                let hook = unit.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
                if let Some(hook) = hook
                    && let Err(error) = probes::hook(&shared.ctx, &dir, &unit.spec, hook).await
                {
                    shared.ctx.events.warn(&pod, "FailedPreStopHook", &error);
                }
                let remote = lock(&shared.remotes).get(&container).cloned();
                if let Some(remote) = remote {
                    remote.signal(stop_signal(&unit)).await;
                }
            });
        }
        Action::Kill { container } => {
            if let Some(remote) = lock(&shared.remotes).get(&container).cloned() {
                tokio::spawn(async move { remote.kill().await });
            }
        }
        Action::Probe { container, kind, attempt } => {
            let Some(unit) = worker.units.get(container).cloned() else { return };
            let Some(probe) = unit.probes.iter().find(|watcher| watcher.kind == kind).map(|watcher| watcher.probe.clone()) else { return };
            let (shared, pod) = (Arc::clone(shared), worker.pod.clone());
            tokio::spawn(async move {
                let dir = shared.run_dir(&unit.spec.name, attempt);
                let answer = probes::probe(&shared.ctx, &dir, &unit.spec, &probe).await;
                if let Err(error) = &answer {
                    shared.ctx.events.warn(&pod, "Unhealthy", &format!("{kind:?} probe failed: {error}"));
                }
                shared.tell(Input::Probed { container, kind, attempt, answer });
            });
        }
        Action::Event { warning, reason, message } => shared.ctx.events.say(&worker.pod, warning, reason, &message),
    }
}

fn stop_signal(unit: &Unit) -> Signal {
    let wanted = unit.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.as_deref());
    wanted.and_then(|name| name.parse().ok()).unwrap_or(Signal::SIGTERM)
}

async fn start(shared: Arc<Shared>, pod: Pod, unit: Unit, container: usize, attempt: u32) {
    let ctx = &shared.ctx;
    let dir = shared.run_dir(&unit.spec.name, attempt);
    let ready = lock(&shared.volumes).clone();
    if unit.spec.resources.as_ref().and_then(|resources| resources.limits.as_ref()).is_some_and(|limits| !limits.is_empty())
        && !ctx.unlimited.swap(true, std::sync::atomic::Ordering::Relaxed)
    {
        let message = "resource limits are not enforced by the local node (said once)";
        ctx.events.say(&pod, false, "LimitsNotEnforced", message);
    }
    let begun = match container::plan(ctx, &pod, &unit.spec, &ready, &dir).await {
        Ok(Plan::Process(spec)) => ctx.runner.start(&dir, &spec).await.map(Begun::Process),
        Ok(Plan::Resident(run)) => resident::start(&dir, run, &ctx.clock).map(Begun::Resident),
        Err(trouble) => {
            ctx.events.warn(&pod, "Failed", &format!("Error: {}", trouble.message));
            return shared.tell(Input::NotStarted { container, trouble });
        }
    };
    match begun {
        Ok(run) => {
            lock(&shared.remotes).insert(container, run.remote());
            shared.tell(Input::Started { container, at: (ctx.clock)() });
            follow(&shared, run, &unit, container, attempt).await;
        }
        Err(error) => {
            let trouble = Trouble { reason: "CreateContainerError".to_owned(), message: error.to_string(), passing: false };
            ctx.events.warn(&pod, "Failed", &format!("Error: {}", trouble.message));
            shared.tell(Input::NotStarted { container, trouble });
        }
    }
}

/// A container that runs.
enum Begun {
    Process(Run),
    Resident(Residing),
}

impl Begun {
    fn remote(&self) -> Remote {
        match self {
            Self::Process(run) => Remote::Process(run.remote()),
            Self::Resident(residing) => Remote::Resident(residing.remote()),
        }
    }
}

/// Signals a container.
#[derive(Clone, Debug)]
enum Remote {
    Process(runner::Remote),
    Resident(ResidentRemote),
}

impl Remote {
    async fn signal(&self, signal: Signal) {
        match self {
            Self::Process(remote) => remote.signal(signal).await,
            Self::Resident(remote) => remote.stop.cancel(),
        }
    }

    async fn kill(&self) {
        match self {
            Self::Process(remote) => remote.kill().await,
            Self::Resident(remote) => remote.kill.cancel(),
        }
    }
}

/// Waits for the end of a run and tells it.
async fn follow(shared: &Arc<Shared>, begun: Begun, unit: &Unit, container: usize, attempt: u32) {
    let (exit, started_at) = match begun {
        Begun::Process(mut run) => (run.ended().await, run.started_at()),
        Begun::Resident(residing) => {
            let started_at = residing.started_at();
            (residing.ended().await, Some(started_at))
        }
    };
    lock(&shared.remotes).remove(&container);
    let dir = shared.run_dir(&unit.spec.name, attempt);
    let ended = ending(unit, &dir, exit, started_at, (shared.ctx.clock)());
    shared.tell(Input::Exited { container, ended });
    // What the container wrote outside its volumes ends with it.
    if dir.layer().exists() {
        tokio::task::spawn_blocking(move || drop(runner::remove_tree(&dir.layer())));
    }
}

/// The end of a run, with its last words.
fn ending(unit: &Unit, dir: &RunDir, exit: Option<ExitRecord>, started_at: Option<Timestamp>, now: Timestamp) -> Ended {
    let exit = exit.unwrap_or_else(|| ExitRecord {
        code: 137,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container's supervisor was killed: how the container ended is not known".to_owned()),
        started_at: None,
        at: now,
    });
    let mut last_words = std::fs::read_to_string(dir.termination()).unwrap_or_default();
    let from_log = unit.spec.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
    if last_words.is_empty() && from_log && exit.code != 0 {
        last_words = logs::last_words(&dir.log());
    }
    Ended { exit, started_at, last_words }
}

/// What an earlier life of the node has done for this pod.
async fn recover(shared: &Arc<Shared>, pod: &Pod) -> Vec<Recovered> {
    let blank = Worker::new(pod.clone(), Vec::new(), (shared.ctx.clock)());
    let mut recovered = Vec::new();
    for (container, unit) in blank.units.iter().enumerate() {
        let Some(attempt) = super::attempts(&shared.ctx.root, &shared.uid, &unit.spec.name).max() else {
            recovered.extend(reported(pod, &unit.spec.name, (shared.ctx.clock)()).map(|(attempt, outcome)| Recovered {
                container,
                attempt,
                outcome,
            }));
            continue;
        };
        let dir = shared.run_dir(&unit.spec.name, attempt);
        let started_at = dir.read_started().map(|record| record.at);
        let now = (shared.ctx.clock)();
        let mut unit = unit.clone();
        unit.attempt = attempt;
        let outcome = match shared.ctx.runner.find(&dir).await {
            Found::NotStarted if attempt == 0 => continue,
            Found::NotStarted => {
                // The run before it has ended, and this one is still to be started.
                let before = shared.run_dir(&unit.spec.name, attempt.saturating_sub(1));
                let started_at = before.read_started().map(|record| record.at);
                let ended = ending(&unit, &before, before.read_exit(), started_at, now);
                recovered.push(Recovered { container, attempt: attempt.saturating_sub(1), outcome: Outcome::Ended(ended) });
                continue;
            }
            Found::Running(run) => {
                let run = Begun::Process(run);
                lock(&shared.remotes).insert(container, run.remote());
                let shared = Arc::clone(shared);
                tokio::spawn(async move { follow(&shared, run, &unit, container, attempt).await });
                Outcome::Running { since: started_at.unwrap_or(now) }
            }
            Found::Ended(exit) => {
                let started_at = started_at.or(exit.started_at);
                Outcome::Ended(ending(&unit, &dir, Some(exit), started_at, now))
            }
            Found::Lost => Outcome::Ended(ending(&unit, &dir, Some(lost(now)), started_at, now)),
        };
        recovered.push(Recovered { container, attempt, outcome });
    }
    recovered
}

/// What the pod's status says of a container of which the node's folder says nothing, as after a crash of the machine: what was once
/// started is not started again.
fn reported(pod: &Pod, name: &str, now: Timestamp) -> Option<(u32, Outcome)> {
    let status = pod.status.as_ref()?;
    let mut all = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let status = all.find(|status| status.name == name)?;
    let state = status.state.as_ref()?;
    let attempt = u32::try_from(status.restart_count).unwrap_or_default();
    let (exit, started_at) = match (&state.terminated, &state.running) {
        (Some(end), _) => {
            let exit = ExitRecord {
                code: end.exit_code,
                reason: end.reason.clone(),
                message: end.message.clone(),
                started_at: None,
                at: end.finished_at.as_ref().map_or(now, |time| time.0),
            };
            (exit, end.started_at.as_ref().map(|time| time.0))
        }
        (None, Some(running)) => (lost(now), running.started_at.as_ref().map(|time| time.0)),
        (None, None) => return None,
    };
    Some((attempt, Outcome::Ended(Ended { exit, started_at, last_words: String::new() })))
}

/// The end of a container that nobody saw.
fn lost(now: Timestamp) -> ExitRecord {
    ExitRecord {
        code: 137,
        reason: Some("ContainerStatusUnknown".to_owned()),
        message: Some("The container was not there any more when the node was restarted".to_owned()),
        started_at: None,
        at: now,
    }
}
