//! Workload controllers and the scheduler over a real node.

use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::world::World;

async fn create<T>(world: &World, object: Value) -> Api<T>
where
    T: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<T> = Api::namespaced(world.client(), "default");
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    api
}

async fn until<T>(api: &Api<T>, name: &str, wanted: impl Fn(&Value) -> bool) -> Value
where
    T: Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let start = Instant::now();
    loop {
        let object = json!(api.get_opt(name).await.unwrap());
        if wanted(&object) {
            return object;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{name} stays as {object:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn template(text: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": "alpine", "command": ["sh", "-c", text], "ports": [{"name": "http", "containerPort": 8080}]}]}})
}

pub(crate) async fn deployment() {
    let world = World::new().await;
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template("exec sleep 1000")});
    let api: Api<Deployment> = create(&world, json!({"metadata": {"name": "web"}, "spec": spec})).await;
    let settled = |object: &Value| {
        object["status"]["availableReplicas"] == 3 && object["status"]["updatedReplicas"] == 3 && object["status"]["replicas"] == 3
    };
    let first = until(&api, "web", settled).await;
    assert_eq!(first["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    let patch = json!({"spec": {"template": template("exec sleep 1001")}});
    api.patch("web", &PatchParams::default(), &Patch::Strategic(&patch)).await.unwrap();
    let object =
        until(&api, "web", |object| settled(object) && object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2").await;
    let condition = object["status"]["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == "Progressing").unwrap();
    assert_eq!(condition["status"], "True");
    let sets: Api<ReplicaSet> = Api::namespaced(world.client(), "default");
    assert_eq!(sets.list(&ListParams::default()).await.unwrap().items.len(), 2);
    world.stop().await;
}

pub(crate) async fn job() {
    let world = World::new().await;
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "alpine", "command": ["true"]}]}});
    let api: Api<Job> =
        create(&world, json!({"metadata": {"name": "work"}, "spec": {"completions": 3, "parallelism": 2, "template": pod}})).await;
    let object = until(&api, "work", |object| object["status"]["succeeded"] == 3 && !object["status"]["completionTime"].is_null()).await;
    assert!(object["status"]["conditions"].as_array().unwrap().iter().any(|condition| condition["type"] == "Complete"), "{object:#}");
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "alpine", "command": ["false"]}]}});
    create::<Job>(&world, json!({"metadata": {"name": "fails"}, "spec": {"backoffLimit": 0, "template": pod}})).await;
    let object = until(&api, "fails", |object| !object["status"]["conditions"].is_null()).await;
    assert!(
        object["status"]["conditions"].as_array().unwrap().iter().any(|condition| condition["reason"] == "BackoffLimitExceeded"),
        "{object:#}"
    );
    world.stop().await;
}

pub(crate) async fn stateful_set() {
    let world = World::new().await;
    let spec =
        json!({"replicas": 2, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}}, "template": template("exec sleep 1000")});
    let api: Api<StatefulSet> = create(&world, json!({"metadata": {"name": "db"}, "spec": spec})).await;
    until(&api, "db", |object| object["status"]["readyReplicas"] == 2).await;
    assert_eq!(world.pod("db-1").await["spec"]["hostname"], "db-1");
    world.stop().await;
}

pub(crate) async fn service() {
    let world = World::new().await;
    let spec = json!({"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]});
    create::<Service>(&world, json!({"metadata": {"name": "web"}, "spec": spec})).await;
    let mut pod = template("exec sleep 1000");
    pod["metadata"]["name"] = json!("one");
    world.create(pod).await;
    let api: Api<Endpoints> = Api::namespaced(world.client(), "default");
    let object = until(&api, "web", |object| !object["subsets"][0]["addresses"].is_null()).await;
    assert_eq!(
        (&object["subsets"][0]["addresses"][0]["ip"], &object["subsets"][0]["ports"][0]["port"]),
        (&json!("127.0.0.1"), &json!(8080))
    );
    world.stop().await;
}
