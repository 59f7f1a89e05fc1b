//! Answers in protobuf, for built-in kinds: JSON values written by the table of types.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::Value;

use super::super::json;
use super::super::types::{self, Code, Field};
use super::MAGIC;

/// Writes an object, a list of objects, a `Status` or metadata alone, by its `apiVersion` and `kind`. `None` where its type has no known form in
/// protobuf.
pub(crate) fn write(value: &Value) -> Option<Vec<u8>> {
    let (api_version, kind) = (json::text(value, &["apiVersion"]), json::text(value, &["kind"]));
    let mut out = MAGIC.to_vec();
    let mut about = Vec::new();
    bytes(&mut about, 1, api_version.as_bytes());
    bytes(&mut about, 2, kind.as_bytes());
    bytes(&mut out, 1, &about);
    bytes(&mut out, 2, &object(value, api_version, kind)?);
    Some(out)
}

/// Writes an event of a watch: its length, then itself, which holds the object as it would be alone.
pub(crate) fn event(kind: &str, object: &Value) -> Option<Vec<u8>> {
    let (mut inner, mut event) = (Vec::new(), Vec::new());
    bytes(&mut inner, 1, &write(object)?);
    bytes(&mut event, 1, kind.as_bytes());
    bytes(&mut event, 2, &inner);
    let mut out = u32::try_from(event.len()).ok()?.to_be_bytes().to_vec();
    out.append(&mut event);
    Some(out)
}

/// Whether the fields of objects of a type have numbers that are known. Below them newer fields may have none: an object that has such a one
/// cannot be written.
pub(crate) fn knows(type_name: &str) -> bool {
    types::find(type_name).is_some_and(|known| known.fields.values().all(|field| field.number.0 > 0))
}

fn object(value: &Value, api_version: &str, kind: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    if let (Some(items), Some(of)) = (value.get("items").and_then(Value::as_array), kind.strip_suffix("List")) {
        bytes(&mut out, 1, &message(value.get("metadata")?, "meta/v1.ListMeta")?);
        for item in items {
            bytes(&mut out, 2, &object(item, api_version, of)?);
        }
        return Some(out);
    }
    match kind {
        "PartialObjectMetadata" => {
            bytes(&mut out, 1, &message(value.get("metadata")?, "meta/v1.ObjectMeta")?);
            Some(out)
        }
        "Status" => message(value, "meta/v1.Status"),
        _ => message(value, types::of_kind(api_version, kind)?),
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

fn number(out: &mut Vec<u8>, field: u64, number: i64) {
    varint(out, field << 3);
    varint(out, number.cast_unsigned());
}

fn bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, (field << 3) | 2);
    varint(out, u64::try_from(bytes.len()).unwrap_or(0));
    out.extend_from_slice(bytes);
}

fn message(value: &Value, type_name: &str) -> Option<Vec<u8>> {
    let known = types::find(type_name)?;
    let (mut out, mut nested) = (Vec::new(), BTreeMap::<u64, Vec<u8>>::new());
    for (name, inner) in value.as_object()?.iter().filter(|(_, inner)| !inner.is_null()) {
        let Some(Field { code, number, .. }) = known.fields.get(name.as_str()) else {
            if matches!(name.as_str(), "apiVersion" | "kind") {
                continue;
            }
            return None;
        };
        match *number {
            (0, _) => return None,
            (field, 0) => put(&mut out, field, code, inner)?,
            // A message that JSON does not have lies between.
            (outer, field) => put(nested.entry(outer).or_default(), field, code, inner)?,
        }
    }
    for (field, inner) in nested {
        bytes(&mut out, field, &inner);
    }
    Some(out)
}

fn put(out: &mut Vec<u8>, field: u64, code: &Code, value: &Value) -> Option<()> {
    match code {
        Code::Bool => number(out, field, i64::from(value.as_bool()?)),
        Code::Int32 | Code::Int64 => number(out, field, value.as_i64()?),
        Code::Number => {
            varint(out, (field << 3) | 1);
            out.extend_from_slice(&value.as_f64()?.to_bits().to_le_bytes());
        }
        Code::Text => bytes(out, field, value.as_str()?.as_bytes()),
        Code::Bytes => bytes(out, field, &base64::engine::general_purpose::STANDARD.decode(value.as_str()?).ok()?),
        Code::Type(name) => bytes(out, field, &message(value, name)?),
        Code::Quantity => {
            let mut inner = Vec::new();
            bytes(&mut inner, 1, value.as_str()?.as_bytes());
            bytes(out, field, &inner);
        }
        Code::Time | Code::MicroTime => {
            let time: jiff::Timestamp = value.as_str()?.parse().ok()?;
            let mut inner = Vec::new();
            number(&mut inner, 1, time.as_second());
            number(&mut inner, 2, i64::from(time.subsec_nanosecond()));
            bytes(out, field, &inner);
        }
        Code::IntOrText => {
            let mut inner = Vec::new();
            number(&mut inner, 1, i64::from(value.is_string()));
            match value.as_str() {
                Some(text) => bytes(&mut inner, 3, text.as_bytes()),
                None => number(&mut inner, 2, value.as_i64()?),
            }
            bytes(out, field, &inner);
        }
        // What may be anything is JSON inside.
        Code::Any => {
            let mut inner = Vec::new();
            bytes(&mut inner, 1, value.to_string().as_bytes());
            bytes(out, field, &inner);
        }
        Code::List { item, .. } => value.as_array()?.iter().try_for_each(|inner| put(out, field, item, inner))?,
        Code::Map { value: item, .. } => {
            for (key, inner) in value.as_object()? {
                let mut entry = Vec::new();
                bytes(&mut entry, 1, key.as_bytes());
                put(&mut entry, 2, item, inner)?;
                bytes(out, field, &entry);
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "a", "labels": {"x": "y"}, "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 3,
                "managedFields": [{"manager": "m", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": {
                "containers": [{
                    "name": "main", "image": "x", "resources": {"limits": {"cpu": "100m"}},
                    "livenessProbe": {"httpGet": {"port": "web", "path": "/"}, "periodSeconds": 5},
                }],
                "volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 420}}],
                "hostNetwork": true,
            },
        });
        assert_eq!(read(&write(&pod).unwrap(), types::of_kind).unwrap(), pod);
        let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [pod]});
        assert!(write(&list).unwrap().len() > write(&list["items"][0]).unwrap().len());
        let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "code": 404, "details": {"name": "a"}});
        assert!(write(&status).is_some());
        assert_eq!(write(&json!({"apiVersion": "v1", "kind": "Pod", "spec": {"odd": 1}})), None);
        assert!(knows("core/v1.Pod") && knows("apps/v1.Deployment") && !knows("admissionregistration/v1.MutatingAdmissionPolicy"));
        let event = event("ADDED", &pod).unwrap();
        assert_eq!(u32::from_be_bytes(*event.first_chunk().unwrap()) as usize, event.len() - 4);
    }
}
