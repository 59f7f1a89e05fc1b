//! What must hold for every workflow and every order of events: random workflows in a simulated world, from seeds.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::indexing_slicing, clippy::unwrap_used)]

mod simulator;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulator::{Faults, Outcome, simulate, simulate_workflow};

const SEEDS: u64 = 60;

/// Runs all seeds and shows a few of those that failed.
fn for_all(check: impl Fn(u64) -> Result<(), String>) {
    let failed: Vec<String> = (0..SEEDS).filter_map(|seed| check(seed).err()).collect();
    let shown: Vec<&str> = failed.iter().take(5).map(String::as_str).collect();
    assert!(failed.is_empty(), "{} of {SEEDS} seeds failed:\n{}", failed.len(), shown.join("\n"));
}

// Everything but the times.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let times = ["startedAt", "finishedAt", "estimatedDuration", "resourcesDuration"];
            map.iter().filter(|(k, _)| !times.contains(&k.as_str())).map(|(k, v)| (k.clone(), timeless(v))).collect()
        }
        Value::Array(list) => list.iter().map(timeless).collect(),
        other => other.clone(),
    }
}

fn first_difference(path: &str, a: &Value, b: &Value) -> String {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let differing = x.keys().chain(y.keys()).find(|k| x.get(*k) != y.get(*k));
            differing.map_or_else(String::new, |k| {
                first_difference(&format!("{path}/{k}"), x.get(k).unwrap_or(&Value::Null), y.get(k).unwrap_or(&Value::Null))
            })
        }
        _ => format!("{path}: {a} and {b}"),
    }
}

fn same(seed: u64, one: &Value, other: &Value) -> Result<(), String> {
    let (one, other) = (timeless(one), timeless(other));
    if one == other { Ok(()) } else { Err(format!("seed {seed}: {}", first_difference("", &one, &other))) }
}

#[test]
fn every_run_ends() {
    for_all(|seed| simulate(seed, Faults::default()).map(drop));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for_all(|seed| {
        let faults = Faults { messenger: true, ..Faults::default() };
        let (one, other) = (simulate(seed, faults)?, simulate(seed, faults)?);
        if one == other { Ok(()) } else { Err(format!("seed {seed}: two traces")) }
    });
}

#[test]
fn loading_the_status_gives_the_same_plan_after_every_event() {
    for_all(|seed| simulate(seed, Faults { shadow: true, ..Faults::default() }).map(drop));
}

#[test]
fn a_run_loaded_before_each_event_ends_the_same() {
    for_all(|seed| {
        let plain = simulate(seed, Faults::default())?;
        let loaded = simulate(seed, Faults { always_reload: true, ..Faults::default() })?;
        same(seed, &plain.status, &loaded.status)
    });
}

#[test]
fn effects_applied_twice_change_nothing() {
    for_all(|seed| {
        let plain = simulate(seed, Faults::default())?;
        let twice = simulate(seed, Faults { twice: true, ..Faults::default() })?;
        // More news of the same state shift the order of events; what is created does not depend on it, except where a limit or a failure cuts it off.
        if plain.created.values().chain(twice.created.values()).all(|n| *n == 1) { Ok(()) } else { Err(format!("seed {seed}: twice")) }
    });
}

#[test]
fn messages_lost_repeated_and_out_of_order_do_no_harm() {
    for_all(|seed| simulate(seed, Faults { messenger: true, ..Faults::default() }).map(drop));
}

#[test]
fn crashes_between_any_two_effects_do_no_harm() {
    for_all(|seed| simulate(seed, Faults { messenger: true, crashes: true, ..Faults::default() }).map(drop));
}

#[test]
fn nodes_whose_names_have_the_same_hash_are_two_nodes() {
    let tasks = json!([
        {"name": "jckxg", "template": "work"},
        {"name": "tdtrq", "template": "work", "depends": "jckxg.Succeeded || jckxg.Failed || jckxg.Errored"},
    ]);
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "w", "namespace": "ns", "uid": "u", "creationTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"entrypoint": "main", "templates": [
            {"name": "main", "dag": {"failFast": false, "tasks": tasks}},
            {"name": "work", "retryStrategy": {"limit": 1}, "container": {"image": "i", "command": ["true"]}},
        ]},
    });
    assert_eq!(argo_core::ids::node_id("w", "w.jckxg"), argo_core::ids::node_id("w", "w.tdtrq"));
    for_all(|seed| {
        let mut found: Vec<Outcome> = Vec::new();
        for faults in [
            Faults { shadow: true, ..Faults::default() },
            Faults { always_reload: true, ..Faults::default() },
            Faults { messenger: true, crashes: true, ..Faults::default() },
        ] {
            found.push(simulate_workflow(seed, workflow.clone(), faults)?);
        }
        for outcome in found {
            let nodes = outcome.status["nodes"].as_object().cloned().unwrap_or_default();
            let ids: BTreeMap<&str, &str> = nodes.iter().filter_map(|(id, n)| Some((n["name"].as_str()?, id.as_str()))).collect();
            let (one, other) = (ids.get("w.jckxg"), ids.get("w.tdtrq"));
            if ids.len() != nodes.len() || one.is_none() || other.is_none() || one == other {
                return Err(format!("seed {seed}: {ids:?}"));
            }
        }
        Ok(())
    });
}
