//! argo-conformance
