//! Writes to the API that may be repeated, and what their errors mean.

use http::HeaderValue;
use http::header::ACCEPT;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicResourceScope};
use kube::{Api, Client, Resource};
use serde_json::Value;

use super::{Failure, Object, Target};

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
pub fn api<K>(client: &Client, resource: &ApiResource, namespace: &str) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    if namespace.is_empty() { Api::all_with(client.clone(), resource) } else { Api::namespaced_with(client.clone(), namespace, resource) }
}

/// Creates an object. One of the same name that belongs to the same owner is the one that an earlier try created.
///
/// # Errors
/// What the API says; a name taken by somebody else is permanent.
pub async fn create(api: &Api<Object>, target: &Target, object: &Value) -> Result<(), Failure> {
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let created = async {
        let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
        let request = kube::core::Request::new(api.resource_url()).create(&params, body).map_err(kube::Error::BuildRequest)?;
        version_after(api, request).await
    };
    match created.await {
        Ok(_) => Ok(()),
        Err(e) if has_code(&e, 409) => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
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
pub async fn delete(api: &Api<Object>, name: &str, params: &DeleteParams) -> Result<(), Failure> {
    match api.delete(name, params).await {
        Ok(_) => Ok(()),
        Err(e) if has_code(&e, 404) => Ok(()),
        Err(e) => Err(failure(&e)),
    }
}

/// What is asked of the answer to a write: not the object, which the watch brings anyway.
const METADATA_ONLY: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

/// Sends a write; the resource version that it came to.
async fn version_after(api: &Api<Object>, mut request: http::Request<Vec<u8>>) -> Result<String, kube::Error> {
    #[derive(serde::Deserialize)]
    struct Written {
        metadata: Version,
    }
    #[derive(serde::Deserialize)]
    struct Version {
        #[serde(rename = "resourceVersion")]
        version: String,
    }
    request.headers_mut().insert(ACCEPT, METADATA_ONLY);
    let written: Written = api.clone().into_client().request(request).await?;
    Ok(written.metadata.version)
}

/// Merge-patches an object or a subresource; the resource version that it came to.
pub(crate) async fn patch(api: &Api<Object>, name: &str, subresource: Option<&str>, patch: &Value) -> Result<String, kube::Error> {
    let (url, params, patch) = (kube::core::Request::new(api.resource_url()), patch_params(), Patch::Merge(patch));
    let request = match subresource {
        Some(subresource) => url.patch_subresource(subresource, name, &params, &patch),
        None => url.patch(name, &params, &patch),
    };
    version_after(api, request.map_err(kube::Error::BuildRequest)?).await
}

/// Merge-patches an object; one that is gone has nothing left to be patched.
///
/// # Errors
/// What the API says.
pub async fn merge(api: &Api<Object>, name: &str, patch: &Value) -> Result<(), Failure> {
    match self::patch(api, name, None, patch).await {
        Ok(_) => Ok(()),
        Err(e) if has_code(&e, 404) => Ok(()),
        Err(e) => Err(failure(&e)),
    }
}
