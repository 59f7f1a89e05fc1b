//! argo-exec
