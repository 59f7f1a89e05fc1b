//! A cluster with a node for one test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use argo_local::backend::{LogOptions, NodeBackend};
use argo_local::controllers::workload;
use argo_local::node::{ApiAccess, Node, NodeOptions};
use argo_local::{LocalCluster, LocalClusterOptions};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) struct World {
    pub(crate) cluster: LocalCluster,
    pub(crate) backend: Arc<dyn NodeBackend>,
    stop: CancellationToken,
    node: tokio::task::JoinHandle<()>,
    controllers: tokio::task::JoinHandle<()>,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn with(change: impl FnOnce(&mut NodeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("node");
        Self::start(LocalClusterOptions::default(), &root, Some(folder), change).await
    }

    pub(crate) async fn start(
        options: LocalClusterOptions,
        root: &Path,
        folder: Option<tempfile::TempDir>,
        change: impl FnOnce(&mut NodeOptions),
    ) -> Self {
        let cluster = LocalCluster::start(options).await.unwrap();
        let mut options = NodeOptions::new("local", root);
        if let Some(address) = cluster.address() {
            let ca_pem = cluster.ca_pem().unwrap_or_default().to_owned();
            options.api = Some(ApiAccess { host: address.ip().to_string(), port: address.port(), ca_pem });
        }
        change(&mut options);
        let node = Node::new(cluster.client(), options);
        let backend = node.backend();
        let stop = CancellationToken::new();
        let node = tokio::spawn({
            let stop = stop.clone();
            async move { node.run(stop.cancelled()).await.unwrap() }
        });
        let controllers = tokio::spawn({
            let (stop, client) = (stop.clone(), cluster.client());
            async move { workload::run_all(client, stop.cancelled()).await }
        });
        Self { cluster, backend, stop, node, controllers, _folder: folder }
    }

    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) fn client(&self) -> Client {
        self.cluster.client()
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client(), "default")
    }

    pub(crate) async fn create(&self, pod: Value) {
        self.pods().create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    pub(crate) async fn pod(&self, name: &str) -> Value {
        self.pods().get_opt(name).await.unwrap().map_or(Value::Null, |pod| json!(pod))
    }

    /// Waits until the pod is as wanted; a real process decides when, so there is a limit.
    pub(crate) async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let pod = self.pod(name).await;
            if wanted(&pod) {
                return pod;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{name} stays as {pod:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn ended(&self, name: &str) -> Value {
        self.until(name, |pod| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))).await
    }

    pub(crate) async fn log_with(&self, name: &str, options: LogOptions) -> Result<String, String> {
        let stream = self.backend.logs("default", name, &options).await.map_err(|error| error.to_string())?;
        let pieces: Vec<_> = stream.try_collect().await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&pieces.concat()).into_owned())
    }

    pub(crate) async fn log(&self, name: &str, container: &str) -> String {
        self.log_with(name, LogOptions { container: container.to_owned(), ..LogOptions::default() }).await.unwrap()
    }

    pub(crate) async fn delete(&self, name: &str, grace: u32) {
        let options = DeleteParams { grace_period_seconds: Some(grace), ..DeleteParams::default() };
        self.pods().delete(name, &options).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.node.await.unwrap();
        self.controllers.await.unwrap();
        self.cluster.shutdown().await;
    }
}

/// A pod of one shell script.
pub(crate) fn script(name: &str, script: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": {"restartPolicy": "Never",
        "containers": [{"name": "main", "image": "alpine", "command": ["sh", "-c", script]}]}})
}

/// The same with more in its container and its spec.
pub(crate) fn script_with(name: &str, text: &str, container: Value, spec: Value) -> Value {
    let mut pod = script(name, text);
    for (field, value) in container.as_object().unwrap() {
        pod["spec"]["containers"][0][field] = value.clone();
    }
    for (field, value) in spec.as_object().unwrap() {
        pod["spec"][field] = value.clone();
    }
    pod
}

pub(crate) fn terminated(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]["terminated"]
}

/// Command lines of this machine's processes that hold a word.
pub(crate) fn processes(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path: PathBuf = entry.path().join("cmdline");
        let line = std::fs::read(path).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(word) && entry.file_name() != std::process::id().to_string().as_str() {
            found.push(line);
        }
    }
    found
}
