//! Texts.

use super::args::{any, int, shown, tail, text, texts};
use super::{Done, Entry, MOST_SIZE};
use crate::go::print;
use crate::go::text::{lossy, lower, upper};
use crate::{Env, Value};

pub(super) const TABLE: &[Entry] = &[
    entry("hello", "", |_, _| Ok("Hello!".into())),
    entry("trim", "s", |_, a| Ok(text(a, 0).trim().into())),
    entry("upper", "s", |_, a| Ok(upper(text(a, 0)).into())),
    entry("lower", "s", |_, a| Ok(lower(text(a, 0)).into())),
    entry("trimAll", "ss", trim_all),
    entry("trimall", "ss", trim_all),
    entry("trimSuffix", "ss", |_, a| Ok(text(a, 1).strip_suffix(text(a, 0)).unwrap_or(text(a, 1)).into())),
    entry("trimPrefix", "ss", |_, a| Ok(text(a, 1).strip_prefix(text(a, 0)).unwrap_or(text(a, 1)).into())),
    entry("contains", "ss", |_, a| Ok(text(a, 1).contains(text(a, 0)).into())),
    entry("hasPrefix", "ss", |_, a| Ok(text(a, 1).starts_with(text(a, 0)).into())),
    entry("hasSuffix", "ss", |_, a| Ok(text(a, 1).ends_with(text(a, 0)).into())),
    entry("nospace", "s", |_, a| Ok(text(a, 0).split_whitespace().collect::<String>().into())),
    entry("repeat", "is", |_, a| repeat(int(a, 0), text(a, 1))),
    entry("substr", "iis", |_, a| substr(int(a, 0), int(a, 1), text(a, 2))),
    entry("trunc", "is", |_, a| Ok(trunc(int(a, 0), text(a, 1)))),
    entry("abbrev", "is", |_, a| Ok(abbreviate(text(a, 1), 0, int(a, 0)))),
    entry("abbrevboth", "iis", |_, a| {
        let (left, right) = (int(a, 0), int(a, 1));
        Ok(if right < 4 || left > 0 && right < 7 { text(a, 2).into() } else { abbreviate(text(a, 2), left, right) })
    }),
    entry("wrap", "is", |_, a| wrap(text(a, 1), int(a, 0), "\n", false)),
    entry("wrapWith", "iss", |_, a| wrap(text(a, 2), int(a, 0), text(a, 1), true)),
    entry("quote", "a*", |_, a| Ok(present(a).map(|v| print::quote(&shown(v))).collect::<Vec<_>>().join(" ").into())),
    entry("squote", "a*", |_, a| Ok(present(a).map(|v| format!("'{v}'")).collect::<Vec<_>>().join(" ").into())),
    entry("cat", "a*", |_, a| Ok(present(a).map(ToString::to_string).collect::<Vec<_>>().join(" ").into())),
    entry("indent", "is", |_, a| indent(int(a, 0), text(a, 1), "")),
    entry("nindent", "is", |_, a| indent(int(a, 0), text(a, 1), "\n")),
    entry("replace", "sss", |_, a| {
        let (old, new, s) = (text(a, 0), text(a, 1), text(a, 2));
        let times = s.matches(old).count();
        if s.len().saturating_add(times.saturating_mul(new.len())) > MOST_SIZE { Err(too_large()) } else { Ok(s.replace(old, new).into()) }
    }),
    entry("plural", "ssi", |_, a| Ok(text(a, if int(a, 2) == 1 { 0 } else { 1 }).into())),
    entry("toString", "a", |_, a| Ok(Value::String(shown(any(a, 0))))),
    entry("toStrings", "a", |_, a| Ok(list(texts(any(a, 0)).into_iter().map(Value::String)))),
    entry("join", "sa", |_, a| Ok(texts(any(a, 1)).join(text(a, 0)).into())),
    entry("sortAlpha", "a", |_, a| {
        let mut items = texts(any(a, 0));
        items.sort();
        Ok(list(items.into_iter().map(Value::String)))
    }),
    entry("splitList", "ss", |_, a| Ok(list(pieces(text(a, 1), text(a, 0), None).into_iter().map(Value::from)))),
    entry("split", "ss", |_, a| Ok(numbered(pieces(text(a, 1), text(a, 0), None)))),
    entry("splitn", "sis", |_, a| Ok(numbered(pieces(text(a, 2), text(a, 0), Some(int(a, 1)))))),
    entry("ternary", "aab", |_, a| Ok(any(a, if any(a, 2) == &Value::Bool(true) { 0 } else { 1 }).clone())),
    entry("fail", "s", |_, a| Err(text(a, 0).to_owned())),
    entry("randAlphaNum", "i", |env, a| random(env, int(a, 0), b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")),
    entry("randAlpha", "i", |env, a| random(env, int(a, 0), b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    entry("randNumeric", "i", |env, a| random(env, int(a, 0), b"0123456789")),
    entry("randAscii", "i", |env, a| {
        let printable: Vec<u8> = (32..127).collect();
        random(env, int(a, 0), &printable)
    }),
    entry("shuffle", "s", |env, a| {
        let mut letters: Vec<char> = text(a, 0).chars().collect();
        for i in (1..letters.len()).rev() {
            let j = usize::try_from(number_below(env, u64::try_from(i).unwrap_or(0) + 1)?).unwrap_or(0);
            letters.swap(i, j);
        }
        Ok(letters.into_iter().collect::<String>().into())
    }),
    entry("uuidv4", "", |env, _| {
        let mut b = bytes(env, 16)?;
        for (i, byte) in b.iter_mut().enumerate() {
            match i {
                6 => *byte = *byte & 0x0f | 0x40,
                8 => *byte = *byte & 0x3f | 0x80,
                _ => {}
            }
        }
        let mut out = String::new();
        for (i, byte) in b.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            out.push_str(&format!("{byte:02x}"));
        }
        Ok(out.into())
    }),
];

pub(super) const fn entry(name: &'static str, signature: &'static str, body: fn(&dyn Env, &[Value]) -> Done) -> Entry {
    Entry { name, signature, cost: 1, body }
}

fn too_large() -> String {
    "the result is too large".to_owned()
}

fn present(a: &[Value]) -> impl Iterator<Item = &Value> {
    tail(a, 0).iter().filter(|v| !matches!(v, Value::Nil))
}

pub(super) fn list(items: impl Iterator<Item = Value>) -> Value {
    Value::List(items.collect())
}

fn trim_all(_: &dyn Env, a: &[Value]) -> Done {
    let cut = text(a, 0);
    Ok(text(a, 1).trim_matches(|c| cut.contains(c)).into())
}

fn repeat(count: i64, s: &str) -> Done {
    let count = usize::try_from(count).map_err(|_| "strings: negative Repeat count".to_owned())?;
    if s.len().saturating_mul(count) > MOST_SIZE { Err(too_large()) } else { Ok(s.repeat(count).into()) }
}

/// Bytes of a text; a cut within a character becomes the replacement character.
fn cut(s: &str, from: usize, to: usize) -> Option<Value> {
    Some(lossy(s.as_bytes().get(from..to)?).into())
}

fn substr(start: i64, end: i64, s: &str) -> Done {
    let out = || "runtime error: slice bounds out of range".to_owned();
    let at = |n: i64| usize::try_from(n).map_err(|_| out());
    let found = if start < 0 {
        cut(s, 0, at(end)?)
    } else if at(end).map_or(true, |e| e > s.len()) {
        cut(s, at(start)?, s.len())
    } else {
        cut(s, at(start)?, at(end)?)
    };
    found.ok_or_else(out)
}

fn trunc(count: i64, s: &str) -> Value {
    let length = i64::try_from(s.len()).unwrap_or(i64::MAX);
    let found = if count < 0 && length.saturating_add(count) > 0 {
        usize::try_from(length.saturating_add(count)).ok().and_then(|from| cut(s, from, s.len()))
    } else if count >= 0 && length > count {
        usize::try_from(count).ok().and_then(|to| cut(s, 0, to))
    } else {
        None
    };
    found.unwrap_or_else(|| s.into())
}

/// As goutils' `AbbreviateFull`.
fn abbreviate(s: &str, offset: i64, width: i64) -> Value {
    let (Ok(width), Ok(mut offset)) = (usize::try_from(width), usize::try_from(offset.max(0))) else { return s.into() };
    if width < 4 || s.len() <= width {
        return s.into();
    }
    offset = offset.min(s.len());
    if s.len() - offset <= width - 3 {
        offset = s.len() - (width - 3);
    }
    let part = |from: usize, to: usize| lossy(s.as_bytes().get(from..to).unwrap_or_default());
    if offset <= 4 {
        return format!("{}...", part(0, width - 3)).into();
    }
    if width < 7 {
        return "".into();
    }
    if offset + width - 3 < s.len() {
        return format!("...{}", abbreviate(&part(offset, s.len()), 0, i64::try_from(width - 3).unwrap_or(i64::MAX))).into();
    }
    format!("...{}", part(s.len() - (width - 3), s.len())).into()
}

/// As goutils' `WrapCustom`.
fn wrap(s: &str, width: i64, line: &str, long_words: bool) -> Done {
    let bytes = s.as_bytes();
    let width = usize::try_from(width.max(1)).unwrap_or(1);
    let line = if line.is_empty() { "\n" } else { line };
    if s.len().saturating_add((s.len() / width).saturating_mul(line.len())) > MOST_SIZE {
        return Err(too_large());
    }
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0_usize;
    let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    while bytes.len().saturating_sub(at) > width {
        if bytes.get(at) == Some(&b' ') {
            at += 1;
            continue;
        }
        let (end, next) = match part(at, at + width + 1).iter().rposition(|b| *b == b' ') {
            Some(space) => (at + space, at + space + 1),
            None if long_words => (at + width, at + width),
            None => match part(at + width, bytes.len()).iter().position(|b| *b == b' ') {
                Some(space) => (at + width + space, at + width + space + 1),
                None => break,
            },
        };
        out.extend_from_slice(part(at, end));
        out.extend_from_slice(line.as_bytes());
        at = next;
    }
    out.extend_from_slice(part(at, bytes.len()));
    Ok(lossy(&out).into())
}

fn indent(spaces: i64, s: &str, before: &str) -> Done {
    let spaces = usize::try_from(spaces).map_err(|_| "strings: negative Repeat count".to_owned())?;
    if s.matches('\n').count().saturating_add(1).saturating_mul(spaces).saturating_add(s.len()) > MOST_SIZE {
        return Err(too_large());
    }
    let pad = " ".repeat(spaces);
    Ok(format!("{before}{pad}{}", s.replace('\n', &format!("\n{pad}"))).into())
}

fn pieces(s: &str, by: &str, most: Option<i64>) -> Vec<String> {
    if let Some(most) = most.filter(|n| *n >= 0) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if most == 0 {
            return Vec::new();
        }
        if by.is_empty() {
            let mut out: Vec<String> = s.chars().take(most - 1).map(String::from).collect();
            let rest: String = s.chars().skip(most - 1).collect();
            if !rest.is_empty() {
                out.push(rest);
            }
            return out;
        }
        return s.splitn(most, by).map(str::to_owned).collect();
    }
    if by.is_empty() { s.chars().map(String::from).collect() } else { s.split(by).map(str::to_owned).collect() }
}

fn numbered(parts: Vec<String>) -> Value {
    Value::map(parts.into_iter().enumerate().map(|(i, p)| (format!("_{i}"), Value::from(p))))
}

pub(super) fn bytes(env: &dyn Env, count: usize) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; count];
    if env.random(&mut buffer) { Ok(buffer) } else { Err("randomness is not available here".to_owned()) }
}

pub(super) fn number_below(env: &dyn Env, limit: u64) -> Result<u64, String> {
    let mut n = [0; 8];
    if limit == 0 {
        return Err("invalid argument to Intn".to_owned());
    }
    if !env.random(&mut n) {
        return Err("randomness is not available here".to_owned());
    }
    Ok(u64::from_le_bytes(n) % limit)
}

fn random(env: &dyn Env, count: i64, letters: &[u8]) -> Done {
    let count = usize::try_from(count).unwrap_or(0);
    if count > 1_000_000 {
        return Err(too_large());
    }
    if count == 0 {
        return Ok("".into());
    }
    let raw = bytes(env, count.saturating_mul(2))?;
    let pick = |pair: &[u8]| {
        let n = pair.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
        letters.get(n % letters.len().max(1)).copied().map_or('a', char::from)
    };
    Ok(raw.chunks(2).map(pick).collect::<String>().into())
}
