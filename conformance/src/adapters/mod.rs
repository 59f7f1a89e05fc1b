//! Which code answers which file.

use crate::Adapter;

mod node_ids;
mod rollouts;

/// The adapter of a file (`folder/file`), if there is one.
#[must_use]
pub fn find(file: &str) -> Option<Adapter> {
    match file {
        "workflows/node_ids" => Some(node_ids::run),
        "rollouts/replicas" => Some(rollouts::replicas),
        _ => None,
    }
}

/// Whether the cases of a file must not run beside each other (they start real processes and are timed).
#[must_use]
pub fn serial(file: &str) -> bool {
    file.starts_with("examples/")
}
