//! Patches of JSON documents.

pub mod merge;
pub mod strategic;
