//! Running scripts. Tables, closures and shared variables stand in lists of the machine, and all go with it.

use std::rc::Rc;
use std::sync::Arc;

use super::ast::{Body, Capture, Expr, Kind, Op, Place, Stat, Unary};
use super::operate::number_of;
use super::tables::Table;
use super::values::V;
use super::{Libraries, library};
use crate::budget::Meter;
use crate::go::text::lossy;
use crate::{Budget, Cause, Env, Limit, RunError, Value};

/// Calls within calls: what the stack of a thread with 2 MB holds in a build without optimisation.
const CEILING: usize = 60;

#[derive(Debug)]
pub(super) enum Stop {
    Error(V),
    /// Nothing catches it.
    Limit(Limit),
}

impl From<Limit> for Stop {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
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
    meter: Meter,
    /// Places of the calls that are going on, and the present one.
    places: Vec<Place>,
    here: Place,
    most_calls: usize,
}

pub(super) fn run(
    body: &Arc<Body>,
    globals: &[(&str, Value)],
    read: &[&str],
    libraries: Libraries,
    env: &dyn Env,
    budget: &Budget,
) -> Result<(Vec<Value>, Vec<Value>), RunError> {
    let mut machine = Machine {
        env,
        tables: vec![Table::default()],
        closures: Vec::new(),
        cells: Vec::new(),
        globals: 0,
        strings: None,
        meter: Meter::new(budget, CEILING),
        places: Vec::new(),
        here: Place::default(),
        most_calls: budget.depth.min(CEILING),
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
    let span = machine.here.span;
    result.map_err(|stop| match stop {
        Stop::Error(value) => {
            let message = lossy(&machine.plain_text(&value));
            let raised = machine.export(&value, 0).unwrap_or_default();
            RunError::new(message, span).because(Cause::Raised(raised))
        }
        Stop::Limit(limit) => RunError::limit(limit, span),
    })
}

impl Machine<'_> {
    fn global(&self, name: &str) -> V {
        self.tables.get(self.globals).map_or(V::Nil, |t| t.get_text(name.as_bytes()))
    }

    pub(super) fn step(&mut self, cost: usize) -> Run<()> {
        Ok(self.meter.step(u64::try_from(cost).unwrap_or(u64::MAX))?)
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Run<()> {
        Ok(self.meter.spend(bytes)?)
    }

    /// Says where the script is. What it loaded itself has lines, but no place in its text.
    fn at(&mut self, place: Place) {
        self.here.line = place.line;
        if place.span.end > 0 {
            self.here.span = place.span;
        }
    }

    pub(super) fn bytes(&mut self, bytes: Vec<u8>) -> Run<V> {
        self.spend(bytes.len())?;
        Ok(V::String(bytes.into()))
    }

    /// An error with the place where the script is.
    pub(super) fn fail<T>(&self, message: impl AsRef<str>) -> Run<T> {
        Err(Stop::Error(V::text(&format!("<string>:{}: {}", self.here.line, message.as_ref()))))
    }

    /// The place for a message of a level: 1 where `error` is called, 2 where the function that does so is called.
    pub(super) fn place(&self, level: usize) -> String {
        let place = match level {
            1 => Some(self.here),
            _ => self.places.len().checked_sub(level - 1).and_then(|i| self.places.get(i)).copied(),
        };
        place.map_or(String::new(), |place| format!("<string>:{}: ", place.line))
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
        if self.places.len() >= self.most_calls {
            return self.fail("stack overflow");
        }
        self.places.push(self.here);
        let here = self.here;
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
        self.places.pop();
        let flow = flow?;
        self.here = here;
        match flow {
            Flow::Return(values) => Ok(values),
            Flow::Goto(label) => self.fail(format!("no visible label '{}' for goto", lossy(&label))),
            Flow::On | Flow::Break => Ok(Vec::new()),
        }
    }

    /// Restores the place of calls after an error was caught.
    pub(super) fn caught(&mut self, calls: usize, here: Place) {
        self.places.truncate(calls);
        self.here = here;
    }

    pub(super) fn calls(&self) -> (usize, Place) {
        (self.places.len(), self.here)
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
            self.at(target.place);
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
                self.at(target.place);
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
                self.at(expr.place);
                self.call(&function, arguments)
            }
            Kind::Method(of, name, arguments) => {
                let of = self.eval(frame, of)?;
                self.at(expr.place);
                let function = self.index(&of, &V::String(Rc::from(name.as_ref())))?;
                let mut all = vec![of];
                all.extend(self.list(frame, arguments)?);
                self.at(expr.place);
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
                self.at(expr.place);
                self.index(&of, &key)
            }
            Kind::Call(..) | Kind::Method(..) | Kind::Variadic => Ok(self.many(frame, expr)?.into_iter().next().unwrap_or(V::Nil)),
            Kind::One(inner) => self.eval(frame, inner),
            Kind::Binary(op, a, b) => self.binary(frame, *op, a, b, expr.place),
            Kind::Unary(op, operand) => self.unary(frame, *op, operand, expr.place),
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

    fn unary(&mut self, frame: &mut Frame, op: Unary, operand: &Expr, place: Place) -> Run<V> {
        let value = self.eval(frame, operand)?;
        self.at(place);
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

    fn binary(&mut self, frame: &mut Frame, op: Op, a: &Expr, b: &Expr, place: Place) -> Run<V> {
        let left = self.eval(frame, a)?;
        match op {
            Op::And if !left.truth() => return Ok(left),
            Op::Or if left.truth() => return Ok(left),
            Op::And | Op::Or => return self.eval(frame, b),
            _ => {}
        }
        let right = self.eval(frame, b)?;
        self.at(place);
        self.operate(op, &left, &right)
    }
}
