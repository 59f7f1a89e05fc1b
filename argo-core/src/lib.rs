//! API types, object model and shared vocabulary of the Argo engines. Pure: no I/O, no clock.

#[macro_use]
mod macros;
pub mod omit;

pub mod ids;
pub mod meta;
pub mod patch;
pub mod plan;
pub mod rollouts;
pub mod workflows;
pub mod yaml;

pub use plan::{EffectId, Keyed, Plan, Reason};
