//! Where the executor's files are.

use std::path::{Component, Path, PathBuf};

/// Names the folder that stands for `/`.
pub(crate) const LOCAL_ROOT: &str = "ARGO_LOCAL_ROOT";
/// The script's place as pod specs name it.
pub(crate) const SCRIPT: &str = "/argo/staging/script";

/// Folders and files that the containers of a pod share, or that are mounted into one of them.
///
/// Each has upstream's place, and an environment variable that moves it. `ARGO_LOCAL_ROOT` moves all that have no variable of their own: it is the folder that stands
/// for `/` where pods run as plain processes without a file system of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Shared by all containers: executor, template, exit codes, signals, outputs. `ARGO_VAR_RUN`, else `/var/run/argo`.
    pub var_run_argo: PathBuf,
    /// Holds the `script`. `ARGO_STAGING`, else `/argo/staging`.
    pub staging: PathBuf,
    /// Input artifacts by name. `ARGO_INPUTS`, else `/argo/inputs/artifacts`.
    pub inputs: PathBuf,
    /// Where the main container's volumes are mounted in `init` and `wait`. `ARGO_MAIN_ROOT`, else `/mainctrfs`.
    pub main_root: PathBuf,
    /// Mounted secrets: a folder a secret, a file a key. `ARGO_SECRETS`, else `/argo/secret`.
    pub secrets: PathBuf,
    /// What was too long for the pod's own spec. `ARGO_CONFIG`, else `/argo/config`.
    pub config: PathBuf,
    /// For files that live only as long as the process. `ARGO_TMP`, else `/tmp/argo`.
    pub temporary: PathBuf,
    /// Manifest of a resource template. `ARGO_MANIFEST`, else `/tmp/manifest.yaml`.
    pub manifest: PathBuf,
    /// Takes the message a container ends with; written only if it is there. `ARGO_TERMINATION_LOG`, else `/dev/termination-log`.
    pub termination_log: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self::from_lookup(&|_| None)
    }
}

impl Paths {
    /// Paths with what `lookup` says about environment variables.
    #[must_use]
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let root = lookup(LOCAL_ROOT).filter(|v| !v.is_empty()).map(PathBuf::from);
        let placed = |default: &str| match &root {
            Some(root) => below(root, default),
            None => PathBuf::from(default),
        };
        Self::placed(lookup, &placed)
    }

    /// Paths with what `lookup` says about environment variables; where it says nothing, upstream's as `placed` moves them.
    pub(crate) fn placed(lookup: &dyn Fn(&str) -> Option<String>, placed: &dyn Fn(&str) -> PathBuf) -> Self {
        let place = |name: &str, default: &str| match lookup(name).filter(|v| !v.is_empty()) {
            Some(own) => PathBuf::from(own),
            None => placed(default),
        };
        Self {
            var_run_argo: place("ARGO_VAR_RUN", "/var/run/argo"),
            staging: place("ARGO_STAGING", "/argo/staging"),
            inputs: place("ARGO_INPUTS", "/argo/inputs/artifacts"),
            main_root: place("ARGO_MAIN_ROOT", "/mainctrfs"),
            secrets: place("ARGO_SECRETS", "/argo/secret"),
            config: place("ARGO_CONFIG", "/argo/config"),
            temporary: place("ARGO_TMP", "/tmp/argo"),
            manifest: place("ARGO_MANIFEST", "/tmp/manifest.yaml"),
            termination_log: place("ARGO_TERMINATION_LOG", "/dev/termination-log"),
        }
    }

    /// Paths of this process.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }

    /// The executor, for the main containers.
    #[must_use]
    pub fn executor(&self) -> PathBuf {
        self.var_run_argo.join("argoexec")
    }

    /// The template, as JSON.
    #[must_use]
    pub fn template(&self) -> PathBuf {
        self.var_run_argo.join("template")
    }

    /// Source of a script template.
    #[must_use]
    pub fn script(&self) -> PathBuf {
        self.staging.join("script")
    }

    /// Folder of one container's files.
    #[must_use]
    pub fn container(&self, container: &str) -> PathBuf {
        self.var_run_argo.join("ctr").join(container)
    }

    /// Exit code of a container, in decimal, once it has ended.
    #[must_use]
    pub fn exit_code_file(&self, container: &str) -> PathBuf {
        self.container(container).join("exitcode")
    }

    /// Signal that a container is to pass on, in decimal.
    #[must_use]
    pub fn signal_file(&self, container: &str) -> PathBuf {
        self.container(container).join("signal")
    }

    /// What a container wrote to its standard output.
    #[must_use]
    pub fn stdout_file(&self, container: &str) -> PathBuf {
        self.container(container).join("stdout")
    }

    /// What a container wrote to standard output and standard error.
    #[must_use]
    pub fn combined_file(&self, container: &str) -> PathBuf {
        self.container(container).join("combined")
    }

    /// Where the file `path` of the main container is left as an output parameter.
    #[must_use]
    pub fn output_parameter(&self, path: &str) -> PathBuf {
        below(&self.var_run_argo.join("outputs/parameters"), path)
    }

    /// Where the file or folder `path` of the main container is left as an output artifact (a tar archive).
    #[must_use]
    pub fn output_artifact(&self, path: &str) -> PathBuf {
        let mut place = below(&self.var_run_argo.join("outputs/artifacts"), path).into_os_string();
        place.push(".tgz");
        place.into()
    }

    /// Where `path` of the main container is seen from `init` and `wait`, if it is on a volume.
    #[must_use]
    pub fn on_volume(&self, path: &str) -> PathBuf {
        below(&self.main_root, path)
    }
}

/// `path` put below `root`; neither a leading `/` nor `..` leads out of it.
pub(crate) fn below(root: &Path, path: &str) -> PathBuf {
    let mut place = root.to_path_buf();
    let mut depth = 0_usize;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => {
                place.push(name);
                depth += 1;
            }
            Component::ParentDir if depth > 0 => {
                place.pop();
                depth -= 1;
            }
            _ => {}
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_a_root() {
        assert_eq!(below(Path::new("/r"), "/a/../../b/./c"), Path::new("/r/b/c"));
        assert_eq!(below(Path::new("/r"), "/"), Path::new("/r"));
    }

    #[test]
    fn one_folder_may_stand_for_all() {
        let paths = Paths::from_lookup(&|name| match name {
            LOCAL_ROOT => Some("/pod/root".to_owned()),
            "ARGO_TMP" => Some("/own".to_owned()),
            _ => None,
        });
        assert_eq!(paths.script(), Path::new("/pod/root/argo/staging/script"));
        assert_eq!(paths.temporary, Path::new("/own"));
    }

    #[test]
    fn artifact_paths_lose_their_last_slash() {
        assert_eq!(Paths::default().output_artifact("/tmp/d/"), Path::new("/var/run/argo/outputs/artifacts/tmp/d.tgz"));
    }
}
