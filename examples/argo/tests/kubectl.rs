//! kubectl against the embedded control plane: what people type at a cluster, in one script.
//!
//! Without kubectl on the path nothing is asked, and the test says so; it fails then only where `ARGO_TEST_REQUIRE_KUBECTL` is set.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Up;

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: busybox, command: [sh, -c, 'echo hello; sleep 3600']}
";

const SETTINGS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast}
";

/// `argo up`, and a folder for its kubeconfig and for kubectl's caches.
struct Cluster {
    // Before the folder: it ends before that is taken away.
    _up: Up,
    home: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let up = Up::start(|command| {
            command.arg("--write-kubeconfig").arg(home.path().join("kubeconfig")).env("HOME", home.path());
        });
        Self { _up: up, home }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(words).env("KUBECONFIG", self.kubeconfig()).env("HOME", self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs kubectl with a text on its standard input; its exit code and all it said.
    fn run(&self, line: &str, input: &str) -> (i32, String) {
        let words: Vec<&str> = line.split(' ').collect();
        let mut child = self.command(&words).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap_or(-1), said)
    }

    /// Runs it and looks for a text in what it says.
    fn expect(&self, line: &str, wanted: &str) -> String {
        self.expect_with(line, "", wanted)
    }

    fn expect_with(&self, line: &str, input: &str, wanted: &str) -> String {
        let (code, said) = self.run(line, input);
        assert!(code == 0 && said.contains(wanted), "kubectl {line}: code {code}, {wanted:?} is to be in:\n{said}");
        said
    }

    fn refused(&self, line: &str, input: &str, wanted: &str) {
        let (code, said) = self.run(line, input);
        assert!(code != 0 && said.contains(wanted), "kubectl {line}: code {code}, {wanted:?} is to be in:\n{said}");
    }
}

fn has_kubectl() -> bool {
    let found = Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|output| output.status.success());
    if !found {
        assert!(
            std::env::var_os("ARGO_TEST_REQUIRE_KUBECTL").is_none(),
            "kubectl is not on the path, and ARGO_TEST_REQUIRE_KUBECTL is set"
        );
        println!("kubectl is not on the path: nothing was tested");
    }
    found
}

#[test]
fn kubectl_finds_a_cluster() {
    if !has_kubectl() {
        return;
    }
    let cluster = Cluster::start();
    applies(&cluster);
    shows(&cluster);
    changes(&cluster);
    rolls_out(&cluster);
    creates(&cluster);
    asks(&cluster);
    watches(&cluster);
    deletes(&cluster);
}

fn applies(cluster: &Cluster) {
    cluster.expect_with("apply -f -", DEPLOYMENT, "deployment.apps/web created");
    cluster.expect_with("apply -f -", DEPLOYMENT, "deployment.apps/web unchanged");
    let more = DEPLOYMENT.replace("replicas: 1", "replicas: 2");
    cluster.refused("diff -f -", &more, "+  replicas: 2");
    cluster.expect_with("diff -f -", DEPLOYMENT, "");
    cluster.expect_with("apply --server-side -f -", SETTINGS, "configmap/settings serverside-applied");
    let other = SETTINGS.replace("fast", "slow");
    cluster.refused("apply --server-side --field-manager=other -f -", &other, "conflict with \"kubectl\": .data.mode");
    cluster.expect_with("apply --server-side --field-manager=other --force-conflicts -f -", &other, "serverside-applied");
    cluster.refused("apply -f -", &SETTINGS.replace("\ndata:", "\ndatas:"), "unknown field \"datas\"");
}

fn shows(cluster: &Cluster) {
    cluster.expect("rollout status deployment/web --timeout=60s", "successfully rolled out");
    cluster.expect("get deployments -o wide", "CONTAINERS");
    cluster.expect("get deploy,cm", "deployment.apps/web");
    cluster.expect("get configmap settings -o custom-columns=N:.metadata.name,M:.data.mode", "settings   slow");
    assert_eq!(cluster.expect("get deployment web -o jsonpath={.spec.replicas}", "1"), "1");
    cluster.expect("get pods -l app=web -o yaml", "kind: List");
    cluster.expect("describe deployment web", "RollingUpdateStrategy");
    cluster.expect("describe pods", "ReplicaSet/web-");
    cluster.expect("logs deployment/web", "hello");
    cluster.refused("get pods nobody", "", "pods \"nobody\" not found");
}

fn changes(cluster: &Cluster) {
    cluster.expect("patch configmap settings --type=merge -p {\"data\":{\"a\":\"1\"}}", "patched");
    cluster.expect("patch configmap settings --type=json -p [{\"op\":\"add\",\"path\":\"/data/b\",\"value\":\"2\"}]", "patched");
    let env = "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"env\":[{\"name\":\"X\",\"value\":\"1\"}]}]}}}}";
    cluster.expect(&format!("patch deployment web --type=strategic -p {env}"), "patched");
    let command = cluster.expect("get deployment web -o jsonpath={.spec.template.spec.containers[0]}", "\"name\":\"X\"");
    assert!(command.contains("sleep 3600"), "{command}");
    cluster.expect("label configmap settings tier=front", "labeled");
    cluster.refused("label configmap settings tier=back", "", "already has a value (front)");
    cluster.expect("annotate configmap settings note=x", "annotated");
    cluster.expect("get configmap -l tier=front -o name", "configmap/settings");
    cluster.expect("scale deployment web --replicas=2", "scaled");
    cluster.expect("wait --for=jsonpath={.status.availableReplicas}=2 deployment/web --timeout=60s", "condition met");
    cluster.expect("wait --for=condition=Available deployment/web --timeout=60s", "condition met");
}

fn rolls_out(cluster: &Cluster) {
    cluster.expect("rollout status deployment/web --timeout=60s", "successfully rolled out");
    cluster.expect("rollout restart deployment/web", "restarted");
    cluster.expect("rollout status deployment/web --timeout=60s", "successfully rolled out");
    let history = cluster.expect("rollout history deployment/web", "REVISION");
    assert!(history.contains("\n3 "), "{history}");
    cluster.expect("rollout undo deployment/web --to-revision=1", "rolled back");
    cluster.expect("rollout status deployment/web --timeout=60s", "successfully rolled out");
    let env = cluster.expect("get deployment web -o jsonpath={.spec.template.spec.containers[0].env}", "");
    assert!(env.is_empty(), "{env}");
}

fn creates(cluster: &Cluster) {
    cluster.expect("create job once --image=busybox -- sh -c true", "job.batch/once created");
    cluster.expect("wait --for=condition=Complete job/once --timeout=60s", "condition met");
    cluster.expect("get jobs", "1/1");
    cluster.expect("create secret generic keys --from-literal=a=b", "secret/keys created");
    cluster.expect("get secret keys -o jsonpath={.data.a}", "Yg==");
    let token = cluster.expect("create token default", ".");
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
}

fn asks(cluster: &Cluster) {
    cluster.expect("auth can-i create pods", "yes");
    cluster.refused("auth can-i delete nodes --as=system:serviceaccount:default:default", "", "no");
    cluster.expect("auth whoami", "system:masters");
    cluster.expect("api-resources", "deployments");
    cluster.expect("api-resources --api-group=argoproj.io", "workflows");
    cluster.expect("explain pod.spec.containers", "imagePullPolicy");
    cluster.expect("explain deployment --recursive", "maxUnavailable");
    cluster.expect("version", "Server Version: v1.");
    let pod = cluster.expect("get pods -l app=web -o name", "pod/");
    let pod = pod.lines().next().unwrap();
    cluster.refused(&format!("exec {pod} -- true"), "", "not offered by this API");
}

fn watches(cluster: &Cluster) {
    let mut watch = cluster.command(&["get", "configmaps", "-w", "--no-headers"]).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("settings ")));
    cluster.expect("create configmap fresh --from-literal=a=b", "created");
    assert!(lines.any(|line| line.starts_with("fresh ")));
    watch.kill().unwrap();
    watch.wait().unwrap();
}

fn deletes(cluster: &Cluster) {
    cluster.expect("delete deployment web --cascade=orphan", "deleted");
    cluster.expect("get replicasets -o name", "replicaset.apps/web-");
    cluster.expect("delete replicasets -l app=web --cascade=foreground --timeout=60s", "deleted");
    cluster.expect("wait --for=delete pods -l app=web --timeout=60s", "");
    assert!(cluster.expect("get pods -l app=web -o name", "").is_empty());
    cluster.expect("delete job once --cascade=background", "deleted");
    cluster.expect("delete configmap settings fresh --wait=false", "\"fresh\" deleted");
    cluster.expect("create namespace gone", "created");
    cluster.expect("delete namespace gone --timeout=60s", "deleted");
    assert!(Path::new(&cluster.kubeconfig()).exists());
}
