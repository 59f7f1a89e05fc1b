//! The functions that make one value of others.

use super::ops::{self, MOST_LIST, compare, kind, shown, text, truth};
use super::{dates, formats, paths, regexes};
use crate::Value;
use crate::go::json;

type Done = Result<Value, String>;

pub(super) fn misfit(name: &str, v: &Value) -> String {
    format!("{name} cannot be applied to: {}", shown(v))
}

/// The elements of a list; an error names the function.
pub(super) fn list<'a>(name: &str, v: &'a Value) -> Result<&'a [Value], String> {
    if let Value::List(list) = v { Ok(list) } else { Err(misfit(name, v)) }
}

pub(super) fn string<'a>(name: &str, v: &'a Value) -> Result<&'a str, String> {
    v.as_str().ok_or_else(|| misfit(name, v))
}

pub(super) fn value(name: &str, v: &Value, a: &[Value], first: &Value, second: &Value) -> Done {
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
