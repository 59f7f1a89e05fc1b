//! Kinds of a cluster, by manifest and by kubectl's short names.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};

use super::ResourceError;

/// A kind and whether its objects are in namespaces.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    resource: ApiResource,
    namespaced: bool,
}

impl Kind {
    fn new(group_version: &str, found: &APIResource) -> Self {
        let (group, version) = group_version.rsplit_once('/').unwrap_or(("", group_version));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: group_version.to_owned(),
            kind: found.kind.clone(),
            plural: found.name.clone(),
        };
        Self { resource, namespaced: found.namespaced }
    }

    /// Its objects: in a namespace, the client's if none is named.
    pub(super) fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            _ if !self.namespaced => Api::all_with(client.clone(), &self.resource),
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::default_namespaced_with(client.clone(), &self.resource),
        }
    }

    /// Name in messages.
    pub(super) fn name(&self) -> &str {
        &self.resource.kind
    }

    /// Writes kind and version into an object, as lists leave them out.
    pub(super) fn types(&self) -> kube::core::TypeMeta {
        kube::core::TypeMeta { api_version: self.resource.api_version.clone(), kind: self.resource.kind.clone() }
    }
}

async fn of_version(client: &Client, group_version: &str) -> Result<Vec<APIResource>, ResourceError> {
    let listed = if group_version.contains('/') {
        client.list_api_group_resources(group_version).await
    } else {
        client.list_core_api_resources(group_version).await
    };
    match listed {
        // Names with a slash are subresources.
        Ok(list) => Ok(list.resources.into_iter().filter(|r| !r.name.contains('/')).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(e) => Err(ResourceError::Discovery(e.into())),
    }
}

/// The kind of a manifest.
pub(super) async fn of_manifest(client: &Client, api_version: &str, kind: &str) -> Result<Kind, ResourceError> {
    let found = of_version(client, api_version).await?.into_iter().find(|r| r.kind == kind);
    found.map(|r| Kind::new(api_version, &r)).ok_or_else(|| ResourceError::NoKind(format!("{api_version} {kind}")))
}

fn answers_to(found: &APIResource, name: &str) -> bool {
    found.name == name
        || found.singular_name == name
        || found.kind.eq_ignore_ascii_case(name)
        || found.short_names.as_ref().is_some_and(|names| names.iter().any(|n| n == name))
}

/// The kind that kubectl knows by a name: plural, singular, kind or short name, with or without its group after a dot.
pub(super) async fn by_name(client: &Client, name: &str) -> Result<Kind, ResourceError> {
    let lower = name.to_ascii_lowercase();
    let (short, group) = lower.split_once('.').map_or((lower.as_str(), None), |(short, group)| (short, Some(group)));
    if group.is_none()
        && let Some(found) = of_version(client, "v1").await?.into_iter().find(|r| answers_to(r, short))
    {
        return Ok(Kind::new("v1", &found));
    }
    let groups = client.list_api_groups().await.map_err(|e| ResourceError::Discovery(e.into()))?;
    for found in groups.groups {
        let version = found.preferred_version.or_else(|| found.versions.first().cloned()).map(|v| v.group_version);
        let Some(version) = version.filter(|_| group.is_none_or(|g| g == found.name || g.ends_with(&format!(".{}", found.name)))) else {
            continue;
        };
        if let Some(resource) = of_version(client, &version).await?.into_iter().find(|r| answers_to(r, short)) {
            return Ok(Kind::new(&version, &resource));
        }
    }
    Err(ResourceError::NoKind(name.to_owned()))
}
