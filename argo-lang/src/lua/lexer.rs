//! Tokens of scripts.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{ParseError, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(Arc<[u8]>),
    Word(&'static str),
    Number(f64),
    String(Arc<[u8]>),
    Symbol(&'static str),
}

pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) line: u32,
    /// Bytes from the start of its line to its end: how the reference counts columns.
    pub(super) column: usize,
}

const WORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat",
    "return", "then", "true", "until", "while",
];
const SYMBOLS: [&str; 27] = [
    "...", "..", "==", "~=", "<=", ">=", "::", "+", "-", "*", "/", "%", "^", "#", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":",
    ",", ".",
];

fn fail<T>(message: impl Into<String>, line: u32, start: usize, end: usize) -> Result<T, ParseError> {
    Err(ParseError::new(format!("<string> line:{line}: {}", message.into()), Span::new(start, end)))
}

fn wrong<T>(
    message: impl Into<String>,
    line: u32,
    start: usize,
    end: usize,
    expected: impl Into<Cow<'static, str>>,
) -> Result<T, ParseError> {
    fail(message, line, start, end).map_err(|e: ParseError| e.expecting(expected))
}

pub(super) fn tokens(text: &[u8]) -> Result<Vec<(Placed, Span)>, ParseError> {
    let mut lexer = Lexer { text, at: 0, line: 1, line_start: 0 };
    // A first line that begins with `#` is left out.
    if text.first() == Some(&b'#') {
        while lexer.peek(0).is_some_and(|b| b != b'\n') {
            lexer.at += 1;
        }
    }
    let mut out = Vec::new();
    while lexer.skip()? {
        let (start, line) = (lexer.at, lexer.line);
        let token = lexer.token()?;
        out.push((Placed { token, line, column: lexer.at - lexer.line_start }, Span::new(start, lexer.at)));
    }
    Ok(out)
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let b = self.peek(0)?;
        self.at += 1;
        if b == b'\n' {
            self.line = self.line.saturating_add(1);
            self.line_start = self.at;
        }
        Some(b)
    }

    /// Skips blanks and comments; false at the end.
    fn skip(&mut self) -> Result<bool, ParseError> {
        loop {
            match self.peek(0) {
                None => return Ok(false),
                Some(b) if b.is_ascii_whitespace() || b == 0x0b => {
                    self.bump();
                }
                Some(b'-') if self.peek(1) == Some(b'-') => {
                    self.at += 2;
                    if let Some(level) = self.long_level() {
                        self.long(level, "comment")?;
                    } else {
                        while self.peek(0).is_some_and(|b| b != b'\n') {
                            self.at += 1;
                        }
                    }
                }
                Some(_) => return Ok(true),
            }
        }
    }

    /// The number of `=` if a long bracket opens here.
    fn long_level(&self) -> Option<usize> {
        if self.peek(0) != Some(b'[') {
            return None;
        }
        let mut level = 0_usize;
        while self.peek(1 + level) == Some(b'=') {
            level += 1;
        }
        (self.peek(1 + level) == Some(b'[')).then_some(level)
    }

    fn long(&mut self, level: usize, what: &str) -> Result<Vec<u8>, ParseError> {
        let start = self.at;
        self.at += level + 2;
        if self.peek(0) == Some(b'\r') {
            self.at += 1;
        }
        if self.peek(0) == Some(b'\n') {
            self.bump();
        }
        let mut out = Vec::new();
        loop {
            match self.peek(0) {
                None => {
                    let close = format!("']{}]'", "=".repeat(level.min(20)));
                    return wrong(format!("unterminated multiline {what}"), self.line, start, self.at, close);
                }
                Some(b']') => {
                    let equals = (0..level).all(|i| self.peek(1 + i) == Some(b'='));
                    if equals && self.peek(1 + level) == Some(b']') {
                        self.at += level + 2;
                        return Ok(out);
                    }
                    out.push(b']');
                    self.at += 1;
                }
                Some(_) => out.extend(self.bump()),
            }
        }
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let Some(first) = self.peek(0) else { return fail("syntax error", self.line, start, start) };
        if first.is_ascii_alphabetic() || first == b'_' {
            while self.peek(0).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
                self.at += 1;
            }
            let word = self.text.get(start..self.at).unwrap_or_default();
            return Ok(match WORDS.iter().find(|w| w.as_bytes() == word) {
                Some(word) => Token::Word(word),
                None => Token::Name(word.into()),
            });
        }
        if first.is_ascii_digit() || (first == b'.' && self.peek(1).is_some_and(|b| b.is_ascii_digit())) {
            return self.number();
        }
        if matches!(first, b'"' | b'\'') {
            return self.quoted(first);
        }
        if let Some(level) = self.long_level() {
            return self.long(level, "string").map(|s| Token::String(s.into()));
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        match SYMBOLS.iter().find(|s| rest.starts_with(s.as_bytes())) {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(Token::Symbol(symbol))
            }
            None => {
                let expected = if first == b'!' { "'not' or '~='" } else { "a value or an operator" };
                wrong(format!("Invalid token near '{}'", char::from(first)), self.line, start, start + 1, expected)
            }
        }
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let hex = self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X'));
        while let Some(b) = self.peek(0) {
            let before = self.at.checked_sub(1).and_then(|i| self.text.get(i)).copied().unwrap_or(0);
            let sign = matches!(b, b'+' | b'-') && !hex && self.at > start && matches!(before, b'e' | b'E');
            if b.is_ascii_alphanumeric() || b == b'.' || b == b'_' || sign {
                self.at += 1;
            } else {
                break;
            }
        }
        let text = String::from_utf8_lossy(self.text.get(start..self.at).unwrap_or_default()).into_owned();
        match super::convert::parse_number(&text) {
            Some(n) => Ok(Token::Number(n)),
            None => wrong(format!("malformed number near '{text}'"), self.line, start, self.at, "a number such as 10, 0.5, 1e6 or 0x1f"),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Token, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.bump() {
                None | Some(b'\n') => {
                    return wrong("unterminated string", self.line, start, self.at, format!("a closing {}", char::from(quote)));
                }
                Some(b) if b == quote => return Ok(Token::String(out.into())),
                Some(b'\\') => match self.bump() {
                    None => return wrong("unterminated string", self.line, start, self.at, format!("a closing {}", char::from(quote))),
                    Some(b'a') => out.push(7),
                    Some(b'b') => out.push(8),
                    Some(b'f') => out.push(12),
                    Some(b'n') => out.push(b'\n'),
                    Some(b'r') => out.push(b'\r'),
                    Some(b't') => out.push(b'\t'),
                    Some(b'v') => out.push(11),
                    Some(d) if d.is_ascii_digit() => {
                        let mut n = u32::from(d - b'0');
                        for _ in 0..2 {
                            if let Some(d) = self.peek(0).filter(u8::is_ascii_digit) {
                                n = n * 10 + u32::from(d - b'0');
                                self.at += 1;
                            }
                        }
                        out.push(u8::try_from(n & 0xff).unwrap_or(0));
                    }
                    Some(other) => out.push(other),
                },
                Some(b) => out.push(b),
            }
        }
    }
}
