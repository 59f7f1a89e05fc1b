//! Changing JSON texts in place, as tidwall/sjson does: parameters of event triggers.
//!
//! ```
//! use argo_lang::{Value, sjson};
//!
//! let doc = r#"{"spec": {"args": ["a"]}}"#;
//! let doc = sjson::set(doc, "spec.args.-1", &Value::from("b")).unwrap();
//! let doc = sjson::set_raw(&doc, "metadata.labels", r#"{"x": 1}"#).unwrap();
//! assert_eq!(doc, r#"{"spec": {"args": ["a","b"]},"metadata":{"labels":{"x": 1}}}"#);
//! assert_eq!(sjson::delete(&doc, "spec").unwrap(), r#"{"metadata":{"labels":{"x": 1}}}"#);
//! ```
//!
//! A path is keys and indexes with dots between; `-1` appends, `:1` is a key though it looks like an index. Paths with `#`, `*`, `@` or `|` change what
//! [`crate::gjson`] finds, if it is there. The rest of the text stays as it is, blanks and all.
//!
//! Differences on purpose: an index may not be larger than 100,000, and paths are bounded in length.

use crate::gjson::{self, scan};
use crate::go::json;
use crate::{Value, gjson::Found};

/// Largest index that is filled up to.
const MOST_INDEX: usize = 100_000;
/// Most components of a path.
const MOST_PARTS: usize = 500;

/// A text that could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// An element of an array is named by a text.
    #[error("cannot set array element for non-numeric key '{0}'")]
    NotAnIndex(String),
    /// Only plain paths can be deleted.
    #[error("cannot delete value from a complex path")]
    ComplexDelete,
    /// The text is neither object nor array.
    #[error("json must be an object or array")]
    NotJson,
    /// The value has no JSON form.
    #[error("{0}")]
    Value(String),
    /// The path is too long, or an index too large.
    #[error("the path is too long or its index too large")]
    TooLarge,
}

struct Part {
    name: String,
    /// As gjson reads it.
    path: String,
    force: bool,
}

impl Part {
    fn index(&self) -> Option<usize> {
        if self.force || !self.name.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if self.name.is_empty() { Some(0) } else { self.name.parse().ok().or(Some(usize::MAX)) }
    }

    fn appends(&self) -> bool {
        !self.force && self.name == "-1"
    }
}

/// Sets a value.
///
/// # Errors
/// When an element of an array is named by a text, or the value has no JSON form.
pub fn set(doc: &str, path: &str, value: &Value) -> Result<String, SetError> {
    let raw = match value {
        Value::Float(n) if n.is_finite() => format!("{n}"),
        // As upstream: `<`, `>` and `&` are escaped only where something else has to be.
        Value::String(s) if !s.bytes().any(|b| b < b' ' || b > 0x7f || matches!(b, b'"' | b'\\')) => format!("\"{s}\""),
        other => json::encode(other, true).map_err(SetError::Value)?,
    };
    set_raw(doc, path, &raw)
}

/// Sets a piece of JSON as it stands.
///
/// # Errors
/// When an element of an array is named by a text.
pub fn set_raw(doc: &str, path: &str, raw: &str) -> Result<String, SetError> {
    match parts(path)? {
        Some(parts) => Ok(change(doc, &parts, Some(raw))?.unwrap_or_else(|| doc.to_owned())),
        None => Ok(complex(doc, path, raw)),
    }
}

/// Deletes a value.
///
/// # Errors
/// When the path is not a plain one.
pub fn delete(doc: &str, path: &str) -> Result<String, SetError> {
    let parts = parts(path)?.ok_or(SetError::ComplexDelete)?;
    Ok(change(doc, &parts, None)?.unwrap_or_else(|| doc.to_owned()))
}

/// The components of a plain path; none for one that needs gjson.
fn parts(path: &str) -> Result<Option<Vec<Part>>, SetError> {
    let mut out = Vec::new();
    let mut rest = path;
    loop {
        if out.len() >= MOST_PARTS {
            return Err(SetError::TooLarge);
        }
        let (force, body) = rest.strip_prefix(':').map_or((false, rest), |r| (true, r));
        let (mut name, mut gjson) = (String::new(), String::new());
        let mut more = None;
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '.' => {
                    more = body.get(at + 1..);
                    break;
                }
                '|' | '#' | '@' | '*' | '?' => return Ok(None),
                '\\' => {
                    gjson.push('\\');
                    if let Some((_, c)) = chars.next() {
                        name.push(c);
                        gjson.push(c);
                    }
                }
                c => {
                    name.push(c);
                    gjson.push(c);
                }
            }
        }
        out.push(Part { name, path: gjson, force });
        match more {
            Some(tail) => rest = tail,
            None => return Ok(Some(out)),
        }
    }
}

fn pieces(doc: &str, from: usize, to: usize) -> &str {
    doc.get(from..to).unwrap_or_default()
}

/// The changed text; none if nothing is to change. Without a piece it deletes.
fn change(doc: &str, parts: &[Part], raw: Option<&str>) -> Result<Option<String>, SetError> {
    let Some((part, rest)) = parts.split_first() else { return Ok(None) };
    let mut found = Found::default();
    if raw.is_none() && part.appends() {
        let count = gjson::get(doc, "#").int();
        if count > 0 {
            found = gjson::get(doc, &(count - 1).to_string());
        }
    }
    if !found.exists() {
        found = gjson::get(doc, &part.path);
    }
    let start = found.index();
    if start > 0 {
        let end = start + found.raw().len();
        let (before, after) = (pieces(doc, 0, start), pieces(doc, end, doc.len()));
        if !rest.is_empty() {
            let inner = change(&found.raw(), rest, raw)?;
            return Ok(inner.map(|inner| format!("{before}{inner}{after}")));
        }
        return Ok(Some(match raw {
            Some(raw) => format!("{before}{raw}{after}"),
            None => without(before, after),
        }));
    }
    let Some(raw) = raw else { return Ok(None) };
    add(doc, part, parts, raw).map(Some)
}

/// What stands around a deleted value, without its key and one of the commas.
fn without(before: &str, after: &str) -> String {
    let bytes = before.as_bytes();
    let Some(mark) = bytes.iter().rposition(|b| matches!(b, b'[' | b',' | b':')) else { return format!("{before}{after}") };
    let (kept, first) = match bytes.get(mark) {
        Some(b'[') => (before, true),
        Some(b',') => (pieces(before, 0, mark), false),
        _ => {
            // Back over the key to what stands before it.
            let close = bytes.get(..mark).and_then(|b| b.iter().rposition(|b| *b == b'"')).unwrap_or(0);
            let mut open = close;
            while open > 0 {
                open -= 1;
                if bytes.get(open) == Some(&b'"') && (open == 0 || bytes.get(open - 1) != Some(&b'\\')) {
                    break;
                }
            }
            match bytes.get(..open).and_then(|b| b.iter().rposition(|b| matches!(b, b'{' | b','))) {
                Some(at) if bytes.get(at) == Some(&b'{') => (pieces(before, 0, at + 1), true),
                Some(at) => (pieces(before, 0, at), false),
                None => (before, false),
            }
        }
    };
    let trimmed = after.trim_start_matches(|c: char| c <= ' ');
    let after = if first { trimmed.strip_prefix(',').unwrap_or(after) } else { after };
    format!("{kept}{after}")
}

/// Adds what is not there yet.
fn add(doc: &str, part: &Part, parts: &[Part], raw: &str) -> Result<String, SetError> {
    let index = part.index();
    if index.is_some_and(|n| n > MOST_INDEX) {
        return Err(SetError::TooLarge);
    }
    let nulls = |n: usize| "null,".repeat(n);
    if doc.bytes().all(|b| b <= b' ') {
        return Ok(match index {
            Some(n) => format!("[{}{}]", nulls(n), build(true, parts, raw)?),
            None => format!("{{{}}}", build(false, parts, raw)?),
        });
    }
    let parsed = gjson::parse(doc);
    let whole = if parsed.kind() == gjson::Kind::Json {
        parsed.raw().into_owned()
    } else if index.is_some() {
        "[]".to_owned()
    } else {
        "{}".to_owned()
    };
    let first = whole.bytes().skip(1).find(|b| *b > b' ');
    let filled = first.is_some_and(|b| b != b'}' && b != b']');
    let comma = if filled { "," } else { "" };
    if whole.starts_with('{') {
        let end = whole.rfind('}').unwrap_or(0);
        return Ok(format!("{}{comma}{}}}", pieces(&whole, 0, end), build(false, parts, raw)?));
    }
    if !whole.starts_with('[') {
        return Err(SetError::NotJson);
    }
    let Some(index) = index else {
        if !part.appends() {
            return Err(SetError::NotAnIndex(part.name.clone()));
        }
        let open = whole.trim_matches(|c: char| c <= ' ');
        let open = open.strip_suffix(']').unwrap_or(open);
        return Ok(format!("{open}{comma}{}]", build(true, parts, raw)?));
    };
    let mut items: Vec<String> = Vec::new();
    scan::each(whole.as_bytes(), |_, value| items.push(value.raw().into_owned()));
    let count = items.len();
    let mut out = format!("[{}", items.join(","));
    if count == 0 {
        out.push_str(&nulls(index));
    } else {
        out.push_str(&",null".repeat(index.saturating_sub(count)));
        out.push_str(comma);
    }
    out.push_str(&build(true, parts, raw)?);
    out.push(']');
    Ok(out)
}

/// New JSON for the rest of a path.
fn build(array: bool, parts: &[Part], raw: &str) -> Result<String, SetError> {
    let Some((part, rest)) = parts.split_first() else { return Ok(raw.to_owned()) };
    let mut out = String::new();
    if !array {
        out.push_str(&json::quote(&part.name, true));
        out.push(':');
    }
    match rest.first() {
        None => out.push_str(raw),
        Some(next) => match next.index() {
            Some(n) if n > MOST_INDEX => return Err(SetError::TooLarge),
            index if index.is_some() || next.appends() => {
                out.push('[');
                out.push_str(&"null,".repeat(index.unwrap_or(0)));
                out.push_str(&build(true, rest, raw)?);
                out.push(']');
            }
            _ => {
                out.push('{');
                out.push_str(&build(false, rest, raw)?);
                out.push('}');
            }
        },
    }
    Ok(out)
}

/// Changes what gjson finds, wherever that stands.
fn complex(doc: &str, path: &str, raw: &str) -> String {
    let found = gjson::get(doc, path);
    let mut out = doc.to_owned();
    if found.index() > 0 {
        let end = found.index() + found.raw().len();
        out = format!("{}{raw}{}", pieces(doc, 0, found.index()), pieces(doc, end, doc.len()));
    }
    if let Some(indexes) = found.indexes() {
        let mut places: Vec<(usize, usize)> = indexes.iter().copied().zip(found.array().iter().map(|v| v.raw().len())).collect();
        if places.len() != indexes.len() {
            return out;
        }
        places.sort_by(|a, b| b.0.cmp(&a.0));
        for (start, length) in places {
            out = format!("{}{raw}{}", pieces(&out, 0, start), pieces(&out, start + length, out.len()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{delete, set_raw};

    #[test]
    fn changes() {
        for (doc, path, expected) in [
            ("", "a.b.1", r#"{"a":{"b":[null,9]}}"#),
            ("[]", "2", "[null,null,9]"),
            ("[1]", "3", "[1,null,null,9]"),
            (r#"{"a":1}"#, r"b\.c", r#"{"a":1,"b.c":9}"#),
            (r#"{"a":[{"n":1},{"n":2}]}"#, "a.#.n", r#"{"a":[{"n":9},{"n":9}]}"#),
            ("7", "x", r#"{"x":9}"#),
        ] {
            assert_eq!(set_raw(doc, path, "9").unwrap(), expected, "{path}");
        }
        assert!(
            set_raw("[1]", "x", "9").is_err()
                && set_raw("", "999999999", "1").is_err()
                && set_raw("{}", &"a.".repeat(100_000), "1").is_err()
        );
    }

    #[test]
    fn deletions() {
        for (doc, path, expected) in [
            (r#"{"a":1,"b":2}"#, "a", r#"{"b":2}"#),
            (r#"{"a":1,"b":2}"#, "b", r#"{"a":1}"#),
            ("[1,2,3]", "-1", "[1,2]"),
            ("[1,2]", "0", "[2]"),
            ("[1]", "5", "[1]"),
        ] {
            assert_eq!(delete(doc, path).unwrap(), expected, "{path}");
        }
        assert!(delete("[]", "#").is_err());
    }
}
