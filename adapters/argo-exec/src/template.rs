//! Questions about a template that several subcommands ask.

use argo_core::workflows::Template;
use serde_json::Value;

/// Name of the container whose outputs are the node's.
pub const MAIN: &str = "main";

/// Containers whose end is the end of the work: those of the container set, else `main`.
#[must_use]
pub fn main_containers(template: &Template) -> Vec<String> {
    match &template.container_set {
        Some(set) => set.containers.iter().map(|c| c.name.clone()).collect(),
        None => vec![MAIN.to_owned()],
    }
}

/// Containers that are stopped once the main ones have ended.
#[must_use]
pub fn sidecars(template: &Template) -> Vec<String> {
    template.sidecars.iter().map(|c| c.name.clone()).collect()
}

/// Whether the standard output of `main` can be the node's result.
#[must_use]
pub fn has_result(template: &Template) -> bool {
    template.container.is_some()
        || template.script.is_some()
        || template.data.is_some()
        || template.plugin.is_some()
        || template.container_set.as_ref().is_some_and(|set| set.containers.iter().any(|c| c.name == MAIN))
}

/// Whether the logs of the main containers are kept as artifacts.
#[must_use]
pub fn archives_logs(template: &Template) -> bool {
    template.archive_location.as_ref().is_some_and(|l| l.archive_logs == Some(true))
}

fn volume_mounts(template: &Template) -> &[Value] {
    if let Some(container) = &template.container {
        &container.volume_mounts
    } else if let Some(script) = &template.script {
        &script.volume_mounts
    } else if let Some(set) = &template.container_set {
        &set.volume_mounts
    } else {
        &[]
    }
}

fn at_or_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The mount path of the main container's volume that `path` is on: the innermost, if one is mounted inside another.
#[must_use]
pub fn overlapping_volume<'a>(template: &'a Template, path: &str) -> Option<&'a str> {
    let mounts = volume_mounts(template).iter().filter_map(|m| m.get("mountPath")?.as_str());
    mounts.filter(|mount| at_or_below(path, mount)).max_by_key(|mount| mount.trim_end_matches('/').len())
}

/// Whether `path` is in the main container's own file system, where only the main container sees it; otherwise it is on a volume that `wait` sees too.
#[must_use]
pub fn in_container_layer(template: &Template, path: &str) -> bool {
    overlapping_volume(template, path).is_none()
        && !template.inputs.artifacts.iter().any(|a| !a.path.is_empty() && at_or_below(path, &a.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(value: Value) -> Template {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn volumes_overlap_by_whole_path_parts() {
        let t = template(
            json!({"container": {"volumeMounts": [{"name": "a", "mountPath": "/work"}, {"name": "b", "mountPath": "/work/in/"}]}}),
        );
        assert_eq!(overlapping_volume(&t, "/work/x"), Some("/work"));
        assert_eq!(overlapping_volume(&t, "/work/in/x"), Some("/work/in/"));
        assert_eq!(overlapping_volume(&t, "/work/in"), Some("/work/in/"));
        assert_eq!(overlapping_volume(&t, "/workshop"), None);
    }

    #[test]
    fn what_is_on_an_input_artifact_is_not_in_the_layer() {
        let t = template(json!({"script": {}, "inputs": {"artifacts": [{"name": "in", "path": "/src"}]}}));
        assert!(!in_container_layer(&t, "/src/out"));
        assert!(in_container_layer(&t, "/srcs"));
    }

    #[test]
    fn names_of_containers() {
        let t = template(json!({"containerSet": {"containers": [{"name": "a"}, {"name": "b"}]}, "sidecars": [{"name": "s"}]}));
        assert_eq!((main_containers(&t), sidecars(&t)), (vec!["a".to_owned(), "b".to_owned()], vec!["s".to_owned()]));
        assert!(!has_result(&t));
    }
}
