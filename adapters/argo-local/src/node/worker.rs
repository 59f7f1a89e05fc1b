//! A pod's life on the node: what is to be started, stopped, reported next. No I/O and no clock in here; the driver
//! ([`super::driver`]) does what it says and tells what happened.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Probe};

use super::spec::ExitRecord;

/// Restarts wait so long from the second one on, twice as long each time, as upstream's kubelet does.
const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait before a restart; a container that ran twice as long starts afresh.
const LONGEST_BACK_OFF: SignedDuration = SignedDuration::from_secs(300);
/// What could not be prepared is tried again after so long, twice as long each time.
const FIRST_RETRY: SignedDuration = SignedDuration::from_millis(500);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_secs(10);
/// When a pod does not say.
const DEFAULT_GRACE: i64 = 30;

/// What kind of container it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Runs to its end before the next.
    Init,
    /// An init container that goes on: `restartPolicy: Always`.
    Sidecar,
    /// One of `containers`.
    Main,
}

/// Something that hinders, as a container's waiting state says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Reason in Kubernetes' words, as `CreateContainerConfigError`.
    pub(crate) reason: String,
    /// Sentence.
    pub(crate) message: String,
    /// May pass by itself; what cannot ends the container.
    pub(crate) passing: bool,
}

/// The end of a container run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) exit: ExitRecord,
    pub(crate) started_at: Option<Timestamp>,
    /// Its last words: the termination message.
    pub(crate) last_words: String,
}

impl Ended {
    pub(crate) fn ok(&self) -> bool {
        self.exit.code == 0
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not yet.
    Waiting,
    /// Not now: a restart or a new attempt waits until then.
    BackOff {
        until: Timestamp,
        reason: String,
        message: String,
    },
    /// The driver was told to.
    Starting,
    Running {
        since: Timestamp,
    },
    /// For good.
    Ended,
}

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProbeKind {
    Startup,
    Readiness,
    Liveness,
}

/// The counting of one probe.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    pub(crate) kind: ProbeKind,
    pub(crate) probe: Probe,
    next: Option<Timestamp>,
    asked: bool,
    good: i32,
    bad: i32,
    /// What the counts amount to; readiness starts as no.
    pub(crate) passed: bool,
}

impl Watcher {
    fn new(kind: ProbeKind, probe: &Probe) -> Self {
        Self { kind, probe: probe.clone(), next: None, asked: false, good: 0, bad: 0, passed: kind == ProbeKind::Liveness }
    }

    fn reset(&mut self) {
        *self = Self::new(self.kind, &self.probe);
    }
}

/// A container of the pod.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) kind: Kind,
    pub(crate) spec: Container,
    pub(crate) state: State,
    /// The end of the last run; of the run now shown where the state is ended.
    pub(crate) last: Option<Ended>,
    /// Number of the run, from 0; the restart count.
    pub(crate) attempt: u32,
    pub(crate) probes: Vec<Watcher>,
    tries: u32,
    restarts_soon: u32,
    ending: Option<Timestamp>,
    killed: bool,
}

impl Unit {
    fn new(kind: Kind, spec: &Container) -> Self {
        let probes = [
            (ProbeKind::Startup, &spec.startup_probe),
            (ProbeKind::Readiness, &spec.readiness_probe),
            (ProbeKind::Liveness, &spec.liveness_probe),
        ];
        let probes = probes.into_iter().filter_map(|(kind, probe)| Some(Watcher::new(kind, probe.as_ref()?)));
        Self {
            kind,
            spec: spec.clone(),
            state: State::Waiting,
            last: None,
            attempt: 0,
            probes: probes.collect(),
            tries: 0,
            restarts_soon: 0,
            ending: None,
            killed: false,
        }
    }

    /// A process may exist.
    pub(crate) fn active(&self) -> bool {
        matches!(self.state, State::Starting | State::Running { .. })
    }

    fn passed(&self, kind: ProbeKind) -> bool {
        self.probes.iter().filter(|probe| probe.kind == kind).all(|probe| probe.passed)
    }

    pub(crate) fn started(&self) -> bool {
        matches!(self.state, State::Running { .. }) && self.passed(ProbeKind::Startup)
    }

    pub(crate) fn ready(&self) -> bool {
        match (self.kind, &self.state) {
            (Kind::Init, State::Ended) => self.last.as_ref().is_some_and(Ended::ok),
            (Kind::Init, _) => false,
            _ => self.started() && self.passed(ProbeKind::Readiness),
        }
    }
}

/// Why a pod is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody deletes it.
    Deleted,
    /// Its activeDeadlineSeconds are over.
    Deadline,
    /// An init container failed for good, or all its containers ended: what is left are sidecars.
    Complete,
    /// The node ends.
    Shutdown,
}

#[derive(Clone, Copy, Debug)]
struct Stop {
    why: Why,
    deadline: Timestamp,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// The pod as it is now.
    Pod(Box<Pod>),
    /// The pod's object is gone.
    Gone,
    /// Its volumes are there, or why not.
    Prepared(Result<(), Trouble>),
    /// A container's process exists.
    Started { container: usize, at: Timestamp },
    /// It could not be started.
    NotStarted { container: usize, trouble: Trouble },
    /// It ended.
    Exited { container: usize, ended: Ended },
    /// A probe's answer.
    Probed { container: usize, kind: ProbeKind, attempt: u32, answer: Result<(), String> },
    /// The node ends and takes its pods with it.
    Shutdown,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Provide the volumes.
    Prepare,
    /// Start a run of a container.
    Start { container: usize, attempt: u32 },
    /// Ask a container to end: its preStop hook, then its stop signal.
    Terminate { container: usize },
    /// End everything in it.
    Kill { container: usize },
    /// Ask a probe.
    Probe { container: usize, kind: ProbeKind, attempt: u32 },
    /// Tell the user.
    Event { warning: bool, reason: &'static str, message: String },
}

/// What the disk says of a container after the node was restarted.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) container: usize,
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
}

/// How far a recovered run is.
#[derive(Debug)]
pub(crate) enum Outcome {
    Running { since: Timestamp },
    Ended(Ended),
}

#[derive(Debug)]
enum Volumes {
    Missing,
    Asked,
    Ready,
    Blocked { until: Timestamp },
}

/// The state machine of one pod.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pod: Pod,
    pub(crate) units: Vec<Unit>,
    pub(crate) start_time: Timestamp,
    volumes: Volumes,
    volume_tries: u32,
    stop: Option<Stop>,
    gone: bool,
    shutdown: bool,
}

fn doubled(first: SignedDuration, times: u32, longest: SignedDuration) -> SignedDuration {
    let factor = 2_i32.checked_pow(times).unwrap_or(i32::MAX);
    first.checked_mul(factor).map_or(longest, |wait| wait.min(longest))
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl Worker {
    /// A pod that the node sees for the first time, or again after a restart with what its folder tells.
    pub(crate) fn new(pod: Pod, recovered: Vec<Recovered>, now: Timestamp) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let init = spec.init_containers.iter().flatten().map(|container| {
            let goes_on = container.restart_policy.as_deref() == Some("Always");
            Unit::new(if goes_on { Kind::Sidecar } else { Kind::Init }, container)
        });
        let units = init.chain(spec.containers.iter().map(|container| Unit::new(Kind::Main, container))).collect();
        let start_time = pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map_or(now, |time| time.0);
        let mut worker =
            Self { pod, units, start_time, volumes: Volumes::Missing, volume_tries: 0, stop: None, gone: false, shutdown: false };
        for Recovered { container, attempt, outcome } in recovered {
            if let Some(unit) = worker.units.get_mut(container) {
                unit.attempt = attempt;
                unit.restarts_soon = attempt;
                match outcome {
                    Outcome::Running { since } => unit.state = State::Running { since },
                    Outcome::Ended(ended) => worker.exited(container, ended),
                }
            }
        }
        worker
    }

    fn spec(&self) -> Option<&PodSpec> {
        self.pod.spec.as_ref()
    }

    pub(crate) fn restart_policy(&self) -> &str {
        self.spec().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
    }

    fn grace(&self) -> SignedDuration {
        let seconds = self.spec().and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(DEFAULT_GRACE);
        SignedDuration::from_secs(seconds.max(0))
    }

    /// The pod is to end because of its activeDeadlineSeconds.
    pub(crate) fn over_deadline(&self) -> bool {
        self.stop.is_some_and(|stop| stop.why == Why::Deadline)
    }

    /// Nothing runs and nothing will.
    pub(crate) fn finished(&self) -> bool {
        let idle = self.units.iter().all(|unit| !unit.active());
        idle && (self.stop.is_some() || self.gone || self.mains_done())
    }

    /// The object is gone: there is nothing left to report.
    pub(crate) fn gone(&self) -> bool {
        self.gone
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.is_some()
    }

    pub(crate) fn mains(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(|unit| unit.kind == Kind::Main)
    }

    fn mains_done(&self) -> bool {
        self.mains().all(|unit| unit.state == State::Ended)
    }

    fn will_restart(&self, unit: &Unit, ended: &Ended) -> bool {
        match (unit.kind, self.restart_policy()) {
            (Kind::Sidecar, _) => true,
            (Kind::Init, policy) => !ended.ok() && policy != "Never",
            (Kind::Main, "Always") => true,
            (Kind::Main, "OnFailure") => !ended.ok(),
            (Kind::Main, _) => false,
        }
    }

    fn exited(&mut self, container: usize, ended: Ended) {
        let Some(unit) = self.units.get(container) else { return };
        let again = self.stop.is_none() && !self.shutdown && !self.gone && self.will_restart(unit, &ended);
        let pod = format!(
            "{}_{}({})",
            self.pod.metadata.name.as_deref().unwrap_or_default(),
            self.pod.metadata.namespace.as_deref().unwrap_or_default(),
            self.pod.metadata.uid.as_deref().unwrap_or_default()
        );
        let Some(unit) = self.units.get_mut(container) else { return };
        unit.ending = None;
        unit.killed = false;
        unit.tries = 0;
        unit.probes.iter_mut().for_each(Watcher::reset);
        unit.state = State::Ended;
        if again {
            let ran = ended.started_at.map_or(SignedDuration::ZERO, |start| ended.exit.at.duration_since(start));
            if ran >= LONGEST_BACK_OFF.saturating_mul(2) {
                unit.restarts_soon = 0;
            }
            let wait = match unit.restarts_soon.checked_sub(1) {
                None => SignedDuration::ZERO,
                Some(times) => doubled(FIRST_BACK_OFF, times, LONGEST_BACK_OFF),
            };
            unit.restarts_soon = unit.restarts_soon.saturating_add(1);
            unit.attempt = unit.attempt.saturating_add(1);
            let message = format!("back-off {} restarting failed container={} pod={pod}", go_duration(wait), unit.spec.name);
            unit.state = State::BackOff { until: later(ended.exit.at, wait), reason: "CrashLoopBackOff".to_owned(), message };
        }
        unit.last = Some(ended);
    }

    /// Takes note of something that happened. [`Worker::advance`] says what follows.
    pub(crate) fn handle(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::Pod(pod) => self.pod = *pod,
            Input::Gone => self.gone = true,
            Input::Shutdown => self.shutdown = true,
            Input::Prepared(Ok(())) => self.volumes = Volumes::Ready,
            Input::Prepared(Err(_)) => {
                let wait = doubled(FIRST_RETRY, self.volume_tries, LONGEST_RETRY);
                self.volume_tries = self.volume_tries.saturating_add(1);
                self.volumes = Volumes::Blocked { until: later(now, wait) };
            }
            Input::Started { container, at } => {
                if let Some(unit) = self.units.get_mut(container) {
                    unit.tries = 0;
                    unit.state = State::Running { since: at };
                }
            }
            Input::NotStarted { container, trouble } if !trouble.passing || self.stop.is_some() => {
                let exit = ExitRecord {
                    code: 128,
                    reason: Some("StartError".to_owned()),
                    message: Some(trouble.message),
                    started_at: None,
                    at: now,
                };
                self.exited(container, Ended { exit, started_at: None, last_words: String::new() });
            }
            Input::NotStarted { container, trouble } => {
                if let Some(unit) = self.units.get_mut(container) {
                    let until = later(now, doubled(FIRST_RETRY, unit.tries, LONGEST_RETRY));
                    unit.tries = unit.tries.saturating_add(1);
                    unit.state = State::BackOff { until, reason: trouble.reason, message: trouble.message };
                }
            }
            Input::Exited { container, ended } => self.exited(container, ended),
            Input::Probed { container, kind, attempt, answer } => self.probed(container, kind, attempt, answer, now),
        }
    }

    fn probed(&mut self, container: usize, kind: ProbeKind, attempt: u32, answer: Result<(), String>, now: Timestamp) {
        let Some(unit) = self.units.get_mut(container).filter(|unit| unit.attempt == attempt) else { return };
        if !matches!(unit.state, State::Running { .. }) {
            return;
        }
        let Some(watcher) = unit.probes.iter_mut().find(|watcher| watcher.kind == kind) else { return };
        watcher.asked = false;
        let period = i64::from(watcher.probe.period_seconds.unwrap_or(10).max(1));
        watcher.next = Some(later(now, SignedDuration::from_secs(period)));
        (watcher.good, watcher.bad) = match answer {
            Ok(()) => (watcher.good.saturating_add(1), 0),
            Err(_) => (0, watcher.bad.saturating_add(1)),
        };
        if watcher.good >= watcher.probe.success_threshold.unwrap_or(1).max(1) {
            watcher.passed = true;
        } else if watcher.bad >= watcher.probe.failure_threshold.unwrap_or(3).max(1) {
            if kind != ProbeKind::Startup {
                watcher.passed = false;
            }
            watcher.bad = watcher.bad.max(i32::MAX / 2);
        }
    }

    /// What is to be done now. To be asked after every input and at every [`Worker::wake_at`].
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        self.decide_stop(now, &mut actions);
        if self.stop.is_some() {
            self.end_containers(now, &mut actions);
        } else {
            self.start_containers(now, &mut actions);
            self.probe_containers(now, &mut actions);
        }
        for (container, unit) in self.units.iter_mut().enumerate() {
            if !unit.killed && matches!(unit.state, State::Running { .. }) && unit.ending.is_some_and(|deadline| now >= deadline) {
                unit.killed = true;
                actions.push(Action::Kill { container });
            }
        }
        actions
    }

    fn active_deadline(&self) -> Option<Timestamp> {
        let seconds = self.spec()?.active_deadline_seconds?;
        Some(later(self.start_time, SignedDuration::from_secs(seconds)))
    }

    fn decide_stop(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let by_delete = self.pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        let init_failed = self.units.iter().any(|unit| unit.kind == Kind::Init && unit.state == State::Ended && !unit.ready());
        let wanted = if self.gone {
            Some(Stop { why: Why::Deleted, deadline: now })
        } else if let Some(deadline) = by_delete {
            Some(Stop { why: Why::Deleted, deadline })
        } else if self.shutdown {
            Some(Stop { why: Why::Shutdown, deadline: later(now, self.grace()) })
        } else if self.active_deadline().is_some_and(|deadline| now >= deadline) && !self.mains_done() {
            Some(Stop { why: Why::Deadline, deadline: later(now, self.grace()) })
        } else if init_failed || self.mains_done() {
            Some(Stop { why: Why::Complete, deadline: later(now, self.grace()) })
        } else {
            None
        };
        let Some(wanted) = wanted else { return };
        match &mut self.stop {
            None => {
                if wanted.why == Why::Deadline {
                    let message = "Pod was active on the node longer than the specified deadline".to_owned();
                    actions.push(Action::Event { warning: false, reason: "DeadlineExceeded", message });
                }
                self.stop = Some(wanted);
            }
            // A second deletion may shorten the first one's time, never lengthen it.
            Some(stop) if wanted.deadline < stop.deadline => stop.deadline = wanted.deadline,
            Some(_) => {}
        }
        let deadline = self.stop.map_or(now, |stop| stop.deadline);
        for unit in self.units.iter_mut().filter(|unit| unit.ending.is_some()) {
            unit.ending = unit.ending.map(|ending| ending.min(deadline));
        }
    }

    fn end_containers(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let Some(stop) = self.stop else { return };
        for unit in &mut self.units {
            if let State::BackOff { .. } = unit.state {
                // What would have been restarted stays as it last ended; what never ran stays waiting.
                unit.state = if unit.last.is_some() { State::Ended } else { State::Waiting };
                unit.attempt = unit.attempt.saturating_sub(u32::from(unit.last.is_some()));
            }
        }
        let mains_active = self.units.iter().any(|unit| unit.kind != Kind::Sidecar && unit.active());
        // Sidecars end after what they serve, the last one first; when time is up all at once.
        let last_sidecar = self.units.iter().rposition(|unit| unit.kind == Kind::Sidecar && unit.active());
        for (container, unit) in self.units.iter_mut().enumerate() {
            let turn = unit.kind != Kind::Sidecar || (!mains_active && last_sidecar == Some(container)) || now >= stop.deadline;
            if turn && unit.ending.is_none() && matches!(unit.state, State::Running { .. }) {
                unit.ending = Some(stop.deadline);
                actions.push(Action::Terminate { container });
            }
        }
    }

    fn start_containers(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        match self.volumes {
            Volumes::Ready => {}
            Volumes::Asked => return,
            Volumes::Blocked { until } if now < until => return,
            Volumes::Missing | Volumes::Blocked { .. } => {
                self.volumes = Volumes::Asked;
                actions.push(Action::Prepare);
                return;
            }
        }
        for (container, unit) in self.units.iter_mut().enumerate() {
            let due = match &unit.state {
                State::Waiting => true,
                State::BackOff { until, .. } => now >= *until,
                _ => false,
            };
            if due {
                unit.state = State::Starting;
                actions.push(Action::Start { container, attempt: unit.attempt });
            }
            let passable = match unit.kind {
                Kind::Init => unit.state == State::Ended,
                Kind::Sidecar => unit.started(),
                Kind::Main => true,
            };
            if !passable {
                return;
            }
        }
    }

    fn probe_containers(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let grace = self.grace();
        for (container, unit) in self.units.iter_mut().enumerate() {
            let State::Running { since } = unit.state else { continue };
            let started = unit.started();
            let mut failed = None;
            for watcher in &mut unit.probes {
                if watcher.kind != ProbeKind::Startup && !started {
                    continue;
                }
                let done = watcher.kind == ProbeKind::Startup && watcher.passed;
                if watcher.bad >= i32::MAX / 2 && watcher.kind != ProbeKind::Readiness && !done {
                    failed = Some(watcher.kind);
                }
                let delay = i64::from(watcher.probe.initial_delay_seconds.unwrap_or(0).max(0));
                let next = *watcher.next.get_or_insert_with(|| later(since, SignedDuration::from_secs(delay)));
                if !done && !watcher.asked && now >= next {
                    watcher.asked = true;
                    actions.push(Action::Probe { container, kind: watcher.kind, attempt: unit.attempt });
                }
            }
            if let (Some(kind), None) = (failed, unit.ending) {
                let kind = if kind == ProbeKind::Startup { "startup" } else { "liveness" };
                let message = format!("Container {} failed {kind} probe, will be restarted", unit.spec.name);
                actions.push(Action::Event { warning: false, reason: "Killing", message });
                unit.ending = Some(later(now, grace));
                actions.push(Action::Terminate { container });
            }
        }
    }

    /// When [`Worker::advance`] has something to do without any input.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        let mut times: Vec<Timestamp> = Vec::new();
        if self.stop.is_none() {
            times.extend(self.active_deadline());
            if let Volumes::Blocked { until } = self.volumes {
                times.push(until);
            }
        }
        for unit in &self.units {
            match &unit.state {
                State::BackOff { until, .. } if self.stop.is_none() => times.push(*until),
                State::Running { .. } => {
                    times.extend(unit.ending.filter(|_| !unit.killed));
                    if self.stop.is_none() {
                        let started = unit.started();
                        let open = unit.probes.iter().filter(|watcher| !watcher.asked);
                        let open = open.filter(|watcher| if watcher.kind == ProbeKind::Startup { !watcher.passed } else { started });
                        times.extend(open.filter_map(|watcher| watcher.next));
                    }
                }
                _ => {}
            }
        }
        if let Some(stop) = self.stop {
            let waiting = self.units.iter().any(|unit| unit.ending.is_none() && matches!(unit.state, State::Running { .. }));
            times.extend(Some(stop.deadline).filter(|_| waiting));
        }
        times.into_iter().min()
    }
}

/// Whole seconds as Go prints a duration, as `1m20s`.
fn go_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
