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

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Query(Query),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    Variable(String),
    Array(Vec<Pattern>),
    /// Key (with the variable that it binds too), pattern of the value.
    Object(Vec<(Query, Option<String>, Option<Pattern>)>),
}

#[derive(Clone, Debug, PartialEq)]
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
    /// Keys and values; a key alone is that of the input's member.
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

impl Query {
    /// The filter without its place.
    pub(super) fn bare(&self) -> &Query {
        let mut at = self;
        while let Self::At(_, inner) = at {
            at = inner;
        }
        at
    }

    /// The left side of what is as deep as it is long.
    fn left(&self) -> Option<&Query> {
        match self {
            Self::Binary(_, a, _) | Self::And(a, _) | Self::Or(a, _) | Self::Alternative(a, _) | Self::Assign(_, a, _) => Some(a),
            Self::Index(a, _) | Self::Slice(a, ..) | Self::Iterate(a) | Self::Try(a, None) => Some(a),
            _ => None,
        }
    }

    /// Whether all but the left side is the same.
    fn same_but_left(&self, other: &Query) -> bool {
        match (self, other) {
            (Self::Binary(p, _, a), Self::Binary(q, _, b)) => p == q && a == b,
            (Self::Assign(p, _, a), Self::Assign(q, _, b)) => p == q && a == b,
            (Self::And(_, a), Self::And(_, b))
            | (Self::Or(_, a), Self::Or(_, b))
            | (Self::Alternative(_, a), Self::Alternative(_, b))
            | (Self::Index(_, a), Self::Index(_, b)) => a == b,
            (Self::Slice(_, a, c), Self::Slice(_, b, d)) => a == b && c == d,
            (Self::Iterate(_), Self::Iterate(_)) | (Self::Try(_, None), Self::Try(_, None)) => true,
            _ => false,
        }
    }
}

/// Places do not count.
impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        let (mut one, mut two) = (self.bare(), other.bare());
        while let (Some(a), Some(b)) = (one.left(), two.left()) {
            if !one.same_but_left(two) {
                return false;
            }
            (one, two) = (a.bare(), b.bare());
        }
        match (one, two) {
            (Self::Identity, Self::Identity) | (Self::RecurseDefault, Self::RecurseDefault) => true,
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Text(f, a), Self::Text(g, b)) => f == g && a == b,
            (Self::Format(a), Self::Format(b)) | (Self::Break(a, _), Self::Break(b, _)) | (Self::Variable(a, _), Self::Variable(b, _)) => {
                a == b
            }
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            (Self::Negate(a), Self::Negate(b)) => a == b,
            (Self::Pipe(a), Self::Pipe(b)) | (Self::Comma(a), Self::Comma(b)) => a == b,
            (Self::Try(a, c), Self::Try(b, d)) => a == b && c == d,
            (Self::If(a, b, c), Self::If(d, e, f)) => a == d && b == e && c == f,
            (Self::Reduce(a, p, b, c), Self::Reduce(d, q, e, f)) => p == q && a == d && b == e && c == f,
            (Self::Foreach(a, p, b, c, x), Self::Foreach(d, q, e, f, y)) => p == q && a == d && b == e && c == f && x == y,
            (Self::As(a, p, b), Self::As(c, q, d)) => p == q && a == c && b == d,
            (Self::Label(a, b), Self::Label(c, d)) => a == c && b == d,
            (Self::Call(a, x, _), Self::Call(b, y, _)) => a == b && x == y,
            (Self::Define(a, b), Self::Define(c, d)) => a == c && b == d,
            _ => false,
        }
    }
}
