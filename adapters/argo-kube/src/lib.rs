//! Engines bound to a Kubernetes API through kube-rs: the one interpreter of their effects.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod clock;
pub mod crd;
pub mod driver;
pub mod rollout;

pub use rollout::RolloutController;
