//! The agent against a model of the API and a server of its own.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "../../argo-kube/tests/common/model.rs"]
mod model;

use std::convert::Infallible;
use std::time::Duration;

use argo_exec::agent;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

/// Answers `/echo` with what it was sent, `/status/N` with that code, `/slow` never, `/long` with too much.
async fn server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                    let path = request.uri().path().to_owned();
                    let heading = request.headers().get("x-own").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
                    let method = request.method().to_string();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    if path == "/slow" {
                        tokio::time::sleep(Duration::from_secs(600)).await;
                    }
                    let code = path.strip_prefix("/status/").and_then(|n| n.parse().ok()).unwrap_or(200);
                    let text = if path == "/long" {
                        "x".repeat(2 << 20)
                    } else {
                        format!("{method} {heading} {}", String::from_utf8_lossy(&body))
                    };
                    let answer = Response::builder().status(code).header("x-kind", "test").body(Full::new(bytes::Bytes::from(text)));
                    Ok::<_, Infallible>(answer.unwrap())
                });
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}

fn sets(client: &kube::Client) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "argoproj.io".into(),
        version: "v1alpha1".into(),
        api_version: "argoproj.io/v1alpha1".into(),
        kind: "WorkflowTaskSet".into(),
        plural: "workflowtasksets".into(),
    };
    Api::default_namespaced_with(client.clone(), &resource)
}

async fn results(client: &kube::Client, count: usize) -> Value {
    loop {
        let nodes = sets(client).get("wf").await.unwrap().data["status"]["nodes"].clone();
        if nodes.as_object().is_some_and(|nodes| nodes.len() >= count) {
            return nodes;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn tasks_are_run_once_and_reported() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, url) = (model::Model::client(), server().await);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "c2VjcmV0"}});
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::default_namespaced(client.clone());
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    let http = |more: Value| {
        let mut http = json!({"url": format!("{url}/echo")});
        http.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"name": "t", "http": http})
    };
    let secret_header = json!([{"name": "X-Own", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    let no_secret = json!([{"name": "X-Own", "valueFrom": {"secretKeyRef": {"name": "s", "key": "none"}}}]);
    let cases = [
        ("post", http(json!({"method": "POST", "body": "b", "headers": secret_header})), "Succeeded", "POST secret b"),
        ("bytes", http(json!({"method": "PUT", "bodyFrom": {"bytes": "aGk="}})), "Succeeded", "PUT  hi"),
        ("404", http(json!({"url": format!("{url}/status/404")})), "Failed", "received non-2xx response code: 404"),
        (
            "condition",
            http(
                json!({"url": format!("{url}/status/404"), "successCondition": "response.statusCode == 404 && response.headers['X-Kind'][0] == 'test'"}),
            ),
            "Succeeded",
            "GET  ",
        ),
        (
            "false",
            http(json!({"successCondition": "response.body contains 'x'"})),
            "Failed",
            "successCondition 'response.body contains 'x'' evaluated false",
        ),
        ("no condition", http(json!({"successCondition": "response.("})), "Failed", "successCondition"),
        ("no boolean", http(json!({"successCondition": "response.body"})), "Failed", "not a boolean"),
        ("slow", http(json!({"url": format!("{url}/slow"), "timeoutSeconds": 1})), "Failed", "timed out"),
        ("long", http(json!({"url": format!("{url}/long")})), "Failed", "more than a result may be"),
        ("refused", http(json!({"url": "http://127.0.0.1:1/"})), "Failed", "GET http://127.0.0.1:1/"),
        ("no url", http(json!({"url": "nonsense"})), "Failed", "nonsense"),
        ("no key", http(json!({"headers": no_secret})), "Failed", "has no text at key none"),
        ("plugin", json!({"name": "p", "plugin": {"x": {}}}), "Error", "not supported yet"),
    ];
    let tasks: serde_json::Map<String, Value> = cases.iter().map(|(node, task, ..)| ((*node).to_owned(), task.clone())).collect();
    let set = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskSet", "metadata": {"name": "wf"},
        "spec": {"tasks": tasks}, "status": {"nodes": {"post-old": {"phase": "Succeeded"}}}});
    sets(&client).create(&PostParams::default(), &serde_json::from_value(set).unwrap()).await.unwrap();
    let running = tokio::spawn({
        let client = client.clone();
        async move { agent::run(client, "wf", Some(4)).await }
    });
    let nodes = results(&client, cases.len() + 1).await;
    for (node, _, phase, text) in &cases {
        let result = &nodes[*node];
        assert_eq!(result["phase"], *phase, "{node}: {result}");
        let shown = if *phase == "Succeeded" { &result["outputs"]["result"] } else { &result["message"] };
        assert!(shown.as_str().unwrap().contains(text), "{node}: {result}");
    }
    let more = json!({"spec": {"tasks": {"later": http(json!({}))}}});
    sets(&client).patch("wf", &PatchParams::default(), &Patch::Merge(&more)).await.unwrap();
    assert_eq!(results(&client, cases.len() + 2).await["later"]["phase"], "Succeeded");
    sets(&client).delete("wf", &DeleteParams::default()).await.unwrap();
    running.await.unwrap().unwrap();
}
