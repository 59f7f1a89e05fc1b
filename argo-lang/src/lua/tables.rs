//! Tables: a list part and keys in the order of insertion.

use std::rc::Rc;

use indexmap::IndexMap;

use super::values::{Key, V};

type Hash = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// A table of a script.
#[derive(Debug, Default)]
pub(super) struct Table {
    list: Vec<V>,
    map: IndexMap<Key, V, Hash>,
    pub(super) meta: Option<usize>,
}

/// The place in a list of a number, from 0.
fn place(n: f64) -> Option<usize> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (n.fract() == 0.0 && (1.0..=4_294_967_296.0).contains(&n)).then(|| n as usize - 1)
}

impl Table {
    pub(super) fn get(&self, key: &V) -> V {
        if let V::Number(n) = key
            && let Some(value) = place(*n).and_then(|i| self.list.get(i))
        {
            return value.clone();
        }
        Key::of(key).and_then(|k| self.map.get(&k).cloned()).unwrap_or(V::Nil)
    }

    pub(super) fn get_text(&self, key: &[u8]) -> V {
        self.map.get(&Key::String(Rc::from(key))).cloned().unwrap_or(V::Nil)
    }

    /// Sets a value; the key is neither nil nor NaN.
    pub(super) fn set(&mut self, key: &V, value: V) {
        if let V::Number(n) = key
            && let Some(i) = place(*n)
        {
            if i < self.list.len() {
                if i + 1 == self.list.len() && matches!(value, V::Nil) {
                    self.list.pop();
                    while matches!(self.list.last(), Some(V::Nil)) {
                        self.list.pop();
                    }
                } else if let Some(slot) = self.list.get_mut(i) {
                    *slot = value;
                }
                return;
            }
            if i == self.list.len() && !matches!(value, V::Nil) {
                self.list.push(value);
                // What follows on may stand among the keys already.
                #[allow(clippy::cast_precision_loss)]
                while let Some(next) = self.map.get_mut(&Key::Number((self.list.len() as f64 + 1.0).to_bits())) {
                    if matches!(next, V::Nil) {
                        break;
                    }
                    self.list.push(std::mem::replace(next, V::Nil));
                }
                return;
            }
        }
        let Some(key) = Key::of(key) else { return };
        match self.map.get_mut(&key) {
            // A key that is gone keeps its place, so that a loop over the table goes on.
            Some(slot) => *slot = value,
            None if matches!(value, V::Nil) => {}
            None => {
                self.map.insert(key, value);
            }
        }
    }

    /// A border: a last index before nil.
    pub(super) fn length(&self) -> usize {
        self.list.len()
    }

    pub(super) fn list(&mut self) -> &mut Vec<V> {
        &mut self.list
    }

    pub(super) fn items(&self) -> &[V] {
        &self.list
    }

    /// Keys that are not of the list, with values.
    pub(super) fn keyed(&self) -> impl Iterator<Item = (V, &V)> {
        self.map.iter().filter(|(_, v)| !matches!(v, V::Nil)).map(|(k, v)| (k.value(), v))
    }

    /// The entry after a key; none for a key that is not there.
    pub(super) fn next(&self, key: &V) -> Option<(V, V)> {
        let start = match key {
            V::Nil => Ok(0),
            V::Number(n) if place(*n).is_some_and(|i| i < self.list.len()) => Ok(place(*n).unwrap_or(0) + 1),
            other => Err(Key::of(other).and_then(|k| self.map.get_index_of(&k))?),
        };
        let from = match start {
            Ok(i) => {
                let found = self.list.iter().enumerate().skip(i).find(|(_, v)| !matches!(v, V::Nil));
                if let Some((i, value)) = found {
                    #[allow(clippy::cast_precision_loss)]
                    return Some((V::Number(i as f64 + 1.0), value.clone()));
                }
                0
            }
            Err(at) => at + 1,
        };
        let found = (from..self.map.len()).filter_map(|i| self.map.get_index(i)).find(|(_, v)| !matches!(v, V::Nil));
        Some(found.map_or((V::Nil, V::Nil), |(k, v)| (k.value(), v.clone())))
    }
}
