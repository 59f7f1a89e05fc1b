//! Running filters: assignments and the paths that they need.

use super::ast::{Assign, Query};
use super::ops::{self, truth};
use super::paths;
use super::run::{Flow, Item, Machine, Out, Path, Scope, Stop, failure};
use crate::Value;

impl Machine<'_> {
    pub(super) fn assign<'a>(
        &self,
        kind: Assign,
        left: &'a Query,
        right: &'a Query,
        scope: &'a Scope<'a>,
        item: &Item,
        out: Out<'_>,
    ) -> Flow {
        let found = self.paths_of(left, scope, &item.value)?;
        let set = |value: &Value, path: &[Value], new: &Value| {
            self.step(u64::try_from(path.len()).unwrap_or(1))?;
            paths::set(value, path, new, 0).map_err(|e| {
                failure(format!(
                    "setpath({}; {}) cannot be applied to {}: {e}",
                    ops::text(&path.to_vec().into()),
                    ops::text(new),
                    ops::text(value)
                ))
            })
        };
        let get = |value: &Value, path: &[Value]| paths::get(value, path).map_err(failure);
        match kind {
            Assign::Set | Assign::Op(_) => self.each(right, scope, &item.value, &mut |new| {
                let mut value = item.value.clone();
                for path in &found {
                    let new = match kind {
                        Assign::Op(op) => ops::apply(op, &get(&value, path)?, &new).map_err(failure)?,
                        _ => new.clone(),
                    };
                    value = set(&value, path, &new)?;
                }
                self.nesting(&value)?;
                out(item.made(value))
            }),
            Assign::Update | Assign::Alternative => {
                let mut value = item.value.clone();
                let mut gone = Vec::new();
                for path in &found {
                    let old = get(&value, path)?;
                    if kind == Assign::Alternative && truth(&old) {
                        continue;
                    }
                    let input = if kind == Assign::Alternative { &item.value } else { &old };
                    match self.first(right, scope, input)? {
                        Some(new) => value = set(&value, path, &new)?,
                        None => gone.push(Value::from(path.clone())),
                    }
                }
                if !gone.is_empty() {
                    value = paths::delete(&value, &gone).map_err(failure)?;
                }
                self.nesting(&value)?;
                out(item.made(value))
            }
        }
    }

    /// The first output of a filter.
    pub(super) fn first<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, value: &Value) -> Result<Option<Value>, Stop> {
        let id = self.label();
        let mut found = None;
        match self.each(query, scope, value, &mut |value| {
            found = Some(value);
            Err(Stop::Break(id))
        }) {
            Err(Stop::Break(broken)) if broken == id => self.caught(),
            Err(other) => return Err(other),
            Ok(()) => {}
        }
        Ok(found)
    }

    /// The paths that a filter takes through a value.
    pub(super) fn paths_of<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, value: &Value) -> Result<Vec<Vec<Value>>, Stop> {
        let mut found = Vec::new();
        self.eval(query, scope, Item { value: value.clone(), path: Path::At(None) }, &mut |item| {
            found.push(item.keys()?);
            Ok(())
        })?;
        Ok(found)
    }
}
