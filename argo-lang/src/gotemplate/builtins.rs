//! Functions that the template language itself has.

use crate::go::print;
use crate::{Env, Value};

type Done = Result<Value, String>;

/// Names, least and most arguments.
const TABLE: [(&str, usize, usize); 17] = [
    ("and", 1, usize::MAX),
    ("or", 1, usize::MAX),
    ("not", 1, 1),
    ("len", 1, 1),
    ("index", 1, usize::MAX),
    ("call", 1, usize::MAX),
    ("print", 0, usize::MAX),
    ("printf", 1, usize::MAX),
    ("println", 0, usize::MAX),
    ("html", 0, usize::MAX),
    ("js", 0, usize::MAX),
    ("urlquery", 0, usize::MAX),
    ("eq", 1, usize::MAX),
    ("ne", 2, 2),
    ("lt", 2, 2),
    ("le", 2, 2),
    ("gt", 2, 2),
];

/// Names of the functions of the language.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, ..)| *name).chain(["ge"])
}

pub(super) fn known(name: &str) -> bool {
    name == "ge" || TABLE.iter().any(|(n, ..)| *n == name)
}

/// Least and most arguments of a function of the language.
pub(super) fn arity(name: &str) -> Option<(usize, usize)> {
    if name == "ge" {
        return Some((2, 2));
    }
    TABLE.iter().find(|(n, ..)| *n == name).map(|(_, least, most)| (*least, *most))
}

pub(super) fn truth(value: &Value) -> bool {
    !crate::sprig::empty(value)
}

pub(super) fn call(name: &str, env: &dyn Env, a: &[Value]) -> Done {
    let nil = Value::Nil;
    let first = a.first().unwrap_or(&nil);
    let second = a.get(1).unwrap_or(&nil);
    match name {
        "not" => Ok((!truth(first)).into()),
        "len" => match first {
            Value::String(s) => Ok(s.len().into()),
            Value::List(list) => Ok(list.len().into()),
            Value::Map(map) => Ok(map.len().into()),
            Value::Pairs(pairs) => Ok(pairs.len().into()),
            Value::Nil => Err("len of nil pointer".to_owned()),
            other => Err(format!("len of type {}", other.type_name())),
        },
        "index" => index(a),
        "call" => match first {
            Value::Function(function) => function.call(env, a.get(1..).unwrap_or_default()),
            Value::Nil => Err("call of nil".to_owned()),
            other => Err(format!("non-function of type {}", other.type_name())),
        },
        "print" => Ok(printed(a).into()),
        "println" => Ok((a.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ") + "\n").into()),
        "printf" => match first {
            Value::String(format) => Ok(print::printf(format, a.get(1..).unwrap_or_default()).into()),
            other => Err(format!("wrong type for value; expected string; got {}", other.type_name())),
        },
        "html" => Ok(html(&printed(a)).into()),
        "js" => Ok(js(&printed(a)).into()),
        "urlquery" => Ok(urlquery(&printed(a)).into()),
        "eq" => {
            if a.len() < 2 {
                return Err("missing argument for comparison".to_owned());
            }
            for other in a.iter().skip(1) {
                if equal(first, other)? {
                    return Ok(true.into());
                }
            }
            Ok(false.into())
        }
        "ne" => Ok((!equal(first, second)?).into()),
        "lt" => Ok(less(first, second)?.into()),
        "le" => Ok((less(first, second)? || equal(first, second)?).into()),
        "gt" => Ok((!(less(first, second)? || equal(first, second)?)).into()),
        _ => Ok((!less(first, second)?).into()),
    }
}

/// As `fmt.Sprint`: blanks stand between operands that are no texts.
fn printed(a: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in a.iter().enumerate() {
        let text = |v: Option<&Value>| v.is_some_and(|v| v.as_str().is_some());
        if i > 0 && !text(Some(value)) && !text(a.get(i - 1)) {
            out.push(' ');
        }
        out.push_str(&value.to_string());
    }
    out
}

fn index(a: &[Value]) -> Done {
    let mut item = a.first().cloned().unwrap_or_default();
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    for key in a.iter().skip(1) {
        let at = |length: usize| match key {
            Value::Int(n) => usize::try_from(*n).ok().filter(|i| *i < length).ok_or_else(|| format!("index out of range: {n}")),
            Value::Nil => Err("cannot index slice/array with nil".to_owned()),
            other => Err(format!("cannot index slice/array with type {}", other.type_name())),
        };
        item = match &item {
            Value::List(list) => list.get(at(list.len())?).cloned().unwrap_or_default(),
            Value::String(s) => Value::Int(s.as_bytes().get(at(s.len())?).copied().unwrap_or(0).into()),
            Value::Map(map) => match key {
                Value::String(key) => map.get(key).cloned().unwrap_or_default(),
                other => return Err(format!("value has type {}; should be string", other.type_name())),
            },
            Value::Pairs(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()).unwrap_or_default(),
            Value::Nil => return Err("index of nil pointer".to_owned()),
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    use Value as V;
    match (a, b) {
        (V::Nil, other) | (other, V::Nil) => Ok(matches!(other, V::Nil)),
        (V::List(_) | V::Map(_) | V::Pairs(_) | V::Function(_), _) => Err(format!("non-comparable type {a}: {}", a.type_name())),
        (_, V::List(_) | V::Map(_) | V::Pairs(_) | V::Function(_)) => Err(format!("non-comparable type {b}: {}", b.type_name())),
        (V::Int(_) | V::Duration(_), V::Float(_)) | (V::Float(_), V::Int(_) | V::Duration(_)) => Err(mismatch(a, b)),
        (V::Int(x) | V::Duration(x), V::Int(y) | V::Duration(y)) => Ok(x == y),
        _ if std::mem::discriminant(a) == std::mem::discriminant(b) => Ok(a == b),
        (V::Object(x), V::Int(y)) | (V::Int(y), V::Object(x)) if x.number().is_some() => Ok(x.number() == Some(*y)),
        _ => Err(mismatch(a, b)),
    }
}

fn mismatch(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

fn less(a: &Value, b: &Value) -> Result<bool, String> {
    use Value as V;
    match (a, b) {
        (V::Int(x) | V::Duration(x), V::Int(y) | V::Duration(y)) => Ok(x < y),
        (V::Float(x), V::Float(y)) => Ok(x < y),
        (V::String(x), V::String(y)) => Ok(x < y),
        (V::Int(_) | V::Float(_) | V::String(_) | V::Bool(_), V::Int(_) | V::Float(_) | V::String(_) | V::Bool(_))
            if std::mem::discriminant(a) != std::mem::discriminant(b) =>
        {
            Err(mismatch(a, b))
        }
        _ => Err(format!("invalid type for comparison: {}", a.type_name())),
    }
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c < ' ' || c == '\u{7f}' || (!c.is_ascii() && c.is_control()) => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn urlquery(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b' ' => "+".to_owned(),
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}
