//! Base functions, `table`, `math` and `os`.

use std::rc::Rc;

use super::ast::Op;
use super::convert::parse_number;
use super::operate::number_of;
use super::os::{os_date, os_time};
use super::run::{Machine, Run, Stop};
use super::strings::{self, Shared};
use super::values::{V, same};
use super::{Libraries, parser};
use crate::go::text::lossy;

/// Arguments of a call, with checks as the reference words them.
pub(super) struct Arguments {
    name: &'static str,
    list: Vec<V>,
}

impl Arguments {
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, i: usize) -> V {
        self.list.get(i).cloned().unwrap_or(V::Nil)
    }

    pub(super) fn bad<T>(&self, m: &Machine<'_>, i: usize, wanted: &str) -> Run<T> {
        let name = self.name.rsplit('.').next().unwrap_or(self.name);
        let got = self.list.get(i).map_or("nil", V::kind);
        m.fail(format!("bad argument #{} to {name} ({wanted} expected, got {got})", i + 1))
    }

    pub(super) fn bytes(&self, m: &Machine<'_>, i: usize) -> Run<Shared> {
        match self.get(i) {
            V::String(s) => Ok(s),
            n @ V::Number(_) => Ok(m.plain_text(&n).into()),
            _ => self.bad(m, i, "string"),
        }
    }

    pub(super) fn number(&self, m: &Machine<'_>, i: usize) -> Run<f64> {
        match number_of(&self.get(i)) {
            Some(n) => Ok(n),
            None => self.bad(m, i, "number"),
        }
    }

    pub(super) fn optional(&self, m: &Machine<'_>, i: usize, default: f64) -> Run<f64> {
        if matches!(self.get(i), V::Nil) { Ok(default) } else { self.number(m, i) }
    }

    pub(super) fn table(&self, m: &Machine<'_>, i: usize) -> Run<usize> {
        match self.get(i) {
            V::Table(id) => Ok(id),
            _ => self.bad(m, i, "table"),
        }
    }

    pub(super) fn value(&self, m: &Machine<'_>, i: usize) -> Run<V> {
        match self.list.get(i) {
            Some(value) => Ok(value.clone()),
            None => {
                let name = self.name;
                m.fail(format!("bad argument #{} to {name} (value expected)", i + 1))
            }
        }
    }
}

const BASE: [&str; 27] = [
    "print",
    "type",
    "tostring",
    "tonumber",
    "pairs",
    "ipairs",
    "next",
    "select",
    "unpack",
    "error",
    "assert",
    "pcall",
    "xpcall",
    "rawget",
    "rawset",
    "rawequal",
    "setmetatable",
    "getmetatable",
    "loadstring",
    "load",
    "loadfile",
    "dofile",
    "require",
    "collectgarbage",
    "module",
    "getfenv",
    "setfenv",
];
const TABLE: [&str; 5] = ["table.insert", "table.remove", "table.concat", "table.sort", "table.getn"];
const STRING: [&str; 13] = [
    "string.len",
    "string.upper",
    "string.lower",
    "string.reverse",
    "string.rep",
    "string.sub",
    "string.byte",
    "string.char",
    "string.format",
    "string.find",
    "string.match",
    "string.gmatch",
    "string.gsub",
];
const MATH: [&str; 24] = [
    "math.floor",
    "math.ceil",
    "math.abs",
    "math.max",
    "math.min",
    "math.sqrt",
    "math.pow",
    "math.fmod",
    "math.modf",
    "math.exp",
    "math.log",
    "math.log10",
    "math.sin",
    "math.cos",
    "math.tan",
    "math.asin",
    "math.acos",
    "math.atan",
    "math.atan2",
    "math.random",
    "math.randomseed",
    "math.deg",
    "math.rad",
    "math.frexp",
];
const COROUTINE: [&str; 5] = ["coroutine.create", "coroutine.wrap", "coroutine.resume", "coroutine.yield", "coroutine.status"];

/// Fills the globals.
pub(super) fn open(m: &mut Machine<'_>, libraries: Libraries) -> Run<()> {
    let globals = m.globals;
    for name in BASE.into_iter().chain(["newproxy"]) {
        m.set_raw(globals, &V::text(name), V::Native(name))?;
    }
    m.set_raw(globals, &V::text("_G"), V::Table(globals))?;
    m.set_raw(globals, &V::text("_VERSION"), V::text("Lua 5.1"))?;
    library(m, "table", &TABLE)?;
    library(m, "package", &[])?;
    if libraries == Libraries::Open {
        library(m, "os", &["os.time", "os.date", "os.difftime"])?;
        m.strings = Some(library(m, "string", &STRING)?);
        let math = library(m, "math", &MATH)?;
        m.set_raw(math, &V::text("huge"), V::Number(f64::MAX))?;
        m.set_raw(math, &V::text("pi"), V::Number(std::f64::consts::PI))?;
        library(m, "coroutine", &COROUTINE)?;
    } else {
        library(m, "os", &["os.time", "os.date"])?;
    }
    Ok(())
}

fn library(m: &mut Machine<'_>, name: &str, functions: &[&'static str]) -> Run<usize> {
    let table = m.table()?;
    for function in functions {
        let short = function.rsplit('.').next().unwrap_or(function);
        m.set_raw(table, &V::text(short), V::Native(function))?;
    }
    let globals = m.globals;
    m.set_raw(globals, &V::text(name), V::Table(table))?;
    Ok(table)
}

/// A value as `tostring` gives it.
pub(super) fn text(m: &mut Machine<'_>, value: &V) -> Run<Vec<u8>> {
    match m.metamethod(value, "__tostring") {
        V::Nil => Ok(m.plain_text(value)),
        meta => {
            let out = m.call(&meta, vec![value.clone()])?;
            Ok(m.plain_text(out.first().unwrap_or(&V::Nil)))
        }
    }
}

pub(super) fn call(m: &mut Machine<'_>, name: &'static str, list: Vec<V>) -> Run<Vec<V>> {
    let a = Arguments { name, list };
    if name.starts_with("string.") {
        return strings::call(m, name, &a);
    }
    if name.starts_with("math.") {
        return math(m, name, &a).map(|v| vec![v]);
    }
    let one = |v: V| Ok(vec![v]);
    match name {
        "print" | "collectgarbage" => Ok(Vec::new()),
        "type" => one(V::text(a.value(m, 0)?.kind())),
        "tostring" => {
            let value = a.value(m, 0)?;
            let out = text(m, &value)?;
            one(m.bytes(out)?)
        }
        "tonumber" => one(to_number(m, &a)?),
        "pairs" => {
            a.table(m, 0)?;
            Ok(vec![V::Native("next"), a.get(0), V::Nil])
        }
        "ipairs" => {
            a.table(m, 0)?;
            Ok(vec![V::Native("ipairs.next"), a.get(0), V::Number(0.0)])
        }
        "ipairs.next" => {
            let at = V::Number(a.number(m, 1)? + 1.0);
            let value = m.index(&a.get(0), &at)?;
            Ok(if matches!(value, V::Nil) { vec![V::Nil] } else { vec![at, value] })
        }
        "next" => {
            let id = a.table(m, 0)?;
            match m.tables.get(id).and_then(|t| t.next(&a.get(1))) {
                Some((V::Nil, _)) => one(V::Nil),
                Some((key, value)) => Ok(vec![key, value]),
                None => m.fail("invalid key to 'next'"),
            }
        }
        "select" => select(m, &a),
        "unpack" => unpack(m, &a),
        "error" => {
            let value = a.value(m, 0)?;
            let level = a.optional(m, 1, 1.0)?;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let level = level.max(0.0) as usize;
            Err(Stop::Error(match value {
                V::String(s) if level > 0 => {
                    let mut out = m.place(level).into_bytes();
                    out.extend_from_slice(&s);
                    V::String(out.into())
                }
                other => other,
            }))
        }
        "assert" => {
            if a.value(m, 0)?.truth() {
                return Ok(a.list);
            }
            match a.get(1) {
                V::Nil => m.fail("assertion failed!"),
                V::String(s) => m.fail(lossy(&s)),
                _ => a.bad(m, 1, "string"),
            }
        }
        "pcall" => {
            let function = a.value(m, 0)?;
            if matches!(function, V::Nil) {
                return Ok(vec![V::Bool(false), V::text("attempt to call a nil value")]);
            }
            protected(m, &function, a.list.into_iter().skip(1).collect(), None)
        }
        "xpcall" => {
            let handler = a.get(1);
            protected(m, &a.get(0), Vec::new(), Some(&handler))
        }
        "rawget" => {
            let id = a.table(m, 0)?;
            one(m.tables.get(id).map_or(V::Nil, |t| t.get(&a.get(1))))
        }
        "rawset" => {
            let id = a.table(m, 0)?;
            m.set_raw(id, &a.get(1), a.get(2))?;
            Ok(Vec::new())
        }
        "rawequal" => one(V::Bool(same(&a.get(0), &a.get(1)))),
        "setmetatable" => {
            let id = a.table(m, 0)?;
            let meta = match a.get(1) {
                V::Nil => None,
                V::Table(meta) => Some(meta),
                _ => return a.bad(m, 1, "nil or table"),
            };
            if !matches!(m.metamethod(&a.get(0), "__metatable"), V::Nil) {
                return m.fail("cannot change a protected metatable");
            }
            if let Some(table) = m.tables.get_mut(id) {
                table.meta = meta;
            }
            one(a.get(0))
        }
        "getmetatable" => one(match a.get(0) {
            V::Table(id) => match m.metamethod(&a.get(0), "__metatable") {
                V::Nil => m.tables.get(id).and_then(|t| t.meta).map_or(V::Nil, V::Table),
                hidden => hidden,
            },
            V::String(_) => match m.strings {
                Some(strings) => {
                    let meta = m.table()?;
                    m.set_raw(meta, &V::text("__index"), V::Table(strings))?;
                    V::Table(meta)
                }
                None => V::Nil,
            },
            _ => V::Nil,
        }),
        "loadstring" | "load" => {
            let source = a.bytes(m, 0)?;
            m.spend(source.len().saturating_mul(16))?;
            match parser::parse(&source, false) {
                Ok(body) => one(m.load(body)),
                Err(error) => Ok(vec![V::Nil, V::text(&format!("{}\n", error.message))]),
            }
        }
        "require" => {
            let wanted = lossy(&a.bytes(m, 0)?);
            let known = ["os", "string", "math", "table", "package", "coroutine"].contains(&wanted.as_str());
            let globals = m.globals;
            let found = if known { m.tables.get(globals).map_or(V::Nil, |t| t.get_text(wanted.as_bytes())) } else { V::Nil };
            if matches!(found, V::Nil) {
                m.fail(format!("module {wanted} not found:\n\tno field package.preload['{wanted}']"))
            } else {
                one(found)
            }
        }
        "dofile" | "loadfile" => {
            let file = lossy(&a.bytes(m, 0)?);
            Err(Stop::Error(V::text(&format!("open {file}: no such file or directory"))))
        }
        "table.insert" => insert(m, &a),
        "table.remove" => remove(m, &a),
        "table.concat" => concat(m, &a),
        "table.sort" => sort(m, &a),
        "table.getn" => {
            let id = a.table(m, 0)?;
            #[allow(clippy::cast_precision_loss)]
            one(V::Number(m.tables.get(id).map_or(0, super::tables::Table::length) as f64))
        }
        "os.time" => one(V::Number(os_time(m, &a)?)),
        "os.difftime" => one(V::Number(a.number(m, 0)? - a.optional(m, 1, 0.0)?)),
        "os.date" => os_date(m, &a).map(|v| vec![v]),
        other if other.starts_with("coroutine.") => m.fail("coroutines are not available"),
        other => m.fail(format!("{other} is not available")),
    }
}

fn protected(m: &mut Machine<'_>, function: &V, arguments: Vec<V>, handler: Option<&V>) -> Run<Vec<V>> {
    let (calls, here) = m.calls();
    match m.call(function, arguments) {
        Ok(values) => Ok(std::iter::once(V::Bool(true)).chain(values).collect()),
        Err(Stop::Error(value)) => {
            m.caught(calls, here);
            let value = match handler {
                Some(handler) => m.call(handler, vec![value])?.into_iter().next().unwrap_or(V::Nil),
                None => value,
            };
            Ok(vec![V::Bool(false), value])
        }
        Err(budget) => Err(budget),
    }
}

fn to_number(m: &Machine<'_>, a: &Arguments) -> Run<V> {
    let value = a.value(m, 0)?;
    let base = a.optional(m, 1, 10.0)?;
    let V::String(s) = &value else {
        return Ok(if matches!(value, V::Number(_)) { value } else { V::Nil });
    };
    let Ok(text) = std::str::from_utf8(s) else { return Ok(V::Nil) };
    if base == 10.0 {
        // As the reference: no exponent here, though numbers of a script may have one.
        let hex = text.contains(['x', 'X']);
        let found = if !hex && text.contains(['e', 'E']) { None } else { parse_number(text) };
        return Ok(found.map_or(V::Nil, V::Number));
    }
    if !(2.0..=36.0).contains(&base) {
        return m.fail("bad argument #2 to tonumber (base out of range)");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    Ok(i64::from_str_radix(text.trim(), base as u32).map_or(V::Nil, |n| V::Number(n as f64)))
}

fn select(m: &Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let rest = a.list.get(1..).unwrap_or_default();
    if let V::String(s) = a.get(0)
        && s.as_ref() == b"#"
    {
        #[allow(clippy::cast_precision_loss)]
        return Ok(vec![V::Number(rest.len() as f64)]);
    }
    let n = a.number(m, 0)?;
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let from = if n < 0.0 { rest.len() as f64 + n } else { n - 1.0 };
    if n == 0.0 || from < 0.0 {
        return m.fail("bad argument #1 to select (index out of range)");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(rest.get(from as usize..).unwrap_or_default().to_vec())
}

fn unpack(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let id = a.table(m, 0)?;
    #[allow(clippy::cast_precision_loss)]
    let length = m.tables.get(id).map_or(0, super::tables::Table::length) as f64;
    let (mut at, end) = (a.optional(m, 1, 1.0)?, a.optional(m, 2, length)?);
    if end - at > 100_000.0 {
        return m.fail("too many results to unpack");
    }
    let mut out = Vec::new();
    while at <= end {
        m.step(1)?;
        out.push(m.index(&a.get(0), &V::Number(at))?);
        at += 1.0;
    }
    Ok(out)
}

fn insert(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let id = a.table(m, 0)?;
    m.spend(16)?;
    let length = m.tables.get(id).map_or(0, super::tables::Table::length);
    if a.count() < 2 {
        return m.fail("wrong number of arguments to 'insert'");
    }
    if a.count() == 2 {
        #[allow(clippy::cast_precision_loss)]
        m.set_raw(id, &V::Number(length as f64 + 1.0), a.get(1))?;
        return Ok(Vec::new());
    }
    let at = a.number(m, 1)?;
    m.step(length)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let place = (at.max(1.0) as usize).saturating_sub(1);
    if place >= length {
        m.set_raw(id, &V::Number(at), a.get(2))?;
    } else if let Some(table) = m.tables.get_mut(id) {
        table.list().insert(place, a.get(2));
    }
    Ok(Vec::new())
}

fn remove(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let id = a.table(m, 0)?;
    let length = m.tables.get(id).map_or(0, super::tables::Table::length);
    #[allow(clippy::cast_precision_loss)]
    let at = a.optional(m, 1, length as f64)?;
    m.step(length)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let place = (at as usize).checked_sub(1).filter(|p| *p < length);
    let removed = match (place, m.tables.get_mut(id)) {
        (Some(place), Some(table)) => table.list().remove(place),
        _ => V::Nil,
    };
    Ok(vec![removed])
}

fn concat(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let id = a.table(m, 0)?;
    let by = if matches!(a.get(1), V::Nil) { Rc::from(b"".as_slice()) } else { a.bytes(m, 1)? };
    #[allow(clippy::cast_precision_loss)]
    let length = m.tables.get(id).map_or(0, super::tables::Table::length) as f64;
    let (start, end) = (a.optional(m, 2, 1.0)?, a.optional(m, 3, length)?);
    let mut out = Vec::new();
    let mut at = start;
    while at <= end {
        m.step(1)?;
        if at > start {
            out.extend_from_slice(&by);
        }
        let value = m.tables.get(id).map_or(V::Nil, |t| t.get(&V::Number(at)));
        match value {
            V::String(_) | V::Number(_) => out.extend(m.plain_text(&value)),
            other => return m.fail(format!("invalid value ({}) at index {at} in table for concat", other.kind())),
        }
        m.spend(by.len() + 16)?;
        at += 1.0;
    }
    Ok(vec![m.bytes(out)?])
}

/// Merges runs that are sorted already: a comparison that makes no sense ends too.
fn sort(m: &mut Machine<'_>, a: &Arguments) -> Run<Vec<V>> {
    let id = a.table(m, 0)?;
    let by = a.get(1);
    let mut items = m.tables.get_mut(id).map(|t| t.list().clone()).unwrap_or_default();
    let mut width = 1_usize;
    while width < items.len() {
        let mut out = Vec::with_capacity(items.len());
        for pair in items.chunks(width * 2) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
            loop {
                m.step(1)?;
                match (left.peek(), right.peek()) {
                    (Some(l), Some(r)) => {
                        let first = match &by {
                            V::Nil => m.operate(Op::Less, r, l)?.truth(),
                            by => m.call(by, vec![(*r).clone(), (*l).clone()])?.first().is_some_and(V::truth),
                        };
                        out.extend(if first { right.next() } else { left.next() }.cloned());
                    }
                    (Some(_), None) => out.extend(left.by_ref().cloned()),
                    (None, Some(_)) => out.extend(right.by_ref().cloned()),
                    (None, None) => break,
                }
            }
        }
        items = out;
        width = width.saturating_mul(2);
    }
    if let Some(table) = m.tables.get_mut(id) {
        *table.list() = items;
    }
    Ok(Vec::new())
}

fn math(m: &mut Machine<'_>, name: &str, a: &Arguments) -> Run<V> {
    if name == "math.randomseed" {
        return Ok(V::Nil);
    }
    if name == "math.random" {
        let mut bytes = [0; 8];
        if !m.env.random(&mut bytes) {
            return m.fail("randomness is not available here");
        }
        #[allow(clippy::cast_precision_loss)]
        let unit = (u64::from_le_bytes(bytes) >> 11) as f64 / 9_007_199_254_740_992.0;
        return Ok(V::Number(match a.count() {
            0 => unit,
            1 => (unit * a.number(m, 0)?).floor() + 1.0,
            _ => {
                let (low, high) = (a.number(m, 0)?, a.number(m, 1)?);
                (unit * (high - low + 1.0)).floor() + low
            }
        }));
    }
    let x = a.number(m, 0)?;
    Ok(V::Number(match name {
        "math.floor" => x.floor(),
        "math.ceil" => x.ceil(),
        "math.abs" => x.abs(),
        "math.sqrt" => x.sqrt(),
        "math.pow" => x.powf(a.number(m, 1)?),
        "math.fmod" => x % a.number(m, 1)?,
        "math.modf" => x.trunc(),
        "math.exp" => x.exp(),
        "math.log" => x.ln(),
        "math.log10" => x.log10(),
        "math.sin" => x.sin(),
        "math.cos" => x.cos(),
        "math.tan" => x.tan(),
        "math.asin" => x.asin(),
        "math.acos" => x.acos(),
        "math.atan" => x.atan(),
        "math.atan2" => x.atan2(a.number(m, 1)?),
        "math.deg" => x.to_degrees(),
        "math.rad" => x.to_radians(),
        "math.max" | "math.min" => {
            let mut best = x;
            for i in 1..a.count() {
                let n = a.number(m, i)?;
                if if name == "math.max" { n > best } else { n < best } {
                    best = n;
                }
            }
            best
        }
        _ => return m.fail(format!("{name} is not available")),
    }))
}
