//! Lists: element types, partitions and orders.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::{Object, StrategicError, no_merge_key, same_type};
use crate::go;

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    Maps,
    Scalars,
}

/// The one type of all elements of some lists; `None` where there are no elements.
pub(super) fn elements(lists: &[&[Value]]) -> Result<Option<Elements>, StrategicError> {
    let mut all = lists.iter().flat_map(|list| list.iter());
    let Some(first) = all.next() else { return Ok(None) };
    if let Some(other) = all.find(|value| !same_type(first, value)) {
        return Err(StrategicError::MixedList(format!("{} and {}", go::print(first), go::print(other))));
    }
    match first {
        Value::Array(_) => Err(StrategicError::ListOfLists),
        Value::Object(_) => Ok(Some(Elements::Maps)),
        _ => Ok(Some(Elements::Scalars)),
    }
}

/// Where the elements of a list are, by what identifies them: their merge key's value, or themselves where there is no key.
pub(super) struct Index<'k> {
    key: &'k str,
    places: BTreeMap<String, usize>,
}

impl<'k> Index<'k> {
    pub(super) fn new(list: &[Value], key: &'k str) -> Self {
        let mut index = Self { key, places: BTreeMap::new() };
        for (at, element) in list.iter().enumerate() {
            index.insert(element, at);
        }
        index
    }

    /// Notes an element, unless one like it is noted already.
    pub(super) fn insert(&mut self, element: &Value, at: usize) -> bool {
        match self.places.entry(self.text(element)) {
            Entry::Vacant(entry) => {
                entry.insert(at);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    pub(super) fn position(&self, element: &Value) -> Option<usize> {
        self.places.get(&self.text(element)).copied()
    }

    fn text(&self, element: &Value) -> String {
        identity(element, self.key).map_or_else(String::new, Value::to_string)
    }
}

/// What identifies an element: its merge key's value, or itself where there is no key.
pub(super) fn identity<'v>(element: &'v Value, key: &str) -> Option<&'v Value> {
    if key.is_empty() { Some(element) } else { element.get(key) }
}

/// The merge key of an element.
pub(super) fn key_of<'v>(element: &'v Value, key: &str) -> Result<&'v Value, StrategicError> {
    match element {
        Value::Object(map) => map.get(key).ok_or_else(|| no_merge_key(map, key)),
        _ => Err(no_merge_key(&Object::new(), key)),
    }
}

/// Elements that are in `by`, and the others.
pub(super) fn partition(list: Vec<Value>, by: &[Value], key: &str) -> Result<(Vec<Value>, Vec<Value>), StrategicError> {
    let index = Index::new(by, key);
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for element in list {
        if !key.is_empty() {
            key_of(&element, key)?;
        }
        if index.position(&element).is_some() { inside.push(element) } else { outside.push(element) }
    }
    Ok((inside, outside))
}

/// Sorted by where the elements are in `order`. What is not in it moves to the front of its neighbours, and what is to be deleted to the end, as
/// Kubernetes' sort happens to do.
pub(super) fn sort_by_order(list: Vec<Value>, order: &[Value], key: &str, elements: Elements) -> Vec<Value> {
    let (sorted, deleted): (Vec<Value>, Vec<Value>) = match elements {
        Elements::Maps => list.into_iter().partition(|element| !is_delete(element)),
        Elements::Scalars => (list, Vec::new()),
    };
    let index = Index::new(order, key);
    let mut sorted: Vec<(Option<usize>, Value)> = sorted.into_iter().map(|element| (index.position(&element), element)).collect();
    if sorted.iter().all(|(place, _)| place.is_some()) {
        sorted.sort_by_key(|(place, _)| *place);
    } else {
        let before = |a: Option<usize>, b: Option<usize>| !matches!((a, b), (Some(a), Some(b)) if a >= b);
        for end in 1..sorted.len() {
            for at in (1..=end).rev() {
                let below = at.saturating_sub(1);
                match (sorted.get(at), sorted.get(below)) {
                    (Some((here, _)), Some((previous, _))) if before(*here, *previous) => sorted.swap(at, below),
                    _ => break,
                }
            }
        }
    }
    sorted.into_iter().map(|(_, element)| element).chain(deleted).collect()
}

pub(super) fn is_delete(element: &Value) -> bool {
    element.get(super::DIRECTIVE).and_then(Value::as_str) == Some("delete")
}

/// One list of what the patch names and of what only the server has: each in its own order, interleaved as on the server where that is known.
pub(super) fn interleave(
    patch: Vec<Value>,
    server_only: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    key: &str,
    elements: Elements,
) -> Vec<Value> {
    let patch = sort_by_order(patch, patch_order, key, elements);
    let server_only = sort_by_order(server_only, server_order, key, elements);
    let mut all = Vec::with_capacity(patch.len().saturating_add(server_only.len()));
    let (mut left, mut right) = (server_only.into_iter().peekable(), patch.into_iter().peekable());
    let index = Index::new(server_order, key);
    loop {
        let from_left = match (left.peek(), right.peek()) {
            (None, None) => return all,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(l), Some(r)) => {
                matches!((index.position(l), index.position(r)), (Some(l), Some(r)) if l < r)
            }
        };
        all.extend(if from_left { left.next() } else { right.next() });
    }
}

/// Each value once, where it first stood.
pub(super) fn deduplicate(list: Vec<Value>) -> Vec<Value> {
    let mut seen = Index::new(&[], "");
    list.into_iter().filter(|value| seen.insert(value, 0)).collect()
}

/// Sorted by their text.
pub(super) fn sort_scalars(mut list: Vec<Value>) -> Vec<Value> {
    list.sort_by_cached_key(go::print);
    list
}
