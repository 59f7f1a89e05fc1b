//! The values that programs compute with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use crate::go::{json, print, time};

/// A value; cheap to clone.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    String(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// A map, in the order of its keys.
    Map(Arc<BTreeMap<Arc<str>, Value>>),
    /// A map whose keys need not be texts (`groupBy`, `fromPairs`), in the order of insertion.
    Pairs(Arc<[(Value, Value)]>),
    /// A length of time in nanoseconds.
    Duration(i64),
    /// A point in time with its zone.
    Time(Arc<Zoned>),
    /// A function.
    Function(Function),
    /// A value with methods.
    Object(Arc<dyn Object>),
}

/// Where a program finds its names, the time and randomness.
pub trait Env {
    /// The value of a name; none if there is no such name.
    fn get(&self, name: &str) -> Option<Value>;
    /// The time that `now()` gives; none makes it an error.
    fn now(&self) -> Option<Timestamp> {
        None
    }
    /// Fills the buffer with random bytes (`uuidv4`, `randAlpha`, `shuffle`); false makes these an error.
    fn random(&self, _buffer: &mut [u8]) -> bool {
        false
    }
}

impl<F: Fn(&str) -> Option<Value>> Env for F {
    fn get(&self, name: &str) -> Option<Value> {
        self(name)
    }
}

impl Env for BTreeMap<String, Value> {
    fn get(&self, name: &str) -> Option<Value> {
        BTreeMap::get(self, name).cloned()
    }
}

type Body = dyn Fn(&dyn Env, &[Value]) -> Result<Value, String> + Send + Sync;

/// A function as a value.
#[derive(Clone)]
pub struct Function {
    name: Arc<str>,
    body: Arc<Body>,
}

impl Function {
    /// A function of the given name. It gets the environment of the run for time and randomness.
    pub fn new(name: &str, body: impl Fn(&dyn Env, &[Value]) -> Result<Value, String> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), body: Arc::new(body) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls it.
    ///
    /// # Errors
    /// What the function says.
    pub fn call(&self, env: &dyn Env, arguments: &[Value]) -> Result<Value, String> {
        (self.body)(env, arguments)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

/// A value of a Go type with fields and methods: a version, a weekday, a time zone, a host's own.
pub trait Object: fmt::Debug + Send + Sync {
    /// The type as Go prints it with `%T`.
    fn type_name(&self) -> &str;
    /// A field; none if there is none of that name.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }
    /// Calls a method; none if there is none of that name.
    fn call(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        None
    }
    /// Whether there is a method of that name.
    fn has_method(&self, _name: &str) -> bool {
        false
    }
    /// The whole number that it stands for (a weekday, a month).
    fn number(&self) -> Option<i64> {
        None
    }
    /// The value as JSON; none if it has none.
    fn json(&self) -> Option<serde_json::Value> {
        None
    }
    /// As Go prints it with `%v`.
    fn text(&self) -> String;
}

impl Value {
    /// What kind of value it is, as Go names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Pairs(_) => "map[interface {}]interface {}",
            Self::Duration(_) => "time.Duration",
            Self::Time(_) => "time.Time",
            Self::Function(_) => "func",
            Self::Object(_) => "struct",
        }
    }

    /// The Go type's name, as `%T` prints it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil => "<nil>",
            Self::Object(object) => object.type_name(),
            other => other.kind(),
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(s) = self { Some(s) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// The value as JSON. What JSON has no form for is null; see [`crate::go::json::encode`] for errors instead.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Nil | Self::Function(_) => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(n) | Self::Duration(n) => Json::from(*n),
            Self::Float(n) => float_json(*n),
            Self::String(s) => Json::from(s.as_ref()),
            Self::List(list) => list.iter().map(Self::to_json).collect(),
            Self::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect()),
            Self::Pairs(pairs) => Json::Object(pairs.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect()),
            Self::Time(t) => Json::from(time::rfc3339(t)),
            Self::Object(object) => object.json().unwrap_or_else(|| object.number().map_or(Json::Null, Json::from)),
        }
    }

    /// The value as Go's `json.Marshal` writes it.
    ///
    /// # Errors
    /// For values that JSON has no form for: NaN, functions, maps with other keys than texts.
    pub fn to_json_text(&self) -> Result<String, String> {
        json::encode(self, true)
    }

    /// Bytes that the value itself takes, without what is inside of lists and maps: what making it costs of a [`crate::Budget`].
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::String(s) => s.len(),
            Self::List(list) => list.len().saturating_mul(24),
            Self::Map(map) => map.len().saturating_mul(64),
            Self::Pairs(pairs) => pairs.len().saturating_mul(48),
            _ => 0,
        }
    }

    /// Whether lists and maps are nested deeper than a number of levels.
    #[must_use]
    pub fn nests_deeper_than(&self, levels: usize) -> bool {
        let Some(left) = levels.checked_sub(1) else { return true };
        match self {
            Self::List(list) => list.iter().any(|v| v.nests_deeper_than(left)),
            Self::Map(map) => map.values().any(|v| v.nests_deeper_than(left)),
            Self::Pairs(pairs) => pairs.iter().any(|(_, v)| v.nests_deeper_than(left)),
            _ => false,
        }
    }

    /// A map of texts to values.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().map(|(k, v)| (k.into(), v)).collect()))
    }
}

// Go writes 3.0 as 3.
fn float_json(n: f64) -> serde_json::Value {
    #[allow(clippy::cast_possible_truncation)]
    if n.fract() == 0.0 && n.abs() < 1e15 {
        return serde_json::Value::from(n as i64);
    }
    serde_json::Number::from_f64(n).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Pairs(a), Self::Pairs(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a.timestamp() == b.timestamp(),
            (Self::Object(a), Self::Object(b)) => a.type_name() == b.type_name() && a.text() == b.text(),
            (Self::Object(o), Self::Int(n)) | (Self::Int(n), Self::Object(o)) => o.number() == Some(*n),
            (a, b) => matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b),
        }
    }
}

/// As Go prints it with `%v`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn listed<'a>(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = (Option<&'a dyn fmt::Display>, &'a Value)>) -> fmt::Result {
            for (i, (key, value)) in items.enumerate() {
                if i > 0 {
                    f.write_str(" ")?;
                }
                if let Some(key) = key {
                    write!(f, "{key}:")?;
                }
                write!(f, "{value}")?;
            }
            f.write_str("]")
        }
        match self {
            Self::Nil => f.write_str("<nil>"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(n) => f.write_str(&print::float(*n)),
            Self::String(s) => f.write_str(s),
            Self::List(list) => {
                f.write_str("[")?;
                listed(f, list.iter().map(|v| (None, v)))
            }
            Self::Map(map) => {
                f.write_str("map[")?;
                listed(f, map.iter().map(|(k, v)| (Some(k as &dyn fmt::Display), v)))
            }
            Self::Pairs(pairs) => {
                f.write_str("map[")?;
                listed(f, pairs.iter().map(|(k, v)| (Some(k as &dyn fmt::Display), v)))
            }
            Self::Duration(n) => f.write_str(&time::duration_text(*n)),
            Self::Time(t) => f.write_str(&time::text(t)),
            Self::Function(function) => write!(f, "func {}", function.name()),
            Self::Object(object) => f.write_str(&object.text()),
        }
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}

impl From<usize> for Value {
    fn from(v: usize) -> Self {
        Self::Int(i64::try_from(v).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::String(v.into())
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::String(v.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(v: Vec<Value>) -> Self {
        Self::List(v.into())
    }
}

impl From<Zoned> for Value {
    fn from(v: Zoned) -> Self {
        Self::Time(Arc::new(v))
    }
}

impl From<Function> for Value {
    fn from(v: Function) -> Self {
        Self::Function(v)
    }
}

/// As Go's `encoding/json` decodes into `any`, but whole numbers stay whole.
impl From<serde_json::Value> for Value {
    fn from(v: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match v {
            Json::Null => Self::Nil,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => n.as_i64().map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            Json::String(s) => Self::String(s.into()),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(Arc::new(map.into_iter().map(|(k, v)| (k.into(), Self::from(v))).collect())),
        }
    }
}
