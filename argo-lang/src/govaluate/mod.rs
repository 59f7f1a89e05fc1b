//! The language of govaluate: `when` of cron workflows and event filters, and below [`crate::when`] that of steps.
//!
//! ```
//! use argo_lang::{Budget, Value, govaluate::Program};
//!
//! let program = Program::parse("failed > 3 || status =~ '^Err'", &|_: &str| None).unwrap();
//! let parameters = |name: &str| match name {
//!     "failed" => Some(Value::Float(2.0)),
//!     "status" => Some(Value::from("Error")),
//!     _ => None,
//! };
//! assert_eq!(program.run(&parameters, &Budget::default()).unwrap(), Value::Bool(true));
//! ```
//!
//! All numbers are floats. Operators of one level are left-associative, `**` and `?` `:` too. `'2024-01-02'` in quotes is a point in time, so a
//! number; either quote closes a text; `a-b` is a subtraction, so names with dashes are written `[a-b]`.
//!
//! Differences on purpose: nesting is bounded; where the reference panics (`1 in ()`) there is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use regex::Regex;

use crate::error::check_length;
use crate::{Budget, Env, Function, ParseError, RunError, Span, Value};

mod lexer;
mod parser;
mod print;
mod run;

/// Deepest nesting.
const MOST_DEPTH: usize = 150;

/// A parsed expression; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program(Arc<Node>);

/// The same tree; how it was written does not count, and functions are the same by their names.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// In a normal form, which reads back as the same program: names in brackets, times as numbers of seconds, and no brackets but those that are needed.
///
/// ```
/// let program = argo_lang::govaluate::Program::parse("(failed>3)||status=~'^Err'", &|_: &str| None).unwrap();
/// assert_eq!(program.to_string(), "[failed] > 3 || [status] =~ '^Err'");
/// ```
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.0))
    }
}

/// Where calls find their functions when an expression is read.
pub trait Functions {
    /// The function of a name.
    fn get(&self, name: &str) -> Option<Function>;
}

impl<F: Fn(&str) -> Option<Function>> Functions for F {
    fn get(&self, name: &str) -> Option<Function> {
        self(name)
    }
}

impl Functions for BTreeMap<String, Function> {
    fn get(&self, name: &str) -> Option<Function> {
        BTreeMap::get(self, name).cloned()
    }
}

/// A node of the tree with its place.
#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    span: Span,
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
        match (&a.kind, &b.kind) {
            (Kind::Literal(a), Kind::Literal(b)) => a == b,
            (Kind::Pattern(a), Kind::Pattern(b)) => a.as_str() == b.as_str(),
            (Kind::Variable(a), Kind::Variable(b)) => a == b,
            (Kind::Access(a, x), Kind::Access(b, y)) => a == b && x == y,
            (Kind::Call(a, x), Kind::Call(b, y)) => a.name() == b.name() && x == y,
            (Kind::Prefix(a, x), Kind::Prefix(b, y)) => a == b && x == y,
            (Kind::OneOf(a), Kind::OneOf(b)) => a == b,
            (Kind::Empty, Kind::Empty) => true,
            _ => false,
        }
    }
}

#[derive(Clone, Debug)]
enum Kind {
    Literal(Value),
    Pattern(Arc<Regex>),
    Variable(String),
    Access(Vec<String>, Option<Option<Box<Node>>>),
    Call(Function, Option<Box<Node>>),
    Prefix(&'static str, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    /// A value as a list, unless it is one.
    OneOf(Box<Node>),
    /// `()`.
    Empty,
}

impl Program {
    /// Reads an expression; the functions that it may call are looked up now.
    ///
    /// # Errors
    /// When the text is no expression, or nests too deeply.
    pub fn parse(source: &str, functions: &dyn Functions) -> Result<Self, ParseError> {
        Self::read(source, functions, false)
    }

    /// Reads an expression in which words are texts, as `when` of a step or task has it.
    pub(crate) fn parse_words(source: &str) -> Result<Self, ParseError> {
        Self::read(source, &|_: &str| None, true)
    }

    fn read(source: &str, functions: &dyn Functions, words: bool) -> Result<Self, ParseError> {
        check_length(source)?;
        let mut tokens = lexer::tokens(source, functions)?;
        if words {
            for (token, _) in &mut tokens {
                if let lexer::Token::Variable(name) = token {
                    *token = lexer::Token::String(std::mem::take(name));
                }
            }
            lexer::transitions(&tokens, source.len())?;
        }
        parser::parse(tokens, Span::new(source.len(), source.len())).map(|node| Self(Arc::new(node)))
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// When a parameter is missing, types do not fit, or the budget is used up.
    pub fn run(&self, parameters: &dyn Env, budget: &Budget) -> Result<Value, RunError> {
        run::run(&self.0, parameters, budget)
    }
}

#[cfg(test)]
mod tests {
    use super::Program;
    use crate::{Budget, Value};

    fn run(text: &str) -> Result<Value, String> {
        let program = Program::parse(text, &|_: &str| None).map_err(|e| e.message)?;
        program.run(&|name: &str| (name == "x").then(|| Value::Float(3.0)), &Budget::default()).map_err(|e| e.message)
    }

    #[test]
    fn levels_and_left_association() {
        for (text, expected) in
            [("2 ** 3 ** 2", 64.0), ("10 - 2 - 3", 5.0), ("1 << 2 + 1", 8.0), ("-x ** 2", 9.0), ("6 | 3 & 8", 0.0), ("~5", -6.0)]
        {
            assert_eq!(run(text), Ok(Value::Float(expected)), "{text}");
        }
        assert_eq!(run("1 > 2 ? 'a' : 3 > 4 ? 'b' : 'c'"), Ok("c".into()));
        assert_eq!(run("x in (1, 3)"), Ok(true.into()));
        assert_eq!(run("false && nope"), Ok(false.into()));
    }

    #[test]
    fn what_is_no_expression() {
        for bad in ["", " ", "1 2", "(", "1)", "1 +", "!!true", "'x", "[x", "a b", "1e3", "x(1)", "x =~ '('"] {
            assert!(Program::parse(bad, &|_: &str| None).is_err(), "{bad}");
        }
        for text in ["(".repeat(100_000), "-(".repeat(100_000), "1+".repeat(100_000)] {
            assert!(Program::parse(&text, &|_: &str| None).is_err());
        }
        let long = format!("1{}", "+1".repeat(2_000));
        assert_eq!(run(&long), Ok(Value::Float(2_001.0)));
        assert!(run(&format!("1{}", "+1".repeat(100_000))).is_err());
    }
}
