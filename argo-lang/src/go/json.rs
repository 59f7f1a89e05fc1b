//! JSON as Go's `encoding/json` writes and reads it.
//!
//! Differences to other writers: `<`, `>`, `&` are escaped, floats have no fraction where they are whole and an exponent from 1e21 on.

use crate::Value;

/// Deepest nesting of a document.
const MOST_DEPTH: usize = 1_000;

/// A value as JSON text; with `html`, `<`, `>` and `&` are escaped as `json.Marshal` does.
///
/// # Errors
/// For values that JSON has no form for.
pub fn encode(value: &Value, html: bool) -> Result<String, String> {
    let mut out = String::new();
    Writer { out: &mut out, html, indent: None }.value(value, 0)?;
    Ok(out)
}

/// A value as JSON text over several lines, each level indented by `indent`.
///
/// # Errors
/// For values that JSON has no form for.
pub fn encode_indented(value: &Value, indent: &str, html: bool) -> Result<String, String> {
    let mut out = String::new();
    Writer { out: &mut out, html, indent: Some(indent) }.value(value, 0)?;
    Ok(out)
}

struct Writer<'a> {
    out: &'a mut String,
    html: bool,
    indent: Option<&'a str>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MOST_DEPTH {
            return Err("json: nested too deeply".to_owned());
        }
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Int(n) | Value::Duration(n) => self.out.push_str(&n.to_string()),
            Value::Float(n) => self.out.push_str(&number(*n)?),
            Value::String(s) => quote_into(self.out, s, self.html),
            Value::List(list) => {
                self.out.push('[');
                for (i, item) in list.iter().enumerate() {
                    self.separate(i, depth);
                    self.value(item, depth + 1)?;
                }
                self.close(list.is_empty(), depth, ']');
            }
            Value::Map(map) => {
                self.out.push('{');
                for (i, (key, item)) in map.iter().enumerate() {
                    self.separate(i, depth);
                    quote_into(self.out, key, self.html);
                    self.out.push_str(if self.indent.is_some() { ": " } else { ":" });
                    self.value(item, depth + 1)?;
                }
                self.close(map.is_empty(), depth, '}');
            }
            Value::Time(t) => quote_into(self.out, &super::time::rfc3339(t), self.html),
            Value::Object(object) => match object.json() {
                Some(json) => self.value(&Value::from(json), depth)?,
                None => match object.number() {
                    Some(n) => self.out.push_str(&n.to_string()),
                    None => return Err(format!("json: unsupported type: {}", object.type_name())),
                },
            },
            Value::Pairs(_) | Value::Function(_) => return Err(format!("json: unsupported type: {}", value.kind())),
        }
        Ok(())
    }

    fn separate(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(depth + 1);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            for _ in 0..depth {
                self.out.push_str(indent);
            }
        }
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: char) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }
}

/// A float as Go writes it in JSON.
///
/// # Errors
/// For NaN and the infinities.
pub fn number(n: f64) -> Result<String, String> {
    if !n.is_finite() {
        return Err(format!("json: unsupported value: {}", super::print::float(n)));
    }
    let magnitude = n.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{n:e}");
        return Ok(match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
            _ => text,
        });
    }
    Ok(format!("{n}"))
}

/// A text in JSON quotes.
#[must_use]
pub fn quote(text: &str, html: bool) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    quote_into(&mut out, text, html);
    out
}

fn quote_into(out: &mut String, text: &str, html: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if html => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Reads JSON into a value, all numbers as floats, as Go decodes into `any`.
///
/// # Errors
/// When the text is no JSON.
#[allow(clippy::cast_precision_loss)]
pub fn decode(text: &str) -> Result<Value, String> {
    fn floats(value: serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match value {
            Json::Number(n) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            Json::Array(list) => Value::List(list.into_iter().map(floats).collect()),
            Json::Object(map) => Value::map(map.into_iter().map(|(k, v)| (k, floats(v)))),
            other => Value::from(other),
        }
    }
    serde_json::from_str::<serde_json::Value>(text).map(floats).map_err(|e| e.to_string())
}
