//! A pod's life: `init` and `emissary` as processes, `wait` in this process against a model of the API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "../../argo-kube/tests/common/model.rs"]
mod model;

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use argo_exec::wait::{Reporter, WaitError, supervise};
use argo_exec::{Paths, Settings, Stop};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

struct Pod {
    folder: tempfile::TempDir,
    template: Value,
    env: Vec<(String, String)>,
    client: kube::Client,
}

impl Pod {
    fn new(template: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let mut env = vec![
            ("ARGO_TEMPLATE".to_owned(), template.to_string()),
            ("ARGO_NODE_ID".to_owned(), "wf-123".to_owned()),
            ("ARGO_POD_NAME".to_owned(), "wf-main-123".to_owned()),
            ("ARGO_WORKFLOW_NAME".to_owned(), "wf".to_owned()),
            ("ARGO_WORKFLOW_UID".to_owned(), "uid-1".to_owned()),
            ("ARGO_INCLUDE_SCRIPT_OUTPUT".to_owned(), "true".to_owned()),
        ];
        for (name, path) in [
            ("ARGO_VAR_RUN", "run"),
            ("ARGO_STAGING", "staging"),
            ("ARGO_INPUTS", "inputs"),
            ("ARGO_MAIN_ROOT", "main"),
            ("ARGO_TMP", "tmp"),
            ("ARGO_LOCAL_ARTIFACTS", "store"),
            ("ARGO_TERMINATION_LOG", "message"),
        ] {
            env.push((name.to_owned(), format!("{root}/{path}")));
        }
        std::fs::write(folder.path().join("message"), "").unwrap();
        Self { template, env, client: model::Model::client(), folder }
    }

    fn lookup(&self, name: &str) -> Option<String> {
        self.env.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    fn paths(&self) -> Paths {
        Paths::from_lookup(&|name| self.lookup(name))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argoexec"));
        command.args(args).envs(self.env.iter().cloned()).stdin(Stdio::null());
        command
    }

    fn init(&self) -> ExitStatus {
        self.command(&["init", "--loglevel", "warn", "--log-format", "text", "--gloglevel", "0"]).status().unwrap()
    }

    fn start(&self, container: &str, command: &[&str]) -> Child {
        let args = [&["emissary", "--loglevel", "warn", "--log-format", "text", "--gloglevel", "0", "--"], command].concat();
        self.command(&args).env("ARGO_CONTAINER_NAME", container).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn main(&self, script: &str) -> Child {
        self.start("main", &["sh", "-c", script])
    }

    async fn wait(&self) -> Result<(), WaitError> {
        let settings = Settings::from_lookup(&|name| self.lookup(name)).unwrap();
        let template = serde_json::from_value(self.template.clone()).unwrap();
        let reporter = Reporter::new(self.client.clone(), &settings);
        supervise(template, settings, self.paths(), reporter, Stop::never()).await
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let plural = format!("{}s", kind.to_lowercase());
        let resource = if kind == "Pod" {
            ApiResource { group: String::new(), version: "v1".into(), api_version: "v1".into(), kind: kind.into(), plural }
        } else {
            let api_version = "argoproj.io/v1alpha1".to_owned();
            ApiResource { group: "argoproj.io".into(), version: "v1alpha1".into(), api_version, kind: kind.into(), plural }
        };
        Api::default_namespaced_with(self.client.clone(), &resource)
    }

    async fn result(&self) -> Value {
        serde_json::to_value(self.api("WorkflowTaskResult").get("wf-123").await.unwrap()).unwrap()
    }

    async fn create_pod(&self, grace: u64) {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "wf-main-123"},
            "spec": {"containers": [], "terminationGracePeriodSeconds": grace}});
        self.api("Pod").create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    async fn annotate(&self, signal: i32) {
        let text = format!("{{\"signal\":{signal}}}");
        let patch = json!({"metadata": {"annotations": {"workflows.argoproj.io/execution": text}}});
        self.api("Pod").patch("wf-main-123", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    fn wait_for_file(&self, name: &str) {
        let start = Instant::now();
        while !self.file(name).exists() {
            assert!(start.elapsed() < Duration::from_secs(20), "{name} did not appear");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[tokio::test]
async fn a_script_with_all_kinds_of_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().to_str().unwrap();
    let pod = Pod::new(json!({
        "name": "t",
        "script": {"source": format!("cat \"$INPUTS/in\"; echo oops >&2; echo -n p > {own}/p; mkdir {own}/d; echo x > {own}/d/x\n"), "command": ["sh"]},
        "inputs": {"artifacts": [{"name": "in", "path": "/in", "raw": {"data": "hello\n"}}]},
        "outputs": {
            "parameters": [{"name": "p", "valueFrom": {"path": format!("{own}/p")}}],
            "artifacts": [{"name": "d", "path": format!("{own}/d")}],
        },
        "archiveLocation": {"archiveLogs": true, "s3": {"bucket": "b", "endpoint": "e", "key": "wf/pod"}},
    }));
    assert!(pod.init().success());
    let script = pod.paths().script();
    let main = pod.command(&["emissary", "--", "sh", script.to_str().unwrap()]).env("INPUTS", pod.paths().inputs).output().unwrap();
    assert_eq!((main.status.code(), String::from_utf8_lossy(&main.stdout).as_ref()), (Some(0), "hello\n"));
    pod.wait().await.unwrap();
    let result = pod.result().await;
    assert_eq!(result["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"], "true");
    assert_eq!(result["metadata"]["labels"]["workflows.argoproj.io/workflow"], "wf");
    assert_eq!(result["metadata"]["ownerReferences"][0]["uid"], "uid-1");
    assert_eq!(
        result["outputs"],
        json!({
            "result": "hello",
            "parameters": [{"name": "p", "value": "p", "valueFrom": {"path": format!("{own}/p")}}],
            "artifacts": [
                {"name": "d", "path": format!("{own}/d"), "s3": {"key": "wf/pod/d.tgz"}},
                {"name": "main-logs", "s3": {"key": "wf/pod/main.log"}},
            ],
        })
    );
    let mut log: Vec<_> = std::fs::read_to_string(pod.file("store/s3/b/wf/pod/main.log")).unwrap().lines().map(str::to_owned).collect();
    log.sort();
    assert_eq!(log, ["hello", "oops"]);
}

#[tokio::test]
async fn exit_codes_are_the_commands() {
    for (script, code) in [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        let pod = Pod::new(json!({"container": {}}));
        assert!(pod.init().success());
        assert_eq!(pod.main(script).wait().unwrap().code(), Some(code), "{script}");
        assert_eq!(std::fs::read_to_string(pod.paths().exit_code_file("main")).unwrap(), code.to_string());
        pod.wait().await.unwrap();
        assert_eq!(pod.result().await["outputs"], json!({"result": ""}));
    }
}

#[tokio::test]
async fn a_command_that_is_not_there_is_64_with_a_hint() {
    let pod = Pod::new(json!({"container": {}}));
    assert!(pod.init().success());
    for (command, expected) in [("no-such-command", "in PATH"), ("/no/such", "does not exist"), ("/etc/passwd", "is it executable?")] {
        let ended = pod.start("main", &[command]).wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(64));
        assert!(message.contains(command) && message.contains(expected), "{message}");
        assert!(std::fs::read_to_string(pod.file("message")).unwrap().contains(command));
        assert_eq!(std::fs::read_to_string(pod.paths().exit_code_file("main")).unwrap(), "64");
    }
}

#[tokio::test]
async fn signals_reach_the_whole_group() {
    let pod = Pod::new(json!({"container": {}}));
    assert!(pod.init().success());
    let script = format!("trap 'echo got; exit 7' TERM; touch {}; sleep 30 & wait", pod.file("up").display());
    let child = pod.main(&script);
    pod.wait_for_file("up");
    let kill = ["kill", "15", &child.id().to_string()].map(str::to_owned);
    assert!(pod.command(&kill.iter().map(String::as_str).collect::<Vec<_>>()).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stdout).as_ref()), (Some(7), "got\n"));
}

#[tokio::test]
async fn blocked_signals_are_heard_all_the_same() {
    let pod = Pod::new(json!({"container": {}}));
    assert!(pod.init().success());
    // A child inherits what is blocked in the thread that starts it.
    let blocked = nix::sys::signal::SigSet::all();
    let before = blocked.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK).unwrap();
    let mut child = pod.main(&format!("touch {}; exec sleep 30", pod.file("up").display()));
    before.thread_set_mask().unwrap();
    pod.wait_for_file("up");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[tokio::test]
async fn a_signal_left_before_the_start_stops_the_command() {
    let pod = Pod::new(json!({"container": {}}));
    assert!(pod.init().success());
    std::fs::write(pod.paths().signal_file("main"), "15").unwrap();
    assert_eq!(pod.main("sleep 30").wait().unwrap().code(), Some(143));
}

#[tokio::test]
async fn a_process_left_behind_does_not_keep_the_container() {
    let pod = Pod::new(json!({"container": {}}));
    assert!(pod.init().success());
    let start = Instant::now();
    let mut child = pod.main("sleep 20 & echo done");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(std::fs::read_to_string(pod.paths().stdout_file("main")).unwrap(), "done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_annotation_stops_main_and_sidecars() {
    let pod = Pod::new(json!({"container": {}, "sidecars": [{"name": "side"}]}));
    pod.create_pod(30).await;
    assert!(pod.init().success());
    let mut main = pod.main(&format!("touch {}; exec sleep 30", pod.file("up").display()));
    let mut side = pod.start("side", &["sleep", "30"]);
    pod.wait_for_file("up");
    let (waited, ()) = tokio::join!(pod.wait(), pod.annotate(15));
    waited.unwrap();
    assert_eq!((main.wait().unwrap().code(), side.wait().unwrap().code()), (Some(143), Some(143)));
    assert_eq!(pod.result().await["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_end_after_main_and_are_killed_if_they_do_not() {
    let pod = Pod::new(json!({"container": {}, "sidecars": [{"name": "side"}, {"name": "deaf"}]}));
    pod.create_pod(1).await;
    assert!(pod.init().success());
    let deaf = format!("trap '' TERM; touch {}; while true; do sleep 1; done", pod.file("deaf").display());
    let (mut side, mut deaf) = (pod.start("side", &["sleep", "30"]), pod.start("deaf", &["sh", "-c", &deaf]));
    pod.wait_for_file("deaf");
    let mut main = pod.main("true");
    pod.wait().await.unwrap();
    assert_eq!(main.wait().unwrap().code(), Some(0));
    assert_eq!((side.wait().unwrap().code(), deaf.wait().unwrap().code()), (Some(143), Some(137)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_stops_main() {
    let mut pod = Pod::new(json!({"container": {}}));
    pod.env.push(("ARGO_DEADLINE".to_owned(), "2020-01-01T00:00:00Z".to_owned()));
    assert!(pod.init().success());
    let mut main = pod.main("exec sleep 30");
    pod.wait().await.unwrap();
    assert_eq!(main.wait().unwrap().code(), Some(143));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_left_no_exit_code_has_ended_if_the_api_says_so() {
    let pod = Pod::new(json!({"container": {}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/none"}}]}}));
    pod.create_pod(30).await;
    let status = json!({"status": {"containerStatuses": [
        {"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 137}}}]}});
    pod.api("Pod").patch("wf-main-123", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let error = pod.wait().await.unwrap_err().to_string();
    assert!(error.starts_with("output parameter 'p'"), "{error}");
    assert_eq!(pod.result().await["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"], "true");
}

#[tokio::test]
async fn one_folder_stands_for_the_file_system() {
    let mut pod = Pod::new(json!({"script": {"source": "echo 1/2 > $ARGO_PROGRESS_FILE; echo hi", "command": ["sh"]}}));
    let keep = ["ARGO_VAR_RUN", "ARGO_STAGING", "ARGO_INPUTS", "ARGO_MAIN_ROOT", "ARGO_TMP"];
    pod.env.retain(|(name, _)| !keep.contains(&name.as_str()));
    let root = pod.file("root").to_str().unwrap().to_owned();
    pod.env.extend([
        ("ARGO_LOCAL_ROOT".to_owned(), root),
        ("ARGO_PROGRESS_FILE".to_owned(), "/var/run/argo/progress".to_owned()),
        ("ARGO_LOCAL_EXECUTOR".to_owned(), env!("CARGO_BIN_EXE_argoexec").to_owned()),
    ]);
    assert!(pod.init().success());
    let executor = pod.file("root/var/run/argo/argoexec");
    assert!(executor.is_symlink());
    let mut main = Command::new(executor);
    let main = main.args(["emissary", "--", "sh", "/argo/staging/script"]).envs(pod.env.iter().cloned()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&main.stdout), "hi\n", "{}", String::from_utf8_lossy(&main.stderr));
    pod.wait().await.unwrap();
    let result = pod.result().await;
    assert_eq!((&result["outputs"]["result"], &result["progress"]), (&json!("hi"), &json!("1/2")));
}

#[tokio::test]
async fn container_sets_run_in_order_and_try_again() {
    let pod = Pod::new(json!({"containerSet": {
        "containers": [{"name": "a"}, {"name": "main", "dependencies": ["a"]}, {"name": "after-b", "dependencies": ["b"]}, {"name": "b"}],
        "retryStrategy": {"retries": 2, "duration": "10ms"},
    }}));
    assert!(pod.init().success());
    let (tries, order) = (pod.file("tries"), pod.file("order"));
    let main = pod.start("main", &["sh", "-c", &format!("echo main >> {}", order.display())]);
    let after = pod.start("after-b", &["true"]);
    let a = format!("echo x >> {0}; test $(wc -l < {0}) -eq 3 && echo a >> {1}", tries.display(), order.display());
    assert_eq!(pod.start("a", &["sh", "-c", &a]).wait().unwrap().code(), Some(0));
    assert_eq!(pod.start("b", &["sh", "-c", "exit 2"]).wait().unwrap().code(), Some(2));
    assert_eq!(main.wait_with_output().unwrap().status.code(), Some(0));
    let after = after.wait_with_output().unwrap();
    assert_eq!(after.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&after.stderr).contains("dependency \"b\" exited with non-zero code: 2"));
    assert_eq!(std::fs::read_to_string(order).unwrap(), "a\nmain\n");
    pod.wait().await.unwrap();
}
