//! Names for versions.

use argo_core::ids::fnv1a32;
use serde_json::Value;

/// The alphabet of Kubernetes' hashes: no vowels, so that no words come out.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short name for a pod template: equal for equal templates, whatever the order of their fields.
///
/// Not upstream's hash yet, which depends on the field order of Go's types: taking over ReplicaSets that upstream made is not supported yet.
#[must_use]
pub fn pod_template_hash(template: &Value) -> String {
    short(template)
}

/// A short name for a list of steps.
#[must_use]
pub fn step_hash(steps: &Value) -> String {
    short(steps)
}

fn short(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    let number = fnv1a32(text.as_bytes()).to_string();
    number.bytes().filter_map(|c| ALPHABET.get(usize::from(c) % ALPHABET.len())).map(|c| char::from(*c)).collect()
}

/// JSON with sorted keys and without nulls.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().filter(|(_, v)| !v.is_null()).collect();
            names.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in names {
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn same_template_same_name() {
        let one = json!({"spec": {"containers": [{"name": "a", "image": "b"}]}, "metadata": {"labels": {"app": "x"}}});
        let two = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"image": "b", "name": "a"}], "nodeName": null}});
        assert_eq!(pod_template_hash(&one), pod_template_hash(&two));
        assert_ne!(pod_template_hash(&one), pod_template_hash(&json!({})));
        assert!(pod_template_hash(&one).bytes().all(|c| ALPHABET.contains(&c)));
    }
}
