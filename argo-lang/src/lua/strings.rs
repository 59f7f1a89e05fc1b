//! The library `string`.

use std::rc::Rc;

use super::library::Arguments;
use super::operate::number_of;
use super::pattern::{Capture, Matcher, Trouble};
use super::run::{Machine, Run, Stop};
use super::values::V;
use crate::go::print;
use crate::go::text::lossy;
use crate::{Limit, Value};

/// Start and end of a part, from 1, negative ones from the back, as a range from 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn part(start: f64, end: f64, length: usize) -> (usize, usize) {
    let top = length as f64;
    let from_back = |n: f64| if n < 0.0 { n + top + 1.0 } else { n };
    let (start, end) = (from_back(start.trunc()).max(1.0), from_back(end.trunc()).min(top));
    if start > end || start.is_nan() || end.is_nan() { (0, 0) } else { (start as usize - 1, end as usize) }
}

fn number(n: usize) -> V {
    #[allow(clippy::cast_precision_loss)]
    V::Number(n as f64)
}

pub(super) fn call(m: &mut Machine<'_>, name: &str, a: &Arguments) -> Run<Vec<V>> {
    let one = |v: V| Ok(vec![v]);
    match name {
        "string.len" => one(number(a.bytes(m, 0)?.len())),
        "string.upper" => {
            let s = lossy(&a.bytes(m, 0)?);
            one(m.bytes(crate::go::text::upper(&s).into_bytes())?)
        }
        "string.lower" => {
            let s = lossy(&a.bytes(m, 0)?);
            one(m.bytes(crate::go::text::lower(&s).into_bytes())?)
        }
        "string.reverse" => {
            let mut s = a.bytes(m, 0)?.to_vec();
            s.reverse();
            one(m.bytes(s)?)
        }
        "string.rep" => {
            let s = a.bytes(m, 0)?;
            let n = a.number(m, 1)?.max(0.0);
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            if s.len() as f64 * n > 1e8 {
                return Err(Stop::Limit(Limit::Memory));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let count = n as usize;
            m.spend(s.len().saturating_mul(count))?;
            one(m.bytes(s.repeat(if s.is_empty() { 0 } else { count }))?)
        }
        "string.sub" => {
            let s = a.bytes(m, 0)?;
            let (from, to) = part(a.number(m, 1)?, a.optional(m, 2, -1.0)?, s.len());
            one(m.bytes(s.get(from..to).unwrap_or_default().to_vec())?)
        }
        "string.byte" => {
            let s = a.bytes(m, 0)?;
            let start = a.optional(m, 1, 1.0)?;
            let (from, to) = part(start, a.optional(m, 2, start)?, s.len());
            Ok(s.get(from..to).unwrap_or_default().iter().map(|b| V::Number((*b).into())).collect())
        }
        "string.char" => {
            let mut out = Vec::new();
            for i in 0..a.count() {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                out.push(a.number(m, i)? as u8);
            }
            one(m.bytes(out)?)
        }
        "string.format" => format(m, a),
        "string.find" => find(m, a, true),
        "string.match" => find(m, a, false),
        "string.gmatch" => gmatch(m, a),
        "string.gsub" => gsub(m, a),
        _ => m.fail("attempt to call a non-function object"),
    }
}

/// As Go's `Sprintf` with the values of the script.
fn format(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let layout = lossy(&a.bytes(m, 0)?);
    let mut values = Vec::new();
    let mut chars = layout.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        while chars.next_if(|c| matches!(c, '+' | '-' | '#' | ' ' | '.' | '0'..='9')).is_some() {}
        let Some(verb) = chars.next() else { break };
        if verb == '%' {
            continue;
        }
        let at = values.len() + 1;
        if at >= a.count() {
            continue;
        }
        let value = a.get(at);
        let whole = |n: f64| Value::Int(crate::sprig::args::go_truncate(n));
        values.push(match (verb, &value) {
            ('d' | 'x' | 'X' | 'o' | 'c' | 'b' | 'U', V::Number(n)) => whole(*n),
            ('d' | 'o' | 'c' | 'b' | 'U', V::String(_)) => whole(number_of(&value).unwrap_or(0.0)),
            ('s' | 'q' | 'v', V::Number(_)) => lossy(&m.plain_text(&value)).into(),
            (_, V::Number(n)) if !matches!(verb, 'e' | 'E' | 'f' | 'F' | 'g' | 'G') && n.fract() == 0.0 => whole(*n),
            (_, V::Number(n)) => Value::Float(*n),
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', V::String(_)) if number_of(&value).is_some() => {
                Value::Float(number_of(&value).unwrap_or(0.0))
            }
            _ => {
                let text = super::library::text(m, &value)?;
                lossy(&text).into()
            }
        });
    }
    let text = print::printf(&layout, &values);
    // The reference's whole numbers are Go's int64.
    let text = if text.contains("(int=") { text.replace("(int=", "(int64=") } else { text };
    Ok(vec![m.bytes(text.into_bytes())?])
}

fn trouble<T>(m: &Machine<'_>, trouble: Trouble) -> Run<T> {
    match trouble {
        Trouble::Malformed(message) => m.fail(message),
        Trouble::TooMuch => Err(Stop::Limit(Limit::Steps)),
    }
}

/// The values of the captures of a match; without any the whole.
fn captured(m: &mut Machine<'_>, text: &[u8], captures: &[Capture], whole: (usize, usize)) -> Run<Vec<V>> {
    if captures.is_empty() {
        return Ok(vec![m.bytes(text.get(whole.0..whole.1).unwrap_or_default().to_vec())?]);
    }
    let mut out = Vec::new();
    for capture in captures {
        out.push(match capture {
            Capture::Closed(from, to) => m.bytes(text.get(*from..*to).unwrap_or_default().to_vec())?,
            Capture::Place(at) => number(at + 1),
            Capture::Open(_) => return m.fail("unfinished capture"),
        });
    }
    Ok(out)
}

fn find(m: &mut Machine<'_>, a: &Arguments, places: bool) -> Run<Vec<V>> {
    let (text, pattern) = (a.bytes(m, 0)?, a.bytes(m, 1)?);
    let init = a.optional(m, 2, 1.0)?;
    if places && pattern.is_empty() {
        return Ok(vec![V::Number(1.0), V::Number(0.0)]);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let start = if init < 0.0 { (text.len() as f64 + init).max(0.0) as usize } else { (init as usize).saturating_sub(1) };
    if start > text.len() {
        return Ok(vec![V::Nil]);
    }
    m.spend(text.len() / 4)?;
    if places && a.get(3).truth() {
        let rest = text.get(start..).unwrap_or_default();
        let found = (0..=rest.len().saturating_sub(pattern.len())).find(|i| rest.get(*i..).is_some_and(|r| r.starts_with(&pattern)));
        return Ok(found.map_or_else(|| vec![V::Nil], |i| vec![number(start + i + 1), number(start + i + pattern.len())]));
    }
    let mut matcher = Matcher::new(&text, &pattern);
    for at in start..=text.len() {
        match matcher.at(at) {
            Ok(Some(end)) => {
                let captures = matcher.captures.clone();
                if !places {
                    return captured(m, &text, &captures, (at, end));
                }
                let mut out = vec![number(at + 1), number(end)];
                if !captures.is_empty() {
                    out.extend(captured(m, &text, &captures, (at, end))?);
                }
                return Ok(out);
            }
            Ok(None) => {}
            Err(Trouble::Malformed("malformed pattern (ends with '%')")) => break,
            Err(error) => return trouble(m, error),
        }
        if matcher.anchored() {
            break;
        }
    }
    Ok(vec![V::Nil])
}

/// All matches one after the other: start, end, captures.
fn all(m: &mut Machine<'_>, text: &[u8], pattern: &[u8], most: usize) -> Run<Vec<(usize, usize, Vec<Capture>)>> {
    m.spend(text.len() / 4)?;
    let mut out = Vec::new();
    let mut matcher = Matcher::new(text, pattern);
    let mut at = 0_usize;
    while at <= text.len() && out.len() < most {
        match matcher.at(at) {
            Ok(Some(end)) => {
                out.push((at, end, matcher.captures.clone()));
                m.step(1)?;
                at = if end > at { end } else { at + 1 };
            }
            Ok(None) => at += 1,
            Err(error) => return trouble(m, error),
        }
        if matcher.anchored() {
            break;
        }
    }
    Ok(out)
}

fn gmatch(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let (text, pattern) = (a.bytes(m, 0)?, a.bytes(m, 1)?);
    let mut list = Vec::new();
    for (from, to, captures) in all(m, &text, &pattern, usize::MAX)? {
        list.push(captured(m, &text, &captures, (from, to))?);
    }
    list.reverse();
    Ok(vec![m.matches(list)])
}

fn gsub(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let (text, pattern) = (a.bytes(m, 0)?, a.bytes(m, 1)?);
    let with = a.get(2);
    if !matches!(with, V::String(_) | V::Number(_) | V::Table(_) | V::Function(_) | V::Native(_)) {
        return m.fail(format!("bad argument #3 to gsub (string or table or function expected, got {})", with.kind()));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let most = match a.get(3) {
        V::Nil => usize::MAX,
        _ => a.number(m, 3)?.max(0.0) as usize,
    };
    let found = all(m, &text, &pattern, most)?;
    let mut out = Vec::new();
    let mut at = 0_usize;
    for (from, to, captures) in &found {
        out.extend_from_slice(text.get(at..*from).unwrap_or_default());
        at = *to;
        let whole = text.get(*from..*to).unwrap_or_default();
        let values = captured(m, &text, captures, (*from, *to))?;
        let replacement = match &with {
            V::Table(_) => m.index(&with, values.first().unwrap_or(&V::Nil))?,
            V::Function(_) | V::Native(_) => m.call(&with, values)?.into_iter().next().unwrap_or(V::Nil),
            text => {
                let text = m.plain_text(text);
                out.extend(template(m, &text, whole, &values)?);
                m.spend(out.len() / 16)?;
                continue;
            }
        };
        match replacement {
            V::Nil | V::Bool(false) => out.extend_from_slice(whole),
            V::String(_) | V::Number(_) => out.extend(m.plain_text(&replacement)),
            other => return m.fail(format!("invalid replacement value (a {})", other.kind())),
        }
        m.spend(whole.len())?;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    let out = m.bytes(out)?;
    Ok(vec![out, number(found.len())])
}

/// `%0` to `%9` of a replacement.
fn template(m: &Machine<'_>, text: &[u8], whole: &[u8], values: &[V]) -> Run<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.iter().copied();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        match bytes.next() {
            Some(b'0') => out.extend_from_slice(whole),
            Some(d) if d.is_ascii_digit() => match values.get(usize::from(d - b'1')) {
                Some(value) => out.extend(m.plain_text(value)),
                None => return m.fail("invalid capture index"),
            },
            Some(other) => out.push(other),
            None => out.push(b'%'),
        }
    }
    Ok(out)
}

/// Bytes that are shared.
pub(super) type Shared = Rc<[u8]>;
