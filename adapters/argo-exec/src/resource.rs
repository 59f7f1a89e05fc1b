//! `resource`: works on one Kubernetes object.

use argo_core::workflows::Template;

use crate::{Paths, Settings};

/// Why a resource template failed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// This version cannot do it.
    #[error("not supported yet: resource action {0}")]
    Unsupported(String),
}

pub(crate) async fn run(action: &str, _: Template, _: Settings, _: &Paths) -> Result<(), ResourceError> {
    Err(ResourceError::Unsupported(action.to_owned()))
}
