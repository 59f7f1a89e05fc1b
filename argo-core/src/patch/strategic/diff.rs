//! Making patches.

use serde_json::{Value, json};

use super::lists::{self, Elements, key_of, sort_scalars};
use super::{DELETE_PRIMITIVES, DIRECTIVE, ELEMENT_ORDER, Object, RETAIN_KEYS, StrategicError, lookup, merge_key, same_type};
use crate::describe::{Shape, Strategy};
use crate::go;

/// What a patch is to hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// Whether lists that merge get their order (`$setElementOrder`).
    pub(super) element_order: bool,
    /// Whether nothing is removed.
    pub(super) ignore_deletions: bool,
    /// Whether nothing is added or changed.
    pub(super) ignore_additions: bool,
    /// Whether the fields that stay are listed (`$retainKeys`).
    pub(super) retain_keys: bool,
}

pub(super) fn maps(original: &Object, modified: &Object, shape: Shape, options: Options) -> Result<Object, StrategicError> {
    let mut patch = Object::new();
    for (name, new) in modified {
        let mut set = |value: &Value| {
            if !options.ignore_additions {
                patch.insert(name.clone(), value.clone());
            }
        };
        match (original.get(name), new) {
            (None, _) => set(new),
            (Some(old), _) if name == DIRECTIVE => {
                if old != new {
                    patch.insert(name.clone(), new.clone());
                }
            }
            (Some(old), _) if !same_type(old, new) => set(new),
            (Some(Value::Object(old)), Value::Object(new)) => one_map(name, old, new, &mut patch, shape, options)?,
            (Some(Value::Array(old)), Value::Array(new)) => one_list(name, old, new, &mut patch, shape, options)?,
            (Some(old), _) => {
                if old != new {
                    set(new);
                }
            }
        }
    }
    let gone = || original.iter().filter(|(name, _)| !modified.contains_key(*name));
    if !options.ignore_deletions {
        for (name, _) in gone() {
            patch.insert(name.clone(), Value::Null);
        }
    }
    if options.retain_keys {
        let kept: Vec<Value> = modified.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| Value::from(name.as_str())).collect();
        if !kept.is_empty() && (!patch.is_empty() || gone().any(|(_, value)| !value.is_null())) {
            patch.insert(RETAIN_KEYS.to_owned(), Value::Array(sort_scalars(kept)));
        }
    }
    Ok(patch)
}

fn one_map(name: &str, old: &Object, new: &Object, patch: &mut Object, shape: Shape, options: Options) -> Result<(), StrategicError> {
    let (inner, merge) = match lookup(shape, name) {
        Ok(found) => found,
        // What is the same needs no patch, known or not.
        Err(_) if old == new => return Ok(()),
        Err(error) => return Err(error),
    };
    if merge.strategy == Strategy::Replace {
        if !options.ignore_additions {
            patch.insert(name.to_owned(), Value::Object(new.clone()));
        }
        return Ok(());
    }
    let changes = maps(old, new, inner, Options { retain_keys: merge.retain_keys, ..options })?;
    if !changes.is_empty() {
        patch.insert(name.to_owned(), Value::Object(changes));
    }
    Ok(())
}

fn one_list(name: &str, old: &[Value], new: &[Value], patch: &mut Object, shape: Shape, options: Options) -> Result<(), StrategicError> {
    let (inner, merge) = match lookup(shape, name) {
        Ok(found) => found,
        Err(_) if old == new => return Ok(()),
        Err(error) => return Err(error),
    };
    let Some(key) = merge_key(merge) else {
        if old != new && !options.ignore_additions {
            patch.insert(name.to_owned(), Value::Array(new.to_vec()));
        }
        return Ok(());
    };
    let changes = list(old, new, inner, key, Options { retain_keys: merge.retain_keys, ..options })?;
    let mut put = |key: String, list: Vec<Value>| {
        if !list.is_empty() {
            patch.insert(key, Value::Array(list));
        }
    };
    put(name.to_owned(), changes.patch);
    put(format!("{DELETE_PRIMITIVES}/{name}"), changes.deleted);
    put(format!("{ELEMENT_ORDER}/{name}"), changes.order);
    Ok(())
}

#[derive(Debug, Default)]
struct ListChanges {
    patch: Vec<Value>,
    deleted: Vec<Value>,
    order: Vec<Value>,
}

fn list(old: &[Value], new: &[Value], inner: Shape, key: &str, options: Options) -> Result<ListChanges, StrategicError> {
    if old.is_empty() {
        let patch = if options.ignore_additions { Vec::new() } else { new.to_vec() };
        return Ok(ListChanges { patch, ..ListChanges::default() });
    }
    let kind = lists::elements(&[old, new])?.unwrap_or(Elements::Scalars);
    if kind == Elements::Scalars {
        let (added, deleted) = scalars(old, new, options);
        let changed = (!options.ignore_deletions && !deleted.is_empty()) || (!options.ignore_additions && old != new);
        let order = if options.element_order && changed { new.to_vec() } else { Vec::new() };
        return Ok(ListChanges { patch: lists::sort_by_order(added, new, key, kind), deleted, order });
    }
    let (changed, deleted) = list_of_maps(old, new, inner, key, options)?;
    let mut patch = lists::sort_by_order(changed, new, key, kind);
    patch.extend(deleted);
    let same_order = old.len() == new.len() && old.iter().zip(new).all(|(a, b)| a.get(key) == b.get(key));
    let content = !patch.is_empty();
    let ordered = (!options.ignore_additions && (content || !same_order)) || (!options.ignore_deletions && content);
    let mut order = Vec::new();
    if options.element_order && ordered {
        for element in new {
            order.push(json!({key: key_of(element, key)?}));
        }
    }
    Ok(ListChanges { patch, deleted: Vec::new(), order })
}

/// Values that are only in the new list, and only in the old one. Both lists are walked in the order of their texts.
fn scalars(old: &[Value], new: &[Value], options: Options) -> (Vec<Value>, Vec<Value>) {
    let (old, new) = (sort_scalars(old.to_vec()), sort_scalars(new.to_vec()));
    let (mut added, mut deleted) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(l), Some(r)) => go::print(l).cmp(&go::print(r)),
        };
        match order {
            std::cmp::Ordering::Equal => {
                left.next();
                right.next();
            }
            std::cmp::Ordering::Less => deleted.extend(left.next().filter(|_| !options.ignore_deletions)),
            std::cmp::Ordering::Greater => added.extend(right.next().filter(|_| !options.ignore_additions)),
        }
    }
    (added, lists::deduplicate(deleted))
}

/// Patches of elements that changed or are new, and directives that delete the others.
fn list_of_maps(
    old: &[Value],
    new: &[Value],
    inner: Shape,
    key: &str,
    options: Options,
) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let sorted = |list: &[Value]| {
        let mut list = list.to_vec();
        list.sort_by_cached_key(|element| element.get(key).map_or_else(|| "<nil>".to_owned(), go::print));
        list
    };
    let (mut patch, mut deleted) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (sorted(old).into_iter().peekable(), sorted(new).into_iter().peekable());
    loop {
        let text = |element: &Value| key_of(element, key).map(go::print);
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(l), None) => text(l).map(|_| std::cmp::Ordering::Less)?,
            (None, Some(r)) => text(r).map(|_| std::cmp::Ordering::Greater)?,
            (Some(l), Some(r)) => text(l)?.cmp(&text(r)?),
        };
        match order {
            std::cmp::Ordering::Equal => {
                if let (Some(Value::Object(l)), Some(Value::Object(r))) = (left.next(), right.next()) {
                    let mut changes = maps(&l, &r, inner, options)?;
                    if !changes.is_empty() {
                        changes.insert(key.to_owned(), r.get(key).cloned().unwrap_or_default());
                        patch.push(Value::Object(changes));
                    }
                }
            }
            std::cmp::Ordering::Greater => patch.extend(right.next().filter(|_| !options.ignore_additions)),
            std::cmp::Ordering::Less => {
                if let Some(gone) = left.next().filter(|_| !options.ignore_deletions) {
                    deleted.push(json!({key: key_of(&gone, key)?, DIRECTIVE: "delete"}));
                }
            }
        }
    }
    Ok((patch, deleted))
}
