//! Deployments: a ReplicaSet for each template, and the move from one to the next.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::world::{World, over, owned_by, reference, scaled};
use super::write::{Plan, Write};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// A template without what its controller added.
fn bare(template: Option<&PodTemplateSpec>) -> Value {
    let mut value = json!(template);
    if let Some(labels) = value.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    value
}

fn note(meta: &ObjectMeta, name: &str) -> Option<String> {
    meta.annotations.as_ref().and_then(|notes| notes.get(name)).cloned()
}

fn revision(set: &ReplicaSet) -> i64 {
    note(&set.metadata, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn wanted(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

fn usable(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
}

fn actual(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

/// How many more and how many fewer pods than wanted a rollout may have: percentages as upstream rounds them.
fn bounds(spec: &DeploymentSpec, replicas: i32) -> (i32, i32) {
    let rolling = spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.clone()).unwrap_or_default();
    let quarter = IntOrString::String("25%".to_owned());
    let surge = scaled(rolling.max_surge.as_ref().unwrap_or(&quarter), replicas, true).max(0);
    let missing = scaled(rolling.max_unavailable.as_ref().unwrap_or(&quarter), replicas, false).max(0);
    if surge == 0 && missing == 0 { (0, 1) } else { (surge, missing.min(replicas)) }
}

fn scale(set: &ReplicaSet, to: i32, desired: i32, most: i32) -> Option<Write> {
    let same = wanted(set) == to
        && note(&set.metadata, DESIRED) == Some(desired.to_string())
        && note(&set.metadata, MAX) == Some(most.to_string());
    let notes = json!({DESIRED: desired.to_string(), MAX: most.to_string()});
    let patch = json!({"metadata": {"uid": set.metadata.uid, "annotations": notes}, "spec": {"replicas": to}});
    (!same).then(|| Write::patch(set, patch))
}

fn new_set(deployment: &Deployment, spec: &DeploymentSpec, replicas: i32, revision: i64, most: i32) -> Option<Write> {
    let name = deployment.metadata.name.clone().unwrap_or_default();
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let hash = argo_core::podhash::deployment(&json!(spec.template), collisions).ok()?;
    let mut template = spec.template.clone();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(HASH.to_owned(), hash.clone());
    let labels = labels.clone();
    let mut selector = spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(HASH.to_owned(), hash.clone());
    let mut notes = deployment.metadata.annotations.clone().unwrap_or_default();
    notes.remove("kubectl.kubernetes.io/last-applied-configuration");
    notes.insert(REVISION.to_owned(), revision.to_string());
    notes.insert(DESIRED.to_owned(), spec.replicas.unwrap_or(1).to_string());
    notes.insert(MAX.to_owned(), most.to_string());
    let object = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("{name}-{hash}"), "namespace": deployment.metadata.namespace, "labels": labels, "annotations": notes,
            "ownerReferences": [reference(deployment)]},
        "spec": {"replicas": replicas, "selector": selector, "template": template, "minReadySeconds": spec.min_ready_seconds},
    });
    Write::create(&serde_json::from_value::<ReplicaSet>(object).ok()?)
}

struct Rollout<'a> {
    spec: &'a DeploymentSpec,
    replicas: i32,
    surge: i32,
    missing: i32,
    new: Option<&'a ReplicaSet>,
    old: Vec<&'a ReplicaSet>,
}

impl Rollout<'_> {
    fn most(&self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }

    fn total(&self) -> i32 {
        self.new.into_iter().chain(self.old.iter().copied()).map(wanted).fold(0, i32::saturating_add)
    }

    /// How large the new set may be now.
    fn room(&self) -> i32 {
        let now = self.new.map_or(0, wanted);
        if now >= self.replicas {
            return self.replicas;
        }
        let free = self.most().saturating_sub(self.total()).max(0);
        now.saturating_add(free).min(self.replicas)
    }

    fn shrink(&self, set: &ReplicaSet, to: i32) -> Option<Write> {
        scale(set, to, self.replicas, self.most())
    }

    /// Takes from old sets what the new one has made superfluous; first of all pods that are not available anyway.
    fn shrink_old(&self, plan: &mut Plan) {
        let old = || self.old.iter().copied().filter(|set| wanted(set) > 0);
        let least = self.replicas.saturating_sub(self.missing);
        let new_missing = self.new.map_or(0, |set| wanted(set).saturating_sub(usable(set)));
        let mut spare = self.total().saturating_sub(least).saturating_sub(new_missing);
        let mut sizes: Vec<(&ReplicaSet, i32)> = old().map(|set| (set, wanted(set))).collect();
        for (set, size) in &mut sizes {
            let broken = size.saturating_sub(usable(set)).clamp(0, spare.max(0));
            *size = size.saturating_sub(broken);
            spare = spare.saturating_sub(broken);
        }
        let available: i32 = self.new.into_iter().chain(self.old.iter().copied()).map(usable).fold(0, i32::saturating_add);
        let mut surplus = available.saturating_sub(least);
        for (_, size) in &mut sizes {
            let cut = (*size).min(surplus.max(0));
            *size = size.saturating_sub(cut);
            surplus = surplus.saturating_sub(cut);
        }
        plan.writes.extend(sizes.into_iter().filter(|(set, size)| wanted(set) != *size).filter_map(|(set, size)| self.shrink(set, size)));
    }
}

fn condition(deployment: &Deployment, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp, touch: bool) -> Value {
    let known =
        deployment.status.iter().flat_map(|status| status.conditions.iter().flatten()).find(|known| known.type_.as_deref() == Some(kind));
    let same = known.filter(|known| known.status.as_deref() == Some(status));
    let unchanged = same.filter(|known| known.reason.as_deref() == Some(reason) && !touch);
    let now = json!(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let moved = same.and_then(|known| known.last_transition_time.as_ref()).map_or(now.clone(), |time| json!(time));
    let updated = unchanged.and_then(|known| known.last_update_time.as_ref()).map_or(now, |time| json!(time));
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": moved, "lastUpdateTime": updated})
}

fn status(deployment: &Deployment, rollout: &Rollout<'_>, now: Timestamp, plan: &mut Plan) {
    let sets = || rollout.new.into_iter().chain(rollout.old.iter().copied());
    let sum = |count: &dyn Fn(&ReplicaSet) -> i32| sets().map(count).fold(0, i32::saturating_add);
    let total = sum(&actual);
    let usable_now = sum(&usable);
    let ready = sum(&|set| set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0));
    let updated = rollout.new.map_or(0, actual);
    let enough = usable_now >= rollout.replicas.saturating_sub(rollout.missing);
    let available = if enough {
        condition(deployment, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now, false)
    } else {
        condition(
            deployment,
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            now,
            false,
        )
    };
    let name = rollout.new.and_then(|set| set.metadata.name.clone()).unwrap_or_default();
    let complete = updated == rollout.replicas && total == rollout.replicas && usable_now == rollout.replicas;
    let known = deployment.status.clone().unwrap_or_default();
    let progress_made = updated > known.updated_replicas.unwrap_or(0)
        || usable_now > known.available_replicas.unwrap_or(0)
        || ready > known.ready_replicas.unwrap_or(0)
        || known.observed_generation != deployment.metadata.generation;
    let before = known.conditions.iter().flatten().find(|condition| condition.type_.as_deref() == Some("Progressing"));
    let limit = i64::from(rollout.spec.progress_deadline_seconds.unwrap_or(600));
    let deadline = before
        .and_then(|condition| condition.last_update_time.as_ref())
        .and_then(|time| time.0.checked_add(SignedDuration::from_secs(limit)).ok());
    let settled = before.is_some_and(|condition| condition.reason.as_deref() == Some("NewReplicaSetAvailable"));
    let progressing = if complete {
        let message = format!("ReplicaSet {name:?} has successfully progressed.");
        condition(deployment, "Progressing", "True", "NewReplicaSetAvailable", &message, now, false)
    } else if rollout.spec.paused == Some(true) {
        condition(deployment, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now, false)
    } else if rollout.new.is_none() {
        condition(deployment, "Progressing", "True", "ReplicaSetUpdated", "Created new replica set", now, false)
    } else if !progress_made && !settled && deadline.is_some_and(|deadline| now >= deadline) {
        let message = format!("ReplicaSet {name:?} has timed out progressing.");
        condition(deployment, "Progressing", "False", "ProgressDeadlineExceeded", &message, now, false)
    } else {
        plan.wake(deadline.filter(|deadline| *deadline > now));
        let message = format!("ReplicaSet {name:?} is progressing.");
        condition(deployment, "Progressing", "True", "ReplicaSetUpdated", &message, now, progress_made)
    };
    let status = json!({
        "observedGeneration": deployment.metadata.generation, "replicas": total, "updatedReplicas": updated, "readyReplicas": ready,
        "availableReplicas": usable_now, "unavailableReplicas": rollout.replicas.max(total).saturating_sub(usable_now).max(0),
        "conditions": [available, progressing],
    });
    plan.writes.extend(Write::status(deployment, status));
}

/// The next step of a deployment.
pub(crate) fn plan(world: &World, deployment: &Deployment, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let spec = &deployment.spec;
    if deployment.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let mut own: Vec<Arc<ReplicaSet>> =
        world.sets.in_namespace(namespace).filter(|set| owned_by(&set.metadata, &deployment.metadata)).cloned().collect();
    own.sort_by_key(|set| (set.metadata.creation_timestamp.as_ref().map(|time| time.0), set.metadata.name.clone()));
    let template = bare(Some(&spec.template));
    let fits = |set: &&Arc<ReplicaSet>| bare(set.spec.template.as_ref()) == template;
    let new = own.iter().find(fits).map(Arc::as_ref);
    let is_new = |set: &ReplicaSet| new.is_some_and(|new| new.metadata.uid == set.metadata.uid);
    let old: Vec<&ReplicaSet> = own.iter().map(Arc::as_ref).filter(|set| !is_new(set)).collect();
    let replicas = spec.replicas.unwrap_or(1);
    let recreate = spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate");
    let (surge, missing) = if recreate { (0, replicas) } else { bounds(spec, replicas) };
    let rollout = Rollout { spec, replicas, surge, missing, new, old };
    let latest = rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0);
    let number = latest.saturating_add(1).max(new.map_or(0, revision));
    let paused = spec.paused == Some(true);
    if paused && new.is_none() && !rollout.old.is_empty() {
        // Only its size may change.
        if let [only] = rollout.old.iter().filter(|set| wanted(set) > 0).collect::<Vec<_>>().as_slice() {
            plan.writes.extend(scale(only, replicas, replicas, rollout.most()));
        }
        status(deployment, &rollout, now, &mut plan);
        return plan;
    }
    let old_pods = || {
        let of_old = |meta: &ObjectMeta| rollout.old.iter().any(|set| owned_by(meta, &set.metadata));
        world.pods.in_namespace(namespace).any(|pod| of_old(&pod.metadata) && !over(pod))
    };
    let shrink_first = recreate && (rollout.old.iter().any(|set| wanted(set) > 0) || old_pods());
    match new {
        None if shrink_first => {}
        None => plan.writes.extend(new_set(deployment, spec, rollout.room(), number, rollout.most())),
        Some(set) => {
            if revision(set) != number {
                let patch = json!({"metadata": {"uid": set.metadata.uid, "annotations": {REVISION: number.to_string()}}});
                plan.writes.push(Write::patch(set, patch));
            }
            let size = if shrink_first && wanted(set) < replicas { wanted(set) } else { rollout.room() };
            plan.writes.extend(scale(set, size, replicas, rollout.most()));
        }
    }
    if recreate {
        plan.writes.extend(rollout.old.iter().filter(|set| wanted(set) > 0).filter_map(|set| rollout.shrink(set, 0)));
    } else if new.is_some() {
        rollout.shrink_old(&mut plan);
    }
    if note(&deployment.metadata, REVISION) != Some(number.to_string()) {
        let patch = json!({"metadata": {"uid": deployment.metadata.uid, "annotations": {REVISION: number.to_string()}}});
        plan.writes.push(Write::patch(deployment, patch));
    }
    let kept = usize::try_from(spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let mut idle: Vec<&&ReplicaSet> = rollout.old.iter().filter(|set| wanted(set) == 0 && actual(set) == 0).collect();
    idle.sort_by_key(|set| revision(set));
    let surplus = idle.len().saturating_sub(kept);
    plan.writes.extend(idle.into_iter().take(surplus).map(|set| Write::delete(*set)));
    status(deployment, &rollout, now, &mut plan);
    plan
}
