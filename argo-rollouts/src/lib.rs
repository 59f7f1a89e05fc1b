//! Progressive delivery as a pure function: a Rollout, the ReplicaSets there are, and the time go in; a status and the next change come out.
//!
//! So far: the canary strategy with `setWeight` and `pause` steps, traffic split by pod counts.
//!
//! ```
//! use argo_core::rollouts::Rollout;
//! use argo_rollouts::{RolloutEffect, Seen, reconcile};
//!
//! let rollout: Rollout = serde_json::from_str(r#"{
//!     "metadata": {"name": "shop", "namespace": "default", "uid": "1"},
//!     "spec": {
//!         "replicas": 3,
//!         "selector": {"matchLabels": {"app": "shop"}},
//!         "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "main", "image": "shop:1"}]}},
//!         "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
//!     }
//! }"#)?;
//! let plan = reconcile(&rollout, &Seen::default(), jiff::Timestamp::UNIX_EPOCH);
//! assert!(matches!(plan.effects[0].effect, RolloutEffect::CreateReplicaSet { .. }));
//! assert_eq!(plan.status.phase, "Progressing");
//! # Ok::<(), serde_json::Error>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod effect;
mod hash;
mod reconcile;
mod replicas;
mod seen;

pub use effect::RolloutEffect;
pub use hash::{pod_template_hash, step_hash};
pub use reconcile::{CANARY_PAUSE_STEP, reconcile};
pub use replicas::{
    Counts, FULL_WEIGHT, approximate, basic_canary, current_weight, max_surge, max_unavailable, wanted_replicas, wanted_weight,
};
pub use seen::{HASH_LABEL, REVISION, ReplicaSetSeen, Seen};
