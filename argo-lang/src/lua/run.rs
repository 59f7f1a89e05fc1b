//! Running scripts. Tables, closures and shared variables stand in lists of the machine, and all go with it.

use std::rc::Rc;
use std::sync::Arc;

use super::ast::{Body, Capture, Expr, Kind, Op, Stat, Unary};
use super::tables::Table;
use super::{Libraries, RunError, library};
use crate::go::text::lossy;
use crate::{Env, Value};

const MOST_STEPS: u64 = 3_000_000;
/// Calls within calls: what the stack of a thread with 2 MB holds in a build without optimisation.
const MOST_CALLS: usize = 60;
/// Bytes of texts and tables.
const MOST_BYTES: usize = 128_000_000;

/// A value of a script.
#[derive(Clone, Debug)]
pub(super) enum V {
    Nil,
    Bool(bool),
    Number(f64),
    String(Rc<[u8]>),
    Table(usize),
    Function(usize),
    Native(&'static str),
    /// A place that inner functions share.
    Cell(usize),
}

/// A value as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Bool(bool),
    Number(u64),
    String(Rc<[u8]>),
    Table(usize),
    Function(usize),
    Native(&'static str),
}

impl Key {
    pub(super) fn of(value: &V) -> Option<Self> {
        Some(match value {
            V::Nil | V::Cell(_) => return None,
            V::Bool(b) => Self::Bool(*b),
            // Both zeros are one key.
            V::Number(n) => Self::Number(if *n == 0.0 { 0 } else { n.to_bits() }),
            V::String(s) => Self::String(s.clone()),
            V::Table(id) => Self::Table(*id),
            V::Function(id) => Self::Function(*id),
            V::Native(name) => Self::Native(name),
        })
    }

    pub(super) fn value(&self) -> V {
        match self {
            Self::Bool(b) => V::Bool(*b),
            Self::Number(bits) => V::Number(f64::from_bits(*bits)),
            Self::String(s) => V::String(s.clone()),
            Self::Table(id) => V::Table(*id),
            Self::Function(id) => V::Function(*id),
            Self::Native(name) => V::Native(name),
        }
    }
}

impl V {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Table(_) => "table",
            Self::Function(_) | Self::Native(_) | Self::Cell(_) => "function",
        }
    }

    pub(super) fn truth(&self) -> bool {
        !matches!(self, Self::Nil | Self::Bool(false))
    }

    pub(super) fn text(text: &str) -> Self {
        Self::String(Rc::from(text.as_bytes()))
    }
}

pub(super) fn same(a: &V, b: &V) -> bool {
    match (a, b) {
        (V::Nil, V::Nil) => true,
        (V::Number(x), V::Number(y)) => x == y,
        _ => Key::of(a).is_some_and(|k| Some(k) == Key::of(b)),
    }
}

#[derive(Debug)]
pub(super) enum Stop {
    Error(V),
    /// Nothing catches it.
    Budget(&'static str),
}

pub(super) type Run<T> = Result<T, Stop>;

enum Closure {
    Script(Arc<Body>, Vec<usize>),
    /// What `gmatch` still has to give, the next one last.
    Matches(Vec<Vec<V>>),
}

enum Flow {
    On,
    Break,
    Return(Vec<V>),
    Goto(Arc<[u8]>),
}

struct Frame {
    body: Arc<Body>,
    slots: Vec<V>,
    outer: Vec<usize>,
    rest: Vec<V>,
}

pub(super) struct Machine<'m> {
    pub(super) env: &'m dyn Env,
    pub(super) tables: Vec<Table>,
    closures: Vec<Closure>,
    cells: Vec<V>,
    pub(super) globals: usize,
    /// The table `string`, through which texts have methods.
    pub(super) strings: Option<usize>,
    steps: u64,
    bytes: usize,
    /// Lines of the calls that are going on, and the present one.
    lines: Vec<u32>,
    line: u32,
}

pub(super) fn run(
    body: &Arc<Body>,
    globals: &[(&str, Value)],
    read: &[&str],
    libraries: Libraries,
    env: &dyn Env,
) -> Result<(Vec<Value>, Vec<Value>), RunError> {
    let mut machine = Machine {
        env,
        tables: vec![Table::default()],
        closures: Vec::new(),
        cells: Vec::new(),
        globals: 0,
        strings: None,
        steps: 0,
        bytes: 0,
        lines: Vec::new(),
        line: 0,
    };
    let result = (|| {
        library::open(&mut machine, libraries)?;
        for (name, value) in globals {
            let value = machine.import(value)?;
            machine.set_raw(0, &V::text(name), value)?;
        }
        let returned = machine.call_body(body, &[], Vec::new())?;
        let returned = returned.iter().map(|v| machine.export(v, 0)).collect::<Run<Vec<_>>>()?;
        let read = read.iter().map(|name| machine.export(&machine.global(name), 0)).collect::<Run<Vec<_>>>()?;
        Ok((returned, read))
    })();
    result.map_err(|stop| RunError {
        message: match stop {
            Stop::Error(value) => lossy(&machine.plain_text(&value)),
            Stop::Budget(message) => message.to_owned(),
        },
    })
}

impl Machine<'_> {
    fn global(&self, name: &str) -> V {
        self.tables.get(self.globals).map_or(V::Nil, |t| t.get_text(name.as_bytes()))
    }

    pub(super) fn step(&mut self, cost: usize) -> Run<()> {
        self.steps = self.steps.saturating_add(u64::try_from(cost).unwrap_or(u64::MAX).max(1));
        if self.steps > MOST_STEPS { Err(Stop::Budget("the script takes too many steps")) } else { Ok(()) }
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Run<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES { Err(Stop::Budget("the script takes too much memory")) } else { self.step(bytes / 64) }
    }

    pub(super) fn bytes(&mut self, bytes: Vec<u8>) -> Run<V> {
        self.spend(bytes.len())?;
        Ok(V::String(bytes.into()))
    }

    /// An error with the place where the script is.
    pub(super) fn fail<T>(&self, message: impl AsRef<str>) -> Run<T> {
        Err(Stop::Error(V::text(&format!("<string>:{}: {}", self.line, message.as_ref()))))
    }

    /// The place for a message of a level: 1 where `error` is called, 2 where the function that does so is called.
    pub(super) fn place(&self, level: usize) -> String {
        let line = match level {
            1 => Some(self.line),
            _ => self.lines.len().checked_sub(level - 1).and_then(|i| self.lines.get(i)).copied(),
        };
        line.map_or(String::new(), |l| format!("<string>:{l}: "))
    }

    pub(super) fn table(&mut self) -> Run<usize> {
        self.spend(64)?;
        self.tables.push(Table::default());
        Ok(self.tables.len() - 1)
    }

    pub(super) fn set_raw(&mut self, table: usize, key: &V, value: V) -> Run<()> {
        self.spend(16)?;
        if let Some(table) = self.tables.get_mut(table) {
            table.set(key, value);
        }
        Ok(())
    }

    pub(super) fn matches(&mut self, list: Vec<Vec<V>>) -> V {
        self.closures.push(Closure::Matches(list));
        V::Function(self.closures.len() - 1)
    }

    /// A function of a script that is read now.
    pub(super) fn load(&mut self, body: Body) -> V {
        self.closures.push(Closure::Script(Arc::new(body), Vec::new()));
        V::Function(self.closures.len() - 1)
    }

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

    fn set_index(&mut self, of: &V, key: &V, value: V) -> Run<()> {
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

    /// Calls a value.
    pub(super) fn call(&mut self, function: &V, mut arguments: Vec<V>) -> Run<Vec<V>> {
        self.step(1)?;
        let mut function = function.clone();
        if matches!(function, V::Table(_)) {
            let called = self.metamethod(&function, "__call");
            arguments.insert(0, function);
            function = called;
        }
        match function {
            V::Native(name) => library::call(self, name, arguments),
            V::Function(id) => match self.closures.get_mut(id) {
                Some(Closure::Matches(list)) => Ok(list.pop().unwrap_or_else(|| vec![V::Nil])),
                Some(Closure::Script(body, outer)) => {
                    let (body, outer) = (body.clone(), outer.clone());
                    self.call_body(&body, &outer, arguments)
                }
                None => self.fail("attempt to call a non-function object"),
            },
            _ => self.fail("attempt to call a non-function object"),
        }
    }

    fn call_body(&mut self, body: &Arc<Body>, outer: &[usize], arguments: Vec<V>) -> Run<Vec<V>> {
        if self.lines.len() >= MOST_CALLS {
            return self.fail("stack overflow");
        }
        self.lines.push(self.line);
        let line = self.line;
        self.spend(body.captured.len() * 16)?;
        let mut frame = Frame { body: body.clone(), slots: vec![V::Nil; body.captured.len()], outer: outer.to_vec(), rest: Vec::new() };
        let mut arguments = arguments.into_iter();
        for place in &body.parameters {
            let value = arguments.next().unwrap_or(V::Nil);
            self.declare(&mut frame, *place, value)?;
        }
        if body.variadic {
            frame.rest = arguments.collect();
        }
        let flow = self.block(&mut frame, &body.block);
        // Where an error leaves, the place of the call counts on.
        self.lines.pop();
        let flow = flow?;
        self.line = line;
        match flow {
            Flow::Return(values) => Ok(values),
            Flow::Goto(label) => self.fail(format!("no visible label '{}' for goto", lossy(&label))),
            Flow::On | Flow::Break => Ok(Vec::new()),
        }
    }

    /// Restores the place of calls after an error was caught.
    pub(super) fn caught(&mut self, calls: usize, line: u32) {
        self.lines.truncate(calls);
        self.line = line;
    }

    pub(super) fn calls(&self) -> (usize, u32) {
        (self.lines.len(), self.line)
    }

    fn declare(&mut self, frame: &mut Frame, place: usize, value: V) -> Run<()> {
        let captured = frame.body.captured.get(place).copied().unwrap_or(false);
        let value = if captured {
            self.spend(16)?;
            self.cells.push(value);
            V::Cell(self.cells.len() - 1)
        } else {
            value
        };
        if let Some(slot) = frame.slots.get_mut(place) {
            *slot = value;
        }
        Ok(())
    }

    fn local(&self, frame: &Frame, place: usize) -> V {
        match frame.slots.get(place) {
            Some(V::Cell(cell)) => self.cells.get(*cell).cloned().unwrap_or(V::Nil),
            Some(value) => value.clone(),
            None => V::Nil,
        }
    }

    fn block(&mut self, frame: &mut Frame, block: &[Stat]) -> Run<Flow> {
        let mut at = 0_usize;
        while let Some(stat) = block.get(at) {
            self.step(1)?;
            at += 1;
            match self.statement(frame, stat)? {
                Flow::On => {}
                Flow::Goto(label) => match block.iter().position(|s| matches!(s, Stat::Label(l) if *l == label)) {
                    Some(found) => at = found,
                    None => return Ok(Flow::Goto(label)),
                },
                other => return Ok(other),
            }
        }
        Ok(Flow::On)
    }

    // Small arms only: what this frame holds is held for every block within blocks.
    fn statement(&mut self, frame: &mut Frame, stat: &Stat) -> Run<Flow> {
        match stat {
            Stat::Expr(expr) => {
                self.many(frame, expr)?;
            }
            Stat::Local(places, values) => self.locals(frame, places, values)?,
            Stat::Assign(targets, values) => self.assignments(frame, targets, values)?,
            Stat::If(arms, otherwise) => {
                for (condition, block) in arms {
                    if self.eval(frame, condition)?.truth() {
                        return self.block(frame, block);
                    }
                }
                if let Some(block) = otherwise {
                    return self.block(frame, block);
                }
            }
            Stat::While(condition, block) => {
                while self.eval(frame, condition)?.truth() {
                    self.step(1)?;
                    match self.block(frame, block)? {
                        Flow::On => {}
                        Flow::Break => break,
                        other => return Ok(other),
                    }
                }
            }
            Stat::Repeat(block, condition) => loop {
                self.step(1)?;
                match self.block(frame, block)? {
                    Flow::On => {}
                    Flow::Break => break,
                    other => return Ok(other),
                }
                if self.eval(frame, condition)?.truth() {
                    break;
                }
            },
            Stat::For(place, bounds, block) => return self.numeric(frame, *place, bounds, block),
            Stat::ForIn(places, values, block) => return self.generic(frame, places, values, block),
            Stat::Function(target, body) => {
                let function = self.closure(frame, body)?;
                self.assign(frame, target, function)?;
            }
            Stat::LocalFunction(place, body) => {
                self.declare(frame, *place, V::Nil)?;
                let function = self.closure(frame, body)?;
                self.store(frame, *place, function);
            }
            Stat::Return(values) => {
                let values = self.list(frame, values)?;
                return Ok(Flow::Return(values));
            }
            Stat::Break => return Ok(Flow::Break),
            Stat::Do(block) => return self.block(frame, block),
            Stat::Goto(label) => return Ok(Flow::Goto(label.clone())),
            Stat::Label(_) => {}
        }
        Ok(Flow::On)
    }

    fn locals(&mut self, frame: &mut Frame, places: &[usize], values: &[Expr]) -> Run<()> {
        let mut values = self.list(frame, values)?.into_iter();
        for place in places {
            self.declare(frame, *place, values.next().unwrap_or(V::Nil))?;
        }
        Ok(())
    }

    fn assignments(&mut self, frame: &mut Frame, targets: &[Expr], values: &[Expr]) -> Run<()> {
        let mut values = self.list(frame, values)?.into_iter();
        if let [only] = targets {
            return self.assign(frame, only, values.next().unwrap_or(V::Nil));
        }
        // All targets are looked up before any changes.
        let mut places = Vec::new();
        for target in targets {
            places.push(match &target.kind {
                Kind::Index(of, key) => Some((self.eval(frame, of)?, self.eval(frame, key)?)),
                _ => None,
            });
        }
        for (target, place) in targets.iter().zip(places) {
            let value = values.next().unwrap_or(V::Nil);
            self.line = target.line;
            match place {
                Some((of, key)) => self.set_index(&of, &key, value)?,
                None => self.assign(frame, target, value)?,
            }
        }
        Ok(())
    }

    fn store(&mut self, frame: &mut Frame, place: usize, value: V) {
        match frame.slots.get_mut(place) {
            Some(V::Cell(cell)) => {
                if let Some(slot) = self.cells.get_mut(*cell) {
                    *slot = value;
                }
            }
            Some(slot) => *slot = value,
            None => {}
        }
    }

    fn assign(&mut self, frame: &mut Frame, target: &Expr, value: V) -> Run<()> {
        match &target.kind {
            Kind::Local(place) => self.store(frame, *place, value),
            Kind::Outer(place) => {
                if let Some(slot) = frame.outer.get(*place).and_then(|c| self.cells.get_mut(*c)) {
                    *slot = value;
                }
            }
            Kind::Global(name) => {
                let globals = self.globals;
                self.set_raw(globals, &V::String(Rc::from(name.as_ref())), value)?;
            }
            Kind::Index(of, key) => {
                let (of, key) = (self.eval(frame, of)?, self.eval(frame, key)?);
                self.line = target.line;
                self.set_index(&of, &key, value)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn numeric(&mut self, frame: &mut Frame, place: usize, bounds: &(Expr, Expr, Option<Expr>), block: &[Stat]) -> Run<Flow> {
        let mut number = |machine: &mut Self, expr: &Expr, what: &str| match machine.eval(frame, expr)? {
            V::Number(n) => Ok(n),
            _ => machine.fail(format!("for statement {what} must be a number")),
        };
        let mut at = number(self, &bounds.0, "init")?;
        let stop = number(self, &bounds.1, "limit")?;
        let step = match &bounds.2 {
            Some(step) => number(self, step, "step")?,
            None => 1.0,
        };
        while if step > 0.0 { at <= stop } else { step < 0.0 && at >= stop } {
            self.step(1)?;
            self.declare(frame, place, V::Number(at))?;
            match self.block(frame, block)? {
                Flow::On => {}
                Flow::Break => break,
                other => return Ok(other),
            }
            at += step;
        }
        Ok(Flow::On)
    }

    fn generic(&mut self, frame: &mut Frame, places: &[usize], values: &[Expr], block: &[Stat]) -> Run<Flow> {
        let mut values = self.list(frame, values)?.into_iter();
        let mut next = || values.next().unwrap_or(V::Nil);
        let (function, state, mut control) = (next(), next(), next());
        loop {
            self.step(1)?;
            let found = self.call(&function, vec![state.clone(), control.clone()])?;
            control = found.first().cloned().unwrap_or(V::Nil);
            if matches!(control, V::Nil) {
                return Ok(Flow::On);
            }
            let mut found = found.into_iter();
            for place in places {
                self.declare(frame, *place, found.next().unwrap_or(V::Nil))?;
            }
            match self.block(frame, block)? {
                Flow::On => {}
                Flow::Break => return Ok(Flow::On),
                other => return Ok(other),
            }
        }
    }

    fn closure(&mut self, frame: &Frame, body: &Arc<Body>) -> Run<V> {
        self.spend(64)?;
        let outer = body
            .outer
            .iter()
            .map(|capture| match capture {
                Capture::Local(place) => match frame.slots.get(*place) {
                    Some(V::Cell(cell)) => *cell,
                    _ => {
                        // A variable that is used before it is declared (a loop went back): an empty place.
                        self.cells.push(V::Nil);
                        self.cells.len() - 1
                    }
                },
                Capture::Outer(place) => frame.outer.get(*place).copied().unwrap_or(0),
            })
            .collect();
        self.closures.push(Closure::Script(body.clone(), outer));
        Ok(V::Function(self.closures.len() - 1))
    }

    /// The values of a list of expressions; the last one may give many.
    fn list(&mut self, frame: &mut Frame, list: &[Expr]) -> Run<Vec<V>> {
        let mut out = Vec::with_capacity(list.len());
        if let Some((last, before)) = list.split_last() {
            for expr in before {
                out.push(self.eval(frame, expr)?);
            }
            if matches!(last.kind, Kind::Call(..) | Kind::Method(..) | Kind::Variadic) {
                out.extend(self.many(frame, last)?);
            } else {
                out.push(self.eval(frame, last)?);
            }
        }
        Ok(out)
    }

    /// All values of an expression.
    fn many(&mut self, frame: &mut Frame, expr: &Expr) -> Run<Vec<V>> {
        match &expr.kind {
            Kind::Call(function, arguments) => {
                let function = self.eval(frame, function)?;
                let arguments = self.list(frame, arguments)?;
                self.line = expr.line;
                self.call(&function, arguments)
            }
            Kind::Method(of, name, arguments) => {
                let of = self.eval(frame, of)?;
                self.line = expr.line;
                let function = self.index(&of, &V::String(Rc::from(name.as_ref())))?;
                let mut all = vec![of];
                all.extend(self.list(frame, arguments)?);
                self.line = expr.line;
                self.call(&function, all)
            }
            Kind::Variadic => Ok(frame.rest.clone()),
            _ => Ok(vec![self.eval(frame, expr)?]),
        }
    }

    fn eval(&mut self, frame: &mut Frame, expr: &Expr) -> Run<V> {
        self.step(1)?;
        match &expr.kind {
            Kind::Nil => Ok(V::Nil),
            Kind::True => Ok(V::Bool(true)),
            Kind::False => Ok(V::Bool(false)),
            Kind::Number(n) => Ok(V::Number(*n)),
            Kind::String(s) => Ok(V::String(Rc::from(s.as_ref()))),
            Kind::Function(body) => self.closure(frame, body),
            Kind::Local(place) => Ok(self.local(frame, *place)),
            Kind::Outer(place) => Ok(frame.outer.get(*place).and_then(|c| self.cells.get(*c)).cloned().unwrap_or(V::Nil)),
            Kind::Global(name) => Ok(self.tables.get(self.globals).map_or(V::Nil, |t| t.get_text(name))),
            Kind::Index(of, key) => {
                let (of, key) = (self.eval(frame, of)?, self.eval(frame, key)?);
                self.line = expr.line;
                self.index(&of, &key)
            }
            Kind::Call(..) | Kind::Method(..) | Kind::Variadic => Ok(self.many(frame, expr)?.into_iter().next().unwrap_or(V::Nil)),
            Kind::One(inner) => self.eval(frame, inner),
            Kind::Binary(op, a, b) => self.binary(frame, *op, a, b, expr.line),
            Kind::Unary(op, operand) => self.unary(frame, *op, operand, expr.line),
            Kind::Table(entries) => self.constructor(frame, entries),
        }
    }

    fn constructor(&mut self, frame: &mut Frame, entries: &[(Option<Expr>, Expr)]) -> Run<V> {
        let id = self.table()?;
        let mut items: Vec<V> = Vec::new();
        for (i, (key, value)) in entries.iter().enumerate() {
            match key {
                Some(key) => {
                    let (key, value) = (self.eval(frame, key)?, self.eval(frame, value)?);
                    self.set_index(&V::Table(id), &key, value)?;
                }
                None if i + 1 == entries.len() => items.extend(self.many(frame, value)?),
                None => items.push(self.eval(frame, value)?),
            }
        }
        while matches!(items.last(), Some(V::Nil)) {
            items.pop();
        }
        self.spend(items.len() * 16)?;
        if let Some(table) = self.tables.get_mut(id) {
            if table.items().is_empty() {
                *table.list() = items;
            } else {
                #[allow(clippy::cast_precision_loss)]
                items.into_iter().enumerate().for_each(|(i, v)| table.set(&V::Number(i as f64 + 1.0), v));
            }
        }
        Ok(V::Table(id))
    }

    fn unary(&mut self, frame: &mut Frame, op: Unary, operand: &Expr, line: u32) -> Run<V> {
        let value = self.eval(frame, operand)?;
        self.line = line;
        match op {
            Unary::Not => Ok(V::Bool(!value.truth())),
            Unary::Minus => match number_of(&value) {
                Some(n) => Ok(V::Number(-n)),
                None => match self.metamethod(&value, "__unm") {
                    V::Nil => self.fail("__unm undefined"),
                    meta => Ok(self.call(&meta, vec![value])?.into_iter().next().unwrap_or(V::Nil)),
                },
            },
            #[allow(clippy::cast_precision_loss)]
            Unary::Length => match &value {
                V::String(s) => Ok(V::Number(s.len() as f64)),
                V::Table(id) => match self.metamethod(&value, "__len") {
                    V::Nil => Ok(V::Number(self.tables.get(*id).map_or(0, Table::length) as f64)),
                    meta => Ok(self.call(&meta, vec![value])?.into_iter().next().unwrap_or(V::Nil)),
                },
                _ => self.fail("__len undefined"),
            },
        }
    }

    fn binary(&mut self, frame: &mut Frame, op: Op, a: &Expr, b: &Expr, line: u32) -> Run<V> {
        let left = self.eval(frame, a)?;
        match op {
            Op::And if !left.truth() => return Ok(left),
            Op::Or if left.truth() => return Ok(left),
            Op::And | Op::Or => return self.eval(frame, b),
            _ => {}
        }
        let right = self.eval(frame, b)?;
        self.line = line;
        self.operate(op, &left, &right)
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
