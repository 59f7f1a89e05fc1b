//! `resource`: works on Kubernetes objects and waits for their condition.
//!
//! What `kubectl` does for upstream is done here through the API itself, so that no such program is needed.

use std::path::PathBuf;
use std::time::Duration;

use argo_core::workflows::{AnyString, Parameter, ResourceTemplate, Template};
use argo_core::yaml;
use futures::{StreamExt, TryStreamExt};
use kube::Client;
use kube::api::{WatchEvent, WatchParams};
use serde_json::{Value, json};

use crate::ApiError;
use crate::wait::{Announced, Reporter, WaitError};
use crate::{Paths, Settings, Stop, parse_duration};

mod act;
mod condition;
mod flags;
mod kinds;
mod query;

use act::{Acted, Action, Request};
pub use condition::{Condition, ConditionError, Requirement};
use flags::Flags;
pub use query::{QueryError, jq, json_path, path, text};

/// Why a resource template failed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// The pod's template is of another kind.
    #[error("the template of this pod is no resource template")]
    NoTemplate,
    /// This version cannot do it.
    #[error("not supported yet: {0}")]
    Unsupported(String),
    /// There is no such action.
    #[error("action {0:?} is none of get, create, apply, delete, replace, patch")]
    Action(String),
    /// A deleted object has neither conditions nor outputs.
    #[error("successCondition, failureCondition and outputs are not supported for delete action")]
    ConditionOfDelete,
    /// A flag has the wrong form.
    #[error("flag {flag} {reason}")]
    Flag {
        /// The flag.
        flag: String,
        /// What is wrong.
        reason: String,
    },
    /// The file of the manifest cannot be read.
    #[error("manifest {path}")]
    ReadManifest {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest is no YAML.
    #[error("manifest")]
    ParseManifest(#[from] yaml::YamlError),
    /// The manifest does not say enough, or the wrong thing.
    #[error("manifest: {0}")]
    Manifest(String),
    /// A condition is none.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The kinds of the API are not known.
    #[error("asking the API for its kinds")]
    Discovery(#[source] ApiError),
    /// The API has no such kind.
    #[error("the API has no kind {0}: is its CustomResourceDefinition installed?")]
    NoKind(String),
    /// The API refuses.
    #[error("{action} {object}")]
    Api {
        /// What was to be done.
        action: String,
        /// To which object.
        object: String,
        /// Why not.
        source: ApiError,
    },
    /// The object went away while its condition was waited for.
    #[error("resource {0} has been deleted while its condition was waited for")]
    Deleted(String),
    /// Stopped from outside.
    #[error("stopped while at work")]
    Stopped,
    /// The failure condition holds.
    #[error("failure condition '{0}' evaluated true")]
    Failed(String),
    /// Conditions and outputs need one object.
    #[error("the manifest has {0} objects: conditions and outputs need exactly one")]
    Several(usize),
    /// An output parameter has no value.
    #[error("output parameter '{name}'")]
    Output {
        /// Parameter.
        name: String,
        /// Why.
        source: QueryError,
    },
    /// The outputs were not reported.
    #[error(transparent)]
    Report(#[from] WaitError),
}

/// Runs `resource`.
pub(crate) async fn run(action: &str, template: Template, settings: Settings, paths: &Paths) -> Result<(), ResourceError> {
    let reporter = Reporter::connect(&settings).await?;
    supervise(action, template, &settings, paths, &reporter).await
}

/// Runs `resource` with a given way to the API.
///
/// # Errors
/// The action, the wait for the condition or the report failed.
pub async fn supervise(
    action: &str,
    mut template: Template,
    settings: &Settings,
    paths: &Paths,
    reporter: &Reporter,
) -> Result<(), ResourceError> {
    reporter.announce().await?;
    let mut stop = Stop::on_signals();
    let done = tokio::select! {
        done = work(action, &mut template, settings, paths, reporter.client()) => done,
        () = stop.asked() => Err(ResourceError::Stopped),
    };
    let reported = reporter.complete(&template.outputs, None, Announced::Yes).await;
    done?;
    Ok(reported?)
}

async fn work(action: &str, template: &mut Template, settings: &Settings, paths: &Paths, client: &Client) -> Result<(), ResourceError> {
    let resource = template.resource.clone().ok_or(ResourceError::NoTemplate)?;
    let action = Action::parse(action)?;
    let success = Condition::parse(&resource.success_condition)?;
    let failure = Condition::parse(&resource.failure_condition)?;
    let outputs = template.outputs.parameters.iter().any(|p| p.value_from.is_some());
    let waits = !success.is_empty() || !failure.is_empty();
    if action == Action::Delete && (waits || outputs) {
        return Err(ResourceError::ConditionOfDelete);
    }
    let mut documents: Vec<Value> =
        yaml::parse_documents(&manifest(&resource, template, paths)?)?.into_iter().map(|document| document.value).collect();
    if resource.set_owner_reference == Some(true) {
        documents.iter_mut().for_each(|document| set_owner(document, settings));
    }
    let flags = Flags::parse(&resource.flags)?;
    let request = Request { client, action, documents, flags, merge_strategy: &resource.merge_strategy };
    let mut acted = request.run().await?;
    for one in &acted {
        tracing::info!(name = %one.name, "{action:?} done");
    }
    if action == Action::Delete || !(waits || outputs) {
        return Ok(());
    }
    let count = acted.len();
    let mut one = acted.pop().filter(|_| count == 1).ok_or(ResourceError::Several(count))?;
    if waits {
        one.object = wait(&one, &success, &failure).await?;
    }
    for parameter in &mut template.outputs.parameters {
        set_value(parameter, &one.object)?;
    }
    Ok(())
}

fn manifest(resource: &ResourceTemplate, template: &Template, paths: &Paths) -> Result<String, ResourceError> {
    let Some(artifact) = resource.manifest_from.as_ref().and_then(|from| from.artifact.as_ref()) else {
        return Ok(resource.manifest.clone());
    };
    let input = template.inputs.artifacts.iter().find(|input| input.name == artifact.name);
    let input = input.ok_or_else(|| ResourceError::Manifest(format!("manifestFrom names no input artifact: {:?}", artifact.name)))?;
    // Mounted at its own path; where nothing can be mounted, where it was loaded to.
    let mut path = PathBuf::from(&input.path);
    if !path.exists() {
        path = paths.inputs.join(&input.name);
    }
    std::fs::read_to_string(&path).map_err(|source| ResourceError::ReadManifest { path, source })
}

/// Makes the workflow an owner, unless the controller has done it.
fn set_owner(document: &mut Value, settings: &Settings) {
    let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let owner = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": settings.workflow, "uid": settings.workflow_uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    if settings.workflow_uid.is_empty() {
        return;
    }
    if let Some(owners) = metadata.entry("ownerReferences").or_insert_with(|| json!([])).as_array_mut() {
        let uid = Value::from(settings.workflow_uid.as_str());
        if !owners.iter().any(|o| o.get("uid") == Some(&uid)) {
            owners.push(owner);
        }
    }
}

/// Whether the wait is over.
fn is_over(object: &Value, success: &Condition, failure: &Condition) -> Result<bool, ResourceError> {
    match failure.any(object) {
        Some(term) => Err(ResourceError::Failed(term.to_string())),
        None => Ok(success.all(object)),
    }
}

/// Waits until the object meets a condition; returns it as it is then.
async fn wait(one: &Acted, success: &Condition, failure: &Condition) -> Result<Value, ResourceError> {
    let pause = std::env::var("RESOURCE_STATE_CHECK_INTERVAL").ok().and_then(|text| parse_duration(&text));
    let pause = pause.filter(|p| !p.is_zero()).unwrap_or(Duration::from_secs(5));
    loop {
        match follow(one, success, failure).await {
            Ok(Some(object)) => return Ok(object),
            Ok(None) => {}
            Err(Failure::Final(e)) => return Err(e),
            Err(Failure::Api(e)) => tracing::warn!("watching {}: {e}", one.name),
        }
        tokio::time::sleep(pause).await;
    }
}

enum Failure {
    Final(ResourceError),
    Api(kube::Error),
}

async fn follow(one: &Acted, success: &Condition, failure: &Condition) -> Result<Option<Value>, Failure> {
    let deleted = || Failure::Final(ResourceError::Deleted(one.name.clone()));
    let value = |object| serde_json::to_value(object).map_err(|e| Failure::Final(ResourceError::Manifest(e.to_string())));
    let object = one.api.get_opt(&one.name).await.map_err(Failure::Api)?.ok_or_else(deleted)?;
    let version = object.metadata.resource_version.clone().unwrap_or_else(|| "0".to_owned());
    let object = value(object)?;
    if is_over(&object, success, failure).map_err(Failure::Final)? {
        return Ok(Some(object));
    }
    let parameters = WatchParams::default().fields(&format!("metadata.name={}", one.name));
    let mut events = one.api.watch(&parameters, &version).await.map_err(Failure::Api)?.boxed();
    while let Some(event) = events.try_next().await.map_err(Failure::Api)? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let object = value(object)?;
                if is_over(&object, success, failure).map_err(Failure::Final)? {
                    return Ok(Some(object));
                }
            }
            WatchEvent::Deleted(_) => return Err(deleted()),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => return Err(Failure::Api(kube::Error::Api(status))),
        }
    }
    Ok(None)
}

fn set_value(parameter: &mut Parameter, object: &Value) -> Result<(), ResourceError> {
    let Some(from) = &parameter.value_from else { return Ok(()) };
    let found = if !from.json_path.is_empty() {
        json_path(object, &from.json_path)
    } else if !from.jq_filter.is_empty() {
        jq(object, &from.jq_filter)
    } else {
        return Ok(());
    };
    parameter.value = Some(match (found, &from.default) {
        (Ok(text), _) => AnyString(text),
        (Err(_), Some(default)) => default.clone(),
        (Err(source), None) => return Err(ResourceError::Output { name: parameter.name.clone(), source }),
    });
    Ok(())
}
