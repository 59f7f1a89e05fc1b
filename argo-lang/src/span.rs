//! Places in a program's text.

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
        let (line, column) = windowed(line, column);
        format!(" | {line}\n | {}^", ".".repeat(column))
    }

    /// The whole of a text.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self { start: 0, end: text.len() }
    }

    /// The same place in a text that starts some bytes later.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { start: self.start.saturating_add(by), end: self.end.saturating_add(by) }
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

/// Most characters of a line that are shown, and how many of them before the place.
const SHOWN: usize = 160;
const BEFORE: usize = 80;

/// A long line is shown around the place only.
fn windowed(line: &str, column: usize) -> (String, usize) {
    let skipped = if column > BEFORE { column.saturating_sub(BEFORE) } else { 0 };
    let mut shown: String = line.chars().skip(skipped).take(SHOWN).collect();
    let more = line.chars().nth(skipped.saturating_add(SHOWN)).is_some();
    if more {
        shown.push('…');
    }
    if skipped == 0 { (shown, column) } else { (format!("…{shown}"), column.saturating_sub(skipped).saturating_add(1)) }
}
