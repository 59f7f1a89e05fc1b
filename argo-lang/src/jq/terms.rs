//! From tokens to the tree: terms and what follows them.

use super::ast::{Pattern, Piece, Query};
use super::lexer::{Part, Token};
use super::parser::{Parser, Read, keyword};
use crate::{Span, Value};

impl Parser {
    pub(super) fn term(&mut self) -> Read<Query> {
        let plain = std::mem::take(&mut self.plain);
        let span = self.tokens.span();
        let Some(token) = self.tokens.peek().cloned() else { return Err(self.tokens.wanted("a filter")) };
        self.tokens.advance();
        let query = match token {
            Token::Number(_, Some(n)) => Query::Literal(Value::Int(n)),
            Token::Number(n, None) => Query::Literal(Value::Float(n)),
            Token::String(parts) => self.text(None, parts)?,
            Token::Format(name) => match self.tokens.peek().cloned() {
                Some(Token::String(parts)) => {
                    self.tokens.advance();
                    self.text(Some(name), parts)?
                }
                _ => Query::Format(name),
            },
            Token::Field(name) => Query::Index(Box::new(Query::Identity), Box::new(Query::Literal(name.into()))),
            Token::Variable(name) => Query::Variable(name, span),
            Token::Symbol("..") => Query::RecurseDefault,
            Token::Symbol(".") => match self.tokens.peek().cloned() {
                Some(Token::String(parts)) => {
                    self.tokens.advance();
                    let key = self.text(None, parts)?;
                    Query::Index(Box::new(Query::Identity), Box::new(key))
                }
                _ => Query::Identity,
            },
            Token::Symbol("(") => {
                let inner = self.query()?;
                self.tokens.expect(")")?;
                inner
            }
            Token::Symbol("[") => {
                if self.tokens.eat("]") {
                    Query::Array(None)
                } else {
                    let inner = self.query()?;
                    self.tokens.expect("]")?;
                    Query::Array(Some(Box::new(inner)))
                }
            }
            Token::Symbol("{") => self.object()?,
            Token::Symbol("-" | "+") => {
                self.tokens.enter()?;
                self.plain = plain;
                let operand = self.term()?;
                self.tokens.leave();
                let negative = matches!(token, Token::Symbol("-"));
                return Ok(if negative { self.at_span(span, Query::Negate(Box::new(operand))) } else { operand });
            }
            Token::Word(word) => self.word(word, span)?,
            Token::Symbol(_) => {
                self.tokens.back();
                return Err(self.tokens.wanted("a filter"));
            }
        };
        let query = self.located(span.start, query);
        self.suffixes(query, plain)
    }

    pub(super) fn suffixes(&mut self, mut query: Query, plain: bool) -> Read<Query> {
        loop {
            self.tokens.link()?;
            let from = self.tokens.span().start;
            match self.tokens.peek().cloned() {
                Some(Token::Field(name)) => {
                    self.tokens.advance();
                    query = Query::Index(Box::new(query), Box::new(Query::Literal(name.into())));
                }
                Some(Token::Symbol("?")) => {
                    self.tokens.advance();
                    query = Query::Try(Box::new(query), None);
                }
                Some(Token::Symbol("[")) => {
                    self.tokens.advance();
                    query = self.bracket(query)?;
                }
                Some(Token::Symbol(".")) => {
                    self.tokens.advance();
                    match self.tokens.peek().cloned() {
                        Some(Token::String(parts)) => {
                            self.tokens.advance();
                            let key = self.text(None, parts)?;
                            query = Query::Index(Box::new(query), Box::new(key));
                        }
                        Some(Token::Symbol("[")) => {
                            self.tokens.advance();
                            query = self.bracket(query)?;
                        }
                        _ => return Err(self.tokens.wanted("'[' or a text in quotes")),
                    }
                }
                Some(Token::Word(word)) if word == "as" && !plain => return self.binding(query),
                _ => return Ok(query),
            }
            query = self.located(from, query);
        }
    }

    pub(super) fn bracket(&mut self, of: Query) -> Read<Query> {
        let of = Box::new(of);
        if self.tokens.eat("]") {
            return Ok(Query::Iterate(of));
        }
        if self.tokens.eat(":") {
            let to = self.query()?;
            self.tokens.expect("]")?;
            return Ok(Query::Slice(of, None, Some(Box::new(to))));
        }
        let from = Box::new(self.query()?);
        if self.tokens.eat(":") {
            let to = if self.tokens.is("]") { None } else { Some(Box::new(self.query()?)) };
            self.tokens.expect("]")?;
            return Ok(Query::Slice(of, Some(from), to));
        }
        self.tokens.expect("]")?;
        Ok(Query::Index(of, from))
    }

    pub(super) fn text(&mut self, format: Option<String>, parts: Vec<Part>) -> Read<Query> {
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Text(text) => Piece::Text(text),
                Part::Code(tokens) => {
                    self.tokens.enter()?;
                    let mut inner = Parser { tokens: self.tokens.inside(tokens), plain: false, located: self.located };
                    let query = inner.query()?;
                    if inner.tokens.peek().is_some() {
                        return Err(inner.tokens.wanted("an operator or ')'"));
                    }
                    self.tokens.leave();
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

    pub(super) fn object(&mut self) -> Read<Query> {
        let mut entries = Vec::new();
        while self.tokens.another(entries.is_empty(), "}")? {
            let span = self.tokens.span();
            let (key, alone) = match self.tokens.peek().cloned() {
                Some(Token::Variable(name)) => {
                    self.tokens.advance();
                    (Query::Literal(name.as_str().into()), Some(Some(Query::Variable(name, span))))
                }
                Some(Token::Word(name)) => {
                    self.tokens.advance();
                    (Query::Literal(name.into()), Some(None))
                }
                Some(Token::String(parts)) => {
                    self.tokens.advance();
                    (self.text(None, parts)?, Some(None))
                }
                Some(Token::Number(n, int)) => {
                    self.tokens.advance();
                    (Query::Literal(int.map_or(Value::Float(n), Value::Int)), None)
                }
                Some(Token::Symbol("(")) => {
                    self.tokens.advance();
                    let key = self.query()?;
                    self.tokens.expect(")")?;
                    (key, None)
                }
                _ => return Err(self.tokens.wanted("a key or '}'")),
            };
            if self.tokens.eat(":") {
                let mut steps = vec![self.object_value()?];
                while self.tokens.eat("|") {
                    steps.push(self.object_value()?);
                }
                let value = if steps.len() == 1 { steps.pop().unwrap_or(Query::Identity) } else { Query::Pipe(steps) };
                entries.push((key, Some(value)));
            } else if let Some(value) = alone {
                entries.push((key, value));
            } else {
                return Err(self.tokens.wanted("':'"));
            }
        }
        Ok(Query::Object(entries))
    }

    pub(super) fn object_value(&mut self) -> Read<Query> {
        self.tokens.enter()?;
        let value = self.expression(3)?;
        self.tokens.leave();
        Ok(value)
    }

    pub(super) fn word(&mut self, word: String, span: Span) -> Read<Query> {
        Ok(match word.as_str() {
            "null" => Query::Literal(Value::Nil),
            "true" => Query::Literal(true.into()),
            "false" => Query::Literal(false.into()),
            "if" => self.conditional()?,
            "try" => {
                self.tokens.enter()?;
                let body = self.post_term()?;
                let catch = if self.tokens.eat_word("catch") { Some(Box::new(self.post_term()?)) } else { None };
                self.tokens.leave();
                Query::Try(Box::new(body), catch)
            }
            "reduce" => {
                let (source, pattern) = self.loop_head()?;
                let init = self.query()?;
                self.tokens.expect(";")?;
                let update = self.query()?;
                self.tokens.expect(")")?;
                Query::Reduce(Box::new(source), pattern, Box::new(init), Box::new(update))
            }
            "foreach" => {
                let (source, pattern) = self.loop_head()?;
                let init = self.query()?;
                self.tokens.expect(";")?;
                let update = self.query()?;
                let extract = if self.tokens.eat(";") { Some(Box::new(self.query()?)) } else { None };
                self.tokens.expect(")")?;
                Query::Foreach(Box::new(source), pattern, Box::new(init), Box::new(update), extract)
            }
            "break" => {
                let Some(Token::Variable(name)) = self.tokens.peek().cloned() else { return Err(self.tokens.wanted("a label")) };
                self.tokens.advance();
                Query::Break(name, span)
            }
            "def" => {
                self.tokens.back();
                self.query()?
            }
            _ if keyword(&word) => {
                self.tokens.back();
                return Err(self.tokens.wanted("a filter"));
            }
            _ => {
                let mut arguments = Vec::new();
                if self.tokens.eat("(") {
                    loop {
                        arguments.push(self.query()?);
                        if self.tokens.eat(")") {
                            break;
                        }
                        self.tokens.expect(";")?;
                    }
                }
                Query::Call(word, arguments, span)
            }
        })
    }

    /// A term with its suffixes, but without `as`.
    pub(super) fn post_term(&mut self) -> Read<Query> {
        self.term()
    }

    pub(super) fn loop_head(&mut self) -> Read<(Query, Pattern)> {
        self.tokens.enter()?;
        // The `as` after the term is the loop's, not a binding of the term's own.
        self.plain = true;
        let source = self.term()?;
        self.tokens.expect_word("as")?;
        let pattern = self.pattern()?;
        self.tokens.expect("(")?;
        self.tokens.leave();
        Ok((source, pattern))
    }

    pub(super) fn conditional(&mut self) -> Read<Query> {
        self.tokens.enter()?;
        let condition = self.query()?;
        self.tokens.expect_word("then")?;
        let then = self.query()?;
        let otherwise = if self.tokens.eat_word("elif") {
            Some(Box::new(self.conditional()?))
        } else if self.tokens.eat_word("else") {
            let otherwise = self.query()?;
            self.tokens.expect_word("end")?;
            Some(Box::new(otherwise))
        } else {
            self.tokens.expect_word("end")?;
            None
        };
        self.tokens.leave();
        Ok(Query::If(Box::new(condition), Box::new(then), otherwise))
    }
}
