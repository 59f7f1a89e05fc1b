//! The program as users run it: workflows as real processes, exit codes, and what is said about what is wrong.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn argo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_argo")).args(args).current_dir(root()).env_remove("KUBECONFIG").output().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a workflow and returns exit code, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = argo(&[&["run"], args].concat());
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A manifest in a folder of its own.
fn manifest(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wf.yaml");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

#[test]
fn a_step_runs_with_its_parameter_and_its_log_is_shown() {
    let (code, out, err) = run(&["examples/workflows/hello.yaml", "--name", "hello", "-p", "name=you", "--log"]);
    assert_eq!(code, 0, "{out}{err}");
    for line in ["hello  Running", "hello: hello, you", "hello  Succeeded"] {
        assert!(out.lines().any(|l| l == line), "{line:?} is missing:\n{out}{err}");
    }
}

#[test]
fn values_travel_from_task_to_task_and_out() {
    let (code, out, err) = run(&["examples/workflows/diamond.yaml", "-p", "start=4"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("answer = 15"), "{out}{err}");
}

#[test]
fn loops_collect_their_results() {
    let (code, out, err) = run(&["examples/workflows/fan-out.yaml", "-p", "count=3", "--log"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("collect: [100,200,300]") || out.contains("collect: [\"100\",\"200\",\"300\"]"), "{out}{err}");
}

#[test]
fn artifacts_travel_from_task_to_task() {
    let (code, out, err) = run(&["examples/workflows/ci.yaml", "--log"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("hello from version 1.4.2") && out.contains("version = 1.4.2"), "{out}{err}");
}

#[test]
fn templates_and_config_maps_of_the_file_are_there() {
    let (code, out, err) = run(&["examples/workflows/library.yaml", "--log"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("Good day, Grace!"), "{out}{err}");
    let (code, out, err) = run(&["examples/workflows/library.yaml", "--from", "workflowtemplate/greetings", "-p", "name=you", "--log"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("Good day, you!"), "{out}{err}");
}

#[test]
fn a_failure_is_a_failure_and_the_exit_handler_runs() {
    let (code, out, err) = run(&["examples/workflows/exit-handler.yaml", "--name", "eh", "--log"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("report: eh is Failed") && out.contains("exit code 3"), "{out}{err}");
}

#[test]
fn the_object_is_printed_when_asked_for() {
    let (code, out, err) = run(&["examples/workflows/hello.yaml", "-o", "json"]);
    assert_eq!(code, 0, "{out}{err}");
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["status"]["phase"], "Succeeded");
}

#[test]
fn time_is_over_when_it_is_over() {
    let (_folder, file) = manifest(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: long}\nspec:\n  entrypoint: a\n  templates:\n  - name: a\n    \
         container: {image: busybox, command: [sleep, '600']}\n",
    );
    let (code, out, err) = run(&[&file, "--timeout", "2s"]);
    assert_eq!(code, 124, "{out}{err}");
    assert!(out.contains("Stopped with strategy 'Terminate'"), "{out}{err}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let (code, _, err) = run(&["no/such/file.yaml"]);
    assert!(code == 66 && err.contains("no/such/file.yaml: there is no such file"), "{code} {err}");

    let (_folder, file) = manifest("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  entrypont: main\n");
    let (code, _, err) = run(&[&file]);
    assert!(code == 65 && err.contains("wf.yaml:4:3: unknown field \"spec.entrypont\" (did you mean \"entrypoint\"?)"), "{code} {err}");

    let (_folder, file) = manifest("kind: Workflow\n  spec: [\n");
    let (code, _, err) = run(&[&file]);
    assert!(code == 65 && err.contains("wf.yaml:2:"), "{code} {err}");

    let (_folder, file) = manifest("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    let (code, _, err) = run(&[&file]);
    assert!(code == 65 && err.contains("there is no Workflow in the files"), "{code} {err}");

    let (code, _, err) = run(&["examples/workflows/library.yaml", "--from", "workflowtemplate/greeting"]);
    assert!(code == 2 && err.contains("did you mean \"greetings\"?"), "{code} {err}");

    let (code, _, err) = run(&[]);
    assert!(code == 2 && err.contains("<FILE>"), "{code} {err}");
}

#[test]
fn own_examples_have_no_lint_errors() {
    let output = argo(&["lint", "--offline", "examples/workflows"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn control_c_ends_the_steps_and_says_so() {
    use std::io::{BufRead, BufReader};
    let marker = tempfile::tempdir().unwrap();
    let left = marker.path().join("left");
    let (_folder, file) = manifest(&format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: long}}\nspec:\n  entrypoint: a\n  templates:\n  - name: a\n    container:\n      \
         image: busybox\n      command: [sh, -c, 'echo started; sleep 600; echo late > {}']\n",
        left.display()
    ));
    let mut child = Command::new(env!("CARGO_BIN_EXE_argo"))
        .args(["run", &file, "--log"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.ends_with(": started"))), "the step did not start");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:#?}");
    assert!(rest.iter().any(|line| line.contains("Failed")), "{rest:#?}");
    assert!(!left.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_full_disk_it_is_known_how_the_step_ended() {
    let fill = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: full}\nspec:\n  entrypoint: main\n  templates:\n  - name: main\n    \
                container: {image: busybox, command: [sh, -c, 'head -c 50000000 /dev/zero > /tmp/f || exit 7']}\n";
    let (folder, file) = manifest(fill);
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let script = "mount -t tmpfs -o size=4m small \"$TMPDIR\" && exec \"$0\" run --log \"$1\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_argo"), &file])
        .env("TMPDIR", &small)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let told = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("exit code 7"), "{told}");
}
