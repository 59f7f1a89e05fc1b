//! Laying out JSON texts as tidwall/pretty does.

use super::scan;

/// How a text is laid out.
pub(super) struct Options {
    pub(super) width: usize,
    pub(super) prefix: String,
    pub(super) indent: String,
    pub(super) sort_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 80, prefix: String::new(), indent: "  ".to_owned(), sort_keys: false }
    }
}

/// Deepest text that is laid out.
const MOST_DEPTH: usize = 200;

/// Without blanks.
pub(super) fn ugly(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut i = 0;
    while let Some(c) = json.get(i) {
        if *c == b'"' {
            let (end, _) = scan::string_end(json, i + 1);
            out.extend_from_slice(scan::part(json, i, end));
            i = end;
            continue;
        }
        if *c > b' ' {
            out.push(*c);
        }
        i += 1;
    }
    out
}

/// Over several lines; lists of plain values stay on one if they fit.
pub(super) fn pretty(json: &[u8], options: &Options) -> Vec<u8> {
    let mut out = options.prefix.as_bytes().to_vec();
    let before = out.len();
    any(&mut out, json, options, 0);
    if out.len() > before {
        out.push(b'\n');
    }
    out
}

fn tabs(out: &mut Vec<u8>, options: &Options, depth: usize) {
    out.extend_from_slice(options.prefix.as_bytes());
    for _ in 0..depth {
        out.extend_from_slice(options.indent.as_bytes());
    }
}

fn any(out: &mut Vec<u8>, json: &[u8], options: &Options, depth: usize) {
    let Some((_, value)) = scan::any(json, 0) else { return };
    if !value.is_array() && !value.is_object() || depth > MOST_DEPTH {
        out.extend_from_slice(&value.raw);
        return;
    }
    let object = value.is_object();
    let mut items: Vec<(Option<Vec<u8>>, Vec<u8>)> = Vec::new();
    scan::each(&value.raw, |key, value| items.push((key.map(|k| k.raw.to_vec()), value.raw.to_vec())));
    let (open, close) = if object { (b'{', b'}') } else { (b'[', b']') };
    out.push(open);
    if !object
        && options.width > 0
        && let Some(line) = one_line(&items, options.width.saturating_sub(column(out)))
    {
        out.extend(line);
        out.push(close);
        return;
    }
    if object && options.sort_keys {
        items.sort_by(|a, b| a.0.cmp(&b.0));
    }
    for (i, (key, item)) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.push(b'\n');
        tabs(out, options, depth + 1);
        if let Some(key) = key {
            out.extend_from_slice(key);
            out.extend_from_slice(b": ");
        }
        any(out, item, options, depth + 1);
    }
    if !items.is_empty() {
        out.push(b'\n');
        tabs(out, options, depth);
    }
    out.push(close);
}

fn column(out: &[u8]) -> usize {
    out.iter().rev().take_while(|b| **b != b'\n').count()
}

/// The elements on one line, if they are few enough and none is an object.
fn one_line(items: &[(Option<Vec<u8>>, Vec<u8>)], room: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (i, (_, item)) in items.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        match item.first() {
            Some(b'{') => return None,
            Some(b'[') => {
                let mut inner = Vec::new();
                scan::each(item, |_, v| inner.push((None, v.raw.to_vec())));
                if inner.iter().any(|(_, v): &(Option<Vec<u8>>, Vec<u8>)| v.first() == Some(&b'[')) && room == 0 {
                    return None;
                }
                out.push(b'[');
                out.extend(one_line(&inner, room.saturating_sub(out.len()))?);
                out.push(b']');
            }
            _ => out.extend_from_slice(item),
        }
        if out.len() > room {
            return None;
        }
    }
    Some(out)
}
