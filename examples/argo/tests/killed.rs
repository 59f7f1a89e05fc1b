//! `argo up --data` killed again and again in the middle of a workflow: it finishes, and no step runs twice.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const STEPS: usize = 20;
const KILLS: usize = 10;
/// The moments are chosen by this; another seed is another run of the same test.
const SEED: u64 = 2026;

struct Up {
    process: Child,
    kubeconfig: String,
    /// Kept open: a program whose output nobody takes ends.
    _output: std::io::Lines<BufReader<ChildStdout>>,
}

/// Starts the control plane and waits until it says where its kubeconfig is.
fn up(home: &Path) -> Up {
    let mut process = Command::new(env!("CARGO_BIN_EXE_argo"))
        .args(["up", "--data"])
        .arg(home.join("data"))
        .env("HOME", home)
        .env_remove("KUBECONFIG")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
    let kubeconfig = output.find_map(|line| line.unwrap().strip_prefix("kubeconfig: ").map(str::to_owned)).unwrap();
    Up { process, kubeconfig, _output: output }
}

fn argo(up: &Up, home: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_argo"));
    let output = command.args(args).env("KUBECONFIG", &up.kubeconfig).env("HOME", home).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn manifest(folder: &Path) -> String {
    let steps: String = (0..STEPS)
        .map(|i| format!("    - - {{name: s{i}, template: note, arguments: {{parameters: [{{name: step, value: '{i}'}}]}}}}\n"))
        .collect();
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: twenty}}\nspec:\n  entrypoint: main\n  \
         volumes: [{{name: out, hostPath: {{path: {}}}}}]\n  templates:\n  - name: main\n    steps:\n{steps}  - name: note\n    \
         inputs: {{parameters: [{{name: step}}]}}\n    container:\n      image: busybox\n      command: [sh, -c]\n      \
         args: ['echo {{{{inputs.parameters.step}}}} >> /out/log; sleep 0.1']\n      volumeMounts: [{{name: out, mountPath: /out}}]\n",
        folder.display()
    )
}

#[test]
fn ten_kills_and_every_step_ran_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let out = home.join("out");
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(home.join("wf.yaml"), manifest(&out)).unwrap();
    let file = home.join("wf.yaml").display().to_string();

    let mut running = up(home);
    let said = argo(&running, home, &["submit", &file]);
    let mut random = SEED;
    for _ in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(100 + (random >> 33) % 900));
        running.process.kill().unwrap();
        running.process.wait().unwrap();
        running = up(home);
    }
    let limit = Instant::now() + Duration::from_secs(120);
    let mut phase = String::new();
    let mut object = String::new();
    while Instant::now() < limit && !["Succeeded", "Failed", "Error"].contains(&phase.as_str()) {
        std::thread::sleep(Duration::from_millis(200));
        object = argo(&running, home, &["get", "twenty", "-o", "json"]);
        let value: serde_json::Value = serde_json::from_str(&object).unwrap_or_default();
        phase = value.pointer("/status/phase").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    }
    let written = std::fs::read_to_string(out.join("log")).unwrap_or_default();
    let expected: String = (0..STEPS).map(|i| format!("{i}\n")).collect();
    running.process.kill().unwrap();
    running.process.wait().unwrap();
    assert_eq!(written, expected, "{said}{object}");
    assert_eq!(phase, "Succeeded", "{said}{object}");
}

#[test]
fn several_workflows_are_waited_for_at_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let one = |name: &str, command: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: {name}}}\nspec:\n  entrypoint: main\n  templates:\n  \
             - name: main\n    container: {{image: busybox, command: ['{command}']}}\n---\n"
        )
    };
    let file = home.join("two.yaml");
    std::fs::write(&file, one("good", "true") + &one("bad", "false")).unwrap();
    let mut running = up(home);
    let said = argo(&running, home, &["submit", "--wait", &file.display().to_string()]);
    running.process.kill().unwrap();
    running.process.wait().unwrap();
    assert!(said.contains("good Succeeded at") && said.contains("bad Failed at"), "{said}");
}
