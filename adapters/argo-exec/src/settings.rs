//! What a pod says to its executor through the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use argo_core::workflows::Template;
use jiff::Timestamp;

use crate::Paths;
use crate::paths::{LOCAL_ROOT, below};

/// The environment of one executor process, read once.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Container this is, `ARGO_CONTAINER_NAME`.
    pub container: String,
    /// Node the pod runs, `ARGO_NODE_ID`; also the name of its task result.
    pub node_id: String,
    /// Own pod, `ARGO_POD_NAME`; empty where unknown.
    pub pod_name: String,
    /// Workflow, `ARGO_WORKFLOW_NAME`.
    pub workflow: String,
    /// Its uid, `ARGO_WORKFLOW_UID`; empty where unknown.
    pub workflow_uid: String,
    /// Whether the standard output is an output of the node, `ARGO_INCLUDE_SCRIPT_OUTPUT`.
    pub include_script_output: bool,
    /// When the main containers are to be stopped, `ARGO_DEADLINE`; none if it is the zero time.
    pub deadline: Option<Timestamp>,
    /// File that the main container may write `N/M` to, `ARGO_PROGRESS_FILE`.
    pub progress_file: Option<PathBuf>,
    /// Pause between two looks at it, `ARGO_PROGRESS_FILE_TICK_DURATION`, else 3 s.
    pub progress_file_tick: Duration,
    /// Pause between two reports of progress, `ARGO_PROGRESS_PATCH_TICK_DURATION`, else 1 min.
    pub progress_patch_tick: Duration,
    /// Folder that stands for all object stores, `ARGO_LOCAL_ARTIFACTS`.
    pub local_artifacts: Option<PathBuf>,
    /// Where all containers see the executor's program already, `ARGO_LOCAL_EXECUTOR`.
    pub shared_executor: Option<PathBuf>,
    /// Whether all containers see this program where it is, so that a link to it will do, `ARGO_EXEC_LINK`.
    pub link_executor: bool,
}

/// Why the environment does not say enough.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable that must be there is not.
    #[error("environment variable {0} is not set: this program runs inside the pod of a workflow")]
    Missing(&'static str),
    /// A variable is there and not readable.
    #[error("environment variable {name}={value:?}: {reason}")]
    Malformed {
        /// Variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The template was put into a file that cannot be read.
    #[error("template file {path}")]
    ReadTemplate {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The template is not a template.
    #[error("template in {place}")]
    ParseTemplate {
        /// Variable or file it came from.
        place: String,
        /// Why.
        source: serde_json::Error,
    },
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn duration(lookup: Lookup<'_>, name: &'static str, default: Duration) -> Result<Duration, SettingsError> {
    let Some(value) = lookup(name).filter(|v| !v.is_empty()) else { return Ok(default) };
    parse_duration(&value).filter(|d| !d.is_zero()).ok_or_else(|| SettingsError::Malformed {
        name,
        value,
        reason: "not a duration such as 3s or 1m0s".to_owned(),
    })
}

impl Settings {
    /// Settings with what `lookup` says about environment variables.
    ///
    /// # Errors
    /// A variable has a value that cannot be read.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, SettingsError> {
        let text = |name: &str| lookup(name).unwrap_or_default();
        let deadline = match lookup("ARGO_DEADLINE").filter(|v| !v.is_empty()) {
            None => None,
            // Go's zero time stands for "no deadline".
            Some(value) if value.starts_with("0001-") => None,
            Some(value) => Some(value.parse::<Timestamp>().map_err(|e| SettingsError::Malformed {
                name: "ARGO_DEADLINE",
                value,
                reason: e.to_string(),
            })?),
        };
        Ok(Self {
            container: lookup("ARGO_CONTAINER_NAME").filter(|v| !v.is_empty()).unwrap_or_else(|| "main".to_owned()),
            node_id: text("ARGO_NODE_ID"),
            pod_name: text("ARGO_POD_NAME"),
            workflow: text("ARGO_WORKFLOW_NAME"),
            workflow_uid: text("ARGO_WORKFLOW_UID"),
            include_script_output: text("ARGO_INCLUDE_SCRIPT_OUTPUT") == "true",
            deadline,
            progress_file: lookup("ARGO_PROGRESS_FILE").filter(|v| !v.is_empty()).map(|file| match lookup(LOCAL_ROOT) {
                Some(root) if !root.is_empty() => below(Path::new(&root), &file),
                _ => PathBuf::from(file),
            }),
            progress_file_tick: duration(lookup, "ARGO_PROGRESS_FILE_TICK_DURATION", Duration::from_secs(3))?,
            progress_patch_tick: duration(lookup, "ARGO_PROGRESS_PATCH_TICK_DURATION", Duration::from_secs(60))?,
            local_artifacts: lookup("ARGO_LOCAL_ARTIFACTS").filter(|v| !v.is_empty()).map(PathBuf::from),
            shared_executor: lookup("ARGO_LOCAL_EXECUTOR").filter(|v| !v.is_empty()).map(PathBuf::from),
            link_executor: lookup("ARGO_EXEC_LINK").is_some_and(|v| !v.is_empty()),
        })
    }

    /// Makes sure that there is a node to report for.
    ///
    /// # Errors
    /// There is none.
    pub fn reporting(self) -> Result<Self, SettingsError> {
        match (self.node_id.is_empty(), self.workflow.is_empty()) {
            (true, _) => Err(SettingsError::Missing("ARGO_NODE_ID")),
            (_, true) => Err(SettingsError::Missing("ARGO_WORKFLOW_NAME")),
            _ => Ok(self),
        }
    }

    /// Settings of this process.
    ///
    /// # Errors
    /// See [`Settings::from_lookup`].
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }
}

/// The text of the template: `ARGO_TEMPLATE`, or the file it was put into because it was too long for the environment.
///
/// # Errors
/// There is none.
pub(crate) fn template_text(lookup: Lookup<'_>, paths: &Paths) -> Result<(String, String), SettingsError> {
    let value = lookup("ARGO_TEMPLATE").ok_or(SettingsError::Missing("ARGO_TEMPLATE"))?;
    if value.trim_start().starts_with('{') {
        return Ok((value, "ARGO_TEMPLATE".to_owned()));
    }
    let path = paths.config.join("ARGO_TEMPLATE");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((text, path.display().to_string())),
        Err(source) => Err(SettingsError::ReadTemplate { path, source }),
    }
}

/// The template of this pod.
///
/// # Errors
/// There is none, or it is no template.
pub(crate) fn template(lookup: Lookup<'_>, paths: &Paths) -> Result<(Template, String), SettingsError> {
    let (text, place) = template_text(lookup, paths)?;
    let template = serde_json::from_str(&text).map_err(|source| SettingsError::ParseTemplate { place, source })?;
    Ok((template, text))
}

/// Reads a duration as Go writes it: `1h2m3.5s`, `100ms`, `0`. None if it is not one, is negative or too long.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let number: f64 = number.parse().ok()?;
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_writes_them() {
        assert_eq!(parse_duration("1m0s"), Some(Duration::from_secs(60)));
        assert_eq!(parse_duration("1h1.5s"), Some(Duration::from_millis(3_601_500)));
        assert_eq!(parse_duration("100ms"), Some(Duration::from_millis(100)));
        for bad in ["", "3", "s", "1x", "-1s", "1s2", "99999999999999999999h"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_zero_time_is_no_deadline() {
        let with = |value: &'static str| Settings::from_lookup(&|name| (name == "ARGO_DEADLINE").then(|| value.to_owned()));
        assert_eq!(with("0001-01-01T00:00:00Z").unwrap().deadline, None);
        assert_eq!(with("2026-01-01T00:00:00Z").unwrap().deadline, "2026-01-01T00:00:00Z".parse().ok());
        assert!(with("tomorrow").unwrap_err().to_string().contains("ARGO_DEADLINE"));
    }

    #[test]
    fn a_long_template_is_read_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ARGO_TEMPLATE"), r#"{"name":"long"}"#).unwrap();
        let paths = Paths { config: folder.path().to_owned(), ..Paths::default() };
        let (template, _) = template(&|_| Some("offloaded".to_owned()), &paths).unwrap();
        assert_eq!(template.name, "long");
    }
}
