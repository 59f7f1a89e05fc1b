//! Paths and URLs.

use super::args::{dict, text};
use super::strings::entry;
use super::{Done, Entry};
use crate::{Env, Value};

pub(super) const TABLE: &[Entry] = &[
    entry("base", "s", |_, a| Ok(base(text(a, 0)).into())),
    entry("osBase", "s", |_, a| Ok(base(text(a, 0)).into())),
    entry("dir", "s", |_, a| Ok(dir(text(a, 0)).into())),
    entry("osDir", "s", |_, a| Ok(dir(text(a, 0)).into())),
    entry("clean", "s", |_, a| Ok(clean(text(a, 0)).into())),
    entry("osClean", "s", |_, a| Ok(clean(text(a, 0)).into())),
    entry("ext", "s", |_, a| Ok(ext(text(a, 0)).into())),
    entry("osExt", "s", |_, a| Ok(ext(text(a, 0)).into())),
    entry("isAbs", "s", |_, a| Ok(text(a, 0).starts_with('/').into())),
    entry("osIsAbs", "s", |_, a| Ok(text(a, 0).starts_with('/').into())),
    entry("urlParse", "s", |_, a| parse(text(a, 0))),
    entry("urlJoin", "m", join),
];

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or(trimmed) }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default())
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default()
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut out: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if out.last().is_some_and(|p| *p != "..") => {
                out.pop();
            }
            ".." if rooted => {}
            part => out.push(part),
        }
    }
    let joined = out.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        _ => joined,
    }
}

/// `%xx` decoded; none where it is malformed.
fn unescape(s: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = s.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let (high, low) = (bytes.next()?, bytes.next()?);
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            out.push(digit(high)? << 4 | digit(low)?);
        } else {
            out.push(b);
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn escape(s: &str, allowed: &str) -> String {
    s.bytes()
        .map(|b| {
            let c = char::from(b);
            if b.is_ascii_alphanumeric() || (b.is_ascii() && allowed.contains(c)) { c.to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}

const PATH: &str = "-_.~$&+,/:;=@";
const FRAGMENT: &str = "-_.~$&+,/:;=?@!()*";

fn parse(url: &str) -> Done {
    let bad = || format!("unable to parse url: parse {}: invalid url", crate::go::print::quote(url));
    if url.chars().any(|c| c.is_control()) {
        return Err(bad());
    }
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (scheme, rest) = match rest.find(':') {
        Some(0) => return Err(bad()),
        Some(at) => {
            let (scheme, after) = rest.split_at(at);
            let first = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
            if first && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
                (scheme.to_ascii_lowercase(), after.get(1..).unwrap_or_default())
            } else if scheme.contains('/') || scheme.contains('?') {
                (String::new(), rest)
            } else {
                return Err(bad());
            }
        }
        None => (String::new(), rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut host, mut user, mut path, mut opaque) = (String::new(), String::new(), rest.to_owned(), String::new());
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find('/').unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((u, h)) => {
                user = u.to_owned();
                host = h.to_owned();
            }
            None => authority.clone_into(&mut host),
        }
        if host.contains([' ', '<', '>', '"'])
            || host
                .rsplit_once(':')
                .is_some_and(|(h, p)| !h.ends_with(']') && !p.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(']'))
        {
            return Err(bad());
        }
        tail.clone_into(&mut path);
    } else if !scheme.is_empty() && !rest.starts_with('/') && !rest.is_empty() {
        opaque = std::mem::take(&mut path);
    }
    let hostname = if host.starts_with('[') {
        host.split_once(']').map_or(host.as_str(), |(h, _)| h.get(1..).unwrap_or(h)).to_owned()
    } else {
        host.rsplit_once(':').map_or(host.as_str(), |(h, _)| h).to_owned()
    };
    Ok(Value::map([
        ("scheme", Value::from(scheme)),
        ("host", host.into()),
        ("hostname", hostname.into()),
        ("path", unescape(&path).ok_or_else(bad)?.into()),
        ("query", query.into()),
        ("opaque", opaque.into()),
        ("fragment", unescape(fragment).ok_or_else(bad)?.into()),
        ("userinfo", user.into()),
    ]))
}

fn join(_: &dyn Env, a: &[Value]) -> Done {
    let map = dict(a, 0);
    let part = |key: &str| match map.get(key) {
        None => Ok(String::new()),
        Some(Value::String(s)) => Ok(s.to_string()),
        Some(other) => Err(format!("unable to parse {key} key, must be of type string, but {} found", other.kind())),
    };
    let (scheme, host, path, query) = (part("scheme")?, part("host")?, part("path")?, part("query")?);
    let (opaque, fragment, user) = (part("opaque")?, part("fragment")?, part("userinfo")?);
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !user.is_empty() {
            if !host.is_empty() || !path.is_empty() || !user.is_empty() {
                out.push_str("//");
            }
            if !user.is_empty() {
                out.push_str(&user);
                out.push('@');
            }
            out.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&escape(&path, PATH));
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push('?');
        out.push_str(&query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push_str(&escape(&fragment, FRAGMENT));
    }
    Ok(out.into())
}
