//! Regular expressions.

use std::sync::Arc;

use regex::Regex;

use super::ops::{shown, text};
use crate::Value;
use crate::sprig::regexes;

/// A pattern with jq's flags, and whether all matches are wanted.
fn compile(pattern: &str, flags: &str) -> Result<(Arc<Regex>, bool), String> {
    let mut inline = String::new();
    for flag in flags.chars() {
        match flag {
            'g' | 'n' | 'l' | 'p' if flag != 'p' => {}
            'i' | 's' | 'x' => inline.push(flag),
            'p' => inline.push_str("sm"),
            other => return Err(format!("unsupported regular expression flag: {other:?}")),
        }
    }
    let whole = if inline.is_empty() { pattern.to_owned() } else { format!("(?{inline}){pattern}") };
    let regex = regexes::compile(&whole).map_err(|e| format!("invalid regular expression {pattern:?}: {e}"))?;
    Ok((regex, flags.contains('g')))
}

fn arguments<'a>(name: &str, input: &'a Value, pattern: &'a Value, flags: &'a Value) -> Result<(&'a str, &'a str, &'a str), String> {
    let flag_text = match flags {
        Value::Nil => "",
        Value::String(s) => s.as_ref(),
        _ => return Err(format!("{name}({}; {}) cannot be applied to: {}", text(pattern), text(flags), shown(input))),
    };
    match (input, pattern) {
        (Value::String(s), Value::String(p)) => Ok((s, p, flag_text)),
        _ => Err(format!("{name}({}; {}) cannot be applied to: {}", text(pattern), text(flags), shown(input))),
    }
}

pub(super) fn test(input: &Value, pattern: &Value, flags: &Value) -> Result<Value, String> {
    let (s, pattern, flags) = arguments("test", input, pattern, flags)?;
    Ok(compile(pattern, flags)?.0.is_match(s).into())
}

/// All matches as objects; one without the flag `g`.
pub(super) fn matches(input: &Value, pattern: &Value, flags: &Value) -> Result<Vec<Value>, String> {
    let (s, pattern, flags) = arguments("match", input, pattern, flags)?;
    let (regex, all) = compile(pattern, flags)?;
    let mut out = Vec::new();
    // Offsets count characters.
    let (mut bytes, mut characters) = (0_usize, 0_usize);
    for captures in regex.captures_iter(s).take(if all { usize::MAX } else { 1 }) {
        let Some(whole) = captures.get(0) else { continue };
        if flags.contains('n') && whole.is_empty() {
            continue;
        }
        characters += s.get(bytes..whole.start()).unwrap_or_default().chars().count();
        bytes = whole.start();
        let place = |m: regex::Match<'_>| -> i64 {
            let inside = s.get(bytes..m.start()).unwrap_or_default().chars().count();
            i64::try_from(characters + inside).unwrap_or(i64::MAX)
        };
        let object = |m: Option<regex::Match<'_>>, name: Option<Option<&str>>| {
            let mut entries = vec![
                ("offset", m.map_or(Value::Int(-1), |m| Value::Int(place(m)))),
                ("length", m.map_or(Value::Int(0), |m| m.as_str().chars().count().into())),
                ("string", m.map_or(Value::Nil, |m| m.as_str().into())),
            ];
            if let Some(name) = name {
                entries.push(("name", name.map_or(Value::Nil, Value::from)));
            }
            entries
        };
        let groups: Vec<Value> =
            regex.capture_names().enumerate().skip(1).map(|(i, name)| Value::map(object(captures.get(i), Some(name)))).collect();
        let mut entries = object(Some(whole), None);
        entries.push(("captures", groups.into()));
        out.push(Value::map(entries));
        if out.len() > 200_000 {
            return Err("there are too many matches".to_owned());
        }
    }
    Ok(out)
}

/// The pieces of a text between matches.
pub(super) fn split(input: &Value, pattern: &Value, flags: &Value) -> Result<Value, String> {
    let (s, pattern, flags) = arguments("split", input, pattern, flags)?;
    let (regex, _) = compile(pattern, flags)?;
    Ok(Value::List(regex.split(s).map(Value::from).collect()))
}
