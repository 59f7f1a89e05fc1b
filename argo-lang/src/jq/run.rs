//! Running filters: each gives its outputs to a callback, one after the other.

use std::cell::Cell;
use std::rc::Rc;

use super::ast::{Assign, Definition, Pattern, Piece, Query};
use super::ops::{self, truth};
use super::{RunError, formats, functions, paths, prelude};
use crate::{Env, Value};

const MOST_STEPS: u64 = 3_000_000;
/// Filters within filters: what the stack of a thread with 2 MB holds in a build without optimisation.
const MOST_DEPTH: usize = 400;
/// Most outputs of a program, and work in bytes of values made.
const MOST_OUTPUTS: usize = 1_000_000;
/// Deepest value that a program makes.
pub(super) const MOST_NESTING: usize = 500;

/// Why a run goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    Error(Value),
    Break(u64),
    Budget(&'static str),
    Halt,
    /// From what takes the outputs of a `try`, so not for that to catch.
    Outside(Box<Stop>),
}

pub(super) type Flow = Result<(), Stop>;
pub(super) type Out<'o> = &'o mut dyn FnMut(Item) -> Flow;

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
    steps: Cell<u64>,
    depth: Cell<usize>,
    labels: Cell<u64>,
}

pub(super) fn run(query: &Query, input: &Value, env: &dyn Env) -> Result<Vec<Value>, RunError> {
    let machine = Machine { env, steps: Cell::new(0), depth: Cell::new(0), labels: Cell::new(0) };
    let root = Scope { outer: None, bind: Bind::Variable("ENV", Value::map::<&str>([])) };
    let mut emitted = Vec::new();
    let flow = machine.eval(query, &root, Item::plain(input.clone()), &mut |item| {
        if emitted.len() >= MOST_OUTPUTS {
            return Err(Stop::Budget("there are too many outputs"));
        }
        emitted.push(item.value);
        Ok(())
    });
    let (message, value) = match flow {
        Ok(()) | Err(Stop::Halt) => return Ok(emitted),
        Err(Stop::Error(Value::String(message))) => (message.to_string(), Some(Value::String(message))),
        Err(Stop::Error(value)) => (format!("error: {}", ops::text(&value)), Some(value)),
        Err(Stop::Budget(message)) => (message.to_owned(), None),
        Err(Stop::Break(_) | Stop::Outside(_)) => ("break".to_owned(), None),
    };
    Err(RunError { message, value, emitted })
}

impl<'m> Machine<'m> {
    pub(super) fn step(&self, cost: u64) -> Flow {
        let steps = self.steps.get().saturating_add(cost.max(1));
        self.steps.set(steps);
        if steps > MOST_STEPS { Err(Stop::Budget("the filter takes too many steps")) } else { Ok(()) }
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
        self.step(1)?;
        let depth = self.depth.get();
        if depth >= MOST_DEPTH {
            return Err(Stop::Budget("the filter is nested too deeply"));
        }
        self.depth.set(depth + 1);
        let flow = self.dispatch(query, scope, item, out);
        self.depth.set(depth);
        flow
    }

    // Small arms only: what this frame holds is held for every filter within filters.
    fn dispatch<'a>(&self, query: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        match query {
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
                self.each(a, scope, &item.value, &mut |left| out(item.made(ops::apply(*op, &left, &right).map_err(failure)?)))
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
            Query::Reduce(source, pattern, init, update) => self.reduce(source, pattern, init, update, scope, &item, out),
            Query::Foreach(source, pattern, init, update, extract) => {
                self.foreach(source, pattern, (init, update, extract.as_deref()), scope, &item, out)
            }
            Query::As(source, patterns, body) => self.bind_all(source, patterns, body, scope, &item, out),
            Query::Label(name, body) => self.labelled(name, body, scope, item, out),
            Query::Break(name, _) => Err(find_label(scope, name).map_or(Stop::Budget("label not defined"), Stop::Break)),
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
                return Err(Stop::Budget("the text is too large"));
            }
            self.text_from(format, rest, scope, item, format!("{so_far}{text}"), out)
        })
    }

    fn array<'a>(&self, inner: Option<&'a Query>, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
        let mut list = Vec::new();
        if let Some(inner) = inner {
            self.each(inner, scope, &item.value, &mut |value| {
                if list.len() >= ops::MOST_LIST {
                    return Err(Stop::Budget("the array is too large"));
                }
                list.push(value);
                Ok(())
            })?;
        }
        let value = Value::from(list);
        self.nesting(&value)?;
        out(item.made(value))
    }

    pub(super) fn nesting(&self, value: &Value) -> Flow {
        if value.nests_deeper_than(MOST_NESTING) { Err(Stop::Budget("the value is nested too deeply")) } else { Ok(()) }
    }

    fn object<'a>(&self, entries: &'a [(Query, Option<Query>)], scope: &'a Scope<'a>, item: &Item, so_far: &Value, out: Out<'_>) -> Flow {
        let Some(((key, value), rest)) = entries.split_first() else {
            self.nesting(so_far)?;
            return out(item.made(so_far.clone()));
        };
        self.each(key, scope, &item.value, &mut |key| {
            let Value::String(key) = key else {
                return Err(failure(format!("expected a string for object key but got: {}", ops::shown(&key))));
            };
            self.each(value.as_ref().unwrap_or(&Query::Identity), scope, &item.value, &mut |value| {
                let Value::Map(map) = so_far else { return Ok(()) };
                let mut map = map.as_ref().clone();
                map.insert(key.clone(), value);
                self.object(rest, scope, item, &Value::Map(map.into()), out)
            })
        })
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
            Err(Stop::Error(_)) | Ok(()) => {}
            Err(other) => return Err(other),
        }
        if any { Ok(()) } else { self.eval(b, scope, item.clone(), out) }
    }

    fn attempt<'a>(&self, body: &'a Query, catch: Option<&'a Query>, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        let outside = item.clone();
        match self.eval(body, scope, item, &mut |found| out(found).map_err(|e| Stop::Outside(Box::new(e)))) {
            Err(Stop::Outside(stop)) => Err(*stop),
            Err(Stop::Error(value)) => match catch {
                Some(catch) => self.eval(catch, scope, outside.made(value), out),
                None => Ok(()),
            },
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
        init: &'a Query,
        update: &'a Query,
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

    fn bind_all<'a>(
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
                        Err(Stop::Error(_)) if !last => {}
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
    fn destructure<'a>(
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

    fn labelled<'a>(&self, name: &'a str, body: &'a Query, scope: &'a Scope<'a>, item: Item, out: Out<'_>) -> Flow {
        let id = self.label();
        let inner = Scope { outer: Some(scope), bind: Bind::Label(name, id) };
        match self.eval(body, &inner, item, out) {
            Err(Stop::Break(broken)) if broken == id => Ok(()),
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
                    return self.apply(definition, &definition.parameters, arguments, here, scope, item, out);
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
                self.apply(definition, &definition.parameters, arguments, &root, scope, item, out)
            }
            None => Err(failure(format!("function not defined: {name}/{}", arguments.len()))),
        }
    }

    /// Binds parameters one by one, then runs the body.
    fn apply<'a>(
        &self,
        definition: &'a Definition,
        parameters: &'a [String],
        arguments: &'a [Query],
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
                self.apply(definition, parameters, arguments, &function, outer, item.clone(), out)
            }),
            None => {
                let closure = Scope { outer: Some(inner), bind: Bind::Closure(parameter, argument, outer) };
                self.apply(definition, parameters, arguments, &closure, outer, item, out)
            }
        }
    }

    fn assign<'a>(&self, kind: Assign, left: &'a Query, right: &'a Query, scope: &'a Scope<'a>, item: &Item, out: Out<'_>) -> Flow {
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
            Err(Stop::Break(broken)) if broken == id => {}
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
