//! Templates that run something themselves.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::meta::IntOrString;
use argo_core::workflows::{ContainerSetTemplate, ResourceTemplate, Template};
use argo_core::{duration, yaml};
use serde_json::{Value, json};

use super::{names, spec, tags};

/// Names of containers that every pod has already, or may have.
const RESERVED: [&str; 3] = ["init", "wait", "supervisor"];
const ACTIONS: [&str; 6] = ["get", "create", "apply", "delete", "replace", "patch"];

/// What is wrong, as path below the template and message.
type Wrong = Vec<(String, String)>;

/// What is wrong with a leaf. `image` says whether the defaults give containers or scripts an image.
pub(super) fn check(template: &Template, kind: &str, image: &dyn Fn(&str) -> bool) -> Wrong {
    let mut wrong = Wrong::new();
    let name = &template.name;
    if let Some(container) = &template.container {
        mounts(template, &container.volume_mounts, &mut wrong);
        if container.image.is_empty() && !image("container") {
            wrong.push((".container.image".to_owned(), format!("templates.{name}.container.image may not be empty")));
        }
    }
    if let Some(set) = &template.container_set {
        if let Some(message) = container_set(set) {
            wrong.push((".containerSet".to_owned(), format!("templates.{name}.containerSet.{message}")));
        }
        let has_io =
            !template.inputs.artifacts.is_empty() || !template.outputs.parameters.is_empty() || !template.outputs.artifacts.is_empty();
        if has_io && !set.containers.iter().any(|c| c.name == "main") {
            let message = format!("templates.{name}.containerSet.containers must have a container named \"main\" for input or output");
            wrong.push((".containerSet.containers".to_owned(), message));
        }
    }
    reserved(template, &mut wrong);
    if let Some(resource) = &template.resource
        && let Some(message) = resource_template(template, resource)
    {
        wrong.push((".resource".to_owned(), message));
    }
    if let Some(script) = &template.script
        && script.image.is_empty()
        && !image("script")
    {
        wrong.push((".script.image".to_owned(), format!("templates.{name}.script.image may not be empty")));
    }
    if template.active_deadline_seconds.as_ref().is_some_and(|n| !is_positive(n)) {
        let message = format!("templates.{name}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable");
        wrong.push((".activeDeadlineSeconds".to_owned(), message));
    }
    if let Some(Value::Object(plugin)) = &template.plugin
        && plugin.len() != 1
    {
        wrong.push((".plugin".to_owned(), format!("templates.{name}.plugin: expected exactly one key, got {}", plugin.len())));
    }
    if template.parallelism.is_some() {
        wrong.push((".parallelism".to_owned(), format!("templates.{name}.parallelism is only valid for steps and dag templates")));
    }
    let makes_pod = !matches!(kind, "Suspend" | "HTTP" | "Plugin");
    for (field, is) in [("podResources", template.pod_resources.is_some()), ("resourceClaims", !template.resource_claims.is_empty())] {
        if is && !makes_pod {
            let message = format!("templates.{name}.{field} is not supported for {kind} templates, which do not create a pod");
            wrong.push((format!(".{field}"), message));
        }
    }
    wrong.extend(spec::pod_resources(template.pod_resources.as_ref(), &template.resource_claims, &format!("templates.{name}"), ""));
    wrong
}

/// What is wrong with parts that every kind of template may have.
pub(super) fn common(template: &Template) -> Wrong {
    let mut wrong = Wrong::new();
    let name = &template.name;
    if let Some(archive) = &template.archive_location
        && let Some(message) = location(&format!("templates.{name}.archiveLocation"), &json!(archive))
    {
        wrong.push((".archiveLocation".to_owned(), message));
    }
    for (index, metric) in template.metrics.iter().flat_map(|m| &m.prometheus).enumerate() {
        if let Some(message) = spec::metric(metric, &format!("templates.{name} ")) {
            wrong.push((format!(".metrics.prometheus[{index}]"), message));
        }
    }
    if let Some(memoize) = &template.memoize
        && !memoize.max_age.is_empty()
        && bad_timeout(&memoize.max_age).is_some()
    {
        wrong.push((".memoize.maxAge".to_owned(), format!("templates.{name}.memoize.maxAge '{}' is not a duration", memoize.max_age)));
    }
    if let Some(retry) = &template.retry_strategy {
        wrong.extend(spec::retry(retry, &format!("templates.{name}.")).into_iter().map(|(at, m)| (format!(".retryStrategy{at}"), m)));
    }
    wrong
}

/// Why a timeout is none; upstream refuses numbers without a unit.
pub(super) fn bad_timeout(text: &str) -> Option<String> {
    if text.contains("{{") || tags::is_placeholder(text) {
        return None;
    }
    if text.parse::<i64>().is_ok() {
        return Some(format!("add a unit, such as {text}s"));
    }
    duration::parse(text).err().map(|e| e.to_string())
}

/// What is wrong with where an artifact is kept.
pub(super) fn location(prefix: &str, artifact: &Value) -> Option<String> {
    let missing = |store: &Value, field: &str| store.get(field).is_none_or(|v| v.as_str() == Some(""));
    if let Some(git) = artifact.get("git").filter(|git| missing(git, "repo")) {
        let _ = git;
        return Some(format!("{prefix}.git.repo is required"));
    }
    let hdfs = artifact.get("hdfs")?;
    let prefix = format!("{prefix}.hdfs");
    if missing(hdfs, "addresses") {
        return Some(format!("{prefix}.addresses is required"));
    }
    if missing(hdfs, "path") {
        return Some(format!("{prefix}.path is required"));
    }
    if !hdfs.get("path").and_then(Value::as_str).is_some_and(|p| p.starts_with('/') || p.contains("{{") || tags::holds_placeholder(p)) {
        return Some(format!("{prefix}.path must be a absolute file path"));
    }
    let (cache, keytab) = (!missing(hdfs, "krbCCacheSecret"), !missing(hdfs, "krbKeytabSecret"));
    if missing(hdfs, "hdfsUser") && !cache && !keytab {
        return Some(format!("either {prefix}.hdfsUser, {prefix}.krbCCacheSecret or {prefix}.krbKeytabSecret is required"));
    }
    let (principal, config) = (missing(hdfs, "krbServicePrincipalName"), missing(hdfs, "krbConfigConfigMap"));
    if keytab && (principal || config || missing(hdfs, "krbUsername") || missing(hdfs, "krbRealm")) {
        return Some(format!(
            "{prefix}.krbServicePrincipalName, {prefix}.krbConfigConfigMap, {prefix}.krbUsername and {prefix}.krbRealm are required with {prefix}.krbKeytabSecret"
        ));
    }
    (cache && (principal || config))
        .then(|| format!("{prefix}.krbServicePrincipalName and {prefix}.krbConfigConfigMap are required with {prefix}.krbCCacheSecret"))
}

/// Nothing may be mounted twice at a path, and no artifact put where something is mounted.
fn mounts(template: &Template, volume_mounts: &[Value], wrong: &mut Wrong) {
    let name = &template.name;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for (index, mount) in volume_mounts.iter().enumerate() {
        let path = text(mount, "mountPath");
        if let Some(by) = taken.get(&path) {
            let message = format!("templates.{name}.container.volumeMounts[{index}].mountPath '{path}' already mounted in {by}");
            wrong.push((format!(".container.volumeMounts[{index}]"), message));
        }
        taken.insert(path, format!("container.volumeMounts.{}", text(mount, "name")));
    }
    for (index, artifact) in template.inputs.artifacts.iter().enumerate() {
        if let Some(by) = taken.get(&artifact.path) {
            let message = format!("templates.{name}.inputs.artifacts[{index}].path '{}' already mounted in {by}", artifact.path);
            wrong.push((format!(".inputs.artifacts[{index}]"), message));
        }
        taken.insert(artifact.path.clone(), format!("inputs.artifacts.{}", artifact.name));
    }
}

fn reserved(template: &Template, wrong: &mut Wrong) {
    let set = template.container_set.iter().flat_map(|s| &s.containers).map(|c| ("containerSet.containers", &c.name));
    let sidecars = template.sidecars.iter().map(|c| ("sidecars", &c.name));
    let init = template.init_containers.iter().map(|c| ("initContainers", &c.name));
    for (field, name) in set.chain(sidecars).chain(init) {
        if RESERVED.contains(&name.as_str()) || (name == "main" && field != "containerSet.containers") {
            let message = format!("templates.{}.{field}.{name} uses a reserved Argo container name", template.name);
            wrong.push((format!(".{field}"), message));
        }
    }
}

fn container_set(set: &ContainerSetTemplate) -> Option<String> {
    if set.containers.is_empty() {
        return Some("containers must have at least one container".to_owned());
    }
    if let Some((_, wrong)) = names::list(set.containers.iter().map(|c| c.name.as_str()), names::field).into_iter().next() {
        return Some(format!("containers{wrong}"));
    }
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (index, mount) in set.volume_mounts.iter().enumerate() {
        let text = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default();
        if let Some(by) = taken.insert(text("mountPath"), text("name")) {
            return Some(format!("volumeMounts[{index}].mountPath '{}' already mounted in volumeMounts.{by}", text("mountPath")));
        }
    }
    for container in &set.containers {
        for waited in &container.dependencies {
            if !set.containers.iter().any(|c| c.name == *waited) {
                return Some(format!("containers.{} dependency '{waited}' not defined", container.name));
            }
        }
    }
    let graph = set.containers.iter().map(|c| (c.name.as_str(), c.dependencies.iter().map(String::as_str).collect())).collect();
    cycle(&graph).map(|names| format!("containers dependency cycle detected: {}", names.join("->")))
}

/// Names that wait for each other, the first again at the end; none where nothing does. `graph` has what each waits for.
pub(super) fn cycle<'n>(graph: &BTreeMap<&'n str, Vec<&'n str>>) -> Option<Vec<&'n str>> {
    let mut left = graph.clone();
    loop {
        let before = left.len();
        let free: BTreeSet<&str> = left.iter().filter(|(_, waits)| !waits.iter().any(|w| left.contains_key(w))).map(|(n, _)| *n).collect();
        left.retain(|name, _| !free.contains(name));
        if left.len() == before {
            break;
        }
    }
    // All that are left wait for others that are left: following them must come back to one already seen.
    let mut names = vec![*left.keys().next()?];
    loop {
        let next = left.get(names.last()?)?.iter().copied().find(|w| left.contains_key(w))?;
        if let Some(start) = names.iter().position(|n| *n == next) {
            names.drain(..start);
            names.push(next);
            return Some(names);
        }
        names.push(next);
    }
}

fn resource_template(template: &Template, resource: &ResourceTemplate) -> Option<String> {
    let name = &template.name;
    let action = resource.action.as_str();
    let is_late = action.contains("{{") || tags::is_placeholder(action);
    if !is_late && !ACTIONS.contains(&action) {
        return Some(format!("templates.{name}.resource.action must be one of: {}", ACTIONS.join(", ")));
    }
    if matches!(action, "get" | "delete") {
        return None;
    }
    if resource.manifest.is_empty() && resource.manifest_from.is_none() {
        return Some(format!("either templates.{name}.resource.manifest or templates.{name}.resource.manifestFrom must be specified"));
    }
    if !resource.manifest.is_empty() && resource.manifest_from.is_some() {
        return Some(format!(
            "shouldn't have both templates.{name}.resource.manifest and templates.{name}.resource.manifestFrom specified"
        ));
    }
    if let Some(artifact) = resource.manifest_from.as_ref().and_then(|f| f.artifact.as_ref())
        && !template.inputs.artifacts.iter().any(|a| a.name == artifact.name)
    {
        return Some(format!("artifact {} in `manifestFrom` refer to a non-exist artifact", artifact.name));
    }
    if resource.manifest.is_empty() || tags::is_placeholder(&resource.manifest) {
        return None;
    }
    // What is only known when the workflow runs stands as a word here: text or a flow map around it would not be YAML else.
    let mut readable = String::new();
    let mut rest = resource.manifest.as_str();
    while let Some((before, _, after)) = rest.split_once("{{").and_then(|(b, r)| r.split_once("}}").map(|(t, a)| (b, t, a))) {
        readable.push_str(before);
        readable.push_str("placeholder");
        rest = after;
    }
    readable.push_str(rest);
    yaml::parse_documents(&readable).is_err().then(|| format!("templates.{name}.resource.manifest must be a valid yaml"))
}

fn is_positive(n: &IntOrString) -> bool {
    match n {
        IntOrString::Int(n) => *n >= 0,
        IntOrString::String(text) => text.contains("{{") || tags::is_placeholder(text) || text.parse::<i64>().is_ok_and(|n| n >= 0),
    }
}
