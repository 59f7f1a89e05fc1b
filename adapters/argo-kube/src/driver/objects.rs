//! Writes to the API that may be repeated, and what their errors mean.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;

use super::{Failure, Target};

/// The name under which fields are owned.
pub const FIELD_MANAGER: &str = "argo";

/// Whether the API may answer differently later: time-outs, overload, quota, conflicts, lost connections.
#[must_use]
pub fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            matches!(status.code, 408 | 409 | 429 | 500..=599)
                // A quota is freed by pods that end, and the API says so with 403.
                || (status.code == 403 && status.message.contains("exceeded quota"))
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// How everything is patched.
#[must_use]
pub fn patch_params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// What an API error is to an engine.
#[must_use]
pub fn failure(error: &kube::Error) -> Failure {
    let message = match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    Failure { transient: is_transient(error), message }
}

pub(crate) fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// An API for objects of one kind, in a namespace or, when that is empty, cluster-wide.
#[must_use]
pub fn api(client: &Client, resource: &kube::core::ApiResource, namespace: &str) -> Api<DynamicObject> {
    if namespace.is_empty() { Api::all_with(client.clone(), resource) } else { Api::namespaced_with(client.clone(), namespace, resource) }
}

/// Creates an object. One of the same name that belongs to the same owner is the one that an earlier try created.
///
/// # Errors
/// What the API says; a name taken by somebody else is permanent.
pub async fn create(api: &Api<DynamicObject>, target: &Target, object: &Value) -> Result<(), Failure> {
    let object: DynamicObject = serde_json::from_value(object.clone())
        .map_err(|e| Failure { transient: false, message: format!("the object to create is not a Kubernetes object: {e}") })?;
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, &object).await {
        Ok(_) => Ok(()),
        Err(e) if has_code(&e, 409) => {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            let existing = api.get_metadata_opt(name).await.map_err(|e| failure(&e))?;
            let Some(existing) = existing else {
                return Err(Failure { transient: true, message: format!("{name} existed and is gone again") });
            };
            let owners = existing.metadata.owner_references.unwrap_or_default();
            if owners.iter().any(|owner| owner.uid == target.uid) {
                return Ok(());
            }
            // What an earlier object of our name left behind is about to be collected.
            let transient = existing.metadata.deletion_timestamp.is_some() || owners.iter().any(|owner| owner.name == target.key.name);
            Err(Failure { transient, message: format!("{name} already exists and does not belong to {}", target.key) })
        }
        Err(e) => Err(failure(&e)),
    }
}

/// Deletes an object; one that is gone already is what was wanted.
///
/// # Errors
/// What the API says.
pub async fn delete(api: &Api<DynamicObject>, name: &str, params: &DeleteParams) -> Result<(), Failure> {
    match api.delete(name, params).await {
        Ok(_) => Ok(()),
        Err(e) if has_code(&e, 404) => Ok(()),
        Err(e) => Err(failure(&e)),
    }
}

/// Merge-patches an object; one that is gone has nothing left to be patched.
///
/// # Errors
/// What the API says.
pub async fn merge(api: &Api<DynamicObject>, name: &str, patch: &Value) -> Result<(), Failure> {
    match api.patch_metadata(name, &patch_params(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(e) if has_code(&e, 404) => Ok(()),
        Err(e) => Err(failure(&e)),
    }
}
