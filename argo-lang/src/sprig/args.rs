//! Arguments of functions: kinds, and the conversions of spf13/cast.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Value;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Any,
    /// A text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Bool,
    /// A map.
    Map,
    /// A list.
    List,
    /// A point in time.
    Time,
}

impl Kind {
    pub(super) fn of(letter: char) -> Self {
        match letter {
            's' => Self::String,
            'i' => Self::Int,
            'f' => Self::Float,
            'b' => Self::Bool,
            'm' => Self::Map,
            'l' => Self::List,
            't' => Self::Time,
            _ => Self::Any,
        }
    }

    /// Whether a value is of this kind.
    #[must_use]
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::String => matches!(value, Value::String(_)),
            Self::Int => matches!(value, Value::Int(_)),
            Self::Float => matches!(value, Value::Float(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Map => matches!(value, Value::Map(_)),
            Self::List => matches!(value, Value::List(_)),
            Self::Time => matches!(value, Value::Time(_)),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
        })
    }
}

/// Whether a value is nothing, zero, false or empty.
#[must_use]
pub fn empty(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Bool(b) => !b,
        Value::Int(n) | Value::Duration(n) => *n == 0,
        Value::Float(n) => *n == 0.0,
        Value::String(s) => s.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Pairs(pairs) => pairs.is_empty(),
        Value::Time(_) | Value::Function(_) | Value::Object(_) => false,
    }
}

pub(super) fn text(a: &[Value], i: usize) -> &str {
    a.get(i).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn int(a: &[Value], i: usize) -> i64 {
    if let Some(Value::Int(n)) = a.get(i) { *n } else { 0 }
}

pub(super) fn any(a: &[Value], i: usize) -> &Value {
    a.get(i).unwrap_or(&Value::Nil)
}

pub(super) fn dict(a: &[Value], i: usize) -> Arc<BTreeMap<Arc<str>, Value>> {
    if let Some(Value::Map(map)) = a.get(i) { map.clone() } else { Arc::default() }
}

pub(super) fn tail(a: &[Value], from: usize) -> &[Value] {
    a.get(from..).unwrap_or_default()
}

/// As `strval`: texts as they are, others as Go prints them.
pub(super) fn shown(value: &Value) -> Arc<str> {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string().into(),
    }
}

/// As `strslice`: a list without its nils as texts, another value as a list of one.
pub(super) fn texts(value: &Value) -> Vec<Arc<str>> {
    match value {
        Value::Nil => Vec::new(),
        Value::List(list) => list.iter().filter(|v| !matches!(v, Value::Nil)).map(shown).collect(),
        other => vec![shown(other)],
    }
}

/// As `cast.ToInt64`: what cannot be converted is 0.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(n) | Value::Duration(n) => *n,
        Value::Float(n) => go_truncate(*n),
        Value::Bool(b) => i64::from(*b),
        Value::String(s) => parse_int(trim_zero_decimal(s)).unwrap_or(0),
        Value::Object(object) => object.number().unwrap_or(0),
        _ => 0,
    }
}

/// A float as a whole number; out of range gives the smallest, as on amd64.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn go_truncate(n: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) { n as i64 } else { i64::MIN }
}

fn trim_zero_decimal(s: &str) -> &str {
    match s.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => s,
    }
}

/// `strconv.ParseInt(s, 0, 64)`: the prefix says the base, `_` may stand between digits.
pub(crate) fn parse_int(s: &str) -> Option<i64> {
    let (negative, rest) = match s.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, s.strip_prefix('+').unwrap_or(s)),
    };
    let lower = rest.to_ascii_lowercase();
    let (radix, digits) = if let Some(d) = lower.strip_prefix("0x") {
        (16, d)
    } else if let Some(d) = lower.strip_prefix("0b") {
        (2, d)
    } else if let Some(d) = lower.strip_prefix("0o") {
        (8, d)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with('_') && radix == 10 || digits.ends_with('_') || digits.contains("__") || digits.contains(['+', '-']) {
        return None;
    }
    let n = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    i64::try_from(if negative { -n } else { n }).ok()
}

/// As `cast.ToFloat64`: what cannot be converted is 0.
#[allow(clippy::cast_precision_loss)]
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::String(s) => parse_float(s).unwrap_or(0.0),
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Duration(n) => *n as f64,
        other => other.as_f64().unwrap_or(0.0),
    }
}

/// `0x1.8p-2`: digits of base 16, then a power of two, which has to be there.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let places = i32::try_from(fraction.len()).ok().filter(|n| *n <= 16)?;
    #[allow(clippy::cast_precision_loss)]
    let digits = u128::from_str_radix(&format!("{whole}{fraction}"), 16).ok().filter(|_| !whole.starts_with('+'))? as f64;
    let power = exponent.parse::<i32>().ok()?.checked_sub(places.checked_mul(4)?)?.clamp(-2_000, 2_000);
    // In two steps: the whole power may be out of range where the number is not.
    let half = power / 2;
    Some(digits * 2_f64.powi(half) * 2_f64.powi(power - half)).filter(|n| n.is_finite())
}

/// `strconv.ParseFloat`.
pub(crate) fn parse_float(s: &str) -> Option<f64> {
    let bare = s.trim_start_matches(['+', '-']);
    if s.len() - bare.len() > 1 {
        return None;
    }
    match bare.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(if s.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        "nan" => Some(f64::NAN),
        lower if lower.starts_with("0x") => hex_float(lower).map(|n| if s.starts_with('-') { -n } else { n }),
        _ if bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') => s.parse::<f64>().ok().filter(|n| n.is_finite()),
        _ => None,
    }
}
