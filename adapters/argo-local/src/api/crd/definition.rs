//! What is wrong with a CustomResourceDefinition.

use serde_json::{Value, json};

use crate::api::failure::Cause;
use crate::api::{json, names};

/// Checks a new definition.
pub(crate) fn check(object: &Value, causes: &mut Vec<Cause>) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let (group, plural) = (json::text(spec, &["group"]), json::text(spec, &["names", "plural"]));
    let name = json::meta(object, "name");
    if name != format!("{plural}.{group}") {
        causes.push(Cause::invalid("metadata.name", &name.into(), "must be spec.names.plural+\".\"+spec.group"));
    }
    let protected = group.ends_with(".k8s.io") || group == "k8s.io" || group.ends_with(".kubernetes.io") || group == "kubernetes.io";
    if protected && json::at(object, &["metadata", "annotations", "api-approved.kubernetes.io"]).is_none() {
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see \
                   https://github.com/kubernetes/enhancements/pull/1111";
        causes.push(Cause::required("metadata.annotations[api-approved.kubernetes.io]", why));
    }
    if group.is_empty() {
        causes.push(Cause::required("spec.group", ""));
    }
    for (key, text) in [("plural", plural), ("singular", json::text(spec, &["names", "singular"]))] {
        for why in names::dns_1035(text) {
            causes.push(Cause::invalid(format!("spec.names.{key}"), &text.into(), &why));
        }
    }
    if json::text(spec, &["names", "kind"]).is_empty() {
        causes.push(Cause::required("spec.names.kind", ""));
    }
    let scope = json::text(spec, &["scope"]);
    if !matches!(scope, "Cluster" | "Namespaced") {
        causes.push(Cause::unsupported("spec.scope", &scope.into(), &["Cluster", "Namespaced"]));
    }
    versions(spec, causes);
}

fn versions(spec: &Value, causes: &mut Vec<Cause>) {
    let list: Vec<&Value> = json::items(spec, &["versions"]).collect();
    let many = list.len() > 1;
    // As upstream, which shows its own inner form of them: with one version, what is common to all is moved to the top.
    let shown: Vec<String> = list
        .iter()
        .map(|v| {
            let flag = |key: &str| v.get(key) == Some(&Value::Bool(true));
            format!(
                "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":null,\"Subresources\":null,\
                 \"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
                v.get("name").unwrap_or(&Value::Null),
                flag("served"),
                flag("storage"),
                flag("deprecated"),
                v.get("deprecationWarning").unwrap_or(&Value::Null)
            )
        })
        .collect();
    let shown = format!("[{}]", shown.join(","));
    let about = |why: &str| Cause::other("FieldValueInvalid", "spec.versions", format!("Invalid value: {shown}: {why}"));
    let names: Vec<&str> = list.iter().map(|v| json::text(v, &["name"])).collect();
    if names.iter().enumerate().any(|(i, n)| names.get(..i).is_some_and(|b| b.contains(n))) {
        causes.push(about("must contain unique version names"));
    }
    let stored = list.iter().filter(|v| v.get("storage") == Some(&Value::Bool(true))).count();
    if stored != 1 {
        causes.push(about("must have exactly one version marked as storage version"));
        if stored == 0 && !list.is_empty() {
            causes.push(Cause::invalid("status.storedVersions", &Value::Null, "must have at least one stored version"));
        }
    }
    // As upstream, which fills this list in by the first version that is stored.
    if stored > 1 {
        let first =
            list.iter().find(|v| v.get("storage") == Some(&Value::Bool(true))).map(|v| json::text(v, &["name"])).unwrap_or_default();
        causes.push(Cause::invalid("status.storedVersions", &json!([first]), &format!("must have the storage version {first}")));
    }
    for (index, version) in list.iter().enumerate() {
        let at = if many { format!("spec.versions[{index}]") } else { "spec".to_owned() };
        let schema_at = if many { format!("{at}.schema.openAPIV3Schema") } else { "spec.validation.openAPIV3Schema".to_owned() };
        match json::at(version, &["schema", "openAPIV3Schema"]) {
            None => causes.push(Cause::required(format!("spec.versions[{index}].schema.openAPIV3Schema"), "")),
            Some(schema) => {
                if schema.get("type").and_then(Value::as_str) != Some("object") {
                    let kind = schema.get("type").cloned().unwrap_or_else(|| "".into());
                    let cause = if json::text(schema, &["type"]).is_empty() {
                        Cause::required(format!("{schema_at}.type"), "must not be empty at the root")
                    } else {
                        Cause::invalid(format!("{schema_at}.type"), &kind, "must be object at the root")
                    };
                    causes.push(cause);
                } else {
                    structure(schema, &schema_at, true, causes);
                }
            }
        }
        for (place, column) in json::items(version, &["additionalPrinterColumns"]).enumerate() {
            let at = format!("{at}.additionalPrinterColumns[{place}]");
            let (kind, path) = (json::text(column, &["type"]), json::text(column, &["jsonPath"]));
            if !matches!(kind, "boolean" | "date" | "integer" | "number" | "string") {
                causes.push(Cause::invalid(format!("{at}.type"), &kind.into(), "must be one of boolean,date,integer,number,string"));
            }
            if path.is_empty() {
                causes.push(Cause::required(format!("{at}.JSONPath"), ""));
            } else if !path.starts_with('.') {
                causes.push(Cause::invalid(format!("{at}.JSONPath"), &path.into(), "must be a simple json path starting with ."));
            }
        }
    }
}

/// Checks that a schema is structural.
fn structure(schema: &Value, at: &str, root: bool, causes: &mut Vec<Cause>) {
    let Some(map) = schema.as_object() else { return };
    let flag = |key: &str| map.get(key) == Some(&Value::Bool(true));
    let open = flag("x-kubernetes-preserve-unknown-fields") || flag("x-kubernetes-int-or-string");
    let kind = json::text(schema, &["type"]);
    if kind.is_empty() {
        if !open && !root {
            causes.push(Cause::required(format!("{at}.type"), "must not be empty for specified object fields"));
        }
    } else if !matches!(kind, "array" | "boolean" | "integer" | "number" | "object" | "string") {
        let kinds = ["array", "boolean", "integer", "number", "object", "string"];
        causes.push(Cause::unsupported(format!("{at}.type"), &kind.into(), &kinds));
        return;
    }
    if kind == "array" && !map.contains_key("items") {
        causes.push(Cause::required(format!("{at}.items"), "must be specified"));
    }
    if let Some(pattern) = map.get("pattern").and_then(Value::as_str)
        && let Err(error) = regex::Regex::new(pattern)
    {
        let why = go_regex_error(pattern, &error);
        causes.push(Cause::invalid(
            format!("{at}.pattern"),
            &pattern.into(),
            &format!("must be a valid regular expression, but isn't: {why}"),
        ));
    }
    if json::text(schema, &["x-kubernetes-list-type"]) == "map" && json::items(schema, &["x-kubernetes-list-map-keys"]).next().is_none() {
        let why = "must not be empty if x-kubernetes-list-type is map";
        causes.push(Cause::required(format!("{at}.x-kubernetes-list-map-keys"), why));
    }
    if let Some(default) = map.get("default") {
        let mut wrong = Vec::new();
        super::validate::bare(schema, default, &mut wrong);
        for mut cause in wrong {
            cause.field = format!("{at}.default{}", if cause.field.is_empty() { String::new() } else { format!(".{}", cause.field) });
            causes.push(cause);
        }
    }
    for (name, inner) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
        structure(inner, &format!("{at}.properties[{name}]"), false, causes);
    }
    if let Some(inner) = map.get("items").filter(|i| i.is_object()) {
        structure(inner, &format!("{at}.items"), false, causes);
    }
    if let Some(inner) = map.get("additionalProperties").filter(|i| i.is_object()) {
        structure(inner, &format!("{at}.additionalProperties"), false, causes);
    }
}

fn go_regex_error(pattern: &str, error: &regex::Error) -> String {
    let open = pattern.matches('(').count() > pattern.matches(')').count();
    if open { format!("error parsing regexp: missing closing ): `{pattern}`") } else { format!("error parsing regexp: {error}") }
}

/// Checks a change of a definition.
pub(crate) fn check_update(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    for path in [&["group"][..], &["scope"], &["names", "kind"], &["names", "plural"]] {
        let (before, after) = (json::at(old.get("spec").unwrap_or(&Value::Null), path), json::at(spec, path));
        if before != after {
            causes.push(Cause::invalid(format!("spec.{}", path.join(".")), after.unwrap_or(&Value::Null), "field is immutable"));
        }
    }
    if !causes.is_empty() {
        return;
    }
    let has: Vec<&str> = json::items(spec, &["versions"]).map(|v| json::text(v, &["name"])).collect();
    if has.is_empty() {
        causes.push(Cause::invalid("spec.versions", &json!([]), "must have exactly one version marked as storage version"));
    } else {
        versions(spec, causes);
    }
    for (index, stored) in json::items(old, &["status", "storedVersions"]).filter_map(Value::as_str).enumerate() {
        if !has.contains(&stored) {
            let why = format!(
                "missing from spec.versions; {stored} was previously a storage version, and must remain in spec.versions until a storage migration \
                 ensures no data remains persisted in {stored} and removes {stored} from status.storedVersions"
            );
            causes.push(Cause::invalid(format!("status.storedVersions[{index}]"), &stored.into(), &why));
        }
    }
}
