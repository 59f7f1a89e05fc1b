//! API types of Argo Rollouts: what the canary strategy without traffic routing needs. Everything else stays in `extra`, unread and unharmed.

use serde_json::Value;

use crate::meta::{IntOrString, LabelSelector, ObjectMeta, Time};

api_struct! {
    /// A workload that is brought from one version to the next in steps.
    pub struct Rollout {
        /// API group and version.
        pub api_version: String,
        /// `Rollout`.
        pub kind: String,
        /// Metadata.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: RolloutSpec,
        /// How far it is; also how it is commanded (abort, promote).
        pub status: RolloutStatus,
    }
}

api_struct! {
    /// What is wanted of a Rollout.
    pub struct RolloutSpec {
        /// How many pods; 1 when not given.
        pub replicas: Option<i64>,
        /// Which pods belong to it.
        pub selector: Option<LabelSelector>,
        /// What each pod looks like (a PodTemplateSpec).
        pub template: Option<Value>,
        /// For how many seconds a pod must be ready to count as available.
        pub min_ready_seconds: i64,
        /// How many old ReplicaSets are kept; 10 when not given.
        pub revision_history_limit: Option<i64>,
        /// Whether steps are held.
        pub paused: bool,
        /// How to get from one version to the next.
        pub strategy: RolloutStrategy,
    }
}

api_struct! {
    /// How to get from one version to the next.
    pub struct RolloutStrategy {
        /// Step by step.
        pub canary: Option<CanaryStrategy>,
        /// All at once, behind a second service.
        pub blue_green: Option<Value>,
    }
}

api_struct! {
    /// Step by step.
    pub struct CanaryStrategy {
        /// The steps, in order.
        pub steps: Vec<CanaryStep>,
        /// How many pods there may be above `replicas`; 25 % when not given.
        pub max_surge: Option<IntOrString>,
        /// How many pods of `replicas` may be unavailable; 25 % when not given.
        pub max_unavailable: Option<IntOrString>,
        /// How traffic is split, where it is not by pod counts.
        pub traffic_routing: Option<Value>,
    }
}

api_struct! {
    /// One step: exactly one field is set.
    pub struct CanaryStep {
        /// Percentage of pods (or traffic) of the new version.
        pub set_weight: Option<i64>,
        /// Wait.
        pub pause: Option<RolloutPause>,
    }
}

api_struct! {
    /// A wait.
    pub struct RolloutPause {
        /// For how long: seconds, or a duration such as `1h`; until promoted when not given.
        pub duration: Option<IntOrString>,
    }
}

api_struct! {
    /// How far a Rollout is.
    pub struct RolloutStatus {
        /// Whether the update is to be, or was, taken back.
        pub abort: bool,
        /// When it was.
        pub aborted_at: Option<Time>,
        /// Why it waits.
        pub pause_conditions: Vec<PauseCondition>,
        /// Whether the controller set `pause_conditions`: true with none left means that somebody promoted.
        pub controller_pause: bool,
        /// Hash of the template that is rolled out.
        pub current_pod_hash: String,
        /// Hash of the steps that are followed.
        pub current_step_hash: String,
        /// The step that is being done; as many as there are steps when all are done.
        pub current_step_index: Option<i64>,
        /// Hash of the version that serves (`stableRS` on the wire).
        pub stable_rs as "stableRS": String,
        /// Pods of all versions.
        pub replicas: i64,
        /// Pods of the version that is rolled out.
        pub updated_replicas: i64,
        /// Ready pods of all versions.
        pub ready_replicas: i64,
        /// Available pods of all versions.
        pub available_replicas: i64,
        /// What a horizontal autoscaler is told.
        pub hpa_replicas as "HPAReplicas": i64,
        /// Generation that this status is about; a text, as upstream has it.
        pub observed_generation: String,
        /// Label query of the pods.
        pub selector: String,
        /// Whether the remaining steps are to be skipped.
        pub promote_full: bool,
        /// `Healthy`, `Progressing`, `Paused` or `Degraded`.
        pub phase: String,
        /// Why.
        pub message: String,
    }
}

api_struct! {
    /// Why a Rollout waits.
    pub struct PauseCondition {
        /// `CanaryPauseStep` and others.
        pub reason: String,
        /// Since when.
        pub start_time: Option<Time>,
    }
}
