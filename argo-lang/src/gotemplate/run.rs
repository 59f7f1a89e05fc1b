//! Running nodes.

use std::sync::Arc;

use super::{Arg, Missing, Node, Operand, Pipe, Program, builtins};
use crate::budget::Meter;
use crate::sprig::{self, Kind};
use crate::{Budget, Env, Limit, RunError, Span, Value, methods};

/// Deepest call of templates within templates.
const CEILING: usize = 100;
/// Functions that change their first argument.
const CHANGING: [&str; 6] = ["set", "unset", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite"];

/// A value, or what a missing key gives.
type Item = Option<Value>;
type Run = Result<Item, RunError>;

#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct State<'a> {
    program: &'a Program,
    env: &'a dyn Env,
    variables: Vec<(String, Item)>,
    out: String,
    meter: Meter,
    /// Bytes of the output that are paid for.
    paid: usize,
    template: String,
}

pub(super) fn run(program: &Program, data: &Value, env: &dyn Env, budget: &Budget) -> Result<String, RunError> {
    let data = Some(data.clone());
    let mut state = State {
        program,
        env,
        variables: vec![("$".to_owned(), data.clone())],
        out: String::new(),
        meter: Meter::new(budget, CEILING),
        paid: 0,
        template: String::new(),
    };
    if let Some(nodes) = program.templates.get("") {
        state.list(nodes, &data)?;
    }
    Ok(state.out)
}

fn plain(item: &Item) -> Value {
    item.clone().unwrap_or_default()
}

impl<'a> State<'a> {
    fn error(&self, message: impl AsRef<str>, span: Span) -> RunError {
        let source = self.program.source();
        let (line, column) = span.line_column(source);
        let at = source.get(span.start..span.end).unwrap_or_default();
        let name = if self.template.is_empty() { "t" } else { &self.template };
        let message = format!("template: {line}:{column}: executing {name:?} at <{at}>: {}", message.as_ref());
        RunError::new(message, span)
    }

    fn fail<T>(&self, message: impl AsRef<str>, span: Span) -> Result<T, RunError> {
        Err(self.error(message, span))
    }

    fn limit(&self, taken: Result<(), Limit>, span: Span) -> Result<(), RunError> {
        taken.map_err(|limit| RunError::limit(limit, span))
    }

    fn step(&mut self, span: Span) -> Result<(), RunError> {
        let written = self.out.len().saturating_sub(self.paid);
        self.paid = self.out.len();
        self.limit(self.meter.step(1).and_then(|()| self.meter.spend(written)), span)
    }

    fn list(&mut self, nodes: &'a [Node], dot: &Item) -> Result<Flow, RunError> {
        for node in nodes {
            match self.node(node, dot)? {
                Flow::On => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &'a Node, dot: &Item) -> Result<Flow, RunError> {
        self.step(Span::default())?;
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.declared.is_empty() {
                    self.print(&value, pipe)?;
                }
            }
            Node::If(pipe, then, otherwise) | Node::With(pipe, then, otherwise) => {
                let known = self.variables.len();
                let value = self.pipe(pipe, dot)?;
                let flow = if value.as_ref().is_some_and(builtins::truth) {
                    let dot = if matches!(node, Node::With(..)) { &value } else { dot };
                    self.list(then, dot)
                } else {
                    self.list(otherwise, dot)
                };
                self.variables.truncate(known);
                return flow;
            }
            Node::Range(pipe, body, otherwise) => return self.range(pipe, body, otherwise, dot),
            Node::Template(name, pipe, span) => self.template(name, pipe.as_ref(), *span, dot)?,
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Item, pipe: &Pipe) -> Result<(), RunError> {
        match value {
            None | Some(Value::Nil) => self.out.push_str("<no value>"),
            Some(Value::String(s)) => self.out.push_str(s),
            Some(Value::Function(_)) => {
                let span = pipe.commands.first().and_then(|c| c.first()).map_or(Span::default(), |a| a.span);
                return self.fail("can't print a function", span);
            }
            Some(other) => self.out.push_str(&other.to_string()),
        }
        Ok(())
    }

    fn template(&mut self, name: &str, pipe: Option<&'a Pipe>, span: Span, dot: &Item) -> Result<(), RunError> {
        let program = self.program;
        let Some(nodes) = program.templates.get(name) else {
            return self.fail(format!("template {name:?} not defined"), span);
        };
        self.limit(self.meter.enter(), span)?;
        let data = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => None,
        };
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let outer_name = std::mem::replace(&mut self.template, name.to_owned());
        self.list(nodes, &data)?;
        self.variables = outer;
        self.template = outer_name;
        self.meter.leave();
        Ok(())
    }

    fn range(&mut self, pipe: &'a Pipe, body: &'a [Node], otherwise: &'a [Node], dot: &Item) -> Result<Flow, RunError> {
        let known = self.variables.len();
        let over = self.commands(pipe, dot)?;
        let span = pipe.commands.first().and_then(|c| c.first()).map_or(Span::default(), |a| a.span);
        let mut any = false;
        let mut one = |state: &mut Self, key: Value, value: Value| -> Result<bool, RunError> {
            any = true;
            state.step(span)?;
            let value = Some(value);
            match pipe.declared.as_slice() {
                [] => {}
                [only] => state.bind(only, value.clone(), pipe.assigns),
                [first, second, ..] => {
                    state.bind(first, Some(key), pipe.assigns);
                    state.bind(second, value.clone(), pipe.assigns);
                }
            }
            let inner = state.variables.len();
            let flow = state.list(body, &value)?;
            state.variables.truncate(inner.min(state.variables.len()));
            state.variables.truncate(known.max(if pipe.assigns { inner } else { known }));
            Ok(flow == Flow::Break)
        };
        match &over {
            None | Some(Value::Nil) => {}
            Some(Value::List(list)) => {
                for (i, value) in list.iter().enumerate() {
                    if one(self, i.into(), value.clone())? {
                        break;
                    }
                }
            }
            Some(Value::Map(map)) => {
                for (key, value) in map.iter() {
                    if one(self, Value::String(key.clone()), value.clone())? {
                        break;
                    }
                }
            }
            Some(Value::Pairs(pairs)) => {
                for (key, value) in pairs.iter() {
                    if one(self, key.clone(), value.clone())? {
                        break;
                    }
                }
            }
            Some(Value::Int(n)) => {
                if pipe.declared.len() > 1 {
                    return self.fail(format!("can't use {n} to iterate over more than one variable"), span);
                }
                for i in 0..*n {
                    if one(self, Value::Int(i), Value::Int(i))? {
                        break;
                    }
                }
            }
            Some(other) => return self.fail(format!("range can't iterate over {other}"), span),
        }
        let flow = if any { Ok(Flow::On) } else { self.list(otherwise, dot) };
        self.variables.truncate(known);
        flow
    }

    fn bind(&mut self, name: &str, value: Item, assigns: bool) {
        if assigns {
            if let Some(variable) = self.variables.iter_mut().rev().find(|(n, _)| n == name) {
                variable.1 = value;
            }
        } else {
            self.variables.push((name.to_owned(), value));
        }
    }

    fn pipe(&mut self, pipe: &'a Pipe, dot: &Item) -> Run {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.declared {
            self.bind(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'a Pipe, dot: &Item) -> Run {
        let mut last: Option<Item> = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.flatten())
    }

    /// One command; `last` is what the one before it gave.
    fn command(&mut self, command: &'a [Arg], dot: &Item, last: Option<Item>) -> Run {
        let Some((first, rest)) = command.split_first() else { return Ok(None) };
        self.step(first.span)?;
        let given = !rest.is_empty() || last.is_some();
        let alone = |state: &Self| {
            let text = state.program.source().get(first.span.start..first.span.end).unwrap_or_default();
            if given { state.fail(format!("can't give argument to non-function {text}"), first.span) } else { Ok(()) }
        };
        match &first.kind {
            Operand::Function(name) => {
                let span = Span::new(first.span.start, command.last().map_or(first.span.end, |a| a.span.end));
                self.function(name, rest, dot, last, first.span, span)
            }
            Operand::Field(fields) => self.fields(dot, fields, rest, dot, last, first.span),
            Operand::Variable(name, fields) if !fields.is_empty() => {
                let value = self.variable(name);
                self.fields(&value, fields, rest, dot, last, first.span)
            }
            Operand::Chain(of, fields) => {
                let value = self.argument(of, dot)?;
                self.fields(&value, fields, rest, dot, last, first.span)
            }
            Operand::Nil => self.fail("nil is not a command", first.span),
            _ => {
                alone(self)?;
                self.argument(first, dot)
            }
        }
    }

    fn variable(&self, name: &str) -> Item {
        self.variables.iter().rev().find(|(n, _)| n == name).and_then(|(_, v)| v.clone())
    }

    /// An operand by itself.
    fn argument(&mut self, arg: &'a Arg, dot: &Item) -> Run {
        match &arg.kind {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Some(Value::Nil)),
            Operand::Bool(b) => Ok(Some((*b).into())),
            Operand::String(s) => Ok(Some(s.as_str().into())),
            Operand::Number(n) => match (n.is_float, n.int) {
                (true, _) => Ok(Some(n.float.into())),
                (false, Some(int)) => Ok(Some(int.into())),
                (false, None) => self.fail("integer overflow", arg.span),
            },
            Operand::Pipe(pipe) => {
                let known = self.variables.len();
                let value = self.pipe(pipe, dot);
                self.variables.truncate(known);
                value
            }
            Operand::Variable(name, fields) if fields.is_empty() => Ok(self.variable(name)),
            _ => self.command(std::slice::from_ref(arg), dot, None),
        }
    }

    /// Fields one after the other; the last one may be a method with arguments.
    fn fields(&mut self, of: &Item, fields: &[String], rest: &'a [Arg], dot: &Item, last: Option<Item>, span: Span) -> Run {
        let mut value = of.clone();
        for (i, name) in fields.iter().enumerate() {
            let end = i + 1 == fields.len();
            let mut arguments = Vec::new();
            let given = end && (!rest.is_empty() || last.is_some());
            let callable = value.as_ref().is_some_and(|v| methods::has(v, name));
            if given && callable {
                for arg in rest {
                    arguments.push(plain(&self.argument(arg, dot)?));
                }
                arguments.extend(last.clone().map(|l| plain(&l)));
            }
            value = self.field(&value, name, &arguments, given && !callable, span)?;
        }
        Ok(value)
    }

    fn field(&self, of: &Item, name: &str, arguments: &[Value], refused: bool, span: Span) -> Run {
        let Some(value) = of else {
            return if self.program.missing == Missing::Error {
                self.fail(format!("nil data; no entry for key {name:?}"), span)
            } else {
                Ok(None)
            };
        };
        if methods::has(value, name) {
            return methods::call(value, name, arguments).map(Some).map_err(|e| match e.as_str() {
                m if m.starts_with("wrong number of args") => self.error(m, span),
                m => self.error(format!("error calling {name}: {m}"), span),
            });
        }
        if refused {
            return self.fail(format!("{name} is not a method but has arguments"), span);
        }
        match value {
            Value::Map(map) => match map.get(name) {
                Some(found) => Ok(Some(found.clone())),
                None => match self.program.missing {
                    Missing::Default => Ok(None),
                    Missing::Zero => Ok(Some(Value::Nil)),
                    Missing::Error => self.fail(format!("map has no entry for key {name:?}"), span),
                },
            },
            Value::Nil => self.fail(format!("nil pointer evaluating interface {{}}.{name}"), span),
            Value::Object(object) if object.field(name).is_some() => Ok(object.field(name)),
            _ => self.fail(format!("can't evaluate field {name} in type interface {{}}"), span),
        }
    }

    fn function(&mut self, name: &str, rest: &'a [Arg], dot: &Item, last: Option<Item>, name_span: Span, span: Span) -> Run {
        let count = rest.len() + usize::from(last.is_some());
        let wrong =
            |state: &Self, wanted: String| state.fail(format!("wrong number of args for {name}: want {wanted} got {count}"), name_span);
        let Some(entry) = sprig::find(name) else {
            let (least, most) = builtins::arity(name).unwrap_or((0, usize::MAX));
            if count < least || count > most {
                return wrong(self, if most == usize::MAX { format!("at least {least}") } else { least.to_string() });
            }
            if matches!(name, "and" | "or") {
                return self.junction(name == "and", rest, dot, last);
            }
            let mut values = Vec::with_capacity(count);
            for (i, arg) in rest.iter().enumerate() {
                let kind = if name == "printf" && i == 0 { Kind::String } else { Kind::Any };
                values.push(self.typed(arg, kind, dot)?);
            }
            values.extend(last.map(|l| plain(&l)));
            let result = builtins::call(name, self.env, &values).map_err(|e| self.error(format!("error calling {name}: {e}"), span))?;
            self.limit(self.meter.spend(result.weight()), span)?;
            return Ok(Some(result));
        };
        let (kinds, variadic) = entry.parameters();
        let wanted = kinds.len() - usize::from(variadic);
        if count < wanted || (!variadic && count > wanted) {
            return wrong(self, if variadic { format!("at least {wanted}") } else { wanted.to_string() });
        }
        let kind = |i: usize| kinds.get(i).or(kinds.last()).copied().unwrap_or(Kind::Any);
        let mut values = Vec::with_capacity(count);
        for (i, arg) in rest.iter().enumerate() {
            values.push(self.typed(arg, kind(i), dot)?);
        }
        if let Some(last) = last {
            values.push(self.validate(last, kind(rest.len()), span)?);
        }
        self.limit(self.meter.step(entry.cost), span)?;
        let result = entry.call(self.env, &values).map_err(|e| self.error(format!("error calling {name}: {e}"), span))?;
        self.limit(self.meter.spend(result.weight()), span)?;
        if CHANGING.contains(&name)
            && let Some(Arg { kind: Operand::Variable(variable, fields), .. }) = rest.first()
        {
            self.write_back(variable, fields, &result);
        }
        Ok(Some(result))
    }

    /// What a changing function made of a map becomes the value of the variable that was named.
    fn write_back(&mut self, variable: &str, fields: &[String], value: &Value) {
        fn put(into: &mut Value, fields: &[String], value: &Value) {
            match (fields.split_first(), into) {
                (None, into) => *into = value.clone(),
                (Some((first, rest)), Value::Map(map)) => {
                    if let Some(inner) = Arc::make_mut(map).get_mut(first.as_str()) {
                        put(inner, rest, value);
                    }
                }
                _ => {}
            }
        }
        if let Some((_, Some(old))) = self.variables.iter_mut().rev().find(|(n, _)| n == variable) {
            put(old, fields, value);
        }
    }

    fn junction(&mut self, all: bool, rest: &'a [Arg], dot: &Item, last: Option<Item>) -> Run {
        let mut value = None;
        for arg in rest {
            value = self.argument(arg, dot)?;
            if value.as_ref().is_some_and(builtins::truth) != all {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    /// An argument for a parameter of a kind: constants must be of it as they are written.
    fn typed(&mut self, arg: &'a Arg, kind: Kind, dot: &Item) -> Result<Value, RunError> {
        let text = self.program.source().get(arg.span.start..arg.span.end).unwrap_or_default();
        let expected = |state: &Self, what: &str| state.fail(format!("expected {what}; found {text}"), arg.span);
        match (&arg.kind, kind) {
            (_, Kind::Any) => Ok(plain(&self.argument(arg, dot)?)),
            (Operand::Nil, Kind::Map | Kind::List) => Ok(Value::Nil),
            (Operand::Nil, kind) => self.fail(format!("cannot assign nil to {kind}"), arg.span),
            (Operand::String(s), Kind::String) => Ok(s.as_str().into()),
            (Operand::Bool(b), Kind::Bool) => Ok((*b).into()),
            (Operand::Number(n), Kind::Int) => match n.int {
                Some(int) => Ok(int.into()),
                None => expected(self, "integer"),
            },
            (Operand::Number(n), Kind::Float) => Ok(n.float.into()),
            (Operand::String(_) | Operand::Bool(_) | Operand::Number(_), kind) => {
                let what = match kind {
                    Kind::Int => "integer",
                    Kind::String => "string",
                    Kind::Bool => "bool",
                    Kind::Float => "float",
                    _ => "another type",
                };
                expected(self, what)
            }
            _ => {
                let value = self.argument(arg, dot)?;
                self.validate(value, kind, arg.span)
            }
        }
    }

    fn validate(&self, value: Item, kind: Kind, span: Span) -> Result<Value, RunError> {
        match value {
            None | Some(Value::Nil) if matches!(kind, Kind::Any | Kind::Map | Kind::List) => Ok(match kind {
                Kind::Map => Value::map::<&str>([]),
                Kind::List => Vec::new().into(),
                _ => Value::Nil,
            }),
            None | Some(Value::Nil) => self.fail(format!("invalid value; expected {kind}"), span),
            Some(value) if kind.fits(&value) => Ok(value),
            Some(value) => {
                let error = self.error(format!("wrong type for value; expected {kind}; got {}", value.type_name()), span);
                Err(error.expecting(kind.to_string()))
            }
        }
    }
}
