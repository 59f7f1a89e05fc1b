//! Artifact stores: one trait, and what implements it here.
//!
//! | location | store |
//! |---|---|
//! | `raw` | [`raw::RawStore`] |
//! | `http`, `artifactory` | `http::HttpStore` (feature `http`) |
//! | `git` | `git::GitStore` (feature `git`) |
//! | `s3`, `gcs`, `azure`, `oss`, `hdfs`, `artifactory`, where `ARGO_LOCAL_ARTIFACTS` names a folder | [`local::LocalStore`] |
//!
//! The local store keeps `key` of a bucket in `FOLDER/BACKEND/BUCKET/KEY`, so that a manifest with an object store runs on a laptop as it is.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::archive::ArchiveError;
use crate::{Paths, Settings};

mod collect;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "http")]
pub mod http;
mod load;
pub mod local;
mod location;
pub mod raw;
mod save;

pub use collect::{CollectError, collect};
pub use load::{LoadError, load_inputs};
pub use location::{Location, LocationError};
pub use save::{SaveError, save_file, save_output};
pub(crate) use save::{archive_location, tar_level};

/// Where artifacts are kept.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Puts the content of a location to `to`, which does not exist: a file, or a folder if the location is one.
    async fn load(&self, location: &Location, to: &Path) -> Result<(), StoreError>;
    /// Keeps a file or folder at a location; what was there is replaced.
    async fn save(&self, location: &Location, from: &Path) -> Result<(), StoreError>;
    /// Removes what is at a location; nothing there is no error.
    async fn delete(&self, location: &Location) -> Result<(), StoreError>;
    /// The keys of all files whose key begins with the location's.
    async fn list(&self, location: &Location) -> Result<Vec<String>, StoreError>;
    /// Whether there is something at a location.
    async fn exists(&self, location: &Location) -> Result<bool, StoreError>;
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is nothing at the location.
    #[error("{0}: not found")]
    NotFound(String),
    /// This version cannot do it.
    #[error("not supported yet: {0}")]
    Unsupported(String),
    /// The location lacks something, or is not allowed.
    #[error("{location}: {reason}")]
    Location {
        /// Location.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// A secret is not mounted into the container.
    #[error("secret {name}, key {key}, is not in this pod ({path})")]
    Secret {
        /// Name of the secret.
        name: String,
        /// Key.
        key: String,
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of this machine.
    #[error("{path}")]
    File {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Copying files of this machine.
    #[error("copying")]
    Copy(#[from] ArchiveError),
    /// The other side did not answer as it should.
    #[error("{location}: {reason}")]
    Remote {
        /// Location.
        location: String,
        /// What happened.
        reason: String,
    },
    /// A worker thread ended early.
    #[error("a worker thread ended early")]
    Worker(#[from] tokio::task::JoinError),
}

impl StoreError {
    /// Whether there is nothing at the location, which an optional artifact may do.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound(_) => true,
            Self::Copy(e) => e.is_not_found(),
            _ => false,
        }
    }
}

/// The store of a location.
///
/// # Errors
/// There is none in this build.
pub fn store(location: &Location, settings: &Settings, paths: &Paths) -> Result<Box<dyn ArtifactStore>, StoreError> {
    if let (Some(root), Some(_)) = (&settings.local_artifacts, location.backend_bucket_key()) {
        return Ok(Box::new(local::LocalStore::new(root.clone())));
    }
    match location {
        Location::Raw(_) => Ok(Box::new(raw::RawStore)),
        #[cfg(feature = "http")]
        Location::Http(_) | Location::Artifactory(_) => Ok(Box::new(http::HttpStore::new(paths.clone()))),
        #[cfg(feature = "git")]
        Location::Git(_) => Ok(Box::new(git::GitStore::new(paths.clone()))),
        other => {
            let _ = paths;
            let hint = if other.backend_bucket_key().is_some() {
                "; with ARGO_LOCAL_ARTIFACTS=FOLDER the executor keeps it in that folder instead"
            } else {
                ""
            };
            Err(StoreError::Unsupported(format!("{} artifacts{hint}", other.backend())))
        }
    }
}

#[cfg(any(feature = "http", feature = "git"))]
/// The value of a secret's key, from the secret's mount in this container.
pub(crate) fn secret(paths: &Paths, selector: &argo_core::meta::KeySelector) -> Result<String, StoreError> {
    let path = crate::paths::below(&crate::paths::below(&paths.secrets, &selector.name), &selector.key);
    std::fs::read_to_string(&path).map_err(|source| StoreError::Secret {
        name: selector.name.clone(),
        key: selector.key.clone(),
        path,
        source,
    })
}

/// A message with all its sources, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let message = source.to_string();
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        next = source.source();
    }
    text
}
