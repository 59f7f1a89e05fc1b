//! Go's names in the API's words.

use serde_json::Value;

/// The JSON name of a Go field: `BoundaryID` is `boundaryID`, `TTLStrategy` is `ttlStrategy`.
pub(crate) fn json_name(field: &str) -> String {
    match field {
        "StoredWorkflowSpec" => return "storedWorkflowTemplateSpec".to_owned(),
        "ObjectMeta" => return "metadata".to_owned(),
        _ => {}
    }
    let upper = field.chars().take_while(|c| c.is_uppercase() || c.is_ascii_digit()).count();
    let lowered = match upper {
        0 => 0,
        _ if upper == field.chars().count() => upper,
        1 => 1,
        _ => upper.saturating_sub(1),
    };
    field.chars().enumerate().map(|(i, c)| if i < lowered { c.to_ascii_lowercase() } else { c }).collect()
}

/// Fields that Go embeds: their content stands in the struct itself.
pub(crate) const EMBEDDED: [&str; 14] = [
    "ArtifactLocation",
    "S3Bucket",
    "GCSBucket",
    "OSSBucket",
    "AzureBlobContainer",
    "HDFSConfig",
    "Container",
    "ListMeta",
    "TypeMeta",
    "UserContainer",
    "VolumeSource",
    "LocalObjectReference",
    "ContainerNode",
    "EnvVar",
];

/// The value of a constant, by package and name.
pub(crate) fn constant(package: &str, name: &str) -> Option<Value> {
    let text = |s: &str| Some(Value::from(s));
    match package {
        "wfv1" | "v1alpha1" => {
            for prefix in ["NodeType", "Workflow", "Node", "ShutdownStrategy", "ConditionType"] {
                if let Some(rest) = name.strip_prefix(prefix).filter(|r| !r.is_empty()) {
                    return text(if prefix == "Workflow" && rest == "Unknown" { "" } else { rest });
                }
            }
            None
        }
        "apiv1" | "corev1" => name.strip_prefix("Pod").and_then(text),
        // Durations are in seconds here.
        "time" => match name {
            "Second" => Some(Value::from(1)),
            "Minute" => Some(Value::from(60)),
            "Hour" => Some(Value::from(3600)),
            _ => None,
        },
        "metav1" => name.strip_prefix("Condition").and_then(text),
        "common" => text(match name {
            "LabelKeyCompleted" => "workflows.argoproj.io/completed",
            "LabelKeyWorkflow" => "workflows.argoproj.io/workflow",
            "LabelKeyPhase" => "workflows.argoproj.io/phase",
            "LabelKeyConfigMapType" => "workflows.argoproj.io/configmap-type",
            "LabelKeyControllerInstanceID" => "workflows.argoproj.io/controller-instanceid",
            "LabelKeyCreator" => "workflows.argoproj.io/creator",
            "LabelKeyWorkflowTemplate" => "workflows.argoproj.io/workflow-template",
            "LabelKeyClusterWorkflowTemplate" => "workflows.argoproj.io/cluster-workflow-template",
            "LabelKeyCronWorkflow" => "workflows.argoproj.io/cron-workflow",
            "LabelValueTypeConfigMapCache" => "Cache",
            "LabelValueTypeConfigMapParameter" => "Parameter",
            "AnnotationKeyNodeID" => "workflows.argoproj.io/node-id",
            "AnnotationKeyNodeName" => "workflows.argoproj.io/node-name",
            "EnvVarTemplate" => "ARGO_TEMPLATE",
            "MainContainerName" => "main",
            "WaitContainerName" => "wait",
            "InitContainerName" => "init",
            _ => return None,
        }),
        _ => None,
    }
}

/// A Go struct as it stands in the cases (`{"__type__", "Field": …}`), in the API's words.
pub(crate) fn from_go(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let typed = map.contains_key("__type__");
            let mut out = serde_json::Map::new();
            for (key, inner) in map {
                if key == "__type__" {
                    continue;
                }
                let inner = from_go(inner);
                if !typed {
                    let key = key
                        .strip_prefix("$common.")
                        .and_then(|k| constant("common", k))
                        .and_then(|v| v.as_str().map(str::to_owned))
                        .unwrap_or_else(|| key.clone());
                    out.insert(key, inner);
                } else if EMBEDDED.contains(&key.as_str()) && is_embedded(map, key) {
                    if let Value::Object(fields) = inner {
                        out.extend(fields);
                    }
                } else {
                    out.insert(json_name(key), inner);
                }
            }
            Value::Object(out)
        }
        Value::Array(list) => list.iter().map(from_go).collect(),
        other => other.clone(),
    }
}

// `Container` is a field of templates, but embedded in container nodes and user containers.
fn is_embedded(map: &serde_json::Map<String, Value>, key: &str) -> bool {
    let kind = map.get("__type__").and_then(Value::as_str).unwrap_or_default();
    key != "Container" || kind.ends_with("ContainerNode") || kind.ends_with("UserContainer") || kind.ends_with("ScriptTemplate")
}

#[cfg(test)]
mod tests {
    use super::json_name;

    #[test]
    fn acronyms() {
        for (go, json) in [
            ("BoundaryID", "boundaryID"),
            ("TTLStrategy", "ttlStrategy"),
            ("PodGC", "podGC"),
            ("DAG", "dag"),
            ("S3", "s3"),
            ("Phase", "phase"),
            ("ID", "id"),
        ] {
            assert_eq!(json_name(go), json);
        }
    }
}
