//! Running workflows: stop, terminate, suspend, resume, and setting what a suspended node waits for.

use std::collections::BTreeMap;

use argo_core::meta::Time;
use argo_core::workflows::{AnyString, NodeStatus, Outputs, Parameter, Workflow};
use jiff::Timestamp;

use super::selector::{NodeSelector, SelectorError};
use super::{Actor, is_completed};

/// Why a running workflow cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The node selector is no selector.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// Stopping what has ended.
    #[error("cannot shutdown a completed workflow: workflow: \"{name}\", namespace: \"{namespace}\"")]
    AlreadyShutDown {
        /// Name.
        name: String,
        /// Namespace.
        namespace: String,
    },
    /// Suspending what has ended.
    #[error("cannot suspend completed workflows")]
    SuspendCompleted,
    /// No node waits that the selector chooses.
    #[error("currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: {selector}{}", waiting_hint(.waiting))]
    NoSuchNode {
        /// The selector.
        selector: String,
        /// Display names of the nodes that do wait.
        waiting: Vec<String>,
    },
    /// A suspended node that declares no outputs.
    #[error("cannot set output parameters because node is not expecting any raw parameters")]
    NoOutputs,
    /// An output that the node does not declare.
    #[error("node is not expecting output parameter '{name}'{}", waiting_hint(.known))]
    UnknownOutput {
        /// Parameter.
        name: String,
        /// Those it does declare.
        known: Vec<String>,
    },
    /// An output that is not `valueFrom.supplied`, or has a value already.
    #[error("cannot set output parameter '{name}' because it does not use valueFrom.raw or it was already set")]
    NotSupplied {
        /// Parameter.
        name: String,
    },
    /// An output that nobody supplied and that has no default.
    #[error("raw output parameter '{name}' has not been set and does not have a default value")]
    Unset {
        /// Parameter.
        name: String,
    },
    /// A phase that a node cannot be given.
    #[error("unknown phase '{phase}': one of Pending, Running, Succeeded, Skipped, Failed, Error, Omitted is expected")]
    Phase {
        /// What was asked for.
        phase: String,
    },
}

fn waiting_hint(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (there are: {})", names.join(", ")) }
}

fn shut_down(workflow: &Workflow, strategy: &str, actor: &Actor) -> Result<Workflow, ControlError> {
    if is_completed(workflow) {
        let (name, namespace) = (workflow.metadata.name.clone(), workflow.metadata.namespace.clone());
        return Err(ControlError::AlreadyShutDown { name, namespace });
    }
    let mut changed = workflow.clone();
    changed.spec.shutdown = strategy.to_owned();
    actor.label_actor(&mut changed.metadata, strategy);
    Ok(changed)
}

/// Stops a workflow: what runs is ended, nothing new starts, exit handlers run.
///
/// # Errors
/// When it has ended already.
pub fn stop(workflow: &Workflow, actor: &Actor) -> Result<Workflow, ControlError> {
    shut_down(workflow, "Stop", actor)
}

/// Terminates a workflow: what runs is ended, nothing new starts, exit handlers neither.
///
/// # Errors
/// When it has ended already.
pub fn terminate(workflow: &Workflow, actor: &Actor) -> Result<Workflow, ControlError> {
    shut_down(workflow, "Terminate", actor)
}

/// Fails the suspended nodes that a selector chooses, rather than the whole workflow (`argo stop --node-field-selector`).
///
/// # Errors
/// When no suspended node is chosen.
pub fn stop_nodes(workflow: &Workflow, selector: &str, message: &str, now: Timestamp, actor: &Actor) -> Result<Workflow, ControlError> {
    let values = SetValues { phase: "Failed".to_owned(), message: message.to_owned(), outputs: BTreeMap::new() };
    change_nodes(workflow, selector, &values, now, actor, "Stop")
}

/// Suspends a workflow: nothing new starts. None when it is suspended already.
///
/// # Errors
/// When it has ended.
pub fn suspend(workflow: &Workflow, actor: &Actor) -> Result<Option<Workflow>, ControlError> {
    if is_completed(workflow) {
        return Err(ControlError::SuspendCompleted);
    }
    if workflow.spec.suspend == Some(true) {
        return Ok(None);
    }
    let mut changed = workflow.clone();
    changed.spec.suspend = Some(true);
    actor.label_actor(&mut changed.metadata, "Suspend");
    Ok(Some(changed))
}

/// Resumes a workflow and all its suspended nodes, or with a selector only the suspended nodes that it chooses. Outputs that nobody supplied get their default.
/// None when nothing was suspended.
///
/// # Errors
/// When the selector chooses no suspended node, or an output has neither value nor default.
pub fn resume(workflow: &Workflow, selector: &str, now: Timestamp, actor: &Actor) -> Result<Option<Workflow>, ControlError> {
    let message = if actor.is_known() { format!("Resumed by: {}", actor.described()) } else { String::new() };
    if !selector.is_empty() {
        let values = SetValues { phase: "Succeeded".to_owned(), message, outputs: BTreeMap::new() };
        return change_nodes(workflow, selector, &values, now, actor, "Resume").map(Some);
    }
    let mut changed = workflow.clone();
    let mut updated = changed.spec.suspend.take() == Some(true);
    for node in changed.status.nodes.values_mut().filter(|node| is_waiting(node)) {
        supply_defaults(node)?;
        node.phase = "Succeeded".to_owned();
        node.finished_at = Some(Time::truncated(now));
        node.message = joined(&node.message, &message);
        updated = true;
    }
    if !updated {
        return Ok(None);
    }
    actor.label_actor(&mut changed.metadata, "Resume");
    Ok(Some(changed))
}

/// What is to be set on suspended nodes; what is empty stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetValues {
    /// Phase; a node that is done with it goes on.
    pub phase: String,
    /// Message, put after the one the node has.
    pub message: String,
    /// Output parameters.
    pub outputs: BTreeMap<String, String>,
}

/// Sets values on the suspended nodes that a selector chooses (`argo node set`).
///
/// # Errors
/// When no suspended node is chosen, the phase is none, or an output cannot be set.
pub fn set(workflow: &Workflow, selector: &str, values: &SetValues, now: Timestamp, actor: &Actor) -> Result<Workflow, ControlError> {
    change_nodes(workflow, selector, values, now, actor, "")
}

/// Whether a node waits for somebody to resume it.
#[must_use]
pub fn is_waiting(node: &NodeStatus) -> bool {
    node.type_ == "Suspend" && node.phase == "Running"
}

fn joined(first: &str, second: &str) -> String {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => first.to_owned(),
        (true, _) => second.to_owned(),
        _ => format!("{first}; {second}"),
    }
}

fn is_open(parameter: &Parameter) -> bool {
    parameter.value_from.as_ref().is_some_and(|from| from.supplied.is_some())
}

fn supply_defaults(node: &mut NodeStatus) -> Result<(), ControlError> {
    for parameter in node.outputs.iter_mut().flat_map(|outputs| &mut outputs.parameters).filter(|p| is_open(p)) {
        let Some(default) = parameter.value_from.as_ref().and_then(|from| from.default.clone()) else {
            return Err(ControlError::Unset { name: parameter.name.clone() });
        };
        parameter.value = Some(default);
        parameter.value_from = None;
    }
    Ok(())
}

fn change_nodes(
    workflow: &Workflow,
    selector: &str,
    values: &SetValues,
    now: Timestamp,
    actor: &Actor,
    action: &str,
) -> Result<Workflow, ControlError> {
    const PHASES: [&str; 7] = ["Pending", "Running", "Succeeded", "Skipped", "Failed", "Error", "Omitted"];
    if !values.phase.is_empty() && !PHASES.contains(&values.phase.as_str()) {
        return Err(ControlError::Phase { phase: values.phase.clone() });
    }
    let chosen = NodeSelector::parse(selector)?;
    let mut changed = workflow.clone();
    let mut updated = false;
    let mut globals = Vec::new();
    for node in changed.status.nodes.values_mut().filter(|node| is_waiting(node) && chosen.matches(node)) {
        for (name, value) in &values.outputs {
            globals.push(supply(node, name, value)?);
            updated = true;
        }
        if values.phase == "Succeeded" && action == "Resume" {
            supply_defaults(node)?;
        }
        if !values.phase.is_empty() {
            node.phase.clone_from(&values.phase);
            if !matches!(values.phase.as_str(), "Pending" | "Running") {
                node.finished_at = Some(Time::truncated(now));
            }
            updated = true;
        }
        if !values.message.is_empty() {
            node.message = joined(&node.message, &values.message);
            updated = true;
        }
    }
    if !updated {
        let waiting = workflow.status.nodes.values().filter(|node| is_waiting(node)).map(|node| node.display_name.clone()).collect();
        return Err(ControlError::NoSuchNode { selector: selector.to_owned(), waiting });
    }
    for parameter in globals {
        make_global(&mut changed, parameter);
    }
    actor.label_actor(&mut changed.metadata, action);
    Ok(changed)
}

fn supply(node: &mut NodeStatus, name: &str, value: &str) -> Result<Parameter, ControlError> {
    let Some(outputs) = node.outputs.as_mut() else { return Err(ControlError::NoOutputs) };
    let known: Vec<String> = outputs.parameters.iter().map(|p| p.name.clone()).collect();
    let Some(parameter) = outputs.parameters.iter_mut().find(|p| p.name == name) else {
        return Err(ControlError::UnknownOutput { name: name.to_owned(), known });
    };
    if !is_open(parameter) {
        return Err(ControlError::NotSupplied { name: name.to_owned() });
    }
    parameter.value = Some(AnyString::from(value));
    parameter.value_from = None;
    Ok(parameter.clone())
}

/// An output with a `globalName` is one of the workflow's too; the last writer wins.
fn make_global(workflow: &mut Workflow, parameter: Parameter) {
    if parameter.global_name.is_empty() {
        return;
    }
    let global = Parameter { name: parameter.global_name.clone(), value: parameter.value, ..Parameter::default() };
    let outputs = workflow.status.outputs.get_or_insert_with(Outputs::default);
    match outputs.parameters.iter_mut().find(|p| p.name == global.name) {
        Some(old) => *old = global,
        None => outputs.parameters.push(global),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::collections::BTreeMap;

    use argo_core::workflows::Workflow;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::{ControlError, SetValues, resume, set, stop, stop_nodes, suspend, terminate};
    use crate::ops::Actor;

    fn workflow(outputs: Value) -> Workflow {
        serde_json::from_value(json!({"metadata": {"name": "w"}, "status": {"phase": "Running", "nodes": {
            "w": {"id": "w", "name": "w", "type": "Steps", "phase": "Running"},
            "w-1": {"id": "w-1", "name": "w[0].a", "displayName": "a", "type": "Suspend", "phase": "Running", "outputs": outputs},
            "w-2": {"id": "w-2", "name": "w[0].b", "displayName": "b", "type": "Suspend", "phase": "Running"},
        }}}))
        .unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(100).unwrap()
    }

    fn admin() -> Actor {
        Actor::named("admin")
    }

    #[test]
    fn shutting_down() {
        let w = workflow(Value::Null);
        assert_eq!(stop(&w, &admin()).unwrap().spec.shutdown, "Stop");
        let terminated = terminate(&w, &admin()).unwrap();
        assert_eq!(
            (terminated.spec.shutdown.as_str(), terminated.metadata.labels["workflows.argoproj.io/action"].as_str()),
            ("Terminate", "Terminate")
        );
        let ended = Workflow { status: argo_core::workflows::WorkflowStatus { phase: "Failed".into(), ..Default::default() }, ..w };
        assert!(matches!(stop(&ended, &admin()), Err(ControlError::AlreadyShutDown { .. })));
        assert!(matches!(suspend(&ended, &admin()), Err(ControlError::SuspendCompleted)));
    }

    #[test]
    fn resuming_ends_all_that_waits() {
        let mut w = workflow(json!({"parameters": [{"name": "ok", "valueFrom": {"supplied": {}, "default": "NO"}}]}));
        w.spec.suspend = Some(true);
        let resumed = resume(&w, "", now(), &admin()).unwrap().unwrap();
        let a = &resumed.status.nodes["w-1"];
        assert_eq!((a.phase.as_str(), a.message.as_str()), ("Succeeded", "Resumed by: map[User:admin]"));
        assert_eq!(serde_json::to_value(&a.outputs).unwrap(), json!({"parameters": [{"name": "ok", "value": "NO"}]}));
        assert_eq!(a.finished_at.unwrap().0, now());
        assert_eq!((resumed.spec.suspend, resumed.status.nodes["w-2"].phase.as_str()), (None, "Succeeded"));
        assert!(resume(&resumed, "", now(), &admin()).unwrap().is_none());
    }

    #[test]
    fn an_output_without_value_or_default_is_asked_for() {
        let w = workflow(json!({"parameters": [{"name": "ok", "valueFrom": {"supplied": {}}}]}));
        assert_eq!(resume(&w, "", now(), &admin()), Err(ControlError::Unset { name: "ok".into() }));
        let one = resume(&w, "displayName=b", now(), &admin()).unwrap().unwrap();
        assert_eq!((one.status.nodes["w-1"].phase.as_str(), one.status.nodes["w-2"].phase.as_str()), ("Running", "Succeeded"));
    }

    #[test]
    fn setting_outputs_and_messages() {
        let w = workflow(json!({"parameters": [{"name": "ok", "globalName": "g", "valueFrom": {"supplied": {}}}]}));
        let values =
            |name: &str| SetValues { message: "fine".into(), outputs: BTreeMap::from([(name.into(), "YES".into())]), ..Default::default() };
        let done = set(&w, "displayName=a", &values("ok"), now(), &admin()).unwrap();
        assert_eq!(done.status.nodes["w-1"].phase, "Running");
        assert_eq!(done.status.outputs.as_ref().unwrap().parameters[0].name, "g");
        assert_eq!(done.metadata.labels.get("workflows.argoproj.io/action"), None);
        let resumed = resume(&done, "", now(), &admin()).unwrap().unwrap();
        assert_eq!(resumed.status.nodes["w-1"].message, "fine; Resumed by: map[User:admin]");
        assert!(matches!(set(&w, "displayName=a", &values("no"), now(), &admin()), Err(ControlError::UnknownOutput { .. })));
        assert!(matches!(set(&w, "displayName=b", &values("ok"), now(), &admin()), Err(ControlError::NoOutputs)));
        assert!(matches!(set(&done, "displayName=a", &values("ok"), now(), &admin()), Err(ControlError::NotSupplied { .. })));
        assert!(
            matches!(set(&w, "displayName=x", &values("ok"), now(), &admin()), Err(ControlError::NoSuchNode { waiting, .. }) if waiting == ["a", "b"])
        );
    }

    #[test]
    fn stopping_one_node_fails_it() {
        let stopped = stop_nodes(&workflow(Value::Null), "displayName=a", "declined", now(), &admin()).unwrap();
        assert_eq!((stopped.status.nodes["w-1"].phase.as_str(), stopped.status.nodes["w-1"].message.as_str()), ("Failed", "declined"));
        assert_eq!((stopped.spec.shutdown.as_str(), stopped.status.nodes["w-2"].phase.as_str()), ("", "Running"));
    }
}
