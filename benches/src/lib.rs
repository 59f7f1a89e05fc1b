//! argo-benches
