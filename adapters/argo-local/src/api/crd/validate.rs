//! What a schema refuses, in upstream's words.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::Schema;
use crate::api::failure::Cause;

/// Patterns that have been compiled; definitions use few.
static PATTERNS: LazyLock<Mutex<BTreeMap<String, Option<Arc<regex::Regex>>>>> = LazyLock::new(Mutex::default);
/// More are not kept at a time.
const MAX_PATTERNS: usize = 1024;

fn pattern(text: &str) -> Option<Arc<regex::Regex>> {
    let mut known = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() > MAX_PATTERNS {
        known.clear();
    }
    known.entry(text.to_owned()).or_insert_with(|| regex::Regex::new(text).ok().map(Arc::new)).clone()
}

/// Whether each field of an object but its metadata fits by itself.
pub(super) fn fields_fit(schema: &Schema, object: &Value) -> bool {
    let mut causes = Vec::new();
    for (name, inner) in object.as_object().into_iter().flatten().filter(|(name, _)| *name != "metadata") {
        if let Some(of_field) = schema.properties.get(name) {
            value(&of_field.raw, inner, name, &mut causes, true);
            lists(of_field, inner, name, &mut causes);
        }
    }
    causes.is_empty()
}

/// All that is wrong with an object.
fn all(schema: &Schema, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let Some(map) = object.as_object() else { return causes };
    // Kind, version and metadata are none of the schema's business.
    let mut bare: Map<String, Value> = map.clone();
    for key in ["apiVersion", "kind"] {
        bare.insert(key.to_owned(), Value::String(String::new()));
    }
    value(&schema.raw, &Value::Object(bare), "", &mut causes, true);
    lists(schema, object, "", &mut causes);
    causes
}

/// Checks an object against its schema. What was wrong before and has not changed is let be.
pub(super) fn check(schema: &Schema, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = all(schema, object);
    let Some(old) = old else { return causes };
    // Ratcheting: a cause stands only where what it is about has changed.
    causes.retain(|cause| {
        let path = cause.field.as_str();
        path == "<nil>" || at(object, path) != at(old, path) || at(object, path).is_none()
    });
    if !causes.is_empty() {
        let before = all(schema, old);
        causes.retain(|cause| {
            !(cause.field != "<nil>" && at(object, parent(&cause.field)) == at(old, parent(&cause.field)) && before.contains(cause))
        });
    }
    causes
}

/// Checks a value that stands alone, such as a default.
pub(super) fn bare(schema: &Value, object: &Value, causes: &mut Vec<Cause>) {
    value(schema, object, "", causes, true);
}

fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).and_then(|end| path.get(..end)).unwrap_or_default()
}

/// The value at a path such as `spec.list[0].x`.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut current = object;
    for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
        current = match part.strip_suffix(']') {
            Some(index) => match index.parse::<usize>() {
                Ok(index) => current.get(index)?,
                Err(_) => current.get(index)?,
            },
            None => current.get(part)?,
        };
    }
    Some(current)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() && n.as_f64().is_some_and(|f| f.fract() != 0.0) => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn nameless(message: String) -> Cause {
    Cause::other("FieldValueInvalid", "<nil>", format!("Invalid value: \"\": {message}"))
}

/// Checks a value against a schema; `typed` is false inside `allOf` and the like, where types are not named.
fn value(schema: &Value, value_: &Value, path: &str, causes: &mut Vec<Cause>, typed: bool) {
    let Some(raw) = schema.as_object() else { return };
    let flag = |key: &str| raw.get(key) == Some(&Value::Bool(true));
    if value_.is_null() && (flag("nullable") || raw.is_empty()) {
        return;
    }
    let kind = kind_of(value_);
    let declared = raw.get("type").and_then(Value::as_str).unwrap_or_default();
    if flag("x-kubernetes-int-or-string") {
        if !matches!(kind, "integer" | "string") {
            causes.push(wrong_type(path, kind, "integer,string"));
            return;
        }
    } else if !declared.is_empty() && kind != declared && !(declared == "number" && kind == "integer") {
        if declared == "integer" && kind == "number" {
            causes.push(nameless(format!("Checked value must be of type integer (default format) in {path}")));
            causes.push(wrong_type(path, kind, declared));
            numbers(raw, value_, path, causes);
            return;
        }
        causes.push(wrong_type(path, kind, declared));
        return;
    }
    let _ = typed;
    if let Some(allowed) = raw.get("enum").and_then(Value::as_array)
        && !allowed.contains(value_)
    {
        let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let message = format!("Unsupported value: {value_}: supported values: {}", list.join(", "));
        causes.push(Cause::other("FieldValueNotSupported", path, message));
    }
    match value_ {
        Value::Number(_) => numbers(raw, value_, path, causes),
        Value::String(text) => texts(raw, text, path, causes),
        Value::Array(list) => {
            let size = |key: &str| raw.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            if let Some(least) = size("minItems").filter(|n| list.len() < *n) {
                causes.push(Cause::invalid(path, &list.len().into(), &format!("{path} in body should have at least {least} items")));
            }
            if let Some(most) = size("maxItems").filter(|n| list.len() > *n) {
                causes.push(too_many(path, list.len(), most));
            }
            if flag("uniqueItems") && list.iter().enumerate().any(|(i, v)| list.get(..i).is_some_and(|b| b.contains(v))) {
                causes.push(Cause::invalid(path, value_, &format!("{path} in body shouldn't contain duplicates")));
            }
            if let Some(items) = raw.get("items") {
                for (index, item) in list.iter().enumerate() {
                    value(items, item, &format!("{path}[{index}]"), causes, true);
                }
            }
        }
        Value::Object(map) => objects(raw, map, path, causes),
        _ => {}
    }
    combined(raw, value_, path, causes);
}

fn wrong_type(path: &str, kind: &str, declared: &str) -> Cause {
    let message = format!("Invalid value: {kind:?}: {path} in body must be of type {declared}: {kind:?}");
    Cause::other("FieldValueTypeInvalid", path, message)
}

fn too_many(path: &str, count: usize, most: usize) -> Cause {
    Cause::other("FieldValueTooMany", path, format!("Too many: {count}: must have at most {most} items"))
}

fn numbers(raw: &Map<String, Value>, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(number) = value.as_f64() else { return };
    let bound = |key: &str| raw.get(key).and_then(Value::as_f64);
    let flag = |key: &str| raw.get(key) == Some(&Value::Bool(true));
    let shown = |key: &str| raw.get(key).map(ToString::to_string).unwrap_or_default();
    if let Some(step) = bound("multipleOf").filter(|s| *s > 0.0)
        && (number / step).fract() != 0.0
    {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be a multiple of {}", shown("multipleOf"))));
    }
    if let Some(most) = bound("maximum") {
        let exclusive = flag("exclusiveMaximum");
        if number > most || (exclusive && number >= most) {
            let how = if exclusive { "less than" } else { "less than or equal to" };
            causes.push(Cause::invalid(path, value, &format!("{path} in body should be {how} {}", shown("maximum"))));
        }
    }
    if let Some(least) = bound("minimum") {
        let exclusive = flag("exclusiveMinimum");
        if number < least || (exclusive && number <= least) {
            let how = if exclusive { "greater than" } else { "greater than or equal to" };
            causes.push(Cause::invalid(path, value, &format!("{path} in body should be {how} {}", shown("minimum"))));
        }
    }
    let format = raw.get("format").and_then(Value::as_str).unwrap_or_default();
    let fits = match format {
        "int32" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        "int64" => value.as_i64().is_some(),
        _ => true,
    };
    if !fits {
        let kind = raw.get("type").and_then(Value::as_str).unwrap_or("number");
        causes.push(nameless(format!("Checked value must be of type {kind} with format {format} in {path}")));
    }
}

fn texts(raw: &Map<String, Value>, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let size = |key: &str| raw.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let shown = Value::String(text.to_owned());
    let length = text.chars().count();
    if let Some(most) = size("maxLength").filter(|n| length > *n) {
        causes.push(Cause::too_long(path, most));
    }
    if let Some(least) = size("minLength").filter(|n| length < *n) {
        causes.push(Cause::invalid(path, &shown, &format!("{path} in body should be at least {least} chars long")));
        // As upstream: a text too short is not held against its pattern.
        return;
    }
    if let Some(expression) = raw.get("pattern").and_then(Value::as_str)
        && pattern(expression).is_some_and(|p| !p.is_match(text))
    {
        causes.push(Cause::invalid(path, &shown, &format!("{path} in body should match '{expression}'")));
    }
    let format = raw.get("format").and_then(Value::as_str).unwrap_or_default();
    if !fits_format(format, text) {
        let message = format!("Invalid value: {text:?}: {path} in body must be of type {format}: {text:?}");
        causes.push(Cause::other("FieldValueTypeInvalid", path, message));
    }
}

fn fits_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        "duration" => go_duration(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(ip, bits)| ip.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok()),
        "byte" => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.decode(text).is_ok()
        }
        "uuid" | "uuid3" | "uuid4" | "uuid5" => {
            text.len() == 36
                && text.chars().enumerate().all(|(i, c)| if matches!(i, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() })
        }
        "email" => text.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()),
        "uri" => text.contains(':'),
        _ => true,
    }
}

/// Whether a text is a duration such as `1h30m`.
fn go_duration(text: &str) -> bool {
    let mut rest = text.trim_start_matches(['+', '-']);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() || number.parse::<f64>().is_err() {
            return false;
        }
        let Some(unit) =
            ["ns", "us", "µs", "ms", "s", "m", "h", "d", "w"].iter().filter(|u| after.starts_with(**u)).max_by_key(|u| u.len())
        else {
            return false;
        };
        rest = after.get(unit.len()..).unwrap_or_default();
    }
    true
}

fn objects(raw: &Map<String, Value>, map: &Map<String, Value>, path: &str, causes: &mut Vec<Cause>) {
    let size = |key: &str| raw.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    if let Some(least) = size("minProperties").filter(|n| map.len() < *n) {
        causes.push(Cause::invalid(path, &map.len().into(), &format!("{path} in body should have at least {least} properties")));
    }
    if let Some(most) = size("maxProperties").filter(|n| map.len() > *n) {
        causes.push(too_many(path, map.len(), most));
    }
    if raw.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)) {
        for name in ["apiVersion", "kind"] {
            if map.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                causes.push(Cause::required(join(path, name), ""));
            }
        }
    }
    for name in raw.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            causes.push(Cause::required(join(path, name), ""));
        }
    }
    let properties = raw.get("properties").and_then(Value::as_object);
    let additional = raw.get("additionalProperties").filter(|a| a.is_object());
    for (name, inner) in map {
        let below = join(path, name);
        if path.is_empty() && name == "metadata" {
            // Of metadata a schema may restrict the name alone.
            if let Some(of_name) = properties.and_then(|p| p.get("metadata")).and_then(|m| m.get("properties")).and_then(|p| p.get("name"))
            {
                value(of_name, inner.get("name").unwrap_or(&Value::Null), "metadata.name", causes, true);
            }
            continue;
        }
        match (properties.and_then(|p| p.get(name)), additional) {
            (Some(schema), _) | (None, Some(schema)) => value(schema, inner, &below, causes, true),
            (None, None) => {}
        }
    }
}

fn combined(raw: &Map<String, Value>, value_: &Value, path: &str, causes: &mut Vec<Cause>) {
    let try_all = |key: &str| -> Vec<Vec<Cause>> {
        let list = raw.get(key).and_then(Value::as_array).into_iter().flatten();
        list.map(|schema| {
            let mut out = Vec::new();
            value(schema, value_, path, &mut out, false);
            out
        })
        .collect()
    };
    // The causes shown are those of the alternative that came closest.
    let closest = |tried: &[Vec<Cause>]| tried.iter().min_by_key(|c| c.len()).cloned().unwrap_or_default();
    for mut failed in try_all("allOf") {
        if !failed.is_empty() {
            causes.push(nameless(format!("\"{path}\" must validate all the schemas (allOf)")));
            causes.append(&mut failed);
        }
    }
    let any = try_all("anyOf");
    if !any.is_empty() && any.iter().all(|c| !c.is_empty()) {
        causes.push(nameless(format!("\"{path}\" must validate at least one schema (anyOf)")));
        causes.extend(closest(&any));
    }
    let one = try_all("oneOf");
    let valid = one.iter().filter(|c| c.is_empty()).count();
    if !one.is_empty() && valid == 0 {
        causes.push(nameless(format!("\"{path}\" must validate one and only one schema (oneOf). Found none valid")));
        causes.extend(closest(&one));
    } else if valid > 1 {
        causes.push(nameless(format!("\"{path}\" must validate one and only one schema (oneOf). Found {valid} valid alternatives")));
    }
    if let Some(not) = raw.get("not").filter(|n| n.is_object()) {
        let mut out = Vec::new();
        value(not, value_, path, &mut out, false);
        if out.is_empty() {
            causes.push(nameless(format!("\"{path}\" must not validate the schema (not)")));
        }
    }
}

/// Sets without doubles, lists with keys without equal keys.
fn lists(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                if let Some(below) = schema.field(name) {
                    lists(below, inner, &join(path, name), causes);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            let mut seen: Vec<Value> = Vec::new();
            for (index, item) in list.iter().enumerate() {
                let key = match schema.list_type.as_str() {
                    "set" => Some(item.clone()),
                    "map" => {
                        let of = |k: &String| item.get(k).map(|v| (k.clone(), v.clone()));
                        Some(Value::Object(schema.list_keys.iter().filter_map(of).collect()))
                    }
                    _ => None,
                };
                if let Some(key) = key {
                    if seen.contains(&key) {
                        causes.push(Cause::duplicate(format!("{path}[{index}]"), &key));
                    }
                    seen.push(key);
                }
                lists(items, item, &format!("{path}[{index}]"), causes);
            }
        }
        _ => {}
    }
}
