//! The `argo` program as a user meets it: how soon a control plane is ready and how big it is, lint, the gap between two steps, workflows a second
//! with real processes. The raw limit beside each figure is the same work by bare processes.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

const ARGO: &str = env!("CARGO_BIN_EXE_argo");

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    *values.get(values.len() / 2).unwrap()
}

/// The median time of a command until its end.
fn time(runs: usize, mut command: impl FnMut() -> Command) -> Duration {
    let once = || {
        let begin = Instant::now();
        assert!(command().stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        begin.elapsed()
    };
    median(std::iter::repeat_with(once).take(runs).collect())
}

fn argo(args: &[&str]) -> Command {
    let mut command = Command::new(ARGO);
    command.args(args).env_remove("KUBECONFIG");
    command
}

struct Up {
    process: std::process::Child,
    kubeconfig: String,
    ready: Duration,
    _output: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Up {
    fn start(args: &[&str]) -> Self {
        let begin = Instant::now();
        let mut process = argo(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let kubeconfig = output.find_map(|line| line.unwrap().strip_prefix("kubeconfig: ").map(str::to_owned)).unwrap();
        Self { process, kubeconfig, ready: begin.elapsed(), _output: output }
    }

    fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
        (kib.unwrap() / 102.4).round() / 10.0
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

fn control_plane() {
    let ready = median((0..5).map(|_| Up::start(&["up"]).ready).collect());
    let up = Up::start(&["up"]);
    // Not waited for anything: memory settles while nothing happens.
    std::thread::sleep(Duration::from_secs(2));
    let line = json!({
        "bench": "up", "ready_ms": ms(ready), "idle_mib": up.resident_mib(), "raw_process_ms": ms(time(5, || argo(&["version"]))),
        "aim_ready_ms": 100, "aim_idle_mib": 30, "upstream_idle_mib": 62,
    });
    println!("{line}");
}

fn lint(examples: &Path) {
    let file = examples.join("ci.yaml").display().to_string();
    let line = json!({
        "bench": "lint", "ms": ms(time(21, || argo(&["lint", "--offline", &file]))), "raw_process_ms": ms(time(21, || argo(&["version"]))),
        "aim_ms": 5, "upstream_ms": 50,
    });
    println!("{line}");
}

/// What a step does: says when it begins and when it ends.
const STAMP: &str = "date +%s%N; date +%s%N";

fn chain(length: usize, out: &Path) -> String {
    let mut text = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{generateName: chain-}}\nspec:\n  entrypoint: main\n  \
         volumes: [{{name: out, hostPath: {{path: {}}}}}]\n  templates:\n  - name: work\n    container:\n      image: busybox\n      \
         command: [sh, -c, '({STAMP}) >> /out/log']\n      volumeMounts: [{{name: out, mountPath: /out}}]\n  - name: main\n    steps:\n",
        out.display()
    );
    for i in 0..length {
        writeln!(text, "    - - {{name: s{i}, template: work}}").unwrap();
    }
    text
}

/// The median time between the end of a step and the beginning of the next.
fn gap(log: &Path, length: usize) -> Duration {
    let stamps: Vec<u64> = std::fs::read_to_string(log).unwrap().lines().map(|l| l.parse().unwrap()).collect();
    assert_eq!(stamps.len(), 2 * length);
    let pairs = stamps.get(1..stamps.len() - 1).unwrap().chunks(2);
    median(pairs.map(|pair| Duration::from_nanos(pair.last().unwrap() - pair.first().unwrap())).collect())
}

fn steps() {
    for length in [10, 50, 200] {
        let folder = tempfile::tempdir().unwrap();
        let (log, file) = (folder.path().join("log"), folder.path().join("chain.yaml"));
        std::fs::write(&file, chain(length, folder.path())).unwrap();
        let begin = Instant::now();
        assert!(argo(&["run", &file.display().to_string()]).stdout(Stdio::null()).status().unwrap().success());
        let (wall, ours) = (begin.elapsed(), gap(&log, length));
        std::fs::remove_file(&log).unwrap();
        for _ in 0..length {
            let mut command = Command::new("sh");
            assert!(command.args(["-c", &format!("({STAMP}) >> {}", log.display())]).status().unwrap().success());
        }
        let line = json!({
            "bench": "step-gap", "steps": length, "gap_ms": ms(ours), "raw_gap_ms": ms(gap(&log, length)), "run_ms": ms(wall),
            "aim_ms_beyond_raw": 10, "upstream_default_ms": 10_040, "upstream_tuned_ms": 116,
        });
        println!("{line}");
    }
}

fn workflows_per_second(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.yaml");
    let one = |i| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: w{i}}}\nspec:\n  entrypoint: main\n  templates:\n  \
             - name: main\n    container: {{image: busybox, command: ['true']}}\n---\n"
        )
    };
    std::fs::write(&file, (0..count).map(one).collect::<String>()).unwrap();
    let up = Up::start(&["up"]);
    let begin = Instant::now();
    let mut submit = argo(&["submit", "--wait", &file.display().to_string()]);
    assert!(submit.env("KUBECONFIG", &up.kubeconfig).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    let seconds = begin.elapsed().as_secs_f64();
    let bare = time(51, || Command::new("true")).as_secs_f64();
    let line = json!({
        "bench": "one-step-workflows", "node": "processes", "workflows": count, "per_s": (count as f64 / seconds * 10.0).round() / 10.0,
        "raw_processes_per_s": (1.0 / bare).round(), "mib_after": up.resident_mib(), "upstream_per_s": 54,
    });
    println!("{line}");
}

fn main() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows");
    control_plane();
    lint(&examples);
    steps();
    workflows_per_second(100);
    workflows_per_second(1_000);
}
