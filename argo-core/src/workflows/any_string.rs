//! Values that manifests write as text, number or boolean.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A text that may be written as a number or boolean in a manifest: `value: 1` is `"1"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AnyString(pub String);

impl AnyString {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AnyString {
    fn from(s: &str) -> Self {
        Self(s.to_owned())
    }
}

impl From<String> for AnyString {
    fn from(s: String) -> Self {
        Self(s)
    }
}

impl std::fmt::Display for AnyString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AnyString {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(d)? {
            Value::String(s) => s,
            // Without exponent, as upstream has it.
            Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(|| number.to_string(), crate::go::float_f),
            other => other.to_string(),
        }))
    }
}

/// One element of `withItems`: text, number, boolean, map or list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub Value);
