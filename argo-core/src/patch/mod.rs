//! Patches of JSON documents: JSON patch, merge patch and strategic merge patch, made and applied.

pub mod json;
pub mod merge;
pub mod strategic;
