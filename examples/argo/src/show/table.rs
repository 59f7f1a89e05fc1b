//! Columns.

use super::Look;
use anstyle::AnsiColor;

/// A cell: pieces of text, each with or without a colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell(Vec<(Option<AnsiColor>, String)>);

impl Cell {
    /// A cell with one more piece.
    pub fn then(mut self, colour: Option<AnsiColor>, text: impl Into<String>) -> Self {
        self.0.push((colour, text.into()));
        self
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    fn painted(&self, look: Look) -> String {
        self.0.iter().map(|(colour, text)| look.paint(*colour, text)).collect()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(vec![(None, text)])
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Lines of a table: columns as wide as their widest cell, `gap` blanks between them, none at the end.
pub fn lines(rows: &[Vec<Cell>], gap: usize, look: Look) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match widths.get_mut(column) {
                Some(width) => *width = cell.width().max(*width),
                None => widths.push(cell.width()),
            }
        }
    }
    let line = |row: &Vec<Cell>| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&cell.painted(look));
            line.push_str(&" ".repeat(width.saturating_sub(cell.width()).saturating_add(gap)));
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{Cell, Look, lines};
    use anstyle::AnsiColor;

    #[test]
    fn columns_line_up_whatever_their_colours() {
        let rows =
            vec![vec!["NAME".into(), "X".into()], vec![Cell::default().then(Some(AnsiColor::Red), "✖").then(None, " longer"), "y".into()]];
        assert_eq!(lines(&rows, 2, Look::default()), ["NAME      X", "✖ longer  y"]);
        assert!(lines(&rows, 2, Look { fancy: true })[1].ends_with("m longer  y"));
    }
}
