//! Small functions of upstream's, called with arguments; each that has a counterpart here is called by it.

use std::collections::BTreeMap;

use argo_core::workflows::{SynchronizationStatus, Workflow};
use argo_dag::effect::Lock;
use argo_dag::ops::retry::RetryOptions;
use argo_dag::ops::selector::NodeSelector;
use argo_dag::ops::submit::SubmitOptions;
use argo_dag::ops::{Actor, resubmit, retry, submit};
use argo_lang::tags::{Policy, RenderError, Template};
use argo_lang::{Budget, depends, expr, when};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::go::eval::{Machine, Nobody, Stop};
use super::go::names::{constant, from_go};
use crate::{Ctx, Outcome};

/// Why most functions are left out.
const PLUMBING: &str = "upstream's own plumbing, or without a counterpart yet";

/// What a function gave: its results in order, and its error.
#[derive(Default)]
struct Got {
    results: Vec<Value>,
    error: Option<String>,
}

impl Got {
    fn of<E: ToString>(result: Result<Value, E>) -> Self {
        match result {
            Ok(value) => Self { results: vec![value], error: None },
            Err(error) => Self { results: Vec::new(), error: Some(error.to_string()) },
        }
    }
}

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let function = case.get("fn").and_then(Value::as_str).unwrap_or_default();
    let arguments: Vec<Value> = case.get("args").and_then(Value::as_array).into_iter().flatten().map(argument).collect();
    let receiver = case.get("recv").map(argument).unwrap_or_default();
    if has_opaque(&json!([case.get("args"), case.get("recv")])) {
        return Outcome::Skip("an argument could not be recorded".to_owned());
    }
    match call(function, &receiver, &arguments) {
        Ok(Some(got)) => compare(case, &got),
        Ok(None) => Outcome::Skip(PLUMBING.to_owned()),
        Err(message) => Outcome::Fail(format!("{function}: {message}")),
    }
}

fn has_opaque(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("$opaque") || map.values().any(has_opaque),
        Value::Array(list) => list.iter().any(has_opaque),
        _ => false,
    }
}

fn argument(value: &Value) -> Value {
    if let Some(text) = value.get("$unmarshal").and_then(|_| value.get("text")).and_then(Value::as_str) {
        let documents = argo_core::yaml::parse_documents(text).unwrap_or_default();
        return documents.into_iter().next().map(|d| d.value).unwrap_or_default();
    }
    from_go(value)
}

fn call(function: &str, receiver: &Value, arguments: &[Value]) -> Result<Option<Got>, String> {
    let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or_default();
    let flag = |index: usize| arguments.get(index).and_then(Value::as_bool).unwrap_or_default();
    let texts = |index: usize| -> Vec<String> {
        arguments.get(index).and_then(Value::as_array).into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let workflow = |index: usize| -> Result<Workflow, String> {
        serde_json::from_value(arguments.get(index).cloned().unwrap_or_default()).map_err(|e| e.to_string())
    };
    let written = |workflow: &Workflow| serde_json::to_value(workflow).map_err(|e| e.to_string());
    let now = Timestamp::from_second(1_700_000_000).unwrap_or_default();
    let got = match function {
        "shouldExecute" => Got::of(when::holds(text(0)).map(Value::from)),
        "EvalBool" => Got::of(evaluated(text(0), arguments.get(1))),
        "Replace" => {
            let policy = if flag(2) { Policy::KeepUnknown } else { Policy::RefuseUnknown };
            Got::of(replaced(text(0), arguments.get(1), policy))
        }
        "ReplaceStrictAny" => Got::of(replaced(text(0), arguments.get(1), Policy::RefuseReferences)),
        "processTemplate" => {
            let source = arguments.first().and_then(|a| a.get("value")).and_then(Value::as_str).unwrap_or_default();
            Got::of(rendered(source, arguments.get(1), Policy::KeepUnknown).map(|text| json!({"value": text})))
        }
        "NewTemplate" => Got::of(Template::parse(text(0)).map(|_| Value::Null)),
        "ValidateTaskResults" => {
            let logic = arguments.first().and_then(|t| t.get("depends")).and_then(Value::as_str).unwrap_or_default();
            Got::of(depends::Logic::parse(logic).map(|_| Value::Null))
        }
        "GetTaskDependencies" => {
            let logic = arguments.first().and_then(|t| t.get("depends")).and_then(Value::as_str).unwrap_or_default();
            // The second result is the logic as text; here it is a tree.
            Got::of(depends::Logic::parse(logic).map(|l| json!(l.tasks())))
        }
        "processTransformation" => Got::of(transformed(arguments)),
        "FormulateRetryWorkflow" => {
            let options = RetryOptions { restart_successful: flag(1), node_field_selector: text(2).to_owned(), parameters: texts(3) };
            match retry::retry(&workflow(0)?, &options, now, &Actor::default()) {
                Ok(retried) => Got { results: vec![written(&retried.workflow)?, json!(retried.pods)], error: None },
                Err(error) => Got { results: Vec::new(), error: Some(error.to_string()) },
            }
        }
        "FormulateResubmitWorkflow" | "util.FormulateResubmitWorkflow" => {
            let options = resubmit::ResubmitOptions { memoized: flag(1), suffix: "abcde".to_owned(), parameters: texts(2) };
            match resubmit::resubmit(&workflow(0)?, &options, now, &Actor::default()) {
                Ok(again) => Got { results: vec![written(&again)?], error: None },
                Err(error) => Got { results: Vec::new(), error: Some(error.to_string()) },
            }
        }
        "ApplySubmitOpts" => {
            let mut changed = workflow(0)?;
            let error = submit::apply(&mut changed, &submit_options(arguments.get(1))).err().map(|e| e.to_string());
            Got { results: vec![json!(error)], error }
        }
        "ParseArtifactOverrides" => Got::of(submit::parse_artifact_overrides(&texts(0)).map(|map| json!(map))),
        "overrideArtifacts" => {
            let mut changed = workflow(0)?;
            Got::of(submit::override_artifacts(&mut changed, &texts(1)).map(|()| Value::Null))
        }
        "GeneratePodName" => {
            let mut workflow = Workflow::default();
            text(0).clone_into(&mut workflow.metadata.name);
            workflow.metadata.annotations.insert("workflows.argoproj.io/pod-name-format".to_owned(), text(4).to_owned());
            let node = json!({"name": text(1), "templateName": text(2), "id": text(3)});
            let node = serde_json::from_value(node).map_err(|e| e.to_string())?;
            Got { results: vec![json!(retry::pod_name(&workflow, &node))], error: None }
        }
        "fields.ParseSelector" => Got::of(NodeSelector::parse(text(0)).map(|_| Value::Null)),
        "ss.LockAcquired" => {
            let semaphore = serde_json::from_value(receiver.clone()).map_err(|e| e.to_string())?;
            let mut status = SynchronizationStatus { semaphore: Some(semaphore), ..SynchronizationStatus::default() };
            let lock = Lock::Semaphore { name: text(1).to_owned(), source: Box::default() };
            Got { results: vec![json!(argo_dag::locks::note_held(&mut status, &lock, text(0)))], error: None }
        }
        _ => return Ok(None),
    };
    Ok(Some(got))
}

fn scope(values: Option<&Value>) -> BTreeMap<String, argo_lang::Value> {
    let map = values.and_then(Value::as_object).into_iter().flatten();
    map.map(|(key, value)| (key.clone(), value.clone().into())).collect()
}

// The classes of upstream's errors, which it tells apart by these words.
fn class(error: &RenderError) -> String {
    match error {
        RenderError::Parse { .. } | RenderError::Run { .. } => format!("failed to evaluate expression: {error}"),
        RenderError::Absent(_) => format!("absent optional: {error}"),
        RenderError::Unknown(_) | RenderError::TooLarge => error.to_string(),
    }
}

fn rendered(source: &str, values: Option<&Value>, policy: Policy) -> Result<String, String> {
    let template = Template::parse(source).map_err(|e| e.to_string())?;
    template.render(&scope(values), policy).map_err(|e| class(&e))
}

// Upstream substitutes in JSON text; here in the texts that stand in it.
fn replaced(text: &str, values: Option<&Value>, policy: Policy) -> Result<Value, String> {
    let mut document: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    replace_in(&mut document, values, policy)?;
    Ok(json!(document.to_string()))
}

fn replace_in(document: &mut Value, values: Option<&Value>, policy: Policy) -> Result<(), String> {
    match document {
        Value::String(text) => {
            *text = rendered(text, values, policy)?;
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|v| replace_in(v, values, policy)),
        Value::Object(map) => map.values_mut().try_for_each(|v| replace_in(v, values, policy)),
        _ => Ok(()),
    }
}

fn evaluated(source: &str, values: Option<&Value>) -> Result<Value, String> {
    let program = expr::Program::parse(source).map_err(|e| e.to_string())?;
    match program.run(&scope(values), &Budget::default()).map_err(|e| e.to_string())? {
        argo_lang::Value::Bool(flag) => Ok(json!(flag)),
        other => Err(format!("no boolean but {}", other.type_name())),
    }
}

fn transformed(arguments: &[Value]) -> Result<Value, String> {
    let mut data = arguments.first().cloned().unwrap_or_default();
    for step in arguments.get(1).and_then(Value::as_array).into_iter().flatten() {
        let step = from_go(step);
        let Some(source) = step.get("Expression").or_else(|| step.get("expression")).and_then(Value::as_str) else { continue };
        let program = expr::Program::parse(source).map_err(|e| e.to_string())?;
        let env = BTreeMap::from([("data".to_owned(), argo_lang::Value::from(data))]);
        data = program.run(&env, &Budget::default()).map_err(|e| e.to_string())?.to_json();
    }
    Ok(data)
}

fn submit_options(options: Option<&Value>) -> SubmitOptions {
    let text = |key: &str| options.and_then(|o| o.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |key: &str| {
        let all = options.and_then(|o| o.get(key)).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    SubmitOptions {
        name: text("name"),
        generate_name: text("generateName"),
        entrypoint: text("entryPoint"),
        service_account: text("serviceAccount"),
        priority: options.and_then(|o| o.get("priority")).and_then(Value::as_i64),
        pod_priority_class_name: text("podPriorityClassName"),
        labels: text("labels"),
        annotations: text("annotations"),
        parameters: list("parameters"),
        artifacts: list("artifacts"),
        owner_reference: None,
    }
}

fn compare(case: &Value, got: &Got) -> Outcome {
    let mut host = Nobody;
    let mut machine = Machine::new(&mut host);
    let mut left_out = String::new();
    for (place, assertions) in case.get("expect").and_then(Value::as_object).into_iter().flatten() {
        let value = match place.strip_prefix('r').and_then(|n| n.parse::<usize>().ok()) {
            Some(index) => match (got.results.get(index), &got.error) {
                (Some(value), _) => value.clone(),
                (None, Some(error)) if case.pointer("/expect/err").is_none() => return Outcome::Fail(format!("an error: {error}")),
                (None, _) => continue,
            },
            None => json!(got.error),
        };
        machine.variables.insert("v".to_owned(), value);
        for assertion in assertions.as_array().into_iter().flatten() {
            let how = assertion.get(0).and_then(Value::as_str).unwrap_or_default();
            let (kind, path) = how.split_once(' ').unwrap_or((how, ""));
            let Some(wanted) = wanted(assertion.get(1).unwrap_or(&Value::Null)) else { continue };
            machine.variables.insert("wanted".to_owned(), wanted);
            let subject = format!("v{}", path.replace('\'', "\""));
            let arguments = match kind {
                "Equal" | "NotEqual" | "JSONEq" => vec!["wanted".to_owned(), subject],
                _ => vec![subject, "wanted".to_owned()],
            };
            match machine.assert(kind, &arguments) {
                Ok(()) => {}
                Err(Stop::Failed(message)) => return Outcome::Fail(format!("{place}{path}: {message}")),
                Err(Stop::Opaque(what)) => left_out = what,
            }
        }
    }
    if machine.checked == 0 { Outcome::Skip(format!("nothing to compare: {left_out}")) } else { Outcome::Pass }
}

// What is expected; none where it is a name that has no counterpart.
fn wanted(value: &Value) -> Option<Value> {
    match value.as_str().and_then(|text| text.strip_prefix('$')) {
        Some(name) => {
            let (package, name) = name.split_once('.')?;
            constant(package, name)
        }
        None => Some(from_go(value)),
    }
}
