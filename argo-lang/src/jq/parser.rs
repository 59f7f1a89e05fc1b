//! From tokens to the tree.

use std::borrow::Cow;

use super::ast::{Assign, Definition, Op, Pattern, Query};
use super::lexer::{Token, tokens};
use crate::{ParseError, Span};

/// Deepest nesting.
const MOST_DEPTH: usize = 120;
/// Most operators and terms of a program.
const MOST_OPERATORS: usize = 3_000;

pub(super) type Read<T> = Result<T, ParseError>;

/// Reads a program.
pub(super) fn parse(text: &str) -> Read<Query> {
    let tokens = tokens(text)?;
    if tokens.len() > 200_000 {
        return Err(ParseError::new("the program is too long", Span::new(0, text.len())));
    }
    let mut parser = Parser { tokens, at: 0, depth: 0, operators: 0, plain: false, end: Span::new(text.len(), text.len()), located: true };
    parser.modules()?;
    if parser.peek().is_none() {
        return Err(ParseError::new("missing query (try \".\")", parser.end).naming());
    }
    let query = parser.query()?;
    if parser.peek().is_some() {
        return parser.wanted("an operator or the end");
    }
    Ok(query)
}

/// Reads definitions only, for the functions that are written in the language itself.
pub(super) fn definitions(text: &str) -> Vec<Definition> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut parser = Parser { tokens, at: 0, depth: 0, operators: 0, plain: false, end: Span::default(), located: false };
    let mut out = Vec::new();
    while parser.is_word("def") {
        match parser.definition() {
            Ok(definition) => out.push(definition),
            Err(_) => return Vec::new(),
        }
    }
    out
}

pub(super) struct Parser {
    pub(super) tokens: Vec<(Token, Span)>,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) operators: usize,
    /// The next term leaves a following `as` alone.
    pub(super) plain: bool,
    pub(super) end: Span,
    /// Filters keep their places: not for the functions that come with the language, whose text nobody sees.
    pub(super) located: bool,
}

const KEYWORDS: [&str; 19] = [
    "or", "and", "module", "import", "include", "def", "as", "label", "break", "null", "true", "false", "if", "then", "elif", "else",
    "end", "try", "catch",
];

pub(super) fn keyword(word: &str) -> bool {
    KEYWORDS.contains(&word) || matches!(word, "reduce" | "foreach")
}

impl Parser {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    pub(super) fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |(_, s)| *s)
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(w)) if w == word)
    }

    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, symbol: &'static str) -> Read<()> {
        if self.eat(symbol) { Ok(()) } else { self.wanted(format!("'{symbol}'")) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Read<()> {
        if self.eat_word(word) { Ok(()) } else { self.wanted(format!("'{word}'")) }
    }

    pub(super) fn wanted<T>(&self, expected: impl Into<Cow<'static, str>>) -> Read<T> {
        self.unexpected().map_err(|e: ParseError| e.expecting(expected))
    }

    /// A filter with its place: from a byte to the end of the last token that was read.
    pub(super) fn located(&self, from: usize, query: Query) -> Query {
        let end = self.tokens.get(self.at.wrapping_sub(1)).map_or(from, |(_, s)| s.end);
        self.at_span(Span::new(from, end.max(from)), query)
    }

    pub(super) fn at_span(&self, span: Span, query: Query) -> Query {
        match query {
            Query::Literal(_) | Query::Identity | Query::RecurseDefault | Query::At(..) => query,
            query if self.located => Query::At(span, Box::new(query)),
            query => query,
        }
    }

    pub(super) fn unexpected<T>(&self) -> Read<T> {
        let shown = match self.peek() {
            None => "unexpected EOF".to_owned(),
            Some(Token::Word(s) | Token::Format(s)) => format!("unexpected token {s:?}"),
            Some(Token::Field(s)) => format!("unexpected token \".{s}\""),
            Some(Token::Variable(s)) => format!("unexpected token \"${s}\""),
            Some(Token::Symbol(s)) => format!("unexpected token {s:?}"),
            Some(Token::Number(n, _)) => format!("unexpected token \"{n}\""),
            Some(Token::String(_)) => "unexpected token <string>".to_owned(),
        };
        Err(ParseError::new(shown, self.span()))
    }

    pub(super) fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(ParseError::new("nested too deeply", self.span()));
        }
        Ok(())
    }

    /// Chains of operators and suffixes are as deep as they are long.
    pub(super) fn chained(&mut self) -> Read<()> {
        self.operators += 1;
        if self.operators > MOST_OPERATORS {
            return Err(ParseError::new("the program has too many operators", self.span()));
        }
        Ok(())
    }

    pub(super) fn modules(&mut self) -> Read<()> {
        if self.is_word("import") || self.is_word("include") {
            let span = self.span();
            return Err(ParseError::new("cannot load module: there are no modules here", span).naming());
        }
        Ok(())
    }

    pub(super) fn definition(&mut self) -> Read<Definition> {
        self.expect_word("def")?;
        let Some(Token::Word(name)) = self.peek().cloned() else { return self.wanted("a name") };
        self.at += 1;
        let mut parameters = Vec::new();
        if self.eat("(") {
            loop {
                match self.peek().cloned() {
                    Some(Token::Word(word)) if !keyword(&word) => parameters.push(word),
                    Some(Token::Variable(word)) => parameters.push(format!("${word}")),
                    _ => return self.wanted("a name or a pattern"),
                }
                self.at += 1;
                if self.eat(")") {
                    break;
                }
                self.expect(";")?;
            }
        }
        self.expect(":")?;
        let body = self.query()?;
        self.expect(";")?;
        Ok(Definition { name, parameters, body })
    }

    /// Definitions, then filters with pipes between.
    pub(super) fn query(&mut self) -> Read<Query> {
        self.deeper()?;
        let query = self.query_inner()?;
        self.depth -= 1;
        Ok(query)
    }

    pub(super) fn query_inner(&mut self) -> Read<Query> {
        if self.is_word("def") {
            let definition = self.definition()?;
            let rest = self.query()?;
            return Ok(Query::Define(Box::new(definition), Box::new(rest)));
        }
        let mut steps = Vec::new();
        loop {
            if self.is_word("def") {
                steps.push(self.query()?);
                break;
            }
            if self.is_word("label") {
                self.at += 1;
                let Some(Token::Variable(name)) = self.peek().cloned() else { return self.wanted("a name") };
                self.at += 1;
                self.expect("|")?;
                let body = self.query()?;
                steps.push(Query::Label(name, Box::new(body)));
                break;
            }
            let step = self.comma()?;
            if self.is_word("as") {
                steps.push(self.binding(step)?);
                break;
            }
            steps.push(step);
            if !self.eat("|") {
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
        self.expect_word("as")?;
        let mut patterns = vec![self.pattern()?];
        while self.eat("?//") {
            patterns.push(self.pattern()?);
        }
        self.expect("|")?;
        let body = self.query()?;
        Ok(Query::As(Box::new(source), patterns, Box::new(body)))
    }

    pub(super) fn pattern(&mut self) -> Read<Pattern> {
        self.deeper()?;
        let pattern = match self.peek().cloned() {
            Some(Token::Variable(name)) => {
                self.at += 1;
                Pattern::Variable(name)
            }
            Some(Token::Symbol("[")) => {
                self.at += 1;
                let mut items = vec![self.pattern()?];
                while self.eat(",") {
                    items.push(self.pattern()?);
                }
                self.expect("]")?;
                Pattern::Array(items)
            }
            Some(Token::Symbol("{")) => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    let (key, variable) = match self.peek().cloned() {
                        Some(Token::Variable(name)) => {
                            self.at += 1;
                            (Query::Literal(name.as_str().into()), Some(name))
                        }
                        Some(Token::Word(name)) => {
                            self.at += 1;
                            (Query::Literal(name.into()), None)
                        }
                        Some(Token::String(parts)) => {
                            self.at += 1;
                            (self.text(None, parts)?, None)
                        }
                        Some(Token::Symbol("(")) => {
                            self.at += 1;
                            let key = self.query()?;
                            self.expect(")")?;
                            (key, None)
                        }
                        _ => return self.wanted("a name or a pattern"),
                    };
                    let value = if self.eat(":") { Some(self.pattern()?) } else { None };
                    if value.is_none() && variable.is_none() {
                        return self.unexpected();
                    }
                    items.push((key, variable, value));
                    if !self.eat(",") {
                        break;
                    }
                }
                self.expect("}")?;
                Pattern::Object(items)
            }
            _ => return self.wanted("a name or a pattern"),
        };
        self.depth -= 1;
        Ok(pattern)
    }

    pub(super) fn comma(&mut self) -> Read<Query> {
        let mut items = vec![self.expression(0)?];
        while self.eat(",") {
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
        self.deeper()?;
        let mut left = self.term()?;
        loop {
            let span = self.span();
            let (symbol, power) = match self.peek() {
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
            self.at += 1;
            self.chained()?;
            let right = self.expression(if power == 1 { 1 } else { power + 1 })?;
            let none = matches!(power, 2 | 5);
            left = self.at_span(span, joined(symbol, left, right));
            if none && let Some(Token::Symbol(s)) = self.peek() {
                // Comparisons and assignments do not chain.
                let again = if power == 5 {
                    matches!(*s, "==" | "!=" | "<" | "<=" | ">" | ">=")
                } else {
                    matches!(*s, "=" | "|=" | "+=" | "-=" | "*=" | "/=" | "%=" | "//=")
                };
                if again {
                    return self.unexpected();
                }
            }
        }
        self.depth -= 1;
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
