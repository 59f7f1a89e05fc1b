//! Tokens of filters.

use crate::{ParseError, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64, Option<i64>),
    /// A text: plain parts, and the source of interpolations with its place.
    String(Vec<Part>),
    Word(String),
    /// `.name`.
    Field(String),
    /// `$name`.
    Variable(String),
    /// `@name`.
    Format(String),
    Symbol(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Code(Vec<(Token, Span)>),
}

const SYMBOLS: [&str; 41] = [
    "?//=", "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "..", "=", "<", ">", "+", "-", "*", "/", "%",
    "|", ",", ".", "[", "]", "(", ")", "{", "}", ":", ";", "?", "!", "&", "'", "`", "~", "^",
];

fn fail<T>(message: impl Into<String>, start: usize, end: usize) -> Result<T, ParseError> {
    Err(ParseError::new(message, Span::new(start, end)))
}

fn wrong<T>(message: impl Into<String>, start: usize, end: usize, expected: &'static str) -> Result<T, ParseError> {
    Err(ParseError::new(message, Span::new(start, end)).expecting(expected))
}

fn name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn name_length(text: &str) -> usize {
    let mut end = 0_usize;
    loop {
        let part = text.get(end..).unwrap_or_default();
        if !part.starts_with(name_start) {
            break;
        }
        end += part.find(|c: char| !(name_start(c) || c.is_ascii_digit())).unwrap_or(part.len());
        // `a::b` is a name of a module.
        let tail = text.get(end..).unwrap_or_default();
        if tail.starts_with("::") && tail.get(2..).is_some_and(|t| t.starts_with(name_start)) {
            end += 2;
        } else {
            break;
        }
    }
    end
}

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, ParseError> {
    let (out, _) = until(text, 0, false, 0)?;
    Ok(out)
}

/// Tokens up to the end, or within a text up to the bracket that closes the interpolation.
fn until(text: &str, mut at: usize, nested: bool, depth: usize) -> Result<(Vec<(Token, Span)>, usize), ParseError> {
    if depth > 20 {
        return fail("texts are nested too deeply", at, at);
    }
    let mut out: Vec<(Token, Span)> = Vec::new();
    let mut open = 0_usize;
    while let Some(first) = text.get(at..).and_then(|r| r.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let start = at;
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if first == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let second = rest.chars().nth(1);
        let (token, length) = if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            number(rest, start)?
        } else if first == '"' {
            let (parts, end) = string(text, start + 1, depth)?;
            (Token::String(parts), end - start)
        } else if first == '.' && second.is_some_and(name_start) {
            let length = rest.get(1..).map_or(0, |r| r.find(|c: char| !(name_start(c) || c.is_ascii_digit())).unwrap_or(r.len()));
            (Token::Field(rest.get(1..=length).unwrap_or_default().to_owned()), length + 1)
        } else if first == '$' && second.is_some_and(name_start) {
            let length = name_length(rest.get(1..).unwrap_or_default());
            (Token::Variable(rest.get(1..=length).unwrap_or_default().to_owned()), length + 1)
        } else if first == '@' && second.is_some_and(name_start) {
            let length = name_length(rest.get(1..).unwrap_or_default());
            (Token::Format(rest.get(..=length).unwrap_or_default().to_owned()), length + 1)
        } else if name_start(first) {
            let length = name_length(rest);
            (Token::Word(rest.get(..length).unwrap_or_default().to_owned()), length)
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            match *symbol {
                "(" => open += 1,
                ")" if open > 0 => open -= 1,
                ")" if nested => return Ok((out, at + 1)),
                _ => {}
            }
            (Token::Symbol(symbol), symbol.len())
        } else {
            return wrong(format!("unexpected token {first:?}"), start, start + first.len_utf8(), "a filter or an operator");
        };
        at += length;
        out.push((token, Span::new(start, at)));
    }
    if nested { wrong("unterminated string literal", at, at, "')'") } else { Ok((out, at)) }
}

fn number(rest: &str, start: usize) -> Result<(Token, usize), ParseError> {
    let bytes = rest.as_bytes();
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        i
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after == end + 1 + sign {
            return wrong(
                format!("unexpected token {:?}", rest.get(..after).unwrap_or_default()),
                start,
                start + after,
                "a number such as 10, 0.5 or 1e6",
            );
        }
        end = after;
    }
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') {
        return wrong(
            format!("unexpected token {:?}", rest.get(..=end).unwrap_or_default()),
            start,
            start + end + 1,
            "a number such as 10, 0.5 or 1e6",
        );
    }
    let text = rest.get(..end).unwrap_or_default();
    match text.parse::<f64>() {
        Ok(n) => Ok((Token::Number(n, text.parse().ok()), end)),
        Err(_) => wrong(format!("unexpected token {text:?}"), start, start + end, "a number such as 10, 0.5 or 1e6"),
    }
}

/// The parts of a text whose opening quote is read, and the place after the closing one.
fn string(text: &str, mut at: usize, depth: usize) -> Result<(Vec<Part>, usize), ParseError> {
    let start = at - 1;
    let mut parts = Vec::new();
    let mut plain = String::new();
    loop {
        let Some(c) = text.get(at..).and_then(|r| r.chars().next()) else {
            return wrong("unterminated string literal", start, text.len(), "a closing \"");
        };
        at += c.len_utf8();
        if c == '"' {
            if !plain.is_empty() || parts.is_empty() {
                parts.push(Part::Text(plain));
            }
            return Ok((parts, at));
        }
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let Some(escape) = text.get(at..).and_then(|r| r.chars().next()) else {
            return wrong("unterminated string literal", start, text.len(), "a closing \"");
        };
        at += escape.len_utf8();
        match escape {
            'n' => plain.push('\n'),
            't' => plain.push('\t'),
            'r' => plain.push('\r'),
            'b' => plain.push('\u{8}'),
            'f' => plain.push('\u{c}'),
            '"' | '\\' | '/' => plain.push(escape),
            'u' => {
                let code = |from: usize| text.get(from..from + 4).and_then(|h| u32::from_str_radix(h, 16).ok());
                let Some(first) = code(at) else {
                    return wrong("invalid escape sequence in string literal", at - 2, at, "four hexadecimal digits");
                };
                at += 4;
                let mut value = first;
                if (0xd800..0xdc00).contains(&first)
                    && text.get(at..at + 2) == Some("\\u")
                    && let Some(second) = code(at + 2).filter(|s| (0xdc00..0xe000).contains(s))
                {
                    value = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    at += 6;
                }
                plain.push(char::from_u32(value).unwrap_or('\u{fffd}'));
            }
            '(' => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                let (tokens, end) = until(text, at, true, depth + 1)?;
                parts.push(Part::Code(tokens));
                at = end;
            }
            other => {
                let message = format!("invalid escape sequence \"\\{other}\" in string literal");
                return wrong(message, at - 1 - other.len_utf8(), at, "an escape such as \\n, \\u00e9 or \\(filter)");
            }
        }
    }
}
