//! Runs recorded from the upstream controller, replayed against the pure engine with the recorded pod outcomes.

use serde_json::Value;

use crate::{Ctx, Outcome};

mod compare;
mod kubelet;
mod world;

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    if case.get("rejected").is_some() {
        return Outcome::Skip("the API server refused the manifest".to_owned());
    }
    let mut world = match world::World::new(case) {
        Ok(world) => world,
        Err(message) => return Outcome::Fail(message),
    };
    let played = world.play(case);
    let Some(last) = world.subject() else {
        return Outcome::Fail("no workflow in the manifests".to_owned());
    };
    let expected = case.get("final").cloned().unwrap_or_default();
    let difference = compare::difference(&expected, last, case.get("unordered"));
    match (difference, played) {
        (None, Ok(())) => Outcome::Pass,
        (None, Err(message)) => Outcome::Fail(message),
        (Some(difference), Ok(())) => Outcome::Fail(difference),
        (Some(difference), Err(message)) => Outcome::Fail(format!("{difference} (before: {message})")),
    }
}
