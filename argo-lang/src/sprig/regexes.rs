//! Regular expressions.

use std::sync::Arc;

use regex::{NoExpand, Regex};

use super::args::{int, text};
use super::strings::{entry, list};
use super::{Done, Entry, MOST_SIZE};
use crate::Value;

pub(super) const TABLE: &[Entry] = &[
    entry("regexMatch", "ss", |_, a| Ok(compiled(a).is_ok_and(|r| r.is_match(text(a, 1))).into())),
    entry("mustRegexMatch", "ss", |_, a| Ok(compiled(a)?.is_match(text(a, 1)).into())),
    entry("regexFind", "ss", |_, a| Ok(find(must(a)?.as_ref(), text(a, 1)))),
    entry("mustRegexFind", "ss", |_, a| Ok(find(compiled(a)?.as_ref(), text(a, 1)))),
    entry("regexFindAll", "ssi", |_, a| Ok(find_all(must(a)?.as_ref(), text(a, 1), int(a, 2)))),
    entry("mustRegexFindAll", "ssi", |_, a| Ok(find_all(compiled(a)?.as_ref(), text(a, 1), int(a, 2)))),
    entry("regexReplaceAll", "sss", |_, a| replace(must(a)?.as_ref(), text(a, 1), text(a, 2), false)),
    entry("mustRegexReplaceAll", "sss", |_, a| replace(compiled(a)?.as_ref(), text(a, 1), text(a, 2), false)),
    entry("regexReplaceAllLiteral", "sss", |_, a| replace(must(a)?.as_ref(), text(a, 1), text(a, 2), true)),
    entry("mustRegexReplaceAllLiteral", "sss", |_, a| replace(compiled(a)?.as_ref(), text(a, 1), text(a, 2), true)),
    entry("regexSplit", "ssi", |_, a| Ok(split(must(a)?.as_ref(), text(a, 1), int(a, 2)))),
    entry("mustRegexSplit", "ssi", |_, a| Ok(split(compiled(a)?.as_ref(), text(a, 1), int(a, 2)))),
    entry("regexQuoteMeta", "s", |_, a| Ok(quote_meta(text(a, 0)).into())),
];

/// A pattern in Go's syntax: what Go refuses is refused, however well it would compile here.
///
/// # Errors
/// When it is no pattern.
pub(crate) fn compile(pattern: &str) -> Result<Arc<Regex>, String> {
    for (at, _) in pattern.match_indices("(?") {
        let rest = pattern.get(at..).unwrap_or_default();
        if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|p| rest.starts_with(p)) {
            return Err(format!("error parsing regexp: invalid or unsupported Perl syntax: `{}`", rest.get(..3).unwrap_or(rest)));
        }
    }
    Regex::new(pattern).map(Arc::new).map_err(|e| {
        let what = e.to_string();
        let last = what.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("error parsing regexp: {last}: `{pattern}`")
    })
}

fn compiled(a: &[Value]) -> Result<Arc<Regex>, String> {
    compile(text(a, 0))
}

fn must(a: &[Value]) -> Result<Arc<Regex>, String> {
    compiled(a).map_err(|e| format!("regexp: Compile(`{}`): {e}", text(a, 0)))
}

fn find(regex: &Regex, s: &str) -> Value {
    regex.find(s).map_or("", |m| m.as_str()).into()
}

fn most(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn find_all(regex: &Regex, s: &str, n: i64) -> Value {
    list(regex.find_iter(s).take(most(n)).map(|m| m.as_str().into()))
}

fn replace(regex: &Regex, s: &str, with: &str, literal: bool) -> Done {
    if regex.find_iter(s).count().saturating_mul(with.len()).saturating_add(s.len()) > MOST_SIZE {
        return Err("the result is too large".to_owned());
    }
    Ok(if literal { regex.replace_all(s, NoExpand(with)) } else { regex.replace_all(s, with) }.into_owned().into())
}

fn split(regex: &Regex, s: &str, n: i64) -> Value {
    if n == 0 {
        return Value::Nil;
    }
    list(regex.splitn(s, most(n)).map(Value::from))
}

fn quote_meta(s: &str) -> String {
    s.chars().flat_map(|c| if "\\.+*?()|[]{}^$".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}
