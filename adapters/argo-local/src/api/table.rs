//! Tables: what `kubectl get` prints.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::crd::Column;
use super::{Api, json, render};

/// Columns of built-in kinds: name, `:` and type where it is not string, `!` where it is shown in wide output only.
fn builtin_columns(plural: &str) -> &'static str {
    match plural {
        "pods" => "Ready|Status|Restarts|Age|IP!|Node!|Nominated Node!|Readiness Gates!",
        "services" => "Type|Cluster-IP|External-IP|Port(s)|Age|Selector!",
        "deployments" => "Ready|Up-to-date|Available|Age|Containers!|Images!|Selector!",
        "replicasets" | "replicationcontrollers" => "Desired:integer|Current:integer|Ready:integer|Age|Containers!|Images!|Selector!",
        "statefulsets" => "Ready|Age|Containers!|Images!",
        "daemonsets" => {
            "Desired:integer|Current:integer|Ready:integer|Up-to-date:integer|Available:integer|Node Selector|Age|Containers!|Images!|Selector!"
        }
        "jobs" => "Status|Completions|Duration|Age|Containers!|Images!|Selector!",
        "cronjobs" => "Schedule|Timezone|Suspend:boolean|Active:integer|Last Schedule|Age|Containers!|Images!|Selector!",
        "configmaps" => "Data|Age",
        "secrets" => "Type|Data|Age",
        "namespaces" => "Status|Age",
        "nodes" => "Status|Roles|Age|Version|Internal-IP!|External-IP!|OS-Image!|Kernel-Version!|Container-Runtime!",
        "events" => "Last Seen|Type|Reason|Object|Subobject!|Source!|Message|First Seen!|Count!|Name!",
        "endpoints" => "Endpoints|Age",
        "endpointslices" => "AddressType|Ports|Endpoints|Age",
        "persistentvolumeclaims" => "Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode!",
        "persistentvolumes" => {
            "Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode!"
        }
        "ingresses" => "Class|Hosts|Address|Ports|Age",
        "horizontalpodautoscalers" => "Reference|Targets|MinPods|MaxPods|Replicas|Age",
        "poddisruptionbudgets" => "Min Available|Max Unavailable|Allowed Disruptions:integer|Age",
        "leases" => "Holder|Age",
        "rolebindings" | "clusterrolebindings" => "Role|Age|Users!|Groups!|ServiceAccounts!",
        "roles" | "clusterroles" | "customresourcedefinitions" => "Created At",
        "storageclasses" => "Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age",
        "priorityclasses" => "Value|Global-Default:boolean|Age|PreemptionPolicy",
        "ingressclasses" => "Controller|Parameters|Age",
        "networkpolicies" => "Pod-Selector|Age",
        "resourcequotas" => "Request|Limit|Age",
        _ => "Age",
    }
}

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

impl Api {
    /// The table of some objects.
    pub(crate) fn table_of(&self, ask: &Ask, objects: &[&Value], metadata: Value, beta: bool, heads: bool) -> Value {
        let custom: Option<Vec<Column>> = ask.served().and_then(|v| v.custom.as_ref()).map(|c| c.columns.clone());
        let columns = match &custom {
            Some(columns) if !columns.is_empty() => columns
                .iter()
                .map(|c| {
                    let description = if c.description.is_empty() {
                        format!("Custom resource definition column (in JSONPath format): {}", c.path)
                    } else {
                        c.description.clone()
                    };
                    column(&c.name, &c.kind, &c.format, &description, c.priority)
                })
                .collect::<Vec<_>>(),
            Some(_) => vec![column("Age", "date", "", CREATED, 0)],
            None => builtin_columns(&ask.resource.plural)
                .split('|')
                .map(|word| {
                    let (word, priority) = word.strip_suffix('!').map_or((word, 0), |w| (w, 1));
                    let (name, kind) = word.split_once(':').unwrap_or((word, "string"));
                    let description = if matches!(name, "Age" | "Created At") { CREATED } else { "" };
                    column(name, kind, "", description, priority)
                })
                .collect(),
        };
        let include = ask.query.text("includeObject");
        // Events are told apart by what they are about; their names come last.
        let named = ask.resource.plural != "events" || custom.is_some();
        let rows: Vec<Value> = objects
            .iter()
            .map(|object| {
                let mut cells = if named { vec![json!(json::meta(object, "name"))] } else { Vec::new() };
                match &custom {
                    Some(columns) if !columns.is_empty() => cells.extend(columns.iter().map(|c| custom_cell(c, object, self.now))),
                    Some(_) => cells.push(created(object, self.now)),
                    None => cells.extend(super::columns::cells(&ask.resource.plural, object, self.now)),
                }
                match include {
                    "None" => json!({"cells": cells, "object": null}),
                    "Object" => json!({"cells": cells, "object": render::stamped(object, &ask.api_version(), &ask.resource.kind)}),
                    _ => json!({"cells": cells, "object": render::partial(object, beta)}),
                }
            })
            .collect();
        let mut all = if named { vec![column("Name", "string", "name", NAME, 0)] } else { Vec::new() };
        all.extend(columns);
        let heads = if heads { json!(all) } else { Value::Null };
        let api_version = if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
        json!({"kind": "Table", "apiVersion": api_version, "metadata": metadata, "columnDefinitions": heads, "rows": rows})
    }
}

fn column(name: &str, kind: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": description, "priority": priority})
}

/// How long ago an object was created.
pub(crate) fn created(object: &Value, now: Timestamp) -> Value {
    age(json::meta(object, "creationTimestamp"), now).into()
}

/// How long ago a time was, as kubectl writes it.
pub(crate) fn age(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => duration(now.as_second().saturating_sub(time.as_second())),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration as kubectl writes it: two units while they are small.
pub(crate) fn duration(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

fn custom_cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let found = select(object, &column.path);
    let Some(first) = found.first() else { return Value::Null };
    match column.kind.as_str() {
        "integer" => first.as_i64().map_or(Value::Null, Into::into),
        "number" => first.as_f64().map_or(Value::Null, |_| (*first).clone()),
        "boolean" => first.as_bool().map_or(Value::Null, Into::into),
        "date" => first.as_str().map_or(Value::Null, |t| age(t, now).into()),
        _ => {
            // As upstream: the first of what is found.
            first.as_str().map_or_else(|| first.to_string(), str::to_owned).into()
        }
    }
}

/// The values at a path such as `.a.b[0].c`, `.a['x.y']` or `.a[*].b`.
pub(crate) fn select<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut current = vec![object];
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let Some((inside, after)) = after.split_once(']') else { return Vec::new() };
            rest = after;
            let name = inside.trim_matches(['\'', '"']);
            current = current
                .into_iter()
                .flat_map(|value| -> Vec<&Value> {
                    match (inside, value) {
                        ("*", Value::Array(list)) => list.iter().collect(),
                        ("*", Value::Object(map)) => map.values().collect(),
                        (_, Value::Array(list)) => inside.parse::<usize>().ok().and_then(|i| list.get(i)).into_iter().collect(),
                        (_, Value::Object(_)) => value.get(name).into_iter().collect(),
                        _ => Vec::new(),
                    }
                })
                .collect();
            continue;
        }
        rest = rest.trim_start_matches('.');
        let mut name = String::new();
        let mut chars = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    if let Some((_, escaped)) = chars.next() {
                        name.push(escaped);
                    }
                }
                '.' | '[' => {
                    end = at;
                    break;
                }
                c => name.push(c),
            }
        }
        rest = rest.get(end..).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        current = current.into_iter().filter_map(|value| value.get(name.as_str())).collect();
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, text) in [(5, "5s"), (119, "119s"), (125, "2m5s"), (660, "11m"), (10_800, "3h"), (172_800, "2d"), (700_000, "8d")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn paths() {
        let object = json!({"a": {"b": [{"c": 1}, {"c": 2}], "x.y": 3}});
        assert_eq!(select(&object, ".a.b[*].c"), [&json!(1), &json!(2)]);
        assert_eq!(select(&object, ".a['x.y']"), [&json!(3)]);
        assert_eq!(select(&object, ".a.x\\.y"), [&json!(3)]);
        assert!(select(&object, ".a.z").is_empty());
    }
}
