//! The expression language of manifests (expr-lang/expr): parsed once, run many times, never beyond its budget.
//!
//! ```
//! use argo_lang::{Budget, Value, expr::Program};
//!
//! let program = Program::parse("filter(items, # > 1) | map(# * 10)").unwrap();
//! let env = |name: &str| (name == "items").then(|| Value::from(serde_json::json!([1, 2, 3])));
//! assert_eq!(program.run(&env, &Budget::default()).unwrap().to_json(), serde_json::json!([20, 30]));
//! ```
//!
//! Besides the language's own functions there are those that Workflows adds: `asInt`, `asFloat`, `jsonpath`, `toJson` and the map of
//! functions `sprig`. Functions of the environment ([`crate::Function`]) can be called like any other.
//!
//! [`Program::check`] finds unknown names and types that cannot fit before the program runs, as the reference's compiler does.
//!
//! Differences on purpose: a run is bounded in steps, ranges and sizes; `now()` is the time that the environment gives; texts are UTF-8, so
//! that a slice which cuts a character in two gives the replacement character; whole numbers of all Go types are one type.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::error::check_length;
use crate::{Budget, Cause, Env, ParseError, RunError, Value};

mod ast;
mod builtins;
mod check;
mod dates;
mod eval;
mod functions;
mod jsonpath;
mod lexer;
mod parser;
mod print;

use ast::Node;
pub use check::Type;

/// A parsed expression; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    source: Arc<str>,
    root: Arc<Node>,
}

/// The same tree; how it was written does not count.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

/// In a normal form, which reads back as the same program: one way to write each operator, and no brackets but those that are needed.
///
/// ```
/// let program = argo_lang::expr::Program::parse("(a.b)['c'] and not(x | len() > 2)").unwrap();
/// assert_eq!(program.to_string(), "a.b.c && !(len(x) > 2)");
/// ```
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.root))
    }
}

/// The types of an environment's names, for [`Program::check`].
pub trait Types {
    /// The type of a name; none if there is no such name.
    fn get(&self, name: &str) -> Option<Type>;
}

impl<F: Fn(&str) -> Option<Type>> Types for F {
    fn get(&self, name: &str) -> Option<Type> {
        self(name)
    }
}

struct OfValues<'a>(&'a dyn Env);

impl Types for OfValues<'_> {
    fn get(&self, name: &str) -> Option<Type> {
        self.0.get(name).map(|v| Type::of(&v))
    }
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// When the text is no expression, or nests too deeply.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        check_length(source)?;
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
    pub fn run(&self, env: &dyn Env, budget: &Budget) -> Result<Value, RunError> {
        eval::run(&self.root, env, budget)
    }

    /// Checks it against the values of an environment and evaluates it: what upstream does with each expression of a manifest.
    ///
    /// # Errors
    /// When a name is unknown (even in a part that is not reached), types do not fit, or the budget of steps is used up.
    pub fn evaluate(&self, env: &dyn Env, budget: &Budget) -> Result<Value, RunError> {
        self.check_env(env).map_err(|e| {
            let cause = e.message.strip_prefix("unknown name ").map_or(Cause::Failed, |name| Cause::Unknown(name.to_owned()));
            RunError { message: e.message, expected: e.expected, span: e.span, cause }
        })?;
        self.run(env, budget)
    }

    /// Finds unknown names and types that cannot fit, before it runs. Gives the type of the result.
    ///
    /// # Errors
    /// At the first place that cannot work, whatever the values are.
    ///
    /// ```
    /// use argo_lang::expr::{Program, Type};
    /// let types = |name: &str| (name == "retries").then_some(Type::String);
    /// assert!(Program::parse("retries == 2").unwrap().check(&types).is_err());
    /// assert_eq!(Program::parse("int(retries) == 2").unwrap().check(&types).unwrap(), Type::Bool);
    /// ```
    pub fn check(&self, types: &dyn Types) -> Result<Type, ParseError> {
        check::check(&self.root, types)
    }

    /// [`Program::check`] against the types of an environment's present values.
    ///
    /// # Errors
    /// At the first place that cannot work.
    pub fn check_env(&self, env: &dyn Env) -> Result<Type, ParseError> {
        check::check(&self.root, &OfValues(env))
    }

    /// The names it refers to, with members as far as they are fixed: `inputs.parameters.x`, `retries`.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        ast::names(&self.root, &mut names);
        names
    }
}

#[cfg(test)]
mod tests {
    use super::Program;
    use crate::{Budget, Value};

    fn run(text: &str) -> Result<Value, String> {
        let env = |name: &str| (name == "x").then(|| Value::from(serde_json::json!({"a": [3, 1, 2]})));
        Program::parse(text).map_err(|e| e.message)?.evaluate(&env, &Budget::default()).map_err(|e| e.message)
    }

    #[test]
    fn the_language() {
        for (text, expected) in [
            ("x.a | sort() | first()", "1"),
            ("groupBy(x.a, # > 1)[true]", "[3,2]"),
            ("let y = len(x.a); y ** 2", "9"),
            ("1 < 2 < 3 and not (2 in [1])", "true"),
            ("sprig.trim(' a ') + sprig['upper']('b')", "\"aB\""),
            ("string(date('2024-02-29') + duration('24h'))", "\"2024-03-01 00:00:00 +0000 UTC\""),
            ("x?.b?.c ?? 'none'", "\"none\""),
            ("reduce(x.a, #acc + #, 0)", "6"),
            ("[1 < 2 <= 2 > 3, false ?: 'b', true ?: 'b']", "[false,\"b\",true]"),
        ] {
            assert_eq!(run(text).unwrap().to_json_text().unwrap(), expected, "{text}");
        }
        for bad in ["nope", "x + 1 +", "1 + 'a'", "len(1)", "# > 1", "'x' matches '('", "now()", "1 ?? 2 + 3"] {
            assert!(run(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hostile_expressions_end() {
        for text in [
            "(".repeat(100_000),
            "[".repeat(100_000),
            "-".repeat(100_000) + "1",
            format!("1{}", "+1".repeat(100_000)),
            format!("1{}", "+1".repeat(2_900)),
            format!("x{}", ".a".repeat(140)),
            format!("x{}", ".a".repeat(100_000)),
            "reduce(1..900000, [#acc])".to_owned(),
            "map(1..900000, map(1..900000, #))".to_owned(),
            "repeat(repeat('aaaaaaaaaa', 999999), 999999)".to_owned(),
            format!("{}1{}", "if true {".repeat(50_000), "} else {1}".repeat(50_000)),
            format!("{}true{}", "(".repeat(70), " ?: false)".repeat(70)),
            format!("{}1{}", "1 < (1 < ".repeat(70), " < 1) < 1".repeat(70)),
        ] {
            let _ = run(&text);
        }
    }
}
