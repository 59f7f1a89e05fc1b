//! Submitting a workflow once more, as a new object.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::ids;
use argo_core::meta::Time;
use argo_core::workflows::{Condition, NodeStatus, Workflow};
use jiff::Timestamp;

use super::retry::{Plan, reopen_spec};
use super::submit::{SubmitError, override_parameters};
use super::{ARCHIVING_STATUS, Actor, COMPLETED, CREATOR, PHASE, RESUBMITTED_FROM};

/// Longest prefix that a name is made from, as Kubernetes has it.
const PREFIX_LENGTH: usize = 58;

/// How a workflow is resubmitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResubmitOptions {
    /// Keep what succeeded: its nodes are there already, with their outputs.
    pub memoized: bool,
    /// Random end of the new name, such as five letters; needed with `memoized`, because node ids depend on the name.
    pub suffix: String,
    /// Arguments to change: `name=value`.
    pub parameters: Vec<String>,
}

/// Why a workflow cannot be resubmitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResubmitError {
    /// Keeping what succeeded of a workflow that did not fail.
    #[error("workflow must be Failed/Error to resubmit in memoized mode")]
    NotFailed,
    /// A parameter is not of its form.
    #[error(transparent)]
    Parameter(#[from] SubmitError),
}

/// A new workflow like this one; labels and annotations come along, apart from those about its creator and its end.
///
/// # Errors
/// When `memoized` is asked of a workflow that did not fail, or a parameter is not of its form.
pub fn resubmit(workflow: &Workflow, options: &ResubmitOptions, now: Timestamp, actor: &Actor) -> Result<Workflow, ResubmitError> {
    if options.memoized && !matches!(workflow.status.phase.as_str(), "Failed" | "Error") {
        return Err(ResubmitError::NotFailed);
    }
    let old = &workflow.metadata;
    let mut new = Workflow {
        api_version: workflow.api_version.clone(),
        kind: workflow.kind.clone(),
        spec: workflow.spec.clone(),
        extra: workflow.extra.clone(),
        ..Workflow::default()
    };
    reopen_spec(&mut new);
    let metadata = &mut new.metadata;
    metadata.namespace.clone_from(&old.namespace);
    metadata.generate_name = if old.generate_name.is_empty() { format!("{}-", old.name) } else { old.generate_name.clone() };
    metadata.labels.clone_from(&old.labels);
    metadata.labels.retain(|key, _| !key.starts_with(CREATOR) && ![PHASE, COMPLETED, ARCHIVING_STATUS].contains(&key.as_str()));
    actor.label_creator(metadata);
    metadata.labels.insert(RESUBMITTED_FROM.to_owned(), old.name.clone());
    metadata.annotations.clone_from(&old.annotations);
    metadata.owner_references.clone_from(&old.owner_references);
    override_parameters(&mut new, &options.parameters)?;
    if options.memoized {
        let prefix: String = std::mem::take(&mut new.metadata.generate_name).chars().take(PREFIX_LENGTH).collect();
        new.metadata.name = format!("{prefix}{}", options.suffix);
        remember(workflow, &mut new, now);
    }
    Ok(new)
}

/// Carries over the nodes that a retry would keep, under their new names.
fn remember(old: &Workflow, new: &mut Workflow, now: Timestamp) {
    // Without a selector there is nothing in it that could be wrong.
    let Ok(plan) = Plan::of(old, "") else { return };
    let name = new.metadata.name.clone();
    let renamed = |node: &NodeStatus| match node.name.strip_prefix(&old.metadata.name) {
        Some(rest) => format!("{name}{rest}"),
        None => node.name.clone(),
    };
    let kept = plan.kept(old, now);
    // What is kept chooses its id first: a run finds nodes by id, and what is not kept finds a free one when it comes.
    let mut new_ids: BTreeMap<&str, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (id, node) in kept.iter().chain(&old.status.nodes) {
        if let Some((id, _)) = old.status.nodes.get_key_value(id).filter(|(id, _)| !new_ids.contains_key(id.as_str())) {
            let new = ids::free_node_id(&name, &renamed(node), |id| taken.contains(id));
            taken.insert(new.clone());
            new_ids.insert(id, new);
        }
    }
    let translate = |list: &mut Vec<String>| {
        *list = list.iter().filter_map(|id| new_ids.get(id.as_str()).cloned()).collect();
    };
    for (id, mut node) in kept {
        node.name = renamed(&node);
        if node.display_name == old.metadata.name {
            node.display_name.clone_from(&name);
        }
        node.id = new_ids.get(id.as_str()).cloned().unwrap_or_default();
        node.boundary_id = new_ids.get(node.boundary_id.as_str()).cloned().unwrap_or_default();
        translate(&mut node.children);
        translate(&mut node.outbound_nodes);
        let local = format!("local/{}", old.metadata.name);
        if node.template_scope == local {
            node.template_scope = format!("local/{name}");
        }
        if !plan.reset.contains(&id) {
            node.started_at = Some(Time::truncated(now));
            node.finished_at = node.started_at;
            if node.type_ == "Pod" {
                // The phase stays, so that `depends` and loops see a success.
                "Skipped".clone_into(&mut node.type_);
                node.message = format!("original pod: {id}");
                node.host_node_name.clear();
            }
        }
        new.status.nodes.insert(node.id.clone(), node);
    }
    new.status.stored_templates.clone_from(&old.status.stored_templates);
    new.status.conditions = vec![Condition { type_: "Completed".to_owned(), status: "False".to_owned(), ..Condition::default() }];
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use argo_core::workflows::Workflow;
    use jiff::Timestamp;
    use serde_json::json;

    use super::{ResubmitError, ResubmitOptions, resubmit};
    use crate::ops::Actor;

    fn failed() -> Workflow {
        serde_json::from_value(json!({
            "metadata": {"name": "w", "namespace": "n", "uid": "u", "labels": {"keep": "1", "workflows.argoproj.io/phase": "Failed",
                "workflows.argoproj.io/completed": "true", "workflows.argoproj.io/creator": "old", "workflows.argoproj.io/creator-email": "old"}},
            "spec": {"shutdown": "Stop", "arguments": {"parameters": [{"name": "p", "value": "1"}]}},
            "status": {"phase": "Failed", "nodes": {
                "w": {"id": "w", "name": "w", "displayName": "w", "type": "DAG", "phase": "Failed", "children": ["w-1"], "templateScope": "local/w"},
                "w-1": {"id": "w-1", "name": "w.a", "displayName": "a", "type": "Pod", "phase": "Succeeded", "boundaryID": "w", "children": ["w-2"]},
                "w-2": {"id": "w-2", "name": "w.b", "displayName": "b", "type": "Pod", "phase": "Failed", "boundaryID": "w"},
            }},
        }))
        .unwrap()
    }

    #[test]
    fn labels_come_along_apart_from_those_about_its_end() {
        let options = ResubmitOptions { parameters: vec!["p=2".into()], ..ResubmitOptions::default() };
        let new = resubmit(&failed(), &options, Timestamp::UNIX_EPOCH, &Actor::named("admin")).unwrap();
        let labels: Vec<String> =
            new.metadata.labels.iter().map(|(k, v)| format!("{}={v}", k.trim_start_matches("workflows.argoproj.io/"))).collect();
        assert_eq!(labels, ["keep=1", "creator=admin", "resubmitted-from-workflow=w"]);
        assert_eq!((new.metadata.generate_name.as_str(), new.metadata.name.as_str(), new.metadata.uid.as_str()), ("w-", "", ""));
        assert_eq!((new.spec.shutdown.as_str(), new.spec.arguments.parameters[0].value.as_ref().unwrap().as_str()), ("", "2"));
        assert!(new.status.nodes.is_empty());
    }

    #[test]
    fn memoized_keeps_what_succeeded_under_new_ids() {
        let options = ResubmitOptions { memoized: true, suffix: "abcde".into(), ..ResubmitOptions::default() };
        let new = resubmit(&failed(), &options, Timestamp::UNIX_EPOCH, &Actor::default()).unwrap();
        assert_eq!((new.metadata.name.as_str(), new.metadata.generate_name.as_str(), new.status.phase.as_str()), ("w-abcde", "", ""));
        let kept = argo_core::ids::node_id("w-abcde", "w-abcde.a");
        assert_eq!(new.status.nodes.len(), 2);
        let root = &new.status.nodes["w-abcde"];
        assert_eq!(
            (root.phase.as_str(), root.children.as_slice(), root.template_scope.as_str()),
            ("Running", [kept.clone()].as_slice(), "local/w-abcde")
        );
        let a = &new.status.nodes[&kept];
        assert_eq!(
            (a.type_.as_str(), a.phase.as_str(), a.message.as_str(), a.children.len()),
            ("Skipped", "Succeeded", "original pod: w-1", 0)
        );
        let running =
            Workflow { status: argo_core::workflows::WorkflowStatus { phase: "Running".into(), ..Default::default() }, ..failed() };
        assert_eq!(resubmit(&running, &options, Timestamp::UNIX_EPOCH, &Actor::default()), Err(ResubmitError::NotFailed));
    }
}
