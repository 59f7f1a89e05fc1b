//! Functions that are not written in the language itself.

use super::ast::Query;
use super::ops::{MOST_LIST, compare, shown, text, truth};
use super::run::{Flow, Item, Machine, Out, Path, Scope, Stop, failure};
use super::values::value;
use super::{formats, paths, regexes};
use crate::Value;

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

/// Names of all functions with the numbers of their arguments.
pub(super) fn all() -> impl Iterator<Item = (&'static str, usize)> {
    FILTERS.into_iter().chain(VALUES).chain(MATHS.into_iter().map(|name| (name, 0)))
}

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
    let result = m.paid(result.map_err(failure)?)?;
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
        Err(Stop::Break(broken)) if broken == id => {
            m.caught();
            Ok(())
        }
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
            return Err(Stop::Limit(crate::Limit::Memory));
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
    // `repeat` gives what the filter makes of its input, not the input itself.
    let mut waiting = Vec::new();
    if condition.is_none() {
        m.eval(update, scope, item, &mut |found| {
            waiting.push(found);
            Ok(())
        })?;
        waiting.reverse();
    } else {
        waiting.push(item);
    }
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
        Err(Stop::Break(broken)) if broken == id => {
            m.caught();
            out(item.made(wanted.into()))
        }
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
