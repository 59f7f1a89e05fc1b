//! The custom resource definitions.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde_json::{Map, Value, json};

use crate::driver::FIELD_MANAGER;

/// API group of all kinds.
pub const GROUP: &str = "argoproj.io";
/// Version of all kinds.
pub const VERSION: &str = "v1alpha1";

/// A kind of this project, with what a definition says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// CamelCase name.
    pub kind: &'static str,
    /// Name in URLs.
    pub plural: &'static str,
    /// Abbreviations for kubectl.
    pub short: &'static [&'static str],
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Whether status is a subresource. As upstream: not for Workflow, whose status the controller writes with the object.
    pub status: bool,
}

/// `Workflow`.
pub const WORKFLOW: Kind = Kind { kind: "Workflow", plural: "workflows", short: &["wf"], namespaced: true, status: false };
/// `WorkflowTemplate`.
pub const WORKFLOW_TEMPLATE: Kind =
    Kind { kind: "WorkflowTemplate", plural: "workflowtemplates", short: &["wftmpl"], namespaced: true, status: false };
/// `ClusterWorkflowTemplate`.
pub const CLUSTER_WORKFLOW_TEMPLATE: Kind = Kind {
    kind: "ClusterWorkflowTemplate",
    plural: "clusterworkflowtemplates",
    short: &["clusterwftmpl", "cwft"],
    namespaced: false,
    status: false,
};
/// `CronWorkflow`.
pub const CRON_WORKFLOW: Kind =
    Kind { kind: "CronWorkflow", plural: "cronworkflows", short: &["cwf", "cronwf"], namespaced: true, status: false };
/// `WorkflowEventBinding`.
pub const WORKFLOW_EVENT_BINDING: Kind =
    Kind { kind: "WorkflowEventBinding", plural: "workfloweventbindings", short: &["wfeb"], namespaced: true, status: false };
/// `WorkflowTaskSet`.
pub const WORKFLOW_TASK_SET: Kind =
    Kind { kind: "WorkflowTaskSet", plural: "workflowtasksets", short: &["wfts"], namespaced: true, status: true };
/// `WorkflowTaskResult`.
pub const WORKFLOW_TASK_RESULT: Kind =
    Kind { kind: "WorkflowTaskResult", plural: "workflowtaskresults", short: &[], namespaced: true, status: false };
/// `WorkflowArtifactGCTask`.
pub const WORKFLOW_ARTIFACT_GC_TASK: Kind =
    Kind { kind: "WorkflowArtifactGCTask", plural: "workflowartifactgctasks", short: &["wfat"], namespaced: true, status: true };
/// `Rollout`.
pub const ROLLOUT: Kind = Kind { kind: "Rollout", plural: "rollouts", short: &["ro"], namespaced: true, status: true };

/// All kinds.
pub const KINDS: [Kind; 9] = [
    WORKFLOW,
    WORKFLOW_TEMPLATE,
    CLUSTER_WORKFLOW_TEMPLATE,
    CRON_WORKFLOW,
    WORKFLOW_EVENT_BINDING,
    WORKFLOW_TASK_SET,
    WORKFLOW_TASK_RESULT,
    WORKFLOW_ARTIFACT_GC_TASK,
    ROLLOUT,
];

impl Kind {
    /// The kind as kube-rs wants it.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        ApiResource {
            group: GROUP.to_owned(),
            version: VERSION.to_owned(),
            api_version: format!("{GROUP}/{VERSION}"),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    /// Its definition, as a JSON object. The schema keeps every field and checks none: what a manifest must look like is said by strict parsing and by lint,
    /// with line and hint.
    #[must_use]
    pub fn definition(&self) -> Value {
        let singular = self.kind.to_ascii_lowercase();
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let mut properties = Map::new();
        properties.insert("apiVersion".to_owned(), json!({"type": "string"}));
        properties.insert("kind".to_owned(), json!({"type": "string"}));
        properties.insert("metadata".to_owned(), json!({"type": "object"}));
        if self.status || *self == WORKFLOW {
            properties.insert("status".to_owned(), open.clone());
        }
        let mut required = vec!["metadata"];
        if *self == WORKFLOW_TASK_RESULT {
            properties.insert("outputs".to_owned(), open);
        } else {
            properties.insert("spec".to_owned(), open);
            required.push("spec");
        }
        let mut subresources = Map::new();
        if self.status {
            subresources.insert("status".to_owned(), json!({}));
        }
        if *self == ROLLOUT {
            let scale = json!({
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.HPAReplicas",
                "labelSelectorPath": ".status.selector",
            });
            subresources.insert("scale".to_owned(), scale);
        }
        let version = json!({
            "name": VERSION,
            "served": true,
            "storage": true,
            "schema": {"openAPIV3Schema": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "required": required,
                "properties": properties,
            }},
            "subresources": subresources,
            "additionalPrinterColumns": self.columns(),
        });
        let names = json!({
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "plural": self.plural,
            "singular": singular,
            "shortNames": self.short,
        });
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{GROUP}", self.plural)},
            "spec": {
                "group": GROUP,
                "names": names,
                "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                "versions": [version],
            },
        })
    }

    /// What `kubectl get` shows.
    fn columns(&self) -> Value {
        match *self {
            WORKFLOW => json!([
                {"name": "Status", "type": "string", "jsonPath": ".status.phase", "description": "Status of the workflow"},
                {"name": "Age", "type": "date", "format": "date-time", "jsonPath": ".status.startedAt", "description": "When the workflow was started"},
                {"name": "Message", "type": "string", "jsonPath": ".status.message", "description": "Human readable message"},
            ]),
            ROLLOUT => json!([
                {"name": "Desired", "type": "integer", "jsonPath": ".spec.replicas", "description": "Number of desired pods"},
                {"name": "Current", "type": "integer", "jsonPath": ".status.replicas", "description": "Total number of pods"},
                {"name": "Up-to-date", "type": "integer", "jsonPath": ".status.updatedReplicas", "description": "Pods of the new version"},
                {"name": "Available", "type": "integer", "jsonPath": ".status.availableReplicas", "description": "Pods that are available"},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": "Since when it exists"},
            ]),
            _ => json!([]),
        }
    }
}

/// The definitions of all kinds, as JSON objects.
#[must_use]
pub fn crds() -> Vec<Value> {
    KINDS.iter().map(Kind::definition).collect()
}

/// Why the definitions could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A definition is not what Kubernetes takes for one.
    #[error("the definition of {kind} is malformed")]
    Definition {
        /// Which.
        kind: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// The API refused one.
    #[error("the definition of {kind} could not be installed (installing takes cluster-admin rights)")]
    Api {
        /// Which.
        kind: &'static str,
        /// Why.
        source: Box<kube::Error>,
    },
    /// One was not taken into service.
    #[error("the definition of {kind} was not taken into service")]
    Wait {
        /// Which.
        kind: &'static str,
        /// Why.
        source: Box<kube::runtime::wait::Error>,
    },
}

/// Installs or updates all definitions and waits until they are in service.
///
/// # Errors
/// When the API refuses one.
pub async fn install(client: Client) -> Result<(), InstallError> {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let installs = KINDS.iter().map(|kind| install_one(&api, kind));
    futures::future::try_join_all(installs).await?;
    Ok(())
}

async fn install_one(api: &Api<CustomResourceDefinition>, kind: &Kind) -> Result<(), InstallError> {
    let refused = |e: kube::Error| InstallError::Api { kind: kind.kind, source: Box::new(e) };
    let definition = kind.definition();
    let object: CustomResourceDefinition =
        serde_json::from_value(definition.clone()).map_err(|source| InstallError::Definition { kind: kind.kind, source })?;
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let name = format!("{}.{GROUP}", kind.plural);
    match api.create(&params, &object).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            api.patch(&name, &params, &Patch::Merge(&definition)).await.map_err(refused)?;
        }
        Err(e) => return Err(refused(e)),
    }
    await_condition(api.clone(), &name, conditions::is_crd_established())
        .await
        .map_err(|source| InstallError::Wait { kind: kind.kind, source: Box::new(source) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_what_kubernetes_takes() {
        for definition in crds() {
            let parsed: CustomResourceDefinition = serde_json::from_value(definition.clone()).unwrap();
            let again = serde_json::to_value(parsed).unwrap();
            assert_eq!(again["spec"]["names"]["kind"], definition["spec"]["names"]["kind"]);
            assert_eq!(again["spec"]["versions"][0]["schema"], definition["spec"]["versions"][0]["schema"]);
        }
    }
}
