//! `when`: the condition of a step or task, in the language of [`crate::govaluate`] as Workflows uses it. A condition has no loops: what it costs is bounded by its length.
//!
//! Bare words are texts, so that a substituted value needs no quotes; quoted texts that look like dates are points in time.
//!
//! ```
//! use argo_lang::when;
//! assert_eq!(when::holds("heads == heads && 3 > 2"), Ok(true));
//! ```

use crate::govaluate::Program;
use crate::{Budget, ParseError, RunError, Value};

/// A condition that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WhenError {
    /// It is no expression.
    #[error("{0}")]
    Parse(ParseError),
    /// Its operands do not fit.
    #[error("{0}")]
    Run(RunError),
    /// It is neither true nor false.
    #[error("expected boolean evaluation for '{0}'")]
    NotBoolean(String),
}

impl WhenError {
    /// The message with line, column, and a caret below the place in the condition.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        match self {
            Self::Parse(error) => error.render(text),
            Self::Run(error) => error.render(text),
            Self::NotBoolean(_) => RunError::new(self.to_string(), crate::Span::whole(text)).expecting("a comparison").render(text),
        }
    }
}

/// Whether a condition holds. An empty one does.
///
/// # Errors
/// When it is no expression, its operands do not fit, or its value is neither true nor false.
pub fn holds(text: &str) -> Result<bool, WhenError> {
    if text.trim().is_empty() {
        return Ok(true);
    }
    match evaluate(text, &Budget::default())? {
        Value::Bool(b) => Ok(b),
        _ => Err(WhenError::NotBoolean(text.to_owned())),
    }
}

/// The value of a condition.
///
/// # Errors
/// When it is no expression, its operands do not fit, or the budget is used up.
pub fn evaluate(text: &str, budget: &Budget) -> Result<Value, WhenError> {
    parse(text)?.run(&|_: &str| None, budget).map_err(WhenError::Run)
}

/// Reads a condition in which bare words are texts.
///
/// # Errors
/// When it is no expression.
pub fn parse(text: &str) -> Result<Program, WhenError> {
    Program::parse_words(text).map_err(WhenError::Parse)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn conditions_as_manifests_write_them() {
        for (text, expected) in [
            ("heads == heads", true),
            ("tails == heads", false),
            ("'a' == a", true),
            ("5 >= 4 && !(1 > 2)", true),
            ("a in (a, b)", true),
            ("abc =~ '^a'", true),
            ("'2020-01-01' < '2020-01-02'", true),
            ("", true),
            ("1 == '1'", false),
        ] {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
        for bad in ["a b", "a ==", "(a", "1", "a > 1", "1e3 == 1", "'x", "a-b == a-b", "!a"] {
            assert!(holds(bad).is_err(), "{bad}");
        }
        assert!(holds(&"(".repeat(100_000)).is_err() && holds(&"!".repeat(100_000)).is_err());
    }
}
