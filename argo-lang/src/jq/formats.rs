//! `@csv` and its like.

use super::ops::{shown, text};
use crate::Value;
use crate::sprig::encode::{base64, unbase64};

pub(super) const NAMES: [&str; 12] =
    ["@text", "@json", "@csv", "@tsv", "@html", "@uri", "@urid", "@sh", "@base64", "@base64d", "@base32", "@base32d"];

pub(super) fn known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// A text as it is, another value as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.to_string(),
        other => text(other),
    }
}

/// A value in a format.
pub(super) fn apply(name: &str, value: &Value) -> Result<String, String> {
    Ok(match name {
        "@json" => text(value),
        "@csv" => row(name, value, ",", |s| format!("\"{}\"", s.replace('"', "\"\"")))?,
        "@tsv" => row(name, value, "\t", |s| s.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r"))?,
        "@html" => {
            let mut out = String::new();
            for c in plain(value).chars() {
                match c {
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '&' => out.push_str("&amp;"),
                    '\'' => out.push_str("&apos;"),
                    '"' => out.push_str("&quot;"),
                    c => out.push(c),
                }
            }
            out
        }
        "@uri" => plain(value)
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect(),
        "@urid" => {
            let source = plain(value);
            let fail = || format!("@urid cannot be applied to {}: invalid URL escape", text(value));
            let mut out = Vec::new();
            let mut bytes = source.bytes();
            while let Some(b) = bytes.next() {
                if b == b'%' {
                    let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).ok_or_else(fail);
                    let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                    out.push(u8::try_from(high << 4 | low).unwrap_or(0));
                } else {
                    out.push(b);
                }
            }
            crate::go::text::lossy(&out)
        }
        "@sh" => match value {
            Value::List(list) => list.iter().map(|v| shell(name, v)).collect::<Result<Vec<_>, _>>()?.join(" "),
            Value::Map(_) => return Err(format!("@sh cannot format an array including: {}", shown(value))),
            other => shell(name, other)?,
        },
        "@base64" => base64(plain(value).as_bytes()),
        "@base64d" => {
            let source = plain(value);
            let mut padded = source.trim_end_matches('=').to_owned();
            while padded.len() % 4 > 1 {
                padded.push('=');
            }
            let bytes = unbase64(&padded).map_err(|e| format!("@base64d cannot be applied to {}: {e}", text(value)))?;
            crate::go::text::lossy(&bytes)
        }
        "@base32" | "@base32d" => {
            let function = if name == "@base32" { "b32enc" } else { "b32dec" };
            let none = |_: &str| None;
            let out = crate::sprig::find(function).map(|f| f.call(&none, &[plain(value).into()]));
            match out {
                Some(Ok(Value::String(s))) if !s.starts_with("illegal base32") => s.to_string(),
                _ => return Err(format!("@base32d cannot be applied to {}: invalid base32", text(value))),
            }
        }
        _ => plain(value),
    })
}

fn row(name: &str, value: &Value, between: &str, quote: impl Fn(&str) -> String) -> Result<String, String> {
    let Value::List(list) = value else { return Err(format!("{name} cannot be applied to: {}", shown(value))) };
    let cells: Result<Vec<String>, String> = list
        .iter()
        .map(|cell| match cell {
            Value::String(s) => Ok(quote(s)),
            Value::Nil => Ok(String::new()),
            Value::List(_) | Value::Map(_) => Err(format!("{name} cannot format an array including: {}", shown(cell))),
            other => Ok(text(other)),
        })
        .collect();
    Ok(cells?.join(between))
}

fn shell(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(s) => Ok(format!("'{}'", s.replace('\'', "'\\''"))),
        Value::List(_) | Value::Map(_) => Err(format!("{name} cannot format an array including: {}", shown(value))),
        other => Ok(text(other)),
    }
}
