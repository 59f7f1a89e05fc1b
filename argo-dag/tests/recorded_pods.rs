//! Pods, against those that the upstream controller made from the same templates. Reads `workflows/recorded*.jsonl` below `ARGO_CONFORMANCE_DIR`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use argo_core::workflows::{Template, Workflow, WorkflowTemplate};
use argo_core::{patch::strategic, yaml};
use argo_dag::pod::{self, ImageConfig, PodOptions, PodRequest};
use serde_json::{Value, json};

fn records() -> Vec<Value> {
    let Some(dir) = std::env::var_os("ARGO_CONFORMANCE_DIR").map(std::path::PathBuf::from) else { return Vec::new() };
    let mut records = Vec::new();
    for file in ["recorded.jsonl", "recorded_examples.jsonl"] {
        let path = dir.join("workflows").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        records.extend(text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()));
    }
    records
}

fn options(record: &Value) -> PodOptions {
    let mut images = BTreeMap::new();
    for pod in record["pods"].as_object().unwrap().values() {
        for c in pod["spec"]["containers"].as_array().unwrap() {
            let config = ImageConfig { entrypoint: vec!["/bin/ep".to_owned()], cmd: Vec::new() };
            images.insert(c["image"].as_str().unwrap_or_default().to_owned(), config);
        }
    }
    let repository = json!({"s3": {
        "bucket": "my-bucket", "endpoint": "s3.invalid:9000", "insecure": true,
        "accessKeySecret": {"name": "my-s3-cred", "key": "accesskey"}, "secretKeySecret": {"name": "my-s3-cred", "key": "secretkey"},
    }});
    PodOptions {
        executor_image: "EXECUTOR_IMAGE".to_owned(),
        images,
        artifact_repository: serde_json::from_value(repository).unwrap(),
        ..PodOptions::default()
    }
}

fn subject(record: &Value) -> (Workflow, Vec<Value>) {
    let docs: Vec<Value> = record["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|m| yaml::parse_documents(m.as_str().unwrap()).unwrap())
        .map(|d| d.value)
        .collect();
    let mut workflow = docs.iter().find(|d| d["kind"] == "Workflow").cloned().unwrap();
    if let Some(name) = workflow["spec"]["workflowTemplateRef"]["name"].as_str().map(str::to_owned) {
        let of = docs
            .iter()
            .find(|d| d["kind"].as_str().is_some_and(|k| k.ends_with("WorkflowTemplate")) && d["metadata"]["name"] == name.as_str());
        let mut spec = of.unwrap()["spec"].clone();
        strategic::apply(&mut spec, &workflow["spec"]);
        workflow["spec"] = spec;
    }
    workflow["metadata"]["uid"] = json!("UID");
    workflow["metadata"]["namespace"] = json!("NAMESPACE");
    let name = workflow["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let mut claims = Vec::new();
    for claim in workflow["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let claim = claim["metadata"]["name"].as_str().unwrap();
        claims.push(json!({"name": claim, "persistentVolumeClaim": {"claimName": format!("{name}-{claim}")}}));
    }
    // Globals are in place before pods are made.
    let mut text = workflow.to_string();
    for parameter in workflow["spec"]["arguments"]["parameters"].as_array().into_iter().flatten() {
        let value = match &parameter["value"] {
            Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        let quoted = json!(value).to_string();
        text = text.replace(&format!("{{{{workflow.parameters.{}}}}}", parameter["name"].as_str().unwrap()), quoted.trim_matches('"'));
    }
    let mut workflow: Value = serde_json::from_str(&text).unwrap();
    workflow["status"] = json!({"persistentVolumeClaims": claims});
    (serde_json::from_value(workflow).unwrap(), docs)
}

/// Templates as users wrote them, by name.
fn written(docs: &[Value]) -> BTreeMap<String, Template> {
    let mut all = BTreeMap::new();
    for doc in docs {
        let spec: WorkflowTemplate = serde_json::from_value(doc.clone()).unwrap_or_default();
        all.extend(spec.spec.templates.into_iter().map(|t| (t.name.clone(), t)));
    }
    all
}

fn find_env(container: &Value, name: &str) -> Option<String> {
    let variables = container["env"].as_array()?;
    Some(variables.iter().find(|e| e["name"] == name)?["value"].as_str().unwrap_or_default().to_owned())
}

/// What the API server fills in.
const DEFAULTED: [&str; 14] = [
    "imagePullPolicy",
    "defaultMode",
    "serviceAccount",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "failureThreshold",
    "periodSeconds",
    "successThreshold",
    "timeoutSeconds",
    "scheme",
    "requests",
    "protocol",
    "dnsPolicy",
    "divisor",
];

fn differ(path: &str, expected: &Value, got: &Value, out: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(e), Value::Object(g)) => {
            for (key, value) in g {
                match e.get(key) {
                    Some(expected) => differ(&format!("{path}.{key}"), expected, value, out),
                    None if is_empty(value) => {}
                    None => out.push(format!("{path}.{key}: not expected, is {value}")),
                }
            }
            for (key, value) in e {
                if !g.contains_key(key) && !DEFAULTED.contains(&key.as_str()) && !is_empty(value) {
                    out.push(format!("{path}.{key}: expected {value}, is missing"));
                }
            }
        }
        (Value::Array(e), Value::Array(g)) if e.len() == g.len() => {
            e.iter().zip(g).enumerate().for_each(|(i, (e, g))| differ(&format!("{path}[{i}]"), e, g, out));
        }
        _ if expected == got || expected == "TIME" => {}
        // Numbers that the type makes texts, and amounts that the API server writes shorter.
        _ if expected.to_string().trim_matches('"') == got.to_string().trim_matches('"') => {}
        _ => out.push(format!("{path}: expected {expected}, is {got}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => s.is_empty(),
        Value::Object(o) => o.values().all(is_empty),
        Value::Array(a) => a.is_empty(),
        _ => false,
    }
}

#[test]
fn pods_are_as_upstream_makes_them() {
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records().iter().filter(|r| r["pods"].as_object().is_some_and(|p| !p.is_empty())) {
        let options = options(record);
        let (workflow, docs) = subject(record);
        let written = written(&docs);
        for (node, pod) in record["pods"].as_object().unwrap() {
            let workflow_name = pod["labels"]["workflows.argoproj.io/workflow"].as_str().unwrap();
            if workflow_name != workflow.metadata.name {
                continue;
            }
            total += 1;
            let node_name = pod["annotations"]["workflows.argoproj.io/node-name"].as_str().unwrap();
            let mut template: Template = serde_json::from_value(pod["template"].clone()).unwrap();
            let own = written.get(&template.name).cloned().unwrap_or_default();
            template.archive_location = own.archive_location;
            let containers = pod["spec"]["containers"].as_array().unwrap();
            let include_output = find_env(&containers[0], "ARGO_INCLUDE_SCRIPT_OUTPUT").as_deref() == Some("true");
            let hosts: Vec<String> = pod["spec"]["affinity"]
                .pointer("/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/0/values")
                .and_then(|v| serde_json::from_value(v.clone()).ok())
                .unwrap_or_default();
            let request = PodRequest {
                workflow: &workflow,
                spec: &workflow.spec,
                node_id: pod["annotations"]["workflows.argoproj.io/node-id"].as_str().unwrap(),
                node_name,
                template: &template,
                pod_name: pod["name"].as_str().unwrap(),
                include_output,
                deadline: None,
                on_exit: pod["labels"].get("workflows.argoproj.io/on-exit").is_some(),
                avoid_hosts: &hosts,
                seconds_left: pod["spec"]["activeDeadlineSeconds"].as_i64(),
            };
            let mut out = Vec::new();
            match pod::build(&request, &options) {
                Err(e) => out.push(e.to_string()),
                Ok(mut built) => {
                    let mut told = Value::Null;
                    for list in ["initContainers", "containers"] {
                        for container in built["spec"][list].as_array_mut().unwrap() {
                            let env = container["env"].as_array_mut().unwrap();
                            let at = env.iter().position(|e| e["name"] == "ARGO_TEMPLATE").unwrap();
                            told = serde_json::from_str(env.remove(at)["value"].as_str().unwrap()).unwrap();
                        }
                    }
                    differ("template", &pod["template"], &told, &mut out);
                    differ("name", &pod["name"], &built["metadata"]["name"], &mut out);
                    for part in ["labels", "annotations"] {
                        differ(part, &pod[part], &built["metadata"][part], &mut out);
                    }
                    differ("spec", &pod["spec"], &built["spec"], &mut out);
                }
            }
            if !out.is_empty() {
                wrong.push(format!("{} {node}:\n    {}", record["id"].as_str().unwrap(), out.join("\n    ")));
            }
        }
    }
    println!("{total} pods, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{} of {total} pods differ:\n{}", wrong.len(), wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n"));
}

/// The pod as the stand-in kubelet left it when its main containers had ended.
fn ended(pod: &Value, event: &Value, wait_message: &Value) -> Value {
    if let Some(failed) = event.get("podFailed") {
        let status = json!({"phase": "Failed", "reason": failed["reason"], "message": failed["message"]});
        return json!({"metadata": {"name": pod["name"], "labels": pod["labels"], "annotations": pod["annotations"]}, "status": status});
    }
    let mut all_well = true;
    let mut statuses = Vec::new();
    for container in pod["spec"]["containers"].as_array().unwrap() {
        let name = container["name"].as_str().unwrap();
        let code = match name {
            "wait" => event["waitExit"].as_i64().unwrap_or(0),
            _ => event["exits"][name].as_i64().unwrap_or(143),
        };
        all_well &= code == 0;
        let message = if name == "wait" && code != 0 { wait_message.clone() } else { Value::Null };
        let reason = if code == 0 { "Completed" } else { "Error" };
        let terminated = json!({"exitCode": code, "reason": reason, "message": message, "finishedAt": "2026-01-01T00:00:00Z"});
        statuses.push(json!({"name": name, "ready": false, "state": {"terminated": terminated}}));
    }
    let phase = if all_well { "Succeeded" } else { "Failed" };
    json!({
        "metadata": {"name": pod["name"], "labels": pod["labels"], "annotations": pod["annotations"]},
        "status": {"phase": phase, "containerStatuses": statuses},
    })
}

#[test]
fn ends_mean_what_upstream_reads_in_them() {
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records() {
        let rules = record["script"]["rules"].as_array().cloned().unwrap_or_default();
        let wait_message = rules.iter().find_map(|r| r.get("waitMessage")).cloned().unwrap_or_default();
        for point in record["trace"].as_array().unwrap() {
            let event = &point["event"];
            let Some(node) = event["complete"].as_str() else { continue };
            let Some(pod) = record["pods"].get(node).filter(|p| p["template"]["daemon"] != true) else { continue };
            let seen = pod::seen(&ended(pod, event, &wait_message)).unwrap();
            let template: Template = serde_json::from_value(pod["template"].clone()).unwrap();
            let outcome = pod::outcome(&seen, &template);
            let of = pod["labels"]["workflows.argoproj.io/workflow"].as_str().unwrap();
            let nodes = &point["workflows"][of]["nodes"];
            let mut compare = |name: &str, phase: &str, message: &str| {
                let Some(expected) = nodes.get(name) else { return };
                total += 1;
                let expected = (expected["phase"].as_str().unwrap_or_default(), expected["message"].as_str().unwrap_or_default());
                if expected != (phase, message) {
                    wrong.push(format!("{} {name}: expected {expected:?}, is {:?}", record["id"], (phase, message)));
                }
            };
            compare(node, &outcome.phase, &outcome.message);
            for (name, container) in &outcome.containers {
                compare(&format!("{node}.{name}"), &container.phase, &container.message);
            }
        }
    }
    println!("{total} ends, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{} of {total} ends differ:\n{}", wrong.len(), wrong.join("\n"));
}
