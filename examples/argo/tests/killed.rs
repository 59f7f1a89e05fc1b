//! `argo up --data` killed again and again in the middle of a workflow: it finishes, and no step runs twice.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::Up;

const STEPS: usize = 20;
const KILLS: usize = 10;
/// The moments are chosen by this; another seed is another run of the same test.
const SEED: u64 = 2026;

fn up(home: &Path) -> Up {
    Up::start(|command| {
        command.arg("--data").arg(home.join("data")).env("HOME", home);
    })
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
    let said = running.argo(home, &["submit", &file]);
    let mut random = SEED;
    for _ in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(100 + (random >> 33) % 900));
        running.kill();
        running = up(home);
    }
    let limit = Instant::now() + Duration::from_secs(120);
    let mut phase = String::new();
    let mut object = String::new();
    while Instant::now() < limit && !["Succeeded", "Failed", "Error"].contains(&phase.as_str()) {
        std::thread::sleep(Duration::from_millis(200));
        object = running.argo(home, &["get", "twenty", "-o", "json"]);
        let value: serde_json::Value = serde_json::from_str(&object).unwrap_or_default();
        phase = value.pointer("/status/phase").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    }
    let written = std::fs::read_to_string(out.join("log")).unwrap_or_default();
    let expected: String = (0..STEPS).map(|i| format!("{i}\n")).collect();
    drop(running);
    assert_eq!(written, expected, "{said}{object}");
    assert_eq!(phase, "Succeeded", "{said}{object}");
}
