//! Engines bound to a Kubernetes API through kube-rs: the one interpreter of their effects.
//!
//! * [`driver`]: the one loop that all controllers share, and the invariant that makes a crash at any point harmless.
//! * [`WorkflowController`] and [`RolloutController`]: an incremental and a level-triggered engine in it.
//! * [`crd`]: the custom resource definitions.
//! * [`clock`]: where drivers have their time from.
//!
//! The controllers take any [`kube::Client`]: of a cluster, or of the embedded control plane.
//!
//! ```no_run
//! # async fn example(client: kube::Client) -> Result<(), argo_kube::crd::InstallError> {
//! use argo_kube::{ControllerConfig, WorkflowController, crd};
//!
//! crd::install(client.clone()).await?;
//! let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! WorkflowController::new(client, ControllerConfig::default()).run(shutdown).await;
//! # Ok(())
//! # }
//! ```
//!
//! The definitions are data and need no API at all:
//!
//! ```
//! let names: Vec<String> =
//!     argo_kube::crd::crds().iter().filter_map(|crd| crd.pointer("/metadata/name")?.as_str().map(str::to_owned)).collect();
//! assert!(names.contains(&"workflows.argoproj.io".to_owned()));
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod clock;
pub mod crd;
pub mod driver;
pub mod rollout;
pub mod workflow;

pub use rollout::RolloutController;
pub use workflow::{ControllerConfig, WorkflowController};
