//! `when`: the condition of a step or task, in the language of Knetic/govaluate as Workflows uses it.
//!
//! Bare words are texts, so that a substituted value needs no quotes; quoted texts that look like dates are points in time.
//!
//! ```
//! use argo_lang::when;
//! assert_eq!(when::holds("heads == heads && 3 > 2"), Ok(true));
//! ```

use crate::{ParseError, Span, Value};

/// Deepest nesting of brackets.
const MOST_DEPTH: usize = 150;

/// A condition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// It is no expression.
    #[error("{0}")]
    Parse(ParseError),
    /// Its operands do not fit.
    #[error("{0}")]
    Run(String),
    /// It is neither true nor false.
    #[error("expected boolean evaluation for '{0}'")]
    NotBoolean(String),
}

/// Whether a condition holds. An empty one does.
///
/// # Errors
/// When it is no expression, its operands do not fit, or its value is neither true nor false.
pub fn holds(text: &str) -> Result<bool, WhenError> {
    if text.trim().is_empty() {
        return Ok(true);
    }
    match evaluate(text)? {
        Value::Bool(b) => Ok(b),
        _ => Err(WhenError::NotBoolean(text.to_owned())),
    }
}

/// The value of a condition.
///
/// # Errors
/// When it is no expression, or its operands do not fit.
pub fn evaluate(text: &str) -> Result<Value, WhenError> {
    let mut reader = Reader { tokens: tokens(text).map_err(WhenError::Parse)?, at: 0, depth: 0, end: text.len() };
    let value = reader.separated()?;
    match reader.tokens.get(reader.at) {
        None => Ok(value),
        Some((token, span)) => Err(WhenError::Parse(ParseError::new(format!("{token:?} was not expected here"), *span))),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Value(Value),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 27] = [
    "=~", "!~", "==", "!=", "<=", ">=", "&&", "||", "**", "??", "<<", ">>", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")",
    ",", "&", "|",
];

fn tokens(text: &str) -> Result<Vec<(Token, Span)>, ParseError> {
    let mut out: Vec<(Token, Span)> = Vec::new();
    let mut at = 0_usize;
    while let Some(first) = text.get(at..).and_then(|r| r.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let start = at;
        if first.is_whitespace() {
            at = at.saturating_add(first.len_utf8());
            continue;
        }
        let (token, length) = if first.is_ascii_digit() || first == '.' {
            number(rest, start)?
        } else if first == '\'' || first == '"' {
            quoted(rest, first, start)?
        } else if first == '[' {
            let end = rest.find(']').ok_or_else(|| ParseError::new("Unclosed parameter bracket", Span::new(start, text.len())))?;
            (Token::Value(Value::from(rest.get(1..end).unwrap_or_default())), end.saturating_add(1))
        } else if first.is_alphabetic() || first == '_' {
            word(rest)
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            return Err(ParseError::new(format!("Invalid token: '{first}'"), Span::new(start, start.saturating_add(first.len_utf8()))));
        };
        at = at.saturating_add(length);
        let span = Span::new(start, at);
        if let (Token::Value(_), Some((Token::Value(_), _))) = (&token, out.last()) {
            return Err(ParseError::new("Cannot transition token types: an operator was expected between two values", span));
        }
        out.push((token, span));
    }
    Ok(out)
}

fn number(rest: &str, start: usize) -> Result<(Token, usize), ParseError> {
    if let Some(hex) = rest.strip_prefix("0x") {
        let length = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let value = u64::from_str_radix(hex.get(..length).unwrap_or_default(), 16).ok();
        #[allow(clippy::cast_precision_loss)]
        if let Some(value) = value {
            return Ok((Token::Value(Value::Float(value as f64)), length.saturating_add(2)));
        }
    }
    let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let value: f64 = text.parse().map_err(|_| {
        ParseError::new(format!("Unable to parse numeric value '{text}' to float64"), Span::new(start, start.saturating_add(length)))
    })?;
    Ok((Token::Value(Value::Float(value)), length))
}

fn quoted(rest: &str, quote: char, start: usize) -> Result<(Token, usize), ParseError> {
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            let value = instant(&out).map_or_else(|| Value::from(out), Value::Float);
            return Ok((Token::Value(value), at.saturating_add(1)));
        }
        if c == '\\' {
            out.extend(chars.next().map(|(_, c)| c));
        } else {
            out.push(c);
        }
    }
    Err(ParseError::new("Unclosed string literal", Span::new(start, start.saturating_add(rest.len()))))
}

/// Seconds since 1970 of a text that looks like a date, in the forms that the reference tries.
fn instant(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let dash = |at: usize| bytes.get(at) == Some(&b'-');
    let (year, month, day) = (digits(0, 4)?, dash(4).then(|| digits(5, 7))??, dash(7).then(|| digits(8, 10))??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (hour, minute, second, zone) = match text.get(10..)? {
        "" => (0, 0, 0, ""),
        rest if rest.starts_with([' ', 'T']) => {
            let (hour, colon) = (digits(11, 13)?, bytes.get(13) == Some(&b':'));
            if !colon {
                return None;
            }
            let minute = digits(14, 16)?;
            match text.get(16..)? {
                "" => (hour, minute, 0, ""),
                tail if tail.starts_with(':') => (hour, minute, digits(17, 19)?, text.get(19..)?),
                _ => return None,
            }
        }
        _ => return None,
    };
    let offset = match zone {
        "" | "Z" => 0,
        z if z.len() == 6 => {
            let sign = match z.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            sign * (z.get(1..3)?.parse::<i64>().ok()? * 3600 + z.get(4..6)?.parse::<i64>().ok()? * 60)
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days from civil, March-based years.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    #[allow(clippy::cast_precision_loss)]
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) as f64)
}

fn word(rest: &str) -> (Token, usize) {
    let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let token = match text {
        "true" => Token::Value(Value::Bool(true)),
        "false" => Token::Value(Value::Bool(false)),
        "in" | "IN" => Token::Symbol("in"),
        _ => Token::Value(Value::from(text)),
    };
    (token, length)
}

struct Reader {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    end: usize,
}

type Run = Result<Value, WhenError>;

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn eat(&mut self, symbols: &[&'static str]) -> Option<&'static str> {
        let Some(Token::Symbol(found)) = self.peek() else { return None };
        let found = *found;
        symbols.contains(&found).then(|| {
            self.at = self.at.saturating_add(1);
            found
        })
    }

    fn error(&self, message: &str) -> WhenError {
        let span = self.tokens.get(self.at).map_or(Span::new(self.end, self.end), |(_, s)| *s);
        WhenError::Parse(ParseError::new(message, span))
    }

    fn separated(&mut self) -> Run {
        let first = self.ternary()?;
        if !matches!(self.peek(), Some(Token::Symbol(","))) {
            return Ok(first);
        }
        let mut list = vec![first];
        while self.eat(&[","]).is_some() {
            list.push(self.ternary()?);
        }
        Ok(list.into())
    }

    fn ternary(&mut self) -> Run {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MOST_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let mut value = self.level(0)?;
        while let Some(symbol) = self.eat(&["?", "??"]) {
            if symbol == "??" {
                let other = self.level(0)?;
                if matches!(value, Value::Nil) {
                    value = other;
                }
                continue;
            }
            let Value::Bool(condition) = value else {
                return Err(WhenError::Run(format!("Value '{value}' cannot be used with the ternary operator '?', it is not a bool")));
            };
            let then = self.ternary()?;
            let otherwise = if self.eat(&[":"]).is_some() { self.ternary()? } else { Value::Nil };
            value = if condition { then } else { otherwise };
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }

    fn level(&mut self, level: usize) -> Run {
        const LEVELS: [&[&str]; 7] = [
            &["||"],
            &["&&"],
            &["==", "!=", "<", ">", "<=", ">=", "=~", "!~", "in"],
            &["&", "|", "<<", ">>"],
            &["+", "-"],
            &["*", "/", "%"],
            &["**"],
        ];
        let Some(symbols) = LEVELS.get(level).copied() else { return self.prefix() };
        let mut left = self.level(level.saturating_add(1))?;
        while let Some(symbol) = self.eat(symbols) {
            let right = self.level(level.saturating_add(1))?;
            left = compute(symbol, &left, &right)?;
        }
        Ok(left)
    }

    fn prefix(&mut self) -> Run {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MOST_DEPTH.saturating_mul(4) {
            return Err(self.error("nested too deeply"));
        }
        let value = match self.eat(&["!", "-"]) {
            Some("!") => match self.prefix()? {
                Value::Bool(b) => Value::Bool(!b),
                other => return Err(WhenError::Run(format!("Value '{other}' cannot be used with the prefix operator '!'"))),
            },
            Some(_) => match self.prefix()? {
                Value::Float(n) => Value::Float(-n),
                other => return Err(WhenError::Run(format!("Value '{other}' cannot be used with the prefix operator '-'"))),
            },
            None => self.single()?,
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }

    fn single(&mut self) -> Run {
        if self.eat(&["("]).is_some() {
            if self.eat(&[")"]).is_some() {
                return Ok(Value::from(Vec::new()));
            }
            let value = self.separated()?;
            return if self.eat(&[")"]).is_some() { Ok(value) } else { Err(self.error("Unbalanced parenthesis")) };
        }
        match self.peek() {
            Some(Token::Value(value)) => {
                let value = value.clone();
                self.at = self.at.saturating_add(1);
                Ok(value)
            }
            Some(Token::Symbol(symbol)) => {
                let message = format!("Cannot transition token types: a value was expected, not {symbol}");
                Err(self.error(&message))
            }
            None => Err(self.error("Unexpected end of expression")),
        }
    }
}

fn compute(symbol: &str, a: &Value, b: &Value) -> Run {
    let bad = |value: &Value, what: &str| {
        WhenError::Run(format!("Value '{value}' cannot be used with the {what} operator '{symbol}', it is not a number"))
    };
    let numbers = |what: &str| -> Result<(f64, f64), WhenError> {
        Ok((a.as_f64().ok_or_else(|| bad(a, what))?, b.as_f64().ok_or_else(|| bad(b, what))?))
    };
    Ok(match symbol {
        "==" => Value::Bool(a == b),
        "!=" => Value::Bool(a != b),
        "&&" | "||" => match (a, b) {
            (Value::Bool(x), Value::Bool(y)) => Value::Bool(if symbol == "&&" { *x && *y } else { *x || *y }),
            (Value::Bool(_), other) | (other, _) => {
                return Err(WhenError::Run(format!(
                    "Value '{other}' cannot be used with the logical operator '{symbol}', it is not a bool"
                )));
            }
        },
        "<" | ">" | "<=" | ">=" => {
            let order = match (a, b) {
                (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
                _ => {
                    let (x, y) = numbers("comparator")?;
                    x.partial_cmp(&y)
                }
            };
            Value::Bool(order.is_some_and(|o| match symbol {
                "<" => o.is_lt(),
                ">" => o.is_gt(),
                "<=" => o.is_le(),
                _ => o.is_ge(),
            }))
        }
        "=~" | "!~" => {
            let (Some(text), Some(pattern)) = (a.as_str(), b.as_str()) else {
                return Err(bad(if a.as_str().is_none() { a } else { b }, "comparator"));
            };
            let pattern =
                regex::Regex::new(pattern).map_err(|e| WhenError::Run(format!("Unable to compile regexp pattern '{pattern}': {e}")))?;
            Value::Bool(pattern.is_match(text) == (symbol == "=~"))
        }
        "in" => match b {
            Value::List(list) => Value::Bool(list.contains(a)),
            single => Value::Bool(single == a),
        },
        "+" if a.as_str().is_some() || b.as_str().is_some() => Value::from(format!("{a}{b}")),
        "&" | "|" | "<<" | ">>" => {
            let (x, y) = numbers("modifier")?;
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let (x, y) = (x as i64, y as i64);
            let shift = u32::try_from(y).unwrap_or(64);
            #[allow(clippy::cast_precision_loss)]
            Value::Float(match symbol {
                "&" => x & y,
                "|" => x | y,
                "<<" => x.checked_shl(shift).unwrap_or(0),
                _ => x.checked_shr(shift).unwrap_or(0),
            } as f64)
        }
        _ => {
            let (x, y) = numbers("modifier")?;
            Value::Float(match symbol {
                "+" => x + y,
                "-" => x - y,
                "*" => x * y,
                "/" => x / y,
                "%" => x % y,
                _ => x.powf(y),
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn conditions_as_manifests_write_them() {
        for (text, expected) in [
            ("heads == heads", true),
            ("tails == heads", false),
            ("'a' == a", true),
            ("5 >= 4 && !(1 > 2)", true),
            ("a in (a, b)", true),
            ("abc =~ '^a'", true),
            ("'2020-01-01' < '2020-01-02'", true),
            ("", true),
            ("1 == '1'", false),
        ] {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
        for bad in ["a b", "a ==", "(a", "1", "a > 1", "1e3 == 1", "'x"] {
            assert!(holds(bad).is_err(), "{bad}");
        }
        assert!(holds(&"(".repeat(100_000)).is_err() && holds(&"!".repeat(100_000)).is_err());
    }
}
