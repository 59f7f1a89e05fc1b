//! The values that fields have where nothing was said.

use serde_json::{Map, Value, json};

use super::pod;
use crate::api::json;

pub(super) fn fill(type_name: &str, object: &mut Value) {
    match type_name {
        "core/v1.Pod" => {
            let spec = json::child(object, "spec");
            pod::defaults(spec);
            json::default(spec, "enableServiceLinks", true);
        }
        "core/v1.PodTemplate" => template(object, "template"),
        "core/v1.Service" => service(object),
        "core/v1.Secret" => secret(object),
        "core/v1.Namespace" => namespace(object),
        "core/v1.PersistentVolumeClaim" => {
            let spec = json::child(object, "spec");
            json::default(spec, "volumeMode", "Filesystem");
            json::default(spec, "resources", json!({}));
        }
        "core/v1.PersistentVolume" => {
            let spec = json::child(object, "spec");
            json::default(spec, "persistentVolumeReclaimPolicy", "Retain");
            json::default(spec, "volumeMode", "Filesystem");
            if let Some(path) = spec.get_mut("hostPath") {
                json::default(json::map(path), "type", "");
            }
        }
        "core/v1.Event" => {
            let map = json::map(object);
            json::default(map, "involvedObject", json!({}));
            json::default(map, "source", json!({}));
            for key in ["firstTimestamp", "lastTimestamp", "eventTime"] {
                map.entry(key).or_insert(Value::Null);
            }
            json::default(map, "reportingComponent", "");
            json::default(map, "reportingInstance", "");
        }
        "core/v1.Node" => node(object),
        "core/v1.LimitRange" => {
            for limit in json::items_mut(json::child(object, "spec"), "limits") {
                limit_range_item(json::map(limit));
            }
        }
        "core/v1.ResourceQuota" => {
            json::child(object, "spec");
        }
        "core/v1.ReplicationController" => replication_controller(object),
        "apps/v1.Deployment" => deployment(object),
        "apps/v1.ReplicaSet" => {
            json::default(json::child(object, "spec"), "replicas", 1);
            template(object, "spec");
        }
        "apps/v1.StatefulSet" => stateful_set(object),
        "apps/v1.DaemonSet" => daemon_set(object),
        "batch/v1.Job" => job(object),
        "batch/v1.CronJob" => cron_job(object),
        "policy/v1.PodDisruptionBudget" => {
            json::child(object, "spec");
        }
        "networking/v1.NetworkPolicy" => {
            let spec = json::child(object, "spec");
            json::default(spec, "podSelector", json!({}));
            let types = if spec.contains_key("egress") { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            json::default(spec, "policyTypes", types);
        }
        "networking/v1.IngressClass" => {
            if let Some(parameters) = json::child(object, "spec").get_mut("parameters") {
                json::default(json::map(parameters), "scope", "Cluster");
            }
        }
        "autoscaling/v2.HorizontalPodAutoscaler" => autoscaler(object),
        "rbac/v1.RoleBinding" | "rbac/v1.ClusterRoleBinding" => {
            for subject in json::items_mut(json::map(object), "subjects") {
                let subject = json::map(subject);
                if subject.get("kind").and_then(Value::as_str) != Some("ServiceAccount") {
                    json::default(subject, "apiGroup", "rbac.authorization.k8s.io");
                }
            }
        }
        "rbac/v1.ClusterRole" | "rbac/v1.Role" => {
            json::map(object).entry("rules").or_insert(Value::Null);
        }
        "scheduling/v1.PriorityClass" => {
            json::default(json::map(object), "preemptionPolicy", "PreemptLowerPriority");
        }
        "storage/v1.StorageClass" => {
            let map = json::map(object);
            json::default(map, "reclaimPolicy", "Delete");
            json::default(map, "volumeBindingMode", "Immediate");
        }
        "coordination/v1.Lease" => {
            json::child(object, "spec");
        }
        "apiextensions/v1.CustomResourceDefinition" => crate::api::crd::definition_defaults(object),
        _ => {}
    }
}

pub(super) fn admit(type_name: &str, object: &mut Value) {
    match type_name {
        "core/v1.Pod" => pod::admit(json::child(object, "spec")),
        "core/v1.PersistentVolumeClaim" => finalizer(object, "kubernetes.io/pvc-protection"),
        "core/v1.PersistentVolume" => finalizer(object, "kubernetes.io/pv-protection"),
        "batch/v1.Job" => job_selector(object),
        "core/v1.Node" => {
            // Not ready before its kubelet says so.
            let taints = json::child(object, "spec").entry("taints").or_insert_with(|| json!([]));
            let key = "node.kubernetes.io/not-ready";
            if let Some(list) = taints.as_array_mut()
                && !list.iter().any(|t| json::text(t, &["key"]) == key)
            {
                list.push(json!({"key": key, "effect": "NoSchedule"}));
            }
        }
        _ => {}
    }
}

fn finalizer(object: &mut Value, name: &str) {
    let list = json::metadata(object).entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut()
        && !list.iter().any(|f| f == name)
    {
        list.push(name.into());
    }
}

/// The pod template under `spec` (or at the top, for `PodTemplate`).
fn template(object: &mut Value, under: &str) {
    let holder = if under == "template" { json::map(object) } else { json::child(object, under) };
    let template = json::map(holder.entry("template").or_insert_with(|| json!({})));
    template.entry("metadata").or_insert_with(|| json!({}));
    if let Some(spec) = template.get_mut("spec") {
        pod::defaults(json::map(spec));
    }
}

fn service(object: &mut Value) {
    let spec = json::child(object, "spec");
    json::default(spec, "type", "ClusterIP");
    json::default(spec, "sessionAffinity", "None");
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if spec.get("sessionAffinity").and_then(Value::as_str) == Some("ClientIP") {
        let config = json::map(spec.entry("sessionAffinityConfig").or_insert_with(|| json!({})));
        json::default(json::map(config.entry("clientIP").or_insert_with(|| json!({}))), "timeoutSeconds", 10800);
    }
    if kind != "ExternalName" {
        json::default(spec, "internalTrafficPolicy", "Cluster");
        json::default(spec, "ipFamilyPolicy", "SingleStack");
        json::default(spec, "ipFamilies", json!(["IPv4"]));
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        json::default(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        json::default(spec, "allocateLoadBalancerNodePorts", true);
    }
    for port in json::items_mut(spec, "ports") {
        let port = json::map(port);
        json::default(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_default();
        json::default(port, "targetPort", number);
    }
}

fn secret(object: &mut Value) {
    use base64::Engine as _;
    let map = json::map(object);
    if let Some(Value::Object(texts)) = map.remove("stringData") {
        let data = json::map(map.entry("data").or_insert_with(|| json!({})));
        for (key, text) in texts {
            let text = text.as_str().unwrap_or_default();
            data.insert(key, base64::engine::general_purpose::STANDARD.encode(text).into());
        }
    }
    json::default(map, "type", "Opaque");
}

fn namespace(object: &mut Value) {
    let name = json::meta(object, "name").to_owned();
    let metadata = json::metadata(object);
    let labels = json::map(metadata.entry("labels").or_insert_with(|| json!({})));
    labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
}

fn node(object: &mut Value) {
    let spec = json::child(object, "spec");
    let _ = spec;
    let status = json::child(object, "status");
    if let Some(capacity) = status.get("capacity").cloned() {
        json::default(status, "allocatable", capacity);
    }
    json::default(status, "daemonEndpoints", json!({"kubeletEndpoint": {"Port": 0}}));
    json::default(
        status,
        "nodeInfo",
        json!({"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "", "containerRuntimeVersion": "",
               "kubeletVersion": "", "kubeProxyVersion": "", "operatingSystem": "", "architecture": ""}),
    );
}

/// Where containers are limited, what is not said follows from what is.
fn limit_range_item(limit: &mut Map<String, Value>) {
    if limit.get("type").and_then(Value::as_str) != Some("Container") {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        if let Some(Value::Object(values)) = limit.get(from).cloned() {
            let target = json::map(limit.entry(to).or_insert_with(|| json!({})));
            for (name, value) in values {
                json::default(target, &name, value);
            }
        }
    }
}

fn labels_of_template(object: &Value) -> Option<Value> {
    json::at(object, &["spec", "template", "metadata", "labels"]).cloned()
}

fn replication_controller(object: &mut Value) {
    template(object, "spec");
    let labels = labels_of_template(object);
    json::default(json::child(object, "spec"), "replicas", 1);
    if let Some(labels) = labels {
        json::default(json::child(object, "spec"), "selector", labels.clone());
        json::default(json::metadata(object), "labels", labels);
    }
}

fn deployment(object: &mut Value) {
    template(object, "spec");
    let spec = json::child(object, "spec");
    json::default(spec, "replicas", 1);
    json::default(spec, "revisionHistoryLimit", 10);
    json::default(spec, "progressDeadlineSeconds", 600);
    let strategy = json::map(spec.entry("strategy").or_insert_with(|| json!({})));
    json::default(strategy, "type", "RollingUpdate");
    if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate") {
        let rolling = json::map(strategy.entry("rollingUpdate").or_insert_with(|| json!({})));
        json::default(rolling, "maxUnavailable", "25%");
        json::default(rolling, "maxSurge", "25%");
    }
}

fn stateful_set(object: &mut Value) {
    template(object, "spec");
    let spec = json::child(object, "spec");
    json::default(spec, "replicas", 1);
    json::default(spec, "revisionHistoryLimit", 10);
    json::default(spec, "podManagementPolicy", "OrderedReady");
    spec.entry("serviceName").or_insert_with(|| "".into());
    let strategy = json::map(spec.entry("updateStrategy").or_insert_with(|| json!({})));
    json::default(strategy, "type", "RollingUpdate");
    if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate") {
        let rolling = json::map(strategy.entry("rollingUpdate").or_insert_with(|| json!({})));
        json::default(rolling, "partition", 0);
        json::default(rolling, "maxUnavailable", 1);
    }
    let retention = json::map(spec.entry("persistentVolumeClaimRetentionPolicy").or_insert_with(|| json!({})));
    json::default(retention, "whenDeleted", "Retain");
    json::default(retention, "whenScaled", "Retain");
    for claim in json::items_mut(spec, "volumeClaimTemplates") {
        let map = json::map(claim);
        json::default(map, "apiVersion", "v1");
        json::default(map, "kind", "PersistentVolumeClaim");
        json::default(json::child(claim, "spec"), "volumeMode", "Filesystem");
        json::default(json::child(claim, "status"), "phase", "Pending");
    }
}

fn daemon_set(object: &mut Value) {
    template(object, "spec");
    let spec = json::child(object, "spec");
    json::default(spec, "revisionHistoryLimit", 10);
    let strategy = json::map(spec.entry("updateStrategy").or_insert_with(|| json!({})));
    json::default(strategy, "type", "RollingUpdate");
    if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate") {
        let rolling = json::map(strategy.entry("rollingUpdate").or_insert_with(|| json!({})));
        json::default(rolling, "maxUnavailable", 1);
        json::default(rolling, "maxSurge", 0);
    }
    let annotations = json::map(json::metadata(object).entry("annotations").or_insert_with(|| json!({})));
    json::default(annotations, "deprecated.daemonset.template.generation", "1");
}

fn job_spec(spec: &mut Map<String, Value>) {
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        spec.insert("completions".to_owned(), 1.into());
        spec.insert("parallelism".to_owned(), 1.into());
    }
    json::default(spec, "parallelism", 1);
    if spec.contains_key("backoffLimitPerIndex") {
        json::default(spec, "backoffLimit", i32::MAX);
    }
    json::default(spec, "backoffLimit", 6);
    json::default(spec, "completionMode", "NonIndexed");
    json::default(spec, "suspend", false);
    json::default(spec, "manualSelector", false);
    let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    json::default(spec, "podReplacementPolicy", replacement);
}

fn job(object: &mut Value) {
    template(object, "spec");
    job_spec(json::child(object, "spec"));
    // A job without labels has those of its pods.
    if let Some(labels) = labels_of_template(object) {
        json::default(json::metadata(object), "labels", labels);
    }
}

/// What tells a job's pods from all others.
fn job_selector(object: &mut Value) {
    let (uid, name) = (json::meta(object, "uid").to_owned(), json::meta(object, "name").to_owned());
    let unlabelled = json::at(object, &["metadata", "labels"]).is_none();
    let spec = json::child(object, "spec");
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let selector = json::map(spec.entry("selector").or_insert_with(|| json!({})));
    let own = json::map(selector.entry("matchLabels").or_insert_with(|| json!({})));
    own.insert("batch.kubernetes.io/controller-uid".to_owned(), uid.as_str().into());
    let template = json::map(spec.entry("template").or_insert_with(|| json!({})));
    let metadata = json::map(template.entry("metadata").or_insert_with(|| json!({})));
    let labels = json::map(metadata.entry("labels").or_insert_with(|| json!({})));
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.insert(key.to_owned(), value.as_str().into());
    }
    if unlabelled && let Some(labels) = labels_of_template(object) {
        json::metadata(object).insert("labels".to_owned(), labels);
    }
}

fn cron_job(object: &mut Value) {
    let spec = json::child(object, "spec");
    json::default(spec, "concurrencyPolicy", "Allow");
    json::default(spec, "suspend", false);
    json::default(spec, "successfulJobsHistoryLimit", 3);
    json::default(spec, "failedJobsHistoryLimit", 1);
    let job = spec.entry("jobTemplate").or_insert_with(|| json!({}));
    json::map(job).entry("metadata").or_insert_with(|| json!({}));
    template(job, "spec");
    // Of a job's defaults a cron job fills in only those of its pod template.
}

fn autoscaler(object: &mut Value) {
    let spec = json::child(object, "spec");
    json::default(spec, "minReplicas", 1);
    if !spec.contains_key("metrics") {
        spec.insert(
            "metrics".to_owned(),
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
        );
    }
}
