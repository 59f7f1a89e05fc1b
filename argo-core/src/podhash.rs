//! Hashes of pod templates, as the Deployment and Rollout controllers compute them: they are in names and labels of ReplicaSets, so every bit counts.
//!
//! ```
//! use argo_core::podhash;
//! use serde_json::json;
//!
//! let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "nginx:1.25", "resources": {}}]}});
//! assert_eq!(podhash::deployment(&template, None).unwrap(), "7ff494c575");
//! ```

use serde_json::{Map, Value};

use crate::ids::{fnv1a32, safe_encode};
use crate::json;
use crate::k8s::{self, KubeStruct};
use crate::quantity::{Amount, Quantity};

/// A template that does not have a pod template's types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A value of the wrong type.
    #[error("{path} must be {expected}")]
    Type {
        /// Where: `spec.containers[0].env`.
        path: String,
        /// Its type in Go.
        expected: &'static str,
    },
    /// A quantity that is none.
    #[error("{path}: {source}")]
    Quantity {
        /// Where.
        path: String,
        /// Why.
        source: crate::quantity::QuantityError,
    },
    /// A time that is none.
    #[error("{path}: {source}")]
    Time {
        /// Where.
        path: String,
        /// Why.
        source: crate::meta::TimeError,
    },
}

const TEMPLATE: &str = "PodTemplateSpec";

/// The JSON that Go makes of a pod template: fields in Go's order, empty ones left out, quantities in canonical form, unknown fields gone.
///
/// # Errors
/// When a value has the wrong type.
pub fn canonical_json(template: &Value) -> Result<String, TemplateError> {
    canonical_json_of(TEMPLATE, template)
}

/// As [`canonical_json`] for any type of Kubernetes' API that this crate knows, such as `DeploymentSpec`.
///
/// # Errors
/// When a value has the wrong type.
pub fn canonical_json_of(go_type: &'static str, value: &Value) -> Result<String, TemplateError> {
    let mut writer = Writer::default();
    writer.json(Some(value), go_type)?;
    Ok(writer.out)
}

/// The hash that a Rollout gives its ReplicaSets: of the canonical JSON.
///
/// # Errors
/// When a value has the wrong type.
pub fn rollouts(template: &Value, collision_count: Option<i32>) -> Result<String, TemplateError> {
    Ok(finish(canonical_json(template)?, collision_count))
}

/// The hash that a Deployment gives its ReplicaSets: of Go's dump of the decoded template. A stored template has been written as canonical JSON and read
/// again, which may change how its quantities are kept: hash `canonical_json` read back for what the controller computes.
///
/// # Errors
/// When a value has the wrong type.
pub fn deployment(template: &Value, collision_count: Option<i32>) -> Result<String, TemplateError> {
    Ok(finish(dump(template)?, collision_count))
}

/// Go's dump of a template: what [`deployment`] hashes.
///
/// # Errors
/// When a value has the wrong type.
pub fn dump(template: &Value) -> Result<String, TemplateError> {
    let mut writer = Writer::default();
    writer.out.push_str("(*v1.PodTemplateSpec)");
    writer.dump(Some(template), TEMPLATE)?;
    Ok(writer.out)
}

fn finish(text: String, collision_count: Option<i32>) -> String {
    let mut bytes = text.into_bytes();
    if let Some(count) = collision_count {
        bytes.extend(count.to_le_bytes());
        bytes.extend([0; 4]);
    }
    safe_encode(&fnv1a32(&bytes).to_string())
}

#[derive(Default)]
struct Writer {
    out: String,
    path: String,
}

impl Writer {
    fn wrong(&self, expected: &'static str) -> TemplateError {
        TemplateError::Type { path: if self.path.is_empty() { "the template".to_owned() } else { self.path.clone() }, expected }
    }

    fn at<T>(&mut self, step: &str, visit: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if !self.path.is_empty() && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = visit(self);
        self.path.truncate(length);
        result
    }

    fn quantity(&self, value: &Value) -> Result<Quantity, TemplateError> {
        Quantity::from_value(value).map_err(|source| TemplateError::Quantity { path: self.path.clone(), source })
    }

    fn fields<'v>(&self, value: Option<&'v Value>, go_type: &'static str) -> Result<Option<&'v Map<String, Value>>, TemplateError> {
        match present(value) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(go_type)),
        }
    }

    fn list<'v>(&self, value: Option<&'v Value>, go_type: &'static str) -> Result<Option<&'v [Value]>, TemplateError> {
        match present(value) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(self.wrong(go_type)),
        }
    }

    /// A plain value as text and number, which both forms print: texts are quoted only in JSON.
    fn scalar(&self, value: Option<&Value>, plain: &'static str, go_type: &'static str) -> Result<Scalar, TemplateError> {
        let wrong = || self.wrong(go_type);
        Ok(match (plain, present(value)) {
            ("string" | "types.UID", None) => Scalar::Text(String::new()),
            ("string" | "types.UID", Some(Value::String(text))) => Scalar::Text(text.clone()),
            ("bool", None) => Scalar::Bool(false),
            ("bool", Some(Value::Bool(truth))) => Scalar::Bool(*truth),
            ("int32" | "int64", None) => Scalar::Int(0),
            ("int32", Some(value)) => Scalar::Int(value.as_i64().filter(|n| i32::try_from(*n).is_ok()).ok_or_else(wrong)?),
            ("int64", Some(value)) => Scalar::Int(value.as_i64().ok_or_else(wrong)?),
            _ => return Err(wrong()),
        })
    }

    fn json(&mut self, value: Option<&Value>, go_type: &'static str) -> Result<(), TemplateError> {
        if let Some(pointed) = go_type.strip_prefix('*') {
            return match present(value) {
                Some(value) => self.json(Some(value), pointed),
                None => self.null(),
            };
        }
        if let Some(item) = go_type.strip_prefix("[]") {
            if item == "byte" {
                return match present(value) {
                    None => self.null(),
                    Some(Value::String(text)) => {
                        json::write_text(&mut self.out, text);
                        Ok(())
                    }
                    Some(_) => Err(self.wrong(go_type)),
                };
            }
            let Some(list) = self.list(value, go_type)? else { return self.null() };
            self.out.push('[');
            for (index, element) in list.iter().enumerate() {
                if index > 0 {
                    self.out.push(',');
                }
                self.at(&format!("[{index}]"), |writer| writer.json(Some(element), item))?;
            }
            self.out.push(']');
            return Ok(());
        }
        if let Some((_, inner)) = go_type.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
            let Some(map) = self.fields(value, go_type)? else { return self.null() };
            self.out.push('{');
            for (index, (key, element)) in sorted(map).into_iter().enumerate() {
                if index > 0 {
                    self.out.push(',');
                }
                json::write_text(&mut self.out, key);
                self.out.push(':');
                self.at(key, |writer| writer.json(Some(element), inner))?;
            }
            self.out.push('}');
            return Ok(());
        }
        match go_type {
            "resource.Quantity" => {
                let quantity = self.quantity(present(value).unwrap_or(&Value::Null))?;
                json::write_text(&mut self.out, &quantity.to_string());
                Ok(())
            }
            "intstr.IntOrString" => {
                match present(value) {
                    None => self.out.push('0'),
                    Some(Value::String(text)) => json::write_text(&mut self.out, text),
                    Some(other) => self.out.push_str(&int32(other).ok_or_else(|| self.wrong(go_type))?.to_string()),
                }
                Ok(())
            }
            "Time" | "MicroTime" => match self.time(value)? {
                None => self.null(),
                Some(time) => {
                    json::write_text(&mut self.out, &time.to_string());
                    Ok(())
                }
            },
            "Any" | "FieldsV1" => {
                json::write(&mut self.out, value.unwrap_or(&Value::Null));
                Ok(())
            }
            _ => match (k8s::find(go_type), k8s::underlying(go_type)) {
                (Some(found), _) => {
                    let map = self.fields(value, go_type)?;
                    self.out.push('{');
                    let mut first = true;
                    self.json_fields(map, found, &mut first)?;
                    self.out.push('}');
                    Ok(())
                }
                (None, Some(ty)) if ty.starts_with("map[") => self.json(value, ty),
                (None, underlying) => {
                    match self.scalar(value, underlying.unwrap_or(go_type), go_type)? {
                        Scalar::Text(text) => json::write_text(&mut self.out, &text),
                        other => self.out.push_str(&other.plain()),
                    }
                    Ok(())
                }
            },
        }
    }

    fn null(&mut self) -> Result<(), TemplateError> {
        self.out.push_str("null");
        Ok(())
    }

    fn time(&self, value: Option<&Value>) -> Result<Option<crate::meta::Time>, TemplateError> {
        match present(value) {
            None => Ok(None),
            Some(Value::String(text)) => {
                let time = crate::meta::parse_time(text).map_err(|source| TemplateError::Time { path: self.path.clone(), source })?;
                Ok((!time.is_zero()).then_some(time))
            }
            Some(_) => Err(self.wrong("Time")),
        }
    }

    fn json_fields(&mut self, map: Option<&Map<String, Value>>, of: &'static KubeStruct, first: &mut bool) -> Result<(), TemplateError> {
        for field in of.declared() {
            if let Some(inner) = field.embedded() {
                self.json_fields(map, inner, first)?;
                continue;
            }
            let value = map.and_then(|map| map.get(field.name()));
            let start = self.out.len();
            if !*first {
                self.out.push(',');
            }
            json::write_text(&mut self.out, field.name());
            self.out.push(':');
            let begin = self.out.len();
            self.at(field.name(), |writer| writer.json(value, field.go_type()))?;
            let written = self.out.get(begin..).unwrap_or_default();
            if field.omit_empty() && is_empty(written, field.go_type(), field.omit_zero()) {
                self.out.truncate(start);
            } else {
                *first = false;
            }
        }
        Ok(())
    }

    fn dump(&mut self, value: Option<&Value>, go_type: &'static str) -> Result<(), TemplateError> {
        if let Some(pointed) = go_type.strip_prefix('*') {
            return match present(value) {
                Some(value) => self.dump(Some(value), pointed),
                None => self.nil(),
            };
        }
        if let Some(item) = go_type.strip_prefix("[]") {
            let Some(list) = self.list(value, go_type)? else { return self.nil() };
            self.out.push('[');
            for (index, element) in list.iter().enumerate() {
                if index > 0 {
                    self.out.push(' ');
                }
                self.at(&format!("[{index}]"), |writer| writer.dump(Some(element), item))?;
            }
            self.out.push(']');
            return Ok(());
        }
        if let Some((_, inner)) = go_type.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
            let Some(map) = self.fields(value, go_type)? else { return self.nil() };
            self.out.push_str("map[");
            for (index, (key, element)) in sorted(map).into_iter().enumerate() {
                if index > 0 {
                    self.out.push(' ');
                }
                self.out.push_str(key);
                self.out.push(':');
                self.at(key, |writer| writer.dump(Some(element), inner))?;
            }
            self.out.push(']');
            return Ok(());
        }
        match go_type {
            "resource.Quantity" => {
                let null = present(value).is_none();
                let quantity = self.quantity(present(value).unwrap_or(&Value::Null))?;
                self.out.push_str(&dump_quantity(&quantity, null));
                Ok(())
            }
            "intstr.IntOrString" => {
                let (kind, number, text) = match present(value) {
                    None => (0, 0, ""),
                    Some(Value::String(text)) => (1, 0, text.as_str()),
                    Some(other) => (0, int32(other).ok_or_else(|| self.wrong(go_type))?, ""),
                };
                self.out.push_str(&format!("{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"));
                Ok(())
            }
            "Time" | "MicroTime" => {
                // Seconds since the year 1, as Go keeps them; a time zone is never kept by what is stored.
                let seconds = self.time(value)?.map_or(0, |t| t.0.as_second().saturating_add(62_135_596_800));
                self.out.push_str(&format!("{{Time:(time.Time){{wall:(uint64)0 ext:(int64){seconds} loc:(*time.Location)<nil>}}}}"));
                Ok(())
            }
            "Any" | "FieldsV1" => self.nil(),
            _ => match (k8s::find(go_type), k8s::underlying(go_type)) {
                (Some(found), _) => {
                    let map = self.fields(value, go_type)?;
                    self.dump_fields(map, found)
                }
                (None, Some(ty)) if ty.starts_with("map[") => self.dump(value, ty),
                (None, underlying) => {
                    let scalar = self.scalar(value, underlying.unwrap_or(go_type), go_type)?;
                    self.out.push_str(&scalar.plain());
                    Ok(())
                }
            },
        }
    }

    fn nil(&mut self) -> Result<(), TemplateError> {
        self.out.push_str("<nil>");
        Ok(())
    }

    fn dump_fields(&mut self, map: Option<&Map<String, Value>>, of: &'static KubeStruct) -> Result<(), TemplateError> {
        self.out.push('{');
        for (index, field) in of.declared().iter().enumerate() {
            if index > 0 {
                self.out.push(' ');
            }
            self.out.push_str(&format!("{}:({})", field.go_name(), qualified(field.go_type())));
            match field.embedded() {
                Some(inner) => self.dump_fields(map, inner)?,
                None => {
                    let value = map.and_then(|map| map.get(field.name()));
                    self.at(field.name(), |writer| writer.dump(value, field.go_type()))?;
                }
            }
        }
        self.out.push('}');
        Ok(())
    }
}

enum Scalar {
    Text(String),
    Bool(bool),
    Int(i64),
}

impl Scalar {
    fn plain(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
        }
    }
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn int32(value: &Value) -> Option<i64> {
    value.as_i64().filter(|n| i32::try_from(*n).is_ok())
}

/// Whether Go's `omitempty` leaves a field out that was written as this text: structs never, pointers only when nil.
fn is_empty(written: &str, go_type: &'static str, omit_zero: bool) -> bool {
    if go_type.starts_with('*') {
        return written == "null";
    }
    match go_type {
        "Time" | "MicroTime" => omit_zero && written == "null",
        "resource.Quantity" | "intstr.IntOrString" => false,
        _ if k8s::find(go_type).is_some() => omit_zero && written == "{}",
        _ => matches!(written, "null" | "\"\"" | "false" | "0" | "[]" | "{}"),
    }
}

/// A type with its package, as Go prints it.
fn qualified(go_type: &str) -> String {
    for prefix in ["*", "[]"] {
        if let Some(inner) = go_type.strip_prefix(prefix) {
            return format!("{prefix}{}", qualified(inner));
        }
    }
    if let Some((key, value)) = go_type.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return format!("map[{}]{}", qualified(key), qualified(value));
    }
    match go_type {
        "byte" => "uint8".to_owned(),
        "string" | "bool" | "int32" | "int64" => go_type.to_owned(),
        _ if go_type.contains('.') => go_type.to_owned(),
        _ => format!("v1.{go_type}"),
    }
}

fn dump_quantity(quantity: &Quantity, null: bool) -> String {
    let (value, scale, big) = match &quantity.amount {
        Amount::Small { value, scale } => (*value, *scale, "<nil>".to_owned()),
        Amount::Big { unscaled, scale } => {
            let words = unscaled.magnitude().iter_u64_digits().map(|word| word.to_string()).collect::<Vec<_>>().join(" ");
            let negative = unscaled.sign() == num_bigint::Sign::Minus;
            (0, 0, format!("{{unscaled:(big.Int){{neg:(bool){negative} abs:(big.nat)[{words}]}} scale:(inf.Scale){scale}}}"))
        }
    };
    let format = if null { "" } else { quantity.format.name() };
    format!(
        "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} d:(resource.infDecAmount){{Dec:(*inf.Dec){big}}} s:(string){} Format:(resource.Format){format}}}",
        quantity.text
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_written_as_go_does() {
        let template = json!({
            "metadata": {"labels": {"b": "<", "a": "1"}, "creationTimestamp": null},
            "spec": {"hostNetwork": false, "containers": [{"image": "i", "name": "n", "nosuch": 1, "ports": [], "resources": {"limits": {"cpu": 0.5}}}]},
        });
        assert_eq!(
            canonical_json(&template).unwrap(),
            r#"{"metadata":{"labels":{"a":"1","b":"\u003c"}},"spec":{"containers":[{"name":"n","image":"i","resources":{"limits":{"cpu":"500m"}}}]}}"#
        );
        assert_eq!(canonical_json(&json!({})).unwrap(), r#"{"metadata":{},"spec":{"containers":null}}"#);
        let error = canonical_json(&json!({"spec": {"containers": [{"env": [{"value": 1}]}]}})).unwrap_err();
        assert_eq!(error.to_string(), "spec.containers[0].env[0].value must be string");
    }
}
