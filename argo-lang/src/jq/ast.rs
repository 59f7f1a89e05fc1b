//! The syntax tree of filters.

use crate::{Span, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What an assignment does with the value that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assign {
    Set,
    Update,
    Op(Op),
    Alternative,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    Query(Query),
}

#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Variable(String),
    Array(Vec<Pattern>),
    /// Key (with the variable that it binds too), pattern of the value.
    Object(Vec<(Query, Option<String>, Option<Pattern>)>),
}

#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    /// Parameters; `$x` with its sign.
    pub(super) parameters: Vec<String>,
    pub(super) body: Query,
}

#[derive(Clone, Debug)]
pub(super) enum Query {
    /// A filter with its place in the program, for errors.
    At(Span, Box<Query>),
    Identity,
    RecurseDefault,
    Literal(Value),
    Text(Option<String>, Vec<Piece>),
    Format(String),
    Array(Option<Box<Query>>),
    Object(Vec<(Query, Option<Query>)>),
    Negate(Box<Query>),
    Pipe(Vec<Query>),
    Comma(Vec<Query>),
    Binary(Op, Box<Query>, Box<Query>),
    And(Box<Query>, Box<Query>),
    Or(Box<Query>, Box<Query>),
    Alternative(Box<Query>, Box<Query>),
    Assign(Assign, Box<Query>, Box<Query>),
    Index(Box<Query>, Box<Query>),
    Slice(Box<Query>, Option<Box<Query>>, Option<Box<Query>>),
    Iterate(Box<Query>),
    Try(Box<Query>, Option<Box<Query>>),
    If(Box<Query>, Box<Query>, Option<Box<Query>>),
    Reduce(Box<Query>, Pattern, Box<Query>, Box<Query>),
    Foreach(Box<Query>, Pattern, Box<Query>, Box<Query>, Option<Box<Query>>),
    As(Box<Query>, Vec<Pattern>, Box<Query>),
    Label(String, Box<Query>),
    Break(String, Span),
    Call(String, Vec<Query>, Span),
    Variable(String, Span),
    Define(Box<Definition>, Box<Query>),
}
