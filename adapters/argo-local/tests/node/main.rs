//! The node with real processes. This binary is also its own shim, so it has no test harness of the compiler's.

// Not a test for the compiler: see below.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[allow(unreachable_pub)]
#[path = "../../../argo-kube/tests/common/model.rs"]
mod model;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use argo_local::backend::LogOptions;
use argo_local::node::{Isolation, Node, NodeOptions};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::Client;
use kube::api::PostParams;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "__node") {
        return argo_local::node::shim(arguments);
    }
    tracing_subscriber::fmt().init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        smoke(Isolation::Auto).await;
        smoke(Isolation::Plain).await;
    });
    ExitCode::SUCCESS
}

async fn smoke(isolation: Isolation) {
    let client: Client = model::Model::client();
    let folder = tempfile::tempdir().unwrap();
    let node = Node::new(client.clone(), NodeOptions { isolation, ..NodeOptions::new("n", folder.path()) });
    let backend = node.backend();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(node.run(async move { drop(stopped.await) }));
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let start = Instant::now();
    for (name, script) in [
        ("hello", "echo hello; echo $0; id -u; ls /; pwd; tr -d '\\0' </proc/1/cmdline; echo err >&2; exit 3"),
        (
            "files",
            "echo x > /etc/only-here; mkdir -p /out/put; touch /tmp/a; ls /out; ls /tmp | wc -l; mount | wc -l; env; ps ax | wc -l; cowsay hi",
        ),
        ("sleeper", "trap 'echo got term; exit 7' TERM; while :; do sleep 0.01; done"),
    ] {
        let pod: Pod =
            serde_json::from_value(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"nodeName": "n", "restartPolicy": "Never",
                "initContainers": [{"name": "init", "image": "alpine", "command": ["sh", "-c", "echo first"]}],
                "containers": [{"name": "main", "image": "alpine", "command": ["sh", "-c", script]}]}}))
            .unwrap();
        pods.create(&PostParams::default(), &pod).await.unwrap();
    }
    for name in ["hello", "files"] {
        let pod = loop {
            let pod = serde_json::to_value(pods.get(name).await.unwrap()).unwrap();
            if pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed" {
                break pod;
            }
            if start.elapsed() > Duration::from_secs(5) {
                println!("{pod:#}");
                panic!("{name} does not end");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        println!("{name} {:?} {}", start.elapsed(), serde_json::to_string(&pod["status"]["containerStatuses"]).unwrap());
        let options = LogOptions { container: "main".to_owned(), timestamps: false, ..LogOptions::default() };
        let log: Vec<_> = backend.logs("default", name, &options).await.unwrap().try_collect().await.unwrap();
        println!("{}", String::from_utf8_lossy(&log.concat()));
    }
    let _: Value = json!(null);
    drop(stop);
    running.await.unwrap().unwrap();
    let pod = serde_json::to_value(pods.get("sleeper").await.unwrap()).unwrap();
    println!("{:#}", pod["status"]);
}
