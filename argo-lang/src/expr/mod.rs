//! The expression language of manifests (expr-lang/expr): parsed once, run many times, never beyond its budget.
//!
//! ```
//! use argo_lang::{Value, expr::Program};
//!
//! let program = Program::parse("filter(items, # > 1) | map(# * 10)").unwrap();
//! let env = |name: &str| (name == "items").then(|| Value::from(serde_json::json!([1, 2, 3])));
//! assert_eq!(program.run(&env).unwrap().to_json(), serde_json::json!([20, 30]));
//! ```
//!
//! Not there yet: dates and durations, the `sprig` map, groupBy/sortBy and compile-time type checks.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{Env, ParseError, Span, Value};

mod ast;
mod builtins;
mod eval;
mod lexer;
mod parser;

use ast::Node;

/// A parsed expression; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    source: Arc<str>,
    root: Arc<Node>,
}

/// An expression that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    /// What went wrong.
    pub message: String,
    /// Where in the expression.
    pub span: Span,
    /// The name that is not defined, if that is what went wrong.
    pub unknown: Option<String>,
}

impl RunError {
    pub(crate) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, unknown: None }
    }
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// When the text is no expression, or nests too deeply.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        Ok(Self { source: source.into(), root: Arc::new(parser::parse(source)?) })
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// When a name is unknown, types do not fit, or the budget of steps is used up.
    pub fn run(&self, env: &dyn Env) -> Result<Value, RunError> {
        eval::run(&self.root, env)
    }

    /// The names it refers to, with members as far as they are fixed: `inputs.parameters.x`, `retries`.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        ast::names(&self.root, &mut names);
        names
    }
}
