//! What operators do with values, metamethods included.

use super::ast::Op;
use super::run::{Machine, Run};
use super::values::{V, same};
use crate::go::text::lossy;

impl Machine<'_> {
    pub(super) fn metamethod(&self, value: &V, name: &str) -> V {
        let V::Table(id) = value else { return V::Nil };
        let meta = self.tables.get(*id).and_then(|t| t.meta);
        meta.and_then(|m| self.tables.get(m)).map_or(V::Nil, |m| m.get_text(name.as_bytes()))
    }

    pub(super) fn index(&mut self, of: &V, key: &V) -> Run<V> {
        let mut of = of.clone();
        for _ in 0..100 {
            let found = match &of {
                V::Table(id) => {
                    let found = self.tables.get(*id).map_or(V::Nil, |t| t.get(key));
                    if !matches!(found, V::Nil) {
                        return Ok(found);
                    }
                    match self.metamethod(&of, "__index") {
                        V::Nil => return Ok(V::Nil),
                        found => found,
                    }
                }
                V::String(_) if self.strings.is_some() => V::Table(self.strings.unwrap_or(0)),
                other => {
                    let key = lossy(&self.plain_text(key));
                    return self.fail(format!("attempt to index a non-table object({}) with key '{key}'", other.kind()));
                }
            };
            if matches!(found, V::Function(_) | V::Native(_)) {
                let out = self.call(&found, vec![of, key.clone()])?;
                return Ok(out.into_iter().next().unwrap_or(V::Nil));
            }
            of = found;
        }
        self.fail("too many recursions in gettable")
    }

    pub(super) fn set_index(&mut self, of: &V, key: &V, value: V) -> Run<()> {
        let mut of = of.clone();
        for _ in 0..100 {
            let V::Table(id) = &of else {
                let key = lossy(&self.plain_text(key));
                return self.fail(format!("attempt to index a non-table object({}) with key '{key}'", of.kind()));
            };
            let id = *id;
            let there = self.tables.get(id).is_some_and(|t| !matches!(t.get(key), V::Nil));
            let meta = if there { V::Nil } else { self.metamethod(&of, "__newindex") };
            match meta {
                V::Nil => {
                    match key {
                        V::Nil => return self.fail("table index is nil"),
                        V::Number(n) if n.is_nan() => return self.fail("table index is NaN"),
                        _ => {}
                    }
                    return self.set_raw(id, key, value);
                }
                V::Function(_) | V::Native(_) => {
                    self.call(&meta, vec![of, key.clone(), value])?;
                    return Ok(());
                }
                next => of = next,
            }
        }
        self.fail("too many recursions in settable")
    }

    pub(super) fn operate(&mut self, op: Op, a: &V, b: &V) -> Run<V> {
        match op {
            Op::Equal => self.equal(a, b).map(V::Bool),
            Op::NotEqual => self.equal(a, b).map(|e| V::Bool(!e)),
            Op::Less => self.less(a, b, false).map(V::Bool),
            Op::Greater => self.less(b, a, false).map(V::Bool),
            Op::LessEqual => self.less(a, b, true).map(V::Bool),
            Op::GreaterEqual => self.less(b, a, true).map(V::Bool),
            Op::Concat => self.concat(a, b),
            _ => match (number_of(a), number_of(b)) {
                (Some(x), Some(y)) => Ok(V::Number(arithmetic(op, x, y))),
                _ => {
                    let (name, meta) = match op {
                        Op::Add => ("add", "__add"),
                        Op::Subtract => ("sub", "__sub"),
                        Op::Multiply => ("mul", "__mul"),
                        Op::Divide => ("div", "__div"),
                        Op::Modulo => ("mod", "__mod"),
                        _ => ("pow", "__pow"),
                    };
                    match self.either(a, b, meta)? {
                        Some(value) => Ok(value),
                        None => self.fail(format!("cannot perform {name} operation between {} and {}", a.kind(), b.kind())),
                    }
                }
            },
        }
    }

    /// What the metamethod of either side gives.
    fn either(&mut self, a: &V, b: &V, name: &str) -> Run<Option<V>> {
        let mut meta = self.metamethod(a, name);
        if matches!(meta, V::Nil) {
            meta = self.metamethod(b, name);
        }
        if matches!(meta, V::Nil) {
            return Ok(None);
        }
        Ok(Some(self.call(&meta, vec![a.clone(), b.clone()])?.into_iter().next().unwrap_or(V::Nil)))
    }

    fn equal(&mut self, a: &V, b: &V) -> Run<bool> {
        if same(a, b) {
            return Ok(true);
        }
        if let (V::Table(_), V::Table(_)) = (a, b) {
            return Ok(self.either(a, b, "__eq")?.is_some_and(|v| v.truth()));
        }
        Ok(false)
    }

    pub(super) fn less(&mut self, a: &V, b: &V, or_equal: bool) -> Run<bool> {
        match (a, b) {
            (V::Number(x), V::Number(y)) => Ok(if or_equal { x <= y } else { x < y }),
            (V::String(x), V::String(y)) => Ok(if or_equal { x <= y } else { x < y }),
            _ => {
                if let Some(value) = self.either(a, b, if or_equal { "__le" } else { "__lt" })? {
                    return Ok(value.truth());
                }
                if or_equal && let Some(value) = self.either(b, a, "__lt")? {
                    return Ok(!value.truth());
                }
                self.fail(format!("attempt to compare {} with {}", a.kind(), b.kind()))
            }
        }
    }

    fn concat(&mut self, a: &V, b: &V) -> Run<V> {
        let fits = |v: &V| matches!(v, V::String(_) | V::Number(_));
        if fits(a) && fits(b) {
            let mut out = self.plain_text(a);
            out.extend(self.plain_text(b));
            return self.bytes(out);
        }
        match self.either(a, b, "__concat")? {
            Some(value) => Ok(value),
            None => self.fail(format!("cannot perform concat operation between {} and {}", a.kind(), b.kind())),
        }
    }
}

/// A number, or a text that is one.
pub(super) fn number_of(value: &V) -> Option<f64> {
    match value {
        V::Number(n) => Some(*n),
        V::String(s) => super::convert::parse_number(std::str::from_utf8(s).ok()?),
        _ => None,
    }
}

fn arithmetic(op: Op, x: f64, y: f64) -> f64 {
    match op {
        Op::Add => x + y,
        Op::Subtract => x - y,
        Op::Multiply => x * y,
        Op::Divide => x / y,
        Op::Modulo => {
            let rest = x % y;
            // The result has the divisor's sign.
            if rest != 0.0 && (rest < 0.0) != (y < 0.0) { rest + y } else { rest }
        }
        _ => x.powf(y),
    }
}
