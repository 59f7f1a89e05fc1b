//! Wildcards as gobwas/glob has them: names of projects, destinations, repositories and topics.
//!
//! ```
//! use argo_lang::glob::Pattern;
//!
//! let pattern = Pattern::parse("{dev,test}-*", &[]).unwrap();
//! assert!(pattern.matches("dev-eu") && !pattern.matches("prod-eu"));
//! let path = Pattern::parse("apps/*/values.yaml", &['/']).unwrap();
//! assert!(path.matches("apps/web/values.yaml") && !path.matches("apps/a/b/values.yaml"));
//! ```
//!
//! `*` is any text without separators, `**` any text, `?` one character that is no separator, `[abc]`, `[a-z]` and `[!a-z]` one of a set, `{a,b}` either of two
//! patterns, a backslash takes the next character as it is. Matching takes time linear in the text, whatever the pattern.

use std::fmt;

use regex::Regex;

use crate::sprig::regexes;
use crate::{ParseError, Span};

/// Deepest nesting of braces.
const MOST_DEPTH: usize = 20;
/// Longest pattern, in bytes.
const MOST_LENGTH: usize = 100_000;

/// A pattern that was read; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: std::sync::Arc<str>,
    regex: std::sync::Arc<Regex>,
}

impl Pattern {
    /// Reads a pattern; `*` and `?` do not match the separators.
    ///
    /// # Errors
    /// When brackets, braces or a backslash are left open, a range goes backwards, or the pattern is too large.
    pub fn parse(source: &str, separators: &[char]) -> Result<Self, ParseError> {
        let whole = Span::new(0, source.len());
        if source.len() > MOST_LENGTH {
            return Err(ParseError::new("the pattern is too long", whole));
        }
        let any = if separators.is_empty() {
            ".".to_owned()
        } else {
            format!("[^{}]", separators.iter().map(|c| literal(*c)).collect::<String>())
        };
        let mut reader = Reader { source, at: 0, any: &any, out: "(?s)^".to_owned() };
        reader.pieces()?;
        reader.out.push('$');
        let regex = regexes::compile(&reader.out).map_err(|_| ParseError::new("the pattern is too large", whole))?;
        Ok(Self { source: source.into(), regex })
    }

    /// Whether it matches the whole of a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// The same text with the same separators.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.regex.as_str() == other.regex.as_str()
    }
}

/// As it was written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

fn literal(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    any: &'a str,
    out: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.source.get(self.at..)?.chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.at..)?.chars().next()
    }

    fn fail<T>(&self, start: usize, message: &str, expected: &'static str) -> Result<T, ParseError> {
        Err(ParseError::new(message, Span::new(start, self.at)).expecting(expected))
    }

    fn pieces(&mut self) -> Result<(), ParseError> {
        let mut open = Vec::new();
        loop {
            let start = self.at;
            let Some(c) = self.next() else { break };
            match c {
                '*' if self.peek() == Some('*') => {
                    self.next();
                    self.out.push_str(".*");
                }
                '*' => {
                    self.out.push_str(self.any);
                    self.out.push('*');
                }
                '?' => self.out.push_str(self.any),
                '[' => self.set(start)?,
                '{' => {
                    open.push(start);
                    if open.len() > MOST_DEPTH {
                        return self.fail(start, "nested too deeply", "fewer braces");
                    }
                    self.out.push_str("(?:");
                }
                ',' if !open.is_empty() => self.out.push('|'),
                '}' if open.pop().is_some() => self.out.push(')'),
                '\\' => match self.next() {
                    Some(c) => self.out.push_str(&literal(c)),
                    None => return self.fail(start, "unexpected end after a backslash", "a character"),
                },
                c => self.out.push_str(&literal(c)),
            }
        }
        match open.pop() {
            Some(start) => self.fail(start, "the brace is not closed", "'}'"),
            None => Ok(()),
        }
    }

    fn set(&mut self, start: usize) -> Result<(), ParseError> {
        self.out.push('[');
        if self.peek() == Some('!') {
            self.next();
            self.out.push('^');
        }
        let mut before: Option<char> = None;
        let mut any = false;
        loop {
            match self.next() {
                None => return self.fail(start, "the bracket is not closed", "']'"),
                Some(']') if any => break,
                Some('-') if before.is_some() && !matches!(self.peek(), None | Some(']')) => {
                    let (from, to) = (before.take().unwrap_or_default(), self.next().unwrap_or_default());
                    if to < from {
                        return self.fail(start, "the range goes backwards", "the lower end first");
                    }
                    self.out.push('-');
                    self.out.push_str(&literal(to));
                }
                Some(c) => {
                    let c = if c == '\\' { self.next().unwrap_or('\\') } else { c };
                    before = Some(c);
                    self.out.push_str(&literal(c));
                }
            }
            any = true;
        }
        self.out.push(']');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("a*c", "abbc", true),
            ("a*c", "a/c", false),
            ("a**c", "a/b/c", true),
            ("a?c", "a/c", false),
            ("[!a-c]x", "dx", true),
            ("[!a-c]x", "bx", false),
            ("[a-]", "-", true),
            ("{a,b{1,2}}*", "b2/", false),
            ("{a,b{1,2}}*", "b2x", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            ("a,b}", "a,b}", true),
            ("", "", true),
            ("é?", "éü", true),
            ("a.c", "abc", false),
        ] {
            assert_eq!(Pattern::parse(pattern, &['/']).unwrap().matches(text), expected, "{pattern} {text}");
        }
        for bad in ["[a", "[]", "{a", "\\", "[z-a]"] {
            assert!(Pattern::parse(bad, &[]).is_err(), "{bad}");
        }
        for text in ["{".repeat(100_000), "[".repeat(100_000), "*a".repeat(50_000)] {
            let _ = Pattern::parse(&text, &[]).map(|p| p.matches(&text));
        }
    }
}
