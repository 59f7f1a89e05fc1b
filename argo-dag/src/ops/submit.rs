//! Submitting: what the flags of `argo submit` change in a manifest, and workflows made from templates and cron workflows.

use std::collections::BTreeMap;

use argo_core::meta::{ObjectMeta, OwnerReference, Time};
use argo_core::workflows::{
    AnyString, Arguments, Artifact, CronWorkflow, Parameter, S3Artifact, Workflow, WorkflowSpec, WorkflowTemplateRef,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{CLUSTER_WORKFLOW_TEMPLATE, CRON_WORKFLOW, INSTANCE_ID, WORKFLOW_TEMPLATE, parse_labels};

/// Annotation: for when a cron workflow's run was due.
const SCHEDULED_TIME: &str = "workflows.argoproj.io/scheduled-time";

/// What a submission changes in its manifest; what is empty stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubmitOptions {
    /// Name.
    pub name: String,
    /// Prefix from which the server makes a name.
    pub generate_name: String,
    /// Entrypoint.
    pub entrypoint: String,
    /// Service account of the pods.
    pub service_account: String,
    /// Priority among workflows that wait; higher goes first.
    pub priority: Option<i64>,
    /// Priority class of the pods.
    pub pod_priority_class_name: String,
    /// Labels to add: `a=b,c=d`.
    pub labels: String,
    /// Annotations to add: `a=b,c=d`.
    pub annotations: String,
    /// Arguments: `name=value`.
    pub parameters: Vec<String>,
    /// Where argument artifacts stand: `name=key`.
    pub artifacts: Vec<String>,
    /// Owner to add.
    pub owner_reference: Option<OwnerReference>,
}

/// Why a submission is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Labels that are none.
    #[error("expected labels of the form: NAME1=VALUE2,NAME2=VALUE2. Received: {received}: {reason}")]
    Labels {
        /// The text.
        received: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Annotations that are none.
    #[error("expected annotations of the form: NAME1=VALUE2,NAME2=VALUE2. Received: {received}: {reason}")]
    Annotations {
        /// The text.
        received: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter without `=`.
    #[error("expected parameter of the form: NAME=VALUE. Received: {received}")]
    Parameter {
        /// The text.
        received: String,
    },
    /// A parameter file that is no map.
    #[error("a parameter file is a map of names to values: {reason}")]
    ParameterFile {
        /// What it is instead.
        reason: String,
    },
    /// An artifact that is not `name=key`.
    #[error("expected artifact of the form: NAME=KEY. Received: {received}")]
    Artifact {
        /// The text.
        received: String,
    },
    /// An artifact that the workflow does not take.
    #[error("artifact '{name}' is no argument of the workflow{}", known_hint(.known))]
    UnknownArtifact {
        /// Its name.
        name: String,
        /// Those it takes.
        known: Vec<String>,
    },
    /// An artifact whose storage has no keys.
    #[error("artifact '{name}' does not stand in a storage with keys: its key cannot be set")]
    NoKey {
        /// Its name.
        name: String,
    },
}

fn known_hint(names: &[String]) -> String {
    if names.is_empty() { " (it takes none)".to_owned() } else { format!(" (it takes: {})", names.join(", ")) }
}

/// Changes a workflow as the options say.
///
/// # Errors
/// When labels, annotations, parameters or artifacts are not of their form.
pub fn apply(workflow: &mut Workflow, options: &SubmitOptions) -> Result<(), SubmitError> {
    let set = |field: &mut String, value: &String| {
        if !value.is_empty() {
            field.clone_from(value);
        }
    };
    let spec = &mut workflow.spec;
    set(&mut spec.entrypoint, &options.entrypoint);
    set(&mut spec.service_account_name, &options.service_account);
    set(&mut spec.pod_priority_class_name, &options.pod_priority_class_name);
    if options.priority.is_some() {
        spec.priority = options.priority;
    }
    let metadata = &mut workflow.metadata;
    metadata
        .labels
        .extend(parse_labels(&options.labels).map_err(|reason| SubmitError::Labels { received: options.labels.clone(), reason })?);
    metadata.annotations.extend(
        parse_labels(&options.annotations).map_err(|reason| SubmitError::Annotations { received: options.annotations.clone(), reason })?,
    );
    override_parameters(workflow, &options.parameters)?;
    override_artifacts(workflow, &options.artifacts)?;
    let metadata = &mut workflow.metadata;
    if !options.generate_name.is_empty() {
        // A name in the manifest would win over the prefix that was asked for.
        metadata.name.clear();
    }
    set(&mut metadata.generate_name, &options.generate_name);
    set(&mut metadata.name, &options.name);
    metadata.owner_references.extend(options.owner_reference.clone());
    Ok(())
}

/// Gives a workflow's arguments other values: `name=value` each. Those given stand first, as upstream has it; the last of the same name counts.
///
/// # Errors
/// When one has no `=`.
pub fn override_parameters(workflow: &mut Workflow, parameters: &[String]) -> Result<(), SubmitError> {
    if parameters.is_empty() {
        return Ok(());
    }
    let mut given: Vec<Parameter> = Vec::new();
    for text in parameters {
        let Some((name, value)) = text.split_once('=') else {
            return Err(SubmitError::Parameter { received: text.clone() });
        };
        given.retain(|p| p.name != name);
        given.push(Parameter { name: name.to_owned(), value: Some(AnyString::from(value)), ..Parameter::default() });
    }
    let replace = |arguments: &mut Arguments| {
        let rest = std::mem::take(&mut arguments.parameters).into_iter().filter(|p| !given.iter().any(|g| g.name == p.name));
        arguments.parameters = given.iter().cloned().chain(rest).collect();
    };
    replace(&mut workflow.spec.arguments);
    if let Some(stored) = &mut workflow.status.stored_workflow_template_spec {
        replace(&mut stored.arguments);
    }
    Ok(())
}

/// Reads `name=key` pairs; the last of the same name counts.
///
/// # Errors
/// When one has no `=`, or nothing on either side of it.
pub fn parse_artifact_overrides(artifacts: &[String]) -> Result<BTreeMap<String, String>, SubmitError> {
    let read = |text: &String| match text.split_once('=') {
        Some((name, key)) if !name.is_empty() && !key.is_empty() => Ok((name.to_owned(), key.to_owned())),
        _ => Err(SubmitError::Artifact { received: text.clone() }),
    };
    artifacts.iter().map(read).collect()
}

/// Gives a workflow's argument artifacts other keys: `name=key` each. What the workflow's template reference takes cannot be known here, so there an unknown name is
/// added rather than refused.
///
/// # Errors
/// When one is not of its form, unknown, or stands in a storage without keys.
pub fn override_artifacts(workflow: &mut Workflow, artifacts: &[String]) -> Result<(), SubmitError> {
    let overrides = parse_artifact_overrides(artifacts)?;
    if overrides.is_empty() {
        return Ok(());
    }
    let by_reference = workflow.spec.workflow_template_ref.is_some();
    replace_keys(&mut workflow.spec.arguments.artifacts, &overrides, by_reference)?;
    if let Some(stored) = &mut workflow.status.stored_workflow_template_spec {
        replace_keys(&mut stored.arguments.artifacts, &overrides, by_reference)?;
    }
    Ok(())
}

fn replace_keys(artifacts: &mut Vec<Artifact>, overrides: &BTreeMap<String, String>, add: bool) -> Result<(), SubmitError> {
    for (name, key) in overrides {
        if let Some(artifact) = artifacts.iter_mut().find(|a| a.name == *name) {
            set_key(artifact, key).ok_or_else(|| SubmitError::NoKey { name: name.clone() })?;
        } else if add {
            let s3 = Some(S3Artifact { key: key.clone(), ..S3Artifact::default() });
            artifacts.push(Artifact { name: name.clone(), s3, ..Artifact::default() });
        } else {
            let known = artifacts.iter().map(|a| a.name.clone()).collect();
            return Err(SubmitError::UnknownArtifact { name: name.clone(), known });
        }
    }
    Ok(())
}

fn set_key(artifact: &mut Artifact, key: &str) -> Option<()> {
    let field = if let Some(s3) = &mut artifact.s3 {
        &mut s3.key
    } else if let Some(gcs) = &mut artifact.gcs {
        &mut gcs.key
    } else if let Some(oss) = &mut artifact.oss {
        &mut oss.key
    } else if let Some(azure) = &mut artifact.azure {
        &mut azure.blob
    } else if let Some(hdfs) = &mut artifact.hdfs {
        &mut hdfs.path
    } else if let Some(plugin) = &mut artifact.plugin {
        &mut plugin.key
    } else {
        return None;
    };
    key.clone_into(field);
    Some(())
}

/// The parameters of a file (`-f`): a map of names to values, to be put before those given by `-p`. What is no text becomes its JSON.
///
/// # Errors
/// When it is no map.
pub fn parameters_of_file(document: &Value) -> Result<Vec<String>, SubmitError> {
    let Value::Object(map) = document else {
        let reason = match document {
            Value::Array(_) => "this is a list",
            Value::Null => "this is empty",
            _ => "this is a single value",
        };
        return Err(SubmitError::ParameterFile { reason: reason.to_owned() });
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(map.iter().map(|(name, value)| format!("{name}={}", text(value))).collect())
}

/// A workflow that runs a template of its namespace, or of the cluster.
#[must_use]
pub fn from_workflow_template(name: &str, cluster_scope: bool) -> Workflow {
    let label = if cluster_scope { CLUSTER_WORKFLOW_TEMPLATE } else { WORKFLOW_TEMPLATE };
    Workflow {
        metadata: ObjectMeta {
            generate_name: format!("{name}-"),
            labels: BTreeMap::from([(label.to_owned(), name.to_owned())]),
            ..ObjectMeta::default()
        },
        spec: WorkflowSpec {
            workflow_template_ref: Some(WorkflowTemplateRef { name: name.to_owned(), cluster_scope, ..WorkflowTemplateRef::default() }),
            ..WorkflowSpec::default()
        },
        ..empty()
    }
}

/// A workflow that a cron workflow would start now.
#[must_use]
pub fn from_cron_workflow(cron: &CronWorkflow, now: Timestamp) -> Workflow {
    let mut metadata = ObjectMeta { generate_name: format!("{}-", cron.metadata.name), ..ObjectMeta::default() };
    if let Some(given) = &cron.spec.workflow_metadata {
        metadata.labels.clone_from(&given.labels);
        metadata.annotations.clone_from(&given.annotations);
        metadata.finalizers.clone_from(&given.finalizers);
    }
    metadata.annotations.insert(SCHEDULED_TIME.to_owned(), Time::truncated(now).to_string());
    metadata.labels.insert(CRON_WORKFLOW.to_owned(), cron.metadata.name.clone());
    if let Some(id) = cron.metadata.labels.get(INSTANCE_ID) {
        metadata.labels.insert(INSTANCE_ID.to_owned(), id.clone());
    }
    if !cron.metadata.uid.is_empty() {
        metadata.owner_references.push(OwnerReference {
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "CronWorkflow".to_owned(),
            name: cron.metadata.name.clone(),
            uid: cron.metadata.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
            ..OwnerReference::default()
        });
    }
    Workflow { metadata, spec: cron.spec.workflow_spec.clone().unwrap_or_default(), ..empty() }
}

fn empty() -> Workflow {
    Workflow { api_version: "argoproj.io/v1alpha1".to_owned(), kind: "Workflow".to_owned(), ..Workflow::default() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use argo_core::workflows::{CronWorkflow, Workflow};
    use jiff::Timestamp;
    use serde_json::json;

    use super::{
        SubmitError, SubmitOptions, apply, from_cron_workflow, from_workflow_template, parameters_of_file, parse_artifact_overrides,
    };

    fn workflow() -> Workflow {
        serde_json::from_value(json!({"metadata": {"generateName": "w-"}, "spec": {"entrypoint": "a", "arguments": {
            "parameters": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}],
            "artifacts": [{"name": "in", "s3": {"key": "old"}}, {"name": "raw", "raw": {"data": "d"}}],
        }}}))
        .unwrap()
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn options_replace_what_they_name() {
        let mut w = workflow();
        let options = SubmitOptions {
            name: "n".into(),
            entrypoint: "b".into(),
            labels: "l=1,m=2".into(),
            priority: Some(3),
            parameters: strings(&["y=5=6", "z=7"]),
            artifacts: strings(&["in=new"]),
            ..SubmitOptions::default()
        };
        apply(&mut w, &options).unwrap();
        assert_eq!((w.metadata.name.as_str(), w.metadata.generate_name.as_str(), w.spec.entrypoint.as_str()), ("n", "w-", "b"));
        assert_eq!((w.metadata.labels["m"].as_str(), w.spec.priority), ("2", Some(3)));
        let parameters: Vec<String> =
            w.spec.arguments.parameters.iter().map(|p| format!("{}={}", p.name, p.value.clone().unwrap_or_default())).collect();
        assert_eq!(parameters, ["y=5=6", "z=7", "x=1"]);
        assert_eq!(w.spec.arguments.artifacts[0].s3.as_ref().unwrap().key, "new");
    }

    #[test]
    fn a_prefix_asked_for_wins_over_a_name_in_the_manifest() {
        let mut w = workflow();
        w.metadata.name = "fixed".into();
        apply(&mut w, &SubmitOptions { generate_name: "p-".into(), ..SubmitOptions::default() }).unwrap();
        assert_eq!((w.metadata.name.as_str(), w.metadata.generate_name.as_str()), ("", "p-"));
    }

    #[test]
    fn what_is_not_of_its_form_is_refused() {
        let refused = |options: SubmitOptions| apply(&mut workflow(), &options).unwrap_err();
        assert!(matches!(refused(SubmitOptions { labels: "a".into(), ..Default::default() }), SubmitError::Labels { .. }));
        assert!(matches!(refused(SubmitOptions { parameters: strings(&["x"]), ..Default::default() }), SubmitError::Parameter { .. }));
        assert!(matches!(
            refused(SubmitOptions { artifacts: strings(&["no=k"]), ..Default::default() }),
            SubmitError::UnknownArtifact { .. }
        ));
        assert!(matches!(refused(SubmitOptions { artifacts: strings(&["raw=k"]), ..Default::default() }), SubmitError::NoKey { .. }));
        for bad in ["a", "=k", "a="] {
            assert!(parse_artifact_overrides(&strings(&[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn workflows_from_templates_and_crons() {
        let mut w = from_workflow_template("lib", true);
        assert_eq!(
            (w.metadata.generate_name.as_str(), w.metadata.labels["workflows.argoproj.io/cluster-workflow-template"].as_str()),
            ("lib-", "lib")
        );
        apply(&mut w, &SubmitOptions { artifacts: strings(&["in=k"]), ..Default::default() }).unwrap();
        assert_eq!(w.spec.arguments.artifacts[0].name, "in");
        let cron: CronWorkflow = serde_json::from_value(json!({
            "metadata": {"name": "c", "uid": "u"}, "spec": {"workflowSpec": {"entrypoint": "a"}, "workflowMetadata": {"labels": {"l": "1"}}}
        }))
        .unwrap();
        let w = from_cron_workflow(&cron, Timestamp::UNIX_EPOCH);
        assert_eq!((w.spec.entrypoint.as_str(), w.metadata.labels.len(), w.metadata.owner_references[0].uid.as_str()), ("a", 2, "u"));
        assert_eq!(w.metadata.annotations["workflows.argoproj.io/scheduled-time"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn parameter_files_are_maps() {
        assert_eq!(parameters_of_file(&json!({"a": "x", "b": 1, "c": [1]})).unwrap(), ["a=x", "b=1", "c=[1]"]);
        assert!(parameters_of_file(&json!([1])).is_err());
    }
}
