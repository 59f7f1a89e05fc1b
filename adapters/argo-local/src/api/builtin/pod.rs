//! What is particular to pods.

use serde_json::{Map, Value, json};

use crate::api::json;

/// The quality-of-service class of a pod spec.
pub(super) fn quality(spec: &Value) -> &'static str {
    let containers = json::items(spec, &["containers"]).chain(json::items(spec, &["initContainers"]));
    let (mut any, mut guaranteed) = (false, true);
    for container in containers {
        let of = |which: &str, what: &str| json::at(container, &["resources", which, what]).and_then(Value::as_str).unwrap_or_default();
        for what in ["cpu", "memory"] {
            let (limit, request) = (of("limits", what), of("requests", what));
            let set = |q: &str| !q.is_empty() && q != "0";
            any = any || set(limit) || set(request);
            guaranteed = guaranteed && set(limit) && (request.is_empty() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// What is odd about a pod spec, but allowed.
pub(super) fn warnings(spec: &Value, path: &str) -> Vec<String> {
    let mut out = Vec::new();
    for key in ["initContainers", "containers"] {
        for (index, container) in json::items(spec, &[key]).enumerate() {
            let at = format!("{path}.{key}[{index}]");
            for which in ["limits", "requests"] {
                for (name, value) in json::at(container, &["resources", which]).and_then(Value::as_object).into_iter().flatten() {
                    let text = value.as_str().unwrap_or_default();
                    if matches!(name.as_str(), "memory" | "ephemeral-storage") && text.ends_with(['m', 'u', 'n']) {
                        out.push(format!("{at}.resources.{which}[{name}]: fractional byte value {text:?} is invalid, must be an integer"));
                    }
                }
            }
            let mut seen = Vec::new();
            for (place, env) in json::items(container, &["env"]).enumerate() {
                let name = json::text(env, &["name"]);
                if seen.contains(&name) {
                    out.push(format!("{at}.env[{place}]: hides previous definition of {name:?}, which may be dropped when using apply"));
                }
                seen.push(name);
            }
            let ports: Vec<&Value> = json::items(container, &["ports"]).collect();
            for (place, port) in ports.iter().enumerate() {
                let same = |p: &&Value| p.get("containerPort") == port.get("containerPort") && p.get("protocol") == port.get("protocol");
                if let Some(first) = ports.iter().take(place).position(same) {
                    out.push(format!("{at}.ports[{place}]: duplicate port definition with {at}.ports[{first}]"));
                }
            }
        }
    }
    out
}

/// Fills in the defaults of a pod spec, in a pod or in a template.
pub(super) fn defaults(spec: &mut Map<String, Value>) {
    json::default(spec, "restartPolicy", "Always");
    json::default(spec, "dnsPolicy", "ClusterFirst");
    json::default(spec, "schedulerName", "default-scheduler");
    json::default(spec, "terminationGracePeriodSeconds", 30);
    json::default(spec, "securityContext", json!({}));
    // Both names of the service account say the same.
    match (spec.get("serviceAccountName").cloned(), spec.get("serviceAccount").cloned()) {
        (Some(name), _) => {
            spec.insert("serviceAccount".to_owned(), name);
        }
        (None, Some(name)) => {
            spec.insert("serviceAccountName".to_owned(), name);
        }
        (None, None) => {}
    }
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        for container in json::items_mut(spec, key) {
            self::container(json::map(container), host_network);
        }
    }
    for volume in json::items_mut(spec, "volumes") {
        self::volume(json::map(volume));
    }
}

/// What only pods get, by admission.
pub(super) fn admit(spec: &mut Map<String, Value>) {
    json::default(spec, "serviceAccountName", "default");
    json::default(spec, "serviceAccount", spec.get("serviceAccountName").cloned().unwrap_or_default());
    json::default(spec, "priority", 0);
    json::default(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerations(spec);
}

fn tolerations(spec: &mut Map<String, Value>) {
    let entry = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Some(list) = entry.as_array_mut() else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = list.iter().any(|t| {
            let (own, effect) = (json::text(t, &["key"]), json::text(t, &["effect"]));
            (own == key || own.is_empty()) && matches!(effect, "" | "NoExecute")
        });
        if !tolerated {
            list.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
}

fn container(container: &mut Map<String, Value>, host_network: bool) {
    json::default(container, "resources", json!({}));
    json::default(container, "terminationMessagePath", "/dev/termination-log");
    json::default(container, "terminationMessagePolicy", "File");
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let file = image.rsplit('/').next().unwrap_or_default();
    let tag = if image.contains('@') { "digest" } else { file.split_once(':').map_or("latest", |(_, tag)| tag) };
    json::default(container, "imagePullPolicy", if tag == "latest" { "Always" } else { "IfNotPresent" });
    for port in json::items_mut(container, "ports") {
        let port = json::map(port);
        json::default(port, "protocol", "TCP");
        if host_network && let Some(number) = port.get("containerPort").cloned() {
            json::default(port, "hostPort", number);
        }
    }
    for env in json::items_mut(container, "env") {
        if let Some(from) = env.get_mut("valueFrom").and_then(|f| f.get_mut("fieldRef")) {
            json::default(json::map(from), "apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            self::probe(json::map(probe));
        }
    }
    if let Some(lifecycle) = container.get_mut("lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(http) = lifecycle.get_mut(hook).and_then(|h| h.get_mut("httpGet")) {
                http_get(json::map(http));
            }
        }
    }
    // What is limited is requested, where nothing else is said.
    if let Some(resources) = container.get_mut("resources").map(json::map)
        && let Some(Value::Object(limits)) = resources.get("limits").cloned()
    {
        let requests = resources.entry("requests").or_insert_with(|| json!({}));
        for (name, limit) in limits {
            json::default(json::map(requests), &name, limit);
        }
    }
}

fn probe(probe: &mut Map<String, Value>) {
    json::default(probe, "timeoutSeconds", 1);
    json::default(probe, "periodSeconds", 10);
    json::default(probe, "successThreshold", 1);
    json::default(probe, "failureThreshold", 3);
    if let Some(http) = probe.get_mut("httpGet") {
        http_get(json::map(http));
    }
    if let Some(grpc) = probe.get_mut("grpc") {
        json::default(json::map(grpc), "service", "");
    }
}

fn http_get(http: &mut Map<String, Value>) {
    json::default(http, "path", "/");
    json::default(http, "scheme", "HTTP");
}

fn volume(volume: &mut Map<String, Value>) {
    if volume.len() == 1 && volume.contains_key("name") {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(source) {
            json::default(json::map(source), "defaultMode", 420);
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        json::default(json::map(path), "type", "");
    }
    let downward = |source: &mut Value| {
        for item in json::items_mut(json::map(source), "items") {
            if let Some(from) = item.get_mut("fieldRef") {
                json::default(json::map(from), "apiVersion", "v1");
            }
        }
    };
    if let Some(source) = volume.get_mut("downwardAPI") {
        downward(source);
    }
    if let Some(projected) = volume.get_mut("projected") {
        for source in json::items_mut(json::map(projected), "sources") {
            if let Some(source) = source.get_mut("downwardAPI") {
                downward(source);
            }
            if let Some(token) = source.get_mut("serviceAccountToken") {
                json::default(json::map(token), "expirationSeconds", 3600);
            }
        }
    }
    if let Some(ephemeral) = volume.get_mut("ephemeral").and_then(|e| e.get_mut("volumeClaimTemplate")).and_then(|t| t.get_mut("spec")) {
        json::default(json::map(ephemeral), "volumeMode", "Filesystem");
    }
}
