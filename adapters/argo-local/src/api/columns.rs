//! The cells of built-in kinds in tables.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json;
use super::table::{age, created, duration};

const NONE: &str = "<none>";

fn or_none(text: &str) -> Value {
    if text.is_empty() { NONE.into() } else { text.into() }
}

fn number(object: &Value, path: &[&str]) -> i64 {
    json::at(object, path).and_then(Value::as_i64).unwrap_or(0)
}

/// The cells after the name.
pub(crate) fn cells(plural: &str, object: &Value, now: Timestamp) -> Vec<Value> {
    let text = |path: &[&str]| json::text(object, path);
    let count = |path: &[&str]| number(object, path);
    let born = created(object, now);
    let containers = || {
        let list: Vec<&Value> = json::items(object, &["spec", "template", "spec", "containers"])
            .chain(json::items(object, &["spec", "jobTemplate", "spec", "template", "spec", "containers"]))
            .collect();
        let join = |key: &str| list.iter().map(|c| json::text(c, &[key])).collect::<Vec<_>>().join(",");
        [json!(join("name")), json!(join("image"))]
    };
    let wide = |with_selector: bool| {
        let mut out = containers().to_vec();
        if with_selector {
            out.push(or_none(&super::subresources::selector_text(object)));
        }
        out
    };
    let mut out = match plural {
        "pods" => return pod(object, now),
        "services" => service(object, &born),
        "deployments" => vec![
            json!(format!("{}/{}", count(&["status", "readyReplicas"]), count(&["spec", "replicas"]))),
            json!(count(&["status", "updatedReplicas"])),
            json!(count(&["status", "availableReplicas"])),
            born,
        ],
        "replicasets" | "replicationcontrollers" => {
            vec![
                json!(count(&["spec", "replicas"])),
                json!(count(&["status", "replicas"])),
                json!(count(&["status", "readyReplicas"])),
                born,
            ]
        }
        "statefulsets" => vec![json!(format!("{}/{}", count(&["status", "readyReplicas"]), count(&["spec", "replicas"]))), born],
        "daemonsets" => {
            let numbers = ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable"];
            let mut out: Vec<Value> = numbers.iter().map(|n| json!(count(&["status", n]))).collect();
            out.push(or_none(&labels(json::at(object, &["spec", "template", "spec", "nodeSelector"]))));
            out.push(born);
            out
        }
        "jobs" => job(object, now, born),
        "cronjobs" => {
            let last = text(&["status", "lastScheduleTime"]);
            let suspended = json::at(object, &["spec", "suspend"]) == Some(&Value::Bool(true));
            vec![
                text(&["spec", "schedule"]).into(),
                or_none(text(&["spec", "timeZone"])),
                if suspended { "True" } else { "False" }.into(),
                json::items(object, &["status", "active"]).count().into(),
                if last.is_empty() { NONE.into() } else { age(last, now).into() },
                born,
            ]
        }
        "configmaps" => {
            let size = |key: &str| object.get(key).and_then(Value::as_object).map_or(0, serde_json::Map::len);
            vec![(size("data") + size("binaryData")).into(), born]
        }
        "secrets" => {
            vec![text(&["type"]).into(), object.get("data").and_then(Value::as_object).map_or(0, serde_json::Map::len).into(), born]
        }
        "namespaces" => vec![text(&["status", "phase"]).into(), born],
        "nodes" => node(object, &born),
        "events" => event(object, now),
        "persistentvolumeclaims" => {
            let capacity = json::text(object, &["status", "capacity", "storage"]);
            let status = if json::deleting(object) { "Terminating" } else { text(&["status", "phase"]) };
            vec![
                status.into(),
                text(&["spec", "volumeName"]).into(),
                capacity.into(),
                modes(json::items(object, &["status", "accessModes"])).into(),
                text(&["spec", "storageClassName"]).into(),
                "<unset>".into(),
                born,
                or_none(text(&["spec", "volumeMode"])),
            ]
        }
        "persistentvolumes" => {
            let claim = json::at(object, &["spec", "claimRef"])
                .map(|c| format!("{}/{}", json::text(c, &["namespace"]), json::text(c, &["name"])))
                .unwrap_or_default();
            let status = if json::deleting(object) { "Terminating" } else { text(&["status", "phase"]) };
            vec![
                text(&["spec", "capacity", "storage"]).into(),
                modes(json::items(object, &["spec", "accessModes"])).into(),
                text(&["spec", "persistentVolumeReclaimPolicy"]).into(),
                status.into(),
                claim.into(),
                text(&["spec", "storageClassName"]).into(),
                "<unset>".into(),
                text(&["status", "reason"]).into(),
                born,
                or_none(text(&["spec", "volumeMode"])),
            ]
        }
        "poddisruptionbudgets" => {
            let value = |key: &str| match json::at(object, &["spec", key]) {
                Some(Value::String(text)) => json!(text),
                Some(Value::Number(number)) => json!(number.to_string()),
                _ => "N/A".into(),
            };
            vec![value("minAvailable"), value("maxUnavailable"), count(&["status", "disruptionsAllowed"]).into(), born]
        }
        "endpoints" => {
            let list: Vec<String> = json::items(object, &["subsets"])
                .flat_map(|s| {
                    let ports: Vec<i64> = json::items(s, &["ports"]).map(|p| number(p, &["port"])).collect();
                    let addresses: Vec<String> = json::items(s, &["addresses"]).map(|a| json::text(a, &["ip"]).to_owned()).collect();
                    addresses.into_iter().flat_map(move |a| ports.clone().into_iter().map(move |p| format!("{a}:{p}")).collect::<Vec<_>>())
                })
                .collect();
            vec![or_none(&list.join(",")), born]
        }
        "endpointslices" => {
            let ports: Vec<String> = json::items(object, &["ports"]).map(|p| number(p, &["port"]).to_string()).collect();
            let addresses: Vec<&str> =
                json::items(object, &["endpoints"]).flat_map(|e| json::items(e, &["addresses"])).filter_map(Value::as_str).collect();
            let unset = |text: String| if text.is_empty() { json!("<unset>") } else { json!(text) };
            vec![text(&["addressType"]).into(), unset(ports.join(",")), unset(addresses.join(",")), born]
        }
        "ingresses" => {
            let hosts: Vec<&str> =
                json::items(object, &["spec", "rules"]).map(|r| json::text(r, &["host"])).filter(|h| !h.is_empty()).collect();
            let hosts = if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") };
            let ports = if json::items(object, &["spec", "tls"]).next().is_some() { "80, 443" } else { "80" };
            vec![or_none(text(&["spec", "ingressClassName"])), hosts.into(), "".into(), ports.into(), born]
        }
        "horizontalpodautoscalers" => vec![
            format!("{}/{}", text(&["spec", "scaleTargetRef", "kind"]), text(&["spec", "scaleTargetRef", "name"])).into(),
            "<unknown>".into(),
            count(&["spec", "minReplicas"]).to_string().into(),
            count(&["spec", "maxReplicas"]).into(),
            count(&["status", "currentReplicas"]).into(),
            born,
        ],
        "leases" => vec![text(&["spec", "holderIdentity"]).into(), born],
        "roles" | "clusterroles" | "limitranges" | "customresourcedefinitions" => vec![text(&["metadata", "creationTimestamp"]).into()],
        "rolebindings" | "clusterrolebindings" => {
            let of = |kind: &str| {
                let names: Vec<String> = json::items(object, &["subjects"])
                    .filter(|s| json::text(s, &["kind"]) == kind)
                    .map(|s| match json::text(s, &["namespace"]) {
                        "" => json::text(s, &["name"]).to_owned(),
                        namespace => format!("{namespace}/{}", json::text(s, &["name"])),
                    })
                    .collect();
                json!(names.join(", "))
            };
            let role = format!("{}/{}", text(&["roleRef", "kind"]), text(&["roleRef", "name"]));
            vec![role.into(), born, of("User"), of("Group"), of("ServiceAccount")]
        }
        "storageclasses" => vec![
            text(&["provisioner"]).into(),
            text(&["reclaimPolicy"]).into(),
            text(&["volumeBindingMode"]).into(),
            json::at(object, &["allowVolumeExpansion"]).cloned().unwrap_or(false.into()),
            born,
        ],
        "priorityclasses" => vec![
            count(&["value"]).into(),
            json::at(object, &["globalDefault"]).cloned().unwrap_or(false.into()),
            born,
            text(&["preemptionPolicy"]).into(),
        ],
        "ingressclasses" => vec![text(&["spec", "controller"]).into(), NONE.into(), born],
        "networkpolicies" => vec![or_none(&labels(json::at(object, &["spec", "podSelector", "matchLabels"]))), born],
        "resourcequotas" => vec!["".into(), "".into(), born],
        "controllerrevisions" => {
            let owner = json::items(object, &["metadata", "ownerReferences"]).find(|o| o.get("controller") == Some(&Value::Bool(true)));
            let owner = owner.map(|o| {
                let (group, kind) = (json::text(o, &["apiVersion"]), json::text(o, &["kind"]).to_lowercase());
                let group = group.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
                format!("{kind}{group}/{}", json::text(o, &["name"]))
            });
            vec![or_none(&owner.unwrap_or_default()), count(&["revision"]).into(), born]
        }
        "podtemplates" => {
            let containers: Vec<&Value> = json::items(object, &["template", "spec", "containers"]).collect();
            let join = |key: &str| json!(containers.iter().map(|c| json::text(c, &[key])).collect::<Vec<_>>().join(","));
            vec![join("name"), join("image"), or_none(&labels(json::at(object, &["template", "metadata", "labels"])))]
        }
        _ => vec![born],
    };
    match plural {
        "deployments" | "replicasets" | "replicationcontrollers" | "daemonsets" | "jobs" => out.extend(wide(true)),
        "statefulsets" => out.extend(wide(false)),
        "cronjobs" => {
            out.extend(wide(false));
            out.push(NONE.into());
        }
        _ => {}
    }
    out
}

fn labels(map: Option<&Value>) -> String {
    let terms: Vec<String> =
        map.and_then(Value::as_object).into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    terms.join(",")
}

fn modes<'a>(modes: impl Iterator<Item = &'a Value>) -> String {
    let short = |m: &Value| match m.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    modes.map(short).collect::<Vec<_>>().join(",")
}

/// The row of a pod, with the status that sums up its containers.
fn pod(pod: &Value, now: Timestamp) -> Vec<Value> {
    let mut reason = json::text(pod, &["status", "phase"]).to_owned();
    let why = json::text(pod, &["status", "reason"]);
    if !why.is_empty() {
        why.clone_into(&mut reason);
    }
    let total = json::items(pod, &["spec", "containers"]).count();
    let (mut ready, mut restarts) = (0, 0);
    let mut initializing = false;
    let all_init = json::items(pod, &["spec", "initContainers"]).count();
    for (index, status) in json::items(pod, &["status", "initContainerStatuses"]).enumerate() {
        restarts += number(status, &["restartCount"]);
        let terminated = json::at(status, &["state", "terminated"]);
        if terminated.is_some_and(|t| number(t, &["exitCode"]) == 0) || status.get("started") == Some(&Value::Bool(true)) {
            continue;
        }
        reason = match (terminated, json::text(status, &["state", "waiting", "reason"])) {
            (Some(t), _) if json::text(t, &["reason"]).is_empty() => match number(t, &["signal"]) {
                0 => format!("Init:ExitCode:{}", number(t, &["exitCode"])),
                signal => format!("Init:Signal:{signal}"),
            },
            (Some(t), _) => format!("Init:{}", json::text(t, &["reason"])),
            (None, why) if !why.is_empty() && why != "PodInitializing" => format!("Init:{why}"),
            _ => format!("Init:{index}/{all_init}"),
        };
        initializing = true;
        break;
    }
    if !initializing {
        let mut running = false;
        for status in json::items(pod, &["status", "containerStatuses"]) {
            restarts += number(status, &["restartCount"]);
            let (waiting, terminated) = (json::text(status, &["state", "waiting", "reason"]), json::at(status, &["state", "terminated"]));
            if !waiting.is_empty() {
                waiting.clone_into(&mut reason);
            } else if let Some(t) = terminated {
                reason = match (json::text(t, &["reason"]), number(t, &["signal"])) {
                    ("", 0) => format!("ExitCode:{}", number(t, &["exitCode"])),
                    ("", signal) => format!("Signal:{signal}"),
                    (why, _) => why.to_owned(),
                };
            } else if status.get("ready") == Some(&Value::Bool(true)) {
                running = true;
                ready += 1;
            }
        }
        if reason == "Completed" && running {
            let is_ready = json::items(pod, &["status", "conditions"])
                .any(|c| json::text(c, &["type"]) == "Ready" && json::text(c, &["status"]) == "True");
            reason = if is_ready { "Running" } else { "NotReady" }.to_owned();
        }
    }
    if json::deleting(pod) {
        reason = if json::text(pod, &["status", "reason"]) == "NodeLost" { "Unknown" } else { "Terminating" }.to_owned();
    }
    let gates = json::items(pod, &["spec", "readinessGates"]).count();
    vec![
        format!("{ready}/{total}").into(),
        reason.into(),
        restarts.to_string().into(),
        created(pod, now),
        or_none(json::text(pod, &["status", "podIP"])),
        or_none(json::text(pod, &["spec", "nodeName"])),
        or_none(json::text(pod, &["status", "nominatedNodeName"])),
        if gates == 0 { NONE.into() } else { format!("0/{gates}").into() },
    ]
}

fn service(service: &Value, born: &Value) -> Vec<Value> {
    let ports: Vec<String> = json::items(service, &["spec", "ports"])
        .map(|p| {
            let (port, node, protocol) = (number(p, &["port"]), number(p, &["nodePort"]), json::text(p, &["protocol"]));
            if node > 0 { format!("{port}:{node}/{protocol}") } else { format!("{port}/{protocol}") }
        })
        .collect();
    let kind = json::text(service, &["spec", "type"]);
    let external: Vec<&str> = json::items(service, &["spec", "externalIPs"]).filter_map(Value::as_str).collect();
    let external = match kind {
        "ExternalName" => json::text(service, &["spec", "externalName"]).to_owned(),
        "LoadBalancer" if external.is_empty() => "<pending>".to_owned(),
        _ => external.join(","),
    };
    vec![
        kind.into(),
        or_none(json::text(service, &["spec", "clusterIP"])),
        or_none(&external),
        or_none(&ports.join(",")),
        born.clone(),
        or_none(&labels(json::at(service, &["spec", "selector"]))),
    ]
}

fn job(job: &Value, now: Timestamp, born: Value) -> Vec<Value> {
    let condition = |kind: &str| {
        json::items(job, &["status", "conditions"]).any(|c| json::text(c, &["type"]) == kind && json::text(c, &["status"]) == "True")
    };
    let status = if condition("Complete") {
        "Complete"
    } else if condition("Failed") {
        "Failed"
    } else if json::deleting(job) {
        "Terminating"
    } else if condition("Suspended") {
        "Suspended"
    } else if condition("FailureTarget") {
        "FailureTarget"
    } else if condition("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let done = number(job, &["status", "succeeded"]);
    let completions = match json::at(job, &["spec", "completions"]).and_then(Value::as_i64) {
        Some(wanted) => format!("{done}/{wanted}"),
        None => {
            let parallel = number(job, &["spec", "parallelism"]);
            if parallel > 1 { format!("{done}/1 of {parallel}") } else { format!("{done}/1") }
        }
    };
    let seconds = |key: &str| json::text(job, &["status", key]).parse::<Timestamp>().ok().map(Timestamp::as_second);
    let took = match (seconds("startTime"), seconds("completionTime")) {
        (Some(start), Some(end)) => duration(end.saturating_sub(start)),
        (Some(start), None) => duration(now.as_second().saturating_sub(start)),
        _ => String::new(),
    };
    vec![status.into(), completions.into(), took.into(), born]
}

fn node(node: &Value, born: &Value) -> Vec<Value> {
    let ready = json::items(node, &["status", "conditions"]).find(|c| json::text(c, &["type"]) == "Ready");
    let mut status = match ready.map(|c| json::text(c, &["status"])) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if json::at(node, &["spec", "unschedulable"]) == Some(&Value::Bool(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let roles: Vec<&str> = json::at(node, &["metadata", "labels"])
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(k, _)| k.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    let address = |kind: &str| {
        let found = json::items(node, &["status", "addresses"]).find(|a| json::text(a, &["type"]) == kind);
        or_none(found.map(|a| json::text(a, &["address"])).unwrap_or_default())
    };
    let info = |key: &str| {
        let text = json::text(node, &["status", "nodeInfo", key]);
        if text.is_empty() { json!("<unknown>") } else { json!(text) }
    };
    vec![
        status.into(),
        or_none(&roles.join(",")),
        born.clone(),
        json::text(node, &["status", "nodeInfo", "kubeletVersion"]).into(),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let pick = |a: &[&str], b: &[&str]| {
        let first = json::at(event, a).or_else(|| json::at(event, b)).unwrap_or(&Value::Null);
        first.clone()
    };
    let object = pick(&["involvedObject"], &["regarding"]);
    let seen = |keys: &[&str]| {
        let time = keys.iter().map(|k| json::text(event, &[k])).find(|t| !t.is_empty()).unwrap_or_default();
        age(time, now)
    };
    let kind = json::text(&object, &["kind"]).to_lowercase();
    let source = pick(&["source"], &["deprecatedSource"]);
    let reporter = match json::text(&source, &["component"]) {
        "" => pick(&["reportingComponent"], &["reportingController"]).as_str().unwrap_or_default().to_owned(),
        component => match json::text(&source, &["host"]) {
            "" => component.to_owned(),
            host => format!("{component}, {host}"),
        },
    };
    let count = number(event, &["count"]).max(number(event, &["series", "count"])).max(1);
    vec![
        seen(&["lastTimestamp", "deprecatedLastTimestamp", "eventTime", "firstTimestamp"]).into(),
        json::text(event, &["type"]).into(),
        json::text(event, &["reason"]).into(),
        format!("{kind}/{}", json::text(&object, &["name"])).into(),
        json::text(&object, &["fieldPath"]).into(),
        reporter.into(),
        pick(&["message"], &["note"]).as_str().unwrap_or_default().trim().into(),
        seen(&["firstTimestamp", "deprecatedFirstTimestamp", "eventTime"]).into(),
        count.into(),
        json::meta(event, "name").into(),
    ]
}
