//! The workflow engine alone: what an event costs, and what a fan-out of N pods costs from submission to its end.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use argo_core::workflows::{NodeResult, Workflow};
use argo_dag::library::Empty;
use argo_dag::{ContainerSeen, ContainerState, Effect, PodSeen, RunConfig, TaskEvent, WorkflowRun};
use jiff::Timestamp;
use serde_json::json;

fn fan_out(width: usize) -> Workflow {
    serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "bench", "namespace": "default", "uid": "u"},
        "spec": {"entrypoint": "main", "templates": [
            {"name": "main", "dag": {"tasks": [{
                "name": "t", "template": "work", "withSequence": {"count": width.to_string()},
                "arguments": {"parameters": [{"name": "i", "value": "{{item}}"}]},
            }]}},
            {"name": "work", "inputs": {"parameters": [{"name": "i"}]},
             "container": {"image": "busybox", "command": ["sh", "-c"], "args": ["echo {{inputs.parameters.i}}"]}},
        ]},
    }))
    .unwrap()
}

fn pod(node: &str, name: &str, phase: &str) -> TaskEvent {
    let state = match phase {
        "Running" => ContainerState::Running { started_at: None },
        _ => ContainerState::Terminated {
            exit_code: 0,
            reason: "Completed".to_owned(),
            message: String::new(),
            started_at: None,
            finished_at: None,
        },
    };
    let containers = ["wait", "main"].map(|name| ContainerSeen { name: name.to_owned(), state: state.clone() });
    TaskEvent::Pod(Box::new(PodSeen {
        name: name.to_owned(),
        node_id: node.to_owned(),
        phase: phase.to_owned(),
        containers: containers.into(),
        ..PodSeen::default()
    }))
}

fn drain(run: &mut WorkflowRun, started: &mut VecDeque<(String, String)>) {
    while let Some(keyed) = run.poll_effect() {
        if let Effect::CreatePod { node_id, pod } = keyed.effect {
            let name = pod.pointer("/metadata/name").and_then(|n| n.as_str()).unwrap_or_default().to_owned();
            started.push_back((node_id, name));
        }
    }
}

/// Bytes of memory of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|s| s.split_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}

fn main() {
    for width in [1_000, 5_000, 10_000, 100_000] {
        let workflow = fan_out(width);
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let before = resident();
        let begin = Instant::now();
        let mut run = WorkflowRun::load(&workflow, Arc::new(Empty), Arc::new(RunConfig::default()), now).unwrap();
        let mut started = VecDeque::new();
        run.handle(TaskEvent::Tick, now);
        drain(&mut run, &mut started);
        run.take_patch();
        let submitted = begin.elapsed();
        let events = Instant::now();
        let mut handled = 0_u32;
        while let Some((node, name)) = started.pop_front() {
            let done = TaskEvent::TaskResult { node_id: node.clone(), result: Box::new(NodeResult::default()), completed: true };
            for event in [pod(&node, &name, "Running"), done, pod(&node, &name, "Succeeded")] {
                run.handle(event, now);
                drain(&mut run, &mut started);
                run.take_patch();
                handled = handled.saturating_add(1);
            }
        }
        let elapsed = events.elapsed();
        // With everything that the run keeps beside the status; below it what the nodes' JSON takes.
        let bytes = resident().saturating_sub(before) / width;
        let json_bytes = serde_json::to_vec(&run.workflow().status.nodes).unwrap().len() / width;
        let line = json!({
            "bench": "fan-out", "nodes": width, "phase": run.phase(), "start_ms": submitted.as_millis(), "events": handled,
            "events_per_s": (f64::from(handled) / elapsed.as_secs_f64()).round(), "bytes_per_node": bytes, "json_bytes_per_node": json_bytes,
            "us_per_event": elapsed.as_micros() / u128::from(handled.max(1)), "total_ms": begin.elapsed().as_millis(),
            "upstream_cpu_ms": match width { 1_000 => Some(3_700), 5_000 => Some(56_400), _ => None },
        });
        println!("{line}");
    }
}
