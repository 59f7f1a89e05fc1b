//! argo-lang
