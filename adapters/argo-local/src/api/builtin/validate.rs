//! What the real server refuses, kind by kind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::failure::Cause;
use crate::api::object::Stored;
use crate::api::raw::Raw;
use crate::api::{json, names, selectors};

/// The most a ConfigMap or Secret may hold.
const MAX_DATA: usize = 1024 * 1024;

pub(super) fn create(type_name: &str, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = object.get("spec").unwrap_or(&Value::Null);
    match type_name {
        "core/v1.Pod" => pod_spec(spec, "spec", &mut causes),
        "core/v1.ConfigMap" => data(object, &["data", "binaryData"], &mut causes),
        "core/v1.Secret" => secret(object, &mut causes),
        "core/v1.Service" => service(spec, &mut causes),
        "core/v1.Event" => causes.extend(super::events::check_core(object)),
        "core/v1.PersistentVolumeClaim" => claim(spec, &mut causes),
        "core/v1.ReplicationController" | "apps/v1.Deployment" | "apps/v1.ReplicaSet" | "apps/v1.StatefulSet" | "apps/v1.DaemonSet" => {
            workload(type_name, spec, &mut causes);
        }
        "batch/v1.Job" => {
            job(spec, "spec", &mut causes);
            job_labels(spec, &mut causes);
        }
        "batch/v1.CronJob" => cron_job(spec, &mut causes),
        "policy/v1.PodDisruptionBudget" => budget(spec, &mut causes),
        "coordination/v1.Lease" => lease(spec, &mut causes),
        "rbac/v1.Role" | "rbac/v1.ClusterRole" => rules(object, type_name == "rbac/v1.Role", &mut causes),
        "rbac/v1.RoleBinding" | "rbac/v1.ClusterRoleBinding" => binding(object, type_name == "rbac/v1.RoleBinding", &mut causes),
        "networking/v1.Ingress" => ingress(spec, &mut causes),
        "apiextensions/v1.CustomResourceDefinition" => crate::api::crd::definition::check(object, &mut causes),
        _ => {}
    }
    causes
}

pub(super) fn update(type_name: &str, old: &Stored, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let differs = |path: &[&str]| old.at(path).map(Raw::value).as_ref() != json::at(new, path);
    let immutable = |path: &[&str], causes: &mut Vec<Cause>| {
        if differs(path) {
            causes.push(Cause::invalid(path.join("."), json::at(new, path).unwrap_or(&Value::Null), "field is immutable"));
        }
    };
    match type_name {
        "core/v1.Pod" => pod_update(old, new, &mut causes),
        "core/v1.ConfigMap" | "core/v1.Secret" => {
            if old.field("immutable").is_some_and(|f| &*f.text == "true") {
                if new.get("immutable") != Some(&Value::Bool(true)) {
                    causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
                }
                for key in ["data", "binaryData"] {
                    if differs(&[key]) {
                        causes.push(Cause::forbidden(key, "field is immutable when `immutable` is set"));
                    }
                }
            }
            if type_name == "core/v1.Secret" {
                immutable(&["type"], &mut causes);
            }
            causes.extend(create(type_name, new));
        }
        "apps/v1.Deployment" | "apps/v1.ReplicaSet" | "apps/v1.DaemonSet" => {
            causes.extend(create(type_name, new));
            immutable(&["spec", "selector"], &mut causes);
        }
        "batch/v1.Job" => {
            let spec = new.get("spec").unwrap_or(&Value::Null);
            job(spec, "spec", &mut causes);
            for field in ["completions", "completionMode", "selector"] {
                immutable(&["spec", field], &mut causes);
            }
            let suspended = old.at(&["spec", "suspend"]).map(Raw::as_str) == Some("true");
            if !suspended {
                immutable(&["spec", "template"], &mut causes);
            }
        }
        "rbac/v1.RoleBinding" | "rbac/v1.ClusterRoleBinding" => {
            causes.extend(create(type_name, new));
            if differs(&["roleRef"]) {
                causes.push(Cause::invalid("roleRef", new.get("roleRef").unwrap_or(&Value::Null), "cannot change roleRef"));
            }
        }
        "apiextensions/v1.CustomResourceDefinition" => crate::api::crd::definition::check_update(&old.value(), new, &mut causes),
        "core/v1.PersistentVolumeClaim" | "apps/v1.StatefulSet" | "core/v1.PersistentVolume" => {}
        _ => causes.extend(create(type_name, new)),
    }
    causes
}

/// What is wrong with a new status.
pub(super) fn status(type_name: &str, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if type_name == "apps/v1.Deployment" {
        let number = |key: &str| json::at(object, &["status", key]).and_then(Value::as_i64).unwrap_or(0);
        let replicas = number("replicas");
        let fields = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"];
        for field in fields {
            not_negative(number(field), &format!("status.{field}"), &mut causes);
        }
        for field in ["updatedReplicas", "readyReplicas", "availableReplicas"] {
            if number(field) > replicas {
                let why = "cannot be greater than status.replicas";
                causes.push(Cause::invalid(format!("status.{field}"), &number(field).into(), why));
            }
        }
    }
    causes
}

fn not_negative(number: i64, field: &str, causes: &mut Vec<Cause>) {
    if number < 0 {
        causes.push(Cause::invalid(field, &number.into(), "must be greater than or equal to 0"));
    }
}

fn number(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_i64)
}

fn one_of(value: &Value, key: &str, path: &str, allowed: &[&str], causes: &mut Vec<Cause>) {
    if let Some(text) = value.get(key).and_then(Value::as_str)
        && !allowed.contains(&text)
    {
        causes.push(Cause::unsupported(format!("{path}.{key}"), &text.into(), allowed));
    }
}

fn pod_spec(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let volumes: BTreeSet<&str> = json::items(spec, &["volumes"]).map(|v| json::text(v, &["name"])).collect();
    for (index, volume) in json::items(spec, &["volumes"]).enumerate() {
        let name = json::text(volume, &["name"]);
        name_of(name, &format!("{path}.volumes[{index}].name"), causes);
    }
    let containers: Vec<&Value> = json::items(spec, &["containers"]).collect();
    if containers.is_empty() {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for key in ["containers", "initContainers"] {
        for (index, container) in json::items(spec, &[key]).enumerate() {
            let at = format!("{path}.{key}[{index}]");
            let name = json::text(container, &["name"]);
            name_of(name, &format!("{at}.name"), causes);
            if !name.is_empty() && !seen.insert(name) {
                causes.push(Cause::duplicate(format!("{at}.name"), &name.into()));
            }
            if json::text(container, &["image"]).is_empty() {
                causes.push(Cause::required(format!("{at}.image"), ""));
            }
            one_of(container, "imagePullPolicy", &at, &["Always", "IfNotPresent", "Never"], causes);
            for (place, env) in json::items(container, &["env"]).enumerate() {
                if json::text(env, &["name"]).is_empty() {
                    causes.push(Cause::required(format!("{at}.env[{place}].name"), ""));
                }
            }
            for (place, port) in json::items(container, &["ports"]).enumerate() {
                let port_number = number(port, "containerPort").unwrap_or(0);
                if port_number == 0 {
                    causes.push(Cause::required(format!("{at}.ports[{place}].containerPort"), ""));
                } else if !(1..=65535).contains(&port_number) {
                    let why = "must be between 1 and 65535, inclusive";
                    causes.push(Cause::invalid(format!("{at}.ports[{place}].containerPort"), &port_number.into(), why));
                }
            }
            for (place, mount) in json::items(container, &["volumeMounts"]).enumerate() {
                let volume = json::text(mount, &["name"]);
                if volume.is_empty() {
                    causes.push(Cause::required(format!("{at}.volumeMounts[{place}].name"), ""));
                } else if !volumes.contains(volume) {
                    causes.push(Cause::not_found(format!("{at}.volumeMounts[{place}].name"), &volume.into()));
                }
                if json::text(mount, &["mountPath"]).is_empty() {
                    causes.push(Cause::required(format!("{at}.volumeMounts[{place}].mountPath"), ""));
                }
            }
        }
    }
    one_of(spec, "restartPolicy", path, &["Always", "OnFailure", "Never"], causes);
    one_of(spec, "dnsPolicy", path, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"], causes);
}

fn name_of(name: &str, field: &str, causes: &mut Vec<Cause>) {
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
        return;
    }
    causes.extend(names::dns_label(name).iter().map(|why| Cause::invalid(field, &name.into(), why)));
}

/// Of a pod's spec little may change once it is there.
fn pod_update(old: &Stored, new: &Value, causes: &mut Vec<Cause>) {
    let strip = |mut spec: Value| {
        let map = json::map(&mut spec);
        for key in ["containers", "initContainers"] {
            for container in json::items_mut(map, key) {
                json::map(container).remove("image");
            }
        }
        for key in ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates"] {
            map.remove(key);
        }
        spec
    };
    let had = old.at(&["spec"]).map(Raw::value).unwrap_or_default();
    let has = new.get("spec").cloned().unwrap_or_default();
    if had != has && strip(had) != strip(has) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
                   `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
                   (allow it to be set to 1 if it was previously negative)";
        causes.push(Cause::forbidden("spec", why));
    }
}

fn data(object: &Value, keys: &[&str], causes: &mut Vec<Cause>) {
    let mut size = 0;
    for field in keys {
        for (key, value) in object.get(*field).and_then(Value::as_object).into_iter().flatten() {
            causes.extend(names::config_key(key).iter().map(|why| Cause::invalid(format!("{field}[{key}]"), &key.as_str().into(), why)));
            size += key.len() + value.as_str().map_or(0, str::len);
        }
    }
    if size > MAX_DATA {
        causes.push(Cause::too_long("[]", MAX_DATA));
    }
}

fn secret(object: &Value, causes: &mut Vec<Cause>) {
    data(object, &["data"], causes);
    let wanted: &[&str] = match json::text(object, &["type"]) {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => &[],
    };
    for key in wanted {
        if json::at(object, &["data", key]).is_none() {
            causes.push(Cause::required(format!("data[{key}]"), ""));
        }
    }
}

fn service(spec: &Value, causes: &mut Vec<Cause>) {
    let kind = json::text(spec, &["type"]);
    let address = json::text(spec, &["clusterIP"]);
    if !matches!(address, "" | "None") && address.parse::<std::net::IpAddr>().is_err() {
        let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        causes.push(Cause::invalid("spec.clusterIPs[0]", &address.into(), why));
        return;
    }
    if let Ok(std::net::IpAddr::V4(ip)) = address.parse::<std::net::IpAddr>()
        && !(ip.octets().first() == Some(&10) && ip.octets().get(1).is_some_and(|b| (96..112).contains(b))
            || ip.octets().starts_with(&[10, 0, 0]))
    {
        let why = format!("failed to allocate IP {address}: the provided network does not match the current range");
        causes.push(Cause::invalid("spec.clusterIPs", &json!([address]), &why));
    }
    one_of(spec, "type", "spec", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], causes);
    let ports: Vec<&Value> = json::items(spec, &["ports"]).collect();
    if ports.is_empty() && kind != "ExternalName" && address != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let at = format!("spec.ports[{index}]");
        let value = number(port, "port").unwrap_or(0);
        if !(1..=65535).contains(&value) {
            causes.push(Cause::invalid(format!("{at}.port"), &value.into(), "must be between 1 and 65535, inclusive"));
        }
        if ports.len() > 1 && json::text(port, &["name"]).is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        }
    }
}

fn claim(spec: &Value, causes: &mut Vec<Cause>) {
    if json::items(spec, &["accessModes"]).next().is_none() {
        causes.push(Cause::required("spec.accessModes", "at least 1 access mode is required"));
    }
    if json::at(spec, &["resources", "requests", "storage"]).is_none() {
        causes.push(Cause::required("spec.resources[storage]", ""));
    }
}

fn workload(type_name: &str, spec: &Value, causes: &mut Vec<Cause>) {
    not_negative(number(spec, "replicas").unwrap_or(0), "spec.replicas", causes);
    not_negative(number(spec, "minReadySeconds").unwrap_or(0), "spec.minReadySeconds", causes);
    let template = spec.get("template").unwrap_or(&Value::Null);
    if type_name != "core/v1.ReplicationController" {
        let selector = spec.get("selector").filter(|s| s.as_object().is_some_and(|m| !m.is_empty()));
        if selector.is_none() {
            causes.push(Cause::required("spec.selector", ""));
        }
        let matches = selectors::label_match(&selectors::of_object(selector), template);
        if !matches {
            let labels = json::at(template, &["metadata", "labels"]).unwrap_or(&Value::Null);
            causes.push(Cause::invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
        }
    }
    if type_name == "apps/v1.Deployment" {
        let of = |key: &str| json::at(spec, &["strategy", "rollingUpdate", key]);
        let none = |v: Option<&Value>| v.is_some_and(|v| v.as_i64() == Some(0) || v.as_str() == Some("0%"));
        if none(of("maxSurge")) && none(of("maxUnavailable")) {
            let why = "may not be 0 when `maxSurge` is 0";
            causes.push(Cause::invalid("spec.strategy.rollingUpdate.maxUnavailable", of("maxUnavailable").unwrap_or(&Value::Null), why));
        }
    }
    let pod = template.get("spec").unwrap_or(&Value::Null);
    pod_spec(pod, "spec.template.spec", causes);
    let restart = json::text(pod, &["restartPolicy"]);
    if !matches!(restart, "" | "Always") && matches!(restart, "Never" | "OnFailure") {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", &restart.into(), &["Always"]));
    }
}

fn job(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    for field in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        not_negative(number(spec, field).unwrap_or(0), &format!("{path}.{field}"), causes);
    }
    one_of(spec, "completionMode", path, &["NonIndexed", "Indexed"], causes);
    let pod = json::at(spec, &["template", "spec"]).unwrap_or(&Value::Null);
    pod_spec(pod, &format!("{path}.template.spec"), causes);
    if !matches!(json::text(pod, &["restartPolicy"]), "OnFailure" | "Never") {
        causes.push(Cause::required(format!("{path}.template.spec.restartPolicy"), "valid values: \"OnFailure\", \"Never\""));
    }
}

fn job_labels(spec: &Value, causes: &mut Vec<Cause>) {
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let own = json::at(spec, &["selector", "matchLabels"]).and_then(Value::as_object);
    if own.is_some_and(|m| m.len() > 1) {
        causes.push(Cause::invalid("spec.selector", spec.get("selector").unwrap_or(&Value::Null), "`selector` not auto-generated"));
    }
    let template = spec.get("template").unwrap_or(&Value::Null);
    if !selectors::label_match(&selectors::of_object(spec.get("selector")), template) {
        let labels = json::at(template, &["metadata", "labels"]).unwrap_or(&Value::Null);
        causes.push(Cause::invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
    }
}

fn cron_job(spec: &Value, causes: &mut Vec<Cause>) {
    let schedule = json::text(spec, &["schedule"]);
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if schedule.is_empty() {
        causes.push(Cause::required("spec.schedule", ""));
    } else if !schedule.starts_with('@') && fields.len() != 5 {
        let why = format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" "));
        causes.push(Cause::invalid("spec.schedule", &schedule.into(), &why));
    }
    one_of(spec, "concurrencyPolicy", "spec", &["Allow", "Forbid", "Replace"], causes);
    job(json::at(spec, &["jobTemplate", "spec"]).unwrap_or(&Value::Null), "spec.jobTemplate.spec", causes);
}

fn budget(spec: &Value, causes: &mut Vec<Cause>) {
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if let (Some(least), Some(most)) = (least, most) {
        let selector = spec.get("selector").unwrap_or(&Value::Null);
        let policy = spec.get("unhealthyPodEvictionPolicy").unwrap_or(&Value::Null);
        let shown = format!(
            "{{\"MinAvailable\":{least},\"Selector\":{selector},\"MaxUnavailable\":{most},\"UnhealthyPodEvictionPolicy\":{policy}}}"
        );
        let message = format!("Invalid value: {shown}: minAvailable and maxUnavailable cannot be both set");
        causes.push(Cause::other("FieldValueInvalid", "spec", message));
    }
    for (key, value) in [("minAvailable", least), ("maxUnavailable", most)] {
        not_negative(value.and_then(Value::as_i64).unwrap_or(0), &format!("spec.{key}"), causes);
    }
}

fn ingress(spec: &Value, causes: &mut Vec<Cause>) {
    if spec.get("defaultBackend").is_none() && json::items(spec, &["rules"]).next().is_none() {
        causes.push(Cause::invalid("spec", &Value::Null, "either `defaultBackend` or `rules` must be specified"));
    }
}

fn lease(spec: &Value, causes: &mut Vec<Cause>) {
    if let Some(seconds) = number(spec, "leaseDurationSeconds").filter(|n| *n <= 0) {
        causes.push(Cause::invalid("spec.leaseDurationSeconds", &seconds.into(), "must be greater than 0"));
    }
    not_negative(number(spec, "leaseTransitions").unwrap_or(0), "spec.leaseTransitions", causes);
}

fn rules(object: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    let empty = |rule: &Value, key: &str| json::items(rule, &[key]).next().is_none();
    for (index, rule) in json::items(object, &["rules"]).enumerate() {
        let at = format!("rules[{index}]");
        if empty(rule, "verbs") {
            causes.push(Cause::required(format!("{at}.verbs"), ""));
        }
        if !empty(rule, "nonResourceURLs") {
            if namespaced {
                let urls = rule.get("nonResourceURLs").unwrap_or(&Value::Null);
                let why = "namespaced rules cannot apply to non-resource URLs";
                causes.push(Cause::invalid(format!("{at}.nonResourceURLs"), urls, why));
            }
            continue;
        }
        if empty(rule, "apiGroups") {
            causes.push(Cause::required(format!("{at}.apiGroups"), "resource rules must supply at least one api group"));
        }
        if empty(rule, "resources") {
            causes.push(Cause::required(format!("{at}.resources"), "resource rules must supply at least one resource"));
        }
    }
}

fn binding(object: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    let reference = object.get("roleRef").unwrap_or(&Value::Null);
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    one_of(reference, "kind", "roleRef", kinds, causes);
    let nameless = json::text(reference, &["name"]).is_empty();
    for (index, subject) in json::items(object, &["subjects"]).enumerate() {
        let at = format!("subjects[{index}]");
        one_of(subject, "kind", &at, &["ServiceAccount", "User", "Group"], causes);
        if json::text(subject, &["name"]).is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        }
        if json::text(subject, &["kind"]) == "ServiceAccount" && json::text(subject, &["namespace"]).is_empty() {
            causes.push(Cause::required(format!("{at}.namespace"), ""));
        }
    }
    if nameless {
        causes.push(Cause::required("roleRef.name", ""));
    }
}
