//! Autoscalers in their first version, which knows one metric; they are kept in the second.

use serde_json::{Value, json};

use crate::api::json;

/// Holds what the first version has no field for, as upstream; what is in it is of the second version here.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";

fn of_cpu(metric: &Value) -> bool {
    json::text(metric, &["type"]) == "Resource"
        && json::text(metric, &["resource", "name"]) == "cpu"
        && json::at(metric, &["resource", "target", "averageUtilization"]).is_some()
}

/// An autoscaler as clients of the first version see it.
pub(crate) fn to_v1(object: &Value) -> Value {
    let mut value = object.clone();
    let spec = json::child(&mut value, "spec");
    let metrics = spec.remove("metrics");
    spec.remove("behavior");
    let all: Vec<Value> = metrics.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(target) = all.iter().find(|m| of_cpu(m)).and_then(|m| json::at(m, &["resource", "target", "averageUtilization"])) {
        spec.insert("targetCPUUtilizationPercentage".to_owned(), target.clone());
    }
    let others: Vec<&Value> = all.iter().filter(|m| !of_cpu(m)).collect();
    if !others.is_empty() {
        let annotations = json::map(json::metadata(&mut value).entry("annotations").or_insert_with(|| json!({})));
        annotations.insert(METRICS.to_owned(), json!(others).to_string().into());
    }
    if let Some(status) = json::map(&mut value).get_mut("status").map(json::map) {
        status.remove("conditions");
        let current = status.remove("currentMetrics");
        let current = current.as_ref().and_then(Value::as_array).into_iter().flatten();
        let cpu = current.filter(|m| json::text(m, &["resource", "name"]) == "cpu");
        let used = cpu.filter_map(|m| json::at(m, &["resource", "current", "averageUtilization"])).next().cloned();
        if let Some(used) = used {
            status.insert("currentCPUUtilizationPercentage".to_owned(), used);
        }
        json::default(status, "currentReplicas", 0);
    }
    value
}

/// An autoscaler of the first version as it is kept.
pub(crate) fn from_v1(mut object: Value) -> Value {
    let annotations = json::metadata(&mut object).get_mut("annotations").and_then(Value::as_object_mut);
    let others = annotations.and_then(|a| a.remove(METRICS));
    let others = others.as_ref().and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    let mut metrics: Vec<Value> = others.unwrap_or_default();
    let spec = json::child(&mut object, "spec");
    if let Some(target) = spec.remove("targetCPUUtilizationPercentage") {
        let target = json!({"type": "Utilization", "averageUtilization": target});
        metrics.insert(0, json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if !metrics.is_empty() {
        spec.insert("metrics".to_owned(), metrics.into());
    }
    if let Some(status) = json::map(&mut object).get_mut("status").map(json::map)
        && let Some(used) = status.remove("currentCPUUtilizationPercentage")
    {
        let current = json!({"averageUtilization": used, "averageValue": "0"});
        status.insert("currentMetrics".to_owned(), json!([{"type": "Resource", "resource": {"name": "cpu", "current": current}}]));
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same() {
        let pods = json!({"type": "Pods", "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": "1"}}});
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}});
        let kept = json!({"metadata": {"name": "a", "annotations": {"k": "v"}}, "spec": {"maxReplicas": 3, "metrics": [cpu, pods]}});
        let shown = to_v1(&kept);
        assert_eq!(shown["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 70}));
        assert_eq!(from_v1(shown), kept);
    }
}
