//! Output artifacts into their store.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use argo_core::workflows::{Artifact, S3Artifact, Template};

use super::{Location, LocationError, StoreError, store};
use crate::archive::{self, ArchiveError};
use crate::template::in_container_layer;
use crate::{Paths, Settings};

/// Why an output artifact was not kept.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The command did not write it.
    #[error("output artifact '{name}': {path}: no such file or directory")]
    NotWritten {
        /// Artifact.
        name: String,
        /// Path in the main container.
        path: String,
    },
    /// It has no path.
    #[error("output artifact '{0}' has no path")]
    NoPath(String),
    /// There is no place for it.
    #[error("output artifact '{name}'")]
    Location {
        /// Artifact.
        name: String,
        /// Why.
        source: LocationError,
    },
    /// It was not archived.
    #[error("output artifact '{name}'")]
    Archive {
        /// Artifact.
        name: String,
        /// Why.
        source: ArchiveError,
    },
    /// The store did not take it.
    #[error("output artifact '{name}' failed to save")]
    Store {
        /// Artifact.
        name: String,
        /// Why.
        source: StoreError,
    },
    /// A file of this container.
    #[error("output artifact '{name}': {path}")]
    File {
        /// Artifact.
        name: String,
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where a template keeps its artifacts. With a local folder, a template that names no place has one all the same: the key `WORKFLOW/POD` of an unnamed bucket.
pub(crate) fn archive_location(template: &Template, settings: &Settings) -> Option<Location> {
    let named = template.archive_location.as_ref().and_then(Location::of_archive);
    named.or_else(|| {
        settings.local_artifacts.as_ref()?;
        let key = format!("{}/{}", settings.workflow, if settings.pod_name.is_empty() { &settings.node_id } else { &settings.pod_name });
        Some(Location::S3(S3Artifact { key, ..S3Artifact::default() }))
    })
}

/// Archives and keeps one output artifact of the main container; returns it with its location. None if it is optional and not there.
///
/// # Errors
/// It was not written, or not archived, or the store did not take it.
pub async fn save_output(
    artifact: &Artifact,
    template: &Template,
    settings: &Settings,
    paths: &Paths,
) -> Result<Option<Artifact>, SaveError> {
    if artifact.path.is_empty() {
        return Err(SaveError::NoPath(artifact.name.clone()));
    }
    fs::create_dir_all(&paths.temporary).map_err(|source| file_error(artifact, &paths.temporary, source))?;
    let scratch = tempfile::tempdir_in(&paths.temporary).map_err(|source| file_error(artifact, &paths.temporary, source))?;
    let staged = match stage(artifact, template, paths, scratch.path()) {
        Ok(staged) => staged,
        Err(SaveError::NotWritten { path, .. }) if artifact.optional => {
            tracing::info!(artifact = %artifact.name, %path, "optional artifact was not written");
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    save_file(artifact, &staged.name, &staged.path, template, settings, paths).await.map(Some)
}

/// Keeps a file or folder as an artifact. Without a key of its own it gets the template's, followed by `name`.
///
/// # Errors
/// There is no place for it, or the store did not take it.
pub async fn save_file(
    artifact: &Artifact,
    name: &str,
    from: &Path,
    template: &Template,
    settings: &Settings,
    paths: &Paths,
) -> Result<Artifact, SaveError> {
    let no_place = |source| SaveError::Location { name: artifact.name.clone(), source };
    let archive = archive_location(template, settings);
    let mut saved = artifact.clone();
    let location = match Location::resolve(artifact, archive.as_ref()).map_err(no_place)? {
        Some(location) => location,
        None => {
            let archive = archive.ok_or_else(|| no_place(LocationError::NoRepository))?;
            let folder = archive.key().ok_or_else(|| no_place(LocationError::NoKey(archive.backend())))?;
            let folder = folder.trim_end_matches('/');
            let location =
                archive.with_key(&if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }).map_err(no_place)?;
            location.key_only().put_into(&mut saved);
            location
        }
    };
    let failed = |source| SaveError::Store { name: artifact.name.clone(), source };
    store(&location, settings, paths).map_err(failed)?.save(&location, from).await.map_err(failed)?;
    Ok(saved)
}

struct Staged {
    /// Last part of the key.
    name: String,
    path: PathBuf,
}

fn file_error(artifact: &Artifact, path: &Path, source: std::io::Error) -> SaveError {
    SaveError::File { name: artifact.name.clone(), path: path.to_owned(), source }
}

fn not_written(artifact: &Artifact) -> SaveError {
    SaveError::NotWritten { name: artifact.name.clone(), path: artifact.path.clone() }
}

fn base_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The level of the tar archive that `emissary` makes of an artifact: as the manifest says for tar archives, and none where the archive is only on its way.
pub(crate) fn tar_level(artifact: &Artifact) -> i64 {
    match &artifact.archive {
        Some(strategy) if strategy.none.is_some() || strategy.zip.is_some() => 0,
        Some(strategy) => strategy.tar.as_ref().and_then(|tar| tar.compression_level).unwrap_or(-1),
        None => -1,
    }
}

fn stage(artifact: &Artifact, template: &Template, paths: &Paths, scratch: &Path) -> Result<Staged, SaveError> {
    let failed = |source: ArchiveError| {
        if source.is_not_found() { not_written(artifact) } else { SaveError::Archive { name: artifact.name.clone(), source } }
    };
    let strategy = artifact.archive.clone().unwrap_or_default();
    let in_layer = in_container_layer(template, &artifact.path);
    let tarred = paths.output_artifact(&artifact.path);
    if in_layer && !tarred.exists() {
        return Err(not_written(artifact));
    }
    let plain = || -> Result<PathBuf, SaveError> {
        if in_layer {
            let place = scratch.join(base_name(&artifact.path));
            archive::untar(&tarred, &place).map_err(failed)?;
            return Ok(place);
        }
        let place = paths.on_volume(&artifact.path);
        if place.exists() { Ok(place) } else { Err(not_written(artifact)) }
    };
    if strategy.none.is_some() {
        return Ok(Staged { name: base_name(&artifact.path), path: plain()? });
    }
    if strategy.zip.is_some() {
        let name = format!("{}.zip", artifact.name);
        let path = scratch.join(format!(".{}", base_name(&name)));
        archive::zip(&plain()?, &path).map_err(failed)?;
        return Ok(Staged { name, path });
    }
    let name = format!("{}.tgz", artifact.name);
    if in_layer {
        return Ok(Staged { name, path: tarred });
    }
    let path = scratch.join("archive");
    let file = File::create(&path).map_err(|source| file_error(artifact, &path, source))?;
    archive::tar_gz(&plain()?, tar_level(artifact), BufWriter::new(file)).map_err(failed)?;
    Ok(Staged { name, path })
}
