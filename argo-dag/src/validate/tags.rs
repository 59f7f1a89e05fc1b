//! Tags in the texts of a template: put in what is known, and find what cannot be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// First parts of names that workflows define; other tags are the user's own and nobody's business.
const ROOTS: [&str; 7] = ["item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks."];
/// Names that only a run knows.
const RUNTIME: [&str; 7] =
    ["outputs.", "workflow.creationTimestamp", "workflow.scheduledTime", "workflow.duration", "tasks.name", "steps.name", "node.name"];
/// Stands in a scope for every `item.` name: the items are not known before they are made.
pub(super) const ANY_ITEM: &str = "item.*";
/// Stand in a scope for all global outputs: their names are not known.
pub(super) const ANY_GLOBAL_PARAMETER: &str = "workflow.outputs.parameters.*";
pub(super) const ANY_GLOBAL_ARTIFACT: &str = "workflow.outputs.artifacts.*";

/// Names that may be referred to.
pub(super) type Scope = BTreeSet<String>;

/// A value that stands for one that is not known yet.
pub(super) fn placeholder(n: usize) -> String {
    format!("placeholder-{n}")
}

/// Whether a text is, or holds, such a value.
pub(super) fn holds_placeholder(text: &str) -> bool {
    text.contains("placeholder-")
}

pub(super) fn is_placeholder(text: &str) -> bool {
    text.strip_prefix("placeholder-").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The next tag of a text: what stands before it, what is between the brackets, what stands after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (tag, after) = rest.split_once("}}")?;
    Some((before, tag, after))
}

/// Puts in the values that are known; the innermost of nested tags first, as upstream does. Expressions stay as they are.
pub(super) fn replace(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, tag, after)) = next(rest) {
        done.push_str(before);
        let nested = || tag.rsplit_once("{{").and_then(|(outer, inner)| Some((outer, value(inner)?)));
        if tag.starts_with('=') {
            done.push_str(&format!("{{{{{tag}}}}}"));
        } else if let Some(known) = value(tag.trim()) {
            done.push_str(&known);
        } else if let Some((outer, known)) = nested() {
            done.push_str(&format!("{{{{{outer}{known}"));
        } else {
            done.push_str(&format!("{{{{{tag}}}}}"));
        }
        rest = after;
    }
    done.push_str(rest);
    done
}

/// Puts known values into every text of a template, keys included. An inline template's own inputs hide those of the template it stands in.
pub(super) fn fill(template: &mut Value, value: &dyn Fn(&str) -> Option<String>) {
    fill_below(template, value, &mut Vec::new());
}

fn fill_below(at: &mut Value, value: &dyn Fn(&str) -> Option<String>, hidden: &mut Vec<String>) {
    let change = |text: &str, hidden: &[String]| {
        let visible = |name: &str| if hidden.iter().any(|h| h == name) { None } else { value(name) };
        replace(text, &visible)
    };
    match at {
        Value::String(text) if text.contains("{{") => *text = change(text, hidden),
        Value::Array(list) => list.iter_mut().for_each(|v| fill_below(v, value, hidden)),
        Value::Object(map) => {
            if map.keys().any(|k| k.contains("{{")) {
                *map = std::mem::take(map).into_iter().map(|(k, v)| (change(&k, hidden), v)).collect();
            }
            for (key, inner) in map.iter_mut() {
                let before = hidden.len();
                if key == "inline" {
                    let inputs = inner.pointer("/inputs/parameters").and_then(Value::as_array).into_iter().flatten();
                    let names = inputs.filter_map(|p| p.get("name").and_then(Value::as_str));
                    hidden.extend(names.map(|n| format!("inputs.parameters.{n}")));
                }
                fill_below(inner, value, hidden);
                hidden.truncate(before);
            }
        }
        _ => {}
    }
}

/// The tags of a value that cannot be resolved, each once, in the order of the fields.
pub(super) fn unresolved(value: &Value, scopes: &[&Scope], globals: &BTreeMap<String, String>, is_template: bool) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut |text| {
        let mut rest = text;
        while let Some((_, tag, after)) = next(rest) {
            let tag = tag.to_owned();
            if !tag.starts_with('=') && !is_known(&tag, scopes, globals, is_template) && !found.contains(&tag) {
                found.push(tag);
            }
            rest = after;
        }
    });
    found
}

fn collect(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(list) => list.iter().for_each(|v| collect(v, see)),
        Value::Object(map) => map.iter().filter(|(k, _)| *k != "inline").for_each(|(k, v)| {
            see(k);
            collect(v, see);
        }),
        _ => {}
    }
}

fn is_known(tag: &str, scopes: &[&Scope], globals: &BTreeMap<String, String>, is_template: bool) -> bool {
    let name = tag.trim();
    if !ROOTS.iter().any(|root| name.starts_with(root)) || scopes.iter().any(|s| s.contains(name)) || globals.contains_key(name) {
        return true;
    }
    let any = |root: &str, all: &str| name.starts_with(root) && scopes.iter().any(|s| s.contains(all));
    any("item.", ANY_ITEM)
        || any("workflow.outputs.parameters.", ANY_GLOBAL_PARAMETER)
        || any("workflow.outputs.artifacts.", ANY_GLOBAL_ARTIFACT)
        || RUNTIME.iter().any(|known| name.starts_with(known))
        || (is_template && name.starts_with("workflow.parameters"))
}
