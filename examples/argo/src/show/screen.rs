//! Lines drawn again in place, as long as somebody looks.

use std::io::{self, Write};

use super::Look;

/// The bottom of a terminal, drawn again and again; elsewhere nothing.
pub struct Screen {
    look: Look,
    drawn: usize,
}

/// Height where the terminal does not say it.
const HEIGHT: usize = 24;

impl Screen {
    pub fn new(look: Look) -> Self {
        Self { look, drawn: 0 }
    }

    /// Draws these lines where the last ones were. What is higher than the terminal is cut, as it could not be erased again.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        if !self.look.fancy {
            return Ok(());
        }
        let height = terminal_size::terminal_size().map_or(HEIGHT, |(_, height)| usize::from(height.0));
        let room = height.saturating_sub(2).max(1);
        let mut text = self.erase();
        // Long lines are cut by the terminal instead of being wrapped, which would make their count wrong.
        text.push_str("\x1b[?7l");
        let hidden = lines.len().saturating_sub(room);
        for line in lines.iter().take(room) {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = lines.len().min(room);
        if hidden > 0 {
            text.push_str(&format!("… {hidden} more lines\n"));
            self.drawn = self.drawn.saturating_add(1);
        }
        text.push_str("\x1b[?7h");
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Removes what was drawn.
    pub fn clear(&mut self) -> io::Result<()> {
        let text = self.erase();
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }

    /// Prints lines that stay; what is drawn goes until it is drawn again.
    pub fn print(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = self.erase();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
