//! Arguments and inputs: what a call hands over, and what a template makes of it.

use std::sync::Arc;

use argo_core::workflows::{AnyString, Arguments, Artifact, Inputs, Outputs, Template};
use argo_lang::tags::{Policy, RenderError, Scope};
use serde_json::Value;

use super::act::Args;
use super::calls::Prepared;
use super::doc::{Doc, render_text};
use super::scope::{Layer, Layers, text};
use crate::Library;

/// What upstream says when an argument refers to what was never made.
const ABSENT: &str = "argument references an absent optional (skipped/omitted node output with no default)";

/// Renders the arguments of a call, one by one: a reference to something absent is no error yet, the input may have a default.
pub(super) fn arguments(raw: &Arguments, scope: &Layers<'_>) -> Result<Args, String> {
    let mut args = Args::default();
    for parameter in &raw.parameters {
        if let Some(value) = &parameter.value {
            let value = match render_text(value.as_str(), scope, Policy::RefuseReferences) {
                Ok(value) => Some(value),
                Err(RenderError::Absent(_)) if is_reference(value.as_str()) => None,
                Err(RenderError::Absent(name)) => return Err(format!("failed to resolve {{{{{name}}}}}: {ABSENT}")),
                Err(e) => return Err(e.to_string()),
            };
            args.parameters.insert(parameter.name.clone(), value);
        } else if let Some(from) = &parameter.value_from
            && !from.expression.is_empty()
        {
            let value = expression(&from.expression, scope)?;
            args.parameters.insert(parameter.name.clone(), Some(value));
        }
    }
    for raw in &raw.artifacts {
        match artifact_from(raw, scope)? {
            Some(artifact) => {
                args.artifacts.insert(artifact.name.clone(), artifact);
            }
            None if raw.optional => {}
            None => {
                let from = if raw.from.is_empty() { &raw.from_expression } else { &raw.from };
                return Err(format!("unable to resolve references: Unable to resolve: {from}"));
            }
        }
    }
    Ok(args)
}

fn is_reference(value: &str) -> bool {
    let inner = value.trim().strip_prefix("{{").and_then(|v| v.strip_suffix("}}"));
    inner.is_some_and(|inner| !inner.contains("{{"))
}

/// The artifact that `from` or `fromExpression` means, under the name and path of the one that asks; itself where it asks for none.
fn artifact_from(raw: &Artifact, scope: &Layers<'_>) -> Result<Option<Artifact>, String> {
    let mut own = raw.clone();
    own.from.clear();
    own.from_expression.clear();
    let own = Doc::parse(serde_json::to_value(&own).unwrap_or_default());
    let own = own.render(scope, Policy::KeepUnknown).map_err(|e| e.to_string())?;
    let rendered: Artifact = serde_json::from_value(own).map_err(|e| e.to_string())?;
    let found = if !raw.from_expression.is_empty() {
        evaluate(&raw.from_expression, scope)?
    } else if !raw.from.is_empty() {
        let name = raw.from.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let name = render_text(name, scope, Policy::KeepUnknown).map_err(|e| e.to_string())?;
        scope.lookup(&name)
    } else {
        return Ok(Some(rendered));
    };
    let Some(found @ argo_lang::Value::Map(_)) = found else { return Ok(None) };
    let mut artifact: Artifact = serde_json::from_value(found.to_json()).map_err(|e| e.to_string())?;
    artifact.name = rendered.name;
    if !rendered.sub_path.is_empty() {
        artifact = with_sub_path(artifact, &rendered.sub_path);
    }
    Ok(Some(artifact))
}

/// The artifact below a path of another one: its key goes on, as upstream does.
fn with_sub_path(artifact: Artifact, sub_path: &str) -> Artifact {
    const KEYED: [&str; 7] = ["s3", "gcs", "azure", "oss", "artifactory", "hdfs", "plugin"];
    let Ok(mut value) = serde_json::to_value(&artifact) else { return artifact };
    for store in KEYED {
        for field in ["key", "blob", "path"] {
            if let Some(Value::String(key)) = value.pointer_mut(&format!("/{store}/{field}")) {
                *key = format!("{}/{}", key.trim_end_matches('/'), sub_path.trim_start_matches('/'));
            }
        }
    }
    serde_json::from_value(value).unwrap_or(artifact)
}

fn evaluate(expression: &str, scope: &Layers<'_>) -> Result<Option<argo_lang::Value>, String> {
    let program = argo_lang::expr::Program::parse(expression).map_err(|e| format!("failed to parse expression {expression:?}: {e}"))?;
    match program.run(scope, &argo_lang::Budget::default()) {
        Ok(argo_lang::Value::Nil) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(e) => Err(format!("failed to evaluate expression {expression:?}: {e}")),
    }
}

/// The text that an expression gives; what is no text is written as JSON.
pub(super) fn expression(expression: &str, scope: &Layers<'_>) -> Result<String, String> {
    match evaluate(expression, scope)? {
        Some(argo_lang::Value::String(text)) => Ok(text.to_string()),
        Some(other) => Ok(other.to_json().to_string()),
        None => Err(format!("failed to evaluate expression {expression:?}: it has no value")),
    }
}

/// A key of a ConfigMap that an input refers to.
pub(super) fn config_map_value(library: &dyn Library, name: &str, key: &str) -> Result<String, String> {
    let map = library.config_map(name).ok_or_else(|| format!("ConfigMap {name:?} does not exist. Please make sure the ConfigMap exists and carries the label workflows.argoproj.io/configmap-type: Parameter"))?;
    let value = map.pointer("/data").and_then(|d| d.get(key)).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("ConfigMap {name:?} does not have the key {key:?}"))
}

/// The inputs of an execution: defaults, then what is handed over, then ConfigMaps.
pub(super) fn inputs(prepared: &Prepared, args: &Args, scope: &Layers<'_>, library: &dyn Library) -> Result<Inputs, String> {
    let rendered = prepared.inputs.render(scope, Policy::KeepUnknown).map_err(|e| e.to_string())?;
    let mut inputs: Inputs = serde_json::from_value(rendered).map_err(|e| e.to_string())?;
    for parameter in &mut inputs.parameters {
        if parameter.value.is_none() {
            parameter.value.clone_from(&parameter.default);
        }
        let argument = args.parameters.get(&parameter.name);
        if let Some(Some(value)) = argument {
            parameter.value = Some(AnyString(value.clone()));
        }
        if parameter.value.is_some() && !matches!(argument, Some(Some(_))) && parameter.default.is_none() {
            // The template's own value stands.
        } else if parameter.value.is_none()
            && let Some(from) = &parameter.value_from
            && let Some(reference) = &from.config_map_key_ref
        {
            match config_map_value(library, &reference.name, &reference.key) {
                Ok(value) => parameter.value = Some(AnyString(value)),
                Err(message) => match &from.default {
                    Some(default) => parameter.value = Some(default.clone()),
                    None if reference.optional == Some(true) => parameter.value = Some(AnyString::default()),
                    None => return Err(message),
                },
            }
        }
        if parameter.value.is_none() {
            let what = if argument.is_some() { ABSENT } else { "was not supplied" };
            let separator = if argument.is_some() { ": " } else { " " };
            return Err(format!("inputs.parameters.{}{separator}{what}", parameter.name));
        }
    }
    for artifact in &mut inputs.artifacts {
        match args.artifacts.get(&artifact.name) {
            Some(given) => {
                let mut given = given.clone();
                given.path.clone_from(&artifact.path);
                given.optional = artifact.optional;
                given.mode = artifact.mode.or(given.mode);
                given.recurse_mode |= artifact.recurse_mode;
                if artifact.archive.is_some() {
                    given.archive.clone_from(&artifact.archive);
                }
                *artifact = given;
            }
            None if has_location(artifact) || artifact.optional => {}
            None => return Err(format!("inputs.artifacts.{} was not supplied", artifact.name)),
        }
    }
    Ok(inputs)
}

fn has_location(artifact: &Artifact) -> bool {
    artifact.s3.is_some()
        || artifact.gcs.is_some()
        || artifact.azure.is_some()
        || artifact.oss.is_some()
        || artifact.hdfs.is_some()
        || artifact.git.is_some()
        || artifact.http.is_some()
        || artifact.artifactory.is_some()
        || artifact.raw.is_some()
        || artifact.plugin.is_some()
}

/// `inputs.*` of an execution, and the paths of what it puts out.
pub(super) fn input_names(inputs: &Inputs, outputs: &Outputs) -> Layer {
    let mut layer = Layer::new();
    for parameter in &inputs.parameters {
        if let Some(value) = &parameter.value {
            layer.insert(format!("inputs.parameters.{}", parameter.name), text(value.as_str()));
        }
    }
    if !inputs.parameters.is_empty() {
        let all = serde_json::to_string(&inputs.parameters).unwrap_or_default();
        layer.insert("inputs.parameters".to_owned(), text(all));
    }
    for artifact in &inputs.artifacts {
        let prefix = format!("inputs.artifacts.{}", artifact.name);
        if !artifact.path.is_empty() {
            layer.insert(format!("{prefix}.path"), text(artifact.path.as_str()));
        }
        layer.insert(prefix, artifact_value(artifact));
    }
    for parameter in &outputs.parameters {
        if let Some(from) = parameter.value_from.as_ref().filter(|f| !f.path.is_empty()) {
            layer.insert(format!("outputs.parameters.{}.path", parameter.name), text(from.path.as_str()));
        }
    }
    for artifact in &outputs.artifacts {
        if !artifact.path.is_empty() {
            layer.insert(format!("outputs.artifacts.{}.path", artifact.name), text(artifact.path.as_str()));
        }
    }
    layer
}

pub(super) fn artifact_value(artifact: &Artifact) -> argo_lang::Value {
    serde_json::to_value(artifact).unwrap_or_default().into()
}

/// The template of an execution: everything rendered, with its inputs.
pub(super) fn template(prepared: &Arc<Prepared>, inputs: Inputs, scope: &Layers<'_>) -> Result<Template, String> {
    let rendered = prepared.shell.render(scope, Policy::KeepUnknown).map_err(|e| e.to_string())?;
    let mut template: Template = serde_json::from_value(rendered).map_err(|e| e.to_string())?;
    template.inputs = inputs;
    Ok(template)
}
