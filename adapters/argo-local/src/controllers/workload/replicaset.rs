//! ReplicaSets: so many pods of a template, no more and no fewer.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::json;

use super::world::{World, active, available, controller, fits, owned_by, phase, ready, ready_since, reference};
use super::write::{Plan, Write};

/// A pod of a template.
pub(crate) fn pod(template: Option<&PodTemplateSpec>, namespace: &str, prefix: &str, owner: OwnerReference) -> Pod {
    let template = template.cloned().unwrap_or_default();
    let mut pod = Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
    pod.metadata.namespace = Some(namespace.to_owned());
    pod.metadata.generate_name = Some(format!("{prefix}-"));
    pod.metadata.name = None;
    pod.metadata.owner_references = Some(vec![owner]);
    pod
}

/// Lower is deleted first; upstream's order.
fn worth(pod: &Pod) -> (bool, u8, bool, i64, Reverse<Timestamp>, Reverse<i32>, Reverse<Timestamp>) {
    let cost = pod.metadata.annotations.as_ref().and_then(|map| map.get("controller.kubernetes.io/pod-deletion-cost"));
    let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref().is_some_and(|name| !name.is_empty()));
    let rank = match phase(pod) {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    };
    let restarts = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let restarts = restarts.into_iter().map(|status| status.restart_count).max().unwrap_or(0);
    let created = pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let since = Reverse(ready_since(pod).unwrap_or(Timestamp::UNIX_EPOCH));
    let cost = cost.and_then(|text| text.parse().ok()).unwrap_or(0);
    (bound, rank, ready(pod), cost, since, Reverse(restarts), Reverse(created))
}

/// Takes pods that fit a selector and have no controller; lets those go that do not fit any more.
pub(crate) fn adopt(world: &World, set: &ReplicaSet, plan: &mut Plan) {
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let spec = &set.spec;
    for pod in world.pods.in_namespace(namespace).filter(|pod| active(pod)) {
        let fit = fits(&spec.selector, pod.metadata.labels.as_ref());
        if fit && controller(&pod.metadata).is_none() {
            let owners: Vec<_> = pod.metadata.owner_references.iter().flatten().cloned().chain([reference(set)]).collect();
            let patch =
                json!({"metadata": {"uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version, "ownerReferences": owners}});
            plan.writes.push(Write::patch(pod.as_ref(), patch));
        } else if !fit && owned_by(&pod.metadata, &set.metadata) {
            let owners = pod.metadata.owner_references.iter().flatten().filter(|owner| Some(&owner.uid) != set.metadata.uid.as_ref());
            let owners: Vec<_> = owners.cloned().collect();
            let patch = json!({"metadata": {"uid": pod.metadata.uid, "ownerReferences": owners}});
            plan.writes.push(Write::patch(pod.as_ref(), patch));
        }
    }
}

/// Brings the set's pods to their number and its status up to date.
pub(crate) fn plan(world: &World, set: &ReplicaSet, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let spec = &set.spec;
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let own = world.pods.in_namespace(namespace).filter(|pod| owned_by(&pod.metadata, &set.metadata));
    let mut pods: Vec<Arc<Pod>> = own.filter(|pod| active(pod) && fits(&spec.selector, pod.metadata.labels.as_ref())).cloned().collect();
    let wanted = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0);
    if set.metadata.deletion_timestamp.is_none() {
        adopt(world, set, &mut plan);
        for _ in pods.len()..wanted {
            plan.writes.extend(Write::create(&pod(spec.template.as_ref(), namespace, name, reference(set))));
        }
        if pods.len() > wanted {
            pods.sort_by_key(|pod| worth(pod));
            let surplus = pods.len().saturating_sub(wanted);
            plan.writes.extend(pods.iter().take(surplus).map(|pod| Write::delete(pod.as_ref())));
        }
    }
    let min_ready = spec.min_ready_seconds.unwrap_or(0);
    let labels =
        spec.template.as_ref().and_then(|template| template.metadata.as_ref()).and_then(|meta| meta.labels.clone()).unwrap_or_default();
    let labelled = pods.iter().filter(|pod| {
        let own = pod.metadata.labels.clone().unwrap_or_default();
        labels.iter().all(|(name, value)| own.get(name) == Some(value))
    });
    let mut usable = 0;
    for pod in &pods {
        match available(pod, min_ready, now) {
            Ok(()) => usable += 1,
            Err(at) => plan.wake(at),
        }
    }
    let status = json!({
        "replicas": pods.len(), "fullyLabeledReplicas": labelled.count(), "readyReplicas": pods.iter().filter(|pod| ready(pod)).count(),
        "availableReplicas": usable, "observedGeneration": set.metadata.generation,
    });
    plan.writes.extend(Write::status(set, status));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(replicas: i32) -> ReplicaSet {
        serde_json::from_value(
            json!({"metadata": {"name": "web", "namespace": "d", "uid": "s", "generation": 1}, "spec": {"replicas": replicas,
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}}}),
        )
        .unwrap()
    }

    fn own(name: &str, phase: &str, ready: bool) -> Pod {
        let ready = if ready { "True" } else { "False" };
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "d", "uid": name, "labels": {"a": "b"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "s", "controller": true}]},
            "spec": {"containers": [], "nodeName": "n"}, "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}}))
        .unwrap()
    }

    #[test]
    fn makes_what_is_missing() {
        let mut world = World::default();
        world.pods.put(own("one", "Running", true));
        world.pods.put(own("dead", "Failed", false));
        let plan = plan(&world, &set(3), Timestamp::UNIX_EPOCH);
        let creates = plan
            .writes
            .iter()
            .filter(|write| matches!(write, Write::Create { object, .. } if object["metadata"]["generateName"] == "web-"));
        assert_eq!(creates.count(), 2);
        assert!(plan.writes.iter().any(|write| matches!(write, Write::Status { patch, .. } if patch["status"]["readyReplicas"] == 1)));
    }

    #[test]
    fn deletes_the_least_useful() {
        let mut world = World::default();
        world.pods.put(own("good", "Running", true));
        world.pods.put(own("young", "Pending", false));
        world.pods.put(own("unready", "Running", false));
        let plan = plan(&world, &set(1), Timestamp::UNIX_EPOCH);
        let gone: Vec<_> =
            plan.writes.iter().filter_map(|write| if let Write::Delete { uid, .. } = write { Some(uid.as_str()) } else { None }).collect();
        assert_eq!(gone, ["young", "unready"]);
    }
}
