//! Resource templates and reports against a model of the API with discovery, and with faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "../../argo-kube/tests/common/model.rs"]
mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use argo_core::workflows::Outputs;
use argo_exec::artifact::collect;
use argo_exec::resource::{ResourceError, supervise};
use argo_exec::wait::{Announced, Reporter};
use argo_exec::{Paths, Settings};
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::core::ApiResource;
use serde_json::{Value, json};

fn kind(name: &str, kind: &str, short: &[&str]) -> Value {
    json!({"name": name, "singularName": kind.to_lowercase(), "kind": kind, "namespaced": true, "shortNames": short, "verbs": ["get"]})
}

fn discovery(path: &str) -> Option<Value> {
    let list = |version: &str, resources: Value| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources});
    let version = json!({"groupVersion": "argoproj.io/v1alpha1", "version": "v1alpha1"});
    match path {
        "/api/v1" => {
            Some(list("v1", json!([kind("configmaps", "ConfigMap", &["cm"]), kind("pods", "Pod", &["po"]), kind("pods/log", "Pod", &[])])))
        }
        "/apis" => Some(json!({"kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{"name": "argoproj.io", "versions": [version], "preferredVersion": version}]})),
        "/apis/argoproj.io/v1alpha1" => Some(list("argoproj.io/v1alpha1", json!([kind("workflows", "Workflow", &["wf"])]))),
        _ => None,
    }
}

/// The model with discovery; the first requests that change something are answered with these codes, 0 standing for done with the answer lost.
fn client(faults: Vec<u16>) -> Client {
    let (inner, count) = (model::Model::client(), Arc::new(AtomicU32::new(0)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, count, faults) = (inner.clone(), Arc::clone(&count), faults.clone());
        async move {
            if let Some(found) = discovery(request.uri().path()) {
                return Ok(Response::new(Body::from(found.to_string().into_bytes())));
            }
            if request.uri().path() == "/api/v9" {
                let body =
                    Body::from(json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}).to_string().into_bytes());
                return Ok(Response::builder().status(404).body(body).unwrap());
            }
            let fault = if request.method() == Method::GET {
                None
            } else {
                faults.get(count.fetch_add(1, Ordering::SeqCst) as usize).copied().filter(|code| *code != 200)
            };
            match fault {
                None => inner.send(request).await,
                Some(code) => {
                    if code == 0 {
                        inner.send(request).await?;
                    }
                    let code = if code == 0 { 504 } else { code };
                    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "fault", "reason": "Fault", "code": code});
                    let answer = Response::new(Body::from(status.to_string().into_bytes()));
                    let (mut parts, body) = answer.into_parts();
                    parts.status = StatusCode::from_u16(code).unwrap();
                    Ok::<_, kube::Error>(Response::from_parts(parts, body))
                }
            }
        }
    });
    Client::new(service, "default")
}

fn settings() -> Settings {
    Settings::from_lookup(&|name| match name {
        "ARGO_NODE_ID" => Some("wf-1".to_owned()),
        "ARGO_WORKFLOW_NAME" => Some("wf".to_owned()),
        "ARGO_WORKFLOW_UID" => Some("uid-wf".to_owned()),
        _ => None,
    })
    .unwrap()
}

fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    let (group, version) = match kind {
        "ConfigMap" | "Pod" => ("", "v1"),
        _ => ("argoproj.io", "v1alpha1"),
    };
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let plural = format!("{}s", kind.to_lowercase());
    let resource = ApiResource { group: group.into(), version: version.into(), api_version, kind: kind.into(), plural };
    Api::default_namespaced_with(client.clone(), &resource)
}

async fn run(client: &Client, resource: Value, outputs: Value) -> Result<(), ResourceError> {
    let action = resource["action"].as_str().unwrap().to_owned();
    let template = serde_json::from_value(json!({"resource": resource, "outputs": outputs})).unwrap();
    supervise(&action, template, &settings(), &Paths::default(), &Reporter::new(client.clone(), &settings())).await
}

async fn reported(client: &Client) -> Value {
    let result = serde_json::to_value(api(client, "WorkflowTaskResult").get("wf-1").await.unwrap()).unwrap();
    assert_eq!(result["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"], "true");
    result["outputs"].clone()
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm-1, labels: {app: x}}\ndata: {k: v}\n";

#[tokio::test]
async fn created_with_owner_and_outputs() {
    let client = client(vec![]);
    let resource = json!({"action": "create", "manifest": CONFIG_MAP, "setOwnerReference": true});
    let outputs = json!({"parameters": [
        {"name": "name", "valueFrom": {"jsonPath": "{.metadata.name}"}}, {"name": "k", "valueFrom": {"jqFilter": ".data.k"}},
    ]});
    run(&client, resource.clone(), outputs).await.unwrap();
    let outputs = reported(&client).await;
    assert_eq!((&outputs["parameters"][0]["value"], &outputs["parameters"][1]["value"]), (&json!("cm-1"), &json!("v")));
    let created = api(&client, "ConfigMap").get("cm-1").await.unwrap();
    assert_eq!(created.metadata.owner_references.unwrap()[0].uid, "uid-wf");
    let error = run(&client, resource, json!({})).await.unwrap_err();
    assert!(matches!(&error, ResourceError::Api { action, .. } if action == "create"), "{error}");
}

#[tokio::test]
async fn patched_replaced_and_deleted() {
    let client = client(vec![]);
    run(&client, json!({"action": "create", "manifest": CONFIG_MAP}), json!({})).await.unwrap();
    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm-1}\ndata: {more: w}\n";
    run(&client, json!({"action": "patch", "manifest": patch, "mergeStrategy": "merge"}), json!({})).await.unwrap();
    let data = async || api(&client, "ConfigMap").get("cm-1").await.unwrap().data["data"].clone();
    assert_eq!(data().await, json!({"k": "v", "more": "w"}));
    let get = json!({"action": "get", "flags": ["cm/cm-1"]});
    let outputs = json!({"parameters": [{"name": "kind", "valueFrom": {"jsonPath": "{.kind}/{.data.more}"}}]});
    run(&client, get, outputs).await.unwrap();
    assert_eq!(reported(&client).await["parameters"][0]["value"], "ConfigMap/w");
    run(&client, json!({"action": "delete", "flags": ["cm", "--selector", "app=x"]}), json!({})).await.unwrap();
    assert!(api(&client, "ConfigMap").get_opt("cm-1").await.unwrap().is_none());
    run(&client, json!({"action": "delete", "manifest": CONFIG_MAP}), json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn conditions_are_waited_for() {
    for (phase, message) in [("Succeeded", None), ("Failed", Some("failure condition 'status.phase in (Failed,Error)' evaluated true"))] {
        let client = client(vec![]);
        let manifest = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: child}\nspec: {}\n";
        let resource = json!({"action": "create", "manifest": manifest, "successCondition": "status.phase == Succeeded",
            "failureCondition": "status.phase in (Failed, Error)"});
        let later = async {
            for phase in ["Running", phase] {
                tokio::time::sleep(Duration::from_secs(60)).await;
                let patch = json!({"status": {"phase": phase}});
                api(&client, "Workflow").patch("child", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
            }
        };
        let outputs = json!({"parameters": [{"name": "p", "valueFrom": {"jsonPath": "{.status.phase}"}}]});
        let (done, ()) = tokio::join!(run(&client, resource, outputs), later);
        assert_eq!(done.err().map(|e| e.to_string()).as_deref(), message);
        let value = if message.is_none() { json!(phase) } else { Value::Null };
        assert_eq!(reported(&client).await["parameters"][0]["value"], value);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_goes_away_is_an_error() {
    let client = client(vec![]);
    let pod: DynamicObject = serde_json::from_value(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})).unwrap();
    api(&client, "Pod").create(&PostParams::default(), &pod).await.unwrap();
    let resource = json!({"action": "get", "flags": ["po", "p"], "successCondition": "status.phase == Succeeded"});
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        api(&client, "Pod").delete("p", &kube::api::DeleteParams::default()).await.unwrap();
    };
    let (done, ()) = tokio::join!(run(&client, resource, json!({})), later);
    assert!(matches!(done, Err(ResourceError::Deleted(name)) if name == "p"));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let client = client(vec![]);
    for (resource, outputs, expected) in [
        (json!({"action": "create", "manifest": "a: [b"}), json!({}), "manifest"),
        (json!({"action": "create", "manifest": "kind: ConfigMap"}), json!({}), "apiVersion and kind are both required"),
        (json!({"action": "create", "manifest": "apiVersion: v9\nkind: Nope\nmetadata: {name: x}"}), json!({}), "no kind v9 Nope"),
        (
            json!({"action": "apply", "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x}"}),
            json!({}),
            "metadata.name is required",
        ),
        (json!({"action": "dance", "manifest": CONFIG_MAP}), json!({}), "\"dance\" is none of"),
        (json!({"action": "delete", "manifest": CONFIG_MAP, "successCondition": "a"}), json!({}), "not supported for delete"),
        (json!({"action": "create"}), json!({}), "at least one of flags or manifest"),
        (json!({"action": "get", "flags": ["nothing", "x"]}), json!({}), "no kind nothing"),
        (json!({"action": "get", "manifest": CONFIG_MAP, "flags": ["--raw=/x"]}), json!({}), "not supported yet: flag --raw"),
        (json!({"action": "get", "manifest": CONFIG_MAP, "successCondition": "a >> b"}), json!({}), "condition \"a >> b\""),
    ] {
        let error = run(&client, resource.clone(), outputs).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{resource}: {error}");
        reported(&client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn reports_survive_faults() {
    // A lost answer, a busy server, a server that is away: the result is there once, and whole.
    for faults in [vec![0, 0], vec![503, 429, 200, 500, 0], vec![0, 200, 409, 503], vec![500; 8]] {
        let client = client(faults.clone());
        let reporter = Reporter::new(client.clone(), &settings());
        reporter.announce().await.unwrap();
        let outputs = Outputs { result: Some("r".to_owned()), ..Outputs::default() };
        reporter.complete(&outputs, Some("1/1".to_owned()), Announced::Yes).await.unwrap();
        assert_eq!(reported(&client).await, json!({"result": "r"}), "{faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_refused_is_said_at_once() {
    let client = client(vec![403, 422]);
    let reporter = Reporter::new(client.clone(), &settings());
    let start = tokio::time::Instant::now();
    let error = reporter.announce().await.unwrap_err();
    assert_eq!(error.to_string(), "task result wf-1");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "fault (the pod's service account lacks this right)");
    assert!(reporter.complete(&Outputs::default(), None, Announced::No).await.is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
    reporter.complete(&Outputs::default(), None, Announced::No).await.unwrap();
    assert_eq!(reported(&client).await, json!({}));
}

#[tokio::test]
async fn artifacts_are_collected() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().to_owned();
    let settings = Settings::from_lookup(&|name| (name == "ARGO_LOCAL_ARTIFACTS").then(|| root.clone())).unwrap();
    let kept = folder.path().join("s3/b/wf/a.tgz");
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, "a").unwrap();
    let client = client(vec![]);
    let task = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowArtifactGCTask",
        "metadata": {"name": "t", "labels": {"workflows.argoproj.io/artifact-gc-pod": "p"}},
        "spec": {"artifactsByNode": {"n1": {
            "archiveLocation": {"s3": {"bucket": "b", "endpoint": "e", "key": "x"}},
            "artifacts": {"a": {"name": "a", "s3": {"key": "wf/a.tgz"}}, "bad": {"name": "bad", "s3": {"key": "../x"}}, "gone": {"name": "gone", "s3": {"key": "no"}}},
        }}},
    });
    api(&client, "WorkflowArtifactGCTask").create(&PostParams::default(), &serde_json::from_value(task).unwrap()).await.unwrap();
    collect(&client, "p", &settings, &Paths::default()).await.unwrap();
    assert!(!kept.exists());
    let task = api(&client, "WorkflowArtifactGCTask").get("t").await.unwrap();
    let results = &task.data["status"]["artifactResultsByNode"]["n1"]["artifactResults"];
    assert_eq!((&results["a"]["success"], &results["gone"]["success"]), (&json!(true), &json!(true)));
    assert!(results["bad"]["error"].as_str().unwrap().contains("must not hold"), "{results}");
}
