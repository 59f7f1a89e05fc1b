//! argo-conformance
fn main() {}
