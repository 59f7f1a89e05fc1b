//! argo-rollouts
