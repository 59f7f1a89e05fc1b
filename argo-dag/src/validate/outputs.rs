//! What a template says it produces.

use std::collections::BTreeMap;

use argo_core::workflows::{Parameter, Template};
use serde_json::json;

use super::tags::{Scope, unresolved};
use super::{Diagnostic, names};

pub(super) fn check(
    template: &Template,
    kind: &str,
    scope: &Scope,
    globals: &BTreeMap<String, String>,
    is_template: bool,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut say = |path: String, message: String| found.push(Diagnostic { path, message, hint: String::new() });
    let (name, outputs) = (&template.name, &template.outputs);
    let rule = |name: &str| names::argument(name).to_owned();
    for (index, wrong) in names::list(outputs.parameters.iter().map(|p| p.name.as_str()), rule) {
        say(format!(".outputs.parameters[{index}].name"), format!("templates.{name}.outputs.parameters {wrong}"));
    }
    for (index, wrong) in names::list(outputs.artifacts.iter().map(|a| a.name.as_str()), rule) {
        say(format!(".outputs.artifacts[{index}].name"), format!("templates.{name}.outputs.artifacts {wrong}"));
    }
    for tag in unresolved(&json!(outputs), &[scope], globals, is_template) {
        say(".outputs".to_owned(), format!("templates.{name}.outputs failed to resolve {{{{{tag}}}}}"));
    }
    let is_leaf = !matches!(kind, "Steps" | "DAG");
    for (index, artifact) in outputs.artifacts.iter().enumerate() {
        let (reference, path) = (format!("outputs.artifacts.{}", artifact.name), format!(".outputs.artifacts[{index}]"));
        if let Some(wrong) = is_leaf.then(|| artifact_path(&artifact.name, &artifact.path)).flatten() {
            say(path.clone(), format!("error in templates.{name}.{reference}: {wrong}"));
        } else if !is_leaf && !artifact.path.is_empty() {
            say(path.clone(), format!("templates.{name}.{reference}.path only valid in container/script templates"));
        }
        if let Some(wrong) = global_name(&artifact.global_name) {
            say(format!("{path}.globalName"), format!("templates.{name}.{reference}.globalName: {wrong}"));
        }
    }
    for (index, parameter) in outputs.parameters.iter().enumerate() {
        let (reference, path) =
            (format!("templates.{name}.outputs.parameters.{}", parameter.name), format!(".outputs.parameters[{index}]"));
        if let Some(wrong) = source(parameter, &reference, kind) {
            say(path.clone(), wrong);
        }
        if let Some(wrong) = global_name(&parameter.global_name) {
            say(format!("{path}.globalName"), format!("{reference}.globalName: {wrong}"));
        }
    }
    found
}

/// Why an artifact's path is none; upstream's `CleanPath`.
pub(super) fn artifact_path(name: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(format!("Artifact '{name}' did not specify a path"));
    }
    path.split(['/', '\\']).any(|part| part == "..").then(|| format!("Directory traversal is not permitted: {path}"))
}

fn global_name(name: &str) -> Option<&'static str> {
    let wrong = if name.is_empty() || is_variable(name) { "" } else { names::argument(name) };
    Some(wrong).filter(|w| !w.is_empty())
}

/// Whether a name is only known when the workflow runs.
pub(super) fn is_variable(name: &str) -> bool {
    name.contains("{{") || super::tags::is_placeholder(name)
}

fn source(parameter: &Parameter, reference: &str, kind: &str) -> Option<String> {
    let from = match (&parameter.value_from, &parameter.value) {
        (Some(_), Some(_)) => return Some(format!("{reference} has both valueFrom and value specified, choose one")),
        (None, Some(_)) => return None,
        (None, None) => return Some(format!("{reference} does not have valueFrom or value specified")),
        (Some(from), None) => from,
    };
    let texts = [&from.path, &from.jq_filter, &from.json_path, &from.parameter, &from.expression];
    let count = texts.iter().filter(|t| !t.is_empty()).count().saturating_add(usize::from(from.supplied.is_some()));
    if count == 0 {
        return Some("valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, expression".to_owned());
    }
    if count > 1 {
        return Some("multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw".to_owned());
    }
    match kind {
        "Container" | "ContainerSet" | "Script" if from.path.is_empty() => {
            Some(format!("{reference}.path must be specified for {kind} templates"))
        }
        "Resource" if from.jq_filter.is_empty() && from.json_path.is_empty() => {
            Some(format!("{reference} .jqFilter or jsonPath must be specified for {kind} templates"))
        }
        "Steps" | "DAG" if from.parameter.is_empty() && from.expression.is_empty() => {
            Some(format!("{reference}.parameter or expression must be specified for {kind} templates"))
        }
        _ => None,
    }
}
