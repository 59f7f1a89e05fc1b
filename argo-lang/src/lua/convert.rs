//! Numbers and texts, and values of the outside.

use std::rc::Rc;

use super::run::{Machine, Stop};
use super::values::V;
use crate::go::text::lossy;
use crate::{Limit, Value};

/// A number as a script writes it: decimal, or hexadecimal.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let (negative, bare) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
    let value = if let Some(hex) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        if hex.is_empty() || hex.len() > 16 {
            return None;
        }
        #[allow(clippy::cast_precision_loss)]
        u64::from_str_radix(hex, 16).ok().map(|n| n as f64)?
    } else {
        let good = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
        if bare.is_empty() || !bare.bytes().all(good) || !bare.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        bare.parse::<f64>().ok()?
    };
    Some(if negative { -value } else { value })
}

/// A number as a script prints it: whole ones without exponent.
pub(super) fn number_text(n: f64) -> String {
    #[allow(clippy::cast_possible_truncation)]
    if n.fract() == 0.0 && n.abs() < 9.2e18 {
        return (n as i64).to_string();
    }
    crate::go::print::float(n)
}

const MOST_DEPTH: usize = 400;

impl Machine<'_> {
    /// A value of the outside, made for the script.
    pub(super) fn import(&mut self, value: &Value) -> Result<V, Stop> {
        Ok(match value {
            Value::Bool(b) => V::Bool(*b),
            #[allow(clippy::cast_precision_loss)]
            Value::Int(n) | Value::Duration(n) => V::Number(*n as f64),
            Value::Float(n) => V::Number(*n),
            Value::String(s) => V::String(Rc::from(s.as_bytes())),
            Value::List(list) => {
                let table = self.table()?;
                for (i, item) in list.iter().enumerate() {
                    let item = self.import(item)?;
                    #[allow(clippy::cast_precision_loss)]
                    self.set_raw(table, &V::Number(i as f64 + 1.0), item)?;
                }
                V::Table(table)
            }
            Value::Map(map) => {
                let table = self.table()?;
                for (key, item) in map.iter() {
                    let item = self.import(item)?;
                    self.set_raw(table, &V::String(Rc::from(key.as_bytes())), item)?;
                }
                V::Table(table)
            }
            _ => V::Nil,
        })
    }

    /// A value of the script for the outside: a table with a list part is a list, another one a map. Functions are nothing.
    pub(super) fn export(&self, value: &V, depth: usize) -> Result<Value, Stop> {
        if depth > MOST_DEPTH {
            return Err(Stop::Limit(Limit::Depth));
        }
        Ok(match value {
            V::Bool(b) => Value::Bool(*b),
            V::Number(n) => Value::Float(*n),
            V::String(s) => lossy(s).into(),
            V::Table(id) => {
                let Some(table) = self.tables.get(*id) else { return Ok(Value::Nil) };
                // Numbers as keys make a list, as far as they go.
                let mut items: Vec<Value> = Vec::new();
                for item in table.items() {
                    items.push(self.export(item, depth + 1)?);
                }
                let mut members = Vec::new();
                for (key, item) in table.keyed() {
                    match key {
                        V::Number(n) if n.fract() == 0.0 && (1.0..=100_000.0).contains(&n) => {
                            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                            let at = n as usize;
                            if items.len() < at {
                                items.resize(at, Value::Nil);
                            }
                            if let Some(slot) = items.get_mut(at - 1) {
                                *slot = self.export(item, depth + 1)?;
                            }
                        }
                        key => members.push((lossy(&self.plain_text(&key)), self.export(item, depth + 1)?)),
                    }
                }
                if items.is_empty() { Value::map(members) } else { items.into() }
            }
            _ => Value::Nil,
        })
    }

    /// A value as a text, without metamethods.
    pub(super) fn plain_text(&self, value: &V) -> Vec<u8> {
        match value {
            V::Nil => b"nil".to_vec(),
            V::Bool(b) => b.to_string().into_bytes(),
            V::Number(n) => number_text(*n).into_bytes(),
            V::String(s) => s.to_vec(),
            V::Table(id) => format!("table: 0x{:08x}", id.wrapping_mul(32).wrapping_add(0xc000_0000)).into_bytes(),
            V::Function(id) => format!("function: 0x{:08x}", id.wrapping_mul(32).wrapping_add(0xd000_0000)).into_bytes(),
            V::Native(name) => format!("function: builtin: {name}").into_bytes(),
            V::Cell(_) => Vec::new(),
        }
    }
}
