//! Conversions and patches of a Deployment of 200 lines.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use argo_benches::measure;
use argo_core::patch::{json as json_patch, merge, strategic};
use argo_core::{json, yaml};
use serde_json::{Value, json};

fn report(what: &str, go_us: Option<f64>, run: impl FnMut()) {
    let us = measure(run);
    println!("{}", json!({"bench": "core", "what": what, "us": us, "go_us": go_us, "times_faster": go_us.map(|go| go / us)}));
}

fn deployment() -> Value {
    let container = |name: &str| {
        let env: Vec<Value> = (0..8).map(|i| json!({"name": format!("VARIABLE_{i}"), "value": format!("value of {i}")})).collect();
        json!({
            "name": name, "image": "registry.example.com/team/web:1.2.3", "args": ["--port", "8080", "--verbose"], "env": env,
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}, {"containerPort": 9090, "name": "metrics"}],
            "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}, {"name": "data", "mountPath": "/data"}],
        })
    };
    let containers: Vec<Value> = ["web", "proxy", "agent", "exporter"].into_iter().map(container).collect();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "prod", "labels": {"app": "web", "tier": "front"}, "annotations": {"team": "core"}},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": containers, "volumes": [{"name": "config", "configMap": {"name": "web"}}, {"name": "data", "emptyDir": {}}]},
            },
        },
    })
}

fn main() {
    let object = deployment();
    let text = json::to_string(&object);
    let written = yaml::to_string(&object).unwrap();
    report("JSON round trip", Some(49.0), || {
        let value: Value = serde_json::from_str(&text).unwrap();
        black_box(json::to_string(&value));
    });
    report("YAML read", None, || drop(black_box(yaml::parse_documents(&written).unwrap())));
    report("YAML write", None, || drop(black_box(yaml::to_string(&object).unwrap())));
    let patch = json!({"spec": {"replicas": 5, "template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}});
    report("merge patch", None, || {
        let mut target = object.clone();
        merge::apply(&mut target, &patch);
        black_box(target);
    });
    report("strategic merge patch", None, || {
        let mut target = object.clone();
        strategic::apply(&mut target, &patch);
        black_box(target);
    });
    let operations = json_patch::parse(&json!([
        {"op": "replace", "path": "/spec/replicas", "value": 5},
        {"op": "add", "path": "/metadata/labels/new", "value": "x"},
    ]))
    .unwrap();
    report("JSON patch", None, || {
        let mut target = object.clone();
        json_patch::apply(&mut target, &operations).unwrap();
        black_box(target);
    });
}
