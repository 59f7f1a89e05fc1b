//! Input artifacts into their places.

use std::path::{Path, PathBuf};

use argo_core::workflows::{Artifact, Template};

use super::{Location, LocationError, StoreError, store};
use crate::archive::{self, ArchiveError};
use crate::template::overlapping_volume;
use crate::{Paths, Settings};

/// Why an input artifact was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No step supplied it.
    #[error("required artifact '{0}' not supplied")]
    NotSupplied(String),
    /// Its location does not say enough.
    #[error("artifact '{name}'")]
    Location {
        /// Artifact.
        name: String,
        /// Why.
        source: LocationError,
    },
    /// Its path cannot be used.
    #[error("artifact '{name}': path {path:?} {reason}")]
    Path {
        /// Artifact.
        name: String,
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The store did not give it.
    #[error("artifact '{name}' failed to load")]
    Store {
        /// Artifact.
        name: String,
        /// Why.
        source: StoreError,
    },
    /// Its archive was not unpacked.
    #[error("artifact '{name}'")]
    Unpack {
        /// Artifact.
        name: String,
        /// Why.
        source: ArchiveError,
    },
    /// A file of this container.
    #[error("artifact '{name}': {path}")]
    File {
        /// Artifact.
        name: String,
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Loads every input artifact: to `inputs/NAME`, or onto the main container's volume that its path is on.
///
/// # Errors
/// The first artifact that is not optional and cannot be loaded.
pub async fn load_inputs(template: &Template, settings: &Settings, paths: &Paths) -> Result<(), LoadError> {
    let archive = super::save::archive_location(template, settings);
    for artifact in &template.inputs.artifacts {
        load(artifact, template, archive.as_ref(), settings, paths).await?;
    }
    Ok(())
}

async fn load(
    artifact: &Artifact,
    template: &Template,
    archive: Option<&Location>,
    settings: &Settings,
    paths: &Paths,
) -> Result<(), LoadError> {
    let name = &artifact.name;
    let location = match Location::resolve(artifact, archive) {
        Ok(Some(location)) => location,
        Ok(None) if artifact.optional => {
            tracing::info!(artifact = %name, "optional artifact was not supplied");
            return Ok(());
        }
        Ok(None) => return Err(LoadError::NotSupplied(name.clone())),
        Err(source) => return Err(LoadError::Location { name: name.clone(), source }),
    };
    let place = match overlapping_volume(template, &artifact.path) {
        Some(mount) => {
            tracing::info!(artifact = %name, path = %artifact.path, %mount, "loading onto the volume");
            paths.on_volume(&artifact.path)
        }
        None => paths.inputs.join(plain_name(artifact)?),
    };
    let scratch = sibling(&place, ".tmp");
    if let Some(folder) = scratch.parent() {
        std::fs::create_dir_all(folder).map_err(|source| LoadError::File { name: name.clone(), path: folder.to_owned(), source })?;
    }
    let source = store(&location, settings, paths).map_err(|source| LoadError::Store { name: name.clone(), source })?;
    match source.load(&location, &scratch).await {
        Ok(()) => {}
        Err(e) if artifact.optional && e.is_not_found() => {
            tracing::info!(artifact = %name, %location, "optional artifact is not there");
            return Ok(());
        }
        Err(source) => return Err(LoadError::Store { name: name.clone(), source }),
    }
    unpack(artifact, &scratch, &place).map_err(|source| LoadError::Unpack { name: name.clone(), source })?;
    if let Some(mode) = artifact.mode {
        set_mode(&place, mode, artifact.recurse_mode).map_err(|source| LoadError::File {
            name: name.clone(),
            path: place.clone(),
            source,
        })?;
    }
    Ok(())
}

fn plain_name(artifact: &Artifact) -> Result<&str, LoadError> {
    let name = artifact.name.as_str();
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return Err(LoadError::Path { name: name.to_owned(), path: artifact.path.clone(), reason: "needs an artifact name without '/'" });
    }
    Ok(name)
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

// As upstream: `tar` and `zip` say what it is; without a word, a gzipped tar is recognised by its content and a zip is not.
fn unpack(artifact: &Artifact, loaded: &Path, place: &Path) -> Result<(), ArchiveError> {
    let strategy = artifact.archive.clone().unwrap_or_default();
    let is_file = loaded.is_file();
    let tar = strategy.none.is_none() && (strategy.tar.is_some() || (strategy.zip.is_none() && archive::is_tar_gz(loaded)));
    let zip = strategy.none.is_none() && strategy.zip.is_some();
    if !is_file || !(tar || zip) {
        return archive::put(loaded, place);
    }
    let done = if tar { archive::untar(loaded, place) } else { archive::unzip(loaded, place) };
    let _ = std::fs::remove_file(loaded);
    done
}

#[cfg(unix)]
fn set_mode(place: &Path, mode: i64, recurse: bool) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = u32::try_from(mode & 0o7777).unwrap_or(0o644);
    let mut open = vec![place.to_owned()];
    while let Some(path) = open.pop() {
        let metadata = std::fs::symlink_metadata(&path)?;
        if metadata.is_symlink() {
            continue;
        }
        if recurse && metadata.is_dir() {
            for child in std::fs::read_dir(&path)? {
                open.push(child?.path());
            }
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: i64, _: bool) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct Pod {
        folder: tempfile::TempDir,
        paths: Paths,
        settings: Settings,
    }

    impl Pod {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().to_str().unwrap().to_owned();
            let lookup = |name: &str| match name {
                "ARGO_INPUTS" => Some(format!("{root}/inputs")),
                "ARGO_MAIN_ROOT" => Some(format!("{root}/main")),
                "ARGO_LOCAL_ARTIFACTS" => Some(format!("{root}/store")),
                _ => None,
            };
            let (paths, settings) = (Paths::from_lookup(&lookup), Settings::from_lookup(&lookup).unwrap());
            Self { folder, paths, settings }
        }

        fn kept(&self, key: &str) -> PathBuf {
            let place = self.folder.path().join("store/s3/b").join(key);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            place
        }

        async fn load(&self, template: serde_json::Value) -> Result<(), String> {
            let mut template: Template = serde_json::from_value(template).unwrap();
            template.archive_location = serde_json::from_value(json!({"s3": {"bucket": "b", "key": "wf/pod"}})).unwrap();
            load_inputs(&template, &self.settings, &self.paths).await.map_err(|e| super::super::chain(&e))
        }

        fn input(&self, name: &str) -> PathBuf {
            self.folder.path().join("inputs").join(name)
        }
    }

    #[tokio::test]
    async fn raw_text_with_a_mode() {
        let pod = Pod::new();
        pod.load(json!({"inputs": {"artifacts": [{"name": "r", "path": "/r", "mode": 0o755, "raw": {"data": "hello\n"}}]}})).await.unwrap();
        assert_eq!(fs::read_to_string(pod.input("r")).unwrap(), "hello\n");
        assert_eq!(fs::metadata(pod.input("r")).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[tokio::test]
    async fn archives_are_unpacked_as_told_or_recognised() {
        let pod = Pod::new();
        let text = pod.folder.path().join("text");
        fs::write(&text, "t").unwrap();
        archive::tar_gz(&text, -1, fs::File::create(pod.kept("a.tgz")).unwrap()).unwrap();
        archive::zip(&text, &pod.kept("a.zip")).unwrap();
        let input =
            |name: &str, key: &str, archive: serde_json::Value| json!({"name": name, "path": "/x", "s3": {"key": key}, "archive": archive});
        pod.load(json!({"inputs": {"artifacts": [
            input("auto", "a.tgz", json!(null)), input("tar", "a.tgz", json!({"tar": {}})), input("none", "a.tgz", json!({"none": {}})),
            input("zip", "a.zip", json!({"zip": {}})), input("opaque", "a.zip", json!(null)),
        ]}}))
        .await
        .unwrap();
        for name in ["auto", "tar", "zip"] {
            assert_eq!(fs::read_to_string(pod.input(name)).unwrap(), "t", "{name}");
        }
        assert_eq!(fs::read(pod.input("none")).unwrap(), fs::read(pod.kept("a.tgz")).unwrap());
        assert_eq!(fs::read(pod.input("opaque")).unwrap(), fs::read(pod.kept("a.zip")).unwrap());
    }

    #[tokio::test]
    async fn volumes_take_what_is_on_them() {
        let pod = Pod::new();
        pod.load(json!({"container": {"volumeMounts": [{"name": "v", "mountPath": "/work"}]},
            "inputs": {"artifacts": [{"name": "r", "path": "/work/in/r", "raw": {"data": "v"}}]}}))
            .await
            .unwrap();
        assert_eq!(fs::read_to_string(pod.folder.path().join("main/work/in/r")).unwrap(), "v");
    }

    #[tokio::test]
    async fn what_is_missing_is_an_error_unless_optional() {
        let pod = Pod::new();
        let with = |artifact: serde_json::Value| json!({"inputs": {"artifacts": [artifact]}});
        assert_eq!(pod.load(with(json!({"name": "a", "path": "/a"}))).await, Err("required artifact 'a' not supplied".to_owned()));
        pod.load(with(json!({"name": "a", "path": "/a", "optional": true}))).await.unwrap();
        let error = pod.load(with(json!({"name": "a", "path": "/a", "s3": {"key": "none"}}))).await.unwrap_err();
        assert_eq!(error, "artifact 'a' failed to load: s3 b/none: not found");
        pod.load(with(json!({"name": "a", "path": "/a", "optional": true, "s3": {"key": "none"}}))).await.unwrap();
        assert!(!pod.input("a").exists());
        let error = pod.load(with(json!({"name": "../a", "path": "/a", "raw": {"data": ""}}))).await.unwrap_err();
        assert!(error.contains("without '/'"), "{error}");
    }

    #[tokio::test]
    async fn modes_of_folders() {
        let pod = Pod::new();
        fs::create_dir_all(pod.kept("d/sub")).unwrap();
        fs::write(pod.kept("d/sub/x"), "x").unwrap();
        pod.load(json!({"inputs": {"artifacts": [{"name": "d", "path": "/d", "mode": 0o700, "recurseMode": true, "s3": {"key": "d"}}]}}))
            .await
            .unwrap();
        assert_eq!(fs::metadata(pod.input("d/sub/x")).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
