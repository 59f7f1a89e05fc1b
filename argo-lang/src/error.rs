//! What goes wrong with programs: one type for texts that are none, one for runs, the same for every language.

use std::borrow::Cow;

use crate::budget::Limit;
use crate::{Span, Value};

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It is not of the language.
    #[default]
    Syntax,
    /// It is, but names a function, variable or module that there is not.
    Name,
}

/// A text that is no program of its language.
///
/// ```
/// let error = argo_lang::expr::Program::parse("1 +\n  * 2").unwrap_err();
/// assert_eq!(error.render("1 +\n  * 2"), "unexpected token Operator(\"*\"), expected a value (2:3)\n |   * 2\n | ..^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {})", span.start)]
pub struct ParseError {
    /// What was found.
    pub message: String,
    /// What would have been right there, if it can be named.
    pub expected: Option<Cow<'static, str>>,
    /// Where.
    pub span: Span,
    /// Of which kind it is.
    pub fault: Fault,
}

impl ParseError {
    /// An error at a place.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), expected: None, span, fault: Fault::Syntax }
    }

    /// The error as one about a name that there is not.
    #[must_use]
    pub fn naming(mut self) -> Self {
        self.fault = Fault::Name;
        self
    }

    /// The error with what would have been right.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<Cow<'static, str>>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same error in a text in which this one's starts some bytes later.
    #[must_use]
    pub fn shifted(mut self, by: usize) -> Self {
        self.span = self.span.shifted(by);
        self
    }

    /// The message with what was expected, line, column, and a caret below the place.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        render(&self.message, self.expected.as_deref(), self.span, text)
    }
}

/// Longest program in bytes: an object of a cluster has at most 1.5 MB.
const MOST_SOURCE: usize = 2_000_000;

/// Refuses a program that is larger than any object of a cluster.
pub(crate) fn check_length(source: &str) -> Result<(), ParseError> {
    if source.len() > MOST_SOURCE { Err(ParseError::new("the program is too long", Span::whole(source))) } else { Ok(()) }
}

/// Why a run failed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// An operation did not fit its values.
    #[default]
    Failed,
    /// A name is not defined.
    Unknown(String),
    /// The program itself raised a value (`error(…)` of jq and Lua).
    Raised(Value),
    /// The budget is used up.
    Limit(Limit),
}

/// A program that could not be run to its end.
///
/// ```
/// use argo_lang::{Budget, jq::Program};
///
/// let program = Program::parse(".a | keys").unwrap();
/// let input = argo_lang::Value::from(serde_json::json!({"a": 1}));
/// let error = program.run(&input, &|_: &str| None, &Budget::default()).unwrap_err();
/// assert_eq!(error.render(".a | keys"), "keys cannot be applied to: number (1) (1:6)\n | .a | keys\n | .....^");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    /// What went wrong.
    pub message: String,
    /// What would have been right there, if it can be named.
    pub expected: Option<Cow<'static, str>>,
    /// Where in the program.
    pub span: Span,
    /// Of which kind it is.
    pub cause: Cause,
}

impl RunError {
    /// A failure at a place.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), expected: None, span, cause: Cause::Failed }
    }

    /// The error with what would have been right.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<Cow<'static, str>>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The error with its cause.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    /// A budget that is used up, at a place.
    #[must_use]
    pub fn limit(limit: Limit, span: Span) -> Self {
        Self { message: format!("the program {limit}"), expected: None, span, cause: Cause::Limit(limit) }
    }

    /// The name that is not defined, if that is what went wrong.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        if let Cause::Unknown(name) = &self.cause { Some(name) } else { None }
    }

    /// The message with what was expected, line, column, and a caret below the place.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        render(&self.message, self.expected.as_deref(), self.span, text)
    }
}

fn render(message: &str, expected: Option<&str>, span: Span, text: &str) -> String {
    let (line, column) = span.line_column(text);
    let expected = expected.map_or(String::new(), |e| format!(", expected {e}"));
    format!("{message}{expected} ({line}:{column})\n{}", span.render(text))
}
