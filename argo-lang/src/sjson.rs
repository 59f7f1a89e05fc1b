//! Changing JSON texts in place, as tidwall/sjson does: parameters of event triggers.
//!
//! ```
//! use argo_lang::{Budget, Value, sjson};
//!
//! let budget = Budget::default();
//! let doc = r#"{"spec": {"args": ["a"]}}"#;
//! let doc = sjson::set(doc, "spec.args.-1", &Value::from("b"), &budget).unwrap();
//! let doc = sjson::set_raw(&doc, "metadata.labels", r#"{"x": 1}"#, &budget).unwrap();
//! assert_eq!(doc, r#"{"spec": {"args": ["a","b"]},"metadata":{"labels":{"x": 1}}}"#);
//! assert_eq!(sjson::delete(&doc, "spec", &budget).unwrap(), r#"{"metadata":{"labels":{"x": 1}}}"#);
//! ```
//!
//! A path is keys and indexes with dots between; `-1` appends, `:1` is a key though it looks like an index. Paths with `#`, `*`, `@` or `|` change what
//! [`crate::gjson`] finds, if it is there. The rest of the text stays as it is, blanks and all.
//!
//! Differences on purpose: an index may not be larger than 100,000, and paths are bounded in length.

use crate::budget::Meter;
use crate::gjson::Found;
use crate::gjson::{self, scan};
use crate::go::json;
use crate::{Budget, Cause, Limit, RunError, Span, Value};

/// Largest index that is filled up to.
const MOST_INDEX: usize = 100_000;
/// Most components of a path.
const MOST_PARTS: usize = 500;

fn too_large(span: Span) -> RunError {
    RunError::new("the path is too long or its index too large", span).because(Cause::Limit(Limit::Memory))
}

struct Part {
    name: String,
    /// As gjson reads it.
    path: String,
    force: bool,
    span: Span,
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
pub fn set(doc: &str, path: &str, value: &Value, budget: &Budget) -> Result<String, RunError> {
    let raw = match value {
        Value::Float(n) if n.is_finite() => format!("{n}"),
        // As upstream: `<`, `>` and `&` are escaped only where something else has to be.
        Value::String(s) if !s.bytes().any(|b| !(b' '..=0x7f).contains(&b) || matches!(b, b'"' | b'\\')) => format!("\"{s}\""),
        other => json::encode(other, true).map_err(|e| RunError::new(e, Span::whole(path)))?,
    };
    set_raw(doc, path, &raw, budget)
}

/// Sets a piece of JSON as it stands.
///
/// # Errors
/// When an element of an array is named by a text.
pub fn set_raw(doc: &str, path: &str, raw: &str, budget: &Budget) -> Result<String, RunError> {
    let edit = Edit { meter: Meter::new(budget, MOST_PARTS), budget: *budget, path };
    match parts(path)? {
        Some(parts) => Ok(edit.change(doc, &parts, Some(raw))?.unwrap_or_else(|| doc.to_owned())),
        None => edit.complex(doc, raw),
    }
}

/// Deletes a value.
///
/// # Errors
/// When the path is not a plain one.
pub fn delete(doc: &str, path: &str, budget: &Budget) -> Result<String, RunError> {
    let edit = Edit { meter: Meter::new(budget, MOST_PARTS), budget: *budget, path };
    let complex =
        || RunError::new("cannot delete value from a complex path", Span::whole(path)).expecting("keys and indexes with dots between");
    let parts = parts(path)?.ok_or_else(complex)?;
    Ok(edit.change(doc, &parts, None)?.unwrap_or_else(|| doc.to_owned()))
}

/// The components of a plain path; none for one that needs gjson.
fn parts(path: &str) -> Result<Option<Vec<Part>>, RunError> {
    let mut out = Vec::new();
    let mut rest = path;
    loop {
        if out.len() >= MOST_PARTS {
            return Err(too_large(Span::whole(path)));
        }
        let start = path.len().saturating_sub(rest.len());
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
        let end = more.map_or(path.len(), |tail| path.len().saturating_sub(tail.len()).saturating_sub(1));
        out.push(Part { name, path: gjson, force, span: Span::new(start, end) });
        match more {
            Some(tail) => rest = tail,
            None => return Ok(Some(out)),
        }
    }
}

fn pieces(doc: &str, from: usize, to: usize) -> &str {
    doc.get(from..to).unwrap_or_default()
}

/// One change under way.
struct Edit<'a> {
    meter: Meter,
    budget: Budget,
    path: &'a str,
}

impl Edit<'_> {
    fn find<'d>(&self, doc: &'d str, path: &str) -> Result<Found<'d>, RunError> {
        gjson::get(doc, path, &self.budget)
    }

    /// Pays for a text that is made.
    fn made(&self, text: String) -> Result<String, RunError> {
        self.meter.spend(text.len()).map_err(|limit| RunError::limit(limit, Span::whole(self.path)))?;
        Ok(text)
    }

    /// The changed text; none if nothing is to change. Without a piece it deletes.
    fn change(&self, doc: &str, parts: &[Part], raw: Option<&str>) -> Result<Option<String>, RunError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(None) };
        let mut found = Found::default();
        if raw.is_none() && part.appends() {
            let count = self.find(doc, "#")?.int();
            if count > 0 {
                found = self.find(doc, &(count - 1).to_string())?;
            }
        }
        if !found.exists() {
            found = self.find(doc, &part.path)?;
        }
        let start = found.index();
        if start > 0 {
            let end = start + found.raw().len();
            let (before, after) = (pieces(doc, 0, start), pieces(doc, end, doc.len()));
            if !rest.is_empty() {
                let inner = self.change(&found.raw(), rest, raw)?;
                return inner.map(|inner| self.made(format!("{before}{inner}{after}"))).transpose();
            }
            let changed = match raw {
                Some(raw) => format!("{before}{raw}{after}"),
                None => without(before, after),
            };
            return self.made(changed).map(Some);
        }
        let Some(raw) = raw else { return Ok(None) };
        self.made(add(doc, part, parts, raw)?).map(Some)
    }

    /// Changes what gjson finds, wherever that stands.
    fn complex(&self, doc: &str, raw: &str) -> Result<String, RunError> {
        let found = self.find(doc, self.path)?;
        let mut out = doc.to_owned();
        if found.index() > 0 {
            let end = found.index() + found.raw().len();
            out = format!("{}{raw}{}", pieces(doc, 0, found.index()), pieces(doc, end, doc.len()));
        }
        if let Some(indexes) = found.indexes() {
            let mut places: Vec<(usize, usize)> = indexes.iter().copied().zip(found.array().iter().map(|v| v.raw().len())).collect();
            if places.len() != indexes.len() {
                return Ok(out);
            }
            places.sort_by_key(|(start, _)| std::cmp::Reverse(*start));
            for (start, length) in places {
                out = self.made(format!("{}{raw}{}", pieces(&out, 0, start), pieces(&out, start + length, out.len())))?;
            }
        }
        Ok(out)
    }
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
fn add(doc: &str, part: &Part, parts: &[Part], raw: &str) -> Result<String, RunError> {
    let index = part.index();
    if index.is_some_and(|n| n > MOST_INDEX) {
        return Err(too_large(part.span));
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
        return Err(RunError::new("json must be an object or array", part.span));
    }
    let Some(index) = index else {
        if !part.appends() {
            let message = format!("cannot set array element for non-numeric key '{}'", part.name);
            return Err(RunError::new(message, part.span).expecting("an index or -1"));
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
fn build(array: bool, parts: &[Part], raw: &str) -> Result<String, RunError> {
    let Some((part, rest)) = parts.split_first() else { return Ok(raw.to_owned()) };
    let mut out = String::new();
    if !array {
        out.push_str(&json::quote(&part.name, true));
        out.push(':');
    }
    match rest.first() {
        None => out.push_str(raw),
        Some(next) => match next.index() {
            Some(n) if n > MOST_INDEX => return Err(too_large(next.span)),
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

#[cfg(test)]
mod tests {
    use crate::{Budget, RunError};

    fn set_raw(doc: &str, path: &str, raw: &str) -> Result<String, RunError> {
        super::set_raw(doc, path, raw, &Budget::default())
    }

    fn delete(doc: &str, path: &str) -> Result<String, RunError> {
        super::delete(doc, path, &Budget::default())
    }

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
