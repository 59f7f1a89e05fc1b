//! Upstream's end-to-end tests of the simple kind: a workflow is run as real processes on the embedded control plane, then its status is looked at.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::examples_run::{self, Scratch};
use super::go::eval::{Machine, Nobody, Stop};
use crate::{Ctx, Outcome};

pub(super) fn run(_file: &str, case: &Value, ctx: &Ctx) -> Outcome {
    if case.get("simple").and_then(Value::as_bool) != Some(true) {
        return Outcome::Skip("needs more than a workflow".to_owned());
    }
    let steps: Vec<&Value> = case.get("steps").and_then(Value::as_array).into_iter().flatten().collect();
    let word = |step: &Value| step.get("m").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known = ["Workflow", "SubmitWorkflow", "WaitForWorkflow", "ExpectWorkflow", "ExpectWorkflowNode"];
    let words: Vec<String> = steps.iter().map(|s| word(s)).collect();
    if words.iter().filter(|w| *w == "Workflow").count() != 1 || words.iter().any(|w| !known.contains(&w.as_str())) {
        return Outcome::Skip(format!("steps {}", words.join(", ")));
    }
    let Some(binary) = examples_run::binary() else { return Outcome::Skip("no argo binary beside this one".to_owned()) };
    match check(&steps, &binary, &ctx.root().join("examples/workflows-e2e")) {
        Ok(0) => Outcome::Skip("no assertion is understood".to_owned()),
        Ok(_) => Outcome::Pass,
        Err(message) => Outcome::Fail(message),
    }
}

fn check(steps: &[&Value], binary: &Path, folder: &Path) -> Result<usize, String> {
    let scratch = Scratch::new()?;
    let mut printed = Value::Null;
    let mut checked = 0_usize;
    for step in steps {
        let argument = step.pointer("/args/0").and_then(Value::as_str).unwrap_or_default();
        match step.get("m").and_then(Value::as_str).unwrap_or_default() {
            "Workflow" => {
                let file = file(&scratch, folder, argument)?;
                let documents = examples_run::read(&file)?;
                printed = examples_run::printed(&scratch, binary, folder, &file, &documents)?;
                if let Some(first) = printed.get("items").and_then(|i| i.get(0)).cloned() {
                    printed = first;
                }
            }
            "WaitForWorkflow" => {
                let phase = examples_run::phase(&printed).unwrap_or_default();
                let wanted = match argument {
                    "fixtures.ToBeSucceeded" => &["Succeeded"][..],
                    "fixtures.ToBeFailed" => &["Failed"][..],
                    "fixtures.ToBeErrored" => &["Error"][..],
                    "fixtures.ToBeCompleted" => &["Succeeded", "Failed", "Error"][..],
                    _ => continue,
                };
                checked = checked.saturating_add(1);
                if !wanted.contains(&phase.as_str()) {
                    return Err(format!("ends {phase}, expected {}", wanted.join(" or ")));
                }
            }
            "ExpectWorkflow" | "ExpectWorkflowNode" => checked = checked.saturating_add(expect(step, &printed)?),
            _ => {}
        }
    }
    Ok(checked)
}

// An example by its path, or the text itself in a file.
fn file(scratch: &Scratch, folder: &Path, argument: &str) -> Result<PathBuf, String> {
    if let Some(path) = argument.strip_prefix('@') {
        return Ok(folder.join(path));
    }
    let mut text = argument.to_owned();
    if !text.contains("kind:") {
        text = format!("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n{}", text.trim_start());
    }
    let file = scratch.path("workflow.yaml");
    fs::write(&file, text).map_err(|e| e.to_string())?;
    Ok(file)
}

fn expect(step: &Value, printed: &Value) -> Result<usize, String> {
    let mut nobody = Nobody;
    let mut machine = Machine::new(&mut nobody);
    let part = |key: &str| printed.get(key).cloned().unwrap_or_default();
    machine.variables.insert("status".to_owned(), part("status"));
    machine.variables.insert("metadata".to_owned(), json!({"metadata": part("metadata")}));
    if let Some(selector) = step.pointer("/args/0").and_then(Value::as_str) {
        let quoted = selector.split('"').nth(1).unwrap_or_default();
        let key = match selector.split('(').next().unwrap_or_default() {
            "wfv1.NodeWithDisplayName" => "displayName",
            "wfv1.NodeWithName" => "name",
            _ => return Ok(0),
        };
        let nodes = printed.pointer("/status/nodes").and_then(Value::as_object).into_iter().flatten();
        let Some((_, node)) = nodes.into_iter().find(|(_, n)| n.get(key).and_then(Value::as_str) == Some(quoted)) else {
            return Err(format!("no node with {key} {quoted}"));
        };
        machine.variables.insert("n".to_owned(), node.clone());
    }
    for source in step.get("asserts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if let Err(Stop::Failed(message)) = machine.run(source) {
            return Err(format!("{message}, asked for {}", source.chars().take(120).collect::<String>()));
        }
    }
    Ok(machine.checked)
}
