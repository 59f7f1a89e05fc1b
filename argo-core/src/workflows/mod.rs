//! API types of the `argoproj.io/v1alpha1` Workflow group.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::meta::{IntOrString, KeySelector, LabelSelector, ListMeta, LocalObjectReference, ObjectMeta, Time};

mod any_string;
mod arguments;
mod artifact;
mod container;
mod cron;
mod node;
mod pod;
mod tasks;
mod template;
mod workflow;

pub use any_string::{AnyString, Item};
pub use arguments::*;
pub use artifact::*;
pub use container::*;
pub use cron::*;
pub use node::*;
pub use pod::*;
pub use tasks::*;
pub use template::*;
pub use workflow::*;
