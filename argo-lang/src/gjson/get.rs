//! Following a path through a text.

use std::borrow::Cow;

use super::path::{self, ArrayPart, Query};
use super::scan::{self, Start, part};
use super::{Found, Kind, Work, glob, modifiers, truth, utf8};
use crate::go::json;
use crate::sprig::args::parse_float;

fn at(json: &[u8], i: usize) -> u8 {
    json.get(i).copied().unwrap_or(0)
}

/// What is found on the way, and what is left to do with it.
#[derive(Default)]
struct Context<'a> {
    value: Found<'a>,
    pipe: Option<Vec<u8>>,
}

pub(super) fn get<'a>(work: &Work, json: &'a [u8], path: &[u8]) -> Found<'a> {
    if !work.spend(json.len()) {
        return Found::default();
    }
    work.deeper(|| get_inner(work, json, path))
}

/// The rest of a path after `|` or `.`, applied to JSON that was made.
fn rest_of(work: &Work, made: Vec<u8>, rest: &[u8]) -> Found<'static> {
    let found = match rest.split_first() {
        Some((b'|' | b'.', rest)) => Found { index: 0, indexes: None, ..get(work, &made, rest) },
        _ => scan::parse(&made),
    };
    found.owned()
}

fn get_inner<'a>(work: &Work, json: &'a [u8], path: &[u8]) -> Found<'a> {
    if path.len() > 1 {
        match at(path, 0) {
            b'@' => {
                if let Some((rest, made)) = modifiers::run(work, json, path) {
                    return rest_of(work, made, &rest);
                }
            }
            b'!' => {
                if let Some((rest, made)) = literal(path) {
                    return rest_of(work, made, &rest);
                }
            }
            kind @ (b'[' | b'{') => {
                if let Some((members, rest)) = path::selectors(path)
                    && matches!(at(rest, 0), 0 | b'|' | b'.')
                {
                    let made = multipath(work, json, kind, &members);
                    let found = if rest.is_empty() {
                        Found { kind: Kind::Json, raw: Cow::Owned(made), index: 0, indexes: None }
                    } else {
                        get(work, &made, rest.get(1..).unwrap_or_default()).owned()
                    };
                    return Found { index: 0, ..found };
                }
            }
            _ => {}
        }
    }
    let mut context = Context::default();
    if let Some(rest) = path.strip_prefix(b"..") {
        array(work, &mut context, json, 0, rest);
    } else if let Some(open) = json.iter().position(|b| matches!(b, b'{' | b'[')) {
        if at(json, open) == b'{' {
            object(work, &mut context, json, open + 1, path);
        } else {
            array(work, &mut context, json, open + 1, path);
        }
    }
    match context.pipe {
        Some(pipe) => Found { index: 0, ..get(work, &context.value.raw, &pipe).owned() },
        None => context.value,
    }
}

/// `!` and a JSON literal: gives what follows it and itself.
fn literal(path: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let name = path.get(1..)?;
    if matches!(at(name, 0), b'{' | b'[' | b'"') {
        let end = scan::squash_end(name, 0);
        return Some((name.get(end..)?.to_vec(), part(name, 0, end).to_vec()));
    }
    if matches!(at(name, 0), b'+' | b'-' | b'0'..=b'9') {
        let end = name.iter().position(|b| matches!(b, b'|' | b',' | b']' | b'}') || *b <= b' ').unwrap_or(name.len());
        return Some((name.get(end..)?.to_vec(), part(name, 0, end).to_vec()));
    }
    let end = name.iter().position(|b| matches!(b, b'|' | b'.')).unwrap_or(name.len());
    let word = part(name, 0, end);
    let known = ["true", "false", "null", "nan", "inf"].iter().any(|w| w.as_bytes().eq_ignore_ascii_case(word));
    known.then(|| (name.get(end..).unwrap_or_default().to_vec(), word.to_vec()))
}

fn raw_or_text(found: &Found<'_>) -> Vec<u8> {
    if found.raw.is_empty() { found.text().into_bytes() } else { found.raw.to_vec() }
}

fn multipath(work: &Work, json: &[u8], kind: u8, members: &[path::Selector<'_>]) -> Vec<u8> {
    let mut out = vec![kind];
    for member in members {
        let found = get(work, json, member.path);
        if !found.exists() {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        if kind == b'{' {
            if member.name.is_empty() {
                out.extend(json::quote(&utf8(path::name_of_last(member.path)), true).bytes());
            } else if at(member.name, 0) == b'"' && modifiers::valid(member.name) {
                out.extend_from_slice(member.name);
            } else {
                out.extend(json::quote(&utf8(member.name), true).bytes());
            }
            out.push(b':');
        }
        let raw = raw_or_text(&found);
        if !work.make(raw.len()) {
            break;
        }
        out.extend_from_slice(if raw.is_empty() { b"null" } else { &raw });
    }
    out.push(kind + 2);
    out
}

/// What a query for all has collected so far.
#[derive(Default)]
struct Many {
    raw: Vec<u8>,
    indexes: Vec<usize>,
}

/// Looks for a path in the object that is open before `i`. Gives the place after it, and whether the search is over.
fn object<'a>(work: &Work, context: &mut Context<'a>, json: &'a [u8], mut i: usize, path: &[u8]) -> (usize, bool) {
    let wanted = path::object_part(path);
    if !wanted.more && wanted.pipe.is_some() {
        context.pipe.clone_from(&wanted.pipe);
    }
    loop {
        // The key.
        while i < json.len() && at(json, i) != b'"' {
            if at(json, i) == b'}' {
                return (i + 1, false);
            }
            i += 1;
        }
        if i >= json.len() {
            return (i, false);
        }
        let (end, closed) = scan::string_end(json, i + 1);
        if !closed {
            return (end, false);
        }
        let key = part(json, i + 1, end - 1);
        let key = if key.contains(&b'\\') { Cow::Owned(scan::unescape(key)) } else { Cow::Borrowed(key) };
        let fits = if wanted.wild { glob::matches(&key, &wanted.name) } else { *key == wanted.name };
        i = end;
        while i < json.len() && scan::start(json, i) == Start::None {
            i += 1;
        }
        if i >= json.len() {
            continue;
        }
        if fits && wanted.more && scan::start(json, i) == Start::Bracket {
            let (end, hit) = descend(work, context, json, i, &wanted.rest);
            if hit {
                return (end, true);
            }
            i = end;
            continue;
        }
        let Some((end, value)) = scan::value_at(json, i) else { return (json.len(), false) };
        if fits && !wanted.more {
            context.value = value;
            return (end, true);
        }
        i = end;
    }
}

fn descend<'a>(work: &Work, context: &mut Context<'a>, json: &'a [u8], i: usize, path: &[u8]) -> (usize, bool) {
    let found = work.deeper(|| {
        Some(if at(json, i) == b'{' { object(work, context, json, i + 1, path) } else { array(work, context, json, i + 1, path) })
    });
    found.unwrap_or_else(|| (scan::squash_end(json, i), false))
}

/// As [`object`], for the array that is open before `i`. The end of the text closes it.
fn array<'a>(work: &Work, context: &mut Context<'a>, json: &'a [u8], mut i: usize, path: &[u8]) -> (usize, bool) {
    let mut wanted = path::array_part(path);
    let index = if wanted.hash { None } else { index(&wanted.part) };
    if !wanted.more && wanted.pipe.is_some() {
        context.pipe.clone_from(&wanted.pipe);
    }
    let (mut count, mut log, mut many) = (0_usize, Vec::new(), Many::default());
    loop {
        let fits = index == Some(count);
        count += 1;
        if wanted.each.is_some() {
            log.push(i);
        }
        while i < json.len() && at(json, i) != b']' && scan::start(json, i) == Start::None {
            i += 1;
        }
        if i >= json.len() || at(json, i) == b']' {
            return (i + 1, close(work, context, json, &wanted, count - 1, &log, many));
        }
        if fits && wanted.more && scan::start(json, i) == Start::Bracket {
            let (end, hit) = descend(work, context, json, i, &wanted.rest);
            if hit {
                return (end, true);
            }
            i = end;
            continue;
        }
        let Some((end, value)) = scan::value_at(json, i) else { return (json.len(), false) };
        if let Some(query) = wanted.query.clone() {
            if ask(work, context, &mut wanted, &query, value, &mut many) {
                return (end, true);
            }
        } else if fits && !wanted.more {
            context.value = value;
            return (end, true);
        }
        i = end;
    }
}

fn index(text: &[u8]) -> Option<usize> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What is left to say at the end of an array.
fn close<'a>(work: &Work, context: &mut Context<'a>, json: &'a [u8], wanted: &ArrayPart, count: usize, log: &[usize], many: Many) -> bool {
    if wanted.hash && wanted.part == b"#" {
        if let Some(each) = &wanted.each {
            let mut each = each.as_slice();
            if let Some((left, right)) = path::split_pipe(each) {
                each = left;
                context.pipe = Some(right.to_vec());
            }
            let mut out = vec![b'['];
            let mut indexes = Vec::new();
            for start in log {
                let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
                let skipped = json.get(*start..).unwrap_or_default().iter().take_while(|b| blank(b)).count();
                let start = start + skipped;
                if start >= json.len() || at(json, start) == b']' {
                    continue;
                }
                let Some((_, element)) = scan::any(json, start) else { continue };
                let found = get(work, &element.raw, each);
                if found.exists() {
                    if out.len() > 1 {
                        out.push(b',');
                    }
                    out.extend(raw_or_text(&found));
                    // A list that was collected below has no place of its own.
                    indexes.push(if found.indexes.is_some() { found.index } else { found.index + element.index });
                }
            }
            out.push(b']');
            context.value = Found { kind: Kind::Json, raw: Cow::Owned(out), index: 0, indexes: Some(indexes) };
            return true;
        }
        context.value = Found { kind: Kind::Number, raw: Cow::Owned(count.to_string().into_bytes()), index: 0, indexes: None };
        return true;
    }
    if !context.value.exists() && wanted.query.as_ref().is_some_and(|q| q.all) {
        let mut raw = if many.raw.is_empty() { vec![b'['] } else { many.raw };
        raw.push(b']');
        let indexes = (!many.indexes.is_empty()).then_some(many.indexes);
        context.value = Found { kind: Kind::Json, raw: Cow::Owned(raw), index: 0, indexes };
    }
    false
}

/// Asks a query about an element; true when the search is over.
fn ask<'a>(work: &Work, context: &mut Context<'a>, wanted: &mut ArrayPart, query: &Query, element: Found<'a>, many: &mut Many) -> bool {
    if query.all && many.raw.is_empty() {
        many.raw.push(b'[');
    }
    let asked = if element.kind == Kind::Json {
        get(work, &element.raw, &query.path).owned()
    } else if query.path.is_empty() {
        element.clone()
    } else {
        return false;
    };
    if !holds(query, asked) {
        return false;
    }
    let mut place = element.index;
    let found = if wanted.more {
        if let Some((left, right)) = path::split_pipe(&wanted.rest) {
            context.pipe = Some(right.to_vec());
            wanted.rest = left.to_vec();
        }
        let found = match &element.raw {
            Cow::Borrowed(raw) => get(work, raw, &wanted.rest),
            Cow::Owned(raw) => get(work, raw, &wanted.rest).owned(),
        };
        place += found.index;
        let index = if matches!(found.raw, Cow::Borrowed(_)) { place } else { found.index };
        Found { index, ..found }
    } else {
        element
    };
    if !query.all {
        context.value = found;
        return true;
    }
    let raw = raw_or_text(&found);
    if !raw.is_empty() {
        if many.raw.len() > 1 {
            many.raw.push(b',');
        }
        many.raw.extend(raw);
        many.indexes.push(place);
    }
    false
}

fn holds(query: &Query, mut value: Found<'_>) -> bool {
    let mut wanted = query.value.clone();
    if let Some(kind) = query.value.strip_prefix(b"~") {
        let like = match kind {
            b"*" => Some(value.exists()),
            b"null" => Some(!value.exists() || value.kind == Kind::Null),
            b"true" => Some(match value.kind {
                Kind::True => true,
                Kind::String => truth(&value.text()) == Some(true),
                Kind::Number => value.float() == 1.0,
                _ => false,
            }),
            b"false" => Some(match value.kind {
                Kind::Null | Kind::False => true,
                Kind::String => truth(&value.text()) == Some(false),
                Kind::Number => value.float() == 0.0,
                _ => false,
            }),
            _ => None,
        };
        let Some(like) = like else { return false };
        wanted = b"true".to_vec();
        value = Found { kind: if like { Kind::True } else { Kind::False }, ..Found::default() };
    }
    if !value.exists() {
        return false;
    }
    let op = query.op.as_slice();
    if op.is_empty() {
        return true;
    }
    match value.kind {
        Kind::String => {
            let text = value.inner();
            match op {
                b"=" => text == wanted,
                b"!=" => text != wanted,
                b"<" => text < wanted,
                b"<=" => text <= wanted,
                b">" => text > wanted,
                b">=" => text >= wanted,
                b"%" => glob::matches(&text, &wanted),
                b"!%" => !glob::matches(&text, &wanted),
                _ => false,
            }
        }
        Kind::Number => {
            let (n, wanted) = (value.float(), parse_float(&utf8(&wanted)).unwrap_or(0.0));
            match op {
                b"=" => n == wanted,
                b"!=" => n != wanted,
                b"<" => n < wanted,
                b"<=" => n <= wanted,
                b">" => n > wanted,
                b">=" => n >= wanted,
                _ => false,
            }
        }
        Kind::True => match op {
            b"=" => wanted == b"true",
            b"!=" => wanted != b"true",
            b">" => wanted == b"false",
            b">=" => true,
            _ => false,
        },
        Kind::False => match op {
            b"=" => wanted == b"false",
            b"!=" => wanted != b"false",
            b"<" => wanted == b"true",
            b"<=" => true,
            _ => false,
        },
        Kind::Null | Kind::Json => false,
    }
}
