//! Pods: what recordings do not show.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use argo_core::workflows::{Template, Workflow};
use argo_core::yaml;
use argo_dag::pod::{self, Outcome, PodError, PodOptions, PodRequest};
use serde_json::{Value, json};

fn build_with(spec: &str, template: &str, options: &PodOptions, hosts: &[String]) -> Result<Value, PodError> {
    let workflow: Workflow =
        yaml::from_str(&format!("metadata: {{name: wf, namespace: ns, uid: u, labels: {{team: a}}}}\nspec: {spec}")).unwrap();
    let template: Template = yaml::from_str(template).unwrap();
    let request = PodRequest {
        workflow: &workflow,
        spec: &workflow.spec,
        node_id: "wf-1",
        node_name: "wf.a",
        template: &template,
        pod_name: "wf-a-1",
        include_output: false,
        deadline: None,
        on_exit: false,
        avoid_hosts: hosts,
        seconds_left: Some(30),
    };
    pod::build(&request, options)
}

fn build(spec: &str, template: &str) -> Value {
    build_with(spec, template, &PodOptions::default(), &[]).unwrap()
}

fn container<'p>(pod: &'p Value, name: &str) -> &'p Value {
    pod["spec"]["containers"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap()
}

fn mounts(container: &Value) -> Vec<&str> {
    container["volumeMounts"].as_array().unwrap().iter().map(|m| m["mountPath"].as_str().unwrap()).collect()
}

#[test]
fn the_template_goes_before_the_workflow() {
    let spec = "{nodeSelector: {a: w}, tolerations: [{key: w}], schedulerName: w, podPriorityClassName: w, hostAliases: [{ip: '1'}], serviceAccountName: w,
      podMetadata: {labels: {x: w, z: w}}, podGC: {strategy: OnPodSuccess}, executor: {serviceAccountName: e}, automountServiceAccountToken: false}";
    let pod = build(spec, "{name: a, container: {image: i, command: [c]}}");
    let spec_of = |pod: &Value| pod["spec"].clone();
    assert_eq!(spec_of(&pod)["nodeSelector"], json!({"a": "w"}));
    assert_eq!(spec_of(&pod)["schedulerName"], "w");
    assert_eq!(spec_of(&pod)["priorityClassName"], "w");
    assert_eq!(spec_of(&pod)["serviceAccountName"], "w");
    assert_eq!(spec_of(&pod)["automountServiceAccountToken"], false);
    assert_eq!(spec_of(&pod)["activeDeadlineSeconds"], 30);
    assert_eq!(pod["metadata"]["annotations"]["workflows.argoproj.io/pod-gc-strategy"], "OnPodSuccess");
    assert_eq!(mounts(container(&pod, "wait")).last(), Some(&"/var/run/secrets/kubernetes.io/serviceaccount"));
    let template = "{name: a, container: {image: i, command: [c]}, nodeSelector: {a: t}, tolerations: [{key: t}], schedulerName: t, priorityClassName: t,
      hostAliases: [{ip: '2'}], serviceAccountName: t, metadata: {labels: {x: t}}, activeDeadlineSeconds: 5}";
    let pod = build(spec, template);
    assert_eq!(spec_of(&pod)["nodeSelector"], json!({"a": "t"}));
    assert_eq!(spec_of(&pod)["tolerations"], json!([{"key": "t"}]));
    assert_eq!(spec_of(&pod)["hostAliases"], json!([{"ip": "1"}, {"ip": "2"}]));
    assert_eq!(spec_of(&pod)["serviceAccountName"], "t");
    assert_eq!(spec_of(&pod)["activeDeadlineSeconds"], 5);
    assert_eq!(pod["metadata"]["labels"]["x"], "t");
    assert_eq!(pod["metadata"]["labels"]["z"], "w");
}

#[test]
fn artifacts_lie_where_volumes_are_or_beside_them() {
    let template = "{name: a, volumes: [{name: v, emptyDir: {}}], container: {image: i, command: [c], volumeMounts: [{name: v, mountPath: /v/}]},
      sidecars: [{name: s, image: i, command: [c], mirrorVolumeMounts: true}],
      inputs: {artifacts: [{name: in, path: /v/sub/x, raw: {data: d}}, {name: out, path: /vault, raw: {data: d}}, {name: gone, path: /gone, optional: true}]}}";
    let pod = build("{}", template);
    assert_eq!(mounts(container(&pod, "main")), ["/v/", "/vault", "/var/run/argo"]);
    assert_eq!(mounts(container(&pod, "s")), ["/v/", "/vault", "/var/run/argo"]);
    assert_eq!(mounts(container(&pod, "wait")), ["/mainctrfs/v", "/mainctrfs/vault", "/tmp", "/var/run/argo"]);
    assert_eq!(mounts(&pod["spec"]["initContainers"][0]), ["/argo/inputs/artifacts", "/mainctrfs/v", "/var/run/argo"]);
}

#[test]
fn key_formats_know_the_workflow() {
    let options = PodOptions {
        artifact_repository: serde_json::from_value(
            json!({"archiveLogs": true, "gcs": {"bucket": "b", "keyFormat": "{{workflow.labels.team}}/{{pod.name}}"}}),
        )
        .unwrap(),
        ..PodOptions::default()
    };
    let pod = build_with("{}", "{name: a, container: {image: i, command: [c]}}", &options, &[]).unwrap();
    let env = container(&pod, "main")["env"].as_array().unwrap();
    let told = env.iter().find(|e| e["name"] == "ARGO_TEMPLATE").unwrap()["value"].as_str().unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["archiveLocation"], json!({"archiveLogs": true, "gcs": {"bucket": "b", "key": "a/wf-a-1"}}));
}

#[test]
fn configured_mounts_bring_their_volume() {
    let options =
        PodOptions { executor: Some(json!({"volumeMounts": [{"name": "store", "mountPath": "/store"}]})), ..PodOptions::default() };
    let spec = "{volumes: [{name: store, hostPath: {path: /store}}, {name: other, emptyDir: {}}]}";
    let pod = build_with(spec, "{name: a, container: {image: i, command: [c]}}", &options, &[]).unwrap();
    assert_eq!(pod["spec"]["volumes"][2], json!({"name": "store", "hostPath": {"path": "/store"}}));
    assert_eq!(pod["spec"]["volumes"].as_array().unwrap().len(), 3);
    assert_eq!(mounts(container(&pod, "wait")), ["/store", "/tmp", "/var/run/argo"]);
    assert_eq!(mounts(container(&pod, "main")), ["/var/run/argo"]);
}

#[test]
fn attempts_avoid_hosts() {
    let affinity = "{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
      {matchExpressions: [{key: a, operator: Exists}]}, {matchExpressions: [{key: b, operator: Exists}]}]}}}}";
    let pod = build_with(affinity, "{name: a, container: {image: i, command: [c]}}", &PodOptions::default(), &["h".to_owned()]).unwrap();
    let terms = pod["spec"]["affinity"].pointer("/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms").unwrap();
    for term in terms.as_array().unwrap() {
        assert_eq!(term["matchExpressions"][1], json!({"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["h"]}));
    }
}

#[test]
fn what_cannot_be_built_is_said() {
    let error = |spec: &str, template: &str| build_with(spec, template, &PodOptions::default(), &[]).unwrap_err().to_string();
    assert_eq!(error("{}", "{name: a, steps: [[]]}"), "template \"a\" is of a type that runs no pod");
    assert_eq!(
        error("{}", "{name: a, container: {image: i, command: [c], volumeMounts: [{name: v, mountPath: /v}]}}"),
        "volume 'v' not found in workflow spec"
    );
    assert!(error("{}", "{name: a, container: {image: i}}").contains("what image \"i\" would run is not known"));
    assert_eq!(error("{}", "{name: a, container: {image: i, command: [c]}, podSpecPatch: 'containers: x'}"), "Error applying PodSpecPatch");
    assert_eq!(error("{}", "{name: a, container: {image: i, command: [c]}, podSpecPatch: '{{'}"), "Error applying PodSpecPatch");
}

fn outcome(template: &str, status: Value) -> Outcome {
    let pod = json!({"metadata": {"name": "p", "labels": {"workflows.argoproj.io/workflow": "wf"}}, "status": status});
    pod::outcome(&pod::seen(&pod).unwrap(), &yaml::from_str(template).unwrap())
}

fn ended(name: &str, code: i32, message: &str) -> Value {
    json!({"name": name, "ready": false, "state": {"terminated": {"exitCode": code, "reason": "Error", "message": message, "finishedAt": "2026-01-01T00:00:00Z"}}})
}

#[test]
fn states_and_what_they_mean() {
    let main = "{name: a, container: {image: i}}";
    let says = |outcome: &Outcome| (outcome.phase.clone(), outcome.message.clone());
    let is = |phase: &str, message: &str| (phase.to_owned(), message.to_owned());
    assert_eq!(says(&outcome(main, json!({}))), is("Pending", ""));
    let unschedulable =
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "Unschedulable", "message": "no nodes"}]});
    assert_eq!(says(&outcome(main, unschedulable)), is("Pending", "Unschedulable: no nodes"));
    let waiting = json!({"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}});
    assert_eq!(
        says(&outcome(main, json!({"phase": "Pending", "containerStatuses": [waiting]}))),
        is("Pending", "ImagePullBackOff: no such image")
    );
    assert_eq!(
        says(&outcome(main, json!({"phase": "Failed", "containerStatuses": [waiting]}))),
        is("Error", "Pod failed before main container starts due to ImagePullBackOff: no such image")
    );
    let init = json!({"phase": "Failed", "initContainerStatuses": [ended("init", 64, "no such key")], "containerStatuses": [waiting]});
    assert_eq!(says(&outcome(main, init)), is("Error", "init: Error (exit code 64): no such key"));
    let both = json!({"phase": "Failed", "containerStatuses": [ended("wait", 1, "w"), ended("main", 2, "")]});
    let both = outcome(main, both);
    assert_eq!(says(&both), is("Failed", "main: Error (exit code 2)"));
    assert_eq!((both.exit_code, both.report_lost), (Some(2), true));
    assert_eq!(both.finished_at.unwrap().to_string(), "2026-01-01T00:00:00Z");
    for (code, expected) in [(137, is("Succeeded", "")), (143, is("Succeeded", "")), (3, is("Failed", "side: Error (exit code 3)"))] {
        let status = json!({"phase": "Failed", "containerStatuses": [ended("main", 0, ""), ended("wait", 0, ""), ended("side", code, "")]});
        assert_eq!(says(&outcome(main, status)), expected);
    }
    assert_eq!(
        says(&outcome(main, json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}))),
        is("Failed", "low on memory")
    );
    assert_eq!(says(&outcome(main, json!({"phase": "Unknown"}))), is("Error", "Unexpected pod phase for p: Unknown"));
}

#[test]
fn daemons_are_done_once_they_are_ready() {
    let daemon = "{name: a, daemon: true, container: {image: i}}";
    let running =
        |ready: bool| json!({"phase": "Running", "containerStatuses": [{"name": "main", "ready": ready, "state": {"running": {}}}]});
    assert_eq!((outcome(daemon, running(false)).phase.as_str(), outcome(daemon, running(false)).daemoned), ("Pending", false));
    assert_eq!((outcome(daemon, running(true)).phase.as_str(), outcome(daemon, running(true)).daemoned), ("Running", true));
    assert_eq!(outcome(daemon, json!({"phase": "Succeeded"})).phase, "Failed");
}

#[test]
fn containers_of_a_set_have_ends_of_their_own() {
    let set = "{name: a, containerSet: {containers: [{name: x, image: i}, {name: q, image: i}, {name: z, image: i}]}}";
    let running = json!({"name": "z", "ready": true, "state": {"running": {}}});
    let all = outcome(
        set,
        json!({"phase": "Running", "containerStatuses": [ended("x", 0, ""), ended("q", 64, "m"), running, ended("wait", 0, "")]}),
    );
    let says = |name: &str| (all.containers[name].phase.as_str(), all.containers[name].message.as_str());
    assert_eq!(says("x"), ("Succeeded", ""));
    assert_eq!(says("q"), ("Error", "q: Error (exit code 64): m"));
    assert_eq!(says("z"), ("Running", ""));
    assert_eq!(all.containers.len(), 3);
}
