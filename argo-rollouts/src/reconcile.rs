//! One look at a Rollout: what its status is, and the next change.

use argo_core::meta::{IntOrString, Time};
use argo_core::rollouts::{CanaryStep, CanaryStrategy, PauseCondition, Rollout, RolloutStatus};
use argo_core::{EffectId, Keyed, Plan, Reason};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::hash::{pod_template_hash, step_hash};
use crate::replicas::{Counts, basic_canary, max_unavailable, wanted_replicas};
use crate::{HASH_LABEL, REVISION, ReplicaSetSeen, RolloutEffect, Seen};

/// Reason of the pause condition that a `pause` step sets.
pub const CANARY_PAUSE_STEP: &str = "CanaryPauseStep";

/// Looks at a Rollout and decides the next change: its status, at most one change of the pods, and when to look again.
///
/// Level-triggered: nothing is remembered between two looks but the status. As upstream: the stable version is scaled before the new one, that
/// before older ones, the first of these changes ends the look; at most one step is completed by it.
/// Strategies and steps that are not supported yet make it `Degraded`, with a message that names them, and no pod is touched.
#[must_use]
pub fn reconcile(rollout: &Rollout, seen: &Seen, now: Timestamp) -> Plan<RolloutStatus, RolloutEffect> {
    let mut status = rollout.status.clone();
    status.observed_generation = rollout.metadata.generation.unwrap_or_default().to_string();
    let (canary, template) = match supported(rollout) {
        Ok(parts) => parts,
        Err(reason) => {
            status.phase = "Degraded".to_owned();
            status.message = format!("InvalidSpec: {}", reason.message);
            return Plan { status, effects: Vec::new(), wake_at: None, reasons: vec![reason] };
        }
    };
    Look { rollout, canary, template, now, status, effects: Vec::new(), reasons: Vec::new(), wake_at: None }.take(seen)
}

fn supported(rollout: &Rollout) -> Result<(&CanaryStrategy, &Value), Reason> {
    let invalid = |subject: &str, message: String| Reason::new(subject, "InvalidSpec", message);
    let spec = &rollout.spec;
    if spec.strategy.blue_green.is_some() {
        return Err(invalid("spec.strategy.blueGreen", "spec.strategy.blueGreen: not supported yet; use canary".to_owned()));
    }
    let canary = spec
        .strategy
        .canary
        .as_ref()
        .ok_or_else(|| invalid("spec.strategy", "spec.strategy: give it a `canary` (it may be empty)".to_owned()))?;
    if canary.traffic_routing.is_some() {
        let place = "spec.strategy.canary.trafficRouting";
        return Err(invalid(place, format!("{place}: not supported yet; without it traffic is split by pod counts")));
    }
    for (index, step) in canary.steps.iter().enumerate() {
        let place = format!("spec.strategy.canary.steps[{index}]");
        if let Some(kind) = step.extra.keys().next() {
            return Err(invalid(&place, format!("{place}.{kind}: not supported yet; setWeight and pause are")));
        }
        if step.set_weight.is_some() == step.pause.is_some() {
            return Err(invalid(&place, format!("{place}: a step must have exactly one of setWeight and pause")));
        }
        if step.set_weight.is_some_and(|w| !(0..=100).contains(&w)) {
            return Err(invalid(&place, format!("{place}.setWeight: must be between 0 and 100")));
        }
        if let Some(pause) = &step.pause
            && pause_seconds(pause.duration.as_ref()).is_err()
        {
            return Err(invalid(&place, format!("{place}.pause.duration: give seconds or a duration such as 30s, 10m, 1h")));
        }
    }
    if spec.selector.is_none() {
        return Err(invalid("spec.selector", "spec.selector: required; it must match the labels of spec.template".to_owned()));
    }
    let template = spec
        .template
        .as_ref()
        .ok_or_else(|| invalid("spec.template", "spec.template: required (workloadRef is not supported yet)".to_owned()))?;
    Ok((canary, template))
}

/// How long a pause takes; `None` is until somebody promotes.
fn pause_seconds(duration: Option<&IntOrString>) -> Result<Option<i64>, ()> {
    match duration {
        None => Ok(None),
        Some(IntOrString::Int(seconds)) => Ok(Some(*seconds)),
        Some(IntOrString::String(text)) => {
            if let Ok(seconds) = text.parse() {
                return Ok(Some(seconds));
            }
            // `1h30m`: numbers, each followed by its unit.
            let mut total = 0_i64;
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(())?;
                let (number, tail) = rest.split_at(digits);
                let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
                let number: i64 = number.parse().map_err(|_| ())?;
                let seconds = match unit {
                    "h" => number.checked_mul(3600),
                    "m" => number.checked_mul(60),
                    "s" => Some(number),
                    "ms" => Some(number / 1000),
                    _ => None,
                };
                total = seconds.and_then(|s| total.checked_add(s)).ok_or(())?;
                rest = tail;
            }
            if text.is_empty() { Err(()) } else { Ok(Some(total)) }
        }
    }
}

struct Look<'a> {
    rollout: &'a Rollout,
    canary: &'a CanaryStrategy,
    template: &'a Value,
    now: Timestamp,
    status: RolloutStatus,
    effects: Vec<Keyed<RolloutEffect>>,
    reasons: Vec<Reason>,
    wake_at: Option<Timestamp>,
}

impl Look<'_> {
    fn take(mut self, seen: &Seen) -> Plan<RolloutStatus, RolloutEffect> {
        let hash = pod_template_hash(self.template);
        let steps = serde_json::to_value(&self.canary.steps).unwrap_or_default();
        self.notice_change(&hash, step_hash(&steps));

        let mut sets: Vec<&ReplicaSetSeen> = seen.replica_sets.iter().filter(|rs| !rs.deleting).collect();
        sets.sort_by(|a, b| (a.revision, a.created, &a.name).cmp(&(b.revision, b.created, &b.name)));
        let new = sets.iter().copied().find(|rs| rs.hash == hash);
        let stable = sets.iter().copied().find(|rs| !self.status.stable_rs.is_empty() && rs.hash == self.status.stable_rs);
        let distinct_stable = stable.filter(|rs| rs.hash != hash);
        let older: Vec<&ReplicaSetSeen> =
            sets.iter().copied().filter(|rs| rs.hash != hash && Some(rs.hash.as_str()) != stable.map(|s| s.hash.as_str())).collect();

        self.count(&sets, new);
        let revision = match new {
            Some(new) => self.renumber(new, &sets),
            None => self.create(&hash, &sets),
        };
        if self.status.abort {
            self.abort();
        }
        if let Some(new) = new {
            self.scale(new, distinct_stable, &older);
            self.advance(new, distinct_stable, &older, &hash);
        }
        self.forget_history(&older);
        self.explain(new, revision, &older);
        Plan { status: self.status, effects: self.effects, wake_at: self.wake_at, reasons: self.reasons }
    }

    fn step_count(&self) -> i64 {
        i64::try_from(self.canary.steps.len()).unwrap_or(i64::MAX)
    }

    fn current_step(&self) -> Option<&CanaryStep> {
        let index = usize::try_from(self.status.current_step_index?).ok()?;
        self.canary.steps.get(index)
    }

    /// A new template or new steps begin from the first step; a first version and a return to the stable one have no steps to take.
    fn notice_change(&mut self, hash: &str, step_hash: String) {
        let changed = self.status.current_pod_hash != hash || self.status.current_step_hash != step_hash;
        let count = self.step_count();
        if changed {
            self.status.pause_conditions.clear();
            self.status.controller_pause = false;
            self.status.abort = false;
            self.status.aborted_at = None;
            self.status.promote_full = false;
            let skip = self.status.stable_rs.is_empty() || self.status.stable_rs == hash;
            self.status.current_step_index = (count > 0).then_some(if skip { count } else { 0 });
        }
        self.status.current_pod_hash = hash.to_owned();
        self.status.current_step_hash = step_hash;
        if self.status.promote_full {
            self.status.pause_conditions.clear();
            self.status.controller_pause = false;
            self.status.current_step_index = (count > 0).then_some(count);
        }
    }

    fn count(&mut self, sets: &[&ReplicaSetSeen], new: Option<&ReplicaSetSeen>) {
        self.status.replicas = sets.iter().map(|rs| rs.existing).sum();
        self.status.hpa_replicas = self.status.replicas;
        self.status.ready_replicas = sets.iter().map(|rs| rs.ready).sum();
        self.status.available_replicas = sets.iter().map(|rs| rs.available).sum();
        self.status.updated_replicas = new.map_or(0, |rs| rs.existing);
        let labels = self.rollout.spec.selector.iter().flat_map(|s| &s.match_labels);
        self.status.selector = labels.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
    }

    fn push(&mut self, parts: &[&str], effect: RolloutEffect) {
        let uid = self.rollout.metadata.uid.as_str();
        let generation = self.status.observed_generation.clone();
        let id = EffectId::new([uid, generation.as_str()].into_iter().chain(parts.iter().copied()));
        self.effects.push(Keyed { id, effect });
    }

    fn next_revision(sets: &[&ReplicaSetSeen]) -> i64 {
        sets.iter().map(|rs| rs.revision).max().unwrap_or(0).saturating_add(1)
    }

    fn create(&mut self, hash: &str, sets: &[&ReplicaSetSeen]) -> i64 {
        let meta = &self.rollout.metadata;
        let revision = Self::next_revision(sets);
        let name = format!("{}-{hash}", meta.name);
        let mut template = self.template.clone();
        let mut selector = serde_json::to_value(&self.rollout.spec.selector).unwrap_or_default();
        set(&mut template, &["metadata", "labels", HASH_LABEL], hash);
        set(&mut selector, &["matchLabels", HASH_LABEL], hash);
        let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": meta.namespace,
                "labels": labels,
                "annotations": { REVISION: revision.to_string() },
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": meta.name, "uid": meta.uid,
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "replicas": 0,
                "minReadySeconds": self.rollout.spec.min_ready_seconds,
                "selector": selector,
                "template": template,
            },
        });
        self.push(&["create", hash], RolloutEffect::CreateReplicaSet { object: Box::new(object) });
        revision
    }

    /// The version that is rolled out has the highest number.
    fn renumber(&mut self, new: &ReplicaSetSeen, sets: &[&ReplicaSetSeen]) -> i64 {
        let others: Vec<_> = sets.iter().copied().filter(|rs| rs.name != new.name).collect();
        let next = Self::next_revision(&others);
        if new.revision >= next {
            return new.revision;
        }
        self.push(&["revision", &new.hash, &next.to_string()], RolloutEffect::SetRevision { name: new.name.clone(), revision: next });
        next
    }

    fn abort(&mut self) {
        self.status.pause_conditions.clear();
        self.status.controller_pause = false;
        self.status.aborted_at.get_or_insert(Time::truncated(self.now));
        let count = self.step_count();
        let back = self.status.stable_rs == self.status.current_pod_hash;
        self.status.current_step_index = (count > 0).then_some(if back { count } else { 0 });
    }

    fn wanted_counts(&self, new: &ReplicaSetSeen, stable: Option<&ReplicaSetSeen>, older: &[&ReplicaSetSeen]) -> (i64, i64) {
        let older: Vec<Counts> = older.iter().map(|rs| rs.counts()).collect();
        let mut rollout = self.rollout.clone();
        rollout.status = self.status.clone();
        basic_canary(&rollout, Some(new.counts()), stable.map(ReplicaSetSeen::counts), &older)
    }

    /// The first difference between the pods there are to be and the pods that were asked for.
    fn scale(&mut self, new: &ReplicaSetSeen, stable: Option<&ReplicaSetSeen>, older: &[&ReplicaSetSeen]) {
        if self.rollout.spec.paused {
            return;
        }
        let (to_new, to_stable) = self.wanted_counts(new, stable, older);
        let mut change = None;
        if let Some(stable) = stable
            && stable.wanted != to_stable
        {
            change = Some((stable, to_stable));
        } else if new.wanted != to_new {
            change = Some((new, to_new));
        } else {
            let available: i64 = older.iter().copied().chain(stable).chain([new]).map(|rs| rs.available).sum();
            let must_stay = wanted_replicas(&self.rollout.spec) - max_unavailable(&self.rollout.spec);
            // Pods that are not available serve nobody and may go in any case.
            let surplus = available - must_stay;
            if let Some(old) = older.iter().find(|rs| rs.wanted > rs.available) {
                change = Some((old, old.available.max(0)));
            } else if surplus > 0
                && let Some(old) = older.iter().find(|rs| rs.wanted > 0)
            {
                change = Some((old, (old.wanted - surplus).max(0)));
            }
        }
        if let Some((set, replicas)) = change {
            let id = ["scale", &set.hash, &set.wanted.to_string(), &replicas.to_string()].map(str::to_owned);
            self.push(&id.each_ref().map(String::as_str), RolloutEffect::Scale { name: set.name.clone(), replicas });
        }
    }

    fn is_at_wanted_counts(&self, new: &ReplicaSetSeen, stable: Option<&ReplicaSetSeen>, older: &[&ReplicaSetSeen]) -> bool {
        let replicas = wanted_replicas(&self.rollout.spec);
        let (to_new, to_stable) = match stable {
            Some(_) => {
                let weight = crate::replicas::wanted_weight(&self.rollout.spec, &self.status);
                let surge = crate::replicas::max_surge(&self.rollout.spec);
                crate::replicas::approximate(replicas, weight, crate::replicas::FULL_WEIGHT, surge)
            }
            None => (replicas, 0),
        };
        new.wanted == to_new
            && new.available == to_new
            && stable.is_none_or(|rs| rs.wanted == to_stable && rs.existing == to_stable)
            && older.iter().all(|rs| rs.available == 0)
    }

    /// Promotes, or completes the current step.
    fn advance(&mut self, new: &ReplicaSetSeen, stable: Option<&ReplicaSetSeen>, older: &[&ReplicaSetSeen], hash: &str) {
        let replicas = wanted_replicas(&self.rollout.spec);
        let count = self.step_count();
        if self.status.abort {
            return;
        }
        let all_done = self.status.current_step_index.is_none_or(|index| index >= count);
        if new.available >= replicas && all_done && self.status.stable_rs != hash {
            self.status.stable_rs = hash.to_owned();
            self.status.promote_full = false;
            self.status.pause_conditions.clear();
            self.status.controller_pause = false;
            self.look_again_at(self.now);
            return;
        }
        if self.status.stable_rs == hash {
            self.status.promote_full = false;
        }
        if self.rollout.spec.paused {
            return;
        }
        let Some(step) = self.current_step().cloned() else { return };
        let done = match &step.pause {
            Some(pause) => self.pause_is_over(pause_seconds(pause.duration.as_ref()).unwrap_or(None)),
            None => self.is_at_wanted_counts(new, stable, older),
        };
        if done {
            self.status.pause_conditions.retain(|c| c.reason != CANARY_PAUSE_STEP);
            self.status.controller_pause = !self.status.pause_conditions.is_empty();
            self.status.current_step_index = self.status.current_step_index.map(|index| index.saturating_add(1));
            self.look_again_at(self.now);
        }
    }

    fn pause_is_over(&mut self, seconds: Option<i64>) -> bool {
        let Some(condition) = self.status.pause_conditions.iter().find(|c| c.reason == CANARY_PAUSE_STEP).cloned() else {
            if self.status.controller_pause {
                return true;
            }
            let start_time = Time::truncated(self.now);
            self.status.pause_conditions.push(PauseCondition {
                reason: CANARY_PAUSE_STEP.to_owned(),
                start_time: Some(start_time),
                ..PauseCondition::default()
            });
            self.status.controller_pause = true;
            self.look_again_when_over(start_time, seconds);
            return false;
        };
        let start = condition.start_time.unwrap_or(Time::truncated(self.now));
        let over = seconds.is_some_and(|s| start.0.checked_add(SignedDuration::from_secs(s)).is_ok_and(|end| self.now > end));
        if !over {
            self.look_again_when_over(start, seconds);
        }
        over
    }

    fn look_again_when_over(&mut self, start: Time, seconds: Option<i64>) {
        // Over is strictly after the last second.
        let end = seconds.and_then(|s| start.0.checked_add(SignedDuration::from_millis(s.saturating_mul(1000).saturating_add(1))).ok());
        match end {
            Some(end) => {
                self.reasons.push(Reason::new(self.step_name(), "PauseStep", format!("waits until {}", Time::truncated(end))));
                self.look_again_at(end);
            }
            None => self.reasons.push(Reason::new(self.step_name(), "PauseStep", "waits until somebody promotes")),
        }
    }

    fn look_again_at(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn step_name(&self) -> String {
        format!("step {}", self.status.current_step_index.unwrap_or_default())
    }

    fn forget_history(&mut self, older: &[&ReplicaSetSeen]) {
        let keep = usize::try_from(self.rollout.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
        let excess = older.len().saturating_sub(keep);
        let gone: Vec<String> =
            older.iter().filter(|rs| rs.wanted == 0 && rs.existing == 0).take(excess).map(|rs| rs.name.clone()).collect();
        for name in gone {
            self.push(&["delete", &name], RolloutEffect::DeleteReplicaSet { name: name.clone() });
        }
    }

    fn explain(&mut self, new: Option<&ReplicaSetSeen>, revision: i64, older: &[&ReplicaSetSeen]) {
        let replicas = wanted_replicas(&self.rollout.spec);
        let updated = self.status.updated_replicas;
        let available = new.map_or(0, |rs| rs.available);
        let (phase, message) = if self.status.abort {
            ("Degraded", format!("RolloutAborted: Rollout aborted update to revision {revision}"))
        } else if self.rollout.spec.paused {
            ("Paused", "manually paused".to_owned())
        } else if let Some(condition) = self.status.pause_conditions.first() {
            ("Paused", condition.reason.clone())
        } else if updated < replicas {
            ("Progressing", "more replicas need to be updated".to_owned())
        } else if available < updated {
            ("Progressing", "updated replicas are still becoming available".to_owned())
        } else if self.status.stable_rs != self.status.current_pod_hash {
            ("Progressing", "waiting for all steps to complete".to_owned())
        } else if older.iter().any(|rs| rs.existing > 0) || updated < self.status.replicas {
            ("Progressing", "old replicas are pending termination".to_owned())
        } else {
            ("Healthy", String::new())
        };
        if !message.is_empty() {
            self.reasons.push(Reason::new(self.rollout.metadata.name.clone(), phase, message.clone()));
        }
        self.status.phase = phase.to_owned();
        self.status.message = message;
    }
}

/// Sets a text deep in an object, making the objects on the way.
fn set(object: &mut Value, path: &[&str], text: &str) {
    let mut at = object;
    for name in path {
        if !at.is_object() {
            *at = json!({});
        }
        let Value::Object(fields) = at else { return };
        at = fields.entry(*name).or_insert(Value::Null);
    }
    *at = Value::String(text.to_owned());
}
