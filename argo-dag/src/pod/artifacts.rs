//! Where a pod's artifacts are kept, and the secrets that their stores need.

use argo_core::meta::KeySelector;
use argo_core::workflows::{Artifact, ArtifactLocation, ArtifactRepository, Template};
use argo_lang::tags;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{PodError, PodOptions, PodRequest, scope};

/// Key of what a repository keeps, where its settings do not say it.
const KEY_FORMAT: &str = "{{workflow.name}}/{{pod.name}}";

/// Fills in where artifacts go that say it not themselves, as upstream does: only if there are any, or logs are kept.
pub(super) fn add_archive_location(template: &mut Template, request: &PodRequest<'_>, options: &PodOptions) -> Result<(), PodError> {
    if template.archive_location.as_ref().is_some_and(|l| has_location(&whole(l))) {
        return Ok(());
    }
    let of_template = template.archive_location.as_ref().and_then(|l| l.archive_logs);
    let of_repository = options.artifact_repository.as_ref().and_then(|r| r.archive_logs);
    let archive_logs = of_template.or(request.spec.archive_logs).or(of_repository).unwrap_or(false);
    let artifacts = || template.inputs.artifacts.iter().chain(&template.outputs.artifacts);
    let reads_store = template.data.as_ref().and_then(|d| d.source.as_ref()).is_some_and(|s| s.artifact_paths.is_some());
    if !archive_logs && !reads_store && artifacts().all(|a| has_location(&whole(a))) {
        return Ok(());
    }
    let mut location = match &options.artifact_repository {
        Some(repository) => location_of(repository, request)?,
        None => template.archive_location.take().unwrap_or_default(),
    };
    location.archive_logs = Some(archive_logs);
    template.archive_location = Some(location);
    Ok(())
}

/// The location that a repository's settings give a pod.
fn location_of(repository: &ArtifactRepository, request: &PodRequest<'_>) -> Result<ArtifactLocation, PodError> {
    let mut all = whole(repository);
    let key = |format: &str, prefix: &str| -> Result<String, PodError> {
        let format = match (format.is_empty(), prefix.is_empty()) {
            (true, true) => KEY_FORMAT.to_owned(),
            (true, false) => format!("{prefix}/{KEY_FORMAT}"),
            (false, _) => format.to_owned(),
        };
        let parsed = tags::Template::parse(&format).map_err(|e| PodError::Template(format!("key format {format:?}: {e}")))?;
        let scope = scope::of(request);
        parsed.render(&scope, tags::Policy::KeepUnknown).map_err(|e| PodError::Template(format!("key format {format:?}: {e}")))
    };
    let mut location = Map::new();
    // What the format is called in each store's settings, and what the key is called in its artifacts.
    let stores = [
        ("s3", "keyFormat", "key"),
        ("gcs", "keyFormat", "key"),
        ("oss", "keyFormat", "key"),
        ("plugin", "keyFormat", "key"),
        ("azure", "blobNameFormat", "blob"),
        ("hdfs", "pathFormat", "path"),
        ("artifactory", "keyFormat", "url"),
    ];
    for (store, format_field, key_field) in stores {
        let Some(Value::Object(mut settings)) = all.remove(store) else { continue };
        let mut take = |field: &str| match settings.remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (format, prefix) = (take(format_field), take("keyPrefix"));
        let mut key = key(&format, &prefix)?;
        if store == "artifactory" {
            key = format!("{}/{key}", take("repoURL").trim_end_matches('/'));
        }
        settings.insert(key_field.to_owned(), Value::String(key));
        location.insert(store.to_owned(), Value::Object(settings));
    }
    serde_json::from_value(Value::Object(location)).map_err(|e| PodError::Template(format!("artifact repository: {e}")))
}

fn whole<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Whether it names a complete place, as upstream's `HasLocation`: a key alone is none.
fn has_location(artifact: &Map<String, Value>) -> bool {
    const NEEDS: [(&str, &[&str]); 9] = [
        ("s3", &["endpoint", "bucket", "key"]),
        ("git", &["repo"]),
        ("http", &["url"]),
        ("artifactory", &["url"]),
        ("hdfs", &["addresses"]),
        ("oss", &["bucket", "endpoint", "key"]),
        ("gcs", &["bucket", "key"]),
        ("azure", &["container", "blob", "endpoint"]),
        ("plugin", &["name", "key"]),
    ];
    artifact.contains_key("raw")
        || NEEDS
            .iter()
            .any(|(store, fields)| artifact.get(*store).is_some_and(|place| fields.iter().all(|field| place.get(field).is_some())))
}

/// Whether it names a place or at least a key in the default one.
pub(crate) fn has_location_or_key(artifact: &Artifact) -> bool {
    let map = whole(artifact);
    let keys =
        [("s3", "key"), ("gcs", "key"), ("oss", "key"), ("plugin", "key"), ("azure", "blob"), ("hdfs", "path"), ("artifactory", "url")];
    has_location(&map) || keys.iter().any(|(store, key)| map.get(*store).is_some_and(|place| place.get(key).is_some()))
}

/// The secrets of all stores the template uses: volumes, and mounts for the containers that speak with the stores.
pub(super) fn secrets(template: &Template) -> (Vec<Value>, Vec<Value>) {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let places = template.outputs.artifacts.iter().chain(&template.inputs.artifacts).map(|a| selectors(&whole(a)));
    let data = template.data.as_ref().and_then(|d| d.source.as_ref()).and_then(|s| s.artifact_paths.as_ref()).map(|a| selectors(&whole(a)));
    let archive = template.archive_location.as_ref().map(|l| selectors(&whole(l)));
    for selector in places.chain(data).chain(archive).flatten() {
        match found.iter_mut().find(|(name, _)| *name == selector.name) {
            Some((_, keys)) if keys.contains(&selector.key) => {}
            Some((_, keys)) => keys.push(selector.key),
            None => found.push((selector.name, vec![selector.key])),
        }
    }
    let mut volumes = Vec::new();
    let mut mounts = Vec::new();
    for (name, keys) in found {
        let items: Vec<Value> = keys.iter().map(|key| json!({"key": key, "path": key})).collect();
        // Secrets may have dots in their names, volumes may not.
        let volume = name.replace('.', "-");
        volumes.push(json!({"name": volume, "secret": {"secretName": name, "items": items}}));
        mounts.push(json!({"name": volume, "readOnly": true, "mountPath": format!("/argo/secret/{name}")}));
    }
    (volumes, mounts)
}

/// Every secret key that a location's store names.
fn selectors(location: &Map<String, Value>) -> Vec<KeySelector> {
    const STORES: [&str; 10] = ["s3", "git", "http", "artifactory", "hdfs", "oss", "gcs", "azure", "plugin", "raw"];
    let mut found = Vec::new();
    for store in STORES {
        if let Some(Value::Object(settings)) = location.get(store) {
            collect(settings, &mut found);
        }
    }
    found
}

fn collect(settings: &Map<String, Value>, found: &mut Vec<KeySelector>) {
    // Names before passwords, as upstream lists them; otherwise by name.
    let mut fields: Vec<_> = settings.iter().collect();
    fields.sort_by_key(|(field, _)| !field.starts_with("username"));
    for (field, value) in fields {
        let Value::Object(inner) = value else { continue };
        let is_secret = field.ends_with("Secret") && inner.contains_key("name") && inner.contains_key("key");
        if !is_secret {
            collect(inner, found);
        } else if let Ok(selector) = serde_json::from_value(value.clone()) {
            found.push(selector);
        }
    }
}
