#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use argo_core::workflows::Workflow;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Retry, RetryError, RetryOptions, retry};
use crate::ops::Actor;

/// A workflow `w` from nodes written as `name`, `type`, `phase`, `boundary`, `children`, with names for ids.
fn workflow(phase: &str, nodes: &[(&str, &str, &str, &str, &[&str])]) -> Workflow {
    let nodes: serde_json::Map<String, Value> = nodes
        .iter()
        .map(|(name, type_, phase, boundary, children)| {
            let retried = name.ends_with(')') && nodes.iter().any(|n| n.1 == "Retry" && n.4.contains(name));
            let node = json!({
                "id": name, "name": name, "type": type_, "phase": phase, "boundaryID": boundary, "children": children, "templateName": "t",
                "message": "old", "finishedAt": "1970-01-01T00:00:00Z", "outboundNodes": children, "nodeFlag": {"retried": retried},
            });
            ((*name).to_owned(), node)
        })
        .collect();
    serde_json::from_value(json!({
        "metadata": {"name": "w", "labels": {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": phase}},
        "spec": {"shutdown": "Stop", "arguments": {"parameters": [{"name": "p", "value": "old"}]}},
        "status": {"phase": phase, "message": "bad", "finishedAt": "1970-01-01T00:00:00Z", "nodes": nodes,
            "conditions": [{"type": "PodRunning", "status": "False"}, {"type": "Completed", "status": "True"}]},
    }))
    .unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(100).unwrap()
}

fn selected(workflow: &Workflow, selector: &str) -> Result<Retry, RetryError> {
    let options =
        RetryOptions { restart_successful: !selector.is_empty(), node_field_selector: selector.to_owned(), ..RetryOptions::default() };
    retry(workflow, &options, now(), &Actor::named("admin"))
}

/// The nodes after a retry as `name=phase`.
fn left(done: &Retry) -> Vec<String> {
    done.workflow.status.nodes.values().map(|n| format!("{}={}", n.name, n.phase)).collect()
}

fn diamond() -> Workflow {
    workflow(
        "Failed",
        &[
            ("w", "DAG", "Failed", "", &["w.a"]),
            ("w.a", "Pod", "Succeeded", "w", &["w.b", "w.c"]),
            ("w.b", "Pod", "Failed", "w", &["w.d"]),
            ("w.c", "Pod", "Succeeded", "w", &["w.d"]),
            ("w.d", "Skipped", "Omitted", "w", &[]),
            ("w.onExit", "Steps", "Succeeded", "", &["w.onExit[0]"]),
            ("w.onExit[0]", "StepGroup", "Succeeded", "w.onExit", &["w.onExit[0].x"]),
            ("w.onExit[0].x", "Pod", "Succeeded", "w.onExit", &[]),
        ],
    )
}

#[test]
fn what_failed_and_what_came_after_it_is_forgotten() {
    let done = selected(&diamond(), "").unwrap();
    assert_eq!(left(&done), ["w=Running", "w.a=Succeeded", "w.c=Succeeded"]);
    assert_eq!(done.workflow.status.nodes["w.a"].children, ["w.c"]);
    assert_eq!(done.workflow.status.nodes["w.c"].outbound_nodes, [""; 0]);
    assert_eq!(done.pods, [argo_core::ids::pod_name("w", "w.b", "t"), argo_core::ids::pod_name("w", "w.onExit[0].x", "t")]);
    assert_eq!(done.nodes, ["w.b", "w.d", "w.onExit", "w.onExit[0]", "w.onExit[0].x"]);
    let root = &done.workflow.status.nodes["w"];
    assert_eq!((root.message.as_str(), root.started_at.unwrap().0, root.finished_at), ("", now(), None));
}

#[test]
fn nothing_says_any_more_that_it_ended() {
    let options = RetryOptions { parameters: vec!["p=new".into()], ..RetryOptions::default() };
    let done = retry(&diamond(), &options, now(), &Actor::named("admin")).unwrap().workflow;
    let labels: Vec<String> =
        done.metadata.labels.iter().map(|(k, v)| format!("{}={v}", k.trim_start_matches("workflows.argoproj.io/"))).collect();
    assert_eq!(labels, ["action=Retry", "actor=admin", "phase=Running"]);
    assert_eq!((done.spec.shutdown.as_str(), done.spec.arguments.parameters[0].value.as_ref().unwrap().as_str()), ("", "new"));
    assert_eq!((done.status.phase.as_str(), done.status.message.as_str(), done.status.finished_at), ("Running", "", None));
    let conditions: Vec<&str> = done.status.conditions.iter().map(|c| c.status.as_str()).collect();
    assert_eq!(conditions, ["False", "False"]);
}

#[test]
fn the_whole_way_out_is_reset() {
    let nested = workflow(
        "Failed",
        &[
            ("w", "DAG", "Failed", "", &["w.a", "w.x"]),
            ("w.a", "Steps", "Failed", "w", &["w.a[0]"]),
            ("w.a[0]", "StepGroup", "Succeeded", "w.a", &["w.a[0].p"]),
            ("w.a[0].p", "Pod", "Succeeded", "w.a", &["w.a[1]"]),
            ("w.a[1]", "StepGroup", "Failed", "w.a", &["w.a[1].q"]),
            ("w.a[1].q", "Retry", "Failed", "w.a", &["w.a[1].q(0)", "w.a[1].q(1)", "w.z"]),
            ("w.a[1].q(0)", "Pod", "Failed", "w.a", &[]),
            ("w.a[1].q(1)", "Pod", "Failed", "w.a", &["w.z"]),
            ("w.x", "Pod", "Succeeded", "w", &["w.z"]),
            ("w.z", "Skipped", "Omitted", "w", &[]),
        ],
    );
    let done = selected(&nested, "").unwrap();
    let expected =
        ["w=Running", "w.a=Running", "w.a[0]=Succeeded", "w.a[0].p=Succeeded", "w.a[1]=Running", "w.a[1].q=Running", "w.x=Succeeded"];
    assert_eq!(left(&done), expected);
    assert_eq!(done.pods.len(), 2);
}

#[test]
fn failures_that_were_overcome_stay() {
    let overcome = workflow(
        "Failed",
        &[
            ("w", "DAG", "Failed", "", &["w.a", "w.b", "w.t"]),
            ("w.a", "Retry", "Succeeded", "w", &["w.a(0)", "w.a(1)"]),
            ("w.a(0)", "Pod", "Failed", "w", &[]),
            ("w.a(1)", "Pod", "Succeeded", "w", &[]),
            ("w.b", "Pod", "Failed", "w", &["w.c"]),
            ("w.c", "Pod", "Succeeded", "w", &[]),
            ("w.t", "TaskGroup", "Failed", "w", &["w.t(0:x)", "w.t(1:y)"]),
            ("w.t(0:x)", "Pod", "Succeeded", "w", &[]),
            ("w.t(1:y)", "Pod", "Error", "w", &[]),
        ],
    );
    let done = selected(&overcome, "").unwrap();
    let expected = [
        "w=Running",
        "w.a=Succeeded",
        "w.a(0)=Failed",
        "w.a(1)=Succeeded",
        "w.b=Failed",
        "w.c=Succeeded",
        "w.t=Running",
        "w.t(0:x)=Succeeded",
    ];
    assert_eq!(left(&done), expected);
}

#[test]
fn only_the_last_attempt_of_a_group_goes_on() {
    let attempts = workflow(
        "Failed",
        &[
            ("w", "Retry", "Failed", "", &["w(0)", "w(1)"]),
            ("w(0)", "Steps", "Failed", "", &["w(0)[0]"]),
            ("w(0)[0]", "StepGroup", "Failed", "w(0)", &["w(0)[0].a"]),
            ("w(0)[0].a", "Pod", "Failed", "w(0)", &[]),
            ("w(1)", "Steps", "Failed", "", &["w(1)[0]"]),
            ("w(1)[0]", "StepGroup", "Failed", "w(1)", &["w(1)[0].a"]),
            ("w(1)[0].a", "Pod", "Failed", "w(1)", &[]),
        ],
    );
    let done = selected(&attempts, "").unwrap();
    assert_eq!(left(&done), ["w=Running", "w(0)=Failed", "w(0)[0]=Failed", "w(0)[0].a=Failed", "w(1)=Running", "w(1)[0]=Running"]);
}

#[test]
fn a_container_takes_its_pod_along() {
    let set = workflow(
        "Failed",
        &[
            ("w", "Steps", "Failed", "", &["w[0]"]),
            ("w[0]", "StepGroup", "Failed", "w", &["w[0].s"]),
            ("w[0].s", "Pod", "Failed", "w", &["w[0].s.a", "w[0].s.b"]),
            ("w[0].s.a", "Container", "Succeeded", "w[0].s", &["w[0].s.b"]),
            ("w[0].s.b", "Container", "Failed", "w[0].s", &[]),
        ],
    );
    let done = selected(&set, "").unwrap();
    assert_eq!((left(&done), done.pods.len()), (vec!["w=Running".to_owned(), "w[0]=Running".to_owned()], 1));
}

#[test]
fn what_succeeded_runs_again_when_chosen() {
    let mut succeeded = workflow(
        "Succeeded",
        &[
            ("w", "Steps", "Succeeded", "", &["w[0]"]),
            ("w[0]", "StepGroup", "Succeeded", "w", &["w[0].a"]),
            ("w[0].a", "Suspend", "Succeeded", "w", &["w[1]"]),
            ("w[1]", "StepGroup", "Succeeded", "w", &["w[1].b"]),
            ("w[1].b", "Pod", "Succeeded", "w", &[]),
        ],
    );
    assert_eq!(selected(&succeeded, ""), Err(RetryError::Succeeded));
    assert_eq!(left(&selected(&succeeded, "name=w[1].b").unwrap()), ["w=Running", "w[0]=Succeeded", "w[0].a=Succeeded", "w[1]=Running"]);
    assert_eq!(left(&selected(&succeeded, "name=w[0].a").unwrap()), ["w=Running", "w[0]=Running"]);
    succeeded.status.phase = "Running".into();
    assert_eq!(selected(&succeeded, "name=w[0].a"), Err(RetryError::Phase { phase: "Running".into() }));
}

#[test]
fn a_pod_alone_starts_over_and_a_group_alone_is_judged_again() {
    assert_eq!(left(&selected(&workflow("Failed", &[("w", "Pod", "Failed", "", &[])]), "").unwrap()), [""; 0]);
    assert_eq!(left(&selected(&workflow("Error", &[("w", "DAG", "Error", "", &[])]), "").unwrap()), ["w=Running"]);
    assert_eq!(left(&selected(&workflow("Error", &[]), "").unwrap()), [""; 0]);
}
