//! Tokens of expressions.

use crate::{ParseError, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Float(f64),
    String(String),
    Name(String),
    /// Operators and brackets, by their text.
    Symbol(&'static str),
    /// `#`, `#name`.
    Pointer(String),
    End,
}

const SYMBOLS: [&str; 38] = [
    "?.", "??", "**", "==", "!=", "<=", ">=", "&&", "||", "..", "::", "=>", "+", "-", "*", "/", "%", "^", "<", ">", "!", "?", ":", ".",
    ",", "(", ")", "[", "]", "{", "}", "|", "=", ";", "#", "~", "&", "@",
];

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, ParseError> {
    let mut out = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        let start = at;
        if first.is_whitespace() {
            at = at.saturating_add(first.len_utf8());
            continue;
        }
        if rest.starts_with("//") {
            at = at.saturating_add(rest.find('\n').unwrap_or(rest.len()));
            continue;
        }
        if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or_else(|| ParseError::new("unclosed comment", Span::new(start, text.len())).expecting("'*/'"))?;
            at = at.saturating_add(end).saturating_add(2);
            continue;
        }
        let (token, length) = if first.is_ascii_digit() || (first == '.' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())) {
            number(rest, start)?
        } else if matches!(first, '"' | '\'' | '`') {
            string(rest, first, start)?
        } else if is_start(first) {
            let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            (Token::Name(rest.get(..length).unwrap_or_default().to_owned()), length)
        } else if first == '#' {
            let name = rest.get(1..).unwrap_or_default();
            let length = name.find(|c: char| !is_part(c)).unwrap_or(name.len());
            (Token::Pointer(name.get(..length).unwrap_or_default().to_owned()), length.saturating_add(1))
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            let span = Span::new(start, start.saturating_add(first.len_utf8()));
            return Err(ParseError::new(format!("unrecognized character: {first:?}"), span).expecting("a value or an operator"));
        };
        at = at.saturating_add(length);
        out.push((token, Span::new(start, at)));
    }
    out.push((Token::End, Span::new(text.len(), text.len())));
    Ok(out)
}

pub(super) fn is_start(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic()
}

pub(super) fn is_part(c: char) -> bool {
    is_start(c) || c.is_alphanumeric()
}

fn number(rest: &str, start: usize) -> Result<(Token, usize), ParseError> {
    let bytes = rest.as_bytes();
    let bad = |length: usize| {
        ParseError::new(
            format!("bad number syntax: {:?}", rest.get(..length).unwrap_or_default()),
            Span::new(start, start.saturating_add(length)),
        )
        .expecting("a number such as 10, 0.5, 1e6 or 0x1f")
    };
    let radix = match (bytes.first(), bytes.get(1)) {
        (Some(b'0'), Some(b'x' | b'X')) => Some(16),
        (Some(b'0'), Some(b'o' | b'O')) => Some(8),
        (Some(b'0'), Some(b'b' | b'B')) => Some(2),
        _ => None,
    };
    if let Some(radix) = radix {
        let digits = rest.get(2..).unwrap_or_default();
        let length = digits.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(digits.len());
        let text: String = digits.chars().take(length).filter(|c| *c != '_').collect();
        let end = length.saturating_add(2);
        return i64::from_str_radix(&text, radix).map(|n| (Token::Int(n), end)).map_err(|_| bad(end));
    }
    let mut end = 0_usize;
    let mut float = false;
    while let Some(byte) = bytes.get(end) {
        let next = bytes.get(end.saturating_add(1)).copied();
        match byte {
            b'0'..=b'9' | b'_' => {}
            b'.' if !float && next != Some(b'.') && next.is_some_and(|c| c.is_ascii_digit()) => float = true,
            b'e' | b'E' if next.is_some_and(|c| c.is_ascii_digit() || c == b'-' || c == b'+') => {
                float = true;
                if matches!(next, Some(b'-' | b'+')) {
                    end = end.saturating_add(1);
                }
            }
            _ => break,
        }
        end = end.saturating_add(1);
    }
    if bytes.get(end).is_some_and(|c| c.is_ascii_alphabetic()) {
        return Err(bad(end.saturating_add(1)));
    }
    let text: String = rest.chars().take(end).filter(|c| *c != '_').collect();
    if float {
        text.parse().map(|n| (Token::Float(n), end)).map_err(|_| bad(end))
    } else {
        text.parse().map(|n| (Token::Int(n), end)).map_err(|_| bad(end))
    }
}

fn string(rest: &str, quote: char, start: usize) -> Result<(Token, usize), ParseError> {
    let unclosed = || {
        ParseError::new("literal not terminated", Span::new(start, start.saturating_add(rest.len())))
            .expecting(format!("a closing {quote}"))
    };
    let no_escape = |at: usize| {
        ParseError::new("invalid char escape", Span::new(at, at.saturating_add(1))).expecting("an escape such as \\n, \\x41 or \\u00e9")
    };
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        let here = start.saturating_add(at);
        if c == quote && c == '`' && rest.get(at.saturating_add(1)..).is_some_and(|r| r.starts_with('`')) {
            out.push('`');
            chars.next();
            continue;
        }
        if c == quote {
            return Ok((Token::String(out), at.saturating_add(1)));
        }
        if c == '\n' && quote != '`' {
            return Err(unclosed());
        }
        if c != '\\' || quote == '`' {
            out.push(c);
            continue;
        }
        let (_, escape) = chars.next().ok_or_else(unclosed)?;
        let mut code = |digits: usize, radix: u32, first: u32| -> Result<u32, ParseError> {
            (0..digits).try_fold(first, |n, _| {
                let digit = chars.next().and_then(|(_, c)| c.to_digit(radix));
                digit.and_then(|d| n.checked_mul(radix)?.checked_add(d)).ok_or_else(|| no_escape(here))
            })
        };
        let value = match escape {
            'n' => 0x0a,
            't' => 0x09,
            'r' => 0x0d,
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'v' => 0x0b,
            '\\' | '\'' | '"' | '`' => u32::from(escape),
            'x' => code(2, 16, 0)?,
            'u' => code(4, 16, 0)?,
            'U' => code(8, 16, 0)?,
            '0'..='7' => code(2, 8, escape.to_digit(8).unwrap_or_default())?,
            _ => return Err(no_escape(here)),
        };
        // Half of a surrogate pair is no character: Go writes the replacement.
        let half = (0xd800..0xe000).contains(&value).then_some('\u{fffd}');
        out.push(char::from_u32(value).or(half).ok_or_else(|| no_escape(here))?);
    }
    Err(unclosed())
}
