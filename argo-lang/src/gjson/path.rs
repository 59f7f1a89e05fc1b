//! Taking paths apart.

use super::modifiers;
use super::scan::{part, squash_end, unescape};

fn at(path: &[u8], i: usize) -> u8 {
    path.get(i).copied().unwrap_or(0)
}

fn from(path: &[u8], i: usize) -> &[u8] {
    path.get(i..).unwrap_or_default()
}

/// Whether what follows a dot is to see the result so far, as after a pipe.
fn dot_pipes(rest: &[u8]) -> bool {
    match at(rest, 0) {
        b'@' => {
            let end = rest.iter().position(|b| matches!(b, b'.' | b'|' | b':')).unwrap_or(rest.len());
            modifiers::known(part(rest, 1, end))
        }
        c => matches!(c, b'[' | b'{'),
    }
}

/// The first component of a path within an object.
#[derive(Default)]
pub(super) struct ObjectPart {
    pub(super) name: Vec<u8>,
    pub(super) rest: Vec<u8>,
    pub(super) more: bool,
    pub(super) pipe: Option<Vec<u8>>,
    pub(super) wild: bool,
}

pub(super) fn object_part(path: &[u8]) -> ObjectPart {
    let mut r = ObjectPart::default();
    let mut i = 0;
    while i < path.len() {
        match at(path, i) {
            b'|' => {
                r.pipe = Some(from(path, i + 1).to_vec());
                return r;
            }
            b'.' => {
                let rest = from(path, i + 1);
                if !rest.is_empty() && dot_pipes(rest) {
                    r.pipe = Some(rest.to_vec());
                } else {
                    r.rest = rest.to_vec();
                    r.more = true;
                }
                return r;
            }
            b'\\' => {
                i += 1;
                r.name.extend(path.get(i));
            }
            c => {
                r.wild |= matches!(c, b'*' | b'?');
                r.name.push(c);
            }
        }
        i += 1;
    }
    r
}

/// A query: `#(path op value)`.
#[derive(Clone, Default)]
pub(super) struct Query {
    pub(super) path: Vec<u8>,
    pub(super) op: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) all: bool,
}

/// The first component of a path within an array.
#[derive(Default)]
pub(super) struct ArrayPart {
    pub(super) part: Vec<u8>,
    pub(super) rest: Vec<u8>,
    pub(super) more: bool,
    pub(super) pipe: Option<Vec<u8>>,
    /// `#` stands in it.
    pub(super) hash: bool,
    /// `#.rest`: the rest for each element.
    pub(super) each: Option<Vec<u8>>,
    pub(super) query: Option<Query>,
}

pub(super) fn array_part(path: &[u8]) -> ArrayPart {
    let mut r = ArrayPart::default();
    let mut i = 0;
    while i < path.len() {
        match at(path, i) {
            b'|' => {
                r.part = part(path, 0, i).to_vec();
                r.pipe = Some(from(path, i + 1).to_vec());
                return r;
            }
            b'.' => {
                r.part = part(path, 0, i).to_vec();
                let rest = from(path, i + 1);
                if !r.hash && !rest.is_empty() && dot_pipes(rest) {
                    r.pipe = Some(rest.to_vec());
                } else {
                    r.rest = rest.to_vec();
                    r.more = true;
                }
                return r;
            }
            b'#' => {
                r.hash = true;
                if i == 0 && at(path, 1) == b'.' {
                    r.each = Some(from(path, 2).to_vec());
                    r.part = b"#".to_vec();
                    return r;
                }
                if i == 0 && matches!(at(path, 1), b'[' | b'(') {
                    let Some((query, end)) = query(path) else {
                        r.query = Some(Query::default());
                        break;
                    };
                    let all = at(path, end) == b'#';
                    r.query = Some(Query { all, ..query });
                    i = end;
                    continue;
                }
            }
            _ => {}
        }
        i += 1;
    }
    r.part = path.to_vec();
    r
}

/// Reads `#(…)`; gives the query and the place after it.
fn query(text: &[u8]) -> Option<(Query, usize)> {
    let mut i = 2;
    let (mut value_at, mut depth, mut escaped) = (0_usize, 1_usize, false);
    while i < text.len() {
        let c = at(text, i);
        if depth == 1 && value_at == 0 && matches!(c, b'!' | b'=' | b'<' | b'>' | b'%') {
            value_at = i;
            i += 1;
            continue;
        }
        match c {
            b'\\' => i += 1,
            b'[' | b'(' => depth += 1,
            b']' | b')' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            b'"' => {
                i += 1;
                while i < text.len() && at(text, i) != b'"' {
                    if at(text, i) == b'\\' {
                        escaped = true;
                        i += 1;
                    }
                    i += 1;
                }
            }
            _ => {}
        }
        i += 1;
    }
    if depth > 0 {
        return None;
    }
    let mut query = Query::default();
    if value_at == 0 {
        query.path = part(text, 2, i).trim_ascii().to_vec();
        return Some((query, i + 1));
    }
    query.path = part(text, 2, value_at).trim_ascii().to_vec();
    let mut value = part(text, value_at, i).trim_ascii();
    let size = match (at(value, 0), at(value, 1)) {
        (b'!', b'=' | b'%') | (b'<' | b'>', b'=') => 2,
        (b'=', b'=') => {
            value = from(value, 1);
            1
        }
        (b'<' | b'>' | b'=' | b'%', _) => 1,
        _ => usize::from(value.len() == 1),
    };
    query.op = part(value, 0, size).to_vec();
    let value = from(value, size).trim_ascii();
    query.value = match value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")) {
        Some(inner) if escaped => unescape(inner),
        Some(inner) => inner.to_vec(),
        None => value.to_vec(),
    };
    Some((query, i + 1))
}

/// Splits a path at its first pipe outside of brackets.
pub(super) fn split_pipe(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if !path.contains(&b'|') {
        return None;
    }
    if at(path, 0) == b'{' {
        let end = squash_end(path, 0);
        return (at(path, end) == b'|').then(|| (part(path, 0, end), from(path, end + 1)));
    }
    let mut i = 0;
    while i < path.len() {
        match at(path, i) {
            b'\\' => i += 1,
            b'.' if at(path, i + 1) == b'#' && matches!(at(path, i + 2), b'[' | b'(') => {
                i = squash_end(path, i + 2);
                continue;
            }
            b'|' => return Some((part(path, 0, i), from(path, i + 1))),
            _ => {}
        }
        i += 1;
    }
    None
}

/// One member of a multipath: its name, if one is given, and its path.
pub(super) struct Selector<'a> {
    pub(super) name: &'a [u8],
    pub(super) path: &'a [u8],
}

/// Reads `{a,"b":c}` or `[a,b]`; gives the members and what follows.
pub(super) fn selectors(path: &[u8]) -> Option<(Vec<Selector<'_>>, &[u8])> {
    let mut out = Vec::new();
    let (mut modifier, mut depth, mut colon, mut start) = (false, 1_usize, 0_usize, 1_usize);
    let mut i = 1;
    let selector = |start: usize, colon: usize, i: usize| {
        if colon == 0 {
            Selector { name: &[], path: part(path, start, i) }
        } else {
            Selector { name: part(path, start, colon), path: part(path, colon + 1, i) }
        }
    };
    while i < path.len() {
        match at(path, i) {
            b'\\' => i += 1,
            b'@' if matches!(at(path, i - 1), b'.' | b'|') => modifier = true,
            b':' if !modifier => colon = i,
            b',' if depth == 1 => {
                out.push(selector(start, colon, i));
                (colon, modifier, start) = (0, false, i + 1);
            }
            b'"' => {
                i += 1;
                while i < path.len() && at(path, i) != b'"' {
                    i += if at(path, i) == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    out.push(selector(start, colon, i));
                    return Some((out, from(path, i + 1)));
                }
            }
            _ => {}
        }
        i += 1;
    }
    None
}

/// The name that a member of a multipath gets from its path.
pub(super) fn name_of_last(path: &[u8]) -> &[u8] {
    let cut = (0..path.len()).rev().find(|i| matches!(at(path, *i), b'|' | b'.') && (*i == 0 || at(path, i - 1) != b'\\'));
    let name = cut.map_or(path, |i| from(path, i + 1));
    let simple = !name.is_empty()
        && at(name, 0) != b' '
        && name.iter().all(|b| *b >= b' ' && !matches!(b, b'[' | b']' | b'{' | b'}' | b'(' | b')' | b'#' | b'|' | b'!'));
    if simple { name } else { b"_" }
}
