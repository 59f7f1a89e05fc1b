//! What no good client sends: each is refused in so many words, and the next good request is served.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use argo_local::api::Identity;
use argo_local::{ApiService, LocalCluster};
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams, WatchParams};
use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn send(service: &ApiService, method: &str, path: &str, kind: &str, body: Bytes) -> (u16, Value) {
    let request = http::Request::builder().method(method).uri(path).header("content-type", kind).body(Full::new(body)).unwrap();
    let response = service.clone().answer(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()))
}

async fn start() -> (LocalCluster, ApiService) {
    let cluster = LocalCluster::in_memory().await.unwrap();
    let service = cluster.service_as(Identity::admin());
    (cluster, service)
}

#[tokio::test]
async fn bodies_that_are_none() {
    let (_cluster, service) = start().await;
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep_object = format!("{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{}", "{\"a\":".repeat(100_000));
    let wrong: [(&str, Vec<u8>, u16); 9] = [
        ("application/json", b"{\"kind\": \"ConfigMap\", \"metadata\": {\"na".to_vec(), 400),
        ("application/json", Vec::new(), 400),
        ("application/json", deep, 400),
        ("application/json", deep_object.into_bytes(), 400),
        ("application/json", b"{\"metadata\": {\"name\": \"\xff\xfe\"}}".to_vec(), 400),
        ("application/yaml", vec![b'['; 100_000], 400),
        ("application/vnd.kubernetes.protobuf", b"k8s\0\xff\xff\xff\xff".to_vec(), 400),
        ("text/html", b"<html>".to_vec(), 415),
        ("application/json", vec![b' '; 100 * 1024 * 1024], 413),
    ];
    for (kind, body, wanted) in wrong {
        let start = String::from_utf8_lossy(&body).chars().take(20).collect::<String>();
        let (code, answer) = send(&service, "POST", MAPS, kind, body.clone().into()).await;
        assert_eq!(code, wanted, "{kind} {start}: {}", answer.to_string().chars().take(300).collect::<String>());
        assert_eq!(answer["kind"], "Status");
        if wanted != 413 && kind != "text/html" {
            for patch in ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"] {
                let (code, _) =
                    send(&service, "PATCH", &format!("{MAPS}/kube-root-ca.crt?fieldManager=x"), patch, body.clone().into()).await;
                assert!((400..500).contains(&code), "{patch} {start}: {code}");
            }
        }
    }
    let (code, _) = send(&service, "GET", MAPS, "", Bytes::new()).await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let (_cluster, service) = start().await;
    let paths = [
        "/api/v1/namespaces/default/configmaps/..",
        "/api/v1/namespaces/default/configmaps/%2e%2e",
        "/api/v1/namespaces/default/configmaps/a%2f..%2fb",
        "/api/v1/namespaces/../secrets",
        "/api/v1/namespaces/%00/configmaps",
        "/api/v1/namespaces/%ff%fe/configmaps/x",
        "/api//v1//namespaces",
        "/apis/%2f/v1/x",
        "/..",
        "//",
        "/api/v1/namespaces/default/configmaps/a/b/c/d/e",
    ];
    for path in paths {
        for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
            let (code, answer) = send(&service, method, path, "application/json", "{}".into()).await;
            let empty = code == 200 && answer["items"].as_array().is_some_and(Vec::is_empty);
            assert!(
                (400..500).contains(&code) || empty || path == "//" || (method == "DELETE" && code == 200),
                "{method} {path}: {code} {answer}"
            );
        }
    }
    for query in [
        "?limit=-1",
        "?limit=x",
        "?labelSelector=%ff",
        "?continue=%00",
        "?resourceVersion=99999999999999999999",
        "?timeoutSeconds=x&watch=1",
    ] {
        let (code, _) = send(&service, "GET", &format!("{MAPS}{query}"), "", Bytes::new()).await;
        assert!(code == 200 || (400..500).contains(&code) || code == 504, "{query}: {code}");
    }
}

#[tokio::test]
async fn clients_that_never_finish_hold_up_nobody() {
    let (cluster, service) = start().await;
    let broken = futures::stream::iter([Ok(http_body::Frame::data(Bytes::from("{"))), Err(std::io::Error::other("gone"))]);
    let request = http::Request::post(MAPS).body(StreamBody::new(broken)).unwrap();
    assert_eq!(service.clone().answer(request).await.status(), 400);
    let mut slow = Vec::new();
    for _ in 0..100 {
        let body = futures::stream::once(async { Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from("{"))) })
            .chain(futures::stream::pending());
        let request = http::Request::post(MAPS).body(StreamBody::new(body)).unwrap();
        slow.push(tokio::spawn(service.clone().answer(request)));
    }
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let mut watches = Vec::new();
    for _ in 0..1000 {
        watches.push(maps.watch(&WatchParams::default(), "0").await.unwrap().boxed());
    }
    let made: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "a"}})).unwrap();
    maps.create(&PostParams::default(), &made).await.unwrap();
    assert_eq!(maps.get("a").await.unwrap().metadata.name.as_deref(), Some("a"));
    for watch in &mut watches {
        assert!(watch.next().await.unwrap().is_ok());
    }
    assert!(slow.iter().all(|request| !request.is_finished()));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}
