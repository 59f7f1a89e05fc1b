//! `agent`: runs the HTTP templates of one workflow, which need no pod each.
//!
//! The controller puts templates into the workflow's `WorkflowTaskSet`, the agent puts results into its status.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use argo_core::workflows::{NodeResult, Template, WorkflowTaskSet};
use futures::{StreamExt, TryStreamExt};
use kube::api::{DynamicObject, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::{ApiError, SettingsError, Stop};

pub mod http;

/// Requests at a time where `ARGO_AGENT_TASK_WORKERS` does not say.
const WORKERS: usize = 16;

/// Why the agent ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nothing says for which workflow it is.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The task set cannot be followed.
    #[error("task set {name}")]
    Follow {
        /// Name, which is the workflow's.
        name: String,
        /// Why.
        source: ApiError,
    },
    /// The task set is not readable.
    #[error("task set {name}")]
    Shape {
        /// Name.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
}

fn is_final(result: &NodeResult) -> bool {
    matches!(result.phase.as_str(), "Succeeded" | "Failed" | "Error")
}

/// Runs one task.
pub async fn run_task(template: &Template, client: &Client) -> NodeResult {
    match &template.http {
        Some(http) => http::run(http, client).await,
        None => NodeResult {
            phase: "Error".to_owned(),
            message: format!("not supported yet: template {:?} is not an HTTP template, and the agent runs no others", template.name),
            ..NodeResult::default()
        },
    }
}

/// Follows the task set of a workflow until it is deleted or the process is asked to end.
///
/// # Errors
/// The API refuses.
pub async fn run(client: Client, workflow: &str, workers: Option<usize>) -> Result<(), AgentError> {
    let resource = ApiResource {
        group: "argoproj.io".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "argoproj.io/v1alpha1".to_owned(),
        kind: "WorkflowTaskSet".to_owned(),
        plural: "workflowtasksets".to_owned(),
    };
    let sets: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let (done, results) = mpsc::channel(64);
    let permits = Arc::new(Semaphore::new(workers.unwrap_or(WORKERS).max(1)));
    let mut agent =
        Agent { client, sets: sets.clone(), workflow: workflow.to_owned(), taken: BTreeSet::new(), permits, done, tasks: JoinSet::new() };
    let mut stop = Stop::on_signals();
    tokio::select! {
        ended = agent.follow() => ended,
        () = report(&sets, workflow, results) => Ok(()),
        () = stop.asked() => Ok(()),
    }
}

struct Agent {
    client: Client,
    sets: Api<DynamicObject>,
    workflow: String,
    taken: BTreeSet<String>,
    permits: Arc<Semaphore>,
    done: mpsc::Sender<(String, NodeResult)>,
    tasks: JoinSet<()>,
}

impl Agent {
    async fn follow(&mut self) -> Result<(), AgentError> {
        let mut pause = Duration::from_millis(200);
        loop {
            match self.follow_once().await {
                Ok(true) => return Ok(()),
                Ok(false) => pause = Duration::from_millis(200),
                Err(AgentError::Follow { name, source }) if !source.is_refusal() => {
                    tracing::warn!("task set {name}: {source}");
                    pause = (pause * 2).min(Duration::from_secs(20));
                }
                Err(e) => return Err(e),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// True if the task set is gone.
    async fn follow_once(&mut self) -> Result<bool, AgentError> {
        let name = self.workflow.clone();
        let failed = |e: kube::Error| AgentError::Follow { name: name.clone(), source: e.into() };
        let Some(set) = self.sets.get_opt(&name).await.map_err(failed)? else { return Ok(!self.taken.is_empty()) };
        let version = set.metadata.resource_version.clone().unwrap_or_else(|| "0".to_owned());
        self.take(set)?;
        let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
        let mut events = self.sets.watch(&parameters, &version).await.map_err(failed)?.boxed();
        while let Some(event) = events.try_next().await.map_err(failed)? {
            match event {
                WatchEvent::Added(set) | WatchEvent::Modified(set) => self.take(set)?,
                WatchEvent::Deleted(_) => return Ok(true),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(failed(kube::Error::Api(status))),
            }
        }
        Ok(false)
    }

    /// Starts what is new in the task set.
    fn take(&mut self, set: DynamicObject) -> Result<(), AgentError> {
        let set = serde_json::to_value(set).and_then(serde_json::from_value::<WorkflowTaskSet>);
        let set = set.map_err(|source| AgentError::Shape { name: self.workflow.clone(), source })?;
        for (node, template) in set.spec.tasks {
            let has_result = set.status.nodes.get(&node).is_some_and(is_final);
            if has_result || !self.taken.insert(node.clone()) {
                continue;
            }
            let (client, permits, done) = (self.client.clone(), Arc::clone(&self.permits), self.done.clone());
            self.tasks.spawn(async move {
                let _permit = permits.acquire_owned().await;
                tracing::info!(%node, "task");
                let result = run_task(&template, &client).await;
                let _ = done.send((node, result)).await;
            });
        }
        while self.tasks.try_join_next().is_some() {}
        Ok(())
    }
}

/// Writes results as they come, several at once where several are there.
async fn report(sets: &Api<DynamicObject>, workflow: &str, mut results: mpsc::Receiver<(String, NodeResult)>) {
    let mut waiting = BTreeMap::new();
    let mut pause = Duration::from_millis(100);
    loop {
        if waiting.is_empty() {
            let Some((node, result)) = results.recv().await else { return };
            waiting.insert(node, result);
        }
        while let Ok((node, result)) = results.try_recv() {
            waiting.insert(node, result);
        }
        let patch = json!({"status": {"nodes": waiting}});
        match sets.patch_status(workflow, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => {
                waiting.clear();
                pause = Duration::from_millis(100);
            }
            Err(e) => {
                tracing::warn!("results are not reported, trying again in {pause:?}: {}", ApiError::from(e));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(20));
            }
        }
    }
}
