//! One action on the objects of a manifest, or on those that flags name.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::Value;

use super::ResourceError;
use super::flags::Flags;
use super::kinds::{self, Kind};

/// Field manager of what the executor writes.
const MANAGER: &str = "argo";
/// Where `kubectl apply` keeps what it was given; left out of what is applied here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    Create,
    Apply,
    Delete,
    Replace,
    Patch,
}

impl Action {
    pub(super) fn parse(text: &str) -> Result<Self, ResourceError> {
        Ok(match text {
            "get" => Self::Get,
            "create" => Self::Create,
            "apply" => Self::Apply,
            "delete" => Self::Delete,
            "replace" => Self::Replace,
            "patch" => Self::Patch,
            other => return Err(ResourceError::Action(other.to_owned())),
        })
    }
}

/// An object that was worked on, as it is now.
pub(super) struct Acted {
    pub(super) api: Api<DynamicObject>,
    pub(super) name: String,
    pub(super) object: Value,
}

pub(super) struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) action: Action,
    /// The manifest's documents; for a JSON patch, the patch.
    pub(super) documents: Vec<Value>,
    pub(super) flags: Flags,
    pub(super) merge_strategy: &'a str,
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|s| !s.is_empty())
}

impl Request<'_> {
    fn failed<'e>(&'e self, kind: &'e Kind, name: &'e str) -> impl FnOnce(kube::Error) -> ResourceError + 'e {
        move |source| ResourceError::Api {
            action: format!("{:?}", self.action).to_lowercase(),
            object: format!("{} {name}", kind.name()),
            source: source.into(),
        }
    }

    /// Does it; returns the objects in the order they were named.
    pub(super) async fn run(&self) -> Result<Vec<Acted>, ResourceError> {
        let json_patch = self.action == Action::Patch && self.strategy() == "json";
        if json_patch || self.documents.is_empty() {
            return self.run_on_targets().await;
        }
        let mut acted = Vec::new();
        for document in &self.documents {
            let (Some(version), Some(kind)) = (text(document, "/apiVersion"), text(document, "/kind")) else {
                return Err(ResourceError::Manifest("apiVersion and kind are both required".to_owned()));
            };
            let kind = kinds::of_manifest(self.client, version, kind).await?;
            let namespace = self.flags.namespace.as_deref().or_else(|| text(document, "/metadata/namespace"));
            let api = kind.api(self.client, namespace);
            acted.extend(self.on_manifest(&kind, api, document).await?);
        }
        Ok(acted)
    }

    fn strategy(&self) -> &str {
        match (&self.flags.patch_type, self.merge_strategy) {
            (Some(from_flag), _) => from_flag,
            (None, "") => "strategic",
            (None, strategy) => strategy,
        }
    }

    async fn on_manifest(&self, kind: &Kind, api: Api<DynamicObject>, document: &Value) -> Result<Option<Acted>, ResourceError> {
        let name = text(document, "/metadata/name").unwrap_or_default().to_owned();
        let generated = text(document, "/metadata/generateName").is_some();
        if name.is_empty() && !(generated && self.action == Action::Create) {
            return Err(ResourceError::Manifest("metadata.name is required".to_owned()));
        }
        let shown = if name.is_empty() { "with a generated name" } else { name.as_str() };
        let object = || serde_json::from_value::<DynamicObject>(document.clone()).map_err(|e| ResourceError::Manifest(e.to_string()));
        let post = PostParams { dry_run: self.flags.dry_run, field_manager: self.manager() };
        let result = match self.action {
            Action::Get => api.get(&name).await,
            Action::Create => api.create(&post, &object()?).await,
            Action::Apply => {
                let mut applied = document.clone();
                if let Some(annotations) = applied.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
                    annotations.remove(LAST_APPLIED);
                }
                let parameters =
                    PatchParams { dry_run: self.flags.dry_run, force: true, field_manager: self.manager(), ..PatchParams::default() };
                api.patch(&name, &parameters, &Patch::Apply(applied)).await
            }
            Action::Replace => {
                if self.flags.force {
                    self.delete(kind, &api, &name).await?;
                    api.create(&post, &object()?).await
                } else {
                    let mut object = object()?;
                    let before = api.get(&name).await.map_err(self.failed(kind, shown))?;
                    object.metadata.resource_version = object.metadata.resource_version.or(before.metadata.resource_version);
                    api.replace(&name, &post, &object).await
                }
            }
            Action::Patch => return self.patch(kind, api, &name, document).await.map(Some),
            Action::Delete => return self.delete(kind, &api, &name).await.map(|()| None),
        };
        result.map_err(self.failed(kind, shown)).and_then(|object| acted(kind, api, object)).map(Some)
    }

    fn manager(&self) -> Option<String> {
        Some(self.flags.field_manager.clone().unwrap_or_else(|| MANAGER.to_owned()))
    }

    async fn patch(&self, kind: &Kind, api: Api<DynamicObject>, name: &str, patch: &Value) -> Result<Acted, ResourceError> {
        let parameters = PatchParams { dry_run: self.flags.dry_run, field_manager: self.manager(), ..PatchParams::default() };
        let patched = match self.strategy() {
            "strategic" => api.patch(name, &parameters, &Patch::Strategic(patch)).await,
            "merge" => api.patch(name, &parameters, &Patch::Merge(patch)).await,
            "json" => {
                let patch = serde_json::from_value(patch.clone()).map_err(|e| ResourceError::Manifest(format!("JSON patch: {e}")))?;
                api.patch(name, &parameters, &Patch::Json::<()>(patch)).await
            }
            other => return Err(ResourceError::Manifest(format!("mergeStrategy {other:?} is none of strategic, merge, json"))),
        };
        patched.map_err(self.failed(kind, name)).and_then(|object| acted(kind, api, object))
    }

    async fn delete(&self, kind: &Kind, api: &Api<DynamicObject>, name: &str) -> Result<(), ResourceError> {
        let parameters = DeleteParams {
            dry_run: self.flags.dry_run,
            grace_period_seconds: self.flags.grace_period,
            propagation_policy: self.flags.propagation.clone().or(Some(kube::api::PropagationPolicy::Background)),
            ..DeleteParams::default()
        };
        let uid = match api.delete(name, &parameters).await {
            Ok(either) => either.left().and_then(|object| object.metadata.uid),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(e) => return Err(self.failed(kind, name)(e)),
        };
        if self.flags.no_wait || self.flags.dry_run {
            return Ok(());
        }
        let mut pause = Duration::from_millis(20);
        loop {
            match api.get_opt(name).await.map_err(self.failed(kind, name))? {
                None => return Ok(()),
                Some(object) if uid.is_some() && object.metadata.uid != uid => return Ok(()),
                Some(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// For `pod x`, `pod/x`, `pod/x pod/y`, and `pod --selector a=b`.
    async fn run_on_targets(&self) -> Result<Vec<Acted>, ResourceError> {
        let targets = &self.flags.targets;
        let Some((first, names)) = targets.split_first() else {
            return Err(ResourceError::Manifest("must provide at least one of flags or manifest".to_owned()));
        };
        let mut pairs = Vec::new();
        if first.contains('/') {
            pairs.extend(targets.iter().filter_map(|t| t.split_once('/')).map(|(kind, name)| (kind.to_owned(), name.to_owned())));
        } else {
            pairs.extend(names.iter().map(|name| (first.clone(), name.clone())));
        }
        let mut acted_on = Vec::new();
        if pairs.is_empty() {
            let flags = &self.flags;
            if flags.selector.is_none() && flags.field_selector.is_none() && !flags.all {
                return Err(ResourceError::Manifest(format!(
                    "flags name the kind {first:?} and no object: give a name, --selector or --all"
                )));
            }
            let kind = kinds::by_name(self.client, first).await?;
            let api = kind.api(self.client, flags.namespace.as_deref());
            let parameters = ListParams {
                label_selector: flags.selector.clone(),
                field_selector: flags.field_selector.clone(),
                ..ListParams::default()
            };
            for object in api.list(&parameters).await.map_err(self.failed(&kind, "list"))?.items {
                let name = object.metadata.name.clone().unwrap_or_default();
                acted_on.extend(self.on_target(&kind, api.clone(), &name).await?);
            }
            return Ok(acted_on);
        }
        for (kind, name) in pairs {
            let kind = kinds::by_name(self.client, &kind).await?;
            let api = kind.api(self.client, self.flags.namespace.as_deref());
            acted_on.extend(self.on_target(&kind, api, &name).await?);
        }
        Ok(acted_on)
    }

    async fn on_target(&self, kind: &Kind, api: Api<DynamicObject>, name: &str) -> Result<Option<Acted>, ResourceError> {
        match self.action {
            Action::Get => api.get(name).await.map_err(self.failed(kind, name)).and_then(|object| acted(kind, api, object)).map(Some),
            Action::Delete => self.delete(kind, &api, name).await.map(|()| None),
            Action::Patch => {
                let patch = self.documents.first().ok_or_else(|| ResourceError::Manifest("the patch is missing".to_owned()))?;
                self.patch(kind, api, name, patch).await.map(Some)
            }
            Action::Create | Action::Apply | Action::Replace => Err(ResourceError::Manifest("the manifest is missing".to_owned())),
        }
    }
}

fn acted(kind: &Kind, api: Api<DynamicObject>, mut object: DynamicObject) -> Result<Acted, ResourceError> {
    object.types.get_or_insert_with(|| kind.types());
    let name = object.metadata.name.clone().unwrap_or_default();
    let object = serde_json::to_value(object).map_err(|e| ResourceError::Manifest(e.to_string()))?;
    Ok(Acted { api, name, object })
}
