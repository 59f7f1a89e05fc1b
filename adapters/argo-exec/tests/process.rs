//! All three containers of a pod as processes, with a kubeconfig and an API on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "../../argo-kube/tests/common/model.rs"]
mod model;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::client::Body;
use kube::core::ApiResource;
use serde_json::{Value, json};

/// Serves a client's API on loopback and returns a kubeconfig for it.
async fn serve(client: Client, folder: &Path) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let client = client.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let client = client.clone();
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        client.send(http::Request::from_parts(parts, Body::from(body.to_vec()))).await
                    }
                });
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    // Not used over plain HTTP, but without it a client reads all certificates of the machine.
    let authority = folder.join("ca.pem");
    std::fs::write(&authority, rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()).unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
    });
    let path = folder.join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

struct Pod {
    folder: tempfile::TempDir,
    client: Client,
    env: Vec<(String, String)>,
}

impl Pod {
    async fn new(template: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = model::Model::client();
        let kubeconfig = serve(client.clone(), folder.path()).await;
        let message = folder.path().join("message");
        std::fs::write(&message, "").unwrap();
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let env = vec![
            set("ARGO_LOCAL_ROOT", folder.path().join("root").to_str().unwrap()),
            set("ARGO_TERMINATION_LOG", message.to_str().unwrap()),
            set("ARGO_TEMPLATE", &template.to_string()),
            set("ARGO_NODE_ID", "wf-1"),
            set("ARGO_POD_NAME", "wf-pod-1"),
            set("ARGO_WORKFLOW_NAME", "wf"),
            set("ARGO_INCLUDE_SCRIPT_OUTPUT", "true"),
            set("KUBECONFIG", &kubeconfig),
        ];
        Self { folder, client, env }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argoexec"));
        command.args(args).env_clear().env("PATH", "/usr/bin:/bin").envs(self.env.iter().cloned()).stdin(Stdio::null());
        command
    }

    async fn run(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn outputs(&self) -> Value {
        let resource = ApiResource {
            group: "argoproj.io".into(),
            version: "v1alpha1".into(),
            api_version: "argoproj.io/v1alpha1".into(),
            kind: "WorkflowTaskResult".into(),
            plural: "workflowtaskresults".into(),
        };
        let results: Api<DynamicObject> = Api::default_namespaced_with(self.client.clone(), &resource);
        let result = results.get("wf-1").await.unwrap();
        assert_eq!(result.metadata.labels.unwrap()["workflows.argoproj.io/report-outputs-completed"], "true");
        result.data["outputs"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_make_a_pod() {
    let pod = Pod::new(json!({"container": {"command": ["echo"]}})).await;
    let start = Instant::now();
    assert!(pod.run(&["init", "--loglevel", "warn"]).await.status.success());
    let waiting = pod.run(&["wait", "--loglevel", "warn"]);
    let main = pod.run(&["emissary", "--loglevel", "warn", "--", "echo", "hello"]);
    let (waited, main) = tokio::join!(waiting, main);
    assert!(main.status.success());
    assert!(waited.status.success(), "{}", String::from_utf8_lossy(&waited.stderr));
    assert_eq!(pod.outputs().await, json!({"result": "hello"}));
    assert!(waited.stderr.is_empty(), "{}", String::from_utf8_lossy(&waited.stderr));
    eprintln!("the pod took {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wait_ends_with() {
    let pod = Pod::new(json!({"container": {}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/no/such/file"}}]}})).await;
    assert!(pod.run(&["init", "--loglevel", "warn"]).await.status.success());
    assert!(pod.run(&["emissary", "--", "true"]).await.status.success());
    let waited = pod.run(&["wait", "--loglevel", "warn"]).await;
    assert_eq!(waited.status.code(), Some(64));
    let message = std::fs::read_to_string(pod.folder.path().join("message")).unwrap();
    assert!(message.starts_with("output parameter 'p': /no/such/file: no such file or directory"), "{message}");
    assert_eq!(pod.outputs().await["result"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_a_way_to_the_api() {
    let mut pod = Pod::new(json!({"container": {}})).await;
    pod.env.retain(|(name, _)| name != "KUBECONFIG");
    let waited = pod.run(&["wait"]).await;
    assert_eq!(waited.status.code(), Some(64));
    let message = String::from_utf8_lossy(&waited.stderr).into_owned();
    assert!(message.contains("no Kubernetes API to report to"), "{message}");
    pod.env.retain(|(name, _)| name != "ARGO_TEMPLATE");
    let message = String::from_utf8_lossy(&pod.run(&["init"]).await.stderr).into_owned();
    assert!(message.contains("ARGO_TEMPLATE is not set"), "{message}");
}

/// Prints what the processes of a pod cost, one JSON line a figure: `cargo test -p argo-exec --test process -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measures() {
    let pod = Pod::new(json!({"container": {"command": ["true"]}})).await;
    let rounds = 50_u32;
    let mut figures: Vec<(&str, u128, i64)> = Vec::new();
    let cpu = || {
        let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).unwrap();
        [usage.user_time(), usage.system_time()].iter().map(|t| t.tv_sec() * 1_000_000 + t.tv_usec()).sum::<i64>()
    };
    let mut measure = async |name: &'static str, make: &dyn Fn() -> Vec<Command>| {
        let mut times = Vec::new();
        let before = cpu();
        for _ in 0..rounds {
            let commands = make();
            let start = Instant::now();
            tokio::task::spawn_blocking(move || {
                let mut children: Vec<_> = commands.into_iter().map(|mut c| c.spawn().unwrap()).collect();
                children.iter_mut().for_each(|child| assert!(child.wait().unwrap().success()));
            })
            .await
            .unwrap();
            times.push(start.elapsed().as_micros());
        }
        times.sort_unstable();
        figures.push((name, times[times.len() / 2], (cpu() - before) / i64::from(rounds)));
    };
    measure("true, the raw limit", &|| vec![Command::new("true")]).await;
    measure("init", &|| vec![pod.command(&["init", "--loglevel", "warn"])]).await;
    measure("emissary -- true", &|| vec![pod.command(&["emissary", "--loglevel", "warn", "--", "true"])]).await;
    measure("wait, main has ended", &|| vec![pod.command(&["wait", "--loglevel", "warn"])]).await;
    measure("wait and emissary together", &|| {
        let _ = std::fs::remove_file(pod.folder.path().join("root/var/run/argo/ctr/main/exitcode"));
        vec![pod.command(&["wait", "--loglevel", "warn"]), pod.command(&["emissary", "--loglevel", "warn", "--", "true"])]
    })
    .await;
    for (name, median, cpu) in figures {
        println!(
            "{}",
            json!({"figure": name, "median_us": u64::try_from(median).unwrap(), "cpu_us": cpu, "debug": cfg!(debug_assertions)})
        );
    }
}
