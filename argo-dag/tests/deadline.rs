//! What a deadline ends that nobody else would.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use argo_dag::library::Empty;
use argo_dag::{Effect, RunConfig, TaskEvent, WorkflowRun};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

#[test]
fn a_pod_that_no_machine_takes_goes_with_its_workflow() {
    let workflow = serde_json::from_value(json!({
        "metadata": {"name": "w", "namespace": "default", "uid": "1"},
        "spec": {"entrypoint": "main", "activeDeadlineSeconds": 30, "templates": [
            {"name": "main", "container": {"image": "alpine", "command": ["true"]}},
        ]},
    }))
    .unwrap();
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut run = WorkflowRun::load(&workflow, Arc::new(Empty), Arc::new(RunConfig::default()), begin).unwrap();
    run.handle(TaskEvent::Tick, begin);
    assert!(std::iter::from_fn(|| run.poll_effect()).any(|keyed| matches!(keyed.effect, Effect::CreatePod { .. })));
    let pod = argo_dag::pod::seen(&json!({
        "metadata": {"name": "w", "labels": {"workflows.argoproj.io/workflow": "w"}, "annotations": {"workflows.argoproj.io/node-id": "w"}},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]},
    }));
    run.handle(TaskEvent::Pod(Box::new(pod.unwrap())), begin + SignedDuration::from_secs(1));
    assert_eq!(run.phase(), "Running");
    run.handle(TaskEvent::Tick, begin + SignedDuration::from_secs(30));
    assert!(std::iter::from_fn(|| run.poll_effect()).any(|keyed| matches!(keyed.effect, Effect::DeletePod { .. })));
    assert_eq!(run.phase(), "Failed");
}
