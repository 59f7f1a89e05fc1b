//! Lists, defaults and kinds.

use super::args::{any, empty, int, tail};
use super::strings::{entry, list};
use super::{Done, Entry, MOST_SIZE};
use crate::{Env, Value};

pub(super) const TABLE: &[Entry] = &[
    entry("list", "a*", |_, a| Ok(a.to_vec().into())),
    entry("tuple", "a*", |_, a| Ok(a.to_vec().into())),
    entry("append", "aa", push),
    entry("mustAppend", "aa", push),
    entry("push", "aa", push),
    entry("mustPush", "aa", push),
    entry("prepend", "aa", prepend),
    entry("mustPrepend", "aa", prepend),
    entry("first", "a", |_, a| Ok(items(a, 0, "find first on type")?.first().cloned().unwrap_or_default())),
    entry("mustFirst", "a", |_, a| Ok(items(a, 0, "find first on type")?.first().cloned().unwrap_or_default())),
    entry("last", "a", |_, a| Ok(items(a, 0, "find last on type")?.last().cloned().unwrap_or_default())),
    entry("mustLast", "a", |_, a| Ok(items(a, 0, "find last on type")?.last().cloned().unwrap_or_default())),
    entry("rest", "a", rest),
    entry("mustRest", "a", rest),
    entry("initial", "a", initial),
    entry("mustInitial", "a", initial),
    entry("reverse", "a", reverse),
    entry("mustReverse", "a", reverse),
    entry("uniq", "a", uniq),
    entry("mustUniq", "a", uniq),
    entry("without", "aa*", without),
    entry("mustWithout", "aa*", without),
    entry("has", "aa", has),
    entry("mustHas", "aa", has),
    entry("compact", "a", compact),
    entry("mustCompact", "a", compact),
    entry("slice", "ai*", slice),
    entry("mustSlice", "ai*", slice),
    entry("concat", "a*", concat),
    entry("chunk", "ia", chunk),
    entry("mustChunk", "ia", chunk),
    entry("default", "aa*", |_, a| Ok(a.get(1).filter(|v| !empty(v)).unwrap_or(any(a, 0)).clone())),
    entry("empty", "a", |_, a| Ok(empty(any(a, 0)).into())),
    entry("coalesce", "a*", |_, a| Ok(a.iter().find(|v| !empty(v)).cloned().unwrap_or_default())),
    entry("all", "a*", |_, a| Ok((!a.iter().any(empty)).into())),
    entry("any", "a*", |_, a| Ok(a.iter().any(|v| !empty(v)).into())),
    entry("typeOf", "a", |_, a| Ok(any(a, 0).type_name().into())),
    entry("typeIs", "sa", |_, a| Ok((any(a, 0).as_str() == Some(any(a, 1).type_name())).into())),
    entry("typeIsLike", "sa", |_, a| {
        let name = any(a, 1).type_name();
        Ok((any(a, 0).as_str().is_some_and(|s| s == name || s == format!("*{name}"))).into())
    }),
    entry("kindOf", "a", |_, a| Ok(kind(any(a, 0)).into())),
    entry("kindIs", "sa", |_, a| Ok((any(a, 0).as_str() == Some(kind(any(a, 1)))).into())),
    entry("deepEqual", "aa", |_, a| Ok(same(any(a, 0), any(a, 1)).into())),
    entry("deepCopy", "a", |_, a| Ok(any(a, 0).clone())),
    entry("mustDeepCopy", "a", |_, a| Ok(any(a, 0).clone())),
];

fn items<'a>(a: &'a [Value], index: usize, what: &str) -> Result<&'a [Value], String> {
    match a.get(index) {
        Some(Value::List(list)) => Ok(list),
        other => Err(format!("Cannot {what} {}", kind(other.unwrap_or(&Value::Nil)))),
    }
}

/// The kind as Go's reflection names it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::List(_) => "slice",
        Value::Map(_) | Value::Pairs(_) => "map",
        Value::Time(_) => "struct",
        Value::Duration(_) => "int64",
        Value::Object(object) if object.number().is_some() => "int",
        Value::Object(object) if object.type_name().starts_with('*') => "ptr",
        other => other.kind(),
    }
}

/// Equal and of the same kind: 1 and 1.0 are not.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        (Value::List(x), Value::List(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| same(x, y)),
        (Value::Map(x), Value::Map(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|((k, x), (l, y))| k == l && same(x, y)),
        _ => a == b,
    }
}

fn push(_: &dyn Env, a: &[Value]) -> Done {
    let mut out = items(a, 0, "push on type")?.to_vec();
    out.push(any(a, 1).clone());
    Ok(out.into())
}

fn prepend(_: &dyn Env, a: &[Value]) -> Done {
    let mut out = vec![any(a, 1).clone()];
    out.extend_from_slice(items(a, 0, "prepend on type")?);
    Ok(out.into())
}

fn rest(_: &dyn Env, a: &[Value]) -> Done {
    Ok(items(a, 0, "find rest on type")?.iter().skip(1).cloned().collect::<Vec<_>>().into())
}

fn initial(_: &dyn Env, a: &[Value]) -> Done {
    let list = items(a, 0, "find initial on type")?;
    Ok(list.get(..list.len().saturating_sub(1)).unwrap_or_default().to_vec().into())
}

fn reverse(_: &dyn Env, a: &[Value]) -> Done {
    Ok(items(a, 0, "find reverse on type")?.iter().rev().cloned().collect::<Vec<_>>().into())
}

fn uniq(_: &dyn Env, a: &[Value]) -> Done {
    let mut out: Vec<Value> = Vec::new();
    for value in items(a, 0, "find uniq on type")? {
        if !out.iter().any(|v| same(v, value)) {
            out.push(value.clone());
        }
    }
    Ok(out.into())
}

fn without(_: &dyn Env, a: &[Value]) -> Done {
    let omit = tail(a, 1);
    Ok(list(items(a, 0, "find without on type")?.iter().filter(|v| !omit.iter().any(|o| same(o, v))).cloned()))
}

fn has(_: &dyn Env, a: &[Value]) -> Done {
    if matches!(a.get(1), Some(Value::Nil)) {
        return Ok(false.into());
    }
    let needle = any(a, 0);
    Ok(items(a, 1, "find has on type")?.iter().any(|v| same(v, needle)).into())
}

fn compact(_: &dyn Env, a: &[Value]) -> Done {
    Ok(list(items(a, 0, "compact on type")?.iter().filter(|v| !empty(v)).cloned()))
}

fn slice(_: &dyn Env, a: &[Value]) -> Done {
    let Some(Value::List(list)) = a.first() else {
        return Err(format!("list should be type of slice or array but {}", kind(any(a, 0))));
    };
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let at = |i: usize, default: usize| match a.get(i) {
        Some(_) => usize::try_from(int(a, i)).unwrap_or(usize::MAX),
        None => default,
    };
    list.get(at(1, 0)..at(2, list.len()))
        .map(|part| part.to_vec().into())
        .ok_or_else(|| "reflect.Value.Slice: slice index out of bounds".to_owned())
}

fn concat(_: &dyn Env, a: &[Value]) -> Done {
    let mut out = Vec::new();
    for i in 0..a.len() {
        let part = items(a, i, "concat type").map_err(|e| format!("{e} as list"))?;
        if out.len().saturating_add(part.len()) > MOST_SIZE {
            return Err("the list is too long".to_owned());
        }
        out.extend_from_slice(part);
    }
    Ok(out.into())
}

fn chunk(_: &dyn Env, a: &[Value]) -> Done {
    let size = usize::try_from(int(a, 0)).ok().filter(|n| *n > 0).ok_or("runtime error: makeslice: len out of range")?;
    Ok(list(items(a, 1, "chunk type")?.chunks(size).map(|c| c.to_vec().into())))
}
