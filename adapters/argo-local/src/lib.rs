//! The embedded control plane: a Kubernetes API in the process, small workload controllers, and a node that runs pods as local processes.
//!
//! ```
//! use argo_local::{LocalCluster, LocalClusterOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = LocalCluster::start(LocalClusterOptions { listen: None, ..Default::default() }).await?;
//! let version = cluster.client().apiserver_version().await?;
//! assert_eq!(version.major, "1");
//! cluster.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod backend;
mod cluster;
pub mod controllers;
pub mod node;
mod serve;
mod service;
mod store;
mod testing;

pub use cluster::{KubeconfigError, LocalCluster, LocalClusterOptions, StartError};
pub use serve::ServeError;
pub use service::{ApiBody, ApiService, BoxError, Clock};
pub use store::{Durability, StoreError};
pub use testing::TestCluster;
