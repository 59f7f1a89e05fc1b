//! `init`: stages what the other containers need.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use argo_core::workflows::Template;

use crate::artifact::{LoadError, load_inputs};
use crate::template::{main_containers, sidecars};
use crate::{Paths, Settings};

/// Why a pod was not set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The executor's own file is not known.
    #[error("own executable")]
    OwnExecutable(#[source] io::Error),
    /// The executor was not put where the main containers look for it.
    #[error("copying the executor to {path}")]
    Executor {
        /// Destination.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder was not written.
    #[error("{path}")]
    Write {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An input artifact was not loaded.
    #[error(transparent)]
    Artifact(#[from] LoadError),
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), InitError> {
    let failed = |source| InitError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, content).and_then(|()| set_mode(path, mode)).map_err(failed)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// Makes the folder of a container, open to whatever user the container runs as.
pub(crate) fn container_folder(paths: &Paths, container: &str) -> io::Result<()> {
    let folder = paths.container(container);
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    set_mode(&folder, 0o777)?;
    // Its parents are another user's where that user came first: then they are open already.
    let _ = set_mode(&paths.var_run_argo.join("ctr"), 0o777);
    Ok(())
}

/// Puts the executor at `to`: as a symbolic link if `link` says so (where all containers share a file system), else as a hard link, else as a copy.
fn place_executor(own: &Path, to: &Path, link: bool) -> Result<(), InitError> {
    let failed = |source| InitError::Executor { path: to.to_owned(), source };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    match fs::remove_file(to) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(failed(source)),
    }
    #[cfg(unix)]
    if link {
        return std::os::unix::fs::symlink(own, to).map_err(failed);
    }
    let _ = link;
    if fs::hard_link(own, to).is_ok() {
        return Ok(());
    }
    // Under another name first: a half-written program must not be run.
    let scratch = to.with_extension("tmp");
    fs::copy(own, &scratch).and_then(|_| set_mode(&scratch, 0o755)).and_then(|()| fs::rename(&scratch, to)).map_err(failed)
}

/// Stages the executor, the template, the script or manifest, and the folders of the containers.
///
/// # Errors
/// A file could not be written.
pub fn stage(template: &Template, template_text: &str, own: &Path, link: bool, paths: &Paths) -> Result<(), InitError> {
    place_executor(own, &paths.executor(), link)?;
    write(&paths.template(), template_text.as_bytes(), 0o444)?;
    for container in main_containers(template).iter().chain(&sidecars(template)) {
        container_folder(paths, container).map_err(|source| InitError::Write { path: paths.container(container), source })?;
    }
    // Output files are put there by whatever user the main container runs as.
    let has_files = template.outputs.artifacts.iter().any(|artifact| !artifact.path.is_empty())
        || template.outputs.parameters.iter().any(|parameter| parameter.value_from.as_ref().is_some_and(|from| !from.path.is_empty()));
    for folder in ["outputs", "outputs/parameters", "outputs/artifacts"].into_iter().filter(|_| has_files) {
        let path = paths.var_run_argo.join(folder);
        fs::create_dir_all(&path)
            .and_then(|()| set_mode(&path, 0o777))
            .map_err(|source| InitError::Write { path: path.clone(), source })?;
    }
    if let Some(script) = &template.script {
        write(&paths.script(), script.source.as_bytes(), 0o755)?;
    }
    Ok(())
}

/// Runs `init`.
///
/// # Errors
/// Something could not be staged or loaded.
pub async fn run(template: &Template, template_text: &str, settings: &Settings, paths: &Paths) -> Result<(), InitError> {
    match &settings.shared_executor {
        Some(shared) => stage(template, template_text, shared, true, paths)?,
        None => {
            let own = std::env::current_exe().map_err(InitError::OwnExecutable)?;
            stage(template, template_text, &own, settings.link_executor, paths)?;
        }
    }
    Ok(load_inputs(template, settings, paths).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch() -> (tempfile::TempDir, Paths, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { var_run_argo: folder.path().join("run"), staging: folder.path().join("staging"), ..Paths::default() };
        let own = folder.path().join("own");
        fs::write(&own, "program").unwrap();
        (folder, paths, own)
    }

    #[test]
    fn files_of_a_script() {
        let (_folder, paths, own) = scratch();
        let text = r#"{"script":{"source":"echo hi"},"sidecars":[{"name":"s"}]}"#;
        for _ in 0..2 {
            stage(&serde_json::from_str(text).unwrap(), text, &own, false, &paths).unwrap();
        }
        assert_eq!(fs::read_to_string(paths.script()).unwrap(), "echo hi");
        assert_eq!(fs::read_to_string(paths.template()).unwrap(), text);
        assert_eq!(fs::read_to_string(paths.executor()).unwrap(), "program");
        for container in ["main", "s"] {
            assert_eq!(fs::metadata(paths.container(container)).unwrap().permissions().mode() & 0o777, 0o777);
        }
    }

    #[test]
    fn the_executor_may_be_a_link() {
        let (_folder, paths, own) = scratch();
        for _ in 0..2 {
            stage(&Template::default(), "{}", &own, true, &paths).unwrap();
        }
        assert_eq!(fs::read_link(paths.executor()).unwrap(), own);
    }
}
