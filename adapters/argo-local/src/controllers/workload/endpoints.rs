//! Endpoints and EndpointSlices: where the ready pods of a service are.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::world::{World, over, ready, reference};
use super::write::{Plan, Write, kind};

/// The number behind a service's port on a pod.
fn target(port: &ServicePort, pod: &Pod) -> Option<i32> {
    match &port.target_port {
        None | Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) if name.is_empty() => Some(port.port),
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let ports = containers.into_iter().flat_map(|container| container.ports.iter().flatten());
            ports.into_iter().find(|port| port.name.as_deref() == Some(name.as_str())).map(|port| port.container_port)
        }
    }
}

fn ports(service: &Service, pod: &Pod) -> Vec<Value> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let port = |port: &ServicePort| {
        let number = target(port, pod)?;
        let mut value = json!({"port": number, "protocol": port.protocol.as_deref().unwrap_or("TCP")});
        if let (Some(name), Some(value)) = (&port.name, value.as_object_mut()) {
            value.insert("name".to_owned(), json!(name));
        }
        Some(value)
    };
    ports.into_iter().filter_map(port).collect()
}

/// Addresses with the same ports.
#[derive(Default)]
struct Subset {
    ports: Vec<Value>,
    ready: Vec<Value>,
    not_ready: Vec<Value>,
}

/// What is written for a service: `written` remembers it, so that nothing is written twice.
pub(crate) fn plan(world: &World, service: &Service, written: &mut BTreeMap<String, Value>) -> Plan {
    let mut plan = Plan::default();
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
    let namespace = service.metadata.namespace.clone().unwrap_or_default();
    let name = service.metadata.name.clone().unwrap_or_default();
    if selector.is_empty() || service.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let fits = |pod: &&Arc<Pod>| {
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let placed = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).is_some_and(|ip| !ip.is_empty());
        placed && !over(pod) && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let any_ready = service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses) == Some(true);
    // Pods whose ports have other numbers are another subset.
    let mut subsets: BTreeMap<String, Subset> = BTreeMap::new();
    let mut endpoints = Vec::new();
    for pod in world.pods.in_namespace(&namespace).filter(fits) {
        let spec = pod.spec.clone().unwrap_or_default();
        let ip = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default();
        let about = json!({"kind": "Pod", "namespace": namespace, "name": pod.metadata.name, "uid": pod.metadata.uid});
        let serving = ready(pod) || any_ready;
        let ending = pod.metadata.deletion_timestamp.is_some();
        let ports = ports(service, pod);
        let subset = subsets.entry(format!("{ports:?}")).or_insert_with(|| Subset { ports, ..Subset::default() });
        if !ending {
            let list = if serving { &mut subset.ready } else { &mut subset.not_ready };
            list.push(json!({"ip": ip, "nodeName": spec.node_name, "targetRef": about}));
        }
        let conditions = json!({"ready": serving && !ending, "serving": serving, "terminating": ending});
        endpoints
            .push((pod.as_ref(), json!({"addresses": [ip], "conditions": conditions, "nodeName": spec.node_name, "targetRef": about})));
    }
    let subsets: Vec<Value> = subsets
        .into_values()
        .filter(|subset| !subset.ready.is_empty() || !subset.not_ready.is_empty())
        .map(|Subset { ports, ready, not_ready }| {
            let mut subset = json!({"ports": ports});
            for (field, list) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
                if let (false, Some(subset)) = (list.is_empty(), subset.as_object_mut()) {
                    subset.insert(field.to_owned(), json!(list));
                }
            }
            subset
        })
        .collect();
    let slice_ports = endpoints.first().map(|(pod, _)| self::ports(service, pod)).unwrap_or_default();
    let endpoints: Vec<Value> = endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
    let labels = service.metadata.labels.clone().unwrap_or_default();
    let mut slice_labels = labels.clone();
    slice_labels.insert("kubernetes.io/service-name".to_owned(), name.clone());
    slice_labels.insert("endpointslice.kubernetes.io/managed-by".to_owned(), "endpointslice-controller.k8s.io".to_owned());
    let object = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name, "namespace": namespace, "labels": labels}, "subsets": subsets});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": endpoints, "ports": slice_ports,
        "metadata": {"name": format!("{name}-local"), "namespace": namespace, "labels": slice_labels, "ownerReferences": [reference(service)]}});
    for (kind, object) in [(kind::<Endpoints>(), object), (kind::<EndpointSlice>(), slice)] {
        let id = format!("{} {namespace}/{name} {:?}", kind.kind, service.metadata.uid);
        if written.get(&id) != Some(&object) {
            let key = (namespace.clone(), object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned());
            plan.writes.push(Write::Create { kind: kind.clone(), namespace: namespace.clone(), object: object.clone() });
            plan.writes.push(Write::Patch { kind, key, patch: object.clone() });
            written.insert(id, object);
        }
    }
    plan
}
