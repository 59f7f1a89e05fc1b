//! Paths into objects: the part of gjson, kubectl's JSONPath and jq that resource templates mostly use. What goes beyond is refused, never guessed.

use std::borrow::Cow;

use serde_json::Value;

/// Why a query has no result.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QueryError {
    /// It is written wrongly.
    #[error("{language} {query:?}: {reason}")]
    Malformed {
        /// Language.
        language: &'static str,
        /// The query.
        query: String,
        /// What is wrong.
        reason: String,
    },
    /// This version cannot run it.
    #[error("not supported yet: {language} {query:?} ({part} is more than a path)")]
    Unsupported {
        /// Language.
        language: &'static str,
        /// The query.
        query: String,
        /// The part that cannot be run.
        part: String,
    },
}

/// A value as text: texts as they are, nothing for null, everything else as JSON.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What a gjson path leads to: keys and indexes with `.` between them, `\` before a `.` that belongs to a key, `#` for the length of a list or for each of it.
#[must_use]
pub fn path<'v>(value: &'v Value, path: &str) -> Option<Cow<'v, Value>> {
    let mut keys = vec![String::new()];
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match (letter, keys.last_mut()) {
            ('\\', Some(key)) => key.extend(letters.next()),
            ('.', _) => keys.push(String::new()),
            (letter, Some(key)) => key.push(letter),
            (_, None) => {}
        }
    }
    walk(value, &keys)
}

fn walk<'v>(value: &'v Value, keys: &[String]) -> Option<Cow<'v, Value>> {
    let Some((key, rest)) = keys.split_first() else { return Some(Cow::Borrowed(value)) };
    match value {
        Value::Array(list) if key == "#" && rest.is_empty() => Some(Cow::Owned(list.len().into())),
        Value::Array(list) if key == "#" => {
            Some(Cow::Owned(list.iter().filter_map(|item| walk(item, rest)).map(Cow::into_owned).collect()))
        }
        Value::Array(list) => walk(list.get(key.parse::<usize>().ok()?)?, rest),
        Value::Object(map) => walk(map.get(key)?, rest),
        _ => None,
    }
}

/// One step of a JSONPath.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(i64),
    All,
    Below,
}

fn steps(language: &'static str, query: &str, expression: &str) -> Result<Vec<Step>, QueryError> {
    let malformed = |reason: &str| QueryError::Malformed { language, query: query.to_owned(), reason: reason.to_owned() };
    let unsupported = |part: &str| QueryError::Unsupported { language, query: query.to_owned(), part: part.to_owned() };
    let mut steps = Vec::new();
    let mut rest = expression.trim();
    rest = rest.strip_prefix('$').unwrap_or(rest);
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            let end = rest.find(']').ok_or_else(|| malformed("a ']' is missing"))?;
            let inside = rest.get(1..end).unwrap_or_default().trim();
            let quoted = ['\'', '"'].into_iter().find_map(|q| inside.strip_prefix(q)?.strip_suffix(q));
            steps.push(match (quoted, inside) {
                (Some(key), _) => Step::Key(key.to_owned()),
                (None, "*" | "") => Step::All,
                (None, index) => Step::Index(index.parse().map_err(|_| unsupported(&format!("[{index}]")))?),
            });
            rest = rest.get(end + 1..).unwrap_or_default();
        } else if let Some(tail) = rest.strip_prefix("..") {
            steps.push(Step::Below);
            rest = if tail.starts_with('[') {
                tail
            } else {
                key(tail, &mut steps).ok_or_else(|| malformed("a name is missing after '..'"))?
            };
        } else if let Some(tail) = rest.strip_prefix('.') {
            if tail.is_empty() || tail.starts_with('[') {
                rest = tail;
            } else {
                rest = key(tail, &mut steps).ok_or_else(|| unsupported(rest))?;
            }
        } else {
            return Err(unsupported(rest));
        }
    }
    Ok(steps)
}

/// Reads a name at the start of a text; returns what follows it.
fn key<'a>(text: &'a str, steps: &mut Vec<Step>) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('*') {
        steps.push(Step::All);
        return Some(rest);
    }
    let mut name = String::new();
    let mut letters = text.char_indices();
    let end = loop {
        match letters.next() {
            None => break text.len(),
            Some((_, '\\')) => name.extend(letters.next().map(|(_, letter)| letter)),
            Some((_, letter)) if letter.is_alphanumeric() || "_-/".contains(letter) => name.push(letter),
            Some((at, _)) => break at,
        }
    };
    if name.is_empty() {
        return None;
    }
    steps.push(Step::Key(name));
    text.get(end..)
}

fn follow<'v>(value: &'v Value, steps: &[Step], found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else { return found.push(value) };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => {
            if let Some(value) = map.get(key) {
                follow(value, rest, found);
            }
        }
        (Step::Index(index), Value::Array(list)) => {
            let index = if *index < 0 { i64::try_from(list.len()).unwrap_or(i64::MAX).saturating_add(*index) } else { *index };
            if let Some(value) = usize::try_from(index).ok().and_then(|i| list.get(i)) {
                follow(value, rest, found);
            }
        }
        (Step::All, Value::Array(list)) => list.iter().for_each(|value| follow(value, rest, found)),
        (Step::All, Value::Object(map)) => map.values().for_each(|value| follow(value, rest, found)),
        (Step::Below, _) => {
            follow(value, rest, found);
            match value {
                Value::Array(list) => list.iter().for_each(|value| follow(value, steps, found)),
                Value::Object(map) => map.values().for_each(|value| follow(value, steps, found)),
                _ => {}
            }
        }
        _ => {}
    }
}

/// Runs a kubectl JSONPath template: text with paths in braces; several values are separated by spaces, and what is not there is nothing.
///
/// # Errors
/// It is written wrongly, or uses `range` or filters.
pub fn json_path(value: &Value, template: &str) -> Result<String, QueryError> {
    let mut result = String::new();
    let mut rest = template;
    // As kubectl does: a path may stand without braces if there is nothing else.
    let bare = !template.contains('{');
    while !rest.is_empty() {
        let (before, inside, after) = if bare {
            ("", rest, "")
        } else {
            let Some((before, tail)) = rest.split_once('{') else {
                result.push_str(rest);
                break;
            };
            let Some((inside, after)) = tail.split_once('}') else {
                return Err(QueryError::Malformed {
                    language: "jsonPath",
                    query: template.to_owned(),
                    reason: "a '}' is missing".to_owned(),
                });
            };
            (before, inside, after)
        };
        result.push_str(before);
        let inside = inside.trim();
        match ['\'', '"'].into_iter().find_map(|q| inside.strip_prefix(q)?.strip_suffix(q)) {
            Some(literal) => result.push_str(&literal.replace("\\n", "\n").replace("\\t", "\t")),
            None => {
                let inside = if bare && !inside.starts_with(['.', '[', '$']) { format!(".{inside}") } else { inside.to_owned() };
                let mut found = Vec::new();
                follow(value, &steps("jsonPath", template, &inside)?, &mut found);
                result.push_str(&found.into_iter().map(text).collect::<Vec<_>>().join(" "));
            }
        }
        rest = after;
    }
    Ok(result)
}

/// Runs a jq filter that is a path; texts as they are, each value on a line, as upstream does.
///
/// # Errors
/// It is more than a path.
pub fn jq(value: &Value, filter: &str) -> Result<String, QueryError> {
    let trimmed = filter.trim();
    if !trimmed.starts_with('.') {
        return Err(QueryError::Unsupported { language: "jqFilter", query: filter.to_owned(), part: trimmed.to_owned() });
    }
    let mut found = Vec::new();
    let steps = steps("jqFilter", filter, trimmed)?;
    if steps.contains(&Step::Below) {
        return Err(QueryError::Unsupported { language: "jqFilter", query: filter.to_owned(), part: "..".to_owned() });
    }
    follow(value, &steps, &mut found);
    if found.is_empty() && !steps.contains(&Step::All) {
        return Ok("null".to_owned());
    }
    let line = |value: &Value| if value.is_null() { "null".to_owned() } else { text(value) };
    Ok(found.into_iter().map(line).collect::<Vec<_>>().join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({"metadata": {"name": "n", "labels": {"a.b/c": "x"}}, "n": 3, "list": [{"k": 1}, {"k": "two"}], "none": null})
    }

    #[test]
    fn json_paths() {
        for (template, expected) in [
            ("{.metadata.name}", "n"),
            ("name={.metadata.name}, {.n}!", "name=n, 3!"),
            ("{.list[*].k}", "1 two"),
            ("{.list[-1].k}{\"\\n\"}", "two\n"),
            ("{.metadata.labels.a\\.b/c}", "x"),
            ("{.metadata.labels['a.b/c']}", "x"),
            ("{..k}", "1 two"),
            ("{.absent.more}", ""),
            ("{.list[0]}", "{\"k\":1}"),
            (".metadata.name", "n"),
            ("{$.n}", "3"),
        ] {
            assert_eq!(json_path(&object(), template).as_deref(), Ok(expected), "{template}");
        }
        for bad in ["{.a", "{.list[?(@.k==1)]}", "{range .list[*]}{.k}{end}", "{.list[0:1]}"] {
            assert!(json_path(&object(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn jq_paths() {
        for (filter, expected) in
            [(".metadata.name", "n"), (".list[].k", "1\ntwo"), (".absent", "null"), (".list[1].k", "two"), (".n", "3")]
        {
            assert_eq!(jq(&object(), filter).as_deref(), Ok(expected), "{filter}");
        }
        for more in [".list | length", "keys", ".n + 1", ".list[] | .k"] {
            assert!(matches!(jq(&object(), more), Err(QueryError::Unsupported { .. })), "{more}");
        }
    }

    #[test]
    fn gjson_paths() {
        for (query, expected) in
            [("metadata.name", "n"), ("list.1.k", "two"), ("list.#", "2"), ("list.#.k", "[1,\"two\"]"), ("metadata.labels.a\\.b/c", "x")]
        {
            assert_eq!(path(&object(), query).map(|v| text(&v)).as_deref(), Some(expected), "{query}");
        }
        assert!(path(&object(), "list.7").is_none() && path(&object(), "n.x").is_none());
    }
}
