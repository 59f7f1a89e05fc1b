//! The syntax tree of scripts, with places for local variables.

use std::sync::Arc;

use crate::Span;

/// A function's body.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) parameters: Vec<usize>,
    pub(super) variadic: bool,
    pub(super) block: Vec<Stat>,
    /// For each place whether an inner function uses it.
    pub(super) captured: Vec<bool>,
    /// Where each variable of the outside comes from.
    pub(super) outer: Vec<Capture>,
}

/// A variable that a function takes from around it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Capture {
    /// A place of the function directly around.
    Local(usize),
    /// One that the function around has itself from further out.
    Outer(usize),
}

/// Where an expression stands. One of a text that the script itself loaded has a line, but no span.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Or,
    And,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    NotEqual,
    Equal,
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Minus,
    Length,
}

#[derive(Debug)]
pub(super) enum Kind {
    Nil,
    True,
    False,
    Number(f64),
    String(Arc<[u8]>),
    Variadic,
    Function(Arc<Body>),
    Local(usize),
    Outer(usize),
    Global(Arc<[u8]>),
    Index(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Expr>),
    Method(Box<Expr>, Arc<[u8]>, Vec<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    Unary(Unary, Box<Expr>),
    /// Positional values, keyed ones.
    Table(Vec<(Option<Expr>, Expr)>),
    /// In brackets: one value only.
    One(Box<Expr>),
}

#[derive(Debug)]
pub(super) enum Stat {
    Expr(Expr),
    Local(Vec<usize>, Vec<Expr>),
    Assign(Vec<Expr>, Vec<Expr>),
    If(Vec<(Expr, Vec<Stat>)>, Option<Vec<Stat>>),
    While(Expr, Vec<Stat>),
    Repeat(Vec<Stat>, Expr),
    For(usize, Box<(Expr, Expr, Option<Expr>)>, Vec<Stat>),
    ForIn(Vec<usize>, Vec<Expr>, Vec<Stat>),
    Function(Expr, Arc<Body>),
    LocalFunction(usize, Arc<Body>),
    Return(Vec<Expr>),
    Break,
    Do(Vec<Stat>),
    Goto(Arc<[u8]>),
    Label(Arc<[u8]>),
}
