//! A folder of this machine in place of object stores.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;

use super::{ArtifactStore, Location, StoreError};
use crate::archive;

/// Keeps artifacts in `root/BACKEND/BUCKET/KEY`.
pub struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// A store in a folder, which is made when the first artifact is kept.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn bucket(&self, location: &Location) -> Result<(PathBuf, String), StoreError> {
        let wrong = |reason: &str| StoreError::Location { location: location.to_string(), reason: reason.to_owned() };
        let (backend, bucket, key) = location.backend_bucket_key().ok_or_else(|| wrong("it has no key"))?;
        let plain = |text: &str| Path::new(text).components().all(|part| matches!(part, Component::Normal(_)));
        let key = key.trim_start_matches('/').to_owned();
        if !plain(&key) || !plain(&bucket) {
            return Err(wrong("bucket and key must not hold '.' or '..' as a part"));
        }
        // A name that no bucket can have, so that an unnamed bucket never meets a named one.
        let folder = if bucket.is_empty() { "_" } else { &bucket };
        Ok((self.root.join(backend).join(folder), key))
    }

    fn place(&self, location: &Location) -> Result<PathBuf, StoreError> {
        let (bucket, key) = self.bucket(location)?;
        let key = key.trim_end_matches('/');
        if key.is_empty() {
            return Err(StoreError::Location { location: location.to_string(), reason: "the key is empty".to_owned() });
        }
        Ok(bucket.join(key))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |source| StoreError::File { path: path.to_owned(), source }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(m) if m.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(e) => Err(e),
    }
}

#[async_trait]
impl ArtifactStore for LocalStore {
    async fn load(&self, location: &Location, to: &Path) -> Result<(), StoreError> {
        let place = self.place(location)?;
        if !place.exists() {
            return Err(StoreError::NotFound(location.to_string()));
        }
        Ok(archive::copy(&place, to)?)
    }

    async fn save(&self, location: &Location, from: &Path) -> Result<(), StoreError> {
        let place = self.place(location)?;
        let folder = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(at(folder))?;
        // Readers see the old content or the new, never half of it.
        let scratch = tempfile::Builder::new().prefix(".saving-").tempdir_in(folder).map_err(at(folder))?;
        let copy = scratch.path().join("content");
        archive::copy(from, &copy)?;
        // A folder is many objects in an object store: it joins what is there with the same beginning of the key.
        Ok(archive::put(&copy, &place)?)
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        let place = self.place(location)?;
        remove(&place).map_err(at(&place))
    }

    async fn list(&self, location: &Location) -> Result<Vec<String>, StoreError> {
        let (bucket, prefix) = self.bucket(location)?;
        let mut keys = Vec::new();
        let mut open = vec![(bucket, String::new())];
        while let Some((folder, above)) = open.pop() {
            let listing = match fs::read_dir(&folder) {
                Ok(listing) => listing,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(StoreError::File { path: folder, source }),
            };
            for entry in listing {
                let entry = entry.map_err(at(&folder))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let key = format!("{above}{name}");
                let is_folder = entry.file_type().map_err(at(&folder))?.is_dir();
                if is_folder && !name.starts_with(".saving-") {
                    let below = format!("{key}/");
                    if below.starts_with(&prefix) || prefix.starts_with(&below) {
                        open.push((entry.path(), below));
                    }
                } else if !is_folder && key.starts_with(&prefix) {
                    keys.push(key);
                }
            }
        }
        keys.sort();
        Ok(keys)
    }

    async fn exists(&self, location: &Location) -> Result<bool, StoreError> {
        Ok(self.place(location)?.exists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argo_core::workflows::S3Artifact;

    fn s3(key: &str) -> Location {
        Location::S3(S3Artifact { bucket: "b".to_owned(), key: key.to_owned(), ..S3Artifact::default() })
    }

    #[tokio::test]
    async fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().join("store"));
        let file = folder.path().join("file");
        for content in ["one", "two"] {
            fs::write(&file, content).unwrap();
            store.save(&s3("wf/pod/a.tgz"), &file).await.unwrap();
        }
        assert!(folder.path().join("store/s3/b/wf/pod/a.tgz").is_file());
        let back = folder.path().join("back");
        store.load(&s3("wf/pod/a.tgz"), &back).await.unwrap();
        assert_eq!(fs::read_to_string(back).unwrap(), "two");
        assert!(store.load(&s3("wf/pod/b"), &folder.path().join("no")).await.unwrap_err().is_not_found());
    }

    #[tokio::test]
    async fn folders_listing_and_deletion() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().join("store"));
        let out = folder.path().join("out");
        fs::create_dir_all(out.join("sub")).unwrap();
        fs::write(out.join("sub/x"), "x").unwrap();
        fs::write(out.join("y"), "y").unwrap();
        store.save(&s3("d/"), &out).await.unwrap();
        fs::rename(out.join("y"), out.join("z")).unwrap();
        store.save(&s3("d"), &out).await.unwrap();
        store.save(&s3("dd"), &out.join("z")).await.unwrap();
        assert_eq!(store.list(&s3("d")).await.unwrap(), ["d/sub/x", "d/y", "d/z", "dd"]);
        assert_eq!(store.list(&s3("d/s")).await.unwrap(), ["d/sub/x"]);
        assert_eq!(store.list(&s3("")).await.unwrap().len(), 4);
        store.delete(&s3("d")).await.unwrap();
        store.delete(&s3("d")).await.unwrap();
        assert!(!store.exists(&s3("d")).await.unwrap() && store.exists(&s3("dd")).await.unwrap());
    }

    #[tokio::test]
    async fn keys_do_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().to_owned());
        for key in ["../x", "a/../../x", ""] {
            assert!(matches!(store.delete(&s3(key)).await, Err(StoreError::Location { .. })), "{key}");
        }
        assert!(store.exists(&s3("/rooted")).await.is_ok());
    }
}
