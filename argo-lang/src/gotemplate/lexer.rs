//! Tokens within `{{` and `}}`.

use super::Number;
use crate::sprig::args::{parse_float, parse_int};
use crate::{ParseError, Span};

#[derive(Clone, Debug)]
pub(super) enum Token {
    Space,
    Dot,
    /// `.name`.
    Field(String),
    /// `$` and `$name`.
    Variable(String),
    Word(String),
    String(String),
    Number(Number),
    Open,
    Close,
    Pipe,
    Declare,
    Assign,
    Comma,
}

type Tokens = Vec<(Token, Span)>;

/// A piece of a template's text.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Action(Vec<(Token, Span)>, Span),
}

fn wrong<T>(message: impl Into<String>, start: usize, end: usize, expected: &'static str) -> Result<T, ParseError> {
    Err(ParseError::new(message, Span::new(start, end)).expecting(expected))
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

pub(super) fn pieces(source: &str) -> Result<Vec<Piece>, ParseError> {
    let mut out = Vec::new();
    let mut at = 0_usize;
    let mut trim = false;
    let part = |from: usize, to: usize| source.get(from..to).unwrap_or_default();
    while at <= source.len() {
        let open = part(at, source.len()).find("{{").map(|n| at + n);
        let mut text = part(at, open.unwrap_or(source.len()));
        if trim {
            text = text.trim_start_matches(blank);
        }
        let Some(open) = open else {
            if !text.is_empty() {
                out.push(Piece::Text(text.to_owned()));
            }
            break;
        };
        let mut inside = open + 2;
        let after = part(inside, source.len());
        if after.starts_with('-') && after.get(1..).is_some_and(|a| a.starts_with(blank)) {
            text = text.trim_end_matches(blank);
            inside += 2;
        }
        if !text.is_empty() {
            out.push(Piece::Text(text.to_owned()));
        }
        if part(inside, source.len()).starts_with("/*") {
            let body = part(inside + 2, source.len());
            let Some(length) = body.find("*/") else { return wrong("unclosed comment", open, source.len(), "'*/'") };
            let tail_at = inside + 2 + length + 2;
            let tail = part(tail_at, source.len());
            trim = tail.starts_with(blank) && tail.get(1..).is_some_and(|t| t.starts_with("-}}"));
            let skip = if trim { 2 } else { 0 };
            if !part(tail_at + skip, source.len()).starts_with("}}") {
                return wrong("comment ends before closing delimiter", open, tail_at, "'}}' right after '*/'");
            }
            at = tail_at + skip + 2;
            continue;
        }
        let (tokens, end, trims) = action(source, inside, open)?;
        out.push(Piece::Action(tokens, Span::new(open, end)));
        trim = trims;
        at = end;
    }
    Ok(out)
}

/// The tokens up to `}}`, the place after it, and whether it trims what follows.
fn action(source: &str, mut at: usize, open: usize) -> Result<(Tokens, usize, bool), ParseError> {
    let mut out = Vec::new();
    let mut depth = 0_usize;
    loop {
        let rest = source.get(at..).unwrap_or_default();
        let trims = rest.starts_with(blank) && rest.get(1..).is_some_and(|r| r.starts_with("-}}"));
        if trims || rest.starts_with("}}") {
            if depth > 0 {
                return wrong("unclosed left paren", open, at, "')'");
            }
            return Ok((out, at + if trims { 4 } else { 2 }, trims));
        }
        let Some(first) = rest.chars().next() else { return wrong("unclosed action", open, at, "'}}'") };
        let (token, length) = token(rest, first, at)?;
        match token {
            Token::Open => depth += 1,
            Token::Close => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return wrong("unexpected right paren", at, at + 1, "'}}' or a '(' before it"),
            },
            _ => {}
        }
        out.push((token, Span::new(at, at + length)));
        at += length;
    }
}

fn alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A name may end only where something else can begin.
fn ends_well(rest: &str) -> Result<(), char> {
    match rest.chars().next() {
        None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
        Some(_) if rest.starts_with("}}") => Ok(()),
        Some(c) => Err(c),
    }
}

fn token(rest: &str, first: char, at: usize) -> Result<(Token, usize), ParseError> {
    let name_end = |from: usize| rest.get(from..).unwrap_or_default().find(|c| !alphanumeric(c)).map_or(rest.len(), |n| from + n);
    let name = |from: usize| -> Result<(String, usize), ParseError> {
        let end = name_end(from);
        if let Err(c) = ends_well(rest.get(end..).unwrap_or_default()) {
            let message = format!("bad character U+{:04X} '{c}'", u32::from(c));
            return wrong(message, at + end, at + end + c.len_utf8(), "a blank, a dot or '}}': other names are read with index");
        }
        Ok((rest.get(from..end).unwrap_or_default().to_owned(), end))
    };
    if blank(first) {
        let length = rest.find(|c| !blank(c)).unwrap_or(rest.len());
        // The last blank may belong to a trim mark.
        let length = if rest.get(length..).is_some_and(|r| r.starts_with("-}}")) { length.saturating_sub(1).max(1) } else { length };
        return Ok((Token::Space, length));
    }
    let second = rest.chars().nth(1);
    Ok(match first {
        '"' => return quoted(rest, at),
        '`' => {
            let end = rest.get(1..).and_then(|r| r.find('`'));
            let Some(end) = end else { return wrong("unterminated raw quoted string", at, at + rest.len(), "a closing `") };
            (Token::String(rest.get(1..=end).unwrap_or_default().replace('\r', "")), end + 2)
        }
        '\'' => return character(rest, at),
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        '|' => (Token::Pipe, 1),
        ',' => (Token::Comma, 1),
        '=' => (Token::Assign, 1),
        ':' if second == Some('=') => (Token::Declare, 2),
        ':' => return wrong("unexpected \":\"", at, at + 1, "':='"),
        '$' => {
            let (text, end) = name(1)?;
            (Token::Variable(format!("${text}")), end)
        }
        '.' if second.is_none_or(|c| !c.is_ascii_digit()) => {
            if second.is_some_and(alphanumeric) {
                let (text, end) = name(1)?;
                (Token::Field(text), end)
            } else {
                (Token::Dot, 1)
            }
        }
        c if c == '+' || c == '-' || c == '.' || c.is_ascii_digit() => return number(rest, at),
        c if alphanumeric(c) => {
            let (text, end) = name(0)?;
            (Token::Word(text), end)
        }
        c => {
            let message = format!("unrecognized character in action: U+{:04X} '{c}'", u32::from(c));
            return wrong(message, at, at + c.len_utf8(), "a value, '|' or '}}'");
        }
    })
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), ParseError> {
    let bytes = rest.as_bytes();
    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let hex = rest.get(end..).is_some_and(|r| r.starts_with("0x") || r.starts_with("0X"));
    while let Some(c) = rest.get(end..).and_then(|r| r.chars().next()) {
        let before = end.checked_sub(1).and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
        let exponent = if hex { matches!(before, b'p' | b'P') } else { matches!(before, b'e' | b'E') };
        if alphanumeric(c) || c == '.' || (matches!(c, '+' | '-') && exponent) {
            end += c.len_utf8();
        } else {
            break;
        }
    }
    let text = rest.get(..end).unwrap_or_default();
    let not = |what: &str| wrong(format!("{what}: {text:?}"), at, at + end.max(1), "a number such as 10, 0.5, 1e6 or 0x1f");
    // As Go: a float whose value is whole is a whole number too; what is too large for a whole number, but not for an unsigned one, fails when it runs.
    let digits = text.replace('_', "");
    let unsigned = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).is_ok(),
        None => !digits.starts_with('0') && digits.parse::<u64>().is_ok(),
    };
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    let number = match (parse_int(text), parse_float(&text.replace('_', ""))) {
        (Some(n), _) => Number { int: Some(n), float: n as f64, is_float: false },
        (None, Some(f)) if unsigned => Number { int: None, float: f, is_float: false },
        (None, Some(_)) if !text.contains(['.', 'e', 'E', 'p', 'P']) => return not("integer overflow"),
        (None, Some(f)) => Number { int: (f.fract() == 0.0 && f.abs() < 9.2e18).then_some(f as i64), float: f, is_float: true },
        (None, None) => return not("bad number syntax"),
    };
    Ok((Token::Number(number), end))
}

fn escaped(chars: &mut std::str::CharIndices<'_>, quote: char) -> Option<char> {
    let (_, c) = chars.next()?;
    let mut code = |digits: usize, radix: u32, first: u32| -> Option<char> {
        let n = (0..digits).try_fold(first, |n, _| n.checked_mul(radix)?.checked_add(chars.next()?.1.to_digit(radix)?))?;
        char::from_u32(n)
    };
    match c {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        '\\' => Some('\\'),
        c if c == quote => Some(c),
        'x' => code(2, 16, 0),
        'u' => code(4, 16, 0),
        'U' => code(8, 16, 0),
        '0'..='7' => code(2, 8, c.to_digit(8)?),
        _ => None,
    }
}

fn quoted(rest: &str, at: usize) -> Result<(Token, usize), ParseError> {
    let mut out = String::new();
    let mut chars = rest.char_indices();
    chars.next();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::String(out), i + 1)),
            '\n' => break,
            '\\' => match escaped(&mut chars, '"') {
                Some(c) => out.push(c),
                None => return wrong("invalid syntax", at + i, at + i + 1, "an escape such as \\n, \\x41 or \\u00e9"),
            },
            c => out.push(c),
        }
    }
    wrong("unterminated quoted string", at, at + rest.len(), "a closing \"")
}

fn character(rest: &str, at: usize) -> Result<(Token, usize), ParseError> {
    let mut chars = rest.char_indices();
    chars.next();
    let found = match chars.next() {
        Some((_, '\\')) => escaped(&mut chars, '\''),
        Some((_, c)) if c != '\'' && c != '\n' => Some(c),
        _ => None,
    };
    match (found, chars.next()) {
        (Some(c), Some((end, '\''))) => {
            let n = i64::from(u32::from(c));
            Ok((Token::Number(Number { int: Some(n), float: f64::from(u32::from(c)), is_float: false }), end + 1))
        }
        _ => wrong("malformed character constant", at, at + 1, "one character in quotes: texts are in double quotes"),
    }
}
