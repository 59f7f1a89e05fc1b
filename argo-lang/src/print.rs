//! What the printers of several languages share.

/// A text between quotes, with escapes that all languages here read alike: `\\`, the quote, `\n`, `\r`, `\t`.
pub(crate) fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                if c == quote || c == '\\' {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out.push(quote);
    out
}

/// A float that is read as one: with a point or an exponent. Infinity is a number that is too large.
pub(crate) fn float(n: f64) -> String {
    if n.is_infinite() { if n > 0.0 { "1e999" } else { "-1e999" }.to_owned() } else { format!("{n:?}") }
}

/// A float for languages whose numbers have no exponent.
pub(crate) fn plain_float(n: f64) -> String {
    if n.is_infinite() { format!("{}1{}", if n > 0.0 { "" } else { "-" }, "0".repeat(400)) } else { format!("{n}") }
}

/// Puts texts between pieces: all but the first call write the separator.
pub(crate) fn joined<T>(out: &mut String, items: &[T], by: &str, mut each: impl FnMut(&mut String, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(by);
        }
        each(out, item);
    }
}
