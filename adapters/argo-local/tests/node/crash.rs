//! The node is killed with -9.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use argo_local::LocalClusterOptions;
use argo_local::node::{Isolation, NodeOptions};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use crate::world::{World, processes, script_with};

const STEPS: u32 = 20;

/// A program that is killed. As `steps` it runs twenty pods one after the other, going on where an earlier life of it was killed; as `endless`
/// it keeps a pod that does not end; as `one-shot` and `plain` the same without a data folder.
pub(crate) fn victim(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let folder = PathBuf::from(args.next().unwrap());
    let mode = args.next().unwrap().into_string().unwrap();
    let survive = matches!(mode.as_str(), "steps" | "endless");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let data_dir = survive.then(|| folder.join("data"));
        let options = LocalClusterOptions { data_dir, ..LocalClusterOptions::default() };
        let isolation = if mode == "plain" { Isolation::Plain } else { Isolation::Auto };
        let change = |options: &mut NodeOptions| (options.survive, options.isolation) = (survive, isolation);
        let world = World::start(options, &folder.join("node"), None, change).await;
        let spec = json!({"volumes": [{"name": "h", "hostPath": {"path": folder}}]});
        let container = json!({"volumeMounts": [{"name": "h", "mountPath": "/h"}]});
        if mode != "steps" {
            if !folder.join("up").exists() {
                let text = format!(
                    "touch {}/up; setsid sleep 986.75 & sleep 986.75",
                    if mode == "plain" { folder.display().to_string() } else { "/h".to_owned() }
                );
                let nothing = || json!({});
                let (container, spec) = if mode == "plain" { (nothing(), nothing()) } else { (container.clone(), spec.clone()) };
                let ask = "cd /var/run/secrets/kubernetes.io/serviceaccount; while :; do curl -sf --cacert ca.crt -H \"Authorization: Bearer $(cat token)\" \
                           https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/version > /dev/null && touch /h/asked; sleep 0.1; done";
                let text = if survive { format!("({ask}) & {text}") } else { text };
                world.create(script_with("endless", &text, container, spec)).await;
            }
            println!("{}", world.cluster.kubeconfig_yaml().unwrap().replace('\n', "\u{1f}"));
            std::future::pending::<()>().await;
        }
        for step in 0..STEPS {
            let name = format!("step-{step}");
            if world.pod(&name).await.is_null() {
                let text = format!("echo {step} >> /h/lines; sleep 0.05; exit 0");
                world.create(script_with(&name, &text, container.clone(), spec.clone())).await;
            }
            let pod = world.ended(&name).await;
            assert_eq!(pod["status"]["phase"], "Succeeded", "{pod:#}");
        }
        world.stop().await;
    });
    ExitCode::SUCCESS
}

fn start(folder: &Path, mode: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["__victim".as_ref(), folder.as_os_str(), mode.as_ref()]).stdout(Stdio::piped()).spawn().unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn until(what: &str, wanted: impl Fn() -> bool) {
    let begin = Instant::now();
    while !wanted() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The pods of a victim, through its loopback server.
async fn pods(child: &mut Child) -> Api<Pod> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let config = Kubeconfig::from_yaml(&line.replace('\u{1f}', "\n")).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    Api::namespaced(kube::Client::try_from(config).unwrap(), "default")
}

pub(crate) async fn every_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed: u64 = 20_261_124;
    for _ in 0..10 {
        let mut child = start(folder.path(), "steps");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(100 + (seed >> 33) % 400)).await;
        let over = child.try_wait().unwrap().is_some();
        kill(child);
        if over {
            break;
        }
    }
    assert!(start(folder.path(), "steps").wait().unwrap().success());
    let lines = std::fs::read_to_string(folder.path().join("lines")).unwrap();
    let wanted: Vec<String> = (0..STEPS).map(|step| step.to_string()).collect();
    assert_eq!(lines.lines().collect::<Vec<_>>(), wanted, "every step once, in order");
}

async fn dies_with_the_node(mode: &str) {
    let folder = tempfile::tempdir().unwrap();
    let child = start(folder.path(), mode);
    until("the pod starts", || folder.path().join("up").exists()).await;
    let place = folder.path().display().to_string();
    assert!(!processes(&place).is_empty());
    kill(child);
    until("everything ends", || processes(&place).is_empty() && processes("986.75").is_empty()).await;
}

pub(crate) async fn nothing_outlives_a_one_shot_node() {
    dies_with_the_node("one-shot").await;
    dies_with_the_node("plain").await;
    found_again().await;
}

/// In one test with the above, as all look for the same command among all processes.
async fn found_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("node/pods");
    let child = start(folder.path(), "endless");
    until("the pod starts", || folder.path().join("up").exists()).await;
    kill(child);
    assert!(!processes("986.75").is_empty(), "it goes on without the node");
    let mut child = start(folder.path(), "endless");
    let api = pods(&mut child).await;
    let begin = Instant::now();
    // A node that was killed at once has not said so before.
    let pod = loop {
        let pod = api.get("endless").await.unwrap();
        if pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running") {
            break pod;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", pod.status);
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    drop(std::fs::remove_file(folder.path().join("asked")));
    until("the pod finds the API again", || folder.path().join("asked").exists()).await;
    // Now the supervisor is lost, too, while no node runs.
    kill(child);
    let runs = root.join(pod.metadata.uid.unwrap()).join("containers");
    let attempts = || std::fs::read_dir(&runs).unwrap().count();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(runs.join("main.0/started.json")).unwrap()).unwrap();
    Command::new("kill").arg("-9").arg(record["pid"].to_string()).status().unwrap();
    until("its processes end with it", || processes("986.75").is_empty()).await;
    let mut child = start(folder.path(), "endless");
    let api = pods(&mut child).await;
    let begin = Instant::now();
    let status = loop {
        let status = serde_json::json!(api.get("endless").await.unwrap())["status"].clone();
        if status["phase"] == "Failed" {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{status:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["reason"], "ContainerStatusUnknown");
    assert_eq!(attempts(), 1, "it is not started again");
    api.delete("endless", &DeleteParams::default()).await.unwrap();
    until("its folder is removed", || !runs.exists()).await;
    kill(child);
}
