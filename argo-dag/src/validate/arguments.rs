//! Arguments: of a workflow, a step or a task.

use argo_core::workflows::{Arguments, Parameter};

use super::{Diagnostic, names};
use crate::pod::has_location_or_key;

/// Name of the field by which [`manifest`](super::manifest) tells that an `enum` stands there and is empty: the type cannot.
pub(super) const EMPTY_ENUM: &str = "\u{0}emptyEnum";

/// What is wrong with them. `prefix` begins the messages, `path` the paths.
pub(super) fn check(arguments: &Arguments, prefix: &str, path: &str, may_be_empty: bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let say = |path: String, message: String| Diagnostic { path, message, hint: String::new() };
    let rule = |name: &str| names::argument(name).to_owned();
    for (index, wrong) in names::list(arguments.parameters.iter().map(|p| p.name.as_str()), rule) {
        found.push(say(format!("{path}.parameters[{index}].name"), format!("{prefix}parameters{wrong}")));
    }
    for (index, wrong) in names::list(arguments.artifacts.iter().map(|a| a.name.as_str()), rule) {
        found.push(say(format!("{path}.artifacts[{index}].name"), format!("{prefix}artifacts{wrong}")));
    }
    for (index, parameter) in arguments.parameters.iter().enumerate() {
        if let Some(wrong) = value(parameter, prefix, may_be_empty) {
            found.push(say(format!("{path}.parameters[{index}]"), wrong));
        }
    }
    for (index, artifact) in arguments.artifacts.iter().enumerate() {
        let name = &artifact.name;
        let wrong = match (artifact.from.is_empty(), artifact.from_expression.is_empty()) {
            (true, true) if !has_location_or_key(artifact) => format!("{prefix}{name}.from, artifact location, or key is required"),
            (false, false) => format!("{prefix}{name} shouldn't have both `from` and `fromExpression` in Artifact"),
            _ => continue,
        };
        found.push(say(format!("{path}.artifacts[{index}]"), wrong));
    }
    found
}

fn value(parameter: &Parameter, prefix: &str, may_be_empty: bool) -> Option<String> {
    let name = &parameter.name;
    if parameter.value.is_none() && parameter.value_from.is_none() && !may_be_empty {
        return Some(format!("{prefix}{name}.value or {prefix}{name}.valueFrom is required"));
    }
    if let Some(from) = &parameter.value_from {
        let allowed = from.config_map_key_ref.is_some() || !from.event.is_empty() || from.supplied.is_some();
        let refused = [&from.path, &from.json_path, &from.parameter, &from.expression].iter().any(|text| !text.is_empty());
        if !allowed || refused {
            return Some(format!("{prefix}{name}.valueFrom only allows: default, configMapKeyRef and supplied"));
        }
    }
    if parameter.extra.contains_key(EMPTY_ENUM) {
        return Some(format!("{prefix}{name}.enum should contain at least one value"));
    }
    if parameter.enum_.is_empty() {
        return None;
    }
    match &parameter.value {
        None if may_be_empty => None,
        None => Some(format!("{prefix}{name}.value is required")),
        Some(value)
            if !parameter.enum_.contains(value) && !value.as_str().contains("{{") && !super::tags::is_placeholder(value.as_str()) =>
        {
            Some(format!("{prefix}{name}.value should be present in {prefix}{name}.enum list"))
        }
        Some(_) => None,
    }
}
