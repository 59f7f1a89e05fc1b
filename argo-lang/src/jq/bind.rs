//! Running filters: binding the variables of patterns.

use super::ast::{Pattern, Query};
use super::run::{Bind, Flow, Item, Machine, Out, Scope, Stop, failure};
use super::{ops, paths};
use crate::Value;

impl Machine<'_> {
    pub(super) fn bind_all<'a>(
        &self,
        source: &'a Query,
        patterns: &'a [Pattern],
        body: &'a Query,
        scope: &'a Scope<'a>,
        item: &Item,
        out: Out<'_>,
    ) -> Flow {
        self.each(source, scope, &item.value, &mut |value| {
            let mut names = Vec::new();
            if patterns.len() > 1 {
                patterns.iter().for_each(|p| variables(p, &mut names));
            }
            self.with_nulls(&names, scope, &mut |machine, base| {
                for (i, pattern) in patterns.iter().enumerate() {
                    let last = i + 1 == patterns.len();
                    let flow = machine.destructure(pattern, &value, base, &mut |machine, inner| {
                        machine.eval(body, inner, item.clone(), &mut |found| out(found).map_err(|e| Stop::Outside(Box::new(e))))
                    });
                    match flow {
                        Err(Stop::Outside(stop)) => return Err(*stop),
                        Err(Stop::Error(_)) if !last => machine.caught(),
                        other => return other,
                    }
                }
                Ok(())
            })
        })
    }

    /// Alternatives bind the variables of all of them: those of the others are null.
    fn with_nulls<'a>(&self, names: &[&'a str], scope: &Scope<'a>, run: &mut dyn FnMut(&Self, &Scope<'_>) -> Flow) -> Flow {
        match names.split_first() {
            None => run(self, scope),
            Some((first, rest)) => {
                let inner = Scope { outer: Some(scope), bind: Bind::Variable(first, Value::Nil) };
                self.with_nulls(rest, &inner, run)
            }
        }
    }

    /// Binds the variables of a pattern, for each way that there is.
    pub(super) fn destructure<'a>(
        &self,
        pattern: &'a Pattern,
        value: &Value,
        scope: &Scope<'a>,
        run: &mut dyn FnMut(&Self, &Scope<'_>) -> Flow,
    ) -> Flow {
        match pattern {
            Pattern::Variable(name) => {
                let inner = Scope { outer: Some(scope), bind: Bind::Variable(name, value.clone()) };
                run(self, &inner)
            }
            Pattern::Array(items) => self.elements(items, 0, value, scope, run),
            Pattern::Object(items) => self.members(items, value, scope, run),
        }
    }

    fn elements<'a>(
        &self,
        items: &'a [Pattern],
        at: usize,
        value: &Value,
        scope: &Scope<'a>,
        run: &mut dyn FnMut(&Self, &Scope<'_>) -> Flow,
    ) -> Flow {
        let Some((first, rest)) = items.split_first() else { return run(self, scope) };
        if !matches!(value, Value::List(_) | Value::Nil) {
            return Err(failure(format!("expected an array but got: {}", ops::shown(value))));
        }
        let element = paths::index(value, &at.into()).map_err(failure)?;
        self.destructure(first, &element, scope, &mut |machine, inner| machine.elements(rest, at + 1, value, inner, run))
    }

    fn members<'a>(
        &self,
        items: &'a [(Query, Option<String>, Option<Pattern>)],
        value: &Value,
        scope: &Scope<'a>,
        run: &mut dyn FnMut(&Self, &Scope<'_>) -> Flow,
    ) -> Flow {
        let Some(((key, variable, pattern), rest)) = items.split_first() else { return run(self, scope) };
        self.each(key, scope, value, &mut |key| {
            let Value::String(_) = &key else {
                return Err(failure(format!("expected a string for object key but got: {}", ops::shown(&key))));
            };
            let member = paths::index(value, &key).map_err(failure)?;
            let bound;
            let scope = match variable {
                Some(name) => {
                    bound = Scope { outer: Some(scope), bind: Bind::Variable(name, member.clone()) };
                    &bound
                }
                None => scope,
            };
            match pattern {
                Some(pattern) => self.destructure(pattern, &member, scope, &mut |machine, inner| machine.members(rest, value, inner, run)),
                None => self.members(rest, value, scope, run),
            }
        })
    }
}

fn variables<'a>(pattern: &'a Pattern, names: &mut Vec<&'a str>) {
    match pattern {
        Pattern::Variable(name) => names.push(name),
        Pattern::Array(items) => items.iter().for_each(|p| variables(p, names)),
        Pattern::Object(items) => {
            for (_, variable, pattern) in items {
                names.extend(variable.as_deref());
                pattern.iter().for_each(|p| variables(p, names));
            }
        }
    }
}
