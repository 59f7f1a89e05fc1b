//! Replica counts of canaries: functions called with arguments, results compared.

use argo_core::rollouts::Rollout;
use argo_rollouts::{Counts, approximate, basic_canary, max_surge, max_unavailable, wanted_weight};
use serde_json::{Value, json};

use crate::{Ctx, Outcome};

pub(super) fn replicas(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let list = |key: &str| case.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let results: Vec<Option<Vec<Value>>> = list("calls").iter().map(call).collect();
    let mut checked = 0;
    for assert in list("asserts") {
        let values = assert.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let kind = assert.get("assert").and_then(Value::as_str).unwrap_or_default().trim_end_matches('f');
        let (expected, got) = match (kind, values) {
            ("Equal", [expected, got, ..]) => (expected.clone(), got),
            ("True", [got, ..]) => (json!(true), got),
            ("False", [got, ..]) => (json!(false), got),
            ("Nil", [got, ..]) => (Value::Null, got),
            _ => continue,
        };
        let at = |key: &str| got.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let (Some(call), Some(index)) = (at("$result"), at("index")) else { continue };
        let Some(result) = results.get(call).and_then(Option::as_ref).and_then(|r| r.get(index)) else { continue };
        if *result != expected {
            return Outcome::Fail(format!("result {index} of call {call} is {result}, expected {expected}"));
        }
        checked += 1;
    }
    if checked == 0 { Outcome::Skip("the function has no counterpart yet".to_owned()) } else { Outcome::Pass }
}

fn call(call: &Value) -> Option<Vec<Value>> {
    let args = call.get("args")?.as_array()?;
    let rollout = |index: usize| -> Option<Rollout> { serde_json::from_value(args.get(index)?.clone()).ok() };
    let routed = |rollout: &Rollout| {
        let strategy = &rollout.spec.strategy;
        strategy.blue_green.is_some() || strategy.canary.as_ref().is_some_and(|c| c.traffic_routing.is_some())
    };
    let number = |index: usize| args.get(index).and_then(Value::as_i64);
    match call.get("fn")?.as_str()? {
        "approximateWeightedCanaryStableReplicaCounts" => {
            let (new, stable) = approximate(number(0)?, number(1)?, number(2)?, number(3)?);
            Some(vec![json!(new), json!(stable)])
        }
        "CalculateReplicaCountsForBasicCanary" => {
            let rollout = rollout(0).filter(|r| !routed(r))?;
            let name = |index: usize| args.get(index).and_then(|rs| rs.pointer("/metadata/name"));
            let stable = args.get(2).and_then(counts).filter(|_| name(1) != name(2));
            let older: Vec<Counts> = args.get(3).and_then(Value::as_array).into_iter().flatten().filter_map(counts).collect();
            let (new, stable) = basic_canary(&rollout, args.get(1).and_then(counts), stable, &older);
            Some(vec![json!(new), json!(stable)])
        }
        "GetCanaryReplicasOrWeight" => {
            let rollout = rollout(0).filter(|r| !routed(r))?;
            Some(vec![Value::Null, json!(wanted_weight(&rollout.spec, &rollout.status))])
        }
        "MaxSurge" => rollout(0).filter(|r| !routed(r)).map(|r| vec![json!(max_surge(&r.spec))]),
        "MaxUnavailable" => rollout(0).filter(|r| !routed(r)).map(|r| vec![json!(max_unavailable(&r.spec))]),
        _ => None,
    }
}

fn counts(set: &Value) -> Option<Counts> {
    let number = |path: &str| set.pointer(path).and_then(Value::as_i64);
    set.is_object()
        .then(|| Counts { wanted: number("/spec/replicas").unwrap_or(1), available: number("/status/availableReplicas").unwrap_or(0) })
}
