//! The task result: how outputs reach the controller.

use std::time::Duration;

use argo_core::workflows::Outputs;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Client, Config, Resource};
use serde_json::{Value, json};

use super::WaitError;
use crate::{ApiError, Settings};

/// Label that names the workflow.
const WORKFLOW: &str = "workflows.argoproj.io/workflow";
/// Label that says whether all outputs are there.
const COMPLETED: &str = "workflows.argoproj.io/report-outputs-completed";
const API_VERSION: &str = "argoproj.io/v1alpha1";

/// Tries of one request while the API does not answer.
const TRIES: u32 = 60;

/// Reports through the `WorkflowTaskResult` named after the node's id.
#[derive(Clone)]
pub struct Reporter {
    client: Client,
    /// Path of the task results in the API.
    results: String,
    name: String,
    workflow: String,
    workflow_uid: String,
}

fn worth_another_try(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 408 | 409 | 429 | 500..=599),
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

// Not simply inferred: that would prefer a kubeconfig in the user's home folder, which a pod on the user's machine sees and must not use.
async fn configuration() -> Result<Config, WaitError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    if !set("KUBECONFIG") && set("KUBERNETES_SERVICE_HOST") {
        return Config::incluster_env().map_err(|e| WaitError::InCluster(Box::new(e)));
    }
    Config::infer().await.map_err(|e| WaitError::Config(Box::new(e)))
}

/// A client with the pod's own way to the API.
pub(crate) async fn client() -> Result<Client, WaitError> {
    Client::try_from(configuration().await?).map_err(|e| WaitError::Client(e.into()))
}

impl Reporter {
    /// A reporter with the pod's own way to the API: its service account, or `KUBECONFIG`.
    ///
    /// # Errors
    /// There is no such way.
    pub async fn connect(settings: &Settings) -> Result<Self, WaitError> {
        Ok(Self::new(client().await?, settings))
    }

    /// A reporter that uses a client's default namespace.
    #[must_use]
    pub fn new(client: Client, settings: &Settings) -> Self {
        let resource = ApiResource {
            group: "argoproj.io".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: API_VERSION.to_owned(),
            kind: "WorkflowTaskResult".to_owned(),
            plural: "workflowtaskresults".to_owned(),
        };
        Self {
            results: DynamicObject::url_path(&resource, Some(client.default_namespace())),
            client,
            name: settings.node_id.clone(),
            workflow: settings.workflow.clone(),
            workflow_uid: settings.workflow_uid.clone(),
        }
    }

    /// The client it reports with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes the task result, with nothing in it: from then on the controller waits for the outputs.
    ///
    /// # Errors
    /// The API refuses it.
    pub async fn announce(&self) -> Result<(), WaitError> {
        let object = self.object("false", json!({}));
        match self.send(How::Create, &object).await {
            // Made by an earlier try whose answer was lost, or by this pod before it was restarted.
            Err(e) if has_code(&e, 409) => Ok(()),
            other => other.map_err(|e| self.failed(e)),
        }
    }

    /// Reports progress; a failure is no more than logged.
    pub(crate) async fn progress(&self, progress: String) {
        let patch = json!({"progress": progress});
        if let Err(e) = self.send_once(How::Patch, &patch).await {
            tracing::info!("progress {progress} is not reported: {}", ApiError::from(e));
        }
    }

    /// Reports all outputs and that they are all.
    ///
    /// # Errors
    /// The API refuses them, or does not answer for about two minutes.
    pub async fn complete(&self, outputs: &Outputs, progress: Option<String>, announced: Announced) -> Result<(), WaitError> {
        let outputs = serde_json::to_value(outputs).map_err(|source| WaitError::Shape { name: self.name.clone(), source })?;
        let mut content = json!({"outputs": outputs});
        if let (Some(progress), Some(content)) = (progress, content.as_object_mut()) {
            content.insert("progress".to_owned(), progress.into());
        }
        // With the labels: a task result of an earlier try of this pod may have others.
        let object = self.object("true", content);
        // A task result may be there although nobody knows of it, and gone although it was there.
        let (first, second) = match announced {
            Announced::Yes => (How::Patch, How::Create),
            Announced::No => (How::Create, How::Patch),
        };
        let mut last = Ok(());
        for how in [first, second, first] {
            last = self.send(how, &object).await;
            match (&last, how) {
                (Err(e), How::Patch) if has_code(e, 404) => {}
                (Err(e), How::Create) if has_code(e, 409) => {}
                _ => break,
            }
        }
        last.map_err(|e| self.failed(e))
    }

    fn failed(&self, source: kube::Error) -> WaitError {
        WaitError::Report { name: self.name.clone(), source: source.into() }
    }

    fn object(&self, completed: &str, content: Value) -> Value {
        let mut object = json!({
            "apiVersion": API_VERSION,
            "kind": "WorkflowTaskResult",
            "metadata": {"name": self.name, "labels": {WORKFLOW: self.workflow, COMPLETED: completed}},
        });
        if let Some(object) = object.as_object_mut() {
            if !self.workflow_uid.is_empty() {
                let owner = json!([{"apiVersion": API_VERSION, "kind": "Workflow", "name": self.workflow, "uid": self.workflow_uid}]);
                if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.insert("ownerReferences".to_owned(), owner);
                }
            }
            if let Value::Object(content) = content {
                object.extend(content);
            }
        }
        object
    }

    async fn send(&self, how: How, object: &Value) -> Result<(), kube::Error> {
        let mut pause = Duration::from_millis(100);
        for _ in 1..TRIES {
            match self.send_once(how, object).await {
                Err(e) if worth_another_try(&e) && !(how == How::Create && has_code(&e, 409)) => {
                    tracing::warn!(result = %self.name, "the API does not take it, trying again in {pause:?}: {}", ApiError::from(e));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(20));
                }
                other => return other,
            }
        }
        self.send_once(how, object).await
    }

    async fn send_once(&self, how: How, object: &Value) -> Result<(), kube::Error> {
        let results = kube::core::Request::new(self.results.as_str());
        let request = match how {
            How::Create => serde_json::to_vec(object)
                .map_err(kube::core::request::Error::SerializeBody)
                .and_then(|body| results.create(&PostParams::default(), body)),
            How::Patch => results.patch(&self.name, &PatchParams::default(), &Patch::Merge(object)),
        };
        // What the API says it is now is of no use here.
        self.client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
    }
}

/// Whether a task result was made before the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// By [`Reporter::announce`].
    Yes,
    /// It may not be there.
    No,
}

/// What can be sent again and does the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Create,
    Patch,
}
