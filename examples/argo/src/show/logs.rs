//! Lines of logs: who wrote them, and in which colour that is shown.

use anstyle::AnsiColor;

use super::Look;

const COLOURS: [AnsiColor; 6] = [AnsiColor::Red, AnsiColor::Green, AnsiColor::Yellow, AnsiColor::Blue, AnsiColor::Magenta, AnsiColor::Cyan];

/// `writer: line`, each writer always in the same colour.
pub fn line(writer: &str, text: &str, look: Look) -> String {
    let hash = argo_core::ids::fnv1a32(writer.as_bytes());
    let at = usize::try_from(hash).unwrap_or_default().checked_rem(COLOURS.len()).unwrap_or_default();
    format!("{}: {text}", look.paint(COLOURS.get(at).copied(), writer))
}
