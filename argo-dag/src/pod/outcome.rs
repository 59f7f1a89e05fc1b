//! What a pod's state means for its node.

use argo_core::meta::Time;
use argo_core::workflows::Template;

use super::{ContainerOutcome, Outcome};
use crate::event::{ContainerSeen, ContainerState, PodSeen};

/// Exit code by which the emissary says that it failed itself, not the command it runs.
const EMISSARY_FAILED: i32 = 64;
/// Exit codes of containers that were killed or told to end: 128 + 9, 128 + 15.
const STOPPED: [i32; 2] = [137, 143];

pub(super) fn outcome(pod: &PodSeen, template: &Template) -> Outcome {
    let daemon = template.daemon == Some(true);
    let mut outcome =
        Outcome { exit_code: exit_code(pod), finished_at: finished_at(pod), report_lost: report_lost(pod, template), ..Outcome::default() };
    let (phase, message) = match pod.phase.as_str() {
        "Pending" => ("Pending", waiting_for(pod)),
        // A daemon is to run until it is stopped: one that ends by itself has failed.
        "Succeeded" if daemon => ("Failed", String::new()),
        "Succeeded" => ("Succeeded", String::new()),
        "Failed" => failure(pod, template),
        "Running" if daemon && !pod.ready => ("Pending", String::new()),
        "Running" => {
            outcome.daemoned = daemon;
            ("Running", String::new())
        }
        other => ("Error", format!("Unexpected pod phase for {}: {other}", pod.name)),
    };
    phase.clone_into(&mut outcome.phase);
    outcome.message = message;
    if let Some(set) = &template.container_set {
        for seen in pod.containers.iter().filter(|c| set.containers.iter().any(|n| n.name == c.name)) {
            outcome.containers.insert(seen.name.clone(), container(seen));
        }
    }
    outcome
}

fn waiting_for(pod: &PodSeen) -> String {
    for seen in &pod.containers {
        if let ContainerState::Waiting { reason, message } = &seen.state {
            return sentence(reason, message);
        }
    }
    if pod.reason == super::UNSCHEDULABLE { sentence(&pod.reason, &pod.message) } else { String::new() }
}

fn sentence(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") }
}

fn failure(pod: &PodSeen, template: &Template) -> (&'static str, String) {
    if !pod.message.is_empty() {
        return ("Failed", pod.message.clone());
    }
    // One message stands for all: init containers speak first, then main ones, then `wait`, then sidecars.
    let rank = |c: &&ContainerSeen| match c.name.as_str() {
        name if is_main(template, name) => 0,
        "wait" => 1,
        _ => 2,
    };
    let mut containers: Vec<&ContainerSeen> = pod.containers.iter().collect();
    containers.sort_by_key(rank);
    let containers: Vec<&ContainerSeen> = pod.init_containers.iter().chain(containers).collect();
    if containers.is_empty() {
        return ("Failed", format!("can't find failed message for pod {}", pod.name));
    }
    for seen in containers {
        match &seen.state {
            ContainerState::Waiting { reason, message } => {
                return ("Error", format!("Pod failed before {} container starts due to {reason}: {message}", seen.name));
            }
            ContainerState::Running { .. } | ContainerState::Terminated { exit_code: 0, .. } => {}
            ContainerState::Terminated { exit_code, reason, message, .. } => {
                let message = format!("{}: {}", seen.name, sentence(&format!("{reason} (exit code {exit_code})"), message));
                if is_main(template, &seen.name) {
                    return ("Failed", message);
                }
                if matches!(seen.name.as_str(), "init" | "wait" | "supervisor") {
                    return ("Error", message);
                }
                // Sidecars are stopped when the main containers are done, by force if need be.
                if !STOPPED.contains(exit_code) {
                    return ("Failed", message);
                }
            }
        }
    }
    ("Succeeded", String::new())
}

fn is_main(template: &Template, name: &str) -> bool {
    match &template.container_set {
        Some(set) => set.containers.iter().any(|c| c.name == name),
        None => name == "main",
    }
}

fn container(seen: &ContainerSeen) -> ContainerOutcome {
    match &seen.state {
        ContainerState::Waiting { .. } => ContainerOutcome { phase: "Pending".to_owned(), ..ContainerOutcome::default() },
        ContainerState::Running { .. } => ContainerOutcome { phase: "Running".to_owned(), ..ContainerOutcome::default() },
        ContainerState::Terminated { exit_code: 0, .. } => {
            ContainerOutcome { phase: "Succeeded".to_owned(), message: String::new(), exit_code: Some(0) }
        }
        ContainerState::Terminated { exit_code, reason, message, .. } => ContainerOutcome {
            phase: if *exit_code == EMISSARY_FAILED { "Error" } else { "Failed" }.to_owned(),
            message: format!("{}: {reason} (exit code {exit_code}): {message}", seen.name),
            exit_code: Some(*exit_code),
        },
    }
}

fn exit_code(pod: &PodSeen) -> Option<i32> {
    pod.containers.iter().filter(|c| c.name == "main").find_map(|c| match c.state {
        ContainerState::Terminated { exit_code, .. } => Some(exit_code),
        _ => None,
    })
}

fn finished_at(pod: &PodSeen) -> Option<Time> {
    let ended = |c: &ContainerSeen| match c.state {
        ContainerState::Terminated { finished_at, .. } => finished_at,
        _ => None,
    };
    pod.init_containers.iter().chain(&pod.containers).filter_map(ended).max()
}

fn report_lost(pod: &PodSeen, template: &Template) -> bool {
    let ended = matches!(pod.phase.as_str(), "Succeeded" | "Failed");
    match pod.containers.iter().find(|c| c.name == "wait").map(|c| &c.state) {
        Some(ContainerState::Terminated { exit_code, .. }) => *exit_code != 0,
        Some(ContainerState::Waiting { .. }) => ended,
        Some(ContainerState::Running { .. }) => false,
        // Resource and data pods have no `wait`: `main` reports before it ends, but the report may be seen after the end. One that failed, or had
        // nothing to report, is not waited for.
        None => {
            let reports = template.data.is_some() || !template.outputs.parameters.is_empty();
            ended && !(pod.phase == "Succeeded" && reports)
        }
    }
}
