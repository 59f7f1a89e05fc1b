//! What the engine sees of the world.

use argo_core::meta::Time;
use serde_json::Value;

use crate::replicas::Counts;

/// Label that ties ReplicaSets and pods to a version.
pub const HASH_LABEL: &str = "rollouts-pod-template-hash";
/// Annotation with the number of a version: the newest has the highest.
pub const REVISION: &str = "rollout.argoproj.io/revision";

/// Everything that belongs to a Rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The ReplicaSets that it controls, in any order.
    pub replica_sets: Vec<ReplicaSetSeen>,
}

/// A ReplicaSet as observed: only what is decided by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaSetSeen {
    /// Name.
    pub name: String,
    /// Hash of the version, from its label.
    pub hash: String,
    /// Number of the version, from its annotation; 0 when it has none.
    pub revision: i64,
    /// When it was created.
    pub created: Option<Time>,
    /// Whether deletion was asked for.
    pub deleting: bool,
    /// `spec.replicas`.
    pub wanted: i64,
    /// `status.replicas`: pods that exist.
    pub existing: i64,
    /// `status.readyReplicas`.
    pub ready: i64,
    /// `status.availableReplicas`.
    pub available: i64,
}

impl ReplicaSetSeen {
    /// Reads a ReplicaSet as the API returns it; what is missing counts as nothing.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |path: &str, default: i64| object.pointer(path).and_then(Value::as_i64).unwrap_or(default);
        Self {
            name: text("/metadata/name"),
            hash: text("/metadata/labels/rollouts-pod-template-hash"),
            revision: text("/metadata/annotations/rollout.argoproj.io~1revision").parse().unwrap_or(0),
            created: text("/metadata/creationTimestamp").parse().ok().map(Time),
            deleting: object.pointer("/metadata/deletionTimestamp").is_some(),
            wanted: number("/spec/replicas", 1),
            existing: number("/status/replicas", 0),
            ready: number("/status/readyReplicas", 0),
            available: number("/status/availableReplicas", 0),
        }
    }

    /// Its numbers, as replica counts are decided by.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { wanted: self.wanted, available: self.available }
    }
}
