//! Maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::args::{any, dict, empty, shown, tail, text};
use super::strings::{entry, list};
use super::{Done, Entry};
use crate::{Env, Value};

/// Deepest merge.
const MOST_DEPTH: usize = 100;

type Dict = BTreeMap<Arc<str>, Value>;

pub(super) const TABLE: &[Entry] = &[
    entry("dict", "a*", |_, a| {
        Ok(Value::map(a.chunks(2).map(|pair| (shown(any(pair, 0)), pair.get(1).cloned().unwrap_or_else(|| "".into())))))
    }),
    entry("get", "ms", |_, a| Ok(dict(a, 0).get(text(a, 1)).cloned().unwrap_or_else(|| "".into()))),
    entry("set", "msa", |_, a| {
        let mut map = dict(a, 0);
        Arc::make_mut(&mut map).insert(text(a, 1).into(), any(a, 2).clone());
        Ok(Value::Map(map))
    }),
    entry("unset", "ms", |_, a| {
        let mut map = dict(a, 0);
        Arc::make_mut(&mut map).remove(text(a, 1));
        Ok(Value::Map(map))
    }),
    entry("hasKey", "ms", |_, a| Ok(dict(a, 0).contains_key(text(a, 1)).into())),
    entry("pluck", "sm*", |_, a| Ok(list((1..a.len()).filter_map(|i| dict(a, i).get(text(a, 0)).cloned())))),
    entry("keys", "m*", |_, a| Ok(list((0..a.len()).flat_map(|i| dict(a, i).keys().cloned().map(Value::String).collect::<Vec<_>>())))),
    entry("values", "m", |_, a| Ok(list(dict(a, 0).values().cloned()))),
    entry("pick", "ms*", |_, a| {
        let map = dict(a, 0);
        Ok(Value::map((1..a.len()).filter_map(|i| map.get_key_value(text(a, i)).map(|(k, v)| (k.clone(), v.clone())))))
    }),
    entry("omit", "ms*", |_, a| {
        let mut map = dict(a, 0);
        for i in 1..a.len() {
            Arc::make_mut(&mut map).remove(text(a, i));
        }
        Ok(Value::Map(map))
    }),
    entry("merge", "mm*", |_, a| merge_all(a, false)),
    entry("mustMerge", "mm*", |_, a| merge_all(a, false)),
    entry("mergeOverwrite", "mm*", |_, a| merge_all(a, true)),
    entry("mustMergeOverwrite", "mm*", |_, a| merge_all(a, true)),
    entry("dig", "a*", dig),
];

fn merge_all(a: &[Value], overwrite: bool) -> Done {
    let mut into = dict(a, 0);
    for i in 1..a.len() {
        merge(Arc::make_mut(&mut into), &dict(a, i), overwrite, 0)?;
    }
    Ok(Value::Map(into))
}

fn merge(into: &mut Dict, from: &Dict, overwrite: bool, depth: usize) -> Result<(), String> {
    if depth > MOST_DEPTH {
        return Err("maps are nested too deeply".to_owned());
    }
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Map(ours)), Value::Map(theirs)) => merge(Arc::make_mut(ours), theirs, overwrite, depth + 1)?,
            (Some(ours), _) => {
                if overwrite || empty(ours) {
                    *ours = value.clone();
                }
            }
            (None, _) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

fn dig(_: &dyn Env, a: &[Value]) -> Done {
    let [path @ .., default, map] = tail(a, 0) else { return Err("dig needs at least three arguments".to_owned()) };
    if path.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let mut at = map;
    for key in path {
        let Value::Map(map) = at else {
            return Err(format!("interface conversion: interface {{}} is {}, not map[string]interface {{}}", at.kind()));
        };
        let Value::String(key) = key else {
            return Err(format!("interface conversion: interface {{}} is {}, not string", key.kind()));
        };
        match map.get(key) {
            Some(value) => at = value,
            None => return Ok(default.clone()),
        }
    }
    Ok(at.clone())
}
