//! `when`: the condition of a step or task, in the language of [`crate::govaluate`] as Workflows uses it.
//!
//! Bare words are texts, so that a substituted value needs no quotes; quoted texts that look like dates are points in time.
//!
//! ```
//! use argo_lang::when;
//! assert_eq!(when::holds("heads == heads && 3 > 2"), Ok(true));
//! ```

use crate::govaluate::Program;
use crate::{ParseError, Value};

/// A condition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// It is no expression.
    #[error("{0}")]
    Parse(ParseError),
    /// Its operands do not fit.
    #[error("{0}")]
    Run(String),
    /// It is neither true nor false.
    #[error("expected boolean evaluation for '{0}'")]
    NotBoolean(String),
}

/// Whether a condition holds. An empty one does.
///
/// # Errors
/// When it is no expression, its operands do not fit, or its value is neither true nor false.
pub fn holds(text: &str) -> Result<bool, WhenError> {
    if text.trim().is_empty() {
        return Ok(true);
    }
    match evaluate(text)? {
        Value::Bool(b) => Ok(b),
        _ => Err(WhenError::NotBoolean(text.to_owned())),
    }
}

/// The value of a condition.
///
/// # Errors
/// When it is no expression, or its operands do not fit.
pub fn evaluate(text: &str) -> Result<Value, WhenError> {
    let program = Program::parse_words(text).map_err(WhenError::Parse)?;
    program.run(&|_: &str| None).map_err(|e| WhenError::Run(e.message))
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
