//! The node is killed with -9.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use argo_local::LocalClusterOptions;
use serde_json::json;

use crate::world::{World, processes, script_with};

const STEPS: u32 = 20;

/// A program that runs twenty pods one after the other, going on where an earlier life of it was killed; or one pod that never ends.
pub(crate) fn victim(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let folder = PathBuf::from(args.next().unwrap());
    let survive = args.next().is_some_and(|word| word == "survive");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let data_dir = survive.then(|| folder.join("data"));
        let options = LocalClusterOptions { data_dir, ..LocalClusterOptions::default() };
        let world = World::start(options, &folder.join("node"), None, |options| options.survive = survive).await;
        let spec = json!({"volumes": [{"name": "h", "hostPath": {"path": folder}}]});
        let container = json!({"volumeMounts": [{"name": "h", "mountPath": "/h"}]});
        if !survive {
            let text = "touch /h/up; setsid sleep 986.75 & sleep 986.75";
            world.create(script_with("endless", text, container.clone(), spec.clone())).await;
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
    Command::new(std::env::current_exe().unwrap()).args(["__victim".as_ref(), folder.as_os_str(), mode.as_ref()]).spawn().unwrap()
}

pub(crate) async fn every_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed: u64 = 20_261_124;
    for _ in 0..10 {
        let mut child = start(folder.path(), "survive");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(100 + (seed >> 33) % 400)).await;
        let over = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        if over.is_some() {
            break;
        }
    }
    assert!(start(folder.path(), "survive").wait().unwrap().success());
    let lines = std::fs::read_to_string(folder.path().join("lines")).unwrap();
    let wanted: Vec<String> = (0..STEPS).map(|step| step.to_string()).collect();
    assert_eq!(lines.lines().collect::<Vec<_>>(), wanted, "every step once, in order");
}

pub(crate) async fn nothing_outlives_a_one_shot_node() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), "die");
    let begin = Instant::now();
    while !folder.path().join("up").exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the pod does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!processes("986.75").is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    while !processes("986.75").is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", processes("986.75"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
