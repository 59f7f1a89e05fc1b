//! One-step workflows end to end: API, controller, and a node that does nothing but say how a pod ended. What the control plane itself costs.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argo_dag::RunConfig;
use argo_kube::{ControllerConfig, WorkflowController, crd};
use argo_local::{LocalCluster, LocalClusterOptions};
use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

const WORKFLOW: &str = "workflows.argoproj.io/workflow";
const NODE_ID: &str = "workflows.argoproj.io/node-id";
/// Upstream 4.1, tuned, on two cores against a real API server.
const UPSTREAM_PER_S: f64 = 54.0;

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    ApiResource { group: group.into(), version: version.into(), api_version, kind: kind.into(), plural: plural.into() }
}

fn api(client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "default", resource)
}

fn metadata_only(client: &Client, resource: &ApiResource) -> Api<PartialObjectMeta<DynamicObject>> {
    Api::namespaced_with(client.clone(), "default", resource)
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

fn one_step(number: usize) -> DynamicObject {
    object(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": format!("wf-{number}")},
        "spec": {"entrypoint": "main", "templates": [
            {"name": "main", "container": {"image": "busybox", "command": ["echo"], "args": ["hello"]}},
        ]},
    }))
}

/// Ends a pod as the executor and the kubelet would: a complete task result, then the status.
async fn end(pods: &Api<DynamicObject>, results: &Api<DynamicObject>, pod: PartialObjectMeta<DynamicObject>) -> Result<(), kube::Error> {
    let result = object(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult",
        "metadata": {"name": pod.annotations().get(NODE_ID), "labels": {
            WORKFLOW: pod.labels().get(WORKFLOW), "workflows.argoproj.io/report-outputs-completed": "true",
        }},
        "outputs": {"exitCode": "0"},
    }));
    results.create(&PostParams::default(), &result).await?;
    let ended = json!({"exitCode": 0, "reason": "Completed", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z"});
    let container =
        |name: &str| json!({"name": name, "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {"terminated": ended}});
    let status = json!({"status": {"phase": "Succeeded", "containerStatuses": [container("main"), container("wait")]}});
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await?;
    Ok(())
}

/// Ends every pod as soon as it is there.
async fn instant_node(client: Client, at_once: usize) {
    let pods = api(&client, &resource("", "v1", "Pod", "pods"));
    let results = api(&client, &resource("argoproj.io", "v1alpha1", "WorkflowTaskResult", "workflowtaskresults"));
    let pending = watcher::Config::default().fields("status.phase=Pending");
    watcher(metadata_only(&client, &resource("", "v1", "Pod", "pods")), pending)
        .try_filter_map(|event| async move {
            Ok(match event {
                Event::Apply(pod) | Event::InitApply(pod) => Some(pod),
                _ => None,
            })
        })
        .try_for_each_concurrent(at_once, |pod| {
            let (pods, results) = (pods.clone(), results.clone());
            async move {
                match end(&pods, &results, pod).await {
                    // Told twice of the same pod.
                    Ok(()) | Err(kube::Error::Api(_)) => Ok(()),
                    Err(e) => panic!("{e}"),
                }
            }
        })
        .await
        .unwrap();
}

/// The same client, with its requests counted.
fn counted(client: &Client, requests: &Arc<AtomicUsize>) -> Client {
    let (client, requests) = (client.clone(), Arc::clone(requests));
    let service = tower::service_fn(move |request| {
        requests.fetch_add(1, Ordering::Relaxed);
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(service, "default")
}

/// Seconds of processor time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|i| fields.get(*i).unwrap().parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap()
}

/// What the same API does when it is only written to as often as a workflow needs: the limit beside which the controller stands.
async fn raw(count: usize) -> f64 {
    let cluster = LocalCluster::start(LocalClusterOptions { listen: None, ..LocalClusterOptions::default() }).await.unwrap();
    let client = cluster.client();
    crd::install(client.clone()).await.unwrap();
    let workflows = api(&client, &resource("argoproj.io", "v1alpha1", "Workflow", "workflows"));
    let begin = Instant::now();
    futures::stream::iter(0..count)
        .for_each_concurrent(32, |number| {
            let workflows = workflows.clone();
            async move {
                workflows.create(&PostParams::default(), &one_step(number)).await.unwrap();
                // Pod, result, pod's status, and the workflow's status twice.
                for step in 0..5 {
                    let patch = json!({"status": {"phase": "Running", "message": step.to_string()}});
                    workflows.patch(&format!("wf-{number}"), &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
                }
            }
        })
        .await;
    let seconds = begin.elapsed().as_secs_f64();
    cluster.shutdown().await;
    count as f64 / seconds
}

async fn run(count: usize) {
    let cluster = LocalCluster::start(LocalClusterOptions { listen: None, ..LocalClusterOptions::default() }).await.unwrap();
    let client = cluster.client();
    crd::install(client.clone()).await.unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let (before, idle) = (cpu_seconds(), resident_kib());
    let config = ControllerConfig { run: Arc::new(RunConfig::default()), events: false, ..ControllerConfig::default() };
    let controller = tokio::spawn(WorkflowController::new(counted(&client, &requests), config).run(std::future::pending()));
    let node = tokio::spawn(instant_node(client.clone(), 32));
    let workflows = api(&client, &resource("argoproj.io", "v1alpha1", "Workflow", "workflows"));
    let done = watcher::Config::default().labels("workflows.argoproj.io/completed=true");
    let mut ended = watcher(metadata_only(&client, &resource("argoproj.io", "v1alpha1", "Workflow", "workflows")), done).boxed();
    let begin = Instant::now();
    let submit = futures::stream::iter(0..count).for_each_concurrent(32, |number| {
        let workflows = workflows.clone();
        async move { drop(workflows.create(&PostParams::default(), &one_step(number)).await.unwrap()) }
    });
    let wait = async {
        let mut names = std::collections::BTreeSet::new();
        while names.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(60), ended.next()).await;
            let event = next.unwrap_or_else(|_| panic!("{} of {count} have ended, and no more did for a minute", names.len()));
            if let Ok(Event::Apply(workflow) | Event::InitApply(workflow)) = event.unwrap() {
                names.insert(workflow.name_any());
            }
        }
    };
    tokio::join!(submit, wait);
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - before;
    controller.abort();
    node.abort();
    let kept = resident_kib().saturating_sub(idle);
    cluster.shutdown().await;
    let line = json!({
        "bench": "one-step-workflows", "node": "instant", "workflows": count, "per_s": (count as f64 / seconds).round(),
        "cpu_ms_per_workflow": (cpu * 1e5 / count as f64).round() / 100.0, "controller_requests_per_workflow": (requests.load(Ordering::Relaxed) as f64 / count as f64 * 10.0).round() / 10.0,
        "kib_per_kept_workflow": kept / count as u64,
        "raw_api_per_s": raw(count).await.round(), "upstream_per_s": UPSTREAM_PER_S,
    });
    println!("{line}");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for count in [100, 1_000, 4_000] {
        runtime.block_on(run(count));
    }
}
