//! Functions that are not written in the language itself.

use super::ast::Query;
use super::ops::{self, MOST_LIST, compare, kind, shown, text, truth};
use super::run::{Flow, Item, Machine, Out, Path, Scope, Stop, failure};
use super::{dates, formats, paths, regexes};
use crate::Value;
use crate::go::json;

/// Functions whose arguments are filters.
const FILTERS: [(&str, usize); 23] = [
    ("empty", 0),
    ("select", 1),
    ("recurse", 0),
    ("recurse", 1),
    ("recurse", 2),
    ("path", 1),
    ("first", 1),
    ("last", 1),
    ("limit", 2),
    ("skip", 2),
    ("until", 2),
    ("while", 2),
    ("repeat", 1),
    ("any", 2),
    ("all", 2),
    ("sort_by", 1),
    ("group_by", 1),
    ("unique_by", 1),
    ("min_by", 1),
    ("max_by", 1),
    ("getpath", 1),
    ("range", 1),
    ("range", 2),
];

/// Functions of values.
const VALUES: [(&str, usize); 62] = [
    ("range", 3),
    ("not", 0),
    ("length", 0),
    ("utf8bytelength", 0),
    ("keys", 0),
    ("keys_unsorted", 0),
    ("add", 0),
    ("tostring", 0),
    ("tonumber", 0),
    ("type", 0),
    ("sort", 0),
    ("reverse", 0),
    ("unique", 0),
    ("min", 0),
    ("max", 0),
    ("flatten", 0),
    ("flatten", 1),
    ("tojson", 0),
    ("fromjson", 0),
    ("ascii_downcase", 0),
    ("ascii_upcase", 0),
    ("explode", 0),
    ("implode", 0),
    ("ltrimstr", 1),
    ("rtrimstr", 1),
    ("trimstr", 1),
    ("startswith", 1),
    ("endswith", 1),
    ("trim", 0),
    ("ltrim", 0),
    ("rtrim", 0),
    ("split", 1),
    ("split", 2),
    ("join", 1),
    ("indices", 1),
    ("contains", 1),
    ("has", 1),
    ("test", 2),
    ("setpath", 2),
    ("delpaths", 1),
    ("transpose", 0),
    ("infinite", 0),
    ("nan", 0),
    ("isinfinite", 0),
    ("isnan", 0),
    ("isnormal", 0),
    ("now", 0),
    ("gmtime", 0),
    ("mktime", 0),
    ("strftime", 1),
    ("strptime", 1),
    ("abs", 0),
    ("error", 1),
    ("halt", 0),
    ("halt_error", 1),
    ("bsearch", 1),
    ("pow", 2),
    ("fmin", 2),
    ("fmax", 2),
    ("fma", 3),
    ("atan2", 2),
    ("fmod", 2),
];

const MATHS: [&str; 33] = [
    "floor",
    "ceil",
    "round",
    "trunc",
    "rint",
    "nearbyint",
    "sqrt",
    "cbrt",
    "exp",
    "exp2",
    "exp10",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "significand",
    "logb",
    "fabs",
    "frexp",
    "modf",
];

pub(super) fn known(name: &str, count: usize) -> bool {
    FILTERS.contains(&(name, count))
        || VALUES.contains(&(name, count))
        || (name == "match" && count == 2)
        || (name == "ldexp" && count == 2)
        || (count == 0 && MATHS.contains(&name))
}

pub(super) fn call<'a>(m: &Machine<'_>, name: &'a str, a: &'a [Query], scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
    match (name, a) {
        ("empty", []) => Ok(()),
        ("select", [f]) => m.each(f, scope, &item.value, &mut |v| if truth(&v) { out(item.clone()) } else { Ok(()) }),
        ("recurse", []) => m.recurse_values(&item, out),
        ("recurse", [f]) => recurse(m, f, None, scope, item, out),
        ("recurse", [f, condition]) => recurse(m, f, Some(condition), scope, item, out),
        ("path", [f]) => {
            let from = Item { value: item.value.clone(), path: Path::At(None) };
            m.eval(f, scope, from, &mut |found| out(item.made(found.keys()?.into())))
        }
        ("first", [f]) => take(m, 1, f, scope, item, out),
        ("last", [f]) => {
            let mut last = None;
            m.eval(f, scope, item, &mut |found| {
                last = Some(found);
                Ok(())
            })?;
            last.map_or(Ok(()), out)
        }
        ("limit", [n, f]) => m.each(n, scope, &item.value, &mut |n| {
            let n = number("limit", &n)?;
            if n < 0.0 {
                return Err(failure("limit doesn't support negative count"));
            }
            take(m, count(n), f, scope, item.clone(), out)
        }),
        ("skip", [n, f]) => m.each(n, scope, &item.value, &mut |n| {
            let n = number("skip", &n)?;
            if n < 0.0 {
                return Err(failure("skip doesn't support negative count"));
            }
            let mut left = count(n);
            m.eval(f, scope, item.clone(), &mut |found| {
                if left > 0 {
                    left -= 1;
                    return Ok(());
                }
                out(found)
            })
        }),
        ("until", [condition, update]) => until(m, condition, update, scope, item, out),
        ("while", [condition, update]) => repeat(m, Some(condition), update, scope, item, out),
        ("repeat", [update]) => repeat(m, None, update, scope, item, out),
        ("any", [f, condition]) => decide(m, f, condition, true, scope, &item, out),
        ("all", [f, condition]) => decide(m, f, condition, false, scope, &item, out),
        ("sort_by" | "group_by" | "unique_by" | "min_by" | "max_by", [f]) => by_key(m, name, f, scope, &item, out),
        ("getpath", [path]) => m.each(path, scope, &item.value, &mut |path| getpath(&item, &path, out)),
        ("range", [to]) => m.each(to, scope, &item.value, &mut |to| range(m, &Value::Int(0), &to, &Value::Int(1), &item, out)),
        ("range", [from, to]) => m.each(from, scope, &item.value, &mut |from| {
            m.each(to, scope, &item.value, &mut |to| range(m, &from, &to, &Value::Int(1), &item, out))
        }),
        ("range", [from, to, by]) => m.each(from, scope, &item.value, &mut |from| {
            m.each(to, scope, &item.value, &mut |to| m.each(by, scope, &item.value, &mut |by| range(m, &from, &to, &by, &item, out)))
        }),
        _ => with_values(m, name, a, scope, &item, Vec::new(), out),
    }
}

/// Calls a function of values for each combination of its arguments.
fn with_values<'a>(
    m: &Machine<'_>,
    name: &str,
    a: &'a [Query],
    scope: &'a Scope<'a>,
    item: &Item,
    so_far: Vec<Value>,
    out: Out<'_>,
) -> Flow {
    let Some((first, rest)) = a.split_first() else { return plain(m, name, &so_far, item, out) };
    m.each(first, scope, &item.value, &mut |value| {
        let mut values = so_far.clone();
        values.push(value);
        with_values(m, name, rest, scope, item, values, out)
    })
}

fn plain(m: &Machine<'_>, name: &str, a: &[Value], item: &Item, out: Out<'_>) -> Flow {
    let nil = Value::Nil;
    let v = &item.value;
    let (first, second) = (a.first().unwrap_or(&nil), a.get(1).unwrap_or(&nil));
    let result = match name {
        "error" => return Err(Stop::Error(first.clone())),
        "halt" => return Err(Stop::Halt),
        "halt_error" => return Err(failure(format!("halt error: {}", formats::plain(v)))),
        "match" => {
            for found in regexes::matches(v, first, second).map_err(failure)? {
                m.step(1)?;
                out(item.made(found))?;
            }
            return Ok(());
        }
        "now" => m
            .env
            .now()
            .map(|t| {
                #[allow(clippy::cast_precision_loss)]
                Value::Float(t.as_microsecond() as f64 / 1e6)
            })
            .ok_or_else(|| "the time is not known here".to_owned()),
        _ => value(name, v, a, first, second),
    };
    let result = result.map_err(failure)?;
    if name == "setpath" {
        m.nesting(&result)?;
    }
    out(item.made(result))
}

fn number(name: &str, value: &Value) -> Result<f64, Stop> {
    value.as_f64().ok_or_else(|| failure(format!("{name} cannot be applied to: {}", shown(value))))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn count(n: f64) -> usize {
    n as usize
}

fn take<'a>(m: &Machine<'_>, most: usize, f: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
    if most == 0 {
        return Ok(());
    }
    let id = m.label();
    let mut left = most;
    match m.eval(f, scope, item, &mut |found| {
        out(found)?;
        left -= 1;
        if left == 0 { Err(Stop::Break(id)) } else { Ok(()) }
    }) {
        Err(Stop::Break(broken)) if broken == id => Ok(()),
        other => other,
    }
}

fn recurse<'a>(m: &Machine<'_>, f: &'a Query, condition: Option<&'a Query>, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
    m.step(1)?;
    // What is still to be given, the next one last: no stack is needed for long ways.
    let mut waiting = vec![item];
    while let Some(next) = waiting.pop() {
        m.step(1)?;
        out(next.clone())?;
        let mut below = Vec::new();
        m.eval(f, scope, next, &mut |found| {
            match condition {
                None => below.push(found),
                Some(condition) => m.each(condition, scope, &found.value.clone(), &mut |c| {
                    if truth(&c) {
                        below.push(found.clone());
                    }
                    Ok(())
                })?,
            }
            Ok(())
        })?;
        waiting.extend(below.into_iter().rev());
        if waiting.len() > MOST_LIST {
            return Err(Stop::Budget("the recursion is too wide"));
        }
    }
    Ok(())
}

fn until<'a>(m: &Machine<'_>, condition: &'a Query, update: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
    let mut waiting = vec![item];
    while let Some(next) = waiting.pop() {
        m.step(1)?;
        let mut below = Vec::new();
        for decided in m.values(condition, scope, &next.value)? {
            if truth(&decided) {
                out(next.clone())?;
            } else {
                m.eval(update, scope, next.clone(), &mut |found| {
                    below.push(found);
                    Ok(())
                })?;
            }
        }
        waiting.extend(below.into_iter().rev());
    }
    Ok(())
}

/// `while` with a condition, `repeat` without.
fn repeat<'a>(m: &Machine<'_>, condition: Option<&'a Query>, update: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
    let mut waiting = vec![item];
    while let Some(next) = waiting.pop() {
        m.step(1)?;
        let holds = match condition {
            Some(condition) => m.values(condition, scope, &next.value)?,
            None => vec![Value::Bool(true)],
        };
        let mut below = Vec::new();
        for decided in holds {
            if truth(&decided) {
                out(next.clone())?;
                m.eval(update, scope, next.clone(), &mut |found| {
                    below.push(found);
                    Ok(())
                })?;
            }
        }
        waiting.extend(below.into_iter().rev());
    }
    Ok(())
}

fn decide<'a>(m: &Machine<'_>, f: &'a Query, condition: &'a Query, wanted: bool, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
    let id = m.label();
    let flow = m.each(f, scope, &item.value, &mut |value| {
        m.each(condition, scope, &value, &mut |c| if truth(&c) == wanted { Err(Stop::Break(id)) } else { Ok(()) })
    });
    match flow {
        Ok(()) => out(item.made((!wanted).into())),
        Err(Stop::Break(broken)) if broken == id => out(item.made(wanted.into())),
        Err(other) => Err(other),
    }
}

fn by_key<'a>(m: &Machine<'_>, name: &str, f: &'a Query, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
    let mut keyed: Vec<(Value, Value)> = Vec::new();
    m.iterate(&Item::plain(item.value.clone()), &mut |element| {
        let key = m.values(f, scope, &element.value)?;
        keyed.push((key.into(), element.value));
        Ok(())
    })?;
    if !matches!(item.value, Value::List(_)) {
        let keys: Vec<Value> = keyed.into_iter().map(|(k, _)| k).collect();
        return Err(failure(format!("{name}({}) cannot be applied to: {}", text(&keys.into()), shown(&item.value))));
    }
    let result = match name {
        "min_by" => keyed.iter().reduce(|a, b| if compare(&b.0, &a.0).is_lt() { b } else { a }).map_or(Value::Nil, |(_, v)| v.clone()),
        "max_by" => keyed.iter().reduce(|a, b| if compare(&b.0, &a.0).is_ge() { b } else { a }).map_or(Value::Nil, |(_, v)| v.clone()),
        _ => {
            keyed.sort_by(|a, b| compare(&a.0, &b.0));
            match name {
                "sort_by" => Value::List(keyed.into_iter().map(|(_, v)| v).collect()),
                "unique_by" => {
                    keyed.dedup_by(|b, a| compare(&a.0, &b.0).is_eq());
                    Value::List(keyed.into_iter().map(|(_, v)| v).collect())
                }
                _ => {
                    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
                    for (key, value) in keyed {
                        match groups.last_mut() {
                            Some((k, group)) if compare(k, &key).is_eq() => group.push(value),
                            _ => groups.push((key, vec![value])),
                        }
                    }
                    Value::List(groups.into_iter().map(|(_, g)| g.into()).collect())
                }
            }
        }
    };
    out(item.made(result))
}

fn getpath(item: &Item, path: &Value, out: Out<'_>) -> Flow {
    let Value::List(keys) = path else {
        return Err(failure(format!("getpath({}) cannot be applied to: {}", text(path), shown(&item.value))));
    };
    let mut at = item.clone();
    for key in keys.iter() {
        let value = paths::index(&at.value, key)
            .map_err(|e| failure(format!("getpath({}) cannot be applied to {}: {e}", text(path), text(&item.value))))?;
        at = at.below(key, value)?;
    }
    out(at)
}

fn range(m: &Machine<'_>, from: &Value, to: &Value, by: &Value, item: &Item, out: Out<'_>) -> Flow {
    let (Some(start), Some(end), Some(step)) = (from.as_f64(), to.as_f64(), by.as_f64()) else {
        let bad = [from, to, by].into_iter().find(|v| v.as_f64().is_none()).unwrap_or(from);
        return Err(failure(format!("range({};{};{}) cannot be applied to: {}", text(from), text(to), text(by), shown(bad))));
    };
    let going = |n: f64| {
        if step > 0.0 {
            n < end
        } else if step < 0.0 {
            n > end
        } else {
            false
        }
    };
    if step == 0.0 && start < end {
        // As upstream: without a step it goes on for ever, here until the budget ends.
        loop {
            m.step(1)?;
            out(item.made(from.clone()))?;
        }
    }
    if let (Value::Int(first), Value::Int(by)) = (from, by) {
        let mut n = *first;
        #[allow(clippy::cast_precision_loss)]
        while going(n as f64) {
            m.step(1)?;
            out(item.made(Value::Int(n)))?;
            n = n.saturating_add(*by);
        }
        return Ok(());
    }
    let mut n = start;
    while going(n) {
        m.step(1)?;
        out(item.made(Value::Float(n)))?;
        n += step;
    }
    Ok(())
}

type Done = Result<Value, String>;

fn misfit(name: &str, v: &Value) -> String {
    format!("{name} cannot be applied to: {}", shown(v))
}

/// The elements of a list; an error names the function.
fn list<'a>(name: &str, v: &'a Value) -> Result<&'a [Value], String> {
    if let Value::List(list) = v { Ok(list) } else { Err(misfit(name, v)) }
}

fn string<'a>(name: &str, v: &'a Value) -> Result<&'a str, String> {
    v.as_str().ok_or_else(|| misfit(name, v))
}

fn value(name: &str, v: &Value, a: &[Value], first: &Value, second: &Value) -> Done {
    Ok(match name {
        "not" => (!truth(v)).into(),
        "type" => kind(v).into(),
        "length" => match v {
            Value::Nil => Value::Int(0),
            Value::Int(n) => n.checked_abs().map_or(Value::Float(9_223_372_036_854_775_808.0), Value::Int),
            Value::Float(n) => Value::Float(n.abs()),
            Value::String(s) => s.chars().count().into(),
            Value::List(l) => l.len().into(),
            Value::Map(m) => m.len().into(),
            other => return Err(misfit(name, other)),
        },
        "abs" => match v {
            Value::Int(n) => n.checked_abs().map_or(Value::Float(9_223_372_036_854_775_808.0), Value::Int),
            Value::Float(n) => Value::Float(n.abs()),
            other => return Err(misfit(name, other)),
        },
        "utf8bytelength" => string(name, v)?.len().into(),
        "keys" | "keys_unsorted" => match v {
            Value::List(l) => Value::List((0..l.len()).map(Value::from).collect()),
            Value::Map(m) => Value::List(m.keys().map(|k| Value::String(k.clone())).collect()),
            other => return Err(misfit("keys", other)),
        },
        "add" => match v {
            Value::List(l) => sum(l.iter())?,
            Value::Map(m) => sum(m.values())?,
            other => return Err(misfit(name, other)),
        },
        "tostring" => formats::plain(v).into(),
        "tojson" => text(v).into(),
        "fromjson" => {
            let s = string(name, v)?;
            let fail = |e: String| format!("fromjson cannot be applied to {}: {e}", text(v));
            match s.trim() {
                "nan" => Value::Float(f64::NAN),
                _ => json::decode(s).map_err(fail)?,
            }
        }
        "tonumber" => match v {
            Value::Int(_) | Value::Float(_) => v.clone(),
            Value::String(s) => parse_number(s).ok_or_else(|| format!("tonumber cannot be applied to {}: invalid number", text(v)))?,
            other => return Err(misfit(name, other)),
        },
        "sort" => {
            let mut l = list(name, v)?.to_vec();
            l.sort_by(compare);
            l.into()
        }
        "unique" => {
            let mut l = list(name, v)?.to_vec();
            l.sort_by(compare);
            l.dedup_by(|a, b| compare(a, b).is_eq());
            l.into()
        }
        "reverse" => Value::List(list(name, v)?.iter().rev().cloned().collect()),
        "min" => list(name, v)?.iter().reduce(|a, b| if compare(b, a).is_lt() { b } else { a }).cloned().unwrap_or_default(),
        "max" => list(name, v)?.iter().reduce(|a, b| if compare(b, a).is_ge() { b } else { a }).cloned().unwrap_or_default(),
        "flatten" => {
            let depth = match a.first() {
                None => f64::INFINITY,
                Some(n) => n.as_f64().ok_or_else(|| misfit("flatten", n))?,
            };
            if depth < 0.0 {
                return Err(format!("flatten depth should not be negative: {}", text(first)));
            }
            let mut out = Vec::new();
            match v {
                Value::List(l) => flatten(l.iter(), depth, &mut out),
                Value::Map(m) => flatten(m.values(), depth, &mut out),
                other => return Err(misfit(name, other)),
            }
            out.into()
        }
        "ascii_downcase" => string(name, v)?.to_ascii_lowercase().into(),
        "ascii_upcase" => string(name, v)?.to_ascii_uppercase().into(),
        "explode" => Value::List(string(name, v)?.chars().map(|c| Value::Int(u32::from(c).into())).collect()),
        "implode" => {
            let codes: Option<String> = list(name, v)?
                .iter()
                .map(|c| {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    c.as_f64().map(|n| if n < 0.0 { '\u{fffd}' } else { char::from_u32(n as u32).unwrap_or('\u{fffd}') })
                })
                .collect();
            codes.ok_or_else(|| misfit(name, v))?.into()
        }
        "ltrimstr" | "rtrimstr" | "trimstr" | "startswith" | "endswith" => return affix(name, v, first),
        "trim" => string(name, v)?.trim().into(),
        "ltrim" => string(name, v)?.trim_start().into(),
        "rtrim" => string(name, v)?.trim_end().into(),
        "split" if a.len() == 1 => ops::split(string(name, v)?, string(name, first)?),
        "split" => regexes::split(v, first, second)?,
        "join" => return join(v, first),
        "indices" => match (v, first) {
            (Value::Nil, _) => Value::Nil,
            (Value::List(l), Value::List(wanted)) => paths::indices_of_list(l, wanted),
            (Value::List(l), wanted) => paths::indices_of_list(l, std::slice::from_ref(wanted)),
            (Value::String(s), Value::String(wanted)) => {
                let (s, wanted): (Vec<Value>, Vec<Value>) =
                    (s.chars().map(|c| c.to_string().into()).collect(), wanted.chars().map(|c| c.to_string().into()).collect());
                paths::indices_of_list(&s, &wanted)
            }
            _ => return Err(format!("indices({}) cannot be applied to: {}", text(first), shown(v))),
        },
        "contains" => {
            return contains(v, first, 0)
                .map(Value::from)
                .ok_or_else(|| format!("contains({}) cannot be applied to: {}", text(first), shown(v)));
        }
        "has" => match (v, first) {
            (Value::Map(m), Value::String(k)) => m.contains_key(k).into(),
            (Value::List(l), k) if k.as_f64().is_some() =>
            {
                #[allow(clippy::cast_precision_loss)]
                k.as_f64().is_some_and(|n| n >= 0.0 && n < l.len() as f64).into()
            }
            (Value::Nil, Value::String(_) | Value::Int(_) | Value::Float(_)) => false.into(),
            _ => return Err(format!("has({}) cannot be applied to: {}", text(first), shown(v))),
        },
        "test" => regexes::test(v, first, second)?,
        "setpath" => {
            let fail = |e: String| format!("setpath({}; {}) cannot be applied to {}: {e}", text(first), text(second), text(v));
            let Value::List(path) = first else { return Err(fail("expected an array".to_owned())) };
            paths::set(v, path, second, 0).map_err(fail)?
        }
        "delpaths" => {
            let Value::List(found) = first else { return Err(format!("delpaths({}) cannot be applied to: {}", text(first), shown(v))) };
            paths::delete(v, found)?
        }
        "transpose" => return transpose(v),
        "infinite" => Value::Float(f64::INFINITY),
        "nan" => Value::Float(f64::NAN),
        "isinfinite" => v.as_f64().ok_or_else(|| misfit(name, v))?.is_infinite().into(),
        "isnan" => v.as_f64().ok_or_else(|| misfit(name, v))?.is_nan().into(),
        "isnormal" => v.as_f64().ok_or_else(|| misfit(name, v))?.is_normal().into(),
        "gmtime" => dates::gmtime(v)?,
        "mktime" => dates::mktime(v)?,
        "strftime" => dates::strftime(v, first)?,
        "strptime" => dates::strptime(v, first)?,
        "bsearch" => {
            let l = list(name, v)?;
            let at = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            match l.binary_search_by(|x| compare(x, first)) {
                Ok(i) => Value::Int(at(i)),
                Err(i) => Value::Int(-1 - at(i)),
            }
        }
        _ => return maths(name, v, a),
    })
}

fn parse_number(s: &str) -> Option<Value> {
    let digits = s.strip_prefix('-').unwrap_or(s);
    if s.trim() != s
        || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    s.parse::<i64>().map(Value::Int).ok().or_else(|| s.parse::<f64>().ok().map(Value::Float))
}

fn sum<'a>(values: impl Iterator<Item = &'a Value>) -> Done {
    let mut text: Option<String> = None;
    let mut total = Value::Nil;
    for value in values {
        // Texts are put together without a copy for each.
        if let (Some(buffer), Value::String(s)) = (&mut text, value) {
            if buffer.len() + s.len() > ops::MOST_TEXT {
                return Err("the text is too large".to_owned());
            }
            buffer.push_str(s);
            continue;
        }
        if let Some(buffer) = text.take() {
            total = buffer.into();
        }
        total = ops::add(&total, value)?;
        if let Value::String(s) = &total {
            text = Some(s.to_string());
        }
    }
    Ok(text.map_or(total, Value::from))
}

fn flatten<'a>(values: impl Iterator<Item = &'a Value>, depth: f64, out: &mut Vec<Value>) {
    for value in values {
        match value {
            Value::List(inner) if depth >= 1.0 => flatten(inner.iter(), depth - 1.0, out),
            other => out.push(other.clone()),
        }
    }
}

fn affix(name: &str, v: &Value, first: &Value) -> Done {
    let (Value::String(s), Value::String(x)) = (v, first) else {
        return Err(format!("{name}({}) cannot be applied to: {}", text(first), shown(v)));
    };
    let (s, x) = (s.as_ref(), x.as_ref());
    Ok(match name {
        "ltrimstr" => s.strip_prefix(x).unwrap_or(s).into(),
        "rtrimstr" => s.strip_suffix(x).unwrap_or(s).into(),
        "trimstr" => {
            let s = s.strip_prefix(x).unwrap_or(s);
            s.strip_suffix(x).unwrap_or(s).into()
        }
        "startswith" => s.starts_with(x).into(),
        _ => s.ends_with(x).into(),
    })
}

fn join(v: &Value, by: &Value) -> Done {
    let items: Vec<&Value> = match v {
        Value::List(l) => l.iter().collect(),
        Value::Map(m) => m.values().collect(),
        other => return Err(format!("join({}) cannot be applied to: {}", text(by), shown(other))),
    };
    if items.is_empty() {
        return Ok("".into());
    }
    let mut out = String::new();
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            match by {
                Value::String(s) => out.push_str(s),
                Value::Nil => {}
                other => return Err(format!("cannot add: {} and {}", shown(&out.as_str().into()), shown(other))),
            }
        }
        match item {
            Value::Nil => {}
            Value::String(s) => out.push_str(s),
            Value::List(_) | Value::Map(_) => {
                return Err(format!("cannot add: {} and {}", shown(&out.as_str().into()), shown(item)));
            }
            other => out.push_str(&text(other)),
        }
        if out.len() > ops::MOST_TEXT {
            return Err("the text is too large".to_owned());
        }
    }
    Ok(out.into())
}

fn contains(a: &Value, b: &Value, depth: usize) -> Option<bool> {
    if depth > 1_000 {
        return None;
    }
    match (a, b) {
        (Value::Map(x), Value::Map(y)) => {
            for (key, value) in y.iter() {
                match x.get(key) {
                    Some(found) if contains(found, value, depth + 1)? => {}
                    _ => return Some(false),
                }
            }
            Some(true)
        }
        (Value::List(x), Value::List(y)) => Some(y.iter().all(|b| x.iter().any(|a| contains(a, b, depth + 1).unwrap_or(false)))),
        (Value::String(x), Value::String(y)) => Some(x.contains(y.as_ref())),
        (a, b) if kind(a) == kind(b) => Some(compare(a, b).is_eq()),
        _ => None,
    }
}

fn transpose(v: &Value) -> Done {
    let rows: Option<Vec<&[Value]>> =
        list("transpose", v)?.iter().map(|r| if let Value::List(l) = r { Some(l.as_ref()) } else { None }).collect();
    let rows = rows.ok_or_else(|| misfit("transpose", v))?;
    let width = rows.iter().map(|r| r.len()).max().unwrap_or(0);
    if width.saturating_mul(rows.len()) > MOST_LIST {
        return Err("the array is too large".to_owned());
    }
    Ok(Value::List((0..width).map(|i| Value::List(rows.iter().map(|r| r.get(i).cloned().unwrap_or_default()).collect())).collect()))
}

fn maths(name: &str, v: &Value, a: &[Value]) -> Done {
    let arguments: Option<Vec<f64>> = a.iter().map(Value::as_f64).collect();
    let arguments = arguments.ok_or_else(|| misfit(name, a.iter().find(|v| v.as_f64().is_none()).unwrap_or(v)))?;
    match (name, arguments.as_slice()) {
        ("pow", [x, y]) => return Ok(tidy(x.powf(*y))),
        ("fmin", [x, y]) => return Ok(tidy(x.min(*y))),
        ("fmax", [x, y]) => return Ok(tidy(x.max(*y))),
        ("fma", [x, y, z]) => return Ok(tidy(x.mul_add(*y, *z))),
        ("atan2", [x, y]) => return Ok(tidy(x.atan2(*y))),
        ("fmod", [x, y]) => return Ok(tidy(x % y)),
        #[allow(clippy::cast_possible_truncation)]
        ("ldexp", [x, y]) => return Ok(tidy(x * 2_f64.powi(*y as i32))),
        _ => {}
    }
    let n = v.as_f64().ok_or_else(|| misfit(name, v))?;
    if let (Value::Int(_), "floor" | "ceil" | "round" | "trunc" | "rint" | "nearbyint") = (v, name) {
        return Ok(v.clone());
    }
    Ok(tidy(match name {
        "floor" => n.floor(),
        "ceil" => n.ceil(),
        "round" => n.round(),
        "trunc" => n.trunc(),
        "rint" | "nearbyint" => n.round_ties_even(),
        "sqrt" => n.sqrt(),
        "cbrt" => n.cbrt(),
        "exp" => n.exp(),
        "exp2" => n.exp2(),
        "exp10" => 10_f64.powf(n),
        "expm1" => n.exp_m1(),
        "log" => n.ln(),
        "log2" => n.log2(),
        "log10" => n.log10(),
        "log1p" => n.ln_1p(),
        "sin" => n.sin(),
        "cos" => n.cos(),
        "tan" => n.tan(),
        "asin" => n.asin(),
        "acos" => n.acos(),
        "atan" => n.atan(),
        "sinh" => n.sinh(),
        "cosh" => n.cosh(),
        "tanh" => n.tanh(),
        "asinh" => n.asinh(),
        "acosh" => n.acosh(),
        "atanh" => n.atanh(),
        "fabs" => n.abs(),
        "significand" => {
            if n == 0.0 || !n.is_finite() {
                n
            } else {
                n / 2_f64.powf(n.abs().log2().floor())
            }
        }
        "logb" => {
            if n == 0.0 {
                f64::NEG_INFINITY
            } else {
                n.abs().log2().floor()
            }
        }
        "frexp" => {
            if n == 0.0 || !n.is_finite() {
                return Ok(vec![Value::Float(n), Value::Int(0)].into());
            }
            let exponent = n.abs().log2().floor() + 1.0;
            return Ok(vec![tidy(n / 2_f64.powf(exponent)), tidy(exponent)].into());
        }
        "modf" => return Ok(vec![tidy(n.fract()), tidy(n.trunc())].into()),
        _ => return Err(format!("function not defined: {name}/0")),
    }))
}

/// Whole numbers stay floats: gojq has them so, and they are written alike.
fn tidy(n: f64) -> Value {
    Value::Float(n)
}
