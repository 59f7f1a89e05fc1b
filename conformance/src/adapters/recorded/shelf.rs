//! What the workflows of a recording refer to, and the settings of the controller that made it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use argo_core::workflows::{ClusterWorkflowTemplate, SemaphoreRef, WorkflowTemplate};
use argo_dag::effect::MemoEntry;
use argo_dag::pod::{ImageConfig, PodOptions};
use argo_dag::{Library, RunConfig};
use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct Shelf {
    templates: BTreeMap<String, Arc<WorkflowTemplate>>,
    cluster_templates: BTreeMap<String, Arc<ClusterWorkflowTemplate>>,
    config_maps: Mutex<BTreeMap<String, Arc<Value>>>,
}

impl Library for Shelf {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        self.templates.get(name).cloned()
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        self.cluster_templates.get(name).cloned()
    }

    fn config_map(&self, name: &str) -> Option<Arc<Value>> {
        self.config_maps.lock().ok()?.get(name).cloned()
    }
}

impl Shelf {
    /// Puts an object on the shelf; others than templates and config maps are not looked for.
    pub(crate) fn put(&mut self, object: Value) -> Result<(), String> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let read = |e: serde_json::Error| format!("manifest {name}: {e}");
        match object.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "WorkflowTemplate" => {
                let template = serde_json::from_value(object).map_err(read)?;
                self.templates.insert(name, Arc::new(template));
            }
            "ClusterWorkflowTemplate" => {
                let template = serde_json::from_value(object).map_err(read)?;
                self.cluster_templates.insert(name, Arc::new(template));
            }
            "ConfigMap" => self.put_config_map(name, object),
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn put_config_map(&self, name: String, object: Value) {
        if let Ok(mut maps) = self.config_maps.lock() {
            maps.insert(name, Arc::new(object));
        }
    }

    /// A semaphore's limit, from its config map.
    pub(crate) fn limit(&self, source: &SemaphoreRef) -> Result<i64, String> {
        let key = source.config_map_key_ref.as_ref().ok_or("no config map")?;
        let map = self.config_map(&key.name).ok_or_else(|| format!("no config map {}", key.name))?;
        let text = map.pointer("/data").and_then(|d| d.get(&key.key)).and_then(Value::as_str).ok_or("no such key")?;
        text.parse().map_err(|_| format!("{text:?} is no number"))
    }

    pub(crate) fn memo(&self, config_map: &str, key: &str) -> Result<Option<Box<MemoEntry>>, String> {
        let text = self.config_map(config_map).and_then(|map| Some(map.get("data")?.get(key)?.as_str()?.to_owned()));
        text.map(|text| serde_json::from_str(&text).map(Box::new).map_err(|e| e.to_string())).transpose()
    }

    pub(crate) fn remember(&self, config_map: &str, key: &str, entry: &MemoEntry) {
        let Ok(text) = serde_json::to_string(entry) else { return };
        let mut map = self.config_map(config_map).map_or_else(|| json!({}), |m| m.as_ref().clone());
        argo_core::patch::merge::apply(
            &mut map,
            &json!({
                // As the driver makes it.
                "metadata": {"name": config_map, "labels": {"workflows.argoproj.io/configmap-type": "Cache"}},
                "data": {key: text},
            }),
        );
        self.put_config_map(config_map.to_owned(), map);
    }
}

/// The settings of the controller that made the recordings: every image runs `/bin/ep`.
pub(super) fn config(images: &[String]) -> Result<RunConfig, String> {
    let repository = json!({"s3": {"bucket": "my-bucket", "endpoint": "s3.invalid:9000", "insecure": true,
        "accessKeySecret": {"name": "my-s3-cred", "key": "accesskey"}, "secretKeySecret": {"name": "my-s3-cred", "key": "secretkey"}}});
    let entrypoint = ImageConfig { entrypoint: vec!["/bin/ep".to_owned()], cmd: Vec::new() };
    let pod = PodOptions {
        executor_image: "EXECUTOR_IMAGE".to_owned(),
        artifact_repository: Some(serde_json::from_value(repository).map_err(|e| e.to_string())?),
        images: images.iter().map(|image| (image.clone(), entrypoint.clone())).collect(),
        ..PodOptions::default()
    };
    Ok(RunConfig { pod, ..RunConfig::default() })
}

/// All images that a value names.
pub(super) fn images(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(image) = map.get("image").and_then(Value::as_str) {
                out.push(image.to_owned());
            }
            map.values().for_each(|v| images(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| images(v, out)),
        _ => {}
    }
}
