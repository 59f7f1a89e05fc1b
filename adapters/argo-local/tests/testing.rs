//! A user's own controllers against the cluster for tests, by a clock that stands still until everything waits.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use argo_local::TestCluster;
use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, StatefulSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use serde_json::json;

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": "v"}})).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reflector_holds_what_there_is() {
    let cluster = TestCluster::start().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let (store, writer) = reflector::store();
    let stream = reflector(writer, watcher(maps.clone(), watcher::Config::default())).touched_objects();
    let running = tokio::spawn(stream.for_each(|_| async {}));
    store.wait_until_ready().await.unwrap();
    let names = |store: &reflector::Store<ConfigMap>| {
        let mut names: Vec<String> = store.state().iter().map(|m| m.metadata.name.clone().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&store), ["a"]);
    maps.create(&PostParams::default(), &map("b")).await.unwrap();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    // Beyond what one watch lasts: it is taken up again where it ended.
    cluster.pass(Duration::from_secs(3 * 3600)).await;
    maps.create(&PostParams::default(), &map("c")).await.unwrap();
    cluster.settle().await;
    assert_eq!(names(&store), ["b", "c"]);
    running.abort();
}

/// Marks maps when they come, and cleans up when they go.
async fn keep(object: Arc<ConfigMap>, api: Arc<Api<ConfigMap>>) -> Result<Action, kube::runtime::finalizer::Error<kube::Error>> {
    finalizer(&api.clone(), "example.com/cleanup", object, |event| async move {
        let (name, mark) = match event {
            Event::Apply(object) => (object.metadata.name.clone().unwrap(), object.data.as_ref().and_then(|d| d.get("seen")).is_none()),
            Event::Cleanup(object) => {
                let gone = map(&format!("gone-{}", object.metadata.name.as_deref().unwrap()));
                api.create(&PostParams::default(), &gone).await?;
                return Ok(Action::await_change());
            }
        };
        if mark && !name.starts_with("gone-") {
            api.patch(&name, &PatchParams::default(), &Patch::Merge(json!({"data": {"seen": "yes"}}))).await?;
        }
        Ok(Action::requeue(Duration::from_secs(60)))
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_controller_with_a_finalizer_cleans_up() {
    let cluster = TestCluster::start().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let controller = Controller::new(maps.clone(), watcher::Config::default())
        .run(keep, |_, _, _| Action::requeue(Duration::from_secs(1)), Arc::new(maps.clone()))
        .for_each(|_| async {});
    let running = tokio::spawn(controller);
    cluster.pass(Duration::from_secs(5)).await;
    let held = maps.get("a").await.unwrap();
    assert_eq!(held.metadata.finalizers.unwrap_or_default(), ["example.com/cleanup"]);
    assert_eq!(held.data.unwrap()["seen"], "yes");
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    cluster.pass(Duration::from_secs(5)).await;
    assert!(maps.get_opt("a").await.unwrap().is_none());
    assert!(maps.get_opt("gone-a").await.unwrap().is_some());
    running.abort();
}

/// Takes the lease, or keeps it, if nobody else holds it; as leader election does.
async fn lead(leases: &Api<Lease>, who: &str, now: jiff::Timestamp) -> bool {
    let micros = |t: jiff::Timestamp| t.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let spec = json!({"holderIdentity": who, "leaseDurationSeconds": 15, "renewTime": micros(now)});
    let fresh: Lease = serde_json::from_value(json!({"metadata": {"name": "leader"}, "spec": spec})).unwrap();
    let Some(held) = leases.get_opt("leader").await.unwrap() else {
        return leases.create(&PostParams::default(), &fresh).await.is_ok();
    };
    let known = held.spec.unwrap();
    let renewed = known.renew_time.unwrap().0;
    if known.holder_identity.as_deref() != Some(who) && now.duration_since(renewed).as_secs() < 15 {
        return false;
    }
    let mut fresh = fresh;
    fresh.metadata.resource_version = held.metadata.resource_version;
    leases.replace("leader", &PostParams::default(), &fresh).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn one_leads_at_a_time() {
    let cluster = TestCluster::start().await.unwrap();
    let leases: Api<Lease> = Api::default_namespaced(cluster.client());
    assert!(lead(&leases, "a", cluster.now()).await);
    assert!(!lead(&leases, "b", cluster.now()).await);
    cluster.pass(Duration::from_secs(10)).await;
    assert!(lead(&leases, "a", cluster.now()).await);
    cluster.pass(Duration::from_secs(10)).await;
    assert!(!lead(&leases, "b", cluster.now()).await);
    cluster.pass(Duration::from_secs(10)).await;
    // Both try at once: one write loses.
    let (first, second) = tokio::join!(lead(&leases, "b", cluster.now()), lead(&leases, "c", cluster.now()));
    assert!(first ^ second, "{first} {second}");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_gets_its_pods_and_nothing_differs_between_runs() {
    let run = || async {
        let cluster = TestCluster::with_workloads().await.unwrap();
        let deployments: Api<Deployment> = Api::default_namespaced(cluster.client());
        let deployment = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "x"}]}}}});
        deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
        cluster.settle().await;
        let pods: Api<Pod> = Api::default_namespaced(cluster.client());
        for pod in pods.list(&ListParams::default()).await.unwrap() {
            let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
            pods.patch_status(pod.metadata.name.as_deref().unwrap(), &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        }
        cluster.settle().await;
        let status = deployments.get("web").await.unwrap().status.unwrap();
        assert_eq!((status.replicas, status.available_replicas), (Some(2), Some(2)));
        pods.list(&ListParams::default()).await.unwrap().items
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_remembers_its_templates_and_takes_one_back() {
    let cluster = TestCluster::with_workloads().await.unwrap();
    let sets: Api<StatefulSet> = Api::default_namespaced(cluster.client());
    let revisions: Api<ControllerRevision> = Api::default_namespaced(cluster.client());
    let image = |image: &str| json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "main", "image": image}]}});
    let spec = json!({"serviceName": "db", "replicas": 0, "revisionHistoryLimit": 1, "selector": {"matchLabels": {"a": "b"}}, "template": image("1")});
    let set = serde_json::from_value(json!({"metadata": {"name": "db"}, "spec": spec})).unwrap();
    sets.create(&PostParams::default(), &set).await.unwrap();
    cluster.settle().await;
    let history = async || {
        let mut all = revisions.list(&ListParams::default().labels("a=b")).await.unwrap().items;
        all.sort_by_key(|r| r.revision);
        all.into_iter().map(|r| (r.revision.unwrap_or(0), r.data.0)).collect::<Vec<_>>()
    };
    let first = history().await.remove(0).1;
    assert_eq!((&first["spec"]["template"]["$patch"], history().await.len()), (&json!("replace"), 1));
    sets.patch("db", &PatchParams::default(), &Patch::Merge(json!({"spec": {"template": image("2")}}))).await.unwrap();
    cluster.settle().await;
    assert_eq!(history().await.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
    // What `kubectl rollout undo` does.
    sets.patch("db", &PatchParams::default(), &Patch::Strategic(&first)).await.unwrap();
    cluster.settle().await;
    let set = sets.get("db").await.unwrap();
    assert_eq!(set.spec.template.spec.unwrap().containers[0].image.as_deref(), Some("1"));
    let after = history().await;
    assert_eq!(after.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(after[1].1, first);
    // One that is not in use is kept, older ones are not.
    sets.patch("db", &PatchParams::default(), &Patch::Merge(json!({"spec": {"template": image("3")}}))).await.unwrap();
    cluster.settle().await;
    assert_eq!(history().await.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4]);
}
