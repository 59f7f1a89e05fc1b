//! The little Go that upstream's test data is written in.

pub(crate) mod eval;
pub(crate) mod names;
pub(crate) mod syntax;
