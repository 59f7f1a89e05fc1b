//! StatefulSets: numbered pods with claims of their own, one after the other.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Pod, Volume};
use serde_json::json;

use super::world::{World, available, over, owned_by, ready, reference};
use super::write::{Plan, Write};
use super::{replicaset, revisions};

const REVISION: &str = "controller-revision-hash";

fn ordinal(pod: &Pod, set: &str) -> Option<i32> {
    pod.metadata.name.as_deref()?.strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

fn revision(pod: &Pod) -> Option<&String> {
    pod.metadata.labels.as_ref()?.get(REVISION)
}

/// Pod and claims of a number.
fn member(world: &World, set: &StatefulSet, spec: &StatefulSetSpec, number: i32, revision: &str, plan: &mut Plan) {
    let template = revisions::template(world, set, revision);
    let namespace = set.metadata.namespace.clone().unwrap_or_default();
    let set_name = set.metadata.name.clone().unwrap_or_default();
    let name = format!("{set_name}-{number}");
    let mut pod = replicaset::pod(Some(template.as_ref().unwrap_or(&spec.template)), &namespace, &set_name, reference(set));
    pod.metadata.generate_name = Some(format!("{set_name}-"));
    pod.metadata.name = Some(name.clone());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(REVISION.to_owned(), revision.to_owned());
    labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), name.clone());
    labels.insert("apps.kubernetes.io/pod-index".to_owned(), number.to_string());
    let inner = pod.spec.get_or_insert_default();
    inner.hostname = Some(name.clone());
    inner.subdomain = spec.service_name.clone();
    for template in spec.volume_claim_templates.iter().flatten() {
        let volume = template.metadata.name.clone().unwrap_or_default();
        let mut claim = template.clone();
        let claim_name = format!("{volume}-{name}");
        claim.metadata.name = Some(claim_name.clone());
        claim.metadata.namespace = Some(namespace.clone());
        claim.status = None;
        claim.metadata.labels.get_or_insert_default().extend(spec.selector.match_labels.clone().unwrap_or_default());
        if world.claims.get(&(namespace.clone(), claim_name.clone())).is_none() {
            plan.writes.extend(Write::create(&claim));
        }
        let volumes = inner.volumes.get_or_insert_default();
        volumes.retain(|known| known.name != volume);
        let source = PersistentVolumeClaimVolumeSource { claim_name, read_only: None };
        volumes.push(Volume { name: volume, persistent_volume_claim: Some(source), ..Volume::default() });
    }
    plan.writes.extend(Write::create(&pod));
}

/// The next step of a set.
pub(crate) fn plan(world: &World, set: &StatefulSet, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let spec = &set.spec;
    if set.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let first = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
    let replicas = spec.replicas.unwrap_or(1).max(0);
    let end = first.saturating_add(replicas);
    let parallel = spec.pod_management_policy.as_deref() == Some("Parallel");
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    let partition = strategy.rolling_update.as_ref().and_then(|rolling| rolling.partition).unwrap_or(0);
    let rolls = strategy.type_.as_deref() != Some("OnDelete");
    let min_ready = spec.min_ready_seconds.unwrap_or(0);
    let known = set.status.clone().unwrap_or_default();
    let update = revisions::wanted(set);
    let current = known.current_revision.clone().filter(|revision| !revision.is_empty()).unwrap_or_else(|| update.clone());
    let mut pods: Vec<(i32, &Arc<Pod>)> = world
        .pods
        .in_namespace(namespace)
        .filter(|pod| owned_by(&pod.metadata, &set.metadata))
        .filter_map(|pod| Some((ordinal(pod, name)?, pod)))
        .collect();
    pods.sort_by_key(|(number, _)| *number);
    let live: Vec<&str> = pods.iter().filter_map(|(_, pod)| revision(pod)).map(String::as_str).chain([&*current, &*update]).collect();
    revisions::keep(world, set, &live, &mut plan);
    let find = |number: i32| pods.iter().find(|(known, _)| *known == number).map(|(_, pod)| *pod);
    let mut calm = true;
    for number in first..end {
        match find(number) {
            None => {
                // Below the partition a missing pod comes back as it was.
                member(world, set, spec, number, if number < partition { &current } else { &update }, &mut plan);
                calm = false;
            }
            Some(pod) if over(pod) && pod.metadata.deletion_timestamp.is_none() => {
                plan.writes.push(Write::delete(pod.as_ref()));
                calm = false;
            }
            Some(pod) => match available(pod, min_ready, now) {
                Ok(()) if pod.metadata.deletion_timestamp.is_none() => {}
                Ok(()) => calm = false,
                Err(at) => {
                    plan.wake(at);
                    calm = false;
                }
            },
        }
        if !calm && !parallel {
            break;
        }
    }
    let beyond: Vec<&Arc<Pod>> = pods.iter().rev().filter(|(number, _)| *number >= end || *number < first).map(|(_, pod)| *pod).collect();
    if calm || parallel {
        for pod in &beyond {
            if pod.metadata.deletion_timestamp.is_none() {
                plan.writes.push(Write::delete(pod.as_ref()));
            }
            if !parallel {
                break;
            }
        }
    }
    if rolls && calm && beyond.is_empty() {
        let outdated = pods.iter().rev().find(|(number, pod)| *number >= first.saturating_add(partition) && revision(pod) != Some(&update));
        if let Some((_, pod)) = outdated.filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none()) {
            plan.writes.push(Write::delete(pod.as_ref()));
        }
    } else if rolls && !calm {
        // One that will never be ready must not hold up its own replacement.
        let stuck = pods
            .iter()
            .rev()
            .find(|(number, pod)| *number >= first.saturating_add(partition) && !ready(pod) && revision(pod) != Some(&update));
        if let Some((_, pod)) = stuck.filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none() && !over(pod)) {
            plan.writes.push(Write::delete(pod.as_ref()));
        }
    }
    let count = |test: &dyn Fn(&Pod) -> bool| pods.iter().filter(|(_, pod)| test(pod)).count();
    let updated = count(&|pod| revision(pod) == Some(&update));
    let available_now = count(&|pod| available(pod, min_ready, now).is_ok());
    let complete = usize::try_from(replicas) == Ok(updated) && available_now == updated && pods.len() == updated;
    let current = if complete { update.clone() } else { current };
    plan.writes.extend(Write::status(
        set,
        json!({
            "observedGeneration": set.metadata.generation, "replicas": pods.len(), "readyReplicas": count(&ready), "availableReplicas": available_now,
            "currentReplicas": count(&|pod| revision(pod) == Some(&current)), "updatedReplicas": updated,
            "currentRevision": current, "updateRevision": update, "collisionCount": known.collision_count.unwrap_or(0),
        }),
    ));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> StatefulSet {
        serde_json::from_value(
            json!({"metadata": {"name": "db", "namespace": "d", "uid": "s"}, "spec": {"replicas": 2, "serviceName": "db",
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}}),
        )
        .unwrap()
    }

    #[test]
    fn one_after_the_other() {
        let mut world = World::default();
        let made = |world: &World| {
            let plan = plan(world, &set(), Timestamp::UNIX_EPOCH);
            let name = |write: &Write| if let Write::Create { object, .. } = write { Some(object.clone()) } else { None };
            plan.writes.iter().filter_map(name).collect::<Vec<_>>()
        };
        let first = made(&world);
        let names: Vec<_> = first.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(names[1..], ["data-db-0", "db-0"]);
        assert_eq!(names[0], revisions::wanted(&set()));
        world.revisions.put(serde_json::from_value(first[0].clone()).unwrap());
        let mut pod: Pod = serde_json::from_value(first[2].clone()).unwrap();
        world.pods.put(pod.clone());
        assert!(made(&world).is_empty());
        pod.status = serde_json::from_value(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})).unwrap();
        world.pods.put(pod);
        assert_eq!(made(&world)[1]["metadata"]["name"], "db-1");
    }
}
