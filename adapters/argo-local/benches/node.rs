//! What a pod costs: one JSON line a figure. Run with `cargo bench -p argo-local --bench node`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use argo_local::node::{Isolation, Node, NodeOptions};
use argo_local::{LocalCluster, LocalClusterOptions};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{PostParams, WatchEvent, WatchParams};
use serde_json::json;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "__node") {
        return argo_local::node::shim(arguments, &|_, _| None);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut raw: Vec<Duration> = Vec::new();
        for _ in 0..50 {
            let start = Instant::now();
            Command::new("/bin/true").status().unwrap();
            raw.push(start.elapsed());
        }
        let raw = median(raw);
        figure("process", raw, raw);
        figure("pod_namespaces", pods(Isolation::Auto).await, raw);
        figure("pod_plain", pods(Isolation::Plain).await, raw);
        let (time, peak) = burst(300).await;
        println!("{}", json!({"bench": "burst_of_300_pods", "pods_per_s": 300.0 / time.as_secs_f64(), "raw_process_us": raw.as_micros(), "peak_kib_a_running_pod": peak}));
    });
    ExitCode::SUCCESS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn figure(name: &str, time: Duration, raw: Duration) {
    println!("{}", json!({"bench": name, "median_us": time.as_micros(), "raw_process_us": raw.as_micros()}));
}

/// From the creation of a bound pod of one container to its end in the API, one after the other.
async fn pods(isolation: Isolation) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let cluster = LocalCluster::start(LocalClusterOptions { listen: None, ..LocalClusterOptions::default() }).await.unwrap();
    let node = Node::new(cluster.client(), NodeOptions { isolation, ..NodeOptions::new("n", folder.path()) });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let node = tokio::spawn(node.run(async move { drop(stopped.await) }));
    let api: Api<Pod> = Api::namespaced(cluster.client(), "default");
    let mut times = Vec::new();
    for number in 0..50 {
        let name = format!("pod-{number}");
        let pod = json!({"metadata": {"name": name}, "spec": {"nodeName": "n", "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "alpine", "command": ["/bin/true"]}]}});
        let watch = WatchParams::default().fields(&format!("metadata.name={name}"));
        let mut events = api.watch(&watch, "0").await.unwrap().boxed();
        let start = Instant::now();
        api.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        while let Some(Ok(event)) = events.next().await {
            if let WatchEvent::Added(pod) | WatchEvent::Modified(pod) = event
                && pod.status.and_then(|status| status.phase).as_deref() == Some("Succeeded")
            {
                break;
            }
        }
        // The first ones also wait for the node to be ready.
        if number >= 5 {
            times.push(start.elapsed());
        }
    }
    drop(stop);
    node.await.unwrap().unwrap();
    cluster.shutdown().await;
    median(times)
}

/// Many pods at once, through the scheduler: until all have ended, and the memory that one takes while it runs.
async fn burst(count: usize) -> (Duration, u64) {
    let folder = tempfile::tempdir().unwrap();
    let cluster = LocalCluster::start(LocalClusterOptions { listen: None, ..LocalClusterOptions::default() }).await.unwrap();
    let node = Node::new(cluster.client(), NodeOptions::new("n", folder.path()));
    let stop = tokio_util::sync::CancellationToken::new();
    let controllers = tokio::spawn({
        let (stop, client) = (stop.clone(), cluster.client());
        async move { argo_local::controllers::workload::run_all(client, stop.cancelled()).await }
    });
    let node = tokio::spawn({
        let stop = stop.clone();
        async move { node.run(stop.cancelled()).await }
    });
    let api: Api<Pod> = Api::namespaced(cluster.client(), "default");
    let start = Instant::now();
    for number in 0..count {
        let pod = json!({"metadata": {"name": format!("pod-{number}")}, "spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": "alpine", "command": ["sleep", "0.5"]}]}});
        api.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }
    let mut memory = 0;
    loop {
        let pods = api.list(&kube::api::ListParams::default()).await.unwrap();
        let phases = pods.items.iter().map(|pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default());
        if phases.filter(|phase| phase == "Succeeded").count() == count {
            break;
        }
        memory = memory.max(helpers_memory());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let time = start.elapsed();
    stop.cancel();
    node.await.unwrap().unwrap();
    controllers.await.unwrap();
    cluster.shutdown().await;
    (time, memory)
}

/// KiB of memory that is not shared of a container's supervisor and first process, on average.
fn helpers_memory() -> u64 {
    let (mut sum, mut count) = (0, 0_u64);
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("__node\0supervise") || line.contains("__node\0init") {
            let map = std::fs::read_to_string(entry.path().join("smaps_rollup")).unwrap_or_default();
            let private = map.lines().filter(|line| line.starts_with("Private_Dirty"));
            sum += private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>();
            count += u64::from(line.contains("supervise"));
        }
    }
    sum.checked_div(count).unwrap_or(0)
}
