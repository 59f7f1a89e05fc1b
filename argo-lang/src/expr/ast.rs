//! The syntax tree of expressions.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use crate::{Span, Value};

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Places do not count. Chains of operators, which are as deep as they are long, are compared in a loop.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self, other);
        while let (Kind::Binary(p, left, right), Kind::Binary(q, l, r)) = (&a.kind, &b.kind) {
            if p != q || right != r {
                return false;
            }
            (a, b) = (left, l);
        }
        a.kind == b.kind
    }
}

/// A constant pattern: compiled once, or why it is none.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) text: Arc<str>,
    pub(super) compiled: Result<Arc<Regex>, String>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Minus,
    Plus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Coalesce,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Literal(Value),
    Name(String),
    /// `#`, `#acc`, `#index`, or `.field` of the current element.
    Pointer(String),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// `a < b <= c`: all of them, each operand evaluated once.
    Ordered(Box<Node>, Vec<(Binary, Node)>),
    /// `x matches "pattern"`.
    Matches(Box<Node>, Pattern),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    /// `a ?: b`: the first unless it is false.
    Unless(Box<Node>, Box<Node>),
    /// `a.b`, `a[b]`; with `?.` nothing is looked up in nil.
    Member {
        of: Box<Node>,
        property: Box<Node>,
        optional: bool,
    },
    /// Stops a chain of optional members.
    Chain(Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    Call(Box<Node>, Vec<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Let(String, Box<Node>, Box<Node>),
    Sequence(Vec<Node>),
}

pub(super) fn names(node: &Node, out: &mut BTreeSet<String>) {
    if let Some(path) = path(node) {
        out.insert(path);
        return;
    }
    let mut node = node;
    while let Kind::Binary(_, left, right) = &node.kind {
        names(right, out);
        node = left;
    }
    if let Some(path) = path(node) {
        out.insert(path);
        return;
    }
    let mut each = |list: &[&Node]| list.iter().for_each(|n| names(n, out));
    match &node.kind {
        Kind::Literal(_) | Kind::Name(_) | Kind::Pointer(_) => {}
        Kind::Unary(_, a) | Kind::Chain(a) | Kind::Matches(a, _) => each(&[a]),
        Kind::Binary(_, a, b) | Kind::Let(_, a, b) | Kind::Unless(a, b) => each(&[a, b]),
        Kind::Ordered(first, rest) => {
            each(&[first]);
            rest.iter().for_each(|(_, n)| each(&[n]));
        }
        Kind::Conditional(a, b, c) => each(&[a, b, c]),
        Kind::Member { of, property, .. } => each(&[of, property]),
        Kind::Slice(a, b, c) => {
            each(&[a]);
            b.iter().chain(c).for_each(|n| each(&[n]));
        }
        Kind::Call(f, arguments) => {
            if !matches!(f.kind, Kind::Name(_)) {
                each(&[f]);
            }
            arguments.iter().for_each(|n| each(&[n]));
        }
        Kind::List(list) | Kind::Sequence(list) => list.iter().for_each(|n| each(&[n])),
        Kind::Map(pairs) => pairs.iter().for_each(|(k, v)| each(&[k, v])),
    }
}

/// The dotted path of a chain of fixed members.
pub(super) fn path(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Chain(inner) => path(inner),
        Kind::Member { of, property, .. } => match &property.kind {
            Kind::Literal(Value::String(field)) => Some(format!("{}.{field}", path(of)?)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a tree is higher than can be walked; chains of binary operators count once, they are walked in loops.
pub(super) fn too_high(root: &Node, most: usize) -> bool {
    let mut waiting = vec![(root, 0_usize)];
    while let Some((node, height)) = waiting.pop() {
        if height > most {
            return true;
        }
        let below = height.saturating_add(1);
        let mut push = |n| waiting.push((n, below));
        match &node.kind {
            Kind::Literal(_) | Kind::Name(_) | Kind::Pointer(_) => {}
            Kind::Unary(_, a) | Kind::Chain(a) | Kind::Matches(a, _) => push(a.as_ref()),
            Kind::Binary(_, a, b) => {
                push(b.as_ref());
                waiting.push((a, if matches!(a.kind, Kind::Binary(..)) { height } else { below }));
            }
            Kind::Let(_, a, b) | Kind::Unless(a, b) | Kind::Member { of: a, property: b, .. } => {
                push(a.as_ref());
                push(b.as_ref());
            }
            Kind::Ordered(first, rest) => {
                push(first.as_ref());
                rest.iter().for_each(|(_, n)| push(n));
            }
            Kind::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|n| push(n.as_ref())),
            Kind::Slice(a, b, c) => {
                push(a.as_ref());
                b.iter().chain(c).for_each(|n| push(n.as_ref()));
            }
            Kind::Call(f, arguments) => {
                push(f.as_ref());
                arguments.iter().for_each(push);
            }
            Kind::List(list) | Kind::Sequence(list) => list.iter().for_each(push),
            Kind::Map(pairs) => pairs.iter().for_each(|(k, v)| [k, v].into_iter().for_each(&mut push)),
        }
    }
    false
}
