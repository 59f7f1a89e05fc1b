//! What nodes put out: as names for those who come after, gathered over loops, and as the outputs of templates made of calls.

use argo_core::workflows::{AnyString, NodeStatus, Outputs, Parameter, Template};
use argo_lang::Value as LangValue;
use argo_lang::tags::{Policy, RenderError, Scope};
use serde_json::{Map, Value};

use super::args::{artifact_value, expression};
use super::doc::render_text;
use super::items::go_json_error;
use super::scope::{Layer, Layers, text};

/// Everything that can be asked of a node, under `steps.<name>` or `tasks.<name>`.
///
/// `declared` are the outputs of the template of a node that was skipped or omitted: they exist, as their defaults or as absent.
pub(super) fn names(prefix: &str, node: &NodeStatus, declared: Option<&Outputs>) -> Layer {
    let mut layer = Layer::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            layer.insert(format!("{prefix}.{name}"), text(value));
        }
    };
    put("id", &node.id);
    put("status", &node.phase);
    put("ip", &node.pod_ip);
    put("hostNodeName", &node.host_node_name);
    put("startedAt", &node.started_at.map(|t| t.to_string()).unwrap_or_default());
    put("finishedAt", &node.finished_at.map(|t| t.to_string()).unwrap_or_default());
    if let Some(outputs) = &node.outputs {
        if let Some(code) = &outputs.exit_code {
            layer.insert(format!("{prefix}.exitCode"), text(code.as_str()));
        }
        if let Some(result) = &outputs.result {
            layer.insert(format!("{prefix}.outputs.result"), text(result.as_str()));
        }
        for parameter in &outputs.parameters {
            if let Some(value) = &parameter.value {
                layer.insert(format!("{prefix}.outputs.parameters.{}", parameter.name), text(value.as_str()));
            }
        }
        for artifact in &outputs.artifacts {
            layer.insert(format!("{prefix}.outputs.artifacts.{}", artifact.name), artifact_value(artifact));
        }
    }
    if let Some(declared) = declared {
        layer.insert(format!("{prefix}.outputs.result"), LangValue::Nil);
        layer.insert(format!("{prefix}.exitCode"), LangValue::Nil);
        for parameter in &declared.parameters {
            let default = parameter.value_from.as_ref().and_then(|f| f.default.as_ref()).or(parameter.default.as_ref());
            let value = default.map_or(LangValue::Nil, |d| text(d.as_str()));
            layer.insert(format!("{prefix}.outputs.parameters.{}", parameter.name), value);
        }
        for artifact in &declared.artifacts {
            layer.insert(format!("{prefix}.outputs.artifacts.{}", artifact.name), LangValue::Nil);
        }
    }
    layer
}

/// The outputs of a loop: those of its successful turns, in their order.
pub(super) fn aggregate(prefix: &str, turns: &[&NodeStatus]) -> Result<Layer, String> {
    let mut layer = Layer::new();
    let good: Vec<&Outputs> = turns.iter().filter(|n| n.phase == "Succeeded").filter_map(|n| n.outputs.as_ref()).collect();
    let results: Vec<&String> = good.iter().filter_map(|o| o.result.as_ref()).collect();
    if !results.is_empty() {
        let parsed = results.iter().map(|r| serde_json::from_str::<Value>(r).or_else(|_| bare(r))).collect::<Result<Vec<_>, _>>()?;
        layer.insert(format!("{prefix}.outputs.result"), text(Value::from(parsed).to_string()));
    }
    let mut all: Vec<Value> = Vec::new();
    let mut by_name: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for outputs in &good {
        if outputs.parameters.is_empty() {
            continue;
        }
        let mut one = Map::new();
        for parameter in &outputs.parameters {
            let value = parameter.value.as_ref().map_or("", AnyString::as_str);
            one.insert(parameter.name.clone(), Value::from(value));
            by_name.entry(&parameter.name).or_default().push(value);
        }
        all.push(Value::Object(one));
    }
    if !all.is_empty() {
        layer.insert(format!("{prefix}.outputs.parameters"), text(Value::from(all).to_string()));
    }
    for (name, values) in by_name {
        let structured: Option<Vec<Value>> =
            values.iter().map(|v| serde_json::from_str::<Value>(v).ok().filter(|v| v.is_object() || v.is_array())).collect();
        let list = structured.unwrap_or_else(|| values.iter().map(|v| Value::from(*v)).collect());
        layer.insert(format!("{prefix}.outputs.parameters.{name}"), text(Value::from(list).to_string()));
    }
    Ok(layer)
}

// A result that is no JSON ends the whole template in upstream, whether anybody reads the list or not.
fn bare(result: &str) -> Result<Value, String> {
    Err(go_json_error(result))
}

/// The outputs of a template made of calls; none where it declares none.
pub(super) fn of_template(declared: &Outputs, scope: &Layers<'_>) -> Result<Option<Outputs>, String> {
    if declared.parameters.is_empty() && declared.artifacts.is_empty() {
        return Ok(None);
    }
    let mut outputs = Outputs::default();
    for parameter in &declared.parameters {
        let Some(from) = &parameter.value_from else {
            return Err(format!("output parameters must have a valueFrom specified: {}", parameter.name));
        };
        let value = if !from.parameter.is_empty() {
            match render_text(&from.parameter, scope, Policy::RefuseUnknown) {
                Ok(value) => value,
                Err(RenderError::Absent(_) | RenderError::Unknown(_)) if from.default.is_some() => {
                    from.default.as_ref().map(ToString::to_string).unwrap_or_default()
                }
                // What was skipped and has no default leaves the output out, as upstream does.
                Err(RenderError::Absent(_)) => continue,
                Err(e) => return Err(e.to_string()),
            }
        } else if !from.expression.is_empty() {
            match expression(&from.expression, scope) {
                Ok(value) => value,
                Err(_) if from.default.is_some() => from.default.as_ref().map(ToString::to_string).unwrap_or_default(),
                Err(e) => return Err(e),
            }
        } else {
            return Err(format!("output parameters must have a valueFrom with parameter or expression: {}", parameter.name));
        };
        outputs.parameters.push(Parameter { value: Some(AnyString(value)), value_from: None, ..parameter.clone() });
    }
    for artifact in &declared.artifacts {
        let found = if artifact.from.is_empty() && artifact.from_expression.is_empty() {
            None
        } else if artifact.from_expression.is_empty() {
            let name = artifact.from.trim().trim_start_matches("{{").trim_end_matches("}}").trim().to_owned();
            scope.lookup(&name)
        } else {
            argo_lang::expr::Program::parse(&artifact.from_expression)
                .map_err(|e| e.to_string())
                .and_then(|p| p.run(scope, &argo_lang::Budget::default()).map_err(|e| e.to_string()))
                .map(Some)?
        };
        match found {
            Some(value @ LangValue::Map(_)) => {
                let mut found: argo_core::workflows::Artifact = serde_json::from_value(value.to_json()).map_err(|e| e.to_string())?;
                found.name.clone_from(&artifact.name);
                found.global_name.clone_from(&artifact.global_name);
                outputs.artifacts.push(found);
            }
            _ if artifact.optional => {}
            _ => {
                let from = if artifact.from.is_empty() { &artifact.from_expression } else { &artifact.from };
                return Err(format!("failed to resolve outputs.artifacts.{}: {from} has no value", artifact.name));
            }
        }
    }
    Ok(Some(outputs))
}

/// The outputs that a template declares, for a node of it that never ran.
pub(super) fn declared(template: &Template) -> &Outputs {
    &template.outputs
}
