//! The embedded API through `kube::Client`: start, writes, reads, watches, memory, recovery. In memory, and kept in a folder.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Instant;

use argo_local::{LocalCluster, LocalClusterOptions, TestCluster};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::{Value, json};

const OBJECTS: u32 = 20_000;
/// How many requests are under way at once.
const AT_ONCE: usize = 16;
const WATCHERS: u32 = 100;
const WATCHED: u32 = 500;
const KEPT: u32 = 100_000;

fn say(figure: &str, world: &str, value: f64, unit: &str) {
    println!("{}", json!({"bench": "api", "world": world, "figure": figure, "value": (value * 100.0).round() / 100.0, "unit": unit}));
}

fn rate(start: Instant, count: u32) -> f64 {
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// Memory of this process that is in use, in bytes.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u32>().ok()).map_or(0.0, |pages| f64::from(pages) * 4096.0)
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

async fn start(data_dir: Option<PathBuf>) -> LocalCluster {
    LocalCluster::start(LocalClusterOptions { data_dir, listen: None, ..Default::default() }).await.unwrap()
}

/// Does something with each number, from as many tasks as there may be requests under way.
async fn each<F>(from: u32, to: u32, act: impl Fn(u32) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = (0..AT_ONCE).map(|first| {
        let act = act.clone();
        tokio::spawn(async move {
            for number in (from..to).skip(first).step_by(AT_ONCE) {
                act(number).await;
            }
        })
    });
    futures::future::join_all(tasks).await.into_iter().for_each(Result::unwrap);
}

async fn create(maps: &Api<ConfigMap>, from: u32, to: u32) {
    let maps = maps.clone();
    each(from, to, move |n| {
        let maps = maps.clone();
        async move {
            let map = object(json!({"metadata": {"name": format!("m-{n}"), "labels": {"app": "bench"}}, "data": {"k": "v"}}));
            maps.create(&PostParams::default(), &map).await.unwrap();
        }
    })
    .await;
}

async fn traffic(world: &'static str, client: Client) {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let before = memory();
    let begin = Instant::now();
    create(&maps, 0, OBJECTS).await;
    say("creates", world, rate(begin, OBJECTS), "1/s");
    say("memory of an object", world, (memory() - before) / f64::from(OBJECTS), "bytes");

    let begin = Instant::now();
    let all = maps.clone();
    each(0, OBJECTS, move |n| {
        let maps = all.clone();
        async move {
            let patch = Patch::Merge(json!({"data": {"k": "w"}}));
            maps.patch(&format!("m-{n}"), &PatchParams::default(), &patch).await.unwrap();
        }
    })
    .await;
    say("merge patches", world, rate(begin, OBJECTS), "1/s");

    let pods: Api<Pod> = Api::default_namespaced(client);
    let pod = object(json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let begin = Instant::now();
    for n in 0..OBJECTS / 4 {
        let status = Patch::Merge(json!({"status": {"phase": "Running", "message": n.to_string()}}));
        pods.patch_status("p", &PatchParams::default(), &status).await.unwrap();
    }
    say("status patches of a pod, one after the other", world, rate(begin, OBJECTS / 4), "1/s");

    let begin = Instant::now();
    for n in 0..OBJECTS {
        maps.get(&format!("m-{n}")).await.unwrap();
    }
    say("gets, one after the other", world, rate(begin, OBJECTS), "1/s");

    let begin = Instant::now();
    maps.list(&ListParams::default().limit(10_000)).await.unwrap();
    say("list of 10,000", world, begin.elapsed().as_secs_f64() * 1e3, "ms");
}

async fn fan_out(cluster: &LocalCluster) {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let from = maps.list(&ListParams::default().limit(1)).await.unwrap().metadata.resource_version.unwrap_or_default();
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let (maps, from) = (maps.clone(), from.clone());
            tokio::spawn(async move {
                let mut events = maps.watch(&WatchParams::default(), &from).await.unwrap().boxed();
                let mut seen = 0;
                while seen < WATCHED {
                    if let Some(Ok(WatchEvent::Added(_))) = events.next().await {
                        seen += 1;
                    }
                }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let begin = Instant::now();
    create(&maps, OBJECTS, OBJECTS + WATCHED).await;
    for watcher in watchers {
        watcher.await.unwrap();
    }
    say("events to 100 watchers", "memory", rate(begin, WATCHED * WATCHERS), "1/s");
}

async fn tests() {
    // What is made once for the process is made before.
    drop(TestCluster::start().await.unwrap());
    let (begin, before) = (Instant::now(), memory());
    let mut clusters = Vec::new();
    for _ in 0..20 {
        clusters.push(TestCluster::start().await.unwrap());
    }
    say("start of a TestCluster", "memory", begin.elapsed().as_secs_f64() * 1e3 / 20.0, "ms");
    say("memory of a TestCluster", "memory", (memory() - before) / 20.0 / 1e6, "MB");
}

#[tokio::main]
async fn main() {
    let begin = Instant::now();
    drop(TestCluster::start().await.unwrap());
    say("first start of a TestCluster", "memory", begin.elapsed().as_secs_f64() * 1e3, "ms");
    tests().await;
    let cluster = start(None).await;
    tokio::spawn(traffic("memory", cluster.client())).await.unwrap();
    fan_out(&cluster).await;
    cluster.shutdown().await;

    let folder = tempfile::tempdir().unwrap();
    let cluster = start(Some(folder.path().to_owned())).await;
    tokio::spawn(traffic("redb", cluster.client())).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    create(&maps, OBJECTS, KEPT).await;
    cluster.shutdown().await;
    let begin = Instant::now();
    let cluster = start(Some(folder.path().to_owned())).await;
    say("start with 100,000 objects", "redb", begin.elapsed().as_secs_f64() * 1e3, "ms");
    cluster.shutdown().await;
}
