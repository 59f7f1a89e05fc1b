//! Measurements of the crates: `cargo bench -p argo-benches`. Each figure is one JSON line.
