//! What the real server knows of the built-in kinds: defaults, what may change, what they look like when they are new.

pub(crate) mod autoscaler;
pub(crate) mod decode;
mod defaults;
pub(crate) mod events;
mod pod;
mod validate;

use serde_json::{Map, Value, json};

use super::failure::Cause;
use super::json;
use super::names;
use super::object::Stored;
use super::raw::Raw;
use super::resources::Resource;

/// Fills in what was left out.
pub(crate) fn default(resource: &Resource, object: &mut Value) {
    if !resource.custom() {
        defaults::fill(resource.type_name, object);
    }
}

/// What admission adds to a new object. Unlike defaults, nobody owns it.
pub(crate) fn admit(resource: &Resource, object: &mut Value) {
    defaults::admit(resource.type_name, object);
}

/// Parts of the metadata that status updates do not change.
pub(crate) const METADATA_NOT_OF_STATUS: [&str; 1] = ["f:generateName"];

/// Kinds whose changes are counted in `metadata.generation`.
pub(crate) fn has_generation(resource: &Resource) -> bool {
    resource.custom()
        || matches!(
            resource.type_name,
            "core/v1.Pod"
                | "core/v1.PodTemplate"
                | "core/v1.ReplicationController"
                | "apps/v1.Deployment"
                | "apps/v1.ReplicaSet"
                | "apps/v1.StatefulSet"
                | "apps/v1.DaemonSet"
                | "batch/v1.Job"
                | "batch/v1.CronJob"
                | "policy/v1.PodDisruptionBudget"
                | "networking/v1.Ingress"
                | "networking/v1.IngressClass"
                | "networking/v1.NetworkPolicy"
                | "scheduling/v1.PriorityClass"
                | "discovery/v1.EndpointSlice"
                | "apiextensions/v1.CustomResourceDefinition"
        )
}

/// Makes a new object's status what the system says it is at first.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Value) {
    let map = json::map(object);
    let status = match resource.type_name {
        "core/v1.Pod" => {
            let class = pod::quality(map.get("spec").unwrap_or(&Value::Null));
            json!({"phase": "Pending", "qosClass": class})
        }
        "core/v1.Namespace" => {
            map.insert("spec".to_owned(), json!({"finalizers": ["kubernetes"]}));
            json!({"phase": "Active"})
        }
        "core/v1.Service" | "networking/v1.Ingress" => json!({"loadBalancer": {}}),
        "core/v1.PersistentVolumeClaim" => json!({"phase": "Pending"}),
        "core/v1.PersistentVolume" => {
            let at = json::at(object, &["metadata", "creationTimestamp"]).cloned().unwrap_or_default();
            let status = json!({"phase": "Pending", "lastPhaseTransitionTime": at});
            json::map(object).insert("status".to_owned(), status);
            return;
        }
        "core/v1.ReplicationController" | "apps/v1.ReplicaSet" => json!({"replicas": 0}),
        "apiextensions/v1.CustomResourceDefinition" => {
            let stored: Vec<Value> = json::items(object, &["spec", "versions"])
                .filter(|v| v.get("storage") == Some(&Value::Bool(true)))
                .filter_map(|v| v.get("name").cloned())
                .collect();
            let status = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored});
            json::map(object).insert("status".to_owned(), status);
            return;
        }
        "core/v1.ResourceQuota" | "batch/v1.CronJob" | "apps/v1.Deployment" | "batch/v1.Job" => json!({}),
        "apps/v1.StatefulSet" => json!({"replicas": 0, "availableReplicas": 0}),
        "apps/v1.DaemonSet" => {
            json!({"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0})
        }
        "policy/v1.PodDisruptionBudget" => {
            json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0})
        }
        "autoscaling/v2.HorizontalPodAutoscaler" => json!({"desiredReplicas": 0, "currentMetrics": null}),
        _ => return,
    };
    map.insert("status".to_owned(), status);
}

/// The fields that updates of the object itself leave alone; `status`: whether its status has updates of its own.
pub(crate) fn not_of_update(resource: &Resource, status: bool) -> &'static [&'static str] {
    match (status, resource.type_name) {
        (false, _) => &[],
        (true, "core/v1.Namespace") => &["status", "spec"],
        (true, _) => &["status"],
    }
}

/// Puts into an update what stays from the object before.
pub(crate) fn prepare_update(resource: &Resource, old: &Stored, object: &mut Value) {
    if resource.type_name == "core/v1.Service" {
        keep_addresses(&old.value(), object);
    }
}

/// Puts into a status update what stays from the status before.
pub(crate) fn keep_of_status(resource: &Resource, old: &Stored, object: &mut Map<String, Value>) {
    // Some version is always stored.
    if resource.type_name == "apiextensions/v1.CustomResourceDefinition"
        && let Some(status) = object.get_mut("status")
        && let Some(had) = old.at(&["status", "storedVersions"])
    {
        json::default(json::map(status), "storedVersions", had.value());
    }
}

/// What status updates may change of the metadata; it differs from kind to kind.
pub(crate) fn metadata_of_status(resource: &Resource) -> &'static [&'static str] {
    match resource.type_name {
        "" => &[],
        "core/v1.Pod" => &["annotations", "finalizers", "labels"],
        "apps/v1.Deployment" => &["annotations"],
        _ => &["labels", "annotations", "finalizers", "ownerReferences"],
    }
}

/// What was given to a service stays with it, where the update does not say otherwise.
fn keep_addresses(old: &Value, object: &mut Value) {
    let external = |v: &Value| json::text(v, &["spec", "type"]) == "ExternalName";
    if external(old) || external(object) {
        return;
    }
    let ports: Vec<Value> = json::items(old, &["spec", "ports"]).cloned().collect();
    let spec = json::child(object, "spec");
    for field in ["clusterIP", "clusterIPs"] {
        if let Some(had) = json::at(old, &["spec", field]) {
            json::default(spec, field, had.clone());
        }
    }
    if spec.get("type").and_then(Value::as_str) == Some("ClusterIP") {
        return;
    }
    for port in json::items_mut(spec, "ports") {
        let same = ports.iter().find(|p| p.get("port") == port.get("port") && p.get("protocol") == port.get("protocol"));
        if let Some(number) = same.and_then(|p| p.get("nodePort")) {
            json::default(json::map(port), "nodePort", number.clone());
        }
    }
}

/// What is wrong with a name.
pub(crate) fn name_problems(resource: &Resource, name: &str) -> Vec<String> {
    match resource.type_name {
        "core/v1.Service" => names::dns_1035(name),
        "core/v1.Namespace" => names::dns_label(name),
        "rbac/v1.Role" | "rbac/v1.RoleBinding" | "rbac/v1.ClusterRole" | "rbac/v1.ClusterRoleBinding" => names::path_segment(name),
        _ => names::subdomain(name),
    }
}

/// What is wrong with a new object.
pub(crate) fn validate_create(resource: &Resource, object: &Value) -> Vec<Cause> {
    validate::create(resource.type_name, object)
}

/// What is wrong with a change.
pub(crate) fn validate_update(resource: &Resource, old: &Stored, new: &Value) -> Vec<Cause> {
    validate::update(resource.type_name, old, new)
}

/// Kinds of which nothing is filled in, so that fields can be changed without a look at the others.
pub(crate) fn stands_by_field(resource: &Resource) -> bool {
    matches!(resource.type_name, "core/v1.ConfigMap" | "core/v1.ServiceAccount")
}

/// What clients are warned of.
pub(crate) fn warnings(resource: &Resource, object: &Value) -> Vec<String> {
    let (path, spec) = match resource.type_name {
        "core/v1.Pod" => ("spec", json::at(object, &["spec"])),
        "apps/v1.Deployment" | "apps/v1.ReplicaSet" | "apps/v1.StatefulSet" | "apps/v1.DaemonSet" | "batch/v1.Job" => {
            ("spec.template.spec", json::at(object, &["spec", "template", "spec"]))
        }
        _ => return Vec::new(),
    };
    spec.map(|spec| pod::warnings(spec, path)).unwrap_or_default()
}

/// What is wrong with a changed status.
pub(crate) fn validate_status(resource: &Resource, object: &Value) -> Vec<Cause> {
    validate::status(resource.type_name, object)
}

/// Kinds that an update of a missing object creates.
pub(crate) fn create_on_update(resource: &Resource) -> bool {
    matches!(
        resource.type_name,
        "core/v1.Service"
            | "core/v1.Endpoints"
            | "core/v1.LimitRange"
            | "core/v1.Event"
            | "events/v1.Event"
            | "coordination/v1.Lease"
            | "rbac/v1.Role"
            | "rbac/v1.RoleBinding"
            | "rbac/v1.ClusterRole"
            | "rbac/v1.ClusterRoleBinding"
            | "discovery/v1.EndpointSlice"
    )
}

/// Kinds that can be updated without a `resourceVersion`.
pub(crate) fn unconditional_update(resource: &Resource) -> bool {
    !matches!(resource.type_name, "apiextensions/v1.CustomResourceDefinition" | "coordination/v1.Lease" | "policy/v1.PodDisruptionBudget")
        && !resource.custom()
}

/// Whether a delete answers with the object, as for the kinds that upstream has done so with from the beginning.
pub(crate) fn delete_shows_object(resource: &Resource) -> bool {
    matches!(
        resource.type_name,
        "core/v1.Pod"
            | "core/v1.Service"
            | "core/v1.ServiceAccount"
            | "core/v1.PersistentVolume"
            | "core/v1.PersistentVolumeClaim"
            | "core/v1.ResourceQuota"
            | "core/v1.PodTemplate"
            | "storage/v1.StorageClass"
    )
}

/// Kinds that are given time to end.
pub(crate) fn graceful(resource: &Resource) -> bool {
    resource.type_name == "core/v1.Pod"
}

/// The seconds an object is given to end.
pub(crate) fn grace(resource: &Resource, object: &Stored, asked: Option<i64>) -> Option<i64> {
    if !graceful(resource) {
        return None;
    }
    let finished = matches!(&*object.text(&["status", "phase"]), "Succeeded" | "Failed");
    if object.text(&["spec", "nodeName"]).is_empty() || finished {
        return Some(0);
    }
    asked.or_else(|| object.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Raw::number)).or(Some(30))
}

/// What is noted as grace period of an object that waits for its finalizers.
pub(crate) fn marked_grace(resource: &Resource) -> Option<i64> {
    if matches!(resource.type_name, "core/v1.Namespace" | "apiextensions/v1.CustomResourceDefinition") { None } else { Some(0) }
}

/// Whether something other than `metadata.finalizers` holds an object that is being deleted.
pub(crate) fn held(resource: &Resource, object: &Stored) -> bool {
    resource.type_name == "core/v1.Namespace" && object.items(&["spec", "finalizers"]).next().is_some()
}

/// Kinds whose dependents are orphaned when nothing else is asked for.
pub(crate) fn orphans_by_default(resource: &Resource) -> bool {
    resource.type_name == "core/v1.ReplicationController"
}

/// What else changes in an object that is marked for deletion, if anything does.
pub(crate) fn mark_deleted(resource: &Resource, object: &Stored, now: jiff::Timestamp) -> Option<Value> {
    let mut status = object.field("status").map_or_else(|| json!({}), |f| Raw::new(&f.text).value());
    match resource.type_name {
        "apiextensions/v1.CustomResourceDefinition" => {
            let conditions = json::map(&mut status).entry("conditions").or_insert_with(|| json!([]));
            if let Some(list) = conditions.as_array_mut() {
                list.retain(|c| json::text(c, &["type"]) != "Terminating");
                list.push(json!({
                    "type": "Terminating", "status": "True", "lastTransitionTime": json::time(now), "reason": "InstanceDeletionPending",
                    "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
                }));
            }
        }
        "core/v1.Namespace" => {
            json::map(&mut status).insert("phase".to_owned(), "Terminating".into());
        }
        _ => return None,
    }
    Some(status)
}
