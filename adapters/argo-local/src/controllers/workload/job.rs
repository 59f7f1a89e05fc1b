//! Jobs: pods until so many have succeeded.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use serde_json::{Value, json};

use super::replicaset;
use super::world::{World, active, owned_by, phase, ready, reference};
use super::write::{Plan, Write};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Wait after a failure, doubled with each, as upstream.
const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_BACK_OFF: SignedDuration = SignedDuration::from_secs(600);

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn index(pod: &Pod) -> Option<i32> {
    pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok()
}

fn finished_at(pod: &Pod) -> Option<Timestamp> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().filter_map(|status| Some(status.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref()?.0)).max()
}

fn has(job: &Job, kind: &str) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == kind && condition.status == "True")
}

fn new_pod(job: &Job, spec: &JobSpec, index: Option<i32>) -> Option<Write> {
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let name = job.metadata.name.clone().unwrap_or_default();
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let prefix = index.map_or(name.clone(), |index| format!("{name}-{index}"));
    let mut pod = replicaset::pod(Some(&spec.template), namespace, &prefix, reference(job));
    let labels = pod.metadata.labels.get_or_insert_default();
    for (key, value) in [
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
    ] {
        labels.entry(key.to_owned()).or_insert_with(|| value.clone());
    }
    if let Some(index) = index {
        labels.insert(INDEX.to_owned(), index.to_string());
        pod.metadata.annotations.get_or_insert_default().insert(INDEX.to_owned(), index.to_string());
        let spec = pod.spec.get_or_insert_default();
        spec.hostname = Some(prefix.clone());
        let field = ObjectFieldSelector { api_version: None, field_path: format!("metadata.annotations['{INDEX}']") };
        let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
        let variable = EnvVar { name: "JOB_COMPLETION_INDEX".to_owned(), value: None, value_from: Some(source) };
        let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
        containers.for_each(|container| container.env.get_or_insert_default().push(variable.clone()));
    }
    Write::create(&pod)
}

/// Numbers as upstream writes them: `0-2,4`.
fn ranges(numbers: &BTreeSet<i32>) -> String {
    let mut parts: Vec<(i32, i32)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(*number) => *end = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let text: Vec<String> = parts
        .into_iter()
        .map(|(start, end)| match end.saturating_sub(start) {
            0 => start.to_string(),
            1 => format!("{start},{end}"),
            _ => format!("{start}-{end}"),
        })
        .collect();
    text.join(",")
}

fn condition(kind: &str, reason: &str, message: &str, now: &Value) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastProbeTime": now, "lastTransitionTime": now})
}

/// The next step of a job.
pub(crate) fn plan(world: &World, job: &Job, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let Some(spec) = &job.spec else { return plan };
    let managed = spec.managed_by.as_deref().is_some_and(|by| by != "kubernetes.io/job-controller");
    if job.metadata.deletion_timestamp.is_some() || managed {
        return plan;
    }
    let known = job.status.clone().unwrap_or_default();
    if has(job, "Complete") || has(job, "Failed") {
        if let Some(ttl) = spec.ttl_seconds_after_finished {
            let conditions =
                known.conditions.iter().flatten().filter(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed"));
            let since = conditions.filter_map(|condition: &JobCondition| condition.last_transition_time.as_ref().map(|time| time.0)).max();
            let due = later(since.unwrap_or(now), SignedDuration::from_secs(ttl.into()));
            if due <= now {
                plan.writes.push(Write::delete(job));
            } else {
                plan.wake(Some(due));
            }
        }
        return plan;
    }
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let pods: Vec<&Arc<Pod>> = world.pods.in_namespace(namespace).filter(|pod| owned_by(&pod.metadata, &job.metadata)).collect();
    let count = |wanted: &str| i32::try_from(pods.iter().filter(|pod| phase(pod) == wanted).count()).unwrap_or(i32::MAX);
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let done: BTreeSet<i32> = pods.iter().filter(|pod| phase(pod) == "Succeeded").filter_map(|pod| index(pod)).collect();
    // Pods that somebody removed stay counted.
    let failed = count("Failed").max(known.failed.unwrap_or(0));
    let succeeded = if indexed { i32::try_from(done.len()).unwrap_or(i32::MAX) } else { count("Succeeded") };
    let succeeded = succeeded.max(known.succeeded.unwrap_or(0));
    let running: Vec<&Arc<Pod>> = pods.iter().copied().filter(|pod| active(pod)).collect();
    let time = json!(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let suspended = spec.suspend == Some(true);
    let start = known.start_time.as_ref().map(|time| time.0);
    let parallelism = spec.parallelism.unwrap_or(1).max(0);
    let completions = spec.completions;
    let restarts = running.iter().flat_map(|pod| pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()));
    let restarts = restarts.map(|status| status.restart_count).fold(0, i32::saturating_add);
    let deadline = spec.active_deadline_seconds.and_then(|seconds| Some(later(start?, SignedDuration::from_secs(seconds))));
    let failure = if failed.saturating_add(restarts) > spec.backoff_limit.unwrap_or(6) {
        Some(("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    } else if !suspended && deadline.is_some_and(|deadline| deadline <= now) {
        Some(("DeadlineExceeded", "Job was active longer than specified deadline"))
    } else {
        None
    };
    let complete = match completions {
        Some(completions) => succeeded >= completions,
        None => succeeded > 0 && running.is_empty(),
    };
    let mut status = json!({
        "succeeded": succeeded, "failed": failed, "ready": running.iter().filter(|pod| ready(pod)).count(), "active": running.len(),
    });
    let mut set = |name: &str, value: Value| {
        if let Some(status) = status.as_object_mut() {
            status.insert(name.to_owned(), value);
        }
    };
    if start.is_none() && !suspended {
        set("startTime", time.clone());
    }
    if indexed {
        set("completedIndexes", json!(ranges(&done)));
    }
    let others = known.conditions.iter().flatten().filter(|condition| condition.type_ != "Suspended").map(|condition| json!(condition));
    let mut conditions: Vec<Value> = others.collect();
    let end_pods = |plan: &mut Plan| plan.writes.extend(running.iter().map(|pod| Write::delete(pod.as_ref())));
    if let Some((reason, message)) = failure {
        end_pods(&mut plan);
        if running.is_empty() {
            conditions.retain(|condition| condition.get("type") != Some(&json!("FailureTarget")));
            conditions.push(condition("FailureTarget", reason, message, &time));
            conditions.push(condition("Failed", reason, message, &time));
            set("conditions", json!(conditions));
        }
    } else if complete {
        end_pods(&mut plan);
        if running.is_empty() {
            let message = "Reached expected number of succeeded pods";
            conditions.push(condition("SuccessCriteriaMet", "CompletionsReached", message, &time));
            conditions.push(condition("Complete", "CompletionsReached", message, &time));
            set("conditions", json!(conditions));
            set("completionTime", time);
        }
    } else if suspended {
        end_pods(&mut plan);
        let was = known.conditions.iter().flatten().find(|condition| condition.type_ == "Suspended" && condition.status == "True");
        conditions.push(was.map_or_else(|| condition("Suspended", "JobSuspended", "Job suspended", &time), |was| json!(was)));
        set("conditions", json!(conditions));
        set("startTime", Value::Null);
    } else {
        if known.conditions.iter().flatten().any(|condition| condition.type_ == "Suspended") {
            set("conditions", json!(conditions));
        }
        plan.wake(deadline);
        let left = completions.map_or(if succeeded > 0 { 0 } else { parallelism }, |completions| completions.saturating_sub(succeeded));
        let size = i32::try_from(running.len()).unwrap_or(i32::MAX);
        let room = parallelism.min(if completions.is_none() && succeeded > 0 { size } else { left }).saturating_sub(size);
        let last_failure = pods.iter().filter(|pod| phase(pod) == "Failed").filter_map(|pod| finished_at(pod)).max();
        let times = u32::try_from(failed.saturating_sub(1)).unwrap_or(0).min(16);
        let wait = FIRST_BACK_OFF.saturating_mul(2_i32.saturating_pow(times)).min(LONGEST_BACK_OFF);
        let calm = last_failure.filter(|_| failed > 0).map(|last| later(last, wait)).filter(|calm| *calm > now);
        if room > 0 && calm.is_some() {
            plan.wake(calm);
        } else if room > 0 && indexed {
            let taken: BTreeSet<i32> = running.iter().filter_map(|pod| index(pod)).chain(done).collect();
            let free = (0..completions.unwrap_or(0)).filter(|index| !taken.contains(index));
            let free = free.take(usize::try_from(room).unwrap_or(0));
            plan.writes.extend(free.filter_map(|index| new_pod(job, spec, Some(index))));
        } else if room > 0 {
            plan.writes.extend((0..room).filter_map(|_| new_pod(job, spec, None)));
        } else if room < 0 {
            let surplus = usize::try_from(room.saturating_neg()).unwrap_or(0);
            plan.writes.extend(running.iter().rev().take(surplus).map(|pod| Write::delete(pod.as_ref())));
        }
    }
    plan.writes.extend(Write::status(job, status));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(spec: Value) -> Job {
        let mut spec = spec;
        spec["template"] = json!({"spec": {"containers": [{"name": "c"}], "restartPolicy": "Never"}});
        serde_json::from_value(json!({"metadata": {"name": "j", "namespace": "d", "uid": "j"}, "spec": spec})).unwrap()
    }

    fn pod(name: &str, phase: &str, index: i32) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "d", "uid": name, "annotations": {INDEX: index.to_string()},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j", "controller": true}]},
            "status": {"phase": phase}}))
        .unwrap()
    }

    fn summary(world: &World, job: &Job) -> (usize, Vec<String>) {
        let plan = plan(world, job, Timestamp::from_second(1000).unwrap());
        let creates = plan.writes.iter().filter(|write| matches!(write, Write::Create { .. })).count();
        let status =
            plan.writes.iter().find_map(|write| if let Write::Status { patch, .. } = write { Some(patch["status"].clone()) } else { None });
        let conditions = status.unwrap_or_default()["conditions"].as_array().cloned().unwrap_or_default();
        (creates, conditions.iter().map(|condition| condition["type"].as_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn parallel_to_completion() {
        let mut world = World::default();
        let work = job(json!({"parallelism": 2, "completions": 3}));
        assert_eq!(summary(&world, &work), (2, vec![]));
        world.pods.put(pod("a", "Succeeded", 0));
        world.pods.put(pod("b", "Succeeded", 0));
        assert_eq!(summary(&world, &work).0, 1);
        world.pods.put(pod("c", "Succeeded", 0));
        assert_eq!(summary(&world, &work), (0, vec!["SuccessCriteriaMet".to_owned(), "Complete".to_owned()]));
    }

    #[test]
    fn too_many_failures() {
        let mut world = World::default();
        world.pods.put(pod("a", "Failed", 0));
        assert_eq!(summary(&world, &job(json!({"backoffLimit": 0}))).1, ["FailureTarget", "Failed"]);
    }

    #[test]
    fn indexes() {
        let mut world = World::default();
        world.pods.put(pod("a", "Succeeded", 0));
        world.pods.put(pod("b", "Running", 2));
        let work = job(json!({"parallelism": 9, "completions": 4, "completionMode": "Indexed"}));
        assert_eq!(summary(&world, &work).0, 2);
        assert_eq!(ranges(&[0, 1, 2, 4, 6, 7].into()), "0-2,4,6,7");
    }
}
