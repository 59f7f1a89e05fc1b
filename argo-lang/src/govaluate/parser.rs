//! From tokens to the tree.

use super::lexer::Token;
use super::{MOST_DEPTH, Node};
use crate::{ParseError, Span, Value};

pub(super) fn parse(tokens: Vec<(Token, Span)>, end: Span) -> Result<Node, ParseError> {
    // What follows a complete expression is left out, as upstream does: `(1) 2`.
    Parser { tokens, at: 0, depth: 0, operators: 0, end }.level(0)
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    operators: usize,
    end: Span,
}

/// Most operators of an expression: chains of them are as deep as they are long.
const MOST_OPERATORS: usize = 2_000;

/// Operators of each level, the weakest first; all are left-associative.
const LEVELS: [&[&str]; 10] = [
    &[","],
    &["?", ":", "??"],
    &["||"],
    &["&&"],
    &["==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"],
    &["&", "|", "^"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
    &["**"],
];

impl Parser {
    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |(_, s)| *s)
    }

    fn operator(&self, level: usize) -> Option<&'static str> {
        let symbol = match &self.tokens.get(self.at)?.0 {
            Token::Separator => ",",
            Token::Comparator(s) | Token::Logical(s) | Token::Modifier(s) | Token::Ternary(s) => s,
            _ => return None,
        };
        LEVELS.get(level)?.contains(&symbol).then_some(symbol)
    }

    fn level(&mut self, level: usize) -> Result<Node, ParseError> {
        if level >= LEVELS.len() {
            return self.value();
        }
        let mut left = self.level(level + 1)?;
        while let Some(symbol) = self.operator(level) {
            self.at += 1;
            self.operators += 1;
            if self.operators > MOST_OPERATORS {
                return Err(ParseError::new("the expression has too many operators", self.span()));
            }
            let opens = symbol == "in" && matches!(self.tokens.get(self.at), Some((Token::Open, _)));
            let mut right = self.level(level + 1)?;
            // `x in (1)`: brackets of one are a list of one.
            if opens && matches!(self.tokens.get(self.at.wrapping_sub(1)), Some((Token::Close, _))) && !matches!(right, Node::Empty) {
                right = Node::OneOf(Box::new(right));
            }
            left = Node::Binary(symbol, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH { Err(ParseError::new("nested too deeply", self.span())) } else { Ok(()) }
    }

    /// The inside of brackets whose opening one is read already; none if there is nothing.
    fn bracketed(&mut self) -> Result<Option<Box<Node>>, ParseError> {
        self.deeper()?;
        if matches!(self.tokens.get(self.at), Some((Token::Close, _))) {
            self.at += 1;
            self.depth -= 1;
            return Ok(None);
        }
        let inner = self.level(0)?;
        if !matches!(self.tokens.get(self.at), Some((Token::Close, _))) {
            return Err(ParseError::new("unbalanced parenthesis", self.span()));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Some(Box::new(inner)))
    }

    fn value(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        let Some((token, _)) = self.tokens.get(self.at).cloned() else {
            return Err(ParseError::new("unexpected end of expression", span));
        };
        self.at += 1;
        Ok(match token {
            Token::Number(n) | Token::Time(n) => Node::Literal(Value::Float(n)),
            Token::Bool(b) => Node::Literal(Value::Bool(b)),
            Token::String(s) => Node::Literal(s.into()),
            Token::Pattern(p) => Node::Pattern(p),
            Token::Variable(name) => Node::Variable(name),
            Token::Prefix(symbol) => {
                self.deeper()?;
                let operand = self.value()?;
                self.depth -= 1;
                Node::Prefix(symbol, Box::new(operand))
            }
            Token::Open => self.bracketed()?.map_or(Node::Empty, |inner| *inner),
            Token::Function(function) => {
                // A function is always followed by a bracket.
                self.at += 1;
                Node::Call(function, self.bracketed()?)
            }
            Token::Access(parts) => {
                let call = matches!(self.tokens.get(self.at), Some((Token::Open, _)));
                self.at += usize::from(call);
                Node::Access(parts, if call { Some(self.bracketed()?) } else { None })
            }
            Token::Close | Token::Separator | Token::Comparator(_) | Token::Logical(_) | Token::Modifier(_) | Token::Ternary(_) => {
                return Err(ParseError::new("a value was expected", span));
            }
        })
    }
}
