//! Runs recorded from the upstream controller, replayed against the pure engine with the recorded pod outcomes.
//!
//! A case passes when the final status is the recorded one, pods appeared at the recorded points and look as recorded, and the same replay with the run loaded
//! anew from its stored status before every event ends no differently.

use serde_json::Value;

use crate::{Ctx, Outcome};

mod commands;
mod compare;
mod kubelet;
mod pods;
pub(super) mod shelf;
mod world;

pub(super) use kubelet::template;
pub(super) use world::refuse;
use world::{Mode, World};

/// How much of a difference is shown.
const SHOWN: usize = 600;

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    if case.get("rejected").is_some() {
        return Outcome::Skip("the API server refused a manifest".to_owned());
    }
    for mode in [Mode::Incremental, Mode::Reloaded] {
        if let Err(message) = check(case, mode) {
            let label = if mode == Mode::Reloaded { "reloaded: " } else { "" };
            return Outcome::Fail(format!("{label}{}", message.chars().take(SHOWN).collect::<String>()));
        }
    }
    Outcome::Pass
}

fn check(case: &Value, mode: Mode) -> Result<(), String> {
    let mut world = World::new(case, mode)?;
    let played = world.play(case);
    let strayed = world.strayed().map(|s| format!("{s}; in the end ")).unwrap_or_default();
    let subject = world.object(world.subject()).ok_or("no workflow in the manifests")?;
    let expected = case.get("final").cloned().unwrap_or_default();
    if let Some(difference) = compare::difference(&expected, subject, case.get("unordered")) {
        let stopped = played.err().map(|m| format!(" [{m}]")).unwrap_or_default();
        let said = subject.pointer("/status/message").and_then(Value::as_str).map(|m| format!(" [it says: {m}]")).unwrap_or_default();
        return Err(format!("{strayed}{difference}{stopped}{said}"));
    }
    played?;
    for (name, expected) in case.get("others").and_then(Value::as_object).into_iter().flatten() {
        let object = world.object(name).ok_or_else(|| format!("no workflow {name}"))?;
        if let Some(difference) = compare::difference(expected, object, None) {
            return Err(format!("{name}: {difference}"));
        }
    }
    if let Some(difference) = world.created_otherwise() {
        return Err(format!("trace: {difference}"));
    }
    for (node, expected) in case.get("pods").and_then(Value::as_object).into_iter().flatten() {
        // `name#k` is a further pod of the same node.
        let Some(pod) = world.pod_of(node) else { continue };
        if let Some(difference) = pods::difference(expected, pod) {
            return Err(format!("pod {node}: {difference}"));
        }
    }
    Ok(())
}
