use argo_core::workflows::Workflow;
use argo_dag::ops::selector::NodeSelector;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{TreeOptions, lines};
use crate::show::Look;

fn node(name: &str, type_: &str, phase: &str, boundary: &str, children: &[&str]) -> (String, Value) {
    let display = name.rsplit('.').next().unwrap_or_default();
    let value = json!({"id": name, "name": name, "displayName": display, "type": type_, "phase": phase, "boundaryID": boundary, "children": children,
        "templateName": "t", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "1970-01-01T00:01:05Z"});
    (name.to_owned(), value)
}

fn draw(nodes: Vec<(String, Value)>, options: &TreeOptions) -> Vec<String> {
    let nodes: serde_json::Map<String, Value> = nodes.into_iter().collect();
    let workflow: Workflow = serde_json::from_value(json!({"metadata": {"name": "w"}, "status": {"nodes": nodes}})).unwrap();
    lines(&workflow, options, Timestamp::UNIX_EPOCH, Look::default())
}

/// The step column only.
fn steps(nodes: Vec<(String, Value)>) -> Vec<String> {
    draw(nodes, &TreeOptions::default())
        .into_iter()
        .skip(1)
        .map(|line| line.split("  t").next().unwrap_or_default().trim_end().to_owned())
        .collect()
}

fn some_steps() -> Vec<(String, Value)> {
    vec![
        node("w", "Steps", "Running", "", &["w[0]"]),
        node("w[0]", "StepGroup", "Succeeded", "w", &["w[0].a"]),
        node("w[0].a", "Pod", "Succeeded", "w", &["w[1]"]),
        node("w[1]", "StepGroup", "Running", "w", &["w[1].b", "w[1].c"]),
        node("w[1].b", "Retry", "Running", "w", &["w[1].b(0)", "w[1].b(1)"]),
        node("w[1].b(0)", "Pod", "Failed", "w", &[]),
        node("w[1].b(1)", "Pod", "Running", "w", &[]),
        node("w[1].c", "Suspend", "Running", "w", &[]),
        node("w.onExit", "Pod", "Pending", "", &[]),
    ]
}

#[test]
fn steps_are_drawn_in_their_groups() {
    let expected = [" ● w", " ├───✔ a", " └─┬─● b", "   │ ├─✖ b(0)", "   │ └─● b(1)", "   └─‖ c", "", " ◷ onExit"];
    assert_eq!(steps(some_steps()), expected);
}

#[test]
fn steps_stay_in_the_order_of_the_manifest() {
    let nodes = vec![
        node("w", "Steps", "Running", "", &["w[0]"]),
        node("w[0]", "StepGroup", "Running", "w", &["w[0].z", "w[0].i(1:b)", "w[0].i(0:a)", "w[0].a"]),
        node("w[0].z", "Pod", "Succeeded", "w", &[]),
        node("w[0].i(0:a)", "Pod", "Succeeded", "w", &[]),
        node("w[0].i(1:b)", "Pod", "Succeeded", "w", &[]),
        node("w[0].a", "Pod", "Succeeded", "w", &[]),
    ];
    assert_eq!(steps(nodes), [" ● w", " └─┬─✔ z", "   ├─✔ i(0:a)", "   ├─✔ i(1:b)", "   └─✔ a"]);
}

#[test]
fn containers_are_drawn_below_their_pod() {
    let nodes = vec![
        node("w", "Pod", "Succeeded", "", &["w.a"]),
        node("w.a", "Container", "Succeeded", "w", &["w.b"]),
        node("w.b", "Container", "Succeeded", "w", &[]),
    ];
    assert_eq!(steps(nodes), [" ✔ w", " ├─✔ a", " └─✔ b"]);
}

#[test]
fn tasks_are_drawn_below_their_dag_and_items_below_their_task() {
    let nodes = vec![
        node("w", "DAG", "Failed", "", &["w.a"]),
        node("w.a", "Pod", "Succeeded", "w", &["w.b"]),
        node("w.b", "TaskGroup", "Failed", "w", &["w.b(0:x)", "w.b(10:z)", "w.b(9:y)"]),
        node("w.b(0:x)", "Pod", "Succeeded", "w", &["w.c"]),
        node("w.b(9:y)", "Pod", "Error", "w", &["w.c"]),
        node("w.b(10:z)", "Pod", "Succeeded", "w", &["w.c"]),
        node("w.c", "DAG", "Succeeded", "w", &["w.c.d"]),
        node("w.c.d", "Skipped", "Omitted", "w.c", &[]),
    ];
    let expected = [" ✖ w", " ├─✔ a", " ├─✖ b", " │ ├─✔ b(0:x)", " │ ├─⚠ b(9:y)", " │ └─✔ b(10:z)", " └─✔ c", "   └─○ d"];
    assert_eq!(steps(nodes), expected);
}

#[test]
fn a_selector_keeps_what_it_chooses_and_what_that_is_part_of() {
    let options = TreeOptions { selector: NodeSelector::parse("phase=Failed").unwrap(), ..TreeOptions::default() };
    let lines = draw(some_steps(), &options);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[3].contains("✖ b(0)"), "{lines:#?}");
}

#[test]
fn pods_have_names_and_durations() {
    let lines = draw(vec![node("w", "Pod", "Succeeded", "", &[])], &TreeOptions::default());
    assert_eq!(lines, ["STEP  TEMPLATE  PODNAME  DURATION  MESSAGE", " ✔ w  t         w        1m"]);
}
