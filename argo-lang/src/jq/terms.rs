//! From tokens to the tree: terms and what follows them.

use super::ast::{Pattern, Piece, Query};
use super::lexer::{Part, Token};
use super::parser::{Parser, Read, keyword};
use crate::{Span, Value};

impl Parser {
    pub(super) fn term(&mut self) -> Read<Query> {
        let plain = std::mem::take(&mut self.plain);
        let span = self.span();
        let Some(token) = self.peek().cloned() else { return self.wanted("a filter") };
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
            Token::Symbol("..") => Query::RecurseDefault,
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
                return Ok(if negative { self.at_span(span, Query::Negate(Box::new(operand))) } else { operand });
            }
            Token::Word(word) => self.word(word, span)?,
            Token::Symbol(_) => {
                self.at -= 1;
                return self.wanted("a filter");
            }
        };
        let query = self.located(span.start, query);
        self.suffixes(query, plain)
    }

    pub(super) fn suffixes(&mut self, mut query: Query, plain: bool) -> Read<Query> {
        loop {
            self.chained()?;
            let from = self.span().start;
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
            query = self.located(from, query);
        }
    }

    pub(super) fn bracket(&mut self, of: Query) -> Read<Query> {
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

    pub(super) fn text(&mut self, format: Option<String>, parts: Vec<Part>) -> Read<Query> {
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Text(text) => Piece::Text(text),
                Part::Code(tokens) => {
                    self.deeper()?;
                    let end = tokens.last().map_or(self.end, |(_, s)| Span::new(s.end, s.end));
                    let mut inner =
                        Parser { tokens, at: 0, depth: self.depth, operators: self.operators, plain: false, end, located: self.located };
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

    pub(super) fn object(&mut self) -> Read<Query> {
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
                    (Query::Literal(name.as_str().into()), Some(Some(Query::Variable(name, span))))
                }
                Some(Token::Word(name)) => {
                    self.at += 1;
                    (Query::Literal(name.into()), Some(None))
                }
                Some(Token::String(parts)) => {
                    self.at += 1;
                    (self.text(None, parts)?, Some(None))
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
                _ => return self.wanted("a key or '}'"),
            };
            if self.eat(":") {
                let mut steps = vec![self.object_value()?];
                while self.eat("|") {
                    steps.push(self.object_value()?);
                }
                let value = if steps.len() == 1 { steps.pop().unwrap_or(Query::Identity) } else { Query::Pipe(steps) };
                entries.push((key, Some(value)));
            } else if let Some(value) = alone {
                entries.push((key, value));
            } else {
                return self.wanted("':'");
            }
        }
        Ok(Query::Object(entries))
    }

    pub(super) fn object_value(&mut self) -> Read<Query> {
        self.deeper()?;
        let value = self.expression(3)?;
        self.depth -= 1;
        Ok(value)
    }

    pub(super) fn word(&mut self, word: String, span: Span) -> Read<Query> {
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
                let Some(Token::Variable(name)) = self.peek().cloned() else { return self.wanted("a label") };
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
    pub(super) fn post_term(&mut self) -> Read<Query> {
        self.term()
    }

    pub(super) fn loop_head(&mut self) -> Read<(Query, Pattern)> {
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

    pub(super) fn conditional(&mut self) -> Read<Query> {
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
