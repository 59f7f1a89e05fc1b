//! Applying a patch to a document, and to another patch.

use serde_json::Value;

use super::lists::{self, Elements, Index, key_of};
use super::{DELETE_PRIMITIVES, DIRECTIVE, ELEMENT_ORDER, Object, RETAIN_KEYS, StrategicError, lookup, merge_key, same_type};
use crate::describe::{Shape, Strategy};
use crate::go;

/// What a patch is merged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A document: directives are carried out.
    Apply,
    /// Another patch: directives are kept.
    Combine,
}

pub(super) fn map(original: Object, patch: Object, shape: Shape, mode: Mode) -> Result<Object, StrategicError> {
    let (mut original, mut patch) = (original, patch);
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Object::new()),
            _ => {
                let shown = go::print(&directive);
                patch.insert(DIRECTIVE.to_owned(), directive);
                Err(StrategicError::Directive { directive: shown, map: go::print_map(&patch) })
            }
        };
    }
    retain_keys(&mut original, &mut patch, mode)?;
    ordered_lists(&mut original, &mut patch, shape, mode)?;
    for (name, change) in patch {
        let deletes = name.starts_with(DELETE_PRIMITIVES);
        let key = match name.strip_prefix(DELETE_PRIMITIVES) {
            Some(_) if mode == Mode::Combine => {
                original.insert(name, change);
                continue;
            }
            Some(rest) => rest.strip_prefix('/').ok_or(StrategicError::PrimitiveList)?.to_owned(),
            None => name,
        };
        if change.is_null() {
            original.remove(&key);
            if mode == Mode::Combine {
                original.insert(key, change);
            }
            continue;
        }
        let merged = match (original.remove(&key), change) {
            (Some(old), change) if !same_type(&old, &change) => fresh(change, deletes, mode).or_else(|| deletes.then_some(old)),
            (None, change) => fresh(change, deletes, mode),
            (Some(Value::Object(old)), Value::Object(change)) => {
                let (inner, merge) = lookup(shape, &key)?;
                Some(Value::Object(if merge.strategy == Strategy::Replace { change } else { map(old, change, inner, mode)? }))
            }
            (Some(Value::Array(old)), Value::Array(change)) => {
                let (inner, merge) = lookup(shape, &key)?;
                Some(Value::Array(match (merge_key(merge), deletes) {
                    (None, false) => change,
                    (merge_key, _) => list(old, change, inner, merge_key.unwrap_or(""), mode, deletes)?,
                }))
            }
            (Some(_), change) => Some(change),
        };
        if let Some(merged) = merged {
            original.insert(key, merged);
        }
    }
    Ok(original)
}

/// What is stored for a value that the original does not have.
fn fresh(mut change: Value, deletes: bool, mode: Mode) -> Option<Value> {
    if deletes {
        return None;
    }
    if mode == Mode::Apply {
        drop_nulls(&mut change);
        return without_directives(change);
    }
    Some(change)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The value without maps that carry a directive.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.contains_key(DIRECTIVE) {
                return None;
            }
            Some(Value::Object(map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?))).collect()))
        }
        Value::Array(list) => Some(list.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}

fn retain_keys(original: &mut Object, patch: &mut Object, mode: Mode) -> Result<(), StrategicError> {
    let Some(kept) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    if mode == Mode::Combine {
        return match original.get(RETAIN_KEYS) {
            Some(other) if *other != kept => Err(StrategicError::RetainKeys),
            _ => {
                original.insert(RETAIN_KEYS.to_owned(), kept);
                Ok(())
            }
        };
    }
    let Value::Array(kept) = kept else { return Err(StrategicError::RetainKeys) };
    let keeps = |key: &str| kept.iter().any(|k| k.as_str() == Some(key));
    let is_directive = |key: &str| key.starts_with(DELETE_PRIMITIVES) || key.starts_with(ELEMENT_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_directive(key) && !keeps(key)) {
        return Err(StrategicError::RetainKeys);
    }
    original.retain(|key, _| keeps(key));
    Ok(())
}

/// Merges the lists for which the patch gives an order, and takes them out of the patch.
fn ordered_lists(original: &mut Object, patch: &mut Object, shape: Shape, mode: Mode) -> Result<(), StrategicError> {
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.remove(&directive) else { continue };
        let name = directive.strip_prefix(ELEMENT_ORDER).and_then(|rest| rest.strip_prefix('/')).ok_or(StrategicError::ElementOrder)?;
        if mode == Mode::Combine {
            match original.get(&directive) {
                Some(other) if *other != order => return Err(StrategicError::ElementOrder),
                Some(_) => {}
                None => {
                    original.insert(directive.clone(), order.clone());
                }
            }
        }
        let Value::Array(order) = order else { return Err(StrategicError::ElementOrder) };
        let array = |value: Option<&Value>| match value {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list.clone())),
            Some(_) => Err(StrategicError::ElementOrder),
        };
        let (old, change) = (array(original.get(name))?, array(patch.get(name))?);
        let (inner, merge) = lookup(shape, name)?;
        let key = merge_key(merge).unwrap_or("");
        check_order(change.as_deref().unwrap_or_default(), &order, key)?;
        let server_order = old.clone().unwrap_or_default();
        let merged = match (old, change) {
            (None, None) => continue,
            (Some(old), None) => old,
            (None, Some(change)) => match without_directives(Value::Array(change)) {
                Some(Value::Array(list)) => list,
                _ => continue,
            },
            (Some(old), Some(change)) if merge_key(merge).is_some() => list(old, change, inner, key, mode, false)?,
            (Some(_), Some(change)) => change,
        };
        let kind = lists::elements(&[&merged, &order])?.unwrap_or(Elements::Scalars);
        let (named, others) = lists::partition(merged, &order, key)?;
        let both = lists::interleave(named, others, &order, &server_order, key, kind);
        patch.remove(name);
        original.insert(name.to_owned(), Value::Array(both));
    }
    Ok(())
}

/// The elements of a patch list must stand in the order that is given for them.
fn check_order(change: &[Value], order: &[Value], key: &str) -> Result<(), StrategicError> {
    let wanted: Vec<&Value> = change.iter().filter(|element| key.is_empty() || element.get(DIRECTIVE).is_none()).collect();
    let mut rest = wanted.iter().peekable();
    for next in order {
        if rest.peek().is_some_and(|element| lists::identity(element, key) == lists::identity(next, key)) {
            rest.next();
        }
    }
    if rest.peek().is_none() {
        return Ok(());
    }
    Err(StrategicError::OrderMismatch { patch: go::print(&Value::Array(change.to_vec())), order: go::print(&Value::Array(order.to_vec())) })
}

fn list(old: Vec<Value>, change: Vec<Value>, inner: Shape, key: &str, mode: Mode, deletes: bool) -> Result<Vec<Value>, StrategicError> {
    let Some(kind) = lists::elements(&[&old, &change])? else { return Ok(old) };
    if kind == Elements::Scalars {
        if deletes && mode == Mode::Apply {
            let gone = Index::new(&change, "");
            return Ok(old.into_iter().filter(|value| gone.position(value).is_none()).collect());
        }
        let server_order = old.clone();
        let merged = lists::deduplicate(old.into_iter().chain(change.iter().cloned()).collect());
        let (named, others) = lists::partition(merged, &change, "")?;
        return Ok(lists::interleave(named, others, &change, &server_order, "", kind));
    }
    if key.is_empty() {
        return Err(StrategicError::NoKey(inner.type_name()));
    }
    let (old, change) = special_elements(old, change, key)?;
    let server_order = old.clone();
    let mut merged = old;
    let mut index = Index::new(&merged, key);
    for element in &change {
        key_of(element, key)?;
        match index.position(element) {
            Some(at) => {
                if let (Some(slot), Value::Object(patch)) = (merged.get_mut(at), element) {
                    let previous = match slot.take() {
                        Value::Object(previous) => previous,
                        _ => Object::new(),
                    };
                    *slot = Value::Object(map(previous, patch.clone(), inner, mode)?);
                }
            }
            None => {
                index.insert(element, merged.len());
                merged.push(element.clone());
            }
        }
    }
    let (named, others) = lists::partition(merged, &change, key)?;
    Ok(lists::interleave(named, others, &change, &server_order, key, kind))
}

/// Carries out `$patch` in the elements of a list, and takes those elements out.
fn special_elements(old: Vec<Value>, change: Vec<Value>, key: &str) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let (mut old, mut plain, mut replace) = (old, Vec::new(), false);
    for element in change {
        let Value::Object(map) = &element else { continue };
        match map.get(DIRECTIVE).map(|d| (d, d.as_str())) {
            None => plain.push(element),
            Some((_, Some("delete"))) => {
                let gone = key_of(&element, key)?;
                old.retain(|other| other.get(key) != Some(gone));
            }
            Some((_, Some("replace"))) => replace = true,
            Some((_, Some("merge"))) => return Err(StrategicError::MergeDirective),
            Some((directive, _)) => {
                return Err(StrategicError::Directive { directive: go::print(directive), map: go::print_map(map) });
            }
        }
    }
    if replace { Ok((plain, Vec::new())) } else { Ok((old, plain)) }
}
