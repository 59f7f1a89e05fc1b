//! `artifact delete`: removes the artifacts that a workflow no longer needs.

use argo_core::workflows::{ArtifactResult, ArtifactResultNodeStatus, S3Artifact, WorkflowArtifactGcTask};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;

use super::{Location, StoreError, chain, store};
use crate::ApiError;
use crate::{Paths, Settings};

/// Label of the tasks of one pod.
const POD: &str = "workflows.argoproj.io/artifact-gc-pod";

/// Why artifacts were not collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Nothing says which tasks are this pod's.
    #[error("environment variable ARGO_ARTIFACT_POD_NAME is not set")]
    NoPod,
    /// The tasks are not known.
    #[error("listing the tasks of pod {pod}")]
    List {
        /// Value of the label.
        pod: String,
        /// Why.
        source: ApiError,
    },
    /// A task is not readable.
    #[error("task {name}")]
    Task {
        /// Task.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// What was done was not reported.
    #[error("status of task {name}")]
    Report {
        /// Task.
        name: String,
        /// Why.
        source: ApiError,
    },
}

/// Works on all tasks of a pod: deletes each artifact and writes into the task's status what came of it. An artifact that cannot be deleted is reported, not an error.
///
/// # Errors
/// The tasks cannot be read or reported on.
pub async fn collect(client: &Client, pod: &str, settings: &Settings, paths: &Paths) -> Result<(), CollectError> {
    let resource = ApiResource {
        group: "argoproj.io".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "argoproj.io/v1alpha1".to_owned(),
        kind: "WorkflowArtifactGCTask".to_owned(),
        plural: "workflowartifactgctasks".to_owned(),
    };
    let tasks: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let listed = tasks.list(&ListParams::default().labels(&format!("{POD}={pod}"))).await;
    for object in listed.map_err(|e| CollectError::List { pod: pod.to_owned(), source: e.into() })?.items {
        let name = object.metadata.name.clone().unwrap_or_default();
        let unreadable = |source| CollectError::Task { name: name.clone(), source };
        let task: WorkflowArtifactGcTask = serde_json::to_value(object).and_then(serde_json::from_value).map_err(unreadable)?;
        let mut by_node = serde_json::Map::new();
        for (node, artifacts) in &task.spec.artifacts_by_node {
            let archive = artifacts.archive_location.as_ref().and_then(Location::of_archive);
            let mut status = ArtifactResultNodeStatus::default();
            for (key, artifact) in &artifacts.artifacts {
                let deleted = delete(artifact, archive.as_ref(), settings, paths).await;
                let error = deleted.err();
                if let Some(error) = &error {
                    tracing::warn!(artifact = %key, %node, "not deleted: {error}");
                }
                let result = ArtifactResult { name: artifact.name.clone(), success: error.is_none(), error, ..ArtifactResult::default() };
                status.artifact_results.insert(key.clone(), result);
            }
            by_node.insert(node.clone(), serde_json::to_value(status).map_err(unreadable)?);
        }
        let patch = json!({"status": {"artifactResultsByNode": by_node}});
        let patched = tasks.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map_err(|e| CollectError::Report { name: name.clone(), source: e.into() })?;
    }
    Ok(())
}

async fn delete(
    artifact: &argo_core::workflows::Artifact,
    archive: Option<&Location>,
    settings: &Settings,
    paths: &Paths,
) -> Result<(), String> {
    // With a local folder, what has no store of its own is in the unnamed bucket.
    let unnamed = settings.local_artifacts.as_ref().map(|_| Location::S3(S3Artifact::default()));
    let location = Location::resolve(artifact, archive.or(unnamed.as_ref())).map_err(|e| chain(&e))?;
    let location = location.ok_or_else(|| "it has no location".to_owned())?;
    let store = store(&location, settings, paths).map_err(|e| chain(&e))?;
    match store.delete(&location).await {
        Ok(()) => Ok(()),
        Err(StoreError::NotFound(_)) => Ok(()),
        Err(e) => Err(chain(&e)),
    }
}
