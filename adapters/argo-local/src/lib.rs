//! The embedded control plane: a Kubernetes API in the process, small workload controllers, and a node that runs pods as local processes.

pub mod api;
pub mod backend;
pub mod controllers;
pub mod node;
