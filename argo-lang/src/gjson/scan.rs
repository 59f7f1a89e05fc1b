//! Reading JSON texts leniently, byte by byte.

use std::borrow::Cow;

use super::{Found, Kind};

fn at(json: &[u8], i: usize) -> u8 {
    json.get(i).copied().unwrap_or(0)
}

/// The part of a text; empty where the range is none.
pub(crate) fn part(json: &[u8], from: usize, to: usize) -> &[u8] {
    json.get(from..to).unwrap_or_default()
}

/// The end of a text in quotes whose opening quote stands before `i`: the place after the closing one, and whether there is one.
pub(crate) fn string_end(json: &[u8], mut i: usize) -> (usize, bool) {
    while i < json.len() {
        match at(json, i) {
            b'"' => return (i + 1, true),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    (json.len(), false)
}

/// The end of what begins with a bracket at `i`.
pub(crate) fn squash_end(json: &[u8], i: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = i;
    while i < json.len() {
        match at(json, i) {
            b'"' => {
                let (end, _) = string_end(json, i + 1);
                i = end;
                if depth == 0 {
                    return i;
                }
                continue;
            }
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
        i += 1;
    }
    json.len()
}

pub(crate) fn number_end(json: &[u8], i: usize) -> usize {
    let rest = json.get(i + 1..).unwrap_or_default();
    rest.iter().position(|b| *b <= b' ' || matches!(b, b',' | b']' | b'}')).map_or(json.len(), |n| i + 1 + n)
}

pub(crate) fn literal_end(json: &[u8], i: usize) -> usize {
    let rest = json.get(i + 1..).unwrap_or_default();
    rest.iter().position(|b| !b.is_ascii_lowercase()).map_or(json.len(), |n| i + 1 + n)
}

/// What a value's first byte says about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    String,
    Bracket,
    Literal(Kind),
    Number,
    None,
}

pub(crate) fn start(json: &[u8], i: usize) -> Start {
    match at(json, i) {
        b'"' => Start::String,
        b'{' | b'[' => Start::Bracket,
        b'n' if i + 1 < json.len() && at(json, i + 1) != b'u' => Start::Number,
        b'n' => Start::Literal(Kind::Null),
        b't' => Start::Literal(Kind::True),
        b'f' => Start::Literal(Kind::False),
        b'+' | b'-' | b'0'..=b'9' | b'i' | b'I' | b'N' => Start::Number,
        _ => Start::None,
    }
}

/// The value at `i`, where it starts: its end, and itself. None for a text that is not closed.
pub(crate) fn value_at(json: &[u8], i: usize) -> Option<(usize, Found<'_>)> {
    let (end, kind) = match start(json, i) {
        Start::String => {
            let (end, closed) = string_end(json, i + 1);
            if !closed {
                return None;
            }
            (end, Kind::String)
        }
        Start::Bracket => (squash_end(json, i), Kind::Json),
        Start::Literal(kind) => (literal_end(json, i), kind),
        Start::Number => (number_end(json, i), Kind::Number),
        Start::None => return None,
    };
    Some((end, Found { kind, raw: Cow::Borrowed(part(json, i, end)), index: i, indexes: None }))
}

/// The first value from `i` on; other characters are passed over.
pub(crate) fn any(json: &[u8], mut i: usize) -> Option<(usize, Found<'_>)> {
    while i < json.len() {
        if start(json, i) != Start::None {
            return value_at(json, i);
        }
        i += 1;
    }
    None
}

/// A text as one value. Objects and arrays take all of the rest.
pub(crate) fn parse(json: &[u8]) -> Found<'_> {
    let Some(i) = json.iter().position(|b| *b > b' ') else { return Found::default() };
    let make = |kind, end| Found { kind, raw: Cow::Borrowed(part(json, i, end)), index: i, indexes: None };
    match start(json, i) {
        Start::Bracket => make(Kind::Json, json.len()),
        Start::String => make(Kind::String, string_end(json, i + 1).0),
        Start::Literal(kind) => make(kind, literal_end(json, i)),
        Start::Number => make(Kind::Number, number_end(json, i)),
        Start::None => Found::default(),
    }
}

/// Calls for each member of an object (with its key as it stands) or element of an array. Another value is its own only element.
pub(crate) fn each<'a>(json: &'a [u8], mut f: impl FnMut(Option<Found<'a>>, Found<'a>)) {
    let Some(open) = json.iter().position(|b| *b > b' ') else { return };
    let object = match at(json, open) {
        b'{' => true,
        b'[' => false,
        _ => {
            let value = parse(json);
            if value.exists() {
                f(None, value);
            }
            return;
        }
    };
    let mut i = open + 1;
    while i < json.len() {
        let mut key = None;
        if object {
            if at(json, i) != b'"' {
                i += 1;
                continue;
            }
            let Some((end, found)) = value_at(json, i) else { return };
            key = Some(found);
            i = end;
        }
        while i < json.len() && (at(json, i) <= b' ' || matches!(at(json, i), b',' | b':')) {
            i += 1;
        }
        let Some((end, value)) = any(json, i) else { return };
        f(key, value);
        i = end + 1;
    }
}

fn code(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0_u32, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// The inside of a JSON text without its escapes.
pub(crate) fn unescape(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut i = 0_usize;
    let push = |out: &mut Vec<u8>, c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    while i < json.len() {
        let b = at(json, i);
        if b < b' ' {
            return out;
        }
        if b != b'\\' {
            out.push(b);
            i += 1;
            continue;
        }
        i += 1;
        match at(json, i) {
            c @ (b'\\' | b'/' | b'"') => out.push(c),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                if i + 5 > json.len() {
                    return out;
                }
                let first = code(part(json, i + 1, i + 5)).unwrap_or(0);
                i += 4;
                let pair = (0xd800..0xe000).contains(&first);
                if pair && at(json, i + 1) == b'\\' && at(json, i + 2) == b'u' && i + 7 <= json.len() {
                    let second = code(part(json, i + 3, i + 7)).unwrap_or(0);
                    i += 6;
                    let high = first.wrapping_sub(0xd800) << 10;
                    let joined = ((0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second))
                        .then(|| 0x10000 + high + (second - 0xdc00));
                    push(&mut out, joined.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                } else {
                    push(&mut out, char::from_u32(first).unwrap_or('\u{fffd}'));
                }
            }
            _ => return out,
        }
        i += 1;
    }
    out
}
