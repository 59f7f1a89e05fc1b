//! Loops: the items of `withItems`, `withParam` and `withSequence`, and the names of the nodes that run them.

use argo_core::meta::IntOrString;
use argo_core::workflows::Sequence;
use argo_lang::tags::Policy;
use serde_json::Value;

use super::calls::Items;
use super::scope::{Layer, Layers, text};

/// Most items of one loop: a mistyped sequence must end in an error, not in an exhausted machine.
const MOST_ITEMS: u64 = 1_000_000;

/// One turn of a loop: how it is named, and what `item` means in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) suffix: String,
    pub(super) names: Layer,
}

/// The turns of a call; none where it runs once.
pub(super) fn turns(items: &Items, scope: &Layers<'_>) -> Result<Option<Vec<Turn>>, String> {
    let values = match items {
        Items::Once => return Ok(None),
        Items::List(list) => match list.render(scope, Policy::RefuseReferences).map_err(|e| e.to_string())? {
            Value::Array(list) => list,
            other => vec![other],
        },
        Items::Param(param) => {
            let rendered = param.render(scope, Policy::RefuseReferences).map_err(|e| e.to_string())?;
            let source = rendered.as_str().unwrap_or_default();
            serde_json::from_str::<Vec<Value>>(source)
                .map_err(|_| format!("withParam value could not be parsed as a JSON list: {}: {}", source.trim(), go_json_error(source)))?
        }
        Items::Sequence(sequence) => {
            let rendered = sequence.render(scope, Policy::RefuseReferences).map_err(|e| e.to_string())?;
            let sequence: Sequence = serde_json::from_value(rendered).map_err(|e| e.to_string())?;
            numbers(&sequence)?
        }
    };
    Ok(Some(values.into_iter().enumerate().map(|(index, value)| turn(index, value)).collect()))
}

fn turn(index: usize, value: Value) -> Turn {
    let mut names = Layer::new();
    let description = match &value {
        Value::String(item) => {
            names.insert("item".to_owned(), text(item.as_str()));
            item.clone()
        }
        Value::Object(map) => {
            let mut parts = Vec::new();
            for (key, value) in map {
                let shown = plain(value);
                parts.push(format!("{key}:{shown}"));
                names.insert(format!("item.{key}"), text(shown));
            }
            names.insert("item".to_owned(), text(value.to_string()));
            parts.sort();
            parts.join(",")
        }
        Value::Array(list) => {
            names.insert("item".to_owned(), text(value.to_string()));
            format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(" "))
        }
        other => {
            names.insert("item".to_owned(), text(other.to_string()));
            other.to_string()
        }
    };
    let description: String = description.chars().filter(|c| !matches!(c, '(' | ')')).collect();
    Turn { suffix: format!("({index}:{description})"), names }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn number(value: Option<&IntOrString>, what: &str) -> Result<Option<i64>, String> {
    match value {
        None => Ok(None),
        Some(IntOrString::Int(n)) => Ok(Some(*n)),
        Some(IntOrString::String(text)) => {
            text.trim().parse().map(Some).map_err(|_| format!("withSequence {what} is {text:?}, not a whole number"))
        }
    }
}

/// The numbers of a sequence, formatted; it goes down where it ends below its start.
fn numbers(sequence: &Sequence) -> Result<Vec<Value>, String> {
    let start = number(sequence.start.as_ref(), "start")?.unwrap_or(0);
    let end = match (number(sequence.count.as_ref(), "count")?, number(sequence.end.as_ref(), "end")?) {
        (Some(count), _) if count <= 0 => return Ok(Vec::new()),
        (Some(count), _) => start.saturating_add(count.saturating_sub(1)),
        (None, Some(end)) => end,
        (None, None) => return Err("must have end or count in withSequence".to_owned()),
    };
    if start.abs_diff(end) >= MOST_ITEMS {
        return Err(format!("withSequence from {start} to {end} has more than {MOST_ITEMS} items"));
    }
    let format = if sequence.format.is_empty() { "%d" } else { &sequence.format };
    let print = |n: i64| argo_lang::sequence::format(format, n).map(Value::from).map_err(|e| e.to_string());
    if start <= end { (start..=end).map(print).collect() } else { (end..=start).rev().map(print).collect() }
}

/// What Go's decoder says of a text that is no JSON; clients show it to users.
pub(super) fn go_json_error(source: &str) -> String {
    let trimmed = source.trim_start();
    let Some(first) = trimmed.chars().next() else { return "unexpected end of JSON input".to_owned() };
    for word in ["null", "true", "false"] {
        if word.starts_with(first) {
            for (i, expected) in word.char_indices().skip(1) {
                match trimmed.chars().nth(i) {
                    Some(c) if c == expected => {}
                    Some(c) => return format!("invalid character '{c}' in literal {word} (expecting '{expected}')"),
                    None => return "unexpected end of JSON input".to_owned(),
                }
            }
            return match trimmed.get(word.len()..).unwrap_or_default().trim_start().chars().next() {
                Some(c) => format!("invalid character '{c}' after top-level value"),
                None => {
                    format!("json: cannot unmarshal {} into Go value of type []v1alpha1.Item", if word == "null" { "null" } else { "bool" })
                }
            };
        }
    }
    match serde_json::from_str::<Value>(source) {
        Ok(Value::Object(_)) => "json: cannot unmarshal object into Go value of type []v1alpha1.Item".to_owned(),
        Ok(Value::String(_)) => "json: cannot unmarshal string into Go value of type []v1alpha1.Item".to_owned(),
        Ok(Value::Number(_)) => "json: cannot unmarshal number into Go value of type []v1alpha1.Item".to_owned(),
        Ok(_) => "it is no list of items".to_owned(),
        Err(e) if e.is_eof() => "unexpected end of JSON input".to_owned(),
        Err(_) if first.is_ascii_digit() || matches!(first, '[' | '{' | '"' | '-') => {
            let rest = trimmed.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
            match rest.chars().next() {
                Some(c) if first.is_ascii_digit() => format!("invalid character '{c}' after top-level value"),
                _ => "it is no valid JSON".to_owned(),
            }
        }
        Err(_) => format!("invalid character '{first}' looking for beginning of value"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::doc::Doc;
    use super::*;

    fn suffixes(items: &Items) -> Vec<String> {
        turns(items, &Layers::at(vec![], None)).unwrap().unwrap().into_iter().map(|t| t.suffix).collect()
    }

    #[test]
    fn items_are_named_as_upstream_names_them() {
        let list = Items::List(Doc::parse(json!(["a(b)", 2.5, true, {"k": "b", "v": [1, 2]}, ["x", 1]])));
        assert_eq!(suffixes(&list), ["(0:ab)", "(1:2.5)", "(2:true)", "(3:k:b,v:[1,2])", "(4:[x 1])"]);
        let down = Items::Sequence(Doc::parse(json!({"start": "3", "end": 1, "format": "n%02d"})));
        assert_eq!(suffixes(&down), ["(0:n03)", "(1:n02)", "(2:n01)"]);
        assert!(suffixes(&Items::Sequence(Doc::parse(json!({"count": "0"})))).is_empty());
    }

    #[test]
    fn a_parameter_that_is_no_list_is_an_error_in_gos_words() {
        let param = Items::Param(Doc::parse(json!("nope")));
        assert_eq!(
            turns(&param, &Layers::at(vec![], None)).unwrap_err(),
            "withParam value could not be parsed as a JSON list: nope: invalid character 'o' in literal null (expecting 'u')"
        );
    }
}
