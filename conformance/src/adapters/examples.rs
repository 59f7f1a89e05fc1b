//! Upstream's example manifests: each must be read into its type and come back without losing a field.

use argo_core::workflows::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowEventBinding, WorkflowTemplate};
use argo_core::yaml;
use serde_json::Value;

use super::lang;
use crate::{Ctx, Outcome};

/// Reads an example by its path below `examples/workflows/` and writes it again.
pub(super) fn round_trip(_file: &str, case: &Value, ctx: &Ctx) -> Outcome {
    let Some(path) = case.get("path").and_then(Value::as_str) else { return Outcome::Fail("the case has no path".to_owned()) };
    let checked = ctx.side_text(path).map_err(|e| e.to_string()).and_then(|text| check(&text));
    checked.map_or_else(Outcome::Fail, |()| Outcome::Pass)
}

fn check(text: &str) -> Result<(), String> {
    for document in yaml::parse_documents(text).map_err(|e| e.to_string())? {
        let value = document.value;
        lang::depends_texts(&value)?;
        let back = match value.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "Workflow" => again::<Workflow>(&value)?,
            "WorkflowTemplate" => again::<WorkflowTemplate>(&value)?,
            "ClusterWorkflowTemplate" => again::<ClusterWorkflowTemplate>(&value)?,
            "CronWorkflow" => again::<CronWorkflow>(&value)?,
            "WorkflowEventBinding" => again::<WorkflowEventBinding>(&value)?,
            _ => continue,
        };
        if let Some(path) = lost("", &value, &back) {
            return Err(format!("lost {path}"));
        }
    }
    Ok(())
}

fn again<T: serde::de::DeserializeOwned + serde::Serialize>(value: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    serde_json::to_value(&typed).map_err(|e| e.to_string())
}

/// The first field of `before` that `after` lacks or has otherwise; empty values may be left out, numbers may have become texts.
fn lost(path: &str, before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(key, value)| {
            let here = format!("{path}/{key}");
            match b.get(key) {
                Some(other) => lost(&here, value, other),
                None if empty(value) => None,
                None => Some(here),
            }
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (x, y))| lost(&format!("{path}/{i}"), x, y))
        }
        (Value::Number(number), Value::String(text)) if number.to_string() == *text => None,
        (Value::Bool(flag), Value::String(text)) if text.parse() == Ok(*flag) => None,
        (a, b) if a == b || (empty(a) && empty(b)) => None,
        _ => Some(path.to_owned()),
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(s) => s.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(empty),
        _ => false,
    }
}
