//! Jobs: pods until so many have succeeded.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use serde_json::{Value, json};

use super::replicaset;
use super::world::{Key, World, active, controller, key, over, owned_by, phase, ready, reference};
use super::write::{Plan, Write};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Holds a pod until its end is counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
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
    pod.metadata.finalizers.get_or_insert_default().push(TRACKING.to_owned());
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

/// The numbers of such a text.
fn numbers(text: &str) -> BTreeSet<i32> {
    let bounds = |part: &str| {
        let (start, end) = part.split_once('-').unwrap_or((part, part));
        Some((start.parse::<i32>().ok()?, end.parse::<i32>().ok()?))
    };
    text.split(',').filter_map(bounds).flat_map(|(start, end)| start..=end).collect()
}

fn tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|name| name == TRACKING)
}

/// Lets a pod go whose end is counted, or never will be.
fn release(pod: &Pod) -> Write {
    let rest: Vec<&String> = pod.metadata.finalizers.iter().flatten().filter(|name| *name != TRACKING).collect();
    Write::patch(pod, json!({"metadata": {"uid": pod.metadata.uid, "finalizers": rest}}))
}

/// Lets the pods go of earlier jobs of a name, all but those of `uid`.
pub(crate) fn orphans(world: &World, key: &Key, uid: Option<&str>) -> Plan {
    let of_another = |pod: &&Arc<Pod>| {
        controller(&pod.metadata).is_some_and(|owner| owner.kind == "Job" && owner.name == key.1 && Some(owner.uid.as_str()) != uid)
    };
    let pods = world.pods.in_namespace(&key.0).filter(|pod| tracked(pod)).filter(of_another);
    Plan { writes: pods.map(|pod| release(pod)).collect(), wake_at: None }
}

/// Ends of pods: what is counted for good, and what is on its way from a pod's finalizer into the count. A pod's uid is written into the status
/// first, then its finalizer goes, then the uid becomes a number: so that none is counted twice or not at all, whenever this program ends.
struct Tally {
    counted: i32,
    uncounted: BTreeSet<String>,
}

impl Tally {
    fn new(counted: Option<i32>, uncounted: Option<&Vec<String>>, pods: &[&Arc<Pod>], ended: impl Fn(&Pod) -> bool) -> Self {
        let held: BTreeSet<&str> = pods.iter().filter(|pod| tracked(pod)).filter_map(|pod| pod.metadata.uid.as_deref()).collect();
        let (waiting, gone): (BTreeSet<&String>, Vec<&String>) = {
            let all = uncounted.into_iter().flatten();
            let (waiting, gone): (Vec<&String>, Vec<&String>) = all.partition(|uid| held.contains(uid.as_str()));
            (waiting.into_iter().collect(), gone)
        };
        let counted = counted.unwrap_or(0).saturating_add(i32::try_from(gone.len()).unwrap_or(i32::MAX));
        let new = pods.iter().filter(|pod| tracked(pod) && ended(pod)).filter_map(|pod| pod.metadata.uid.clone());
        Self { counted, uncounted: waiting.into_iter().cloned().chain(new).collect() }
    }

    fn total(&self) -> i32 {
        self.counted.saturating_add(i32::try_from(self.uncounted.len()).unwrap_or(i32::MAX))
    }
}

fn condition(kind: &str, reason: &str, message: &str, now: &Value) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastProbeTime": now, "lastTransitionTime": now})
}

/// The next step of a job.
pub(crate) fn plan(world: &World, job: &Job, now: Timestamp) -> Plan {
    let mut plan = orphans(world, &key(&job.metadata), job.metadata.uid.as_deref());
    let Some(spec) = &job.spec else { return plan };
    let managed = spec.managed_by.as_deref().is_some_and(|by| by != "kubernetes.io/job-controller");
    if managed {
        return plan;
    }
    let known = job.status.clone().unwrap_or_default();
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let pods: Vec<&Arc<Pod>> = world.pods.in_namespace(namespace).filter(|pod| owned_by(&pod.metadata, &job.metadata)).collect();
    let ended = has(job, "Complete") || has(job, "Failed");
    if ended || job.metadata.deletion_timestamp.is_some() {
        plan.writes.extend(pods.iter().filter(|pod| tracked(pod)).map(|pod| release(pod)));
    }
    if job.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    if ended {
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
    let suspended = spec.suspend == Some(true);
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let mut done: BTreeSet<i32> = pods.iter().filter(|pod| phase(pod) == "Succeeded").filter_map(|pod| index(pod)).collect();
    done.extend(numbers(known.completed_indexes.as_deref().unwrap_or_default()));
    // A pod that somebody deletes before its end has failed, but for those that a suspended job gives up.
    let going = |pod: &Pod| pod.metadata.deletion_timestamp.is_some() && !over(pod);
    let uncounted = known.uncounted_terminated_pods.clone().unwrap_or_default();
    let succeeded = Tally::new(known.succeeded, uncounted.succeeded.as_ref(), &pods, |pod| phase(pod) == "Succeeded");
    let failed = Tally::new(known.failed, uncounted.failed.as_ref(), &pods, |pod| phase(pod) == "Failed" || (!suspended && going(pod)));
    let letting_go: Vec<Write> = pods.iter().filter(|pod| tracked(pod) && (over(pod) || going(pod))).map(|pod| release(pod)).collect();
    let settled = succeeded.uncounted.is_empty() && failed.uncounted.is_empty();
    let mut waiting = json!({});
    for (name, tally, known) in [("succeeded", &succeeded, &uncounted.succeeded), ("failed", &failed, &uncounted.failed)] {
        if let Some(map) = waiting.as_object_mut() {
            if !tally.uncounted.is_empty() {
                map.insert(name.to_owned(), json!(tally.uncounted));
            } else if known.is_some() {
                // A merge patch leaves what it does not name.
                map.insert(name.to_owned(), Value::Null);
            }
        }
    }
    let counted = if indexed { i32::try_from(done.len()).unwrap_or(i32::MAX) } else { succeeded.counted };
    let (succeeded, failures) = (if indexed { counted } else { succeeded.total() }, failed.total());
    let failed_counted = failed.counted;
    let failed = failures;
    let running: Vec<&Arc<Pod>> = pods.iter().copied().filter(|pod| active(pod)).collect();
    let time = json!(Timestamp::from_second(now.as_second()).unwrap_or(now));
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
        "succeeded": counted, "failed": failed_counted, "ready": running.iter().filter(|pod| ready(pod)).count(), "active": running.len(),
        "terminating": pods.iter().filter(|pod| going(pod)).count(), "uncountedTerminatedPods": waiting,
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
    let mut conditions: Vec<Value> = known.conditions.iter().flatten().map(|condition| json!(condition)).collect();
    let mut say_suspended = |status: &str, reason: &str, message: &str| {
        let mut fresh = condition("Suspended", reason, message, &time);
        if let Some(map) = fresh.as_object_mut() {
            map.insert("status".to_owned(), status.into());
        }
        match conditions.iter_mut().find(|condition| condition.get("type") == Some(&json!("Suspended"))) {
            Some(known) if known.get("status") == Some(&json!(status)) => {}
            Some(known) => *known = fresh,
            None => conditions.push(fresh),
        }
    };
    if suspended {
        say_suspended("True", "JobSuspended", "Job suspended");
    } else if has(job, "Suspended") {
        say_suspended("False", "JobResumed", "Job resumed");
    }
    let end_pods = |plan: &mut Plan| plan.writes.extend(running.iter().map(|pod| Write::delete(pod.as_ref())));
    if let Some((reason, message)) = failure {
        end_pods(&mut plan);
        if running.is_empty() && settled {
            conditions.retain(|condition| condition.get("type") != Some(&json!("FailureTarget")));
            conditions.push(condition("FailureTarget", reason, message, &time));
            conditions.push(condition("Failed", reason, message, &time));
            set("conditions", json!(conditions));
        }
    } else if complete {
        end_pods(&mut plan);
        if running.is_empty() && settled {
            let message = "Reached expected number of succeeded pods";
            conditions.push(condition("SuccessCriteriaMet", "CompletionsReached", message, &time));
            conditions.push(condition("Complete", "CompletionsReached", message, &time));
            set("conditions", json!(conditions));
            set("completionTime", time);
        }
    } else if suspended {
        end_pods(&mut plan);
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
    plan.writes.extend(letting_go);
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
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "d", "uid": name, "annotations": {INDEX: index.to_string()}, "finalizers": [TRACKING],
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j", "controller": true}]},
            "status": {"phase": phase}}))
        .unwrap()
    }

    /// Carries out what is planned until nothing changes; how many pods were made, and the conditions in the end.
    fn settle(world: &mut World, job: &mut Job) -> (usize, Vec<String>) {
        let mut creates = 0;
        for _ in 0..5 {
            let plan = plan(world, job, Timestamp::from_second(1000).unwrap());
            creates = creates.max(plan.writes.iter().filter(|write| matches!(write, Write::Create { .. })).count());
            for write in plan.writes {
                match write {
                    Write::Status { patch, .. } => {
                        let mut value = json!(job);
                        argo_core::patch::merge::apply(&mut value, &patch);
                        *job = serde_json::from_value(value).unwrap();
                    }
                    Write::Patch { key, .. } => world.pods.change(&key, |pod| pod.metadata.finalizers = None),
                    _ => {}
                }
            }
        }
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        (creates, conditions.map(|condition| condition.type_.clone()).collect())
    }

    #[test]
    fn parallel_to_completion() {
        let mut world = World::default();
        let mut work = job(json!({"parallelism": 2, "completions": 3}));
        assert_eq!(settle(&mut world, &mut work), (2, vec![]));
        world.pods.put(pod("a", "Succeeded", 0));
        world.pods.put(pod("b", "Succeeded", 0));
        assert_eq!(settle(&mut world, &mut work).0, 1);
        // What is counted stays counted when its pod is gone.
        for name in ["a", "b"] {
            let gone = world.pods.get(&("d".to_owned(), name.to_owned())).unwrap().as_ref().clone();
            assert!(!tracked(&gone));
            world.pods.forget(&gone);
        }
        assert_eq!(work.status.as_ref().unwrap().succeeded, Some(2));
        world.pods.put(pod("c", "Succeeded", 0));
        assert_eq!(settle(&mut world, &mut work), (0, vec!["SuccessCriteriaMet".to_owned(), "Complete".to_owned()]));
        assert_eq!(work.status.unwrap().succeeded, Some(3));
    }

    #[test]
    fn too_many_failures() {
        let mut world = World::default();
        world.pods.put(pod("a", "Failed", 0));
        assert_eq!(settle(&mut world, &mut job(json!({"backoffLimit": 0}))).1, ["FailureTarget", "Failed"]);
    }

    #[test]
    fn pods_of_a_job_that_is_gone_are_let_go() {
        let mut world = World::default();
        world.pods.put(pod("a", "Running", 0));
        let key = ("d".to_owned(), "j".to_owned());
        assert_eq!(orphans(&world, &key, None).writes.len(), 1);
        assert_eq!(orphans(&world, &key, Some("j")).writes.len(), 0);
    }

    #[test]
    fn indexes() {
        let mut world = World::default();
        world.pods.put(pod("a", "Succeeded", 0));
        world.pods.put(pod("b", "Running", 2));
        let mut work = job(json!({"parallelism": 9, "completions": 4, "completionMode": "Indexed"}));
        assert_eq!(settle(&mut world, &mut work).0, 2);
        assert_eq!(numbers("0-2,4"), [0, 1, 2, 4].into());
        assert_eq!(ranges(&[0, 1, 2, 4, 6, 7].into()), "0-2,4,6,7");
    }
}
