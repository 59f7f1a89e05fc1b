//! Running filters: making objects.

use super::ast::Query;
use super::run::{Flow, Item, Machine, Out, Scope, failure};
use super::{ops, paths};
use crate::Value;

impl Machine<'_> {
    /// The objects of all combinations of what keys and values give.
    pub(super) fn object<'a>(
        &self,
        entries: &'a [(Query, Option<Query>)],
        scope: &'a Scope<'a>,
        item: &Item,
        so_far: &Value,
        out: Out<'_>,
    ) -> Flow {
        let Some(((name, value), rest)) = entries.split_first() else {
            self.nesting(so_far)?;
            return out(item.made(so_far.clone()));
        };
        self.each(name, scope, &item.value, &mut |key| {
            let Value::String(key) = key else {
                return Err(failure(format!("expected a string for object key but got: {}", ops::shown(&key))));
            };
            let mut add = |value| {
                let Value::Map(map) = so_far else { return Ok(()) };
                let mut map = map.as_ref().clone();
                map.insert(key.clone(), value);
                self.meter.spend(64 * map.len())?;
                self.object(rest, scope, item, &Value::Map(map.into()), out)
            };
            match value {
                Some(value) => self.each(value, scope, &item.value, &mut add),
                None => self.each(name, scope, &item.value, &mut |name| add(paths::index(&item.value, &name).map_err(failure)?)),
            }
        })
    }
}
