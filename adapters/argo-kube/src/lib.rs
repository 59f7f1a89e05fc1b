//! argo-kube
