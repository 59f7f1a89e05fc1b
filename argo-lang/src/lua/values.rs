//! Values of scripts.

use std::rc::Rc;

/// A value of a script.
#[derive(Clone, Debug)]
pub(super) enum V {
    Nil,
    Bool(bool),
    Number(f64),
    String(Rc<[u8]>),
    Table(usize),
    Function(usize),
    Native(&'static str),
    /// A place that inner functions share.
    Cell(usize),
}

/// A value as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Bool(bool),
    Number(u64),
    String(Rc<[u8]>),
    Table(usize),
    Function(usize),
    Native(&'static str),
}

impl Key {
    pub(super) fn of(value: &V) -> Option<Self> {
        Some(match value {
            V::Nil | V::Cell(_) => return None,
            V::Bool(b) => Self::Bool(*b),
            // Both zeros are one key.
            V::Number(n) => Self::Number(if *n == 0.0 { 0 } else { n.to_bits() }),
            V::String(s) => Self::String(s.clone()),
            V::Table(id) => Self::Table(*id),
            V::Function(id) => Self::Function(*id),
            V::Native(name) => Self::Native(name),
        })
    }

    pub(super) fn value(&self) -> V {
        match self {
            Self::Bool(b) => V::Bool(*b),
            Self::Number(bits) => V::Number(f64::from_bits(*bits)),
            Self::String(s) => V::String(s.clone()),
            Self::Table(id) => V::Table(*id),
            Self::Function(id) => V::Function(*id),
            Self::Native(name) => V::Native(name),
        }
    }
}

impl V {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Table(_) => "table",
            Self::Function(_) | Self::Native(_) | Self::Cell(_) => "function",
        }
    }

    pub(super) fn truth(&self) -> bool {
        !matches!(self, Self::Nil | Self::Bool(false))
    }

    pub(super) fn text(text: &str) -> Self {
        Self::String(Rc::from(text.as_bytes()))
    }
}

pub(super) fn same(a: &V, b: &V) -> bool {
    match (a, b) {
        (V::Nil, V::Nil) => true,
        (V::Number(x), V::Number(y)) => x == y,
        _ => Key::of(a).is_some_and(|k| Some(k) == Key::of(b)),
    }
}
