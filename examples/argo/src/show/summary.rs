//! A workflow's header, as upstream's `argo get` writes it.

use argo_core::workflows::{Artifact, Parameter, Workflow};
use jiff::Timestamp;

use super::tree::{self, TreeOptions};
use super::{Look, icon, time};

/// The phase as people read it.
pub fn status(workflow: &Workflow) -> String {
    let phase = if workflow.status.phase.is_empty() { "Pending" } else { workflow.status.phase.as_str() };
    let suspended = workflow.spec.suspend == Some(true) || workflow.status.nodes.values().any(argo_dag::ops::control::is_waiting);
    if phase == "Running" && suspended { format!("{phase} (Suspended)") } else { phase.to_owned() }
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<20} {value}").trim_end().to_owned()
}

/// Everything about a workflow: header lines, then the tree.
pub fn lines(workflow: &Workflow, options: &TreeOptions, now: Timestamp, look: Look) -> Vec<String> {
    let (spec, run) = (&workflow.spec, &workflow.status);
    let mut lines = Vec::new();
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(line(&format!("{name}:"), value));
        }
    };
    field("Name", if workflow.metadata.name.is_empty() { &workflow.metadata.generate_name } else { &workflow.metadata.name });
    field("Namespace", &workflow.metadata.namespace);
    let account =
        if spec.service_account_name.is_empty() { "unset (will run with the default ServiceAccount)" } else { &spec.service_account_name };
    field("ServiceAccount", account);
    field("Status", &look.paint(icon(&run.phase).1.filter(|_| !run.phase.is_empty()), &status(workflow)));
    field("Message", &run.message);
    if let Some(priority) = spec.priority {
        field("Priority", &priority.to_string());
    }
    if !run.conditions.is_empty() {
        lines.push("Conditions:".to_owned());
        for condition in &run.conditions {
            let value = if condition.message.is_empty() { &condition.status } else { &condition.message };
            lines.push(line(&format!(" {}", condition.type_), value));
        }
    }
    let mut field =
        |name: &str, value: Option<String>| lines.extend(value.filter(|v| !v.is_empty()).map(|value| line(&format!("{name}:"), &value)));
    field("Created", workflow.metadata.creation_timestamp.map(|at| time::ago(at, now)));
    field("Started", run.started_at.map(|at| time::ago(at, now)));
    field("Finished", run.finished_at.map(|at| time::ago(at, now)));
    field("Duration", time::seconds(run.started_at, run.finished_at, now).map(time::long));
    field("Progress", Some(run.progress.clone()));
    let resources: Vec<String> =
        run.resources_duration.iter().map(|(name, seconds)| format!("{}*({name})", time::short(*seconds))).collect();
    field("ResourcesDuration", Some(resources.join(",")));
    lines.extend(parameters("Parameters", &spec.arguments.parameters));
    lines.extend(artifacts("Artifacts", &spec.arguments.artifacts));
    if let Some(outputs) = &run.outputs {
        lines.extend(parameters("Output Parameters", &outputs.parameters));
        lines.extend(artifacts("Output Artifacts", &outputs.artifacts));
    }
    let tree = tree::lines(workflow, options, now, look);
    if !tree.is_empty() {
        lines.push(String::new());
        lines.extend(tree);
    }
    lines
}

fn parameters(title: &str, list: &[Parameter]) -> Vec<String> {
    let mut lines = Vec::new();
    for parameter in list {
        let Some(value) = &parameter.value else { continue };
        lines.push(line(&format!("  {}:", parameter.name), value.as_str()));
    }
    if !lines.is_empty() {
        lines.insert(0, format!("{title}:"));
    }
    lines
}

fn artifacts(title: &str, list: &[Artifact]) -> Vec<String> {
    let mut lines = Vec::new();
    for artifact in list {
        let place = if let Some(s3) = &artifact.s3 {
            format!("s3://{}/{}", s3.bucket, s3.key)
        } else if let Some(raw) = &artifact.raw {
            raw.data.clone()
        } else if let Some(git) = &artifact.git {
            git.repo.clone()
        } else if let Some(http) = &artifact.http {
            http.url.clone()
        } else {
            String::new()
        };
        lines.push(line(&format!("  {}:", artifact.name), &place));
    }
    if !lines.is_empty() {
        lines.insert(0, format!("{title}:"));
    }
    lines
}

/// A workflow in one line, above its tree while it runs.
pub fn heading(workflow: &Workflow, now: Timestamp, look: Look) -> Vec<String> {
    let run = &workflow.status;
    let (mark, colour) = icon(&run.phase);
    let took = time::seconds(run.started_at, run.finished_at, now).map(time::short).unwrap_or_default();
    let message = if run.message.is_empty() { String::new() } else { format!("  {}", run.message) };
    vec![format!("{} {}  {}  {}  {took}{message}", look.paint(colour, mark), workflow.metadata.name, status(workflow), run.progress)]
}

/// What came of a workflow, for the end of a run: outputs and, where it failed, the nodes at fault.
pub fn ending(workflow: &Workflow, now: Timestamp, look: Look) -> Vec<String> {
    let run = &workflow.status;
    let (mark, colour) = icon(&run.phase);
    let took = time::seconds(run.started_at, run.finished_at, now).map(time::long).unwrap_or_default();
    let mut first = format!("{} {} {}", look.paint(colour, mark), workflow.metadata.name, status(workflow));
    if !took.is_empty() {
        first.push_str(&format!(" after {took}"));
    }
    if !run.message.is_empty() {
        first.push_str(&format!(": {}", run.message));
    }
    let mut lines = vec![first];
    if matches!(run.phase.as_str(), "Failed" | "Error") {
        let leaves = ["Pod", "Container", "HTTP", "Plugin", "Suspend", "Skipped"];
        for node in run.nodes.values().filter(|n| {
            matches!(n.phase.as_str(), "Failed" | "Error") && leaves.contains(&n.type_.as_str()) && n.name != workflow.metadata.name
        }) {
            lines.push(format!("  {} {}: {}", look.paint(icon(&node.phase).1, icon(&node.phase).0), node.name, node.message));
        }
    }
    for parameter in run.outputs.iter().flat_map(|o| &o.parameters) {
        lines.push(format!("  {} = {}", parameter.name, parameter.value.as_ref().map_or("", |v| v.as_str())));
    }
    lines
}

#[cfg(test)]
mod tests {
    use argo_core::workflows::Workflow;
    use jiff::Timestamp;
    use serde_json::json;

    use super::{ending, lines, status};
    use crate::show::Look;

    fn workflow() -> Workflow {
        serde_json::from_value(json!({
            "metadata": {"name": "w", "namespace": "n", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"arguments": {"parameters": [{"name": "p", "value": "1"}]}},
            "status": {"phase": "Failed", "message": "bad", "progress": "1/2", "startedAt": "1970-01-01T00:00:01Z", "finishedAt": "1970-01-01T00:01:06Z",
                "conditions": [{"type": "Completed", "status": "True"}], "outputs": {"parameters": [{"name": "o", "value": "2"}]},
                "nodes": {"w-1": {"id": "w-1", "name": "w.a", "type": "Pod", "phase": "Failed", "message": "main: Error (exit code 1)", "boundaryID": "w"}}},
        }))
        .unwrap()
    }

    #[test]
    fn the_header_says_what_is_known() {
        let text = lines(&workflow(), &Default::default(), Timestamp::UNIX_EPOCH, Look::default());
        for expected in [
            "Name:                w",
            "ServiceAccount:      unset (will run with the default ServiceAccount)",
            "Status:              Failed",
            "Message:             bad",
            " Completed           True",
            "Duration:            1 minute 5 seconds",
            "Progress:            1/2",
            "  p:                 1",
            "  o:                 2",
        ] {
            assert!(text.iter().any(|line| line == expected), "{expected:?} is missing in {text:#?}");
        }
    }

    #[test]
    fn the_ending_names_who_was_at_fault() {
        let expected = ["✖ w Failed after 1 minute 5 seconds: bad", "  ✖ w.a: main: Error (exit code 1)", "  o = 2"];
        assert_eq!(ending(&workflow(), Timestamp::UNIX_EPOCH, Look::default()), expected);
    }

    #[test]
    fn suspended_is_said() {
        let mut w = workflow();
        w.status.phase = "Running".into();
        w.spec.suspend = Some(true);
        assert_eq!(status(&w), "Running (Suspended)");
    }
}
