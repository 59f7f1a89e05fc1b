//! Node ids from workflow and node names.

use argo_core::ids;
use serde_json::Value;

use crate::{Ctx, Outcome};

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let (Some(workflow), Some(node)) = (text("wf"), text("node_name")) else {
        return Outcome::Fail("the case has no wf or node_name".to_owned());
    };
    let Some(expected) = text("node_id").or_else(|| text("id")) else {
        return Outcome::Fail("the case has no id".to_owned());
    };
    let got = ids::node_id(workflow, node);
    if got == expected { Outcome::Pass } else { Outcome::Fail(format!("{node}: {got}, expected {expected}")) }
}
