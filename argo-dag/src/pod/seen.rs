//! Reading a pod as the API has it.

use argo_core::meta::Time;
use serde_json::Value;

use super::build::{NODE_ID_ANNOTATION, WORKFLOW_LABEL};
use crate::event::{ContainerSeen, ContainerState, PodSeen};

pub(super) fn seen(pod: &Value) -> Option<PodSeen> {
    let metadata = pod.get("metadata")?;
    metadata.get("labels")?.get(WORKFLOW_LABEL)?.as_str()?;
    let name = text(metadata, "name");
    let annotation = |key: &str| metadata.get("annotations").map(|a| text(a, key)).unwrap_or_default();
    let node_id = Some(annotation(NODE_ID_ANNOTATION)).filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone());
    let empty = Value::Null;
    let status = pod.get("status").unwrap_or(&empty);
    let phase = text(status, "phase");
    let (mut reason, mut message) = (text(status, "reason"), text(status, "message"));
    if let Some(condition) = list(status, "conditions").iter().find(|c| text(c, "reason") == super::UNSCHEDULABLE)
        && phase == "Pending"
        && reason.is_empty()
        && message.is_empty()
    {
        reason = text(condition, "reason");
        message = text(condition, "message");
    }
    let statuses = list(status, "containerStatuses");
    Some(PodSeen {
        uid: text(metadata, "uid"),
        node_id,
        ready: !statuses.is_empty() && statuses.iter().all(|c| c.get("ready").and_then(Value::as_bool) == Some(true)),
        deleting: metadata.get("deletionTimestamp").is_some_and(|t| !t.is_null()),
        progress: annotation("workflows.argoproj.io/progress"),
        init_containers: list(status, "initContainerStatuses").iter().map(container).collect(),
        containers: statuses.iter().map(container).collect(),
        created: time(metadata, "creationTimestamp"),
        ip: text(status, "podIP"),
        host: pod.get("spec").map(|s| text(s, "nodeName")).unwrap_or_default(),
        name,
        phase: if phase.is_empty() { "Pending".to_owned() } else { phase },
        reason,
        message,
    })
}

fn container(status: &Value) -> ContainerSeen {
    let state = status.get("state");
    let part = |key: &str| state.and_then(|s| s.get(key)).filter(|s| !s.is_null());
    let state = if let Some(t) = part("terminated") {
        ContainerState::Terminated {
            exit_code: t.get("exitCode").and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok()).unwrap_or_default(),
            reason: text(t, "reason"),
            message: text(t, "message"),
            started_at: time(t, "startedAt"),
            finished_at: time(t, "finishedAt"),
        }
    } else if let Some(r) = part("running") {
        ContainerState::Running { started_at: time(r, "startedAt") }
    } else {
        let waiting = part("waiting");
        let word = |key: &str| waiting.map(|w| text(w, key)).unwrap_or_default();
        ContainerState::Waiting { reason: word("reason"), message: word("message") }
    };
    ContainerSeen { name: text(status, "name"), state }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn time(value: &Value, key: &str) -> Option<Time> {
    serde_json::from_value(value.get(key)?.clone()).ok()
}
