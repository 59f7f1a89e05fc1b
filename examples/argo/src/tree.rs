//! The node tree as people read it.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use argo_core::workflows::{NodeStatus, Workflow};
use jiff::Timestamp;

/// Whether symbols and colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours and symbols rather than words.
    pub fancy: bool,
}

/// Draws a workflow: header lines, then the tree, a line each.
#[must_use]
pub fn draw(workflow: &Workflow, now: Timestamp, look: Look) -> Vec<String> {
    let mut lines = Vec::new();
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("{:<16} {value}", format!("{name}:")));
        }
    };
    let status = &workflow.status;
    field("Name", &workflow.metadata.name);
    field("Namespace", &workflow.metadata.namespace);
    field("Status", if status.phase.is_empty() { "Pending" } else { &status.phase });
    field("Message", &status.message);
    field("Progress", &status.progress);
    field("Duration", &duration(status.started_at.map(|t| t.0), status.finished_at.map(|t| t.0), now));
    for parameter in &workflow.spec.arguments.parameters {
        field(&format!("  {}", parameter.name), parameter.value.as_ref().map_or("", |v| v.as_str()));
    }
    for parameter in status.outputs.iter().flat_map(|o| &o.parameters) {
        field(&format!("  out {}", parameter.name), parameter.value.as_ref().map_or("", |v| v.as_str()));
    }
    lines.push(String::new());
    let mut drawn = BTreeSet::new();
    if let Some(root) = status.nodes.get(&workflow.metadata.name) {
        branch(workflow, root, "", "", &mut drawn, now, look, &mut lines);
    }
    // Exit handlers and hooks hang on no node of the tree.
    let rest: Vec<&NodeStatus> =
        status.nodes.values().filter(|n| !drawn.contains(n.id.as_str()) && n.boundary_id.is_empty()).collect();
    for node in rest {
        if !drawn.contains(node.id.as_str()) {
            lines.push(String::new());
            branch(workflow, node, "", "", &mut drawn, now, look, &mut lines);
        }
    }
    lines
}

/// Nodes shown under a node: what it holds, with step groups and their chain laid out in order.
fn shown_below<'a>(workflow: &'a Workflow, node: &NodeStatus) -> Vec<&'a NodeStatus> {
    let mut below: Vec<&NodeStatus> = match node.type_.as_str() {
        "Retry" | "TaskGroup" | "StepGroup" => {
            node.children.iter().filter_map(|id| workflow.status.nodes.get(id)).filter(|c| c.type_ != "StepGroup").collect()
        }
        _ => workflow
            .status
            .nodes
            .values()
            .filter(|n| n.boundary_id == node.id && n.id != node.id && !inside_group(workflow, n))
            .collect(),
    };
    below.sort_by_key(|n| (n.started_at.map(|t| t.0), natural(&n.name)));
    below
}

/// Whether a node hangs below a group or retry node of the same boundary, which shows it.
fn inside_group(workflow: &Workflow, node: &NodeStatus) -> bool {
    workflow.status.nodes.values().any(|parent| {
        parent.boundary_id == node.boundary_id
            && (matches!(parent.type_.as_str(), "Retry" | "TaskGroup") || (parent.type_ == "StepGroup" && node.type_ != "StepGroup"))
            && parent.children.contains(&node.id)
            && node.name.starts_with(&parent.name)
    })
}

/// Digits compare as numbers, so that step 10 comes after step 9.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut number = String::new();
    for c in name.chars() {
        if c.is_ascii_digit() {
            number.push(c);
        } else {
            if !number.is_empty() {
                parts.push((number.parse().unwrap_or(u64::MAX), std::mem::take(&mut text)));
                number.clear();
            }
            text.push(c);
        }
    }
    parts.push((number.parse().unwrap_or_default(), text));
    parts
}

#[allow(clippy::too_many_arguments)]
fn branch<'a>(
    workflow: &'a Workflow,
    node: &'a NodeStatus,
    lead: &str,
    below_lead: &str,
    drawn: &mut BTreeSet<&'a str>,
    now: Timestamp,
    look: Look,
    lines: &mut Vec<String>,
) {
    if !drawn.insert(&node.id) {
        return;
    }
    lines.push(format!("{lead}{}", line(node, now, look)));
    let below = shown_below(workflow, node);
    let last = below.len().saturating_sub(1);
    for (index, child) in below.into_iter().enumerate() {
        let (fork, bar) = if index == last { ("└─", "  ") } else { ("├─", "│ ") };
        branch(workflow, child, &format!("{below_lead}{fork}"), &format!("{below_lead}{bar}"), drawn, now, look, lines);
    }
}

/// One node in one line.
#[must_use]
pub fn line(node: &NodeStatus, now: Timestamp, look: Look) -> String {
    let name = if node.display_name.is_empty() { &node.name } else { &node.display_name };
    let mut text = format!("{} {name}", mark(&node.phase, look));
    if !node.template_name.is_empty() && node.template_name != *name {
        text.push_str(&format!(" ({})", node.template_name));
    }
    let took = duration(node.started_at.map(|t| t.0), node.finished_at.map(|t| t.0), now);
    if !took.is_empty() && node.type_ != "Skipped" {
        text.push_str(&format!("  {took}"));
    }
    if !node.message.is_empty() {
        text.push_str(&format!("  {}", node.message));
    }
    text
}

fn mark(phase: &str, look: Look) -> String {
    if !look.fancy {
        return format!("{:<9}", if phase.is_empty() { "Pending" } else { phase });
    }
    let (symbol, colour) = match phase {
        "Succeeded" => ("✔", AnsiColor::Green),
        "Failed" => ("✖", AnsiColor::Red),
        "Error" => ("⚠", AnsiColor::Red),
        "Running" => ("●", AnsiColor::Cyan),
        "Skipped" | "Omitted" => ("○", AnsiColor::BrightBlack),
        _ => ("◷", AnsiColor::Yellow),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{symbol}{style:#}")
}

/// How long something took or takes: `1m5s`; nothing if it never started.
#[must_use]
pub fn duration(started: Option<Timestamp>, finished: Option<Timestamp>, now: Timestamp) -> String {
    let Some(started) = started else { return String::new() };
    let seconds = finished.unwrap_or(now).as_second().saturating_sub(started.as_second()).max(0);
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m{rest}s"),
        (0, _, _) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use argo_core::workflows::Workflow;
    use jiff::Timestamp;
    use serde_json::json;

    use super::{Look, draw, duration};

    #[test]
    fn steps_hang_below_their_groups_in_order() {
        let workflow: Workflow = serde_json::from_value(json!({"metadata": {"name": "w"}, "status": {"phase": "Running", "nodes": {
            "w": {"id": "w", "name": "w", "displayName": "w", "type": "Steps", "phase": "Running", "children": ["w-1"]},
            "w-1": {"id": "w-1", "name": "w[0]", "displayName": "[0]", "type": "StepGroup", "phase": "Succeeded", "boundaryID": "w", "children": ["w-2"]},
            "w-2": {"id": "w-2", "name": "w[0].a", "displayName": "a", "type": "Pod", "phase": "Succeeded", "boundaryID": "w", "children": ["w-3"]},
            "w-3": {"id": "w-3", "name": "w[1]", "displayName": "[1]", "type": "StepGroup", "phase": "Running", "boundaryID": "w"},
        }}}))
        .unwrap();
        let lines = draw(&workflow, Timestamp::UNIX_EPOCH, Look { fancy: false });
        let tree: Vec<&str> = lines.iter().map(String::as_str).skip_while(|l| !l.is_empty()).skip(1).collect();
        assert_eq!(tree, ["Running   w", "├─Succeeded [0]", "│ └─Succeeded a", "└─Running   [1]"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let at = |s| Some(Timestamp::from_second(s).unwrap());
        assert_eq!(duration(at(0), at(65), Timestamp::UNIX_EPOCH), "1m5s");
        assert_eq!(duration(at(0), at(90_000), Timestamp::UNIX_EPOCH), "1d1h");
        assert_eq!(duration(None, None, Timestamp::UNIX_EPOCH), "");
    }
}
