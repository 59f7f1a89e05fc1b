//! Output files of the main container, copied to where `wait` sees them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use argo_core::workflows::Template;

use crate::Paths;
use crate::archive::{self, ArchiveError};
use crate::artifact::tar_level;
use crate::template::in_container_layer;

/// Why an output file was not copied.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A parameter's file.
    #[error("output parameter '{name}': {path}")]
    Parameter {
        /// Parameter.
        name: String,
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An artifact's folder.
    #[error("output artifact '{name}': {path}")]
    Folder {
        /// Artifact.
        name: String,
        /// Folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An artifact's content.
    #[error("output artifact '{name}'")]
    Artifact {
        /// Artifact.
        name: String,
        /// Why.
        source: ArchiveError,
    },
}

/// Copies the files of output parameters and, as tar archives, of output artifacts out of the container's own file system. What is on a volume is left: `wait` sees it
/// there. What was not written is left too: whether that is an error, `wait` says.
///
/// # Errors
/// A file is there and cannot be copied.
pub fn copy_outputs(template: &Template, paths: &Paths) -> Result<(), OutputError> {
    for parameter in &template.outputs.parameters {
        let Some(path) = parameter.value_from.as_ref().map(|from| from.path.as_str()).filter(|path| !path.is_empty()) else { continue };
        if !in_container_layer(template, path) {
            continue;
        }
        let to = paths.output_parameter(path);
        let failed = |source| OutputError::Parameter { name: parameter.name.clone(), path: PathBuf::from(path), source };
        match folder_of(&to).and_then(|()| fs::copy(path, &to)) {
            Ok(_) => {}
            Err(_) if !Path::new(path).exists() => tracing::info!(parameter = %parameter.name, path, "not written"),
            Err(source) => return Err(failed(source)),
        }
    }
    for artifact in &template.outputs.artifacts {
        if artifact.path.is_empty() || !in_container_layer(template, &artifact.path) {
            continue;
        }
        let source = Path::new(&artifact.path);
        if !source.exists() {
            tracing::info!(artifact = %artifact.name, path = %artifact.path, "not written");
            continue;
        }
        let to = paths.output_artifact(&artifact.path);
        let file = folder_of(&to).and_then(|()| File::create(&to));
        let file = file.map_err(|source| OutputError::Folder { name: artifact.name.clone(), path: to.clone(), source })?;
        archive::tar_gz(source, tar_level(artifact), file)
            .map_err(|source| OutputError::Artifact { name: artifact.name.clone(), source })?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_are_copied_and_volumes_left() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let paths = Paths { var_run_argo: folder.path().join("run"), ..Paths::default() };
        fs::create_dir_all(folder.path().join("own/d")).unwrap();
        fs::create_dir_all(folder.path().join("volume")).unwrap();
        for file in ["own/p", "own/d/x", "volume/v"] {
            fs::write(folder.path().join(file), file).unwrap();
        }
        let template: Template = serde_json::from_value(json!({
            "container": {"volumeMounts": [{"name": "v", "mountPath": format!("{root}/volume")}]},
            "outputs": {
                "parameters": [
                    {"name": "p", "valueFrom": {"path": format!("{root}/own/p")}}, {"name": "v", "valueFrom": {"path": format!("{root}/volume/v")}},
                    {"name": "none", "valueFrom": {"path": format!("{root}/own/none")}}, {"name": "other", "valueFrom": {"jsonPath": "x"}},
                ],
                "artifacts": [{"name": "d", "path": format!("{root}/own/d/")}, {"name": "none", "path": format!("{root}/none")}],
            },
        }))
        .unwrap();
        copy_outputs(&template, &paths).unwrap();
        assert_eq!(fs::read_to_string(paths.output_parameter(&format!("{root}/own/p"))).unwrap(), "own/p");
        assert!(!paths.output_parameter(&format!("{root}/volume/v")).exists());
        let back = folder.path().join("back");
        archive::untar(&paths.output_artifact(&format!("{root}/own/d")), &back).unwrap();
        assert_eq!(fs::read_to_string(back.join("x")).unwrap(), "own/d/x");
        assert!(!paths.output_artifact(&format!("{root}/none")).exists());
    }
}
