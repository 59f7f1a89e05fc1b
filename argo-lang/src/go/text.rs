//! Texts as Go's `strings` and `unicode` see them.

/// Bytes as text: each byte that is no part of a character becomes the replacement character, as Go's JSON does.
#[must_use]
pub fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| out.push('\u{fffd}'));
    }
    out
}

/// Capitals, one for each character: `ß` stays.
#[must_use]
pub fn upper(text: &str) -> String {
    text.chars().map(upper_char).collect()
}

/// Small letters, one for each character.
#[must_use]
pub fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// The capital of a character, if that is one character.
#[must_use]
pub fn upper_char(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(upper), None) => upper,
        _ => c,
    }
}

/// The small letter of a character.
#[must_use]
pub fn lower_char(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}
