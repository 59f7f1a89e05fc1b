//! Which code answers which file.

use crate::Adapter;

mod core;
mod examples;
mod kubeapi;
mod lang;
mod node_ids;
mod rollouts;

/// The adapter of a file (`folder/file`), if there is one.
#[must_use]
pub fn find(file: &str) -> Option<Adapter> {
    match file {
        "workflows/node_ids" => Some(node_ids::run),
        "rollouts/replicas" => Some(rollouts::replicas),
        "core/yaml" => Some(core::yaml),
        "core/jsonpatch" => Some(core::jsonpatch),
        "core/strategic" => Some(core::strategic),
        "lang/expr" => Some(lang::expr),
        "lang/govaluate" => Some(lang::govaluate),
        "examples/round_trip" => Some(examples::round_trip),
        _ if file.starts_with("kubeapi/") => Some(kubeapi::run),
        _ => None,
    }
}

/// Whether the cases of a file must not run beside each other (they start real processes and are timed).
#[must_use]
pub fn serial(file: &str) -> bool {
    file.starts_with("examples/")
}
