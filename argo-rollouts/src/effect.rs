//! What a Rollout wants done.

use serde_json::Value;

/// One thing to be done. Doing it twice is the same as doing it once.
#[derive(Clone, Debug, PartialEq)]
pub enum RolloutEffect {
    /// Create this ReplicaSet (a complete object, owned by the Rollout, with no pods yet).
    CreateReplicaSet {
        /// The ReplicaSet.
        object: Box<Value>,
    },
    /// Have a ReplicaSet run this many pods.
    Scale {
        /// Its name.
        name: String,
        /// How many.
        replicas: i64,
    },
    /// Number a version: the ReplicaSet of an older version that is rolled out again becomes the newest.
    SetRevision {
        /// Name of the ReplicaSet.
        name: String,
        /// The number.
        revision: i64,
    },
    /// Delete the ReplicaSet of a version that history has no room for.
    DeleteReplicaSet {
        /// Its name.
        name: String,
    },
}
