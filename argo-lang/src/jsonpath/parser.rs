//! Reading templates.

use super::{Node, Slice};
use crate::{ParseError, Span, Value};

/// Deepest nesting of filters and unions.
const MOST_DEPTH: usize = 40;

pub(super) fn parse(template: &str) -> Result<Vec<Node>, ParseError> {
    if template.len() > 1_000_000 {
        return Err(ParseError::new("the template is too large", Span::new(0, template.len())));
    }
    let mut parser = Parser { text: template, at: 0, depth: 0, base: 0 };
    parser.template()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Where in the whole template this text begins.
    base: usize,
}

pub(super) fn ends_word(c: Option<char>) -> bool {
    c.is_none_or(|c| c.is_whitespace() || matches!(c, '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}'))
}

fn alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The nodes of what would stand between braces; `base` says where in the template.
fn action(text: &str, depth: usize, base: usize) -> Result<Vec<Node>, ParseError> {
    if depth > MOST_DEPTH {
        return Err(ParseError::new("nested too deeply", Span::new(base, base)));
    }
    let whole = format!("{text}}}");
    let mut parser = Parser { text: &whole, at: 0, depth, base };
    parser.inside()
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn wanted<T>(&self, start: usize, message: impl Into<String>, expected: &'static str) -> Result<T, ParseError> {
        Err(ParseError::new(message, Span::new(start, self.at).shifted(self.base)).expecting(expected))
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn template(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut out = Vec::new();
        while let Some(open) = self.rest().find('{') {
            if open > 0 {
                out.push(Node::Text(self.rest().get(..open).unwrap_or_default().to_owned()));
            }
            self.at += open + 1;
            out.push(Node::List(self.inside()?));
        }
        if !self.rest().is_empty() {
            out.push(Node::Text(self.rest().to_owned()));
        }
        Ok(out)
    }

    /// What stands in braces, the closing one included.
    fn inside(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut out: Vec<Node> = Vec::new();
        let (mut known, mut begun) = (0_usize, self.at);
        loop {
            let start = self.at;
            let span = Span::new(begun, start).shifted(self.base);
            for node in out.iter_mut().skip(known) {
                if !matches!(node, Node::At(..) | Node::Recursive | Node::Text(_)) {
                    let inner = std::mem::replace(node, Node::Recursive);
                    *node = Node::At(span, Box::new(inner));
                }
            }
            (known, begun) = (out.len(), start);
            if self.rest().starts_with("[?(") {
                self.at += 3;
                self.filter(&mut out, start)?;
                continue;
            }
            if self.rest().starts_with("..") {
                if matches!(out.last(), Some(Node::Recursive)) {
                    return self.wanted(start, "invalid multiple recursive descent", "a field");
                }
                self.at += 2;
                out.push(Node::Recursive);
                if self.peek().is_some_and(alphanumeric) {
                    self.field(&mut out);
                }
                continue;
            }
            match self.next() {
                Some('}') => return Ok(out),
                None | Some('\n' | '\r') => return self.wanted(start, "unclosed action", "'}'"),
                Some(' ' | '@' | '$') => {}
                Some('[') => self.array(&mut out, start)?,
                Some(quote @ ('"' | '\'')) => self.quoted(&mut out, quote, start)?,
                Some('.') => self.field(&mut out),
                Some(c) if c == '+' || c == '-' || c.is_numeric() => self.number(&mut out, start)?,
                Some(c) if alphanumeric(c) => {
                    while !ends_word(self.peek()) {
                        self.next();
                    }
                    out.push(match self.since(start) {
                        "true" => Node::Number(Value::Bool(true)),
                        "false" => Node::Number(Value::Bool(false)),
                        word => Node::Identifier(word.to_owned()),
                    });
                }
                Some(c) => {
                    let message = format!("unrecognized character in action: U+{:04X} '{c}'", u32::from(c));
                    return self.wanted(start, message, "a field such as .name, an index such as [0], or '}'");
                }
            }
        }
    }

    fn field(&mut self, out: &mut Vec<Node>) {
        let start = self.at;
        loop {
            match self.peek() {
                Some('\\') => {
                    self.next();
                    self.next();
                }
                c if ends_word(c) => break,
                _ => {
                    self.next();
                }
            }
        }
        let name = self.since(start);
        out.push(if name == "*" { Node::Wildcard } else { Node::Field(name.replace('\\', "")) });
    }

    fn number(&mut self, out: &mut Vec<Node>, start: usize) -> Result<(), ParseError> {
        while self.peek().is_some_and(|c| c == '.' || c.is_numeric()) {
            self.next();
        }
        let text = self.since(start);
        let value = text.parse::<i64>().map(Value::Int).or_else(|_| text.parse::<f64>().map(Value::Float));
        match value {
            Ok(value) => out.push(Node::Number(value)),
            Err(_) => return self.wanted(start, format!("cannot parse number {text}"), "a number such as 10 or 0.5"),
        }
        Ok(())
    }

    fn quoted(&mut self, out: &mut Vec<Node>, quote: char, start: usize) -> Result<(), ParseError> {
        let mut before = quote;
        loop {
            match self.next() {
                None | Some('\n') => return self.wanted(start, "unterminated quoted string", "a quote"),
                Some(c) if c == quote && before != '\\' => break,
                Some(c) => before = c,
            }
        }
        let text = self.since(start);
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        match unquote(inner) {
            Some(text) => out.push(Node::Text(text)),
            None => return self.wanted(start, format!("unquote string {text} error invalid syntax"), "an escape such as \\n or \\u00e9"),
        }
        Ok(())
    }

    fn array(&mut self, out: &mut Vec<Node>, start: usize) -> Result<(), ParseError> {
        loop {
            match self.next() {
                None | Some('\n') => return self.wanted(start, "unterminated array", "']'"),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = self.since(start);
        let text = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let mut at = self.base + start + 1;
            let mut parts = Vec::new();
            for part in text.split(',') {
                let bare = part.trim_start_matches(' ');
                // The bracket that is put before it has no place of its own.
                let begin = (at + part.len() - bare.len()).saturating_sub(1);
                parts.push(action(&format!("[{}]", bare.trim_end_matches(' ')), self.depth + 1, begin)?);
                at += part.len() + 1;
            }
            out.push(Node::Union(parts));
            return Ok(());
        }
        if let Some(key) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).filter(|k| !k.contains('\'')) {
            // As upstream does: a key is read as fields, its dots separate.
            out.extend(action(&format!(".{key}"), self.depth + 1, self.base + start + 1)?);
            return Ok(());
        }
        match slice(text) {
            Some(slice) => out.push(Node::Slice(slice)),
            None => return self.wanted(start, format!("invalid array index {text}"), "an index, a slice, a key in single quotes or ?(…)"),
        }
        Ok(())
    }

    fn filter(&mut self, out: &mut Vec<Node>, start: usize) -> Result<(), ParseError> {
        let from = self.at;
        let (mut quote, mut closed, mut before) = (None, false, ' ');
        loop {
            let c = self.next();
            match c {
                None | Some('\n') => return self.wanted(start, "unterminated filter", "')'"),
                Some(c @ ('"' | '\'')) => match quote {
                    None => quote = Some(c),
                    Some(q) if q == c && before != '\\' => closed = true,
                    Some(_) => {}
                },
                Some(')') if quote.is_some() == closed => break,
                Some(_) => {}
            }
            before = c.unwrap_or(' ');
        }
        let text = self.text.get(from..self.at.saturating_sub(1)).unwrap_or_default();
        if self.next() != Some(']') {
            return self.wanted(start, "unclosed array expect ]", "']'");
        }
        let depth = self.depth + 1;
        let symbol = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let split = text.find(symbol).filter(|at| *at > 0).and_then(|at| {
            let (left, tail) = text.split_at(at);
            let length = tail.find(|c| !symbol(c)).unwrap_or(tail.len());
            let (operator, right) = tail.split_at(length);
            (!right.is_empty()).then_some((left, operator, right))
        });
        out.push(match split {
            Some((left, operator, right)) => Node::Filter {
                left: action(left, depth, self.base + from)?,
                operator: operator.to_owned(),
                right: action(right, depth, self.base + from + left.len() + operator.len())?,
            },
            None => Node::Filter { left: action(text, depth, self.base + from)?, operator: "exists".to_owned(), right: Vec::new() },
        });
        Ok(())
    }
}

/// `n`, `a:b`, `a:b:c`, each number optional.
fn slice(text: &str) -> Option<Slice> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    let number = |part: Option<&&str>| -> Option<Option<i64>> {
        match part {
            None | Some(&"") => Some(None),
            Some(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok().map(Some) } else { None }
            }
        }
    };
    let from = number(parts.first())?;
    let step = number(parts.get(2))?;
    if parts.len() == 1 {
        return Some(Slice { from, to: Some(from.unwrap_or(0).saturating_add(1)), single: true, step });
    }
    Some(Slice { from, to: number(parts.get(1))?, single: false, step })
}

fn unquote(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'x' => hex(&mut chars, 2)?,
            'u' => hex(&mut chars, 4)?,
            'U' => hex(&mut chars, 8)?,
            c @ '0'..='7' => {
                let mut n = c.to_digit(8)?;
                for _ in 0..2 {
                    n = n * 8 + chars.next()?.to_digit(8)?;
                }
                char::from_u32(n)?
            }
            c => match c {
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                '\\' | '\'' | '"' => c,
                _ => return None,
            },
        });
    }
    Some(out)
}

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let n = (0..digits).try_fold(0_u32, |n, _| n.checked_mul(16)?.checked_add(chars.next()?.to_digit(16)?));
    n.and_then(char::from_u32)
}
