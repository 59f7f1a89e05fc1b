//! Running filters: each gives its outputs to a callback, one after the other.

use std::cell::Cell;
use std::rc::Rc;

use super::ast::{Definition, Pattern, Piece, Query};
use super::ops::{self, truth};
use super::{formats, functions, paths, prelude};
use crate::budget::Meter;
use crate::{Budget, Cause, Env, Limit, RunError, Span, Value};

/// Filters within filters: what the stack of a thread with 2 MB holds in a build without optimisation.
const CEILING: usize = 300;
/// Deepest value that a program makes.
pub(super) const MOST_NESTING: usize = 500;

/// Why a run goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    Error(Value),
    Break(u64),
    Limit(Limit),
    Halt,
    /// From what takes the outputs of a `try`, so not for that to catch.
    Outside(Box<Stop>),
}

pub(super) type Flow = Result<(), Stop>;
pub(super) type Out<'o> = &'o mut dyn FnMut(Item) -> Flow;

impl From<Limit> for Stop {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

pub(super) fn failure(message: impl Into<String>) -> Stop {
    Stop::Error(message.into().into())
}

/// One step of a path.
#[derive(Debug)]
pub(super) struct Step {
    before: Option<Rc<Step>>,
    key: Value,
}

/// Where a value stands in the input.
#[derive(Clone, Debug)]
pub(super) enum Path {
    /// Nobody asks.
    Off,
    At(Option<Rc<Step>>),
    /// It is not of the input.
    Lost,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) path: Path,
}

impl Item {
    pub(super) fn plain(value: Value) -> Self {
        Self { value, path: Path::Off }
    }

    /// A value that was made of this item's.
    pub(super) fn made(&self, value: Value) -> Self {
        Self { value, path: if matches!(self.path, Path::Off) { Path::Off } else { Path::Lost } }
    }

    pub(super) fn below(&self, key: &Value, value: Value) -> Result<Self, Stop> {
        let path = match &self.path {
            Path::Off => Path::Off,
            Path::At(before) => Path::At(Some(Rc::new(Step { before: before.clone(), key: key.clone() }))),
            Path::Lost => return Err(failure(format!("invalid path against: {}", ops::shown(&self.value)))),
        };
        Ok(Self { value, path })
    }

    /// The path as a list.
    pub(super) fn keys(&self) -> Result<Vec<Value>, Stop> {
        let Path::At(step) = &self.path else {
            return Err(failure(format!("invalid path against: {}", ops::shown(&self.value))));
        };
        let mut keys = Vec::new();
        let mut at = step.as_ref();
        while let Some(step) = at {
            keys.push(step.key.clone());
            at = step.before.as_ref();
        }
        keys.reverse();
        Ok(keys)
    }
}

/// What names mean, innermost first.
pub(super) struct Scope<'a> {
    pub(super) outer: Option<&'a Scope<'a>>,
    pub(super) bind: Bind<'a>,
}

pub(super) enum Bind<'a> {
    Variable(&'a str, Value),
    Function(&'a Definition),
    /// A parameter that is a filter, with the scope that it is from.
    Closure(&'a str, &'a Query, &'a Scope<'a>),
    Label(&'a str, u64),
    Root,
}

pub(super) struct Machine<'m> {
    pub(super) env: &'m dyn Env,
    pub(super) meter: Meter,
    labels: Cell<u64>,
    /// Where the error arose that is on its way up.
    place: Cell<Option<Span>>,
}

pub(super) fn run(query: &Query, input: &Value, env: &dyn Env, budget: &Budget, out: &mut dyn FnMut(Value)) -> Result<(), RunError> {
    let machine = Machine { env, meter: Meter::new(budget, CEILING), labels: Cell::new(0), place: Cell::new(None) };
    let root = Scope { outer: None, bind: Bind::Variable("ENV", Value::map::<&str>([])) };
    let flow = machine.eval(query, &root, Item::plain(input.clone()), &mut |item| {
        machine.meter.spend(24)?;
        out(item.value);
        Ok(())
    });
    let span = machine.place.get().unwrap_or_default();
    Err(match flow {
        Ok(()) | Err(Stop::Halt) => return Ok(()),
        Err(Stop::Error(value)) => {
            let message = match &value {
                Value::String(message) => message.to_string(),
                value => format!("error: {}", ops::text(value)),
            };
            RunError::new(message, span).because(Cause::Raised(value))
        }
        Err(Stop::Limit(limit)) => RunError::limit(limit, span),
        Err(Stop::Break(_) | Stop::Outside(_)) => RunError::new("break", span),
    })
}

impl<'m> Machine<'m> {
    pub(super) fn step(&self, cost: u64) -> Flow {
        Ok(self.meter.step(cost)?)
    }

    /// A value that was made, paid for.
    pub(super) fn paid(&self, value: Value) -> Result<Value, Stop> {
        self.meter.spend(value.weight())?;
        Ok(value)
    }

    pub(super) fn label(&self) -> u64 {
        self.labels.set(self.labels.get() + 1);
        self.labels.get()
    }

    /// All outputs of a filter on a value.
    pub(super) fn values<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, value: &Value) -> Result<Vec<Value>, Stop> {
        let mut out = Vec::new();
        self.eval(query, scope, Item::plain(value.clone()), &mut |item| {
            out.push(item.value);
            Ok(())
        })?;
        Ok(out)
    }

    /// Calls for each output of a filter on a value.
    pub(super) fn each<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, value: &Value, f: &mut dyn FnMut(Value) -> Flow) -> Flow {
        self.eval(query, scope, Item::plain(value.clone()), &mut |item| f(item.value))
    }

    pub(super) fn eval<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        let Query::At(span, inner) = query else { return self.eval_inner(query, scope, item, out) };
        let mut downstream = false;
        let flow = self.eval_inner(inner, scope, item, &mut |found| {
            let flow = out(found);
            downstream = flow.is_err();
            flow
        });
        // An error of what takes the outputs is not this filter's.
        if flow.is_err() && !downstream && self.place.get().is_none() {
            self.place.set(Some(*span));
        }
        flow
    }

    fn eval_inner<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        self.meter.step(1)?;
        self.meter.enter()?;
        let flow = self.dispatch(query, scope, item, out);
        self.meter.leave();
        flow
    }

    /// The error that was on its way up is caught.
    pub(super) fn caught(&self) {
        self.place.set(None);
    }

    // Small arms only: what this frame holds is held for every filter within filters.
    fn dispatch<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        match query {
            Query::At(_, inner) => self.eval(inner, scope, item, out),
            Query::Identity => out(item),
            Query::RecurseDefault => self.recurse_values(&item, out),
            Query::Literal(value) => out(item.made(value.clone())),
            Query::Text(format, pieces) => self.text(format.as_deref(), pieces, scope, &item, out),
            Query::Format(name) => self.format(name, &item, out),
            Query::Array(inner) => self.array(inner.as_deref(), scope, &item, out),
            Query::Object(entries) => self.object(entries, scope, &item, &Value::map::<&str>([]), out),
            Query::Negate(inner) => self.negate(inner, scope, &item, out),
            Query::Pipe(list) => self.pipe(list, scope, item, out),
            Query::Comma(list) => list.iter().try_for_each(|q| self.eval(q, scope, item.clone(), out)),
            Query::Binary(op, a, b) => self.each(b, scope, &item.value, &mut |right| {
                self.each(a, scope, &item.value, &mut |left| out(item.made(self.paid(ops::apply(*op, &left, &right).map_err(failure)?)?)))
            }),
            Query::And(a, b) => self.junction(a, b, false, scope, &item, out),
            Query::Or(a, b) => self.junction(a, b, true, scope, &item, out),
            Query::Alternative(a, b) => self.alternative(a, b, scope, &item, out),
            Query::Assign(kind, a, b) => self.assign(*kind, a, b, scope, &item, out),
            Query::Index(of, key) => self.index(of, key, scope, &item, out),
            Query::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref(), scope, &item, out),
            Query::Iterate(of) => self.eval(of, scope, item, &mut |found| self.iterate(&found, out)),
            Query::Try(body, catch) => self.attempt(body, catch.as_deref(), scope, item, out),
            Query::If(condition, then, otherwise) => self.each(condition, scope, &item.value, &mut |c| match (truth(&c), otherwise) {
                (true, _) => self.eval(then, scope, item.clone(), out),
                (false, Some(otherwise)) => self.eval(otherwise, scope, item.clone(), out),
                (false, None) => out(item.clone()),
            }),
            Query::Reduce(source, pattern, init, update) => self.reduce(source, pattern, (init, update), scope, &item, out),
            Query::Foreach(source, pattern, init, update, extract) => {
                self.foreach(source, pattern, (init, update, extract.as_deref()), scope, &item, out)
            }
            Query::As(source, patterns, body) => self.bind_all(source, patterns, body, scope, &item, out),
            Query::Label(name, body) => self.labelled(name, body, scope, item, out),
            Query::Break(name, _) => Err(find_label(scope, name).map_or_else(|| failure("label not defined"), Stop::Break)),
            Query::Variable(name, _) => match find_variable(scope, name) {
                Some(value) => out(item.made(value)),
                None => Err(failure(format!("variable not defined: ${name}"))),
            },
            Query::Call(name, arguments, _) => self.call(name, arguments, scope, item, out),
            Query::Define(definition, body) => {
                let inner = Scope { outer: Some(scope), bind: Bind::Function(definition) };
                self.eval(body, &inner, item, out)
            }
        }
    }

    fn pipe<'a>(&self, list: &'a [Query], scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        match list {
            [] => out(item),
            [only] => self.eval(only, scope, item, out),
            [first, rest @ ..] => self.eval(first, scope, item, &mut |item| self.pipe(rest, scope, item, out)),
        }
    }

    fn format(&self, name: &str, item: &Item, out: Out<'_>) -> Flow {
        let text = formats::apply(name, &item.value).map_err(failure)?;
        out(item.made(text.into()))
    }

    fn text<'a>(&self, format: Option<&str>, pieces: &'a [Piece], scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        self.text_from(format, pieces, scope, item, String::new(), out)
    }

    fn text_from<'a>(
        &self,
        format: Option<&str>,
        pieces: &'a [Piece],
        scope: &'a Scope<'a>,
        item: &Item,
        mut so_far: String,
        out: Out<'_>,
    ) -> Flow {
        let mut rest = pieces;
        while let Some((Piece::Text(text), tail)) = rest.split_first() {
            so_far.push_str(text);
            rest = tail;
        }
        let Some((Piece::Query(query), rest)) = rest.split_first() else { return out(item.made(so_far.into())) };
        self.each(query, scope, &item.value, &mut |value| {
            let text = formats::apply(format.unwrap_or("@text"), &value).map_err(failure)?;
            if so_far.len() + text.len() > ops::MOST_TEXT {
                return Err(Stop::Limit(Limit::Memory));
            }
            self.meter.spend(so_far.len() + text.len())?;
            self.text_from(format, rest, scope, item, format!("{so_far}{text}"), out)
        })
    }

    fn array<'a>(&self, inner: Option<&'a Query>, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        let mut list = Vec::new();
        if let Some(inner) = inner {
            self.each(inner, scope, &item.value, &mut |value| {
                if list.len() >= ops::MOST_LIST {
                    return Err(Stop::Limit(Limit::Memory));
                }
                self.meter.spend(24)?;
                list.push(value);
                Ok(())
            })?;
        }
        let value = Value::from(list);
        self.nesting(&value)?;
        out(item.made(value))
    }

    pub(super) fn nesting(&self, value: &Value) -> Flow {
        if value.nests_deeper_than(MOST_NESTING) { Err(Stop::Limit(Limit::Depth)) } else { Ok(()) }
    }

    fn negate<'a>(&self, inner: &'a Query, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        self.each(inner, scope, &item.value, &mut |value| match value {
            Value::Int(n) => out(item.made(n.checked_neg().map_or(Value::Float(9_223_372_036_854_775_808.0), Value::Int))),
            Value::Float(n) => out(item.made(Value::Float(-n))),
            other => Err(failure(format!("cannot negate: {}", ops::shown(&other)))),
        })
    }

    fn junction<'a>(&self, a: &'a Query, b: &'a Query, decides: bool, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        self.each(a, scope, &item.value, &mut |left| {
            if truth(&left) == decides {
                return out(item.made(decides.into()));
            }
            self.each(b, scope, &item.value, &mut |right| out(item.made(truth(&right).into())))
        })
    }

    fn alternative<'a>(&self, a: &'a Query, b: &'a Query, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        let mut any = false;
        let flow = self.eval(a, scope, item.clone(), &mut |found| {
            if truth(&found.value) {
                any = true;
                return out(found).map_err(|e| Stop::Outside(Box::new(e)));
            }
            Ok(())
        });
        match flow {
            Err(Stop::Outside(stop)) => return Err(*stop),
            Err(Stop::Error(_)) | Ok(()) => self.caught(),
            Err(other) => return Err(other),
        }
        if any { Ok(()) } else { self.eval(b, scope, item.clone(), out) }
    }

    fn attempt<'a>(&self, body: &'a Query, catch: Option<&'a Query>, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        let outside = item.clone();
        match self.eval(body, scope, item, &mut |found| out(found).map_err(|e| Stop::Outside(Box::new(e)))) {
            Err(Stop::Outside(stop)) => Err(*stop),
            Err(Stop::Error(value)) => {
                self.caught();
                match catch {
                    Some(catch) => self.eval(catch, scope, outside.made(value), out),
                    None => Ok(()),
                }
            }
            other => other,
        }
    }

    fn index<'a>(&self, of: &'a Query, key: &'a Query, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        self.eval(of, scope, item.clone(), &mut |found| {
            self.each(key, scope, &item.value, &mut |key| {
                let value = paths::index(&found.value, &key).map_err(failure)?;
                out(found.below(&key, value)?)
            })
        })
    }

    fn slice<'a>(
        &self,
        of: &'a Query,
        from: Option<&'a Query>,
        to: Option<&'a Query>,
        scope: &'a Scope<'a>,
        item: &Item,
        out: Out<'_>,
    ) -> Flow {
        let null = &Query::Literal(Value::Nil);
        let bounds = |q: Option<&'a Query>| match q {
            Some(q) => self.values(q, scope, &item.value),
            None => self.values(null, &Scope { outer: None, bind: Bind::Root }, &Value::Nil),
        };
        let (starts, ends) = (bounds(from)?, bounds(to)?);
        self.eval(of, scope, item.clone(), &mut |found| {
            for end in &ends {
                for start in &starts {
                    let value = paths::slice(&found.value, start, end).map_err(failure)?;
                    let key = Value::map([("start", start.clone()), ("end", end.clone())]);
                    out(found.below(&key, value)?)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn iterate(&self, item: &Item, out: Out<'_>) -> Flow {
        match &item.value {
            Value::List(list) => {
                for (i, value) in list.iter().enumerate() {
                    self.step(1)?;
                    out(item.below(&i.into(), value.clone())?)?;
                }
                Ok(())
            }
            Value::Map(map) => {
                for (key, value) in map.iter() {
                    self.step(1)?;
                    out(item.below(&Value::String(key.clone()), value.clone())?)?;
                }
                Ok(())
            }
            other => Err(failure(format!("cannot iterate over: {}", ops::shown(other)))),
        }
    }

    /// `..`.
    pub(super) fn recurse_values(&self, item: &Item, out: Out<'_>) -> Flow {
        self.step(1)?;
        out(item.clone())?;
        if matches!(item.value, Value::List(_) | Value::Map(_)) {
            return self.iterate(item, &mut |below| self.recurse_values(&below, out));
        }
        Ok(())
    }

    fn reduce<'a>(
        &self,
        source: &'a Query,
        pattern: &'a Pattern,
        (init, update): (&'a Query, &'a Query),
        scope: &'a Scope<'a>,
        item: &Item,
        out: Out<'_>,
    ) -> Flow {
        self.eval(init, scope, item.clone(), &mut |start| {
            let mut state = start;
            self.each(source, scope, &item.value, &mut |value| {
                self.destructure(pattern, &value, scope, &mut |machine, inner| {
                    let mut last = None;
                    machine.eval(update, inner, state.clone(), &mut |next| {
                        last = Some(next);
                        Ok(())
                    })?;
                    state = last.unwrap_or_else(|| state.made(Value::Nil));
                    Ok(())
                })
            })?;
            out(state)
        })
    }

    fn foreach<'a>(
        &self,
        source: &'a Query,
        pattern: &'a Pattern,
        (init, update, extract): (&'a Query, &'a Query, Option<&'a Query>),
        scope: &'a Scope<'a>,
        item: &Item,
        out: Out<'_>,
    ) -> Flow {
        self.eval(init, scope, item.clone(), &mut |start| {
            let mut state = start;
            self.each(source, scope, &item.value, &mut |value| {
                self.destructure(pattern, &value, scope, &mut |machine, inner| {
                    let mut last = None;
                    machine.eval(update, inner, state.clone(), &mut |next| {
                        last = Some(next.clone());
                        match extract {
                            Some(extract) => machine.eval(extract, inner, next, out),
                            None => out(next),
                        }
                    })?;
                    if let Some(last) = last {
                        state = last;
                    }
                    Ok(())
                })
            })
        })
    }

    fn labelled<'a>(&self, name: &'a str, body: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        let id = self.label();
        let inner = Scope { outer: Some(scope), bind: Bind::Label(name, id) };
        match self.eval(body, &inner, item, out) {
            Err(Stop::Break(broken)) if broken == id => {
                self.caught();
                Ok(())
            }
            other => other,
        }
    }

    fn call<'a>(&self, name: &'a str, arguments: &'a [Query], scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        let mut at = Some(scope);
        while let Some(here) = at {
            match &here.bind {
                Bind::Closure(parameter, query, from) if *parameter == name && arguments.is_empty() => {
                    return self.eval(query, from, item, out);
                }
                Bind::Variable(variable, value) if arguments.is_empty() && variable.strip_prefix('$') == Some(name) => {
                    return out(item.made(value.clone()));
                }
                Bind::Function(definition) if definition.name == name && definition.parameters.len() == arguments.len() => {
                    return self.apply(definition, (&definition.parameters, arguments), here, scope, item, out);
                }
                _ => {}
            }
            at = here.outer;
        }
        if functions::known(name, arguments.len()) {
            return functions::call(self, name, arguments, scope, item, out);
        }
        match prelude::find(name, arguments.len()) {
            Some(definition) => {
                let root = Scope { outer: None, bind: Bind::Function(definition) };
                self.apply(definition, (&definition.parameters, arguments), &root, scope, item, out)
            }
            None => Err(failure(format!("function not defined: {name}/{}", arguments.len()))),
        }
    }

    /// Binds parameters one by one, then runs the body.
    fn apply<'a>(
        &self,
        definition: &'a Definition,
        (parameters, arguments): (&'a [String], &'a [Query]),
        inner: &Scope<'a>,
        outer: &'a Scope<'a>,
        item: Item,
        out: Out<'_>,
    ) -> Flow {
        let (Some((parameter, parameters)), Some((argument, arguments))) = (parameters.split_first(), arguments.split_first()) else {
            return self.eval(&definition.body, inner, item, out);
        };
        match parameter.strip_prefix('$') {
            Some(name) => self.each(argument, outer, &item.value, &mut |value| {
                // `$x` as a parameter is also the filter `x`.
                let variable = Scope { outer: Some(inner), bind: Bind::Variable(name, value.clone()) };
                let function = Scope { outer: Some(&variable), bind: Bind::Variable(parameter, value) };
                self.apply(definition, (parameters, arguments), &function, outer, item.clone(), out)
            }),
            None => {
                let closure = Scope { outer: Some(inner), bind: Bind::Closure(parameter, argument, outer) };
                self.apply(definition, (parameters, arguments), &closure, outer, item, out)
            }
        }
    }
}

fn find_variable(scope: &Scope<'_>, name: &str) -> Option<Value> {
    let mut at = Some(scope);
    while let Some(here) = at {
        if let Bind::Variable(variable, value) = &here.bind
            && *variable == name
        {
            return Some(value.clone());
        }
        at = here.outer;
    }
    None
}

fn find_label(scope: &Scope<'_>, name: &str) -> Option<u64> {
    let mut at = Some(scope);
    while let Some(here) = at {
        if let Bind::Label(label, id) = &here.bind
            && *label == name
        {
            return Some(*id);
        }
        at = here.outer;
    }
    None
}
