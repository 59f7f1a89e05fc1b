//! The API as kube-rs uses it: watcher, controller, definitions, patches.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use argo_local::{LocalCluster, LocalClusterOptions};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use serde_json::json;

async fn cluster() -> LocalCluster {
    LocalCluster::start(LocalClusterOptions { listen: None, ..Default::default() }).await.unwrap()
}

fn map(name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"a": "b"}}, "data": {"k": value}})).unwrap()
}

#[tokio::test]
async fn a_watcher_sees_what_is_there_and_what_comes() {
    let cluster = cluster().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    maps.create(&PostParams::default(), &map("first", "1")).await.unwrap();
    for config in [watcher::Config::default().labels("a=b"), watcher::Config::default().streaming_lists()] {
        let mut events = watcher(maps.clone(), config).boxed();
        let mut seen = Vec::new();
        loop {
            match events.next().await.unwrap().unwrap() {
                watcher::Event::InitApply(object) => seen.push(object.metadata.name.unwrap()),
                watcher::Event::InitDone => break,
                watcher::Event::Init => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, ["first"]);
        maps.create(&PostParams::default(), &map("second", "1")).await.unwrap();
        let watcher::Event::Apply(object) = events.next().await.unwrap().unwrap() else { panic!("no apply") };
        assert_eq!(object.metadata.name.as_deref(), Some("second"));
        maps.delete("second", &DeleteParams::default()).await.unwrap();
        assert!(matches!(events.next().await.unwrap().unwrap(), watcher::Event::Delete(_)));
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_controller_reconciles() {
    let cluster = cluster().await;
    let client = cluster.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.create(&PostParams::default(), &map("a", "0")).await.unwrap();
    let reconcile = |object: Arc<ConfigMap>, api: Arc<Api<ConfigMap>>| async move {
        let count: u32 = object.data.as_ref().and_then(|d| d["k"].parse().ok()).unwrap_or(0);
        if count < 5 {
            let patch = json!({"data": {"k": (count + 1).to_string()}});
            api.patch(object.metadata.name.as_deref().unwrap(), &PatchParams::default(), &Patch::Merge(patch)).await?;
        }
        Ok::<_, kube::Error>(Action::await_change())
    };
    let controller = Controller::new(maps.clone(), watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(10)), Arc::new(maps.clone()))
        .for_each(|_| async {});
    let done = async {
        loop {
            if maps.get("a").await.unwrap().data.unwrap()["k"] == "5" {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = controller => panic!("the controller ended"),
        () = done => {}
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn definitions_are_installed_and_serve() {
    let cluster = cluster().await;
    argo_kube::crd::install(cluster.client()).await.unwrap();
    argo_kube::crd::install(cluster.client()).await.unwrap();
    let resource: ApiResource = argo_kube::crd::WORKFLOW.resource();
    let workflows: Api<DynamicObject> = Api::default_namespaced_with(cluster.client(), &resource);
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "w-"}, "spec": {"entrypoint": "main"},
    }))
    .unwrap();
    let made = workflows.create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    let name = made.metadata.name.clone().unwrap();
    assert!(name.starts_with("w-") && name.len() == 7);
    let mut changed = made.clone();
    changed.data["status"] = json!({"phase": "Running"});
    let changed = workflows.replace(&name, &PostParams::default(), &changed).await.unwrap();
    assert_eq!(changed.data["status"]["phase"], "Running");
    let conflict = workflows.replace(&name, &PostParams::default(), &made).await.unwrap_err();
    assert!(matches!(conflict, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict"));
    assert_eq!(workflows.list(&ListParams::default().fields(&format!("metadata.name={name}"))).await.unwrap().items.len(), 1);
    cluster.shutdown().await;
}

#[tokio::test]
async fn pods_are_bound_and_end_gracefully() {
    let cluster = cluster().await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    let pod = |name: &str| -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": "x"}]}})).unwrap()
    };
    pods.create(&PostParams::default(), &pod("loose")).await.unwrap();
    pods.delete("loose", &DeleteParams::default()).await.unwrap();
    assert!(pods.get_opt("loose").await.unwrap().is_none());
    pods.create(&PostParams::default(), &pod("bound")).await.unwrap();
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "n"}});
    let answer: serde_json::Value = pods.create_subresource("binding", "bound", &PostParams::default(), &binding).await.unwrap();
    assert_eq!(answer["status"], "Success");
    pods.delete("bound", &DeleteParams::default()).await.unwrap();
    let marked = pods.get("bound").await.unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(30));
    let status = json!({"status": {"phase": "Succeeded"}});
    pods.patch_status("bound", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    pods.delete("bound", &DeleteParams { grace_period_seconds: Some(0), ..Default::default() }).await.unwrap();
    assert!(pods.get_opt("bound").await.unwrap().is_none());
    cluster.shutdown().await;
}
