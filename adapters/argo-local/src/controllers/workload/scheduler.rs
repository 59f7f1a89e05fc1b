//! The scheduler of a cluster that is one machine: a pod goes to the first node that takes pods and fits its selector.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;

use super::world::{Key, World, active, key};
use super::write::{Plan, Write};

fn takes_pods(node: &Node) -> bool {
    let ready = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = ready.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    ready && node.spec.as_ref().and_then(|spec| spec.unschedulable) != Some(true)
}

/// Has a place for one more.
fn has_room(world: &World, node: &Node) -> bool {
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref()).and_then(|map| map.get("pods"));
    let most = allocatable.and_then(|quantity| quantity.0.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let name = node.metadata.name.as_deref().unwrap_or_default();
    world.placed.get(name).copied().unwrap_or(0) < most
}

fn fits(pod: &Pod, node: &Node) -> bool {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let selector = pod.spec.iter().flat_map(|spec| spec.node_selector.iter().flatten());
    selector.into_iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Binds the pod, or says why not. What waits for a place is put into `full`.
pub(crate) fn plan(world: &World, pod: &Pod, full: &mut BTreeSet<(Option<Timestamp>, Key)>) -> Plan {
    let mut plan = Plan::default();
    let spec = pod.spec.clone().unwrap_or_default();
    let unbound = spec.node_name.as_deref().unwrap_or_default().is_empty();
    let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    let ours = matches!(spec.scheduler_name.as_deref(), None | Some("" | "default-scheduler"));
    if !unbound || gated || !ours || !active(pod) {
        return plan;
    }
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let claims = spec.volumes.iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    let missing = claims.map(|claim| (namespace.clone(), claim.claim_name.clone())).find(|claim| world.claims.get(claim).is_none());
    let nodes: Vec<_> = world.nodes.all().filter(|node| takes_pods(node)).collect();
    let why = if let Some((_, claim)) = missing {
        format!("persistentvolumeclaim {claim:?} not found")
    } else if nodes.is_empty() {
        "no nodes available to schedule pods".to_owned()
    } else if let Some(node) = nodes.iter().find(|node| fits(pod, node) && has_room(world, node)) {
        let node = node.metadata.name.clone().unwrap_or_default();
        plan.writes.push(Write::Bind { pod: key(&pod.metadata), uid: pod.metadata.uid.clone().unwrap_or_default(), node });
        return plan;
    } else if nodes.iter().any(|node| fits(pod, node)) {
        full.insert((pod.metadata.creation_timestamp.as_ref().map(|time| time.0), key(&pod.metadata)));
        let count = nodes.len();
        format!("0/{count} nodes are available: {count} Too many pods.")
    } else {
        let count = nodes.len();
        format!("0/{count} nodes are available: {count} node(s) didn't match Pod's node affinity/selector.")
    };
    let known = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut conditions: Vec<_> = known.filter(|condition| condition.type_ != "PodScheduled").map(|condition| json!(condition)).collect();
    let said = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let said = said.into_iter().any(|condition| condition.type_ == "PodScheduled" && condition.message.as_deref() == Some(why.as_str()));
    if !said {
        conditions.push(json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}));
        plan.writes.extend(Write::status(pod, json!({"conditions": conditions})));
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "d", "uid": "u"}, "spec": value})).unwrap()
    }

    #[test]
    fn binds_where_it_fits() {
        let mut world = World::default();
        let mut full = BTreeSet::new();
        let any = pod(json!({"containers": []}));
        let unscheduled = |plan: Plan| format!("{:?}", plan.writes);
        assert!(unscheduled(plan(&world, &any, &mut full)).contains("no nodes available"));
        let node = json!({"metadata": {"name": "n", "labels": {"disk": "fast"}},
            "status": {"allocatable": {"pods": "1"}, "conditions": [{"type": "Ready", "status": "True"}]}});
        world.nodes.put(serde_json::from_value(node).unwrap());
        assert!(matches!(plan(&world, &any, &mut full).writes.as_slice(), [Write::Bind { node, .. }] if node == "n"));
        let picky = pod(json!({"containers": [], "nodeSelector": {"disk": "slow"}}));
        assert!(unscheduled(plan(&world, &picky, &mut full)).contains("didn't match"));
        let claim = pod(json!({"containers": [], "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}));
        assert!(unscheduled(plan(&world, &claim, &mut full)).contains("not found"));
        let bound = pod(json!({"containers": [], "nodeName": "n"}));
        assert!(plan(&world, &bound, &mut full).writes.is_empty() && full.is_empty());
        let place = key(&bound.metadata);
        world.with_pod(&place, |pods| pods.put(bound));
        assert!(unscheduled(plan(&world, &any, &mut full)).contains("Too many pods") && full.len() == 1);
        let (_, freed) =
            world.with_pod(&place, |pods| pods.change(&place, |pod| pod.status.get_or_insert_default().phase = Some("Failed".to_owned())));
        assert!(freed && !plan(&world, &any, &mut full).writes.is_empty());
    }
}
