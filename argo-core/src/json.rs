//! JSON as Go's encoding/json writes it: keys sorted, `<`, `>`, `&` and two line separators escaped, floats in Go's form.
//!
//! ```
//! assert_eq!(argo_core::json::to_string(&serde_json::json!({"b": 1e21, "a": "<"})), r#"{"a":"\u003c","b":1e+21}"#);
//! ```

use base64::Engine as _;
use serde_json::{Map, Number, Value};

use crate::go;

/// Writes a value.
#[must_use]
pub fn to_string(value: &Value) -> String {
    // Most objects are larger than this: growing from nothing would copy them several times.
    let mut out = String::with_capacity(1024);
    write(&mut out, value);
    out
}

/// Bytes in standard base64, as Go writes a `[]byte`.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Appends a value to a text.
pub(crate) fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => write_map(out, map),
    }
}

fn write_number(out: &mut String, number: &Number) {
    match number.as_i64() {
        Some(whole) => write_whole(out, whole),
        None => match number.as_f64() {
            Some(float) if number.is_f64() => out.push_str(&go::float_json(float)),
            _ => out.push_str(&number.to_string()),
        },
    }
}

// Without the machinery of formatting: most numbers of an object are ports and counts.
fn write_whole(out: &mut String, whole: i64) {
    let mut rest = whole.unsigned_abs();
    let mut digits = [b'0'; 20];
    let mut length = 0_usize;
    for place in digits.iter_mut().rev() {
        *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        length = length.saturating_add(1);
        if rest == 0 {
            break;
        }
    }
    if whole < 0 {
        out.push('-');
    }
    let shown = digits.get(digits.len().saturating_sub(length)..).unwrap_or_default();
    out.push_str(std::str::from_utf8(shown).unwrap_or_default());
}

fn write_map(out: &mut String, map: &Map<String, Value>) {
    out.push('{');
    // A map that is kept in the order of its keys, as serde_json's is unless some crate in the program asks for another, needs no sorting.
    if map.keys().is_sorted() {
        write_entries(out, map.iter());
    } else {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        write_entries(out, entries.into_iter());
    }
    out.push('}');
}

fn write_entries<'v>(out: &mut String, entries: impl Iterator<Item = (&'v String, &'v Value)>) {
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, key);
        out.push(':');
        write(out, value);
    }
}

/// What is written in place of a byte: itself (0), a letter after a backslash, its code (`u`), or something that depends on what follows (`?`).
const fn escape(byte: u8) -> u8 {
    match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        b'<' | b'>' | b'&' | 0x00..=0x1f => b'u',
        // The first byte of the two line separators, and of other characters.
        0xe2 => b'?',
        _ => 0,
    }
}

/// Appends a text in quotes.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        let escape = escape(byte);
        if escape == 0 {
            continue;
        }
        let tail = text.get(at..).unwrap_or_default();
        let length = if escape == b'?' { 3 } else { 1 };
        if escape == b'?' && !tail.starts_with(['\u{2028}', '\u{2029}']) {
            continue;
        }
        out.push_str(text.get(plain..at).unwrap_or_default());
        out.push('\\');
        if matches!(escape, b'u' | b'?') {
            out.push_str(&format!("u{:04x}", tail.chars().next().map_or(0, u32::from)));
        } else {
            out.push(char::from(escape));
        }
        plain = at.saturating_add(length);
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}
