//! From tokens to the tree.

use super::ast::{Assign, Definition, Op, Pattern, Piece, Query};
use super::lexer::{Part, Token, tokens};
use crate::{ParseError, Span, Value};

/// Deepest nesting.
const MOST_DEPTH: usize = 120;
/// Most operators and terms of a program.
const MOST_OPERATORS: usize = 3_000;

pub(super) enum Failure {
    Syntax(ParseError),
    Name(ParseError),
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::Syntax(error)
    }
}

type Read<T> = Result<T, Failure>;

/// Reads a program.
pub(super) fn parse(text: &str) -> Read<Query> {
    let tokens = tokens(text)?;
    if tokens.len() > 200_000 {
        return Err(Failure::Syntax(ParseError::new("the program is too long", Span::new(0, text.len()))));
    }
    let mut parser = Parser { tokens, at: 0, depth: 0, operators: 0, plain: false, end: Span::new(text.len(), text.len()) };
    parser.modules()?;
    if parser.peek().is_none() {
        return Err(Failure::Name(ParseError::new("missing query (try \".\")", parser.end)));
    }
    let query = parser.query()?;
    if parser.peek().is_some() {
        return parser.unexpected();
    }
    Ok(query)
}

/// Reads definitions only, for the functions that are written in the language itself.
pub(super) fn definitions(text: &str) -> Vec<Definition> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut parser = Parser { tokens, at: 0, depth: 0, operators: 0, plain: false, end: Span::default() };
    let mut out = Vec::new();
    while parser.is_word("def") {
        match parser.definition() {
            Ok(definition) => out.push(definition),
            Err(_) => return Vec::new(),
        }
    }
    out
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    operators: usize,
    /// The next term leaves a following `as` alone.
    plain: bool,
    end: Span,
}

const KEYWORDS: [&str; 19] = [
    "or", "and", "module", "import", "include", "def", "as", "label", "break", "null", "true", "false", "if", "then", "elif", "else",
    "end", "try", "catch",
];

fn keyword(word: &str) -> bool {
    KEYWORDS.contains(&word) || matches!(word, "reduce" | "foreach")
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |(_, s)| *s)
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(w)) if w == word)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Read<()> {
        if self.eat(symbol) { Ok(()) } else { self.unexpected() }
    }

    fn expect_word(&mut self, word: &str) -> Read<()> {
        if self.eat_word(word) { Ok(()) } else { self.unexpected() }
    }

    fn unexpected<T>(&self) -> Read<T> {
        let shown = match self.peek() {
            None => "unexpected EOF".to_owned(),
            Some(Token::Word(s) | Token::Format(s)) => format!("unexpected token {s:?}"),
            Some(Token::Field(s)) => format!("unexpected token \".{s}\""),
            Some(Token::Variable(s)) => format!("unexpected token \"${s}\""),
            Some(Token::Symbol(s)) => format!("unexpected token {s:?}"),
            Some(Token::Number(n, _)) => format!("unexpected token \"{n}\""),
            Some(Token::String(_)) => "unexpected token <string>".to_owned(),
        };
        Err(Failure::Syntax(ParseError::new(shown, self.span())))
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Failure::Syntax(ParseError::new("nested too deeply", self.span())));
        }
        Ok(())
    }

    /// Chains of operators and suffixes are as deep as they are long.
    fn chained(&mut self) -> Read<()> {
        self.operators += 1;
        if self.operators > MOST_OPERATORS {
            return Err(Failure::Syntax(ParseError::new("the program has too many operators", self.span())));
        }
        Ok(())
    }

    fn modules(&mut self) -> Read<()> {
        if self.is_word("import") || self.is_word("include") {
            let span = self.span();
            return Err(Failure::Name(ParseError::new("cannot load module: there are no modules here", span)));
        }
        Ok(())
    }

    fn definition(&mut self) -> Read<Definition> {
        self.expect_word("def")?;
        let Some(Token::Word(name)) = self.peek().cloned() else { return self.unexpected() };
        self.at += 1;
        let mut parameters = Vec::new();
        if self.eat("(") {
            loop {
                match self.peek().cloned() {
                    Some(Token::Word(word)) if !keyword(&word) => parameters.push(word),
                    Some(Token::Variable(word)) => parameters.push(format!("${word}")),
                    _ => return self.unexpected(),
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
    fn query(&mut self) -> Read<Query> {
        self.deeper()?;
        let query = self.query_inner()?;
        self.depth -= 1;
        Ok(query)
    }

    fn query_inner(&mut self) -> Read<Query> {
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
                let Some(Token::Variable(name)) = self.peek().cloned() else { return self.unexpected() };
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
    fn binding(&mut self, source: Query) -> Read<Query> {
        self.expect_word("as")?;
        let mut patterns = vec![self.pattern()?];
        while self.eat("?//") {
            patterns.push(self.pattern()?);
        }
        self.expect("|")?;
        let body = self.query()?;
        Ok(Query::As(Box::new(source), patterns, Box::new(body)))
    }

    fn pattern(&mut self) -> Read<Pattern> {
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
                        _ => return self.unexpected(),
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
            _ => return self.unexpected(),
        };
        self.depth -= 1;
        Ok(pattern)
    }

    fn comma(&mut self) -> Read<Query> {
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
    fn expression(&mut self, least: u8) -> Read<Query> {
        self.deeper()?;
        let mut left = self.term()?;
        loop {
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
            left = joined(symbol, left, right);
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

    fn term(&mut self) -> Read<Query> {
        let plain = std::mem::take(&mut self.plain);
        let span = self.span();
        let Some(token) = self.peek().cloned() else { return self.unexpected() };
        self.at += 1;
        let query = match token {
            Token::Number(_, Some(n)) => Query::Literal(Value::Int(n)),
            Token::Number(n, None) => Query::Literal(Value::Float(n)),
            Token::String(parts) => self.text(None, parts)?,
            Token::Format(name) => match self.peek().cloned() {
                Some(Token::String(parts)) => {
                    self.at += 1;
                    self.text(Some(name), parts)?
                }
                _ => Query::Format(name),
            },
            Token::Field(name) => Query::Index(Box::new(Query::Identity), Box::new(Query::Literal(name.into()))),
            Token::Variable(name) => Query::Variable(name, span),
            Token::Symbol("..") => {
                if matches!(self.peek(), Some(Token::Word(_))) {
                    return self.unexpected();
                }
                Query::RecurseDefault
            }
            Token::Symbol(".") => match self.peek().cloned() {
                Some(Token::String(parts)) => {
                    self.at += 1;
                    let key = self.text(None, parts)?;
                    Query::Index(Box::new(Query::Identity), Box::new(key))
                }
                _ => Query::Identity,
            },
            Token::Symbol("(") => {
                let inner = self.query()?;
                self.expect(")")?;
                inner
            }
            Token::Symbol("[") => {
                if self.eat("]") {
                    Query::Array(None)
                } else {
                    let inner = self.query()?;
                    self.expect("]")?;
                    Query::Array(Some(Box::new(inner)))
                }
            }
            Token::Symbol("{") => self.object()?,
            Token::Symbol("-" | "+") => {
                self.deeper()?;
                self.plain = plain;
                let operand = self.term()?;
                self.depth -= 1;
                let negative = matches!(token, Token::Symbol("-"));
                return Ok(if negative { Query::Negate(Box::new(operand)) } else { operand });
            }
            Token::Word(word) => self.word(word, span)?,
            Token::Symbol(_) => {
                self.at -= 1;
                return self.unexpected();
            }
        };
        self.suffixes(query, plain)
    }

    fn suffixes(&mut self, mut query: Query, plain: bool) -> Read<Query> {
        loop {
            self.chained()?;
            match self.peek().cloned() {
                Some(Token::Field(name)) => {
                    self.at += 1;
                    query = Query::Index(Box::new(query), Box::new(Query::Literal(name.into())));
                }
                Some(Token::Symbol("?")) => {
                    self.at += 1;
                    query = Query::Try(Box::new(query), None);
                }
                Some(Token::Symbol("[")) => {
                    self.at += 1;
                    query = self.bracket(query)?;
                }
                Some(Token::Symbol(".")) => {
                    self.at += 1;
                    match self.peek().cloned() {
                        Some(Token::String(parts)) => {
                            self.at += 1;
                            let key = self.text(None, parts)?;
                            query = Query::Index(Box::new(query), Box::new(key));
                        }
                        Some(Token::Symbol("[")) => {
                            self.at += 1;
                            query = self.bracket(query)?;
                        }
                        _ => return self.unexpected(),
                    }
                }
                Some(Token::Word(word)) if word == "as" && !plain => return self.binding(query),
                _ => return Ok(query),
            }
        }
    }

    fn bracket(&mut self, of: Query) -> Read<Query> {
        let of = Box::new(of);
        if self.eat("]") {
            return Ok(Query::Iterate(of));
        }
        if self.eat(":") {
            let to = self.query()?;
            self.expect("]")?;
            return Ok(Query::Slice(of, None, Some(Box::new(to))));
        }
        let from = Box::new(self.query()?);
        if self.eat(":") {
            let to = if self.is("]") { None } else { Some(Box::new(self.query()?)) };
            self.expect("]")?;
            return Ok(Query::Slice(of, Some(from), to));
        }
        self.expect("]")?;
        Ok(Query::Index(of, from))
    }

    fn text(&mut self, format: Option<String>, parts: Vec<Part>) -> Read<Query> {
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Text(text) => Piece::Text(text),
                Part::Code(tokens) => {
                    self.deeper()?;
                    let end = tokens.last().map_or(self.end, |(_, s)| Span::new(s.end, s.end));
                    let mut inner = Parser { tokens, at: 0, depth: self.depth, operators: self.operators, plain: false, end };
                    let query = inner.query()?;
                    if inner.peek().is_some() {
                        return inner.unexpected();
                    }
                    self.depth -= 1;
                    Piece::Query(query)
                }
            });
        }
        if let ([Piece::Text(_)] | [], None) = (pieces.as_slice(), &format) {
            let text = pieces.into_iter().map(|p| if let Piece::Text(t) = p { t } else { String::new() }).collect::<String>();
            return Ok(Query::Literal(text.into()));
        }
        Ok(Query::Text(format, pieces))
    }

    fn object(&mut self) -> Read<Query> {
        let mut entries = Vec::new();
        while !self.eat("}") {
            if !entries.is_empty() {
                self.expect(",")?;
                if self.eat("}") {
                    break;
                }
            }
            let span = self.span();
            let (key, alone) = match self.peek().cloned() {
                Some(Token::Variable(name)) => {
                    self.at += 1;
                    (Query::Literal(name.as_str().into()), Some(Query::Variable(name, span)))
                }
                Some(Token::Word(name)) => {
                    self.at += 1;
                    let key = Query::Literal(name.into());
                    (key.clone(), Some(Query::Index(Box::new(Query::Identity), Box::new(key))))
                }
                Some(Token::String(parts)) => {
                    self.at += 1;
                    let key = self.text(None, parts)?;
                    (key.clone(), Some(Query::Index(Box::new(Query::Identity), Box::new(key))))
                }
                Some(Token::Number(n, int)) => {
                    self.at += 1;
                    (Query::Literal(int.map_or(Value::Float(n), Value::Int)), None)
                }
                Some(Token::Symbol("(")) => {
                    self.at += 1;
                    let key = self.query()?;
                    self.expect(")")?;
                    (key, None)
                }
                _ => return self.unexpected(),
            };
            if self.eat(":") {
                let mut steps = vec![self.object_value()?];
                while self.eat("|") {
                    steps.push(self.object_value()?);
                }
                let value = if steps.len() == 1 { steps.pop().unwrap_or(Query::Identity) } else { Query::Pipe(steps) };
                entries.push((key, Some(value)));
            } else if let Some(value) = alone {
                entries.push((key, Some(value)));
            } else {
                return self.unexpected();
            }
        }
        Ok(Query::Object(entries))
    }

    fn object_value(&mut self) -> Read<Query> {
        self.deeper()?;
        let value = self.expression(3)?;
        self.depth -= 1;
        Ok(value)
    }

    fn word(&mut self, word: String, span: Span) -> Read<Query> {
        Ok(match word.as_str() {
            "null" => Query::Literal(Value::Nil),
            "true" => Query::Literal(true.into()),
            "false" => Query::Literal(false.into()),
            "if" => self.conditional()?,
            "try" => {
                self.deeper()?;
                let body = self.post_term()?;
                let catch = if self.eat_word("catch") { Some(Box::new(self.post_term()?)) } else { None };
                self.depth -= 1;
                Query::Try(Box::new(body), catch)
            }
            "reduce" => {
                let (source, pattern) = self.loop_head()?;
                let init = self.query()?;
                self.expect(";")?;
                let update = self.query()?;
                self.expect(")")?;
                Query::Reduce(Box::new(source), pattern, Box::new(init), Box::new(update))
            }
            "foreach" => {
                let (source, pattern) = self.loop_head()?;
                let init = self.query()?;
                self.expect(";")?;
                let update = self.query()?;
                let extract = if self.eat(";") { Some(Box::new(self.query()?)) } else { None };
                self.expect(")")?;
                Query::Foreach(Box::new(source), pattern, Box::new(init), Box::new(update), extract)
            }
            "break" => {
                let Some(Token::Variable(name)) = self.peek().cloned() else { return self.unexpected() };
                self.at += 1;
                Query::Break(name, span)
            }
            "def" => {
                self.at -= 1;
                self.query()?
            }
            _ if keyword(&word) => {
                self.at -= 1;
                return self.unexpected();
            }
            _ => {
                let mut arguments = Vec::new();
                if self.eat("(") {
                    loop {
                        arguments.push(self.query()?);
                        if self.eat(")") {
                            break;
                        }
                        self.expect(";")?;
                    }
                }
                Query::Call(word, arguments, span)
            }
        })
    }

    /// A term with its suffixes, but without `as`.
    fn post_term(&mut self) -> Read<Query> {
        self.term()
    }

    fn loop_head(&mut self) -> Read<(Query, Pattern)> {
        self.deeper()?;
        // The `as` after the term is the loop's, not a binding of the term's own.
        self.plain = true;
        let source = self.term()?;
        self.expect_word("as")?;
        let pattern = self.pattern()?;
        self.expect("(")?;
        self.depth -= 1;
        Ok((source, pattern))
    }

    fn conditional(&mut self) -> Read<Query> {
        self.deeper()?;
        let condition = self.query()?;
        self.expect_word("then")?;
        let then = self.query()?;
        let otherwise = if self.eat_word("elif") {
            Some(Box::new(self.conditional()?))
        } else if self.eat_word("else") {
            let otherwise = self.query()?;
            self.expect_word("end")?;
            Some(Box::new(otherwise))
        } else {
            self.expect_word("end")?;
            None
        };
        self.depth -= 1;
        Ok(Query::If(Box::new(condition), Box::new(then), otherwise))
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
