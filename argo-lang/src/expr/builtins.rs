//! The functions of the language, and those that Argo adds.

use std::sync::Arc;

use super::ast::Node;
use super::eval::{Element, Run, Scope};
use super::{dates, functions};
use crate::go::{json, text as go_text};
use crate::sprig::args::{go_truncate, parse_float};
use crate::sprig::encode::{base64, unbase64};
use crate::{Cause, RunError, Span, Value};

/// Largest text or list that a function makes.
const MOST_SIZE: usize = 10_000_000;

pub(super) fn call(scope: Scope<'_>, name: &str, arguments: &[Node], span: Span) -> Run {
    if functions::takes_predicate(name, arguments.len()) {
        return over_elements(scope, name, arguments, span);
    }
    let values = arguments.iter().map(|a| scope.eval(a)).collect::<Result<Vec<_>, _>>()?;
    let fail = |message: String| RunError::new(message, span);
    dates::call(scope.env(), name, &values)
        .or_else(|| plain(name, &values))
        .ok_or_else(|| RunError::new(format!("unknown name {name}"), span).because(Cause::Unknown(name.to_owned())))?
        .map_err(fail)
}

fn over_elements(scope: Scope<'_>, name: &str, arguments: &[Node], span: Span) -> Run {
    let [of, body, rest @ ..] = arguments else {
        return Err(RunError::new(format!("not enough arguments to call {name}"), span));
    };
    let Value::List(list) = scope.eval(of)? else {
        return Err(RunError::new(format!("builtin {name} takes only array"), of.span));
    };
    let element = |index: usize, value: &Value, accumulated: Value| Element {
        value: value.clone(),
        index: i64::try_from(index).unwrap_or(i64::MAX),
        accumulated,
    };
    let holds = |index: usize, value: &Value| scope.with(&element(index, value, Value::Nil)).truth(body);
    let index_of = |index: usize| Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
    match name {
        "all" | "any" | "none" => {
            let wanted = name != "all";
            for (i, v) in list.iter().enumerate() {
                if holds(i, v)? == wanted {
                    return Ok(Value::Bool(name == "any"));
                }
            }
            Ok(Value::Bool(name != "any"))
        }
        "one" | "count" => {
            let mut n = 0_i64;
            for (i, v) in list.iter().enumerate() {
                n = n.saturating_add(i64::from(holds(i, v)?));
            }
            Ok(if name == "one" { Value::Bool(n == 1) } else { Value::Int(n) })
        }
        "filter" => {
            let mut out = Vec::new();
            for (i, v) in list.iter().enumerate() {
                if holds(i, v)? {
                    out.push(v.clone());
                }
            }
            Ok(out.into())
        }
        "map" => list
            .iter()
            .enumerate()
            .map(|(i, v)| scope.with(&element(i, v, Value::Nil)).eval(body))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::from),
        "find" | "findIndex" => {
            for (i, v) in list.iter().enumerate() {
                if holds(i, v)? {
                    return Ok(if name == "find" { v.clone() } else { index_of(i) });
                }
            }
            Ok(Value::Nil)
        }
        "findLast" | "findLastIndex" => {
            for (i, v) in list.iter().enumerate().rev() {
                if holds(i, v)? {
                    return Ok(if name == "findLast" { v.clone() } else { index_of(i) });
                }
            }
            Ok(Value::Nil)
        }
        "sum" => {
            let values =
                list.iter().enumerate().map(|(i, v)| scope.with(&element(i, v, Value::Nil)).eval(body)).collect::<Result<Vec<_>, _>>()?;
            sum(&values).map_err(|m| RunError::new(m, span))
        }
        "groupBy" => {
            let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
            for (i, v) in list.iter().enumerate() {
                let key = scope.with(&element(i, v, Value::Nil)).eval(body)?;
                if matches!(key, Value::List(_) | Value::Map(_) | Value::Pairs(_) | Value::Function(_)) {
                    return Err(RunError::new(format!("hash of unhashable type: {}", key.kind()), span));
                }
                match groups.iter_mut().find(|(k, _)| same_key(k, &key)) {
                    Some((_, group)) => group.push(v.clone()),
                    None => groups.push((key, vec![v.clone()])),
                }
            }
            Ok(Value::Pairs(groups.into_iter().map(|(k, group)| (k, Value::from(group))).collect()))
        }
        "sortBy" => {
            let mut keyed = Vec::with_capacity(list.len());
            for (i, v) in list.iter().enumerate() {
                keyed.push((scope.with(&element(i, v, Value::Nil)).eval(body)?, v.clone()));
            }
            let descending = order(rest.first().map(|n| scope.eval(n)).transpose()?.as_ref()).map_err(|m| RunError::new(m, span))?;
            sort(&mut keyed, |(key, _)| key, descending).map_err(|m| RunError::new(m, span))?;
            Ok(keyed.into_iter().map(|(_, v)| v).collect::<Vec<_>>().into())
        }
        _ => {
            let mut items = list.iter().enumerate();
            let mut accumulated = match rest.first() {
                Some(first) => scope.eval(first)?,
                None => match items.next() {
                    Some((_, first)) => first.clone(),
                    None => return Err(RunError::new("reduce of empty array with no initial value", span)),
                },
            };
            for (i, v) in items {
                accumulated = scope.with(&element(i, v, accumulated)).eval(body)?;
            }
            Ok(accumulated)
        }
    }
}

fn sum(values: &[Value]) -> Result<Value, String> {
    let mut whole = 0_i64;
    let mut float: Option<f64> = None;
    for value in values {
        match (value, float) {
            (Value::Int(n), None) => whole = whole.wrapping_add(*n),
            (other, _) => {
                let n = other.as_f64().ok_or_else(|| format!("cannot sum {}", other.kind()))?;
                #[allow(clippy::cast_precision_loss)]
                let so_far = float.unwrap_or(whole as f64);
                float = Some(so_far + n);
            }
        }
    }
    Ok(float.map_or(Value::Int(whole), Value::Float))
}

type Done = Result<Value, String>;

fn text(values: &[Value], index: usize, name: &str) -> Result<Arc<str>, String> {
    match values.get(index) {
        Some(Value::String(s)) => Ok(s.clone()),
        Some(other) => Err(format!("cannot use {} as argument (type string) to call {name}", other.kind())),
        None => Err(format!("not enough arguments to call {name}")),
    }
}

fn whole(values: &[Value], index: usize, name: &str) -> Result<i64, String> {
    match values.get(index) {
        Some(Value::Int(n)) => Ok(*n),
        Some(other) => Err(format!("cannot use {} as argument (type int) to call {name}", other.kind())),
        None => Err(format!("not enough arguments to call {name}")),
    }
}

fn list_of(values: &[Value], index: usize, name: &str) -> Result<Arc<[Value]>, String> {
    match values.get(index) {
        Some(Value::List(list)) => Ok(list.clone()),
        Some(other) => Err(format!("cannot use {} as argument (type array) to call {name}", other.kind())),
        None => Err(format!("not enough arguments to call {name}")),
    }
}

/// Functions of plain values; none if there is no function of that name.
fn plain(name: &str, values: &[Value]) -> Option<Done> {
    strings(name, values).or_else(|| numbers(name, values)).or_else(|| collections(name, values))
}

fn strings(name: &str, values: &[Value]) -> Option<Done> {
    let arg = |i: usize| text(values, i, name);
    let done = || -> Done {
        Ok(match name {
            "trim" | "trimPrefix" | "trimSuffix" => {
                let s = arg(0)?;
                match (name, values.len()) {
                    ("trim", 1) => Value::from(s.trim()),
                    ("trim", _) => {
                        let cut = arg(1)?;
                        Value::from(s.trim_matches(|c| cut.contains(c)))
                    }
                    ("trimPrefix", n) => {
                        let cut = if n > 1 { arg(1)? } else { " ".into() };
                        Value::from(s.strip_prefix(cut.as_ref()).unwrap_or(&s))
                    }
                    (_, n) => {
                        let cut = if n > 1 { arg(1)? } else { " ".into() };
                        Value::from(s.strip_suffix(cut.as_ref()).unwrap_or(&s))
                    }
                }
            }
            "upper" => Value::from(go_text::upper(&arg(0)?)),
            "lower" => Value::from(go_text::lower(&arg(0)?)),
            "hasPrefix" => Value::Bool(arg(0)?.starts_with(arg(1)?.as_ref())),
            "hasSuffix" => Value::Bool(arg(0)?.ends_with(arg(1)?.as_ref())),
            "indexOf" => position(arg(0)?.find(arg(1)?.as_ref())),
            "lastIndexOf" => position(arg(0)?.rfind(arg(1)?.as_ref())),
            "split" | "splitAfter" => {
                let (s, by) = (arg(0)?, arg(1)?);
                let most = if values.len() > 2 { whole(values, 2, name)? } else { -1 };
                split(&s, &by, name == "splitAfter", most)
            }
            "replace" => {
                let (s, from, to) = (arg(0)?, arg(1)?, arg(2)?);
                let most = if values.len() > 3 { whole(values, 3, name)? } else { -1 };
                match usize::try_from(most) {
                    Ok(n) => Value::from(s.replacen(from.as_ref(), &to, n)),
                    Err(_) => Value::from(s.replace(from.as_ref(), &to)),
                }
            }
            "repeat" => {
                let (s, n) = (arg(0)?, whole(values, 1, name)?);
                let n = usize::try_from(n).map_err(|_| "invalid argument for repeat (expected positive integer)".to_owned())?;
                if n > 1_000_000 || s.len().saturating_mul(n) > MOST_SIZE {
                    return Err("memory budget exceeded".to_owned());
                }
                Value::from(s.repeat(n))
            }
            "join" => {
                let list = list_of(values, 0, name)?;
                let glue = if values.len() > 1 { arg(1)? } else { "".into() };
                let parts = list
                    .iter()
                    .map(|v| v.as_str().map(str::to_owned).ok_or_else(|| format!("cannot join {}", v.kind())))
                    .collect::<Result<Vec<_>, _>>()?;
                Value::from(parts.join(&glue))
            }
            "toJSON" => Value::from(json::encode_indented(values.first().ok_or("not enough arguments to call toJSON")?, "  ", true)?),
            "toJson" => Value::from(json::encode(values.first().ok_or("not enough arguments to call toJson")?, true)?),
            "fromJSON" => json::decode(&arg(0)?)?,
            "jsonpath" => super::jsonpath::find(&arg(0)?, &arg(1)?)?,
            "toBase64" => Value::from(base64(arg(0)?.as_bytes())),
            "fromBase64" => {
                let bytes = unbase64(&arg(0)?)?;
                Value::from(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => return Err(String::new()),
        })
    };
    const NAMES: [&str; 21] = [
        "trim",
        "trimPrefix",
        "trimSuffix",
        "upper",
        "lower",
        "hasPrefix",
        "hasSuffix",
        "indexOf",
        "lastIndexOf",
        "split",
        "splitAfter",
        "replace",
        "repeat",
        "join",
        "toJSON",
        "toJson",
        "fromJSON",
        "toBase64",
        "fromBase64",
        "jsonpath",
        "",
    ];
    (!name.is_empty() && NAMES.contains(&name)).then(done)
}

fn position(at: Option<usize>) -> Value {
    Value::Int(at.and_then(|i| i64::try_from(i).ok()).unwrap_or(-1))
}

fn split(s: &str, by: &str, after: bool, most: i64) -> Value {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut parts: Vec<Value> = Vec::new();
    if most == 0 {
        return parts.into();
    }
    if by.is_empty() {
        let mut chars = s.char_indices();
        for (at, c) in chars.by_ref() {
            if parts.len().saturating_add(1) == most {
                parts.push(Value::from(s.get(at..).unwrap_or_default()));
                break;
            }
            parts.push(Value::from(c.to_string()));
        }
        return parts.into();
    }
    let mut rest = s;
    while parts.len().saturating_add(1) < most
        && let Some(at) = rest.find(by)
    {
        let end = if after { at.saturating_add(by.len()) } else { at };
        parts.push(Value::from(rest.get(..end).unwrap_or_default()));
        rest = rest.get(at.saturating_add(by.len())..).unwrap_or_default();
    }
    parts.push(Value::from(rest));
    parts.into()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn numbers(name: &str, values: &[Value]) -> Option<Done> {
    let first = values.first();
    let number = || {
        first.and_then(Value::as_f64).ok_or_else(|| format!("invalid argument for {name} (type {})", first.map_or("nothing", Value::kind)))
    };
    let rounded = |f: fn(f64) -> f64| number().map(|n| Value::Float(f(n)));
    Some(match name {
        "int" | "asInt" => match first {
            Some(Value::Int(n)) => Ok(Value::Int(*n)),
            Some(Value::Float(n)) => Ok(Value::Int(go_truncate(*n))),
            Some(Value::Duration(n)) => Ok(Value::Int(*n)),
            Some(Value::Object(o)) if o.number().is_some() => Ok(Value::Int(o.number().unwrap_or(0))),
            Some(Value::String(s)) => s.parse().map(Value::Int).map_err(|_| format!("invalid operation: int({s})")),
            other => Err(format!("invalid operation: int({})", other.map_or("nothing", Value::kind))),
        },
        "float" | "asFloat" => match first {
            Some(Value::String(s)) => read_float(s).map(Value::Float).ok_or_else(|| format!("invalid operation: float({s})")),
            Some(other) => other.as_f64().map(Value::Float).ok_or_else(|| format!("invalid operation: float({})", other.kind())),
            None => Err("not enough arguments to call float".to_owned()),
        },
        "string" => Ok(Value::from(first.map(ToString::to_string).unwrap_or_default())),
        "type" => Ok(Value::from(match first {
            Some(Value::Float(_)) => "float",
            Some(Value::List(_)) => "array",
            Some(Value::Map(_)) => "map",
            Some(other) => other.kind(),
            None => "nil",
        })),
        "abs" => match first {
            Some(Value::Int(n)) => Ok(Value::Int(n.wrapping_abs())),
            _ => number().map(|n| Value::Float(n.abs())),
        },
        "ceil" => rounded(f64::ceil),
        "floor" => rounded(f64::floor),
        "round" => rounded(f64::round),
        "bitand" | "bitor" | "bitxor" | "bitnand" | "bitshl" | "bitshr" | "bitushr" => bits(name, values),
        "bitnot" => whole(values, 0, name).map(|n| Value::Int(!n)),
        "min" | "max" | "mean" | "median" => statistics(name, values),
        _ => return None,
    })
}

/// A float as the language reads it: `_` between digits and hexadecimal forms too.
#[allow(clippy::cast_precision_loss)]
fn read_float(s: &str) -> Option<f64> {
    let bare = s.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if let Some(hex) = bare.strip_prefix("0x") {
        let (mantissa, exponent) = hex.split_once('p')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
        let shift = i32::try_from(fraction.len()).ok()?.checked_mul(-4)?.checked_add(exponent.parse().ok()?)?;
        let value = digits as f64 * 2_f64.powi(shift);
        return Some(if s.starts_with('-') { -value } else { value });
    }
    parse_float(&s.replace('_', ""))
}

#[allow(clippy::cast_sign_loss, clippy::cast_possible_wrap)]
fn bits(name: &str, values: &[Value]) -> Done {
    let (a, b) = (whole(values, 0, name)?, whole(values, 1, name)?);
    let shift = || u32::try_from(b).map_err(|_| format!("invalid operation: negative shift count {b} (type int)"));
    Ok(Value::Int(match name {
        "bitand" => a & b,
        "bitor" => a | b,
        "bitxor" => a ^ b,
        "bitnand" => a & !b,
        "bitshl" => a.checked_shl(shift()?).unwrap_or(0),
        "bitshr" => a.checked_shr(shift()?).unwrap_or(if a < 0 { -1 } else { 0 }),
        _ => (a as u64).checked_shr(shift()?).unwrap_or(0) as i64,
    }))
}

#[allow(clippy::cast_precision_loss)]
fn statistics(name: &str, values: &[Value]) -> Done {
    let mut flat = Vec::new();
    flatten(values, &mut flat);
    if flat.is_empty() && !values.is_empty() {
        return Ok(if matches!(name, "mean" | "median") { Value::Float(0.0) } else { Value::Nil });
    }
    let mut numbers = flat
        .iter()
        .map(|v| v.as_f64().ok_or_else(|| format!("invalid argument for {name} (type {})", v.kind())))
        .collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        return Err(format!("not enough arguments to call {name}"));
    }
    let count = numbers.len();
    Ok(match name {
        "mean" => Value::Float(numbers.iter().sum::<f64>() / count as f64),
        "median" => {
            numbers.sort_by(f64::total_cmp);
            let upper = numbers.get(count / 2).copied().unwrap_or_default();
            let lower = numbers.get(count.saturating_sub(1) / 2).copied().unwrap_or_default();
            Value::Float(f64::midpoint(lower, upper))
        }
        _ => {
            let mut pairs = flat.iter().zip(&numbers);
            let (mut best, mut best_number) = pairs.next().map(|(v, n)| (v.clone(), *n)).unwrap_or_default();
            for (value, n) in pairs {
                if (name == "min" && *n < best_number) || (name == "max" && *n > best_number) {
                    (best, best_number) = (value.clone(), *n);
                }
            }
            best
        }
    })
}

fn collections(name: &str, values: &[Value]) -> Option<Done> {
    let list = || list_of(values, 0, name);
    let map = || match values.first() {
        Some(Value::Map(map)) => Ok(map.clone()),
        other => Err(format!("cannot {name} {}", other.map_or("nothing", Value::kind))),
    };
    let size = |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let done = match name {
        "len" => match values.first() {
            Some(Value::String(s)) => Ok(size(s.chars().count())),
            Some(Value::List(list)) => Ok(size(list.len())),
            Some(Value::Map(map)) => Ok(size(map.len())),
            other => Err(format!("invalid argument for len (type {})", other.map_or("nothing", Value::kind))),
        },
        "sum" => list().and_then(|l| sum(&l)),
        "count" => list().and_then(|l| {
            l.iter()
                .try_fold(0_usize, |n, v| match v {
                    Value::Bool(b) => Ok(n.saturating_add(usize::from(*b))),
                    other => Err(format!("interface conversion: interface {{}} is {}, not bool", other.kind())),
                })
                .map(size)
        }),
        "first" => list().map(|l| l.first().cloned().unwrap_or_default()),
        "last" => list().map(|l| l.last().cloned().unwrap_or_default()),
        "get" => match (values.first(), values.get(1)) {
            (Some(Value::Nil), _) => Ok(Value::Nil),
            (Some(of), Some(key)) => Ok(super::eval::fetch(of, key, Span::default()).unwrap_or_default()),
            _ => Err("not enough arguments to call get".to_owned()),
        },
        "take" => list().and_then(|l| {
            let n = usize::try_from(whole(values, 1, name)?).map_err(|_| format!("cannot take {:?} elements", values.get(1)))?;
            Ok(Value::List(l.get(..n.min(l.len())).unwrap_or_default().into()))
        }),
        "reverse" => list().map(|l| l.iter().rev().cloned().collect::<Vec<_>>().into()),
        "concat" => (0..values.len())
            .map(|i| list_of(values, i, name))
            .collect::<Result<Vec<_>, _>>()
            .map(|lists| lists.iter().flat_map(|l| l.iter().cloned()).collect::<Vec<_>>().into()),
        "flatten" => list().map(|l| {
            let mut out = Vec::new();
            flatten(&l, &mut out);
            out.into()
        }),
        "uniq" => list().map(|l| {
            let mut out: Vec<Value> = Vec::new();
            for v in l.iter() {
                if !out.contains(v) {
                    out.push(v.clone());
                }
            }
            out.into()
        }),
        "sort" => list().and_then(|l| sorted(&l, values.get(1))),
        "keys" => map().map(|m| m.keys().map(|k| Value::String(k.clone())).collect::<Vec<_>>().into()),
        "values" => map().map(|m| m.values().cloned().collect::<Vec<_>>().into()),
        "toPairs" => {
            map().map(|m| m.iter().map(|(k, v)| Value::from(vec![Value::String(k.clone()), v.clone()])).collect::<Vec<_>>().into())
        }
        "fromPairs" => list().and_then(|l| {
            let mut map: Vec<(Value, Value)> = Vec::new();
            for pair in l.iter() {
                let Value::List(pair) = pair else { return Err(format!("invalid pair {pair}")) };
                let [key, value] = pair.as_ref() else { return Err(format!("invalid pair length {}", Value::List(pair.clone()))) };
                match map.iter_mut().find(|(k, _)| same_key(k, key)) {
                    Some(entry) => entry.1 = value.clone(),
                    None => map.push((key.clone(), value.clone())),
                }
            }
            Ok(Value::Pairs(map.into()))
        }),
        _ => return None,
    };
    Some(done)
}

fn flatten(list: &[Value], out: &mut Vec<Value>) {
    for value in list {
        match value {
            Value::List(inner) => flatten(inner, out),
            other => out.push(other.clone()),
        }
    }
}

/// Keys of groups: 1 and 1.0 are two.
fn same_key(a: &Value, b: &Value) -> bool {
    crate::sprig::lists::same(a, b)
}

/// Whether the order is the falling one.
fn order(order: Option<&Value>) -> Result<bool, String> {
    match order.map(Value::as_str) {
        None | Some(Some("asc")) => Ok(false),
        Some(Some("desc")) => Ok(true),
        Some(_) => Err("unknown order, use asc or desc".to_owned()),
    }
}

/// Sorts stably; values that cannot be compared are an error.
fn sort<T>(items: &mut [T], key: impl Fn(&T) -> &Value, descending: bool) -> Result<(), String> {
    let mut error = None;
    let less = |a: &Value, b: &Value| match (a, b) {
        (Value::String(x), Value::String(y)) => Ok(x.cmp(y)),
        (Value::Time(x), Value::Time(y)) => Ok(x.timestamp().cmp(&y.timestamp())),
        (Value::Duration(x), Value::Duration(y)) => Ok(x.cmp(y)),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => Ok(x.total_cmp(&y)),
            _ => Err(format!("invalid operation: {} < {}", b.kind(), a.kind())),
        },
    };
    items.sort_by(|a, b| {
        let (a, b) = if descending { (b, a) } else { (a, b) };
        less(key(a), key(b)).unwrap_or_else(|e| {
            error.get_or_insert(e);
            std::cmp::Ordering::Equal
        })
    });
    error.map_or(Ok(()), Err)
}

fn sorted(list: &[Value], by: Option<&Value>) -> Done {
    let mut out = list.to_vec();
    sort(&mut out, |v| v, order(by)?)?;
    Ok(out.into())
}
