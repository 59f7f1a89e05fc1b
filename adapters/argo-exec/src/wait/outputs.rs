//! Outputs of the main container, from files to the task result.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use argo_core::workflows::{AnyString, Artifact, Outputs, Parameter, Template};

use super::WaitError;
use crate::artifact::{save_file, save_output};
use crate::template::{MAIN, archives_logs, has_result, in_container_layer, main_containers};
use crate::{Paths, Settings};

/// Most bytes of standard output that are a result; of more, the last are kept, as upstream does.
pub const MAX_RESULT: usize = 256 << 10;

/// Why an output parameter has no value.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// Its file was not written.
    #[error("output parameter '{name}': {path}: no such file or directory (the command did not write it, and valueFrom has no default)")]
    NotWritten {
        /// Parameter.
        name: String,
        /// Path in the main container.
        path: String,
    },
    /// Its file cannot be read.
    #[error("output parameter '{name}': {path}")]
    Read {
        /// Parameter.
        name: String,
        /// Path in the main container.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Reads and keeps everything the template declares, and says what went wrong with any of it.
pub(super) async fn collect(template: &mut Template, settings: &Settings, paths: &Paths) -> (Outputs, Vec<WaitError>) {
    let mut errors = Vec::new();
    if settings.include_script_output && has_result(template) {
        match result(&paths.stdout_file(MAIN)) {
            Ok(text) => template.outputs.result = Some(text),
            Err(source) => errors.push(WaitError::Output { container: MAIN.to_owned(), path: paths.stdout_file(MAIN), source }),
        }
    }
    let mut declared = std::mem::take(&mut template.outputs.parameters);
    for parameter in &mut declared {
        if let Err(e) = set_value(parameter, template, paths) {
            errors.push(e.into());
            // As upstream: the parameters after one without a value stay without one.
            break;
        }
    }
    template.outputs.parameters = declared;
    let mut artifacts = Vec::new();
    for artifact in &template.outputs.artifacts {
        match save_output(artifact, template, settings, paths).await {
            Ok(saved) => artifacts.extend(saved),
            Err(e) => errors.push(e.into()),
        }
    }
    if archives_logs(template) {
        for container in main_containers(template) {
            match save_logs(&container, template, settings, paths).await {
                Ok(saved) => artifacts.push(saved),
                Err(e) => errors.push(e),
            }
        }
    }
    (Outputs { artifacts, ..template.outputs.clone() }, errors)
}

fn without_last_newline(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

/// The last part of a file, as text.
fn result(path: &Path) -> io::Result<String> {
    let mut file = match File::open(path) {
        // The container never started.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        other => other?,
    };
    let length = file.metadata()?.len();
    // One more than is kept: it may be the newline that is dropped.
    let most = MAX_RESULT as u64 + 1;
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    let surplus = bytes.len().saturating_sub(MAX_RESULT);
    Ok(String::from_utf8_lossy(bytes.get(surplus..).unwrap_or_default()).into_owned())
}

fn set_value(parameter: &mut Parameter, template: &Template, paths: &Paths) -> Result<(), ParameterError> {
    let Some(from) = parameter.value_from.as_ref().filter(|from| !from.path.is_empty()) else { return Ok(()) };
    let file: PathBuf =
        if in_container_layer(template, &from.path) { paths.output_parameter(&from.path) } else { paths.on_volume(&from.path) };
    let text = match (fs::read(&file), &from.default) {
        (Ok(bytes), _) => String::from_utf8_lossy(&bytes).into_owned(),
        (Err(_), Some(default)) => default.to_string(),
        (Err(source), None) => {
            let (name, path) = (parameter.name.clone(), from.path.clone());
            return Err(if source.kind() == io::ErrorKind::NotFound {
                ParameterError::NotWritten { name, path }
            } else {
                ParameterError::Read { name, path, source }
            });
        }
    };
    parameter.value = Some(AnyString(without_last_newline(&text).to_owned()));
    Ok(())
}

async fn save_logs(container: &str, template: &Template, settings: &Settings, paths: &Paths) -> Result<Artifact, WaitError> {
    let file = paths.combined_file(container);
    if !file.exists() {
        // A container that wrote nothing has an empty log.
        fs::write(&file, "").map_err(|source| WaitError::Output { container: container.to_owned(), path: file.clone(), source })?;
    }
    let artifact = Artifact { name: format!("{container}-logs"), ..Artifact::default() };
    Ok(save_file(&artifact, &format!("{container}.log"), &file, template, settings, paths).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_are_the_end_of_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stdout");
        assert_eq!(result(&file).unwrap(), "");
        for (written, kept) in [("", ""), ("a", "a"), ("a\n", "a"), ("a\n\n", "a\n")] {
            fs::write(&file, written).unwrap();
            assert_eq!(result(&file).unwrap(), kept);
        }
        fs::write(&file, format!("x{}y\n", "m".repeat(MAX_RESULT - 1))).unwrap();
        let text = result(&file).unwrap();
        assert_eq!((text.len(), text.starts_with('m'), text.ends_with('y')), (MAX_RESULT, true, true));
    }

    struct Pod {
        folder: tempfile::TempDir,
        paths: Paths,
        settings: Settings,
    }

    fn pod() -> Pod {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap().to_owned();
        let lookup = |name: &str| match name {
            "ARGO_VAR_RUN" => Some(format!("{root}/run")),
            "ARGO_MAIN_ROOT" => Some(format!("{root}/main")),
            "ARGO_TMP" => Some(format!("{root}/tmp")),
            "ARGO_LOCAL_ARTIFACTS" => Some(format!("{root}/store")),
            "ARGO_INCLUDE_SCRIPT_OUTPUT" => Some("true".to_owned()),
            "ARGO_WORKFLOW_NAME" => Some("wf".to_owned()),
            "ARGO_POD_NAME" => Some("pod".to_owned()),
            _ => None,
        };
        let (paths, settings) = (Paths::from_lookup(&lookup), Settings::from_lookup(&lookup).unwrap());
        fs::create_dir_all(paths.container(MAIN)).unwrap();
        Pod { folder, paths, settings }
    }

    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[tokio::test]
    async fn parameters_and_result() {
        let pod = pod();
        put(&pod.paths.output_parameter("/tmp/p"), "one\n\n");
        put(&pod.paths.on_volume("/work/v"), "two");
        put(&pod.paths.stdout_file(MAIN), "said\n");
        let mut template: Template = serde_json::from_value(json!({
            "script": {"source": "", "volumeMounts": [{"mountPath": "/work", "name": "w"}]},
            "outputs": {"parameters": [
                {"name": "p", "valueFrom": {"path": "/tmp/p"}}, {"name": "v", "valueFrom": {"path": "/work/v"}},
                {"name": "d", "valueFrom": {"path": "/none", "default": "dflt\n"}}, {"name": "x", "valueFrom": {"path": "/none"}},
            ]},
        }))
        .unwrap();
        let (outputs, errors) = collect(&mut template, &pod.settings, &pod.paths).await;
        let value = |i: usize| outputs.parameters[i].value.clone().map(|v| v.0);
        assert_eq!((value(0), value(1), value(2), value(3)), (Some("one\n".into()), Some("two".into()), Some("dflt".into()), None));
        assert_eq!(outputs.result.as_deref(), Some("said"));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().starts_with("output parameter 'x': /none: no such file"), "{}", errors[0]);
    }

    #[tokio::test]
    async fn artifacts_by_strategy() {
        let pod = pod();
        let own = pod.folder.path().join("out.txt");
        fs::write(&own, "content").unwrap();
        for path in ["/tmp/a.txt", "/tmp/n.txt", "/tmp/z.txt", "/tmp/k.txt"] {
            let to = pod.paths.output_artifact(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            let named = pod.folder.path().join(path.trim_start_matches("/tmp/"));
            fs::copy(&own, &named).unwrap();
            crate::archive::tar_gz(&named, -1, File::create(to).unwrap()).unwrap();
        }
        let mut template: Template = serde_json::from_value(json!({
            "container": {},
            "archiveLocation": {"archiveLogs": true, "s3": {"bucket": "b", "endpoint": "e", "key": "wf/pod"}},
            "outputs": {"artifacts": [
                {"name": "a", "path": "/tmp/a.txt"}, {"name": "n", "path": "/tmp/n.txt", "archive": {"none": {}}},
                {"name": "z", "path": "/tmp/z.txt", "archive": {"zip": {}}}, {"name": "k", "path": "/tmp/k.txt", "s3": {"key": "own/key"}},
                {"name": "o", "path": "/tmp/none", "optional": true}, {"name": "m", "path": "/tmp/none"},
            ]},
        }))
        .unwrap();
        put(&pod.paths.combined_file(MAIN), "log\n");
        let (outputs, errors) = collect(&mut template, &pod.settings, &pod.paths).await;
        let keys: Vec<_> = outputs.artifacts.iter().map(|a| (a.name.as_str(), a.s3.as_ref().unwrap().key.as_str())).collect();
        let expected =
            [("a", "wf/pod/a.tgz"), ("n", "wf/pod/n.txt"), ("z", "wf/pod/z.zip"), ("k", "own/key"), ("main-logs", "wf/pod/main.log")];
        assert_eq!(keys, expected);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].to_string(), "output artifact 'm': /tmp/none: no such file or directory");
        let store = pod.folder.path().join("store/s3/b");
        assert_eq!(fs::read_to_string(store.join("wf/pod/n.txt")).unwrap(), "content");
        assert_eq!(fs::read_to_string(store.join("wf/pod/main.log")).unwrap(), "log\n");
        crate::archive::unzip(&store.join("wf/pod/z.zip"), &pod.folder.path().join("z")).unwrap();
        assert_eq!(fs::read_to_string(pod.folder.path().join("z")).unwrap(), "content");
        assert!(crate::archive::is_tar_gz(&store.join("own/key")));
    }

    #[tokio::test]
    async fn a_template_without_a_place_uses_the_local_folder() {
        let pod = pod();
        put(&pod.paths.on_volume("/w/d/x"), "x");
        let mut template: Template = serde_json::from_value(json!({
            "container": {"volumeMounts": [{"name": "w", "mountPath": "/w"}]},
            "outputs": {"artifacts": [{"name": "d", "path": "/w/d", "archive": {"none": {}}}]},
        }))
        .unwrap();
        let (outputs, errors) = collect(&mut template, &pod.settings, &pod.paths).await;
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(outputs.artifacts[0].s3.as_ref().unwrap().key, "wf/pod/d");
        assert!(pod.folder.path().join("store/s3/_/wf/pod/d/x").is_file());
    }
}
