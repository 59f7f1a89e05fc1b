//! argo-local
