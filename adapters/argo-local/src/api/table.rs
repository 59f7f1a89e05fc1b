//! Tables: what `kubectl get` prints.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::crd::Column;
use super::{json, render};

/// The columns of built-in kinds after the name, by plural; made by `tools/k8s_columns.py`, which explains the form.
static COLUMNS: LazyLock<BTreeMap<&'static str, Vec<Value>>> = LazyLock::new(|| {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut columns: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for line in include_str!("columns.txt").lines() {
        let mut words = line.splitn(5, '|');
        let mut word = || words.next().unwrap_or_default();
        let (plural, name, kind, priority, text) = (word(), word(), word(), word(), word());
        let description = text.strip_prefix('&').map_or_else(|| text.replace("\\n", "\n"), |of| known.get(of).cloned().unwrap_or_default());
        if plural == "meta" {
            known.insert(name, description.clone());
        }
        let format = if name == "Name" { "name" } else { "" };
        let column = column(name, kind, format, &description, priority.parse().unwrap_or(0));
        columns.entry(plural).or_default().push(column);
    }
    columns
});

/// What every table has: the column of the name, and that of the age.
fn common(name: &str) -> Value {
    let found = COLUMNS.get("meta").into_iter().flatten().find(|c| json::text(c, &["name"]) == name);
    found.cloned().unwrap_or_default()
}

/// The table of some objects.
pub(crate) fn of(ask: &Ask, objects: &[Value], metadata: Value, beta: bool, heads: bool) -> Value {
    let custom: Option<Vec<Column>> = ask.served().and_then(|v| v.custom.as_ref()).map(|c| c.columns.clone());
    let columns = match &custom {
        Some(columns) if !columns.is_empty() => columns
            .iter()
            .map(|c| {
                let description = if c.description.is_empty() {
                    format!("Custom resource definition column (in JSONPath format): {}", c.path)
                } else {
                    c.description.clone()
                };
                column(&c.name, &c.kind, &c.format, &description, c.priority)
            })
            .collect::<Vec<_>>(),
        Some(_) => {
            let mut age = common("Age");
            json::map(&mut age).insert("type".to_owned(), "date".into());
            vec![age]
        }
        None => COLUMNS.get(ask.resource.plural.as_str()).cloned().unwrap_or_else(|| vec![common("Age")]),
    };
    let include = ask.query.text("includeObject");
    // Events are told apart by what they are about; their names come last.
    let named = ask.resource.plural != "events" || custom.is_some();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut cells = if named { vec![json!(json::meta(object, "name"))] } else { Vec::new() };
            match &custom {
                Some(columns) if !columns.is_empty() => cells.extend(columns.iter().map(|c| custom_cell(c, object, ask.now))),
                Some(_) => cells.push(created(object, ask.now)),
                None => cells.extend(super::columns::cells(&ask.resource.plural, object, ask.now)),
            }
            match include {
                "None" => json!({"cells": cells, "object": null}),
                "Object" => json!({"cells": cells, "object": render::stamped(object.clone(), &ask.api_version(), &ask.resource.kind)}),
                _ => json!({"cells": cells, "object": render::partial(object, beta)}),
            }
        })
        .collect();
    let mut all = if named { vec![common("Name")] } else { Vec::new() };
    all.extend(columns);
    let heads = if heads { json!(all) } else { Value::Null };
    let api_version = if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
    json!({"kind": "Table", "apiVersion": api_version, "metadata": metadata, "columnDefinitions": heads, "rows": rows})
}
fn column(name: &str, kind: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": description, "priority": priority})
}

/// How long ago an object was created.
pub(crate) fn created(object: &Value, now: Timestamp) -> Value {
    age(json::meta(object, "creationTimestamp"), now).into()
}

/// How long ago a time was, as kubectl writes it.
pub(crate) fn age(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => duration(now.as_second().saturating_sub(time.as_second())),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration as kubectl writes it: two units while they are small.
pub(crate) fn duration(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

fn custom_cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let found = select(object, &column.path);
    let Some(first) = found.first() else { return Value::Null };
    match column.kind.as_str() {
        "integer" => first.as_i64().map_or(Value::Null, Into::into),
        "number" => first.as_f64().map_or(Value::Null, |_| (*first).clone()),
        "boolean" => first.as_bool().map_or(Value::Null, Into::into),
        "date" => first.as_str().map_or(Value::Null, |t| age(t, now).into()),
        _ => {
            // As upstream: the first of what is found.
            first.as_str().map_or_else(|| first.to_string(), str::to_owned).into()
        }
    }
}

/// The values at a path such as `.a.b[0].c`, `.a['x.y']` or `.a[*].b`.
pub(crate) fn select<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut current = vec![object];
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let Some((inside, after)) = after.split_once(']') else { return Vec::new() };
            rest = after;
            let name = inside.trim_matches(['\'', '"']);
            current = current
                .into_iter()
                .flat_map(|value| -> Vec<&Value> {
                    match (inside, value) {
                        ("*", Value::Array(list)) => list.iter().collect(),
                        ("*", Value::Object(map)) => map.values().collect(),
                        (_, Value::Array(list)) => inside.parse::<usize>().ok().and_then(|i| list.get(i)).into_iter().collect(),
                        (_, Value::Object(_)) => value.get(name).into_iter().collect(),
                        _ => Vec::new(),
                    }
                })
                .collect();
            continue;
        }
        rest = rest.trim_start_matches('.');
        let mut name = String::new();
        let mut chars = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    if let Some((_, escaped)) = chars.next() {
                        name.push(escaped);
                    }
                }
                '.' | '[' => {
                    end = at;
                    break;
                }
                c => name.push(c),
            }
        }
        rest = rest.get(end..).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        current = current.into_iter().filter_map(|value| value.get(name.as_str())).collect();
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, text) in [(5, "5s"), (119, "119s"), (125, "2m5s"), (660, "11m"), (10_800, "3h"), (172_800, "2d"), (700_000, "8d")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn paths() {
        let object = json!({"a": {"b": [{"c": 1}, {"c": 2}], "x.y": 3}});
        assert_eq!(select(&object, ".a.b[*].c"), [&json!(1), &json!(2)]);
        assert_eq!(select(&object, ".a['x.y']"), [&json!(3)]);
        assert_eq!(select(&object, ".a.x\\.y"), [&json!(3)]);
        assert!(select(&object, ".a.z").is_empty());
    }
}
