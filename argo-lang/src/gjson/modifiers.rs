//! `@name` and `@name:argument`: functions of a whole text.

use std::collections::BTreeMap;

use super::pretty::{self, Options};
use super::scan::{self, part};
use super::{Found, Work, get, utf8};
use crate::go::json;

const NAMES: [&str; 13] =
    ["pretty", "ugly", "reverse", "this", "flatten", "join", "valid", "keys", "values", "tostr", "fromstr", "group", "dig"];

pub(super) fn known(name: &[u8]) -> bool {
    NAMES.iter().any(|n| n.as_bytes() == name)
}

pub(super) fn valid(json: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok()
}

/// Runs the modifier that a path begins with: gives the rest of the path and the new text.
pub(super) fn run(work: &Work, json: &[u8], path: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = path.iter().skip(1).position(|b| matches!(b, b':' | b'|' | b'.')).map_or(path.len(), |n| n + 1);
    let name = part(path, 1, end);
    if !known(name) {
        return None;
    }
    let mut rest = path.get(end..).unwrap_or_default();
    let mut argument: &[u8] = &[];
    if let Some(after) = rest.strip_prefix(b":") {
        rest = after;
        let length = match after.first() {
            Some(b'{' | b'[' | b'"') => scan::squash_end(after, 0),
            _ => simple_argument(after),
        };
        argument = part(after, 0, length);
        rest = rest.get(length..).unwrap_or_default();
    }
    if !work.spend(json.len()) {
        return Some((Vec::new(), Vec::new()));
    }
    Some((rest.to_vec(), apply(work, name, json, argument)))
}

fn simple_argument(text: &[u8]) -> usize {
    let mut i = 0;
    while let Some(c) = text.get(i) {
        match c {
            b'|' => return i,
            b'{' | b'[' | b'"' | b'(' => i = scan::squash_end(text, i),
            _ => i += 1,
        }
    }
    text.len()
}

fn apply(work: &Work, name: &[u8], json: &[u8], argument: &[u8]) -> Vec<u8> {
    match name {
        b"this" => json.to_vec(),
        b"valid" => {
            if valid(json) {
                json.to_vec()
            } else {
                Vec::new()
            }
        }
        b"pretty" => {
            let mut options = Options::default();
            scan::each(argument, |key, value| match key.map(|k| k.text()).as_deref() {
                Some("sortKeys") => options.sort_keys = value.bool(),
                Some("indent") => options.indent = blanks(&value.text()),
                Some("prefix") => options.prefix = blanks(&value.text()),
                Some("width") => options.width = usize::try_from(value.int()).unwrap_or(0),
                _ => {}
            });
            pretty::pretty(json, &options)
        }
        b"ugly" => pretty::ugly(json),
        b"reverse" => reverse(json),
        b"flatten" => flatten(work, json, flag(argument, "deep")),
        b"join" => join(json, flag(argument, "preserve")),
        b"keys" => listed(json, |key, _| key.map_or_else(|| b"null".to_vec(), |k| k.raw.to_vec())),
        b"values" => listed(json, |_, value| value.raw.to_vec()),
        b"tostr" => json::quote(&utf8(json), true).into_bytes(),
        b"fromstr" => {
            if valid(json) {
                scan::parse(json).text().into_bytes()
            } else {
                Vec::new()
            }
        }
        b"group" => group(json),
        _ => {
            let mut out = vec![b'['];
            dig(work, &scan::parse(json), argument, &mut out);
            out.push(b']');
            out
        }
    }
}

fn blanks(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).take(1_000).collect()
}

fn flag(argument: &[u8], name: &str) -> bool {
    let mut found = false;
    scan::each(argument, |key, value| {
        if key.is_some_and(|k| k.text() == name) {
            found = value.bool();
        }
    });
    found
}

fn listed(json: &[u8], f: impl Fn(Option<Found<'_>>, Found<'_>) -> Vec<u8>) -> Vec<u8> {
    let mut out = vec![b'['];
    if scan::parse(json).exists() {
        scan::each(json, |key, value| {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend(f(key, value));
        });
    }
    out.push(b']');
    out
}

fn reverse(json: &[u8]) -> Vec<u8> {
    let whole = scan::parse(json);
    if !whole.is_array() && !whole.is_object() {
        return json.to_vec();
    }
    let object = whole.is_object();
    let mut items: Vec<Vec<u8>> = Vec::new();
    scan::each(json, |key, value| {
        let mut item = Vec::new();
        if let Some(key) = key {
            item.extend_from_slice(&key.raw);
            item.push(b':');
        }
        item.extend_from_slice(&value.raw);
        items.push(item);
    });
    items.reverse();
    let mut out = vec![if object { b'{' } else { b'[' }];
    out.extend(items.join(&b','));
    out.push(if object { b'}' } else { b']' });
    out
}

fn unwrap(json: &[u8]) -> &[u8] {
    let json = json.trim_ascii();
    if json.len() >= 2 && matches!(json.first(), Some(b'[' | b'{')) { part(json, 1, json.len() - 1) } else { json }
}

fn flatten(work: &Work, json: &[u8], deep: bool) -> Vec<u8> {
    if !scan::parse(json).is_array() || !work.spend(json.len()) {
        return json.to_vec();
    }
    let mut out = vec![b'['];
    scan::each(json, |_, value| {
        let raw = if value.is_array() && deep {
            unwrap(&work.deeper(|| flatten(work, &value.raw, true))).to_vec()
        } else if value.is_array() {
            unwrap(&value.raw).to_vec()
        } else {
            value.raw.to_vec()
        };
        let raw = raw.trim_ascii();
        if !raw.is_empty() {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(raw);
        }
    });
    out.push(b']');
    out
}

fn join(json: &[u8], preserve: bool) -> Vec<u8> {
    if !scan::parse(json).is_array() {
        return json.to_vec();
    }
    let mut out = vec![b'{'];
    let mut order: Vec<Vec<u8>> = Vec::new();
    let mut values: BTreeMap<String, (usize, Vec<u8>)> = BTreeMap::new();
    scan::each(json, |_, value| {
        if !value.is_object() {
            return;
        }
        if preserve {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(unwrap(&value.raw));
            return;
        }
        scan::each(&value.raw, |key, value| {
            let Some(key) = key else { return };
            let entry = values.entry(key.text()).or_insert_with(|| {
                order.push(key.raw.to_vec());
                (order.len() - 1, Vec::new())
            });
            entry.1 = value.raw.to_vec();
        });
    });
    let mut sorted: Vec<(usize, Vec<u8>)> = values.into_values().collect();
    sorted.sort_by_key(|(at, _)| *at);
    for (key, (_, value)) in order.iter().zip(sorted) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        out.push(b':');
        out.extend(value);
    }
    out.push(b'}');
    out
}

fn group(json: &[u8]) -> Vec<u8> {
    if !scan::parse(json).is_object() {
        return Vec::new();
    }
    let mut all: Vec<Vec<u8>> = Vec::new();
    scan::each(json, |key, value| {
        let Some(key) = key.filter(|_| value.is_array()) else { return };
        let mut index = 0_usize;
        scan::each(&value.raw, |_, element| {
            if all.len() <= index {
                all.push(Vec::new());
            }
            if let Some(item) = all.get_mut(index) {
                if !item.is_empty() {
                    item.push(b',');
                }
                item.extend_from_slice(&key.raw);
                item.push(b':');
                item.extend_from_slice(&element.raw);
            }
            index += 1;
        });
    });
    let mut out = vec![b'['];
    for (i, item) in all.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.push(b'{');
        out.extend_from_slice(item);
        out.push(b'}');
    }
    out.push(b']');
    out
}

fn dig(work: &Work, parent: &Found<'_>, path: &[u8], out: &mut Vec<u8>) {
    let found = get::get(work, &parent.raw, path);
    if found.exists() && work.spend(found.raw.len()) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(&found.raw);
    }
    if parent.is_array() || parent.is_object() {
        scan::each(&parent.raw, |_, value| work.deeper(|| dig(work, &value, path, out)));
    }
}
