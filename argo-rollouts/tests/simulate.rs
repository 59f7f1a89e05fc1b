//! The same loop as a driver's, with pods that become available one at a time and a clock that is moved by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use argo_core::rollouts::Rollout;
use argo_rollouts::{ReplicaSetSeen, RolloutEffect, Seen, max_surge, max_unavailable, reconcile};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

struct World {
    rollout: Rollout,
    sets: Vec<ReplicaSetSeen>,
    now: Timestamp,
}

impl World {
    fn new(strategy: Value) -> Self {
        let rollout = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "n", "uid": "u", "generation": 1},
            "spec": {"replicas": 10, "selector": {"matchLabels": {"app": "shop"}}, "template": template("1"), "strategy": {"canary": strategy}},
        }));
        Self { rollout: rollout.unwrap(), sets: Vec::new(), now: "2026-01-01T00:00:00Z".parse().unwrap() }
    }

    fn apply(&mut self, effect: RolloutEffect) {
        match effect {
            RolloutEffect::CreateReplicaSet { object } => {
                let set = ReplicaSetSeen::from_object(&object);
                if self.sets.iter().all(|s| s.name != set.name) {
                    self.sets.push(set);
                }
            }
            RolloutEffect::Scale { name, replicas } => {
                let set = self.sets.iter_mut().find(|s| s.name == name).unwrap();
                set.wanted = replicas;
                set.existing = replicas;
                set.ready = set.ready.min(replicas);
                set.available = set.available.min(replicas);
            }
            RolloutEffect::SetRevision { name, revision } => self.sets.iter_mut().find(|s| s.name == name).unwrap().revision = revision,
            RolloutEffect::DeleteReplicaSet { name } => self.sets.retain(|s| s.name != name),
        }
    }

    /// Looks, applies everything twice, lets one pod become available; until nothing happens any more.
    fn settle(&mut self) {
        let replicas = self.rollout.spec.replicas.unwrap();
        for _ in 0..500 {
            let served: i64 = self.sets.iter().map(|s| s.available).sum();
            let plan = reconcile(&self.rollout, &Seen { replica_sets: self.sets.clone() }, self.now);
            let mut changed = plan.status != self.rollout.status || !plan.effects.is_empty();
            self.rollout.status = plan.status;
            for keyed in plan.effects {
                self.apply(keyed.effect.clone());
                self.apply(keyed.effect);
            }
            let pods: i64 = self.sets.iter().map(|s| s.existing).sum();
            assert!(pods <= replicas + max_surge(&self.rollout.spec), "{pods} pods are too many");
            let serving: i64 = self.sets.iter().map(|s| s.available).sum();
            let least = served.min(replicas - max_unavailable(&self.rollout.spec));
            assert!(serving >= least, "only {serving} pods serve");
            if let Some(set) = self.sets.iter_mut().find(|s| s.available < s.wanted) {
                set.available += 1;
                set.ready += 1;
                changed = true;
            }
            if !changed {
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.rollout.status);
    }

    fn update(&mut self, version: &str) {
        self.rollout.spec.template = Some(template(version));
        self.rollout.metadata.generation = self.rollout.metadata.generation.map(|g| g + 1);
    }

    fn pods(&self) -> Vec<i64> {
        self.sets.iter().map(|s| s.available).collect()
    }
}

fn template(version: &str) -> Value {
    json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "main", "image": format!("shop:{version}")}]}})
}

#[test]
fn first_version_skips_the_steps() {
    let mut world = World::new(json!({"steps": [{"setWeight": 20}, {"pause": {}}]}));
    world.settle();
    assert_eq!(world.pods(), [10]);
    assert_eq!(world.rollout.status.phase, "Healthy");
    assert_eq!(world.rollout.status.current_step_index, Some(2));
}

#[test]
fn update_goes_step_by_step() {
    let mut world = World::new(json!({"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "1m"}}]}));
    world.settle();
    world.update("2");
    world.settle();
    assert_eq!(world.pods(), [8, 2]);
    assert_eq!((world.rollout.status.phase.as_str(), world.rollout.status.message.as_str()), ("Paused", "CanaryPauseStep"));
    // kubectl argo rollouts promote
    world.rollout.status.pause_conditions.clear();
    world.settle();
    assert_eq!(world.pods(), [5, 5]);
    assert_eq!(world.rollout.status.current_step_index, Some(3));
    world.now += SignedDuration::from_secs(60);
    world.settle();
    assert_eq!(world.pods(), [5, 5], "the pause is over after its last second, not in it");
    world.now += SignedDuration::from_secs(1);
    world.settle();
    assert_eq!(world.pods(), [0, 10]);
    assert_eq!(world.rollout.status.phase, "Healthy");
    assert_eq!(world.rollout.status.stable_rs, world.sets[1].hash);
}

#[test]
fn abort_takes_the_update_back_and_retry_starts_again() {
    let mut world = World::new(json!({"steps": [{"setWeight": 40}, {"pause": {}}], "maxSurge": 1, "maxUnavailable": 0}));
    world.settle();
    world.update("2");
    world.settle();
    assert_eq!(world.pods(), [6, 4]);
    world.rollout.status.abort = true;
    world.settle();
    assert_eq!(world.pods(), [10, 0]);
    assert_eq!(world.rollout.status.phase, "Degraded");
    world.rollout.status.abort = false;
    world.settle();
    assert_eq!(world.pods(), [6, 4]);
}

#[test]
fn return_to_the_stable_version_needs_no_steps_and_renumbers() {
    let mut world = World::new(json!({"steps": [{"setWeight": 40}, {"pause": {}}]}));
    world.settle();
    world.update("2");
    world.settle();
    world.update("1");
    world.settle();
    assert_eq!(world.pods(), [10, 0]);
    assert_eq!(world.sets[0].revision, 3);
    assert_eq!(world.rollout.status.phase, "Healthy");
}

#[test]
fn promote_full_skips_the_rest() {
    let mut world = World::new(json!({"steps": [{"setWeight": 40}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]}));
    world.settle();
    world.update("2");
    world.settle();
    world.rollout.status.promote_full = true;
    world.settle();
    assert_eq!(world.pods(), [0, 10]);
    assert!(!world.rollout.status.promote_full);
}

#[test]
fn third_version_in_the_middle_drains_the_second() {
    let mut world = World::new(json!({"steps": [{"setWeight": 40}, {"pause": {}}]}));
    world.settle();
    world.update("2");
    world.settle();
    world.update("3");
    world.settle();
    assert_eq!(world.pods(), [6, 0, 4]);
}

#[test]
fn history_is_limited() {
    let mut world = World::new(json!({"steps": []}));
    world.rollout.spec.revision_history_limit = Some(1);
    for version in ["1", "2", "3", "4"] {
        world.update(version);
        world.settle();
    }
    assert_eq!(world.sets.len(), 2);
    assert_eq!(world.rollout.status.phase, "Healthy");
}

#[test]
fn what_is_not_supported_is_named() {
    for (strategy, words) in [
        (json!({"steps": [{"analysis": {}}]}), "steps[0].analysis: not supported yet"),
        (json!({"trafficRouting": {}}), "trafficRouting: not supported yet"),
        (json!({"steps": [{"setWeight": 101}]}), "between 0 and 100"),
        (json!({"steps": [{"pause": {"duration": "soon"}}]}), "pause.duration"),
    ] {
        let mut world = World::new(strategy);
        world.settle();
        assert!(world.rollout.status.message.contains(words), "{}", world.rollout.status.message);
        assert_eq!(world.rollout.status.phase, "Degraded");
        assert!(world.sets.is_empty());
    }
}
