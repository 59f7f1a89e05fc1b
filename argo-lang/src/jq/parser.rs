//! From tokens to the tree.

use super::ast::{Assign, Definition, Op, Pattern, Query};
use super::lexer::{Token, tokens};
use crate::cursor::{self, Bounds, Cursor};
use crate::{ParseError, Span};

const BOUNDS: Bounds = Bounds { depth: 120, links: 3_000 };

pub(super) type Read<T> = Result<T, ParseError>;

/// Reads a program.
pub(super) fn parse(text: &str) -> Read<Query> {
    let tokens = tokens(text)?;
    if tokens.len() > 200_000 {
        return Err(ParseError::new("the program is too long", Span::new(0, text.len())));
    }
    let mut parser = Parser { tokens: Cursor::new(tokens, Span::new(text.len(), text.len()), BOUNDS), plain: false, located: true };
    parser.modules()?;
    if parser.tokens.peek().is_none() {
        return Err(ParseError::new("missing query (try \".\")", parser.tokens.span()).naming().expecting("a filter"));
    }
    let query = parser.query()?;
    if parser.tokens.peek().is_some() {
        return Err(parser.tokens.wanted("an operator, '|' or the end"));
    }
    Ok(query)
}

/// Reads definitions only, for the functions that are written in the language itself.
pub(super) fn definitions(text: &str) -> Vec<Definition> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut parser = Parser { tokens: Cursor::new(tokens, Span::default(), BOUNDS), plain: false, located: false };
    let mut out = Vec::new();
    while parser.tokens.is_word("def") {
        match parser.definition() {
            Ok(definition) => out.push(definition),
            Err(_) => return Vec::new(),
        }
    }
    out
}

pub(super) struct Parser {
    pub(super) tokens: Cursor<Token>,
    /// The next term leaves a following `as` alone.
    pub(super) plain: bool,
    /// Filters keep their places: not for the functions that come with the language, whose text nobody sees.
    pub(super) located: bool,
}

impl cursor::Token for Token {
    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(s) if *s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(w) if w == word)
    }

    fn unexpected(found: Option<&Self>) -> String {
        match found {
            None => "unexpected EOF".to_owned(),
            Some(Self::Word(s) | Self::Format(s)) => format!("unexpected token {s:?}"),
            Some(Self::Field(s)) => format!("unexpected token \".{s}\""),
            Some(Self::Variable(s)) => format!("unexpected token \"${s}\""),
            Some(Self::Symbol(s)) => format!("unexpected token {s:?}"),
            Some(Self::Number(n, _)) => format!("unexpected token \"{n}\""),
            Some(Self::String(_)) => "unexpected token <string>".to_owned(),
        }
    }
}

const KEYWORDS: [&str; 19] = [
    "or", "and", "module", "import", "include", "def", "as", "label", "break", "null", "true", "false", "if", "then", "elif", "else",
    "end", "try", "catch",
];

pub(super) fn keyword(word: &str) -> bool {
    KEYWORDS.contains(&word) || matches!(word, "reduce" | "foreach")
}

impl Parser {
    /// A filter with its place: from a byte to the end of the last token that was read.
    pub(super) fn located(&self, from: usize, query: Query) -> Query {
        let end = self.tokens.before().map_or(from, |(_, s)| s.end);
        self.at_span(Span::new(from, end.max(from)), query)
    }

    pub(super) fn at_span(&self, span: Span, query: Query) -> Query {
        match query {
            Query::Literal(_) | Query::Identity | Query::RecurseDefault | Query::At(..) => query,
            query if self.located => Query::At(span, Box::new(query)),
            query => query,
        }
    }

    pub(super) fn modules(&mut self) -> Read<()> {
        if self.tokens.is_word("import") || self.tokens.is_word("include") {
            let span = self.tokens.span();
            return Err(ParseError::new("cannot load module: there are no modules here", span).naming().expecting("a filter"));
        }
        Ok(())
    }

    pub(super) fn definition(&mut self) -> Read<Definition> {
        self.tokens.expect_word("def")?;
        let Some(Token::Word(name)) = self.tokens.peek().cloned() else { return Err(self.tokens.wanted("a name")) };
        self.tokens.advance();
        let mut parameters = Vec::new();
        if self.tokens.eat("(") {
            loop {
                match self.tokens.peek().cloned() {
                    Some(Token::Word(word)) if !keyword(&word) => parameters.push(word),
                    Some(Token::Variable(word)) => parameters.push(format!("${word}")),
                    _ => return Err(self.tokens.wanted("a name or a pattern")),
                }
                self.tokens.advance();
                if self.tokens.eat(")") {
                    break;
                }
                self.tokens.expect(";")?;
            }
        }
        self.tokens.expect(":")?;
        let body = self.query()?;
        self.tokens.expect(";")?;
        Ok(Definition { name, parameters, body })
    }

    /// Definitions, then filters with pipes between.
    pub(super) fn query(&mut self) -> Read<Query> {
        self.tokens.enter()?;
        let query = self.query_inner()?;
        self.tokens.leave();
        Ok(query)
    }

    pub(super) fn query_inner(&mut self) -> Read<Query> {
        if self.tokens.is_word("def") {
            let definition = self.definition()?;
            let rest = self.query()?;
            return Ok(Query::Define(Box::new(definition), Box::new(rest)));
        }
        let mut steps = Vec::new();
        loop {
            if self.tokens.is_word("def") {
                steps.push(self.query()?);
                break;
            }
            if self.tokens.is_word("label") {
                self.tokens.advance();
                let Some(Token::Variable(name)) = self.tokens.peek().cloned() else { return Err(self.tokens.wanted("a name")) };
                self.tokens.advance();
                self.tokens.expect("|")?;
                let body = self.query()?;
                steps.push(Query::Label(name, Box::new(body)));
                break;
            }
            let step = self.comma()?;
            if self.tokens.is_word("as") {
                steps.push(self.binding(step)?);
                break;
            }
            steps.push(step);
            if !self.tokens.eat("|") {
                break;
            }
        }
        if steps.len() == 1
            && let Some(only) = steps.pop()
        {
            return Ok(only);
        }
        Ok(Query::Pipe(steps))
    }

    /// `term as $x | body`: binds weaker than all operators but the pipe.
    pub(super) fn binding(&mut self, source: Query) -> Read<Query> {
        self.tokens.expect_word("as")?;
        let mut patterns = vec![self.pattern()?];
        while self.tokens.eat("?//") {
            patterns.push(self.pattern()?);
        }
        self.tokens.expect("|")?;
        let body = self.query()?;
        Ok(Query::As(Box::new(source), patterns, Box::new(body)))
    }

    pub(super) fn pattern(&mut self) -> Read<Pattern> {
        self.tokens.enter()?;
        let pattern = match self.tokens.peek().cloned() {
            Some(Token::Variable(name)) => {
                self.tokens.advance();
                Pattern::Variable(name)
            }
            Some(Token::Symbol("[")) => {
                self.tokens.advance();
                let mut items = vec![self.pattern()?];
                while self.tokens.eat(",") {
                    items.push(self.pattern()?);
                }
                self.tokens.expect("]")?;
                Pattern::Array(items)
            }
            Some(Token::Symbol("{")) => {
                self.tokens.advance();
                let mut items = Vec::new();
                loop {
                    let (key, variable) = match self.tokens.peek().cloned() {
                        Some(Token::Variable(name)) => {
                            self.tokens.advance();
                            (Query::Literal(name.as_str().into()), Some(name))
                        }
                        Some(Token::Word(name)) => {
                            self.tokens.advance();
                            (Query::Literal(name.into()), None)
                        }
                        Some(Token::String(parts)) => {
                            self.tokens.advance();
                            (self.text(None, parts)?, None)
                        }
                        Some(Token::Symbol("(")) => {
                            self.tokens.advance();
                            let key = self.query()?;
                            self.tokens.expect(")")?;
                            (key, None)
                        }
                        _ => return Err(self.tokens.wanted("a name or a pattern")),
                    };
                    let value = if self.tokens.eat(":") { Some(self.pattern()?) } else { None };
                    if value.is_none() && variable.is_none() {
                        return Err(self.tokens.wanted("':'"));
                    }
                    items.push((key, variable, value));
                    if !self.tokens.eat(",") {
                        break;
                    }
                }
                self.tokens.expect("}")?;
                Pattern::Object(items)
            }
            _ => return Err(self.tokens.wanted("a name or a pattern")),
        };
        self.tokens.leave();
        Ok(pattern)
    }

    pub(super) fn comma(&mut self) -> Read<Query> {
        let mut items = vec![self.expression(0)?];
        while self.tokens.eat(",") {
            items.push(self.expression(0)?);
        }
        if items.len() == 1
            && let Some(only) = items.pop()
        {
            return Ok(only);
        }
        Ok(Query::Comma(items))
    }

    /// Operators by their power: `//` 1 (right), assignments 2 (none), `or` 3, `and` 4, comparisons 5 (none), sums 6, products 7.
    pub(super) fn expression(&mut self, least: u8) -> Read<Query> {
        self.tokens.enter()?;
        let mut left = self.term()?;
        loop {
            let span = self.tokens.span();
            let (symbol, power) = match self.tokens.peek() {
                Some(Token::Symbol(s)) => match *s {
                    "//" => ("//", 1),
                    "=" | "|=" | "+=" | "-=" | "*=" | "/=" | "%=" | "//=" => (*s, 2),
                    "==" | "!=" | "<" | "<=" | ">" | ">=" => (*s, 5),
                    "+" | "-" => (*s, 6),
                    "*" | "/" | "%" => (*s, 7),
                    _ => break,
                },
                Some(Token::Word(w)) if w == "or" => ("or", 3),
                Some(Token::Word(w)) if w == "and" => ("and", 4),
                _ => break,
            };
            if power < least.max(1) {
                break;
            }
            self.tokens.advance();
            self.tokens.link()?;
            let right = self.expression(if power == 1 { 1 } else { power + 1 })?;
            let none = matches!(power, 2 | 5);
            left = self.at_span(span, joined(symbol, left, right));
            if none && let Some(Token::Symbol(s)) = self.tokens.peek() {
                // Comparisons and assignments do not chain.
                let again = if power == 5 {
                    matches!(*s, "==" | "!=" | "<" | "<=" | ">" | ">=")
                } else {
                    matches!(*s, "=" | "|=" | "+=" | "-=" | "*=" | "/=" | "%=" | "//=")
                };
                if again {
                    return Err(self.tokens.wanted("brackets around one of the two: these do not chain"));
                }
            }
        }
        self.tokens.leave();
        Ok(left)
    }
}

fn joined(symbol: &str, left: Query, right: Query) -> Query {
    let (l, r) = (Box::new(left), Box::new(right));
    let op = match symbol {
        "+" | "+=" => Op::Add,
        "-" | "-=" => Op::Subtract,
        "*" | "*=" => Op::Multiply,
        "/" | "/=" => Op::Divide,
        "%" | "%=" => Op::Modulo,
        "!=" => Op::NotEqual,
        "<" => Op::Less,
        "<=" => Op::LessEqual,
        ">" => Op::Greater,
        ">=" => Op::GreaterEqual,
        _ => Op::Equal,
    };
    match symbol {
        "//" => Query::Alternative(l, r),
        "or" => Query::Or(l, r),
        "and" => Query::And(l, r),
        "=" => Query::Assign(Assign::Set, l, r),
        "|=" => Query::Assign(Assign::Update, l, r),
        "//=" => Query::Assign(Assign::Alternative, l, r),
        "+=" | "-=" | "*=" | "/=" | "%=" => Query::Assign(Assign::Op(op), l, r),
        _ => Query::Binary(op, l, r),
    }
}
