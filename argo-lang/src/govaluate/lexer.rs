//! Tokens, and which may follow which.

use std::fmt;

use super::Functions;
use crate::go::time;
use crate::sprig::regexes;
use crate::{Function, ParseError, Span, Value};

#[derive(Clone, Debug)]
pub(super) enum Token {
    Prefix(&'static str),
    Number(f64),
    Bool(bool),
    String(String),
    Pattern(std::sync::Arc<regex::Regex>),
    Time(f64),
    Variable(String),
    Function(Function),
    Access(Vec<String>),
    Separator,
    Comparator(&'static str),
    Logical(&'static str),
    Modifier(&'static str),
    Open,
    Close,
    Ternary(&'static str),
}

/// Kinds as the reference names them, in one place for messages and transitions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    Prefix,
    Number,
    Bool,
    String,
    Pattern,
    Time,
    Variable,
    Function,
    Access,
    Separator,
    Comparator,
    Logical,
    Modifier,
    Open,
    Close,
    Ternary,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "UNKNOWN",
            Self::Prefix => "PREFIX",
            Self::Number => "NUMERIC",
            Self::Bool => "BOOLEAN",
            Self::String => "STRING",
            Self::Pattern => "PATTERN",
            Self::Time => "TIME",
            Self::Variable => "VARIABLE",
            Self::Function => "FUNCTION",
            Self::Access => "ACCESSOR",
            Self::Separator => "SEPARATOR",
            Self::Comparator => "COMPARATOR",
            Self::Logical => "LOGICALOP",
            Self::Modifier => "MODIFIER",
            Self::Open => "CLAUSE",
            Self::Close => "CLAUSE_CLOSE",
            Self::Ternary => "TERNARY",
        })
    }
}

impl Token {
    fn kind(&self) -> Kind {
        match self {
            Self::Prefix(_) => Kind::Prefix,
            Self::Number(_) => Kind::Number,
            Self::Bool(_) => Kind::Bool,
            Self::String(_) => Kind::String,
            Self::Pattern(_) => Kind::Pattern,
            Self::Time(_) => Kind::Time,
            Self::Variable(_) => Kind::Variable,
            Self::Function(_) => Kind::Function,
            Self::Access(_) => Kind::Access,
            Self::Separator => Kind::Separator,
            Self::Comparator(_) => Kind::Comparator,
            Self::Logical(_) => Kind::Logical,
            Self::Modifier(_) => Kind::Modifier,
            Self::Open => Kind::Open,
            Self::Close => Kind::Close,
            Self::Ternary(_) => Kind::Ternary,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Prefix(s) | Self::Comparator(s) | Self::Logical(s) | Self::Modifier(s) | Self::Ternary(s) => (*s).to_owned(),
            Self::Number(n) | Self::Time(n) => Value::Float(*n).to_string(),
            Self::Bool(b) => b.to_string(),
            Self::String(s) | Self::Variable(s) => s.clone(),
            Self::Pattern(p) => p.as_str().to_owned(),
            Self::Function(f) => f.name().to_owned(),
            Self::Access(parts) => format!("[{}]", parts.join(" ")),
            Self::Separator => ",".to_owned(),
            Self::Open => "40".to_owned(),
            Self::Close => "41".to_owned(),
        }
    }
}

fn may_follow(from: Kind, to: Kind) -> bool {
    use Kind as K;
    let value = matches!(to, K::Prefix | K::Number | K::Bool | K::Variable | K::Function | K::Access | K::String | K::Open);
    let operator = matches!(to, K::Modifier | K::Comparator | K::Logical | K::Close | K::Separator);
    match from {
        K::Unknown => value || matches!(to, K::Pattern | K::Time),
        K::Open => value || matches!(to, K::Pattern | K::Time | K::Close),
        K::Close => operator || matches!(to, K::Number | K::Bool | K::Variable | K::String | K::Pattern | K::Time | K::Open | K::Ternary),
        K::Number | K::Bool | K::String | K::Variable => operator || to == K::Ternary,
        K::Time | K::Pattern => operator,
        K::Access => operator || matches!(to, K::Ternary | K::Open),
        K::Modifier => value,
        K::Comparator => value || matches!(to, K::Time | K::Pattern),
        K::Logical => value || to == K::Time,
        K::Prefix => matches!(to, K::Number | K::Bool | K::Variable | K::Function | K::Access | K::Open | K::Close),
        K::Ternary => value || matches!(to, K::Time | K::Separator),
        K::Function => to == K::Open,
        K::Separator => value || to == K::Time,
    }
}

/// What may follow, as a user would name it.
fn expected_after(kind: Kind) -> &'static str {
    use Kind as K;
    match kind {
        K::Unknown | K::Open | K::Modifier | K::Comparator | K::Logical | K::Ternary | K::Separator => "a value",
        K::Prefix => "a number, true, false, a name or '('",
        K::Function => "'('",
        K::Close | K::Number | K::Bool | K::String | K::Variable | K::Access | K::Time | K::Pattern => "an operator",
    }
}

fn may_end(kind: Kind) -> bool {
    use Kind as K;
    matches!(kind, K::Close | K::Number | K::Bool | K::String | K::Pattern | K::Time | K::Variable | K::Access)
}

/// Checks that each token may follow the one before.
pub(super) fn transitions(tokens: &[(Token, Span)], end: usize) -> Result<(), ParseError> {
    let mut before: Option<&Token> = None;
    for (token, span) in tokens {
        step(before, token, *span)?;
        before = Some(token);
    }
    if before.is_some_and(|t| may_end(t.kind())) {
        Ok(())
    } else {
        Err(ParseError::new("unexpected end of expression", Span::new(end, end)).expecting("a value"))
    }
}

fn step(before: Option<&Token>, token: &Token, span: Span) -> Result<(), ParseError> {
    let kind = before.map_or(Kind::Unknown, Token::kind);
    if may_follow(kind, token.kind()) {
        return Ok(());
    }
    if let (Some(Token::Variable(name)), Token::Open) = (before, token) {
        return Err(ParseError::new(format!("Undefined function {name}"), span).naming().expecting("an operator"));
    }
    let shown = before.map_or("<nil>".to_owned(), Token::shown);
    let message = format!("Cannot transition token types from {kind} [{shown}] to {} [{}]", token.kind(), token.shown());
    Err(ParseError::new(message, span).expecting(expected_after(kind)))
}

const PREFIXES: [&str; 3] = ["-", "!", "~"];
const MODIFIERS: [&str; 11] = ["+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"];
const LOGICAL: [&str; 2] = ["&&", "||"];
const COMPARATORS: [&str; 8] = ["==", "!=", ">", ">=", "<", "<=", "=~", "!~"];
const TERNARY: [&str; 3] = ["?", ":", "??"];

fn named(list: &'static [&'static str], text: &str) -> Option<&'static str> {
    list.iter().find(|s| **s == text).copied()
}

/// Reads while the characters are wanted; a backslash takes the next one as it is. Gives the text, the length and whether it was closed.
fn take(rest: &str, blanks_end: bool, wanted: impl Fn(char) -> bool) -> (String, usize, bool) {
    let mut out = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            out.extend(chars.next().map(|(_, c)| c));
            continue;
        }
        if (blanks_end && c.is_whitespace()) || !wanted(c) {
            return (out, at, true);
        }
        out.push(c);
    }
    (out, rest.len(), false)
}

pub(super) fn tokens(text: &str, functions: &dyn Functions) -> Result<Vec<(Token, Span)>, ParseError> {
    let mut out: Vec<(Token, Span)> = Vec::new();
    let mut at = 0_usize;
    let mut depth = 0_i64;
    while let Some(first) = text.get(at..).and_then(|r| r.chars().next()) {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let before = out.last().map(|(t, _)| t);
        let (token, length) = one(rest, first, before, functions, at)?;
        let span = Span::new(at, at + length);
        step(before, &token, span)?;
        depth += match token {
            Token::Open => 1,
            Token::Close => -1,
            _ => 0,
        };
        at += length;
        // A constant pattern is compiled once, here.
        let token = match (before, token) {
            (Some(Token::Comparator("=~" | "!~")), Token::String(pattern)) => {
                Token::Pattern(regexes::compile(&pattern).map_err(|e| ParseError::new(e, span).expecting("a regular expression"))?)
            }
            (_, token) => token,
        };
        out.push((token, span));
    }
    let end = Span::new(text.len(), text.len());
    if !out.last().is_some_and(|(t, _)| may_end(t.kind())) {
        return Err(ParseError::new("unexpected end of expression", end).expecting("an expression"));
    }
    if depth != 0 {
        return Err(ParseError::new("unbalanced parenthesis", end).expecting("')'"));
    }
    Ok(out)
}

fn one(rest: &str, first: char, before: Option<&Token>, functions: &dyn Functions, at: usize) -> Result<(Token, usize), ParseError> {
    let fail = |message: String, length: usize, expected: &'static str| {
        Err(ParseError::new(message, Span::new(at, at + length)).expecting(expected))
    };
    if first.is_ascii_digit() || first == '.' {
        if let Some(hex) = rest.strip_prefix("0x") {
            let (digits, length, _) = take(hex, true, |c| c.is_ascii_hexdigit());
            #[allow(clippy::cast_precision_loss)]
            return match u64::from_str_radix(&digits, 16) {
                Ok(n) => Ok((Token::Number(n as f64), length + 2)),
                Err(_) => fail(format!("Unable to parse hex value '{digits}' to uint64"), length + 2, "hexadecimal digits"),
            };
        }
        let (digits, length, _) = take(rest, true, |c| c.is_ascii_digit() || c == '.');
        return match digits.parse() {
            Ok(n) => Ok((Token::Number(n), length)),
            Err(_) => fail(format!("Unable to parse numeric value '{digits}' to float64"), length, "a number such as 10 or 0.5"),
        };
    }
    match first {
        ',' => return Ok((Token::Separator, 1)),
        '(' => return Ok((Token::Open, 1)),
        ')' => return Ok((Token::Close, 1)),
        '[' => {
            let (name, length, closed) = take(rest.get(1..).unwrap_or_default(), false, |c| c != ']');
            return if closed {
                Ok((Token::Variable(name), length + 2))
            } else {
                fail("unclosed parameter bracket".to_owned(), rest.len(), "']'")
            };
        }
        '\'' | '"' => {
            let (text, length, closed) = take(rest.get(1..).unwrap_or_default(), false, |c| !matches!(c, '\'' | '"'));
            if !closed {
                return fail("unclosed string literal".to_owned(), rest.len(), "a closing quote");
            }
            return Ok((instant(&text).map_or(Token::String(text), Token::Time), length + 2));
        }
        c if c.is_alphabetic() => {
            let (word, length, _) = take(rest, true, |c| c.is_alphanumeric() || matches!(c, '_' | '.'));
            return word_token(word, functions).map(|t| (t, length)).or_else(|m| fail(m, length, "a name after the dot"));
        }
        _ => {}
    }
    let part = |c: char| !(c.is_alphanumeric() || matches!(c, '(' | ')' | '[' | ']' | '\'' | '"'));
    let (symbol, length, _) = take(rest, true, part);
    let prefix_fits = may_follow(before.map_or(Kind::Unknown, Token::kind), Kind::Prefix);
    let token = named(&PREFIXES, &symbol)
        .filter(|_| prefix_fits)
        .map(Token::Prefix)
        .or_else(|| named(&MODIFIERS, &symbol).map(Token::Modifier))
        .or_else(|| named(&LOGICAL, &symbol).map(Token::Logical))
        .or_else(|| named(&COMPARATORS, &symbol).map(Token::Comparator))
        .or_else(|| named(&TERNARY, &symbol).map(Token::Ternary));
    match token {
        Some(token) => Ok((token, length)),
        None => fail(
            format!("Invalid token: '{symbol}'"),
            length.max(1),
            match symbol.as_str() {
                "=" | "===" => "'==' to compare",
                "!" => "'!=' to compare",
                "<>" => "'!='",
                "=>" => "'>='",
                "=<" => "'<='",
                "{{" | "}}" => "a value: the tag was not filled in",
                _ => "a value or an operator",
            },
        ),
    }
}

fn word_token(word: String, functions: &dyn Functions) -> Result<Token, String> {
    match word.as_str() {
        "true" => return Ok(Token::Bool(true)),
        "false" => return Ok(Token::Bool(false)),
        "in" | "IN" => return Ok(Token::Comparator("in")),
        _ => {}
    }
    if let Some(function) = functions.get(&word) {
        return Ok(Token::Function(function));
    }
    if !word.contains('.') {
        return Ok(Token::Variable(word));
    }
    if word.ends_with('.') {
        return Err(format!("Hanging accessor on token '{word}'"));
    }
    Ok(Token::Access(word.split('.').map(str::to_owned).collect()))
}

/// Seconds since 1970 of a text that looks like a time in one of the forms that the reference tries.
pub(super) fn instant(text: &str) -> Option<f64> {
    const LAYOUTS: [&str; 11] = [
        "Mon Jan _2 15:04:05 2006",
        "Mon Jan _2 15:04:05 MST 2006",
        "Mon Jan 02 15:04:05 -0700 2006",
        "3:04PM",
        "2006-01-02T15:04:05-07:00",
        "2006-01-02",
        "2006-01-02 15:04",
        "2006-01-02 15:04:05",
        "2006-01-02 15:04:05-07:00",
        "2006-01-02T15:04-0700",
        "2006-01-02T15:04:05-0700",
    ];
    if text.len() < 5 || text.len() > 64 || !text.contains([':', '-']) {
        return None;
    }
    let utc = jiff::tz::TimeZone::UTC;
    #[allow(clippy::cast_precision_loss)]
    LAYOUTS.iter().find_map(|layout| time::parse(layout, text, &utc).ok()).map(|t| t.timestamp().as_second() as f64)
}
