//! What `omitempty` leaves out, and `null` read as absence, as Go does.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Whether a field is left out when an object is written.
pub trait Omit {
    /// True where Go's `omitempty` would leave the field out.
    fn omit(&self) -> bool;
}

impl<T> Omit for Option<T> {
    fn omit(&self) -> bool {
        self.is_none()
    }
}

impl<T> Omit for Vec<T> {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Omit for BTreeMap<K, V> {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}

impl Omit for String {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}

impl Omit for i64 {
    fn omit(&self) -> bool {
        *self == 0
    }
}

impl Omit for bool {
    fn omit(&self) -> bool {
        !*self
    }
}

/// Reads a field; an explicit `null` is the same as its absence, as in Go.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
