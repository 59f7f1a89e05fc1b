//! API types, object model and shared vocabulary of the Argo engines. Pure: no I/O, no clock.

#[macro_use]
mod macros;
pub mod omit;

pub mod describe;
pub mod duration;
pub mod go;
pub mod ids;
pub mod json;
pub mod k8s;
pub mod meta;
pub mod object;
pub mod patch;
pub mod plan;
pub mod podhash;
pub mod quantity;
pub mod rollouts;
pub mod selector;
pub mod strict;
pub mod validation;
pub mod workflows;
pub mod yaml;

pub use plan::{EffectId, Keyed, Plan, Reason};
