//! What a pod's worker knows, as a `PodStatus`: phase, conditions and container states by the rules of upstream's kubelet.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, HostIP, PodCondition, PodIP,
    PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::worker::{Ended, Kind, State, Unit, Worker};

/// Pods share the host's network.
pub(crate) const POD_IP: &str = "127.0.0.1";

/// The conditions that the node writes; others belong to somebody else and stay.
const OURS: [&str; 5] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// Longest termination message, as upstream.
const LONGEST_MESSAGE: usize = 4096;

fn terminated(ended: &Ended, id: &str) -> ContainerStateTerminated {
    let reason = ended.exit.reason.clone().unwrap_or_else(|| if ended.ok() { "Completed" } else { "Error" }.to_owned());
    let mut message = [ended.last_words.as_str(), ended.exit.message.as_deref().unwrap_or_default()].concat();
    if message.len() > LONGEST_MESSAGE {
        let cut = (0..=LONGEST_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
        message.truncate(cut);
    }
    ContainerStateTerminated {
        container_id: Some(id.to_owned()),
        exit_code: ended.exit.code,
        finished_at: Some(Time(whole(ended.exit.at))),
        message: Some(message).filter(|message| !message.is_empty()),
        reason: Some(reason),
        signal: None,
        started_at: Some(Time(whole(ended.started_at.unwrap_or(ended.exit.at)))),
    }
}

/// Kubernetes keeps whole seconds.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Id of the last run that exists, in the form of a container runtime.
pub(crate) fn container_id(uid: &str, name: &str, attempt: u32) -> String {
    format!("argo-local://{uid}/{name}/{attempt}")
}

fn container(worker: &Worker, unit: &Unit) -> ContainerStatus {
    let uid = worker.pod.metadata.uid.as_deref().unwrap_or_default();
    let waiting = |reason: &str, message: &str| ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()).filter(|message| !message.is_empty()),
        }),
        ..ContainerState::default()
    };
    let has_init = worker.units.iter().any(|unit| unit.kind != Kind::Main);
    let shown = match unit.state {
        State::BackOff { .. } | State::Starting => unit.attempt.checked_sub(1),
        State::Waiting => None,
        State::Running { .. } | State::Ended => Some(unit.attempt),
    };
    let id = shown.map(|attempt| container_id(uid, &unit.spec.name, attempt));
    let previous = unit.attempt.checked_sub(1).map(|attempt| container_id(uid, &unit.spec.name, attempt)).unwrap_or_default();
    let last = |ended: &Ended, id: &str| ContainerState { terminated: Some(terminated(ended, id)), ..ContainerState::default() };
    let (state, last_state) = match (&unit.state, &unit.last) {
        (State::Ended, Some(ended)) => (last(ended, id.as_deref().unwrap_or_default()), None),
        (State::Running { since }, ended) => {
            let running = ContainerStateRunning { started_at: Some(Time(whole(*since))) };
            let state = ContainerState { running: Some(running), ..ContainerState::default() };
            (state, ended.as_ref().map(|ended| last(ended, &previous)))
        }
        (State::BackOff { reason, message, until }, Some(ended)) => {
            // A restart without a wait is shown as the end that it follows.
            if *until <= ended.exit.at { (last(ended, &previous), None) } else { (waiting(reason, message), Some(last(ended, &previous))) }
        }
        (State::BackOff { reason, message, .. }, None) => (waiting(reason, message), None),
        (_, Some(ended)) => (last(ended, &previous), None),
        (_, None) => (waiting(if has_init { "PodInitializing" } else { "ContainerCreating" }, ""), None),
    };
    let image = unit.spec.image.clone().unwrap_or_default();
    ContainerStatus {
        container_id: id,
        image_id: if shown.is_some() { image.clone() } else { String::new() },
        image,
        last_state: Some(last_state.unwrap_or_default()),
        name: unit.spec.name.clone(),
        ready: unit.ready(),
        // Counted when the restart has happened, not when it is due.
        restart_count: shown.map_or(0, |attempt| i32::try_from(attempt).unwrap_or(i32::MAX)),
        started: Some(unit.started()),
        state: Some(state),
        ..ContainerStatus::default()
    }
}

/// The phase that the containers amount to.
pub(crate) fn phase(worker: &Worker) -> &'static str {
    if worker.over_deadline() && worker.finished() {
        return "Failed";
    }
    let policy = worker.restart_policy();
    let failed_init =
        |unit: &Unit| unit.kind == Kind::Init && unit.state == State::Ended && unit.last.as_ref().is_some_and(|last| !last.ok());
    if worker.units.iter().any(failed_init) && policy == "Never" && worker.finished() {
        return "Failed";
    }
    let initialised = worker.units.iter().all(|unit| match unit.kind {
        Kind::Init => unit.ready(),
        Kind::Sidecar => unit.started() || unit.last.is_some(),
        Kind::Main => true,
    });
    let (mut waiting, mut running, mut stopped, mut succeeded) = (0, 0, 0, 0);
    for unit in worker.mains() {
        match (&unit.state, &unit.last) {
            (State::Running { .. }, _) => running += 1,
            (State::Waiting | State::Starting | State::BackOff { .. }, None) => waiting += 1,
            (_, Some(last)) => {
                stopped += 1;
                succeeded += i32::from(last.ok());
            }
            (State::Ended, None) => waiting += 1,
        }
    }
    let calm = match (waiting, running, stopped) {
        _ if !initialised && running == 0 && stopped == 0 => "Pending",
        (1.., _, _) => "Pending",
        (_, 1.., _) => "Running",
        (_, _, 1..) if policy == "Always" => "Running",
        (_, _, 1..) if stopped == succeeded => "Succeeded",
        (_, _, 1..) if policy == "Never" => "Failed",
        (_, _, 1..) => "Running",
        _ => "Pending",
    };
    match calm {
        // A pod is not over as long as anything of it runs.
        "Succeeded" | "Failed" if !worker.finished() => "Running",
        "Running" | "Pending" if worker.finished() && worker.stopping() => {
            if waiting == 0 && stopped > 0 && stopped == succeeded {
                "Succeeded"
            } else {
                "Failed"
            }
        }
        other => other,
    }
}

fn names(units: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = units.map(|name| name.as_ref().to_owned()).collect();
    names.join(" ")
}

fn conditions(worker: &Worker, phase: &str, before: &[PodCondition], now: Timestamp) -> Vec<PodCondition> {
    let init = |unit: &&Unit| match unit.kind {
        Kind::Init => !unit.ready(),
        Kind::Sidecar => !unit.started() && unit.last.is_none(),
        Kind::Main => false,
    };
    let uninitialised = names(worker.units.iter().filter(init).map(|unit| &unit.spec.name));
    let serving = |unit: &&Unit| unit.kind != Kind::Init && !unit.ready();
    let unready = names(worker.units.iter().filter(serving).map(|unit| &unit.spec.name));
    let not_ready = match phase {
        "Succeeded" => Some(("PodCompleted", String::new())),
        "Failed" => Some(("PodFailed", String::new())),
        _ if !unready.is_empty() => Some(("ContainersNotReady", format!("containers with unready status: [{unready}]"))),
        _ => None,
    };
    let not_initialised = match phase {
        "Succeeded" => Some((true, "PodCompleted", String::new())),
        _ if !uninitialised.is_empty() => {
            Some((false, "ContainersNotInitialized", format!("containers with incomplete status: [{uninitialised}]")))
        }
        _ => None,
    };
    let sandbox = worker.units.iter().any(|unit| unit.active() || matches!(unit.state, State::BackOff { .. }));
    let wanted = OURS.map(|kind| {
        let (status, reason, message) = match kind {
            "PodReadyToStartContainers" => (sandbox, None, None),
            "Initialized" => match &not_initialised {
                Some((status, reason, message)) => (*status, Some(*reason), Some(message.clone())),
                None => (true, None, None),
            },
            "Ready" | "ContainersReady" => match &not_ready {
                Some((reason, message)) => (false, Some(*reason), Some(message.clone())),
                None => (true, None, None),
            },
            _ => (true, None, None),
        };
        let status = if status { "True" } else { "False" };
        let same = before.iter().find(|known| known.type_ == kind && known.status == status);
        PodCondition {
            last_probe_time: None,
            last_transition_time: same.and_then(|known| known.last_transition_time.clone()).or(Some(Time(whole(now)))),
            message: message.filter(|message| !message.is_empty()),
            observed_generation: worker.pod.metadata.generation,
            reason: reason.map(str::to_owned),
            status: status.to_owned(),
            type_: kind.to_owned(),
        }
    });
    let foreign = before.iter().filter(|known| !OURS.contains(&known.type_.as_str())).cloned();
    foreign.chain(wanted).collect()
}

/// The status to report; `before` are the conditions last reported or found.
pub(crate) fn status(worker: &Worker, before: &[PodCondition], now: Timestamp) -> PodStatus {
    let phase = phase(worker);
    let known = worker.pod.status.clone().unwrap_or_default();
    let (init, main): (Vec<&Unit>, Vec<&Unit>) = worker.units.iter().partition(|unit| unit.kind != Kind::Main);
    let over = phase == "Failed" && worker.over_deadline();
    PodStatus {
        conditions: Some(conditions(worker, phase, before, now)),
        container_statuses: Some(main.into_iter().map(|unit| container(worker, unit)).collect()),
        init_container_statuses: Some(init.into_iter().map(|unit| container(worker, unit)).collect::<Vec<_>>())
            .filter(|list| !list.is_empty()),
        host_ip: Some(POD_IP.to_owned()),
        host_ips: Some(vec![HostIP { ip: POD_IP.to_owned() }]),
        pod_ip: Some(POD_IP.to_owned()),
        pod_ips: Some(vec![PodIP { ip: POD_IP.to_owned() }]),
        phase: Some(phase.to_owned()),
        qos_class: known.qos_class,
        reason: if over { Some("DeadlineExceeded".to_owned()) } else { None },
        message: over.then(|| "Pod was active on the node longer than the specified deadline".to_owned()),
        observed_generation: worker.pod.metadata.generation,
        start_time: Some(Time(whole(worker.start_time))),
        ..PodStatus::default()
    }
}
