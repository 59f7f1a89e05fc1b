//! The spec in force: the workflow over the template it refers to, over the controller's defaults.

use argo_core::patch::strategic;
use argo_core::workflows::{Template, Workflow, WorkflowSpec};
use serde_json::Value;

use super::{LoadError, RunConfig};
use crate::Library;

/// Merges the spec, once for a workflow's life: what it refers to is stored in its status, so that later changes do not reach it.
pub(super) fn spec(workflow: &mut Workflow, library: &dyn Library, config: &RunConfig) -> Result<WorkflowSpec, LoadError> {
    let defaults = config.defaults.as_ref().map(|d| &d.spec);
    let mut merged = match (&workflow.spec.workflow_template_ref, &workflow.status.stored_workflow_template_spec) {
        (Some(_), Some(stored)) => {
            // What users change while it runs counts.
            let mut stored = stored.clone();
            stored.suspend = workflow.spec.suspend;
            stored.shutdown.clone_from(&workflow.spec.shutdown);
            stored.active_deadline_seconds = workflow.spec.active_deadline_seconds.or(stored.active_deadline_seconds);
            stored
        }
        (Some(reference), None) => {
            let found = if reference.cluster_scope {
                library.cluster_workflow_template(&reference.name).map(|t| t.spec.clone())
            } else {
                library.workflow_template(&reference.name).map(|t| t.spec.clone())
            };
            let kind = if reference.cluster_scope { "clusterworkflowtemplates" } else { "workflowtemplates" };
            let base = found.ok_or_else(|| LoadError::Invalid(format!("{kind}.argoproj.io \"{}\" not found", reference.name)))?;
            let joined = join(&[defaults, Some(&base), Some(&workflow.spec)])?;
            workflow.status.stored_workflow_template_spec = Some(joined.clone());
            joined
        }
        (None, _) if defaults.is_some() => join(&[defaults, Some(&workflow.spec)])?,
        (None, _) => workflow.spec.clone(),
    };
    let defaults = merged.template_defaults.clone();
    for template in &mut merged.templates {
        *template = with_defaults(template, defaults.as_deref());
    }
    resolve_parameters(&mut merged, library)?;
    Ok(merged)
}

fn join(layers: &[Option<&WorkflowSpec>]) -> Result<WorkflowSpec, LoadError> {
    let mut joined = Value::Object(serde_json::Map::new());
    for layer in layers.iter().flatten() {
        let patch = serde_json::to_value(layer).map_err(|e| LoadError::Invalid(e.to_string()))?;
        strategic::apply(&mut joined, &patch);
    }
    serde_json::from_value(joined).map_err(|e| LoadError::Invalid(e.to_string()))
}

/// A template with what it leaves open filled in from `templateDefaults`.
pub(super) fn with_defaults(template: &Template, defaults: Option<&Template>) -> Template {
    let Some(defaults) = defaults else { return template.clone() };
    let (Ok(mut base), Ok(patch)) = (serde_json::to_value(defaults), serde_json::to_value(template)) else { return template.clone() };
    let own: [&str; 10] = ["container", "containerSet", "script", "steps", "dag", "resource", "data", "suspend", "http", "plugin"];
    if let Some(map) = base.as_object_mut() {
        // A default for one kind of template does not turn another kind into it.
        map.retain(|key, _| !own.contains(&key.as_str()) || patch.get(key).is_some());
    }
    strategic::apply(&mut base, &patch);
    serde_json::from_value(base).unwrap_or_else(|_| template.clone())
}

/// Arguments of the workflow that come from ConfigMaps get their values.
fn resolve_parameters(spec: &mut WorkflowSpec, library: &dyn Library) -> Result<(), LoadError> {
    for parameter in &mut spec.arguments.parameters {
        let Some(from) = parameter.value_from.as_ref().filter(|_| parameter.value.is_none()) else { continue };
        let Some(reference) = &from.config_map_key_ref else { continue };
        match super::args::config_map_value(library, &reference.name, &reference.key) {
            Ok(value) => parameter.value = Some(value.into()),
            Err(message) => match &from.default {
                Some(default) => parameter.value = Some(default.clone()),
                None => {
                    return Err(LoadError::Invalid(format!("failed to set global parameter {} from configmap: {message}", parameter.name)));
                }
            },
        }
    }
    Ok(())
}
