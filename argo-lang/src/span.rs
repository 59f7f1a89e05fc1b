//! Places in a program's text, and the errors that point at them.

/// A range of bytes in a program's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// From the first byte to the one after the last.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The span in its line, with a caret below where it starts.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let start = floor(text, self.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = text.get(line_start..start).unwrap_or_default().chars().count();
        format!(" | {line}\n | {}^", ".".repeat(column))
    }

    /// Line and column of the start, both from 1.
    #[must_use]
    pub fn line_column(&self, text: &str) -> (usize, usize) {
        let before = text.get(..floor(text, self.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        (line, column)
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

/// A text that is no program of its language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {})", span.start)]
pub struct ParseError {
    /// What was found, and what was expected.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl ParseError {
    /// An error at a place.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span }
    }

    /// The message with line, column and a caret below the place.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let (line, column) = self.span.line_column(text);
        format!("{} ({line}:{column})\n{}", self.message, self.span.render(text))
    }
}
