//! Whether a patched pod spec still is one: the types that a patch can get wrong.

use serde_json::Value;

/// Something in the pod spec has the wrong type; the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

pub(super) fn pod_spec(spec: &Value) -> Result<(), Wrong> {
    for field in ["initContainers", "containers"] {
        for container in list(spec, field)? {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            for part in ["limits", "requests"] {
                let amounts = container.pointer(&format!("/resources/{part}")).filter(|v| !v.is_null());
                if amounts.is_some_and(|v| !v.is_object()) {
                    return Err(Wrong(format!("{field}[{name}].resources.{part}")));
                }
                for (resource, amount) in amounts.and_then(Value::as_object).into_iter().flatten() {
                    if !is_quantity(amount) {
                        return Err(Wrong(format!("{field}[{name}].resources.{part}.{resource}")));
                    }
                }
            }
            for (field, ok) in [
                ("name", Value::is_string as fn(&Value) -> bool),
                ("image", Value::is_string),
                ("command", is_texts),
                ("args", is_texts),
                ("env", Value::is_array),
                ("volumeMounts", Value::is_array),
                ("resources", Value::is_object),
                ("securityContext", Value::is_object),
            ] {
                if container.get(field).is_some_and(|v| !v.is_null() && !ok(v)) {
                    return Err(Wrong(format!("{name}.{field}")));
                }
            }
        }
    }
    for (field, ok) in [
        ("activeDeadlineSeconds", Value::is_i64 as fn(&Value) -> bool),
        ("terminationGracePeriodSeconds", Value::is_i64),
        ("priority", Value::is_i64),
        ("hostNetwork", Value::is_boolean),
        ("hostPID", Value::is_boolean),
        ("nodeSelector", Value::is_object),
        ("volumes", Value::is_array),
        ("tolerations", Value::is_array),
        ("serviceAccountName", Value::is_string),
        ("schedulerName", Value::is_string),
        ("restartPolicy", Value::is_string),
    ] {
        if spec.get(field).is_some_and(|v| !v.is_null() && !ok(v)) {
            return Err(Wrong(field.to_owned()));
        }
    }
    Ok(())
}

fn list<'a>(spec: &'a Value, field: &str) -> Result<&'a [Value], Wrong> {
    match spec.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Wrong(field.to_owned())),
    }
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
}

/// Whether it is an amount such as `1`, `0.5`, `100m`, `1e3` or `64Mi`.
fn is_quantity(value: &Value) -> bool {
    let text = match value {
        Value::Number(_) => return true,
        Value::String(text) => text.trim_start_matches(['+', '-']),
        _ => return false,
    };
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let Some((number, unit)) = text.split_at_checked(digits) else { return false };
    if !number.bytes().any(|b| b.is_ascii_digit()) || number.matches('.').count() > 1 {
        return false;
    }
    match unit {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => true,
        _ => unit.strip_prefix(['e', 'E']).is_some_and(|power| power.parse::<i16>().is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_that_a_patch_gets_wrong() {
        let main = |main: Value| json!({"containers": [main]});
        assert_eq!(
            pod_spec(&main(json!({"name": "main", "resources": {"limits": {"cpu": "0.5", "memory": "1Gi", "x": 3, "y": "1e3"}}}))),
            Ok(())
        );
        let wrong = |spec: Value| pod_spec(&spec).unwrap_err().0;
        assert_eq!(wrong(main(json!({"name": "main", "resources": {"limits": {"cpu": "much"}}}))), "containers[main].resources.limits.cpu");
        assert_eq!(wrong(main(json!({"name": "main", "resources": {"requests": "v"}}))), "containers[main].resources.requests");
        assert_eq!(wrong(main(json!({"name": "main", "command": "sh"}))), "main.command");
        assert_eq!(wrong(json!({"activeDeadlineSeconds": "5"})), "activeDeadlineSeconds");
    }
}
