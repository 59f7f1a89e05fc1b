//! Disruption budgets: how many pods may go now.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::world::{World, controller, over, ready, scaled};
use super::write::{Plan, Write};

/// So long an eviction is waited for; then the pod counts again, as upstream.
const PATIENCE: SignedDuration = SignedDuration::from_secs(120);

/// How many pods the controllers of these are to keep, each controller once.
fn expected(world: &World, pods: &[&Pod]) -> i32 {
    let mut controllers: BTreeMap<&str, i32> = BTreeMap::new();
    for pod in pods {
        let Some(owner) = controller(&pod.metadata) else { continue };
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let key = (namespace.clone(), owner.name.clone());
        let replicas = match owner.kind.as_str() {
            "ReplicaSet" => world.sets.get(&key).and_then(|set| {
                let deployment = controller(&set.metadata).filter(|owner| owner.kind == "Deployment");
                let deployment = deployment.and_then(|owner| world.deployments.get(&(namespace, owner.name.clone())));
                deployment.map_or(set.spec.replicas, |deployment| deployment.spec.replicas)
            }),
            "StatefulSet" => world.stateful.get(&key).and_then(|set| set.spec.replicas),
            _ => None,
        };
        controllers.insert(owner.uid.as_str(), replicas.unwrap_or(1));
    }
    controllers.values().copied().fold(0, i32::saturating_add)
}

/// The status of a budget.
pub(crate) fn plan(world: &World, budget: &PodDisruptionBudget, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let Some(spec) = &budget.spec else { return plan };
    let namespace = budget.metadata.namespace.as_deref().unwrap_or_default();
    let selector = json!(spec.selector);
    let selector = serde_json::from_value(selector).ok();
    let Ok(selector) = argo_core::selector::LabelSelector::from_object(selector.as_ref()) else { return plan };
    let selected = |pod: &&Pod| {
        let label = |name: &str| pod.metadata.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
        selector.selects(label) && !over(pod)
    };
    let pods: Vec<&Pod> = world.pods.in_namespace(namespace).map(AsRef::as_ref).filter(selected).collect();
    let count = i32::try_from(pods.len()).unwrap_or(i32::MAX);
    let (total, desired) = match (&spec.min_available, &spec.max_unavailable) {
        (_, Some(most)) => {
            let total = expected(world, &pods);
            (total, total.saturating_sub(scaled(most, total, true)).max(0))
        }
        (Some(IntOrString::Int(least)), None) => (count, *least),
        (Some(least), None) => {
            let total = expected(world, &pods);
            (total, scaled(least, total, true))
        }
        (None, None) => (count, 0),
    };
    let known = budget.status.clone().unwrap_or_default();
    let mut disrupted = serde_json::Map::new();
    for (name, since) in known.disrupted_pods.iter().flatten() {
        let there = pods.iter().any(|pod| pod.metadata.name.as_ref() == Some(name) && pod.metadata.deletion_timestamp.is_none());
        let until = since.0.checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
        if there && until > now {
            plan.wake(Some(until));
            disrupted.insert(name.clone(), json!(since));
        } else {
            // A merge patch leaves what it does not name.
            disrupted.insert(name.clone(), Value::Null);
        }
    }
    let going = |pod: &Pod| pod.metadata.name.as_ref().is_some_and(|name| disrupted.get(name).is_some_and(|since| !since.is_null()));
    let healthy = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && ready(pod) && !going(pod)).count();
    let healthy = i32::try_from(healthy).unwrap_or(i32::MAX);
    let allowed = if total > 0 { healthy.saturating_sub(desired).max(0) } else { 0 };
    let (says, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let generation = budget.metadata.generation;
    let before = known.conditions.iter().flatten().find(|condition| condition.type_ == "DisruptionAllowed");
    let since = before.filter(|condition| condition.status == says).map(|condition| json!(condition.last_transition_time));
    let since = since.unwrap_or_else(|| json!(Timestamp::from_second(now.as_second()).unwrap_or(now)));
    let condition = json!({
        "type": "DisruptionAllowed", "status": says, "reason": reason, "message": "", "observedGeneration": generation, "lastTransitionTime": since,
    });
    let mut status = json!({
        "observedGeneration": generation, "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired,
        "expectedPods": total, "conditions": [condition],
    });
    if !disrupted.is_empty()
        && let Some(map) = status.as_object_mut()
    {
        map.insert("disruptedPods".to_owned(), disrupted.into());
    }
    plan.writes.extend(Write::status(budget, status));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_pods_beyond_what_is_needed_may_go() {
        let mut world = World::default();
        for (name, ready) in [("a", "True"), ("b", "True"), ("c", "False")] {
            let pod = json!({"metadata": {"name": name, "namespace": "d", "uid": name, "labels": {"x": "y"}},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
            world.pods.put(serde_json::from_value(pod).unwrap());
        }
        let budget = json!({"metadata": {"name": "b", "namespace": "d", "generation": 1},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"x": "y"}}}});
        let plan = plan(&world, &serde_json::from_value(budget).unwrap(), Timestamp::UNIX_EPOCH);
        let [Write::Status { patch, .. }] = plan.writes.as_slice() else { panic!("{plan:?}") };
        let number = |key: &str| patch["status"][key].as_i64().unwrap();
        assert_eq!(["expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed"].map(number), [3, 2, 1, 1]);
    }
}
