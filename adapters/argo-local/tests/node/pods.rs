//! One pod, whatever it needs.

use std::time::{Duration, Instant};

use argo_local::backend::LogOptions;
use argo_local::node::{Images, Isolation, Program};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::world::{World, processes, script, script_with, terminated};

pub(crate) async fn isolated() {
    let world = World::with(|options| options.isolation = Isolation::Namespaces).await;
    world
        .create(script(
            "one",
            "echo here > /only-in-one; mkdir -p /out; echo x > /out/a; ls /only-in-one; ls /tmp | wc -l; ls -d /proc/[0-9]* | wc -l; hostname",
        ))
        .await;
    world.create(script("two", "sleep 0.2; ls /only-in-one; test ! -e /only-in-one")).await;
    let one = world.ended("one").await;
    assert_eq!(one["status"]["phase"], "Succeeded", "{one:#}");
    let log = world.log("one", "main").await;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!((lines[0], lines[1], lines.last().copied()), ("/only-in-one", "0", Some("one")), "/tmp is empty: {log}");
    let count: usize = lines[2].parse().unwrap();
    assert!(count < 8, "only its own processes: {log}");
    assert_eq!(world.ended("two").await["status"]["phase"], "Succeeded");
    assert!(!std::path::Path::new("/only-in-one").exists());
    world.stop().await;
}

pub(crate) async fn plain() {
    let world = World::with(|options| options.isolation = Isolation::Plain).await;
    world.create(script("one", "echo $0 $TMPDIR; touch here; pwd; sleep 1000 & exit 0")).await;
    assert_eq!(world.ended("one").await["status"]["phase"], "Succeeded");
    let log = world.log("one", "main").await;
    assert!(log.contains("/layer/root/tmp") && log.lines().nth(1).unwrap().ends_with("/layer/root"), "{log}");
    let refused = script_with(
        "two",
        "true",
        json!({"volumeMounts": [{"name": "v", "mountPath": "/data"}]}),
        json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
    );
    world.create(refused).await;
    let two = world.ended("two").await;
    assert!(terminated(&two)["message"].as_str().unwrap().contains("volume mount at /data"), "{two:#}");
    world.stop().await;
}

pub(crate) async fn exit_codes() {
    let world = World::new().await;
    world.create(script("code", "exit 7")).await;
    world.create(script("signal", "kill -9 $$$$")).await;
    let mut missing = script("missing", "");
    missing["spec"]["containers"][0]["command"] = json!(["no-such-program"]);
    world.create(missing).await;
    let code = world.ended("code").await;
    assert_eq!((&terminated(&code)["exitCode"], &terminated(&code)["reason"]), (&json!(7), &json!("Error")));
    assert_eq!(code["status"]["phase"], "Failed");
    assert_eq!(terminated(&world.ended("signal").await)["exitCode"], 137);
    let missing = world.ended("missing").await;
    assert_eq!((&terminated(&missing)["exitCode"], &terminated(&missing)["reason"]), (&json!(128), &json!("StartError")), "{missing:#}");
    assert!(terminated(&missing)["message"].as_str().unwrap().contains("executable file not found in $PATH"));
    world.stop().await;
}

pub(crate) async fn environment() {
    let world = World::new().await;
    let maps: Api<ConfigMap> = Api::namespaced(world.client(), "default");
    let map = json!({"metadata": {"name": "m"}, "data": {"K": "from map", "A": "all"}});
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(world.client(), "default");
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"p": "hidden"}, "data": {"q": "aGlkZGVu"}});
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    let mut pod = script_with(
        "env",
        "",
        json!({
            "command": ["sh", "-c", "echo \"$A|$X_A|$X_K|$PLAIN|$MAP|$SECRET|$POD|$LABEL|$CPU|$(LIT)|$0|$1\"; pwd", "$(PLAIN)"], "args": ["$$(PLAIN)"],
            "workingDir": "/some/where", "envFrom": [{"configMapRef": {"name": "m"}, "prefix": "X_"}, {"secretRef": {"name": "none", "optional": true}}],
            "env": [{"name": "A", "value": "1"}, {"name": "PLAIN", "value": "a$(A)"}, {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "K"}}},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "q"}}}, {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['x/y']"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}}],
            "resources": {"limits": {"cpu": "0.5"}}
        }),
        json!({}),
    );
    pod["metadata"]["labels"] = json!({"x/y": "z"});
    pod["spec"]["containers"][0]["command"][2] = json!("echo \"$A|$X_A|$X_K|$PLAIN|$MAP|$SECRET|$POD|$LABEL|$CPU|$0|$1\"; pwd");
    world.create(pod).await;
    assert_eq!(world.ended("env").await["status"]["phase"], "Succeeded");
    assert_eq!(world.log("env", "main").await, "1|all|from map|a1|from map|hidden|env|z|500|a1|$(PLAIN)\n/some/where\n");
    world.stop().await;
}

pub(crate) async fn volumes() {
    let world = World::new().await;
    let maps: Api<ConfigMap> = Api::namespaced(world.client(), "default");
    let map = json!({"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}});
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(world.client(), "default");
    let claim =
        json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    claims.create(&PostParams::default(), &serde_json::from_value(claim).unwrap()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), "host").unwrap();
    let spec = json!({
        "volumes": [{"name": "m", "configMap": {"name": "m", "items": [{"key": "a", "path": "deep/a", "mode": 0o400}]}}, {"name": "e", "emptyDir": {}},
            {"name": "h", "hostPath": {"path": folder.path()}}, {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
            {"name": "d", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"name": "p", "projected": {"sources": [{"configMap": {"name": "m"}}, {"serviceAccountToken": {"path": "token"}}]}}],
        "initContainers": [{"name": "before", "image": "alpine", "command": ["sh", "-c", "echo shared > /e/x; echo kept > /c/x"],
            "volumeMounts": [{"name": "e", "mountPath": "/e", "subPath": "sub"}, {"name": "c", "mountPath": "/c"}]}]
    });
    let container = json!({"volumeMounts": [{"name": "m", "mountPath": "/etc/m"}, {"name": "e", "mountPath": "/e"}, {"name": "h", "mountPath": "/h"},
        {"name": "c", "mountPath": "/var/run/c"}, {"name": "d", "mountPath": "/d"}, {"name": "p", "mountPath": "/p", "readOnly": true},
        {"name": "m", "mountPath": "/etc/one-file", "subPath": "deep/a"}]});
    let text = "cat /etc/m/deep/a; echo; cat /e/sub/x /h/f; echo; cat /var/run/c/x /d/name; echo; cat /p/b; echo; test -s /p/token; cat /etc/one-file; echo; \
                echo back > /h/g; touch /p/no; echo $?";
    world.create(script_with("vols", text, container, spec)).await;
    let pod = world.ended("vols").await;
    let log = world.log("vols", "main").await;
    assert_eq!(pod["status"]["phase"], "Succeeded", "{pod:#}");
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("Read-only")).collect();
    assert_eq!(lines, ["1", "shared", "host", "kept", "vols", "2", "1", "1"], "{log}");
    assert_eq!(std::fs::read_to_string(folder.path().join("g")).unwrap(), "back\n");
    world.stop().await;
}

pub(crate) async fn late_config() {
    let world = World::new().await;
    let env = json!([{"name": "V", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "k"}}}]);
    world.create(script_with("late", "echo $V", json!({"env": env}), json!({}))).await;
    let waiting = world
        .until("late", |pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerConfigError")
        .await;
    assert_eq!(waiting["status"]["containerStatuses"][0]["state"]["waiting"]["message"], "configmap \"late\" not found");
    let start = Instant::now();
    while !world.log_with("late", LogOptions::default()).await.unwrap_err().contains("waiting to start: CreateContainerConfigError") {
        assert!(start.elapsed() < Duration::from_secs(10), "the node hears of its own status by its watch");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let maps: Api<ConfigMap> = Api::namespaced(world.client(), "default");
    let map = json!({"metadata": {"name": "late"}, "data": {"k": "came"}});
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    assert_eq!(world.ended("late").await["status"]["phase"], "Succeeded");
    assert_eq!(world.log("late", "main").await, "came\n");
    world.stop().await;
}

pub(crate) async fn order() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mount = json!([{"name": "h", "mountPath": "/h"}]);
    let init = |name: &str, text: &str| json!({"name": name, "image": "alpine", "command": ["sh", "-c", text], "volumeMounts": mount});
    let spec = json!({"volumes": [{"name": "h", "hostPath": {"path": folder.path()}}],
        "initContainers": [init("a", "sleep 0.1; echo a >> /h/order"), init("b", "echo b >> /h/order")]});
    world.create(script_with("order", "echo main >> /h/order", json!({"volumeMounts": mount}), spec)).await;
    assert_eq!(world.ended("order").await["status"]["phase"], "Succeeded");
    assert_eq!(std::fs::read_to_string(folder.path().join("order")).unwrap(), "a\nb\nmain\n");
    let mut failing = script("failing", "true");
    failing["spec"]["initContainers"] = json!([{"name": "a", "image": "alpine", "command": ["false"]}]);
    world.create(failing).await;
    let pod = world.ended("failing").await;
    assert_eq!(pod["status"]["phase"], "Failed");
    assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    assert_eq!(pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 1);
    world.stop().await;
}

pub(crate) async fn sidecar() {
    let world = World::new().await;
    let side = "trap 'echo ended; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let spec = json!({"initContainers": [{"name": "side", "image": "alpine", "restartPolicy": "Always", "command": ["sh", "-c", side]}]});
    world.create(script_with("pod", "sleep 0.2", json!({}), spec)).await;
    assert_eq!(world.ended("pod").await["status"]["phase"], "Succeeded");
    assert_eq!(world.log("pod", "side").await, "up\nended\n");
    world.stop().await;
}

pub(crate) async fn restart() {
    let world = World::new().await;
    let spec = json!({"restartPolicy": "OnFailure", "volumes": [{"name": "e", "emptyDir": {}}]});
    let container = json!({"volumeMounts": [{"name": "e", "mountPath": "/e"}]});
    world.create(script_with("again", "echo run; test -e /e/x || { touch /e/x; exit 3; }", container, spec)).await;
    let pod = world.ended("again").await;
    assert_eq!((&pod["status"]["phase"], &pod["status"]["containerStatuses"][0]["restartCount"]), (&json!("Succeeded"), &json!(1)));
    let options = LogOptions { previous: true, ..LogOptions::default() };
    assert_eq!(world.log_with("again", options).await.unwrap(), "run\n");
    world.stop().await;
}

pub(crate) async fn deleted_with_grace() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let spec = json!({"volumes": [{"name": "h", "hostPath": {"path": folder.path()}}]});
    let container = json!({"volumeMounts": [{"name": "h", "mountPath": "/h"}], "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /h/end"]}}}});
    let text = "trap 'echo term >> /h/end; exit 0' TERM; touch /h/up; while :; do sleep 0.01; done";
    world.create(script_with("pod", text, container, spec)).await;
    world.until("pod", |_| folder.path().join("up").exists()).await;
    world.delete("pod", 20).await;
    world.until("pod", serde_json::Value::is_null).await;
    assert_eq!(std::fs::read_to_string(folder.path().join("end")).unwrap(), "hook\nterm\n");
    world.stop().await;
}

/// A finalizer keeps the object of a pod that has ended, and the node leaves it alone.
pub(crate) async fn finalizer() {
    let world = World::new().await;
    let mut pod = script_with("pod", "sleep 1000", json!({}), json!({"terminationGracePeriodSeconds": 1}));
    pod["metadata"]["finalizers"] = json!(["example.com/keep"]);
    world.create(pod).await;
    world.until("pod", |pod| pod["status"]["phase"] == "Running").await;
    world.delete("pod", 1).await;
    let kept = world.ended("pod").await;
    world.until("pod", |pod| pod["metadata"]["deletionGracePeriodSeconds"] == 0).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = world.pod("pod").await["metadata"]["resourceVersion"].clone();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.pod("pod").await["metadata"]["resourceVersion"], before, "nothing goes on: {kept:#}");
    let patch = json!({"metadata": {"finalizers": null}});
    world.pods().patch("pod", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    world.until("pod", serde_json::Value::is_null).await;
    world.stop().await;
}

pub(crate) async fn killed_after_grace() {
    let world = World::new().await;
    world.create(script("pod", "trap '' TERM; while :; do sleep 0.01; done # deaf-to-term")).await;
    world.until("pod", |pod| pod["status"]["phase"] == "Running").await;
    let start = Instant::now();
    world.delete("pod", 1).await;
    world.until("pod", serde_json::Value::is_null).await;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(processes("deaf-to-term"), Vec::<String>::new());
    world.stop().await;
}

pub(crate) async fn deadline() {
    let world = World::new().await;
    world.create(script_with("pod", "sleep 100", json!({}), json!({"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 0}))).await;
    let pod = world.ended("pod").await;
    assert_eq!((&pod["status"]["phase"], &pod["status"]["reason"]), (&json!("Failed"), &json!("DeadlineExceeded")), "{pod:#}");
    world.stop().await;
}

pub(crate) async fn last_words() {
    let world = World::new().await;
    world.create(script("file", "echo -n farewell > /dev/termination-log; exit 1")).await;
    let policy = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    world.create(script_with("log", "echo trouble; exit 1", policy, json!({}))).await;
    assert_eq!(terminated(&world.ended("file").await)["message"], "farewell");
    assert_eq!(terminated(&world.ended("log").await)["message"], "trouble\n");
    world.stop().await;
}

pub(crate) async fn logs() {
    let world = World::new().await;
    world.create(script("pod", "echo one; echo two >&2; sleep 0.3; echo three; seq 1 20000; echo -n end")).await;
    world.until("pod", |pod| pod["status"]["phase"] != "Pending").await;
    let all = world.log_with("pod", LogOptions { follow: true, ..LogOptions::default() }).await.unwrap();
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!((lines.len(), lines.last().copied()), (20_004, Some("end")), "followed to the end");
    let tail = LogOptions { tail_lines: Some(2), ..LogOptions::default() };
    assert_eq!(world.log_with("pod", tail).await.unwrap(), "20000\nend");
    world.stop().await;
}

pub(crate) async fn probes() {
    let world = World::new().await;
    let container = json!({
        "readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1},
        "livenessProbe": {"exec": {"command": ["sh", "-c", "test ! -e /tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1}
    });
    let spec = json!({"restartPolicy": "Always", "terminationGracePeriodSeconds": 0});
    world.create(script_with("pod", "sleep 0.5; touch /tmp/ready; sleep 1.5; touch /tmp/ill; sleep 1000", container, spec)).await;
    world.until("pod", |pod| pod["status"]["phase"] == "Running" && pod["status"]["containerStatuses"][0]["ready"] == false).await;
    world.until("pod", |pod| pod["status"]["containerStatuses"][0]["ready"] == true).await;
    let pod = world.until("pod", |pod| pod["status"]["containerStatuses"][0]["restartCount"] == 1).await;
    let code = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"].as_i64();
    // Without grace it may be either signal.
    assert!(matches!(code, Some(137 | 143)), "{pod:#}");
    world.stop().await;
}

pub(crate) async fn credentials() {
    let world = World::new().await;
    let text = "cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace; echo; test -s token && test -s ca.crt && \
                curl -s --cacert ca.crt -H \"Authorization: Bearer $(cat token)\" https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/version | grep -c gitVersion";
    world.create(script("pod", text)).await;
    let pod = world.ended("pod").await;
    let log = world.log("pod", "main").await;
    assert_eq!((&pod["status"]["phase"], log.as_str()), (&json!("Succeeded"), "default\n1\n"));
    world.stop().await;
}

pub(crate) async fn images() {
    let mut images = Images::default();
    images.map("shout", Program::Command(vec!["/bin/echo".to_owned(), "loud".to_owned()]));
    let world = World::with(|options| options.images = images).await;
    let bare = |name: &str, image: &str, args: &[&str]| json!({"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image, "args": args}]}});
    world.create(bare("mapped", "shout:1", &["x"])).await;
    world.create(bare("say", "argoproj/argosay:v2", &["echo", "text", "/tmp/deep/file"])).await;
    world.create(bare("unknown", "nginx", &[])).await;
    let mut cow = script("cow", "cowsay hello");
    cow["spec"]["containers"][0]["image"] = json!("docker/whalesay");
    world.create(cow).await;
    for name in ["mapped", "say", "cow"] {
        let pod = world.ended(name).await;
        assert_eq!(pod["status"]["phase"], "Succeeded", "{pod:#}");
    }
    assert_eq!(world.log("mapped", "main").await, "loud x\n");
    assert!(world.log("cow", "main").await.contains("< hello >"));
    assert!(terminated(&world.ended("unknown").await)["message"].as_str().unwrap().contains("--image nginx=FOLDER|PROGRAM"));
    world.stop().await;
}

pub(crate) async fn shutdown_leaves_nothing() {
    let world = World::new().await;
    world.create(script_with("pod", "sleep 987.25 & sleep 987.25", json!({}), json!({"terminationGracePeriodSeconds": 1}))).await;
    world.until("pod", |pod| pod["status"]["phase"] == "Running").await;
    world.stop().await;
    assert_eq!(processes("987.25"), Vec::<String>::new());
}
