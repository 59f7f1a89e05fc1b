//! Writing YAML as sigs.k8s.io/yaml does: keys sorted, two spaces, lists not indented below their key.

use serde::Serialize;
use serde_json::Value;

use super::{YamlError, scalar};

/// Writes a value as YAML.
///
/// # Errors
/// When the value cannot be made JSON (a map with keys that are no strings).
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let value = serde_json::to_value(value).map_err(|e| YamlError::Shape(e.to_string()))?;
    let mut out = String::new();
    block(&mut out, &value, 0, false);
    Ok(out)
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Writes a value that stands on its own lines; `inline` says that the first line's indent is there already.
fn block(out: &mut String, value: &Value, depth: usize, inline: bool) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 || !inline {
                    indent(out, depth);
                }
                out.push_str(&text(key, depth));
                out.push(':');
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.push('\n');
                        block(out, value, depth.saturating_add(1), false);
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        out.push('\n');
                        block(out, value, depth, false);
                    }
                    _ => {
                        out.push(' ');
                        out.push_str(&leaf(value, depth));
                        out.push('\n');
                    }
                }
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, item) in list.iter().enumerate() {
                if index > 0 || !inline {
                    indent(out, depth);
                }
                out.push_str("- ");
                block(out, item, depth.saturating_add(1), true);
            }
        }
        _ => {
            if !inline {
                indent(out, depth);
            }
            out.push_str(&leaf(value, depth));
            out.push('\n');
        }
    }
}

fn leaf(value: &Value, depth: usize) -> String {
    match value {
        Value::String(s) => text(s, depth),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

fn text(s: &str, depth: usize) -> String {
    if s.contains('\n') && !s.chars().any(|c| c.is_control() && c != '\n' && c != '\t') && !s.starts_with([' ', '\n']) {
        let (body, mark) = match s.strip_suffix('\n') {
            Some(body) if body.ends_with('\n') => (body, "|+"),
            Some(body) => (body, "|"),
            None => (s, "|-"),
        };
        let mut out = mark.to_owned();
        for line in body.split('\n') {
            out.push('\n');
            if !line.is_empty() {
                indent(&mut out, depth.saturating_add(1));
                out.push_str(line);
            }
        }
        return out;
    }
    let plain = !s.is_empty()
        && !scalar::is_special(s)
        && !s.starts_with([' ', '-', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '=', '<'])
        && !s.ends_with([' ', ':'])
        && !s.contains(": ")
        && !s.contains(" #")
        && !s.chars().any(char::is_control)
        && !looks_like_a_date(s);
    if plain {
        return s.to_owned();
    }
    if s.chars().any(char::is_control) { serde_json::to_string(s).unwrap_or_default() } else { quoted(s) }
}

// go-yaml quotes with double quotes what would be read as something else, and with single quotes the rest.
fn quoted(s: &str) -> String {
    if !s.is_empty() && scalar::is_special(s) || s.is_empty() || looks_like_a_date(s) {
        return format!("\"{s}\"");
    }
    format!("'{}'", s.replace('\'', "''"))
}

fn looks_like_a_date(s: &str) -> bool {
    let bytes = s.as_bytes();
    s.len() >= 8 && bytes.iter().take(4).all(u8::is_ascii_digit) && bytes.get(4) == Some(&b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back() {
        let value =
            json!({"a": ["x", {"b": "yes", "c": {}}], "d": "l1\nl2\n", "e": "", "f": "'q'", "g": [[1, 2], []], "h": "12", "i": "- x"});
        let text = super::to_string(&value).unwrap();
        assert_eq!(crate::yaml::parse_documents(&text).unwrap()[0].value, value, "{text}");
        assert!(text.contains("b: \"yes\""), "{text}");
    }
}
