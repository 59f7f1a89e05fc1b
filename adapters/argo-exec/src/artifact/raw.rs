//! Text in the manifest.

use std::path::Path;

use async_trait::async_trait;

use super::{ArtifactStore, Location, StoreError};

/// Reads what the manifest itself holds; nothing can be kept in it.
pub struct RawStore;

fn read_only(location: &Location) -> StoreError {
    StoreError::Location { location: location.to_string(), reason: "raw artifacts can only be read".to_owned() }
}

#[async_trait]
impl ArtifactStore for RawStore {
    async fn load(&self, location: &Location, to: &Path) -> Result<(), StoreError> {
        let Location::Raw(raw) = location else { return Err(read_only(location)) };
        std::fs::write(to, &raw.data).map_err(|source| StoreError::File { path: to.to_owned(), source })
    }

    async fn save(&self, location: &Location, _: &Path) -> Result<(), StoreError> {
        Err(read_only(location))
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        Err(read_only(location))
    }

    async fn list(&self, location: &Location) -> Result<Vec<String>, StoreError> {
        Err(read_only(location))
    }

    async fn exists(&self, _: &Location) -> Result<bool, StoreError> {
        Ok(true)
    }
}
