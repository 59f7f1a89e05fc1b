//! From tokens to the tree.

use super::lexer::Token;
use super::{Kind, MOST_DEPTH, Node};
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
pub(super) const LEVELS: [&[&str]; 10] = [
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

/// The level of an operator.
pub(super) fn level(symbol: &str) -> usize {
    LEVELS.iter().position(|level| level.contains(&symbol)).unwrap_or(0)
}

impl Parser {
    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |(_, s)| *s)
    }

    /// The operator that stands here, and its level.
    fn operator(&self) -> Option<(&'static str, usize)> {
        let symbol = match &self.tokens.get(self.at)?.0 {
            Token::Separator => ",",
            Token::Comparator(s) | Token::Logical(s) | Token::Modifier(s) | Token::Ternary(s) => s,
            _ => return None,
        };
        Some((symbol, level(symbol)))
    }

    /// Values with operators of a level or stronger ones between.
    fn level(&mut self, least: usize) -> Result<Node, ParseError> {
        let mut left = self.value()?;
        while let Some((symbol, level)) = self.operator().filter(|(_, level)| *level >= least) {
            self.at += 1;
            self.counted()?;
            let opens = symbol == "in" && matches!(self.tokens.get(self.at), Some((Token::Open, _)));
            let right = self.level(level + 1)?;
            left = self.joined(symbol, left, right, opens);
        }
        Ok(left)
    }

    #[cold]
    fn fail<T>(message: &str, span: Span, expected: &'static str) -> Result<T, ParseError> {
        Err(ParseError::new(message, span).expecting(expected))
    }

    fn counted(&mut self) -> Result<(), ParseError> {
        self.operators += 1;
        if self.operators > MOST_OPERATORS {
            return Self::fail("the expression has too many operators", self.span(), "a shorter one");
        }
        Ok(())
    }

    fn joined(&self, symbol: &'static str, left: Node, mut right: Node, opens: bool) -> Node {
        // `x in (1)`: brackets of one are a list of one.
        if opens && matches!(self.tokens.get(self.at.wrapping_sub(1)), Some((Token::Close, _))) && !matches!(right.kind, Kind::Empty) {
            right = Node { span: right.span, kind: Kind::OneOf(Box::new(right)) };
        }
        let span = Span::new(left.span.start, right.span.end);
        Node { kind: Kind::Binary(symbol, Box::new(left), Box::new(right)), span }
    }

    fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH { Self::fail("nested too deeply", self.span(), "fewer brackets") } else { Ok(()) }
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
            return Self::fail("unbalanced parenthesis", self.span(), "')'");
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Some(Box::new(inner)))
    }

    fn value(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        let kind = match self.tokens.get(self.at) {
            Some((Token::Prefix(symbol), _)) => {
                let symbol = *symbol;
                self.at += 1;
                self.deeper()?;
                let operand = self.value()?;
                self.depth -= 1;
                match operand.kind {
                    Kind::Literal(Value::Float(n)) if symbol == "-" => Kind::Literal(Value::Float(-n)),
                    _ => Kind::Prefix(symbol, Box::new(operand)),
                }
            }
            Some((Token::Open, _)) => {
                self.at += 1;
                match self.bracketed()? {
                    Some(inner) => return Ok(*inner),
                    None => Kind::Empty,
                }
            }
            Some((Token::Function(function), _)) => {
                let function = function.clone();
                // A function is always followed by a bracket.
                self.at += 2;
                Kind::Call(function, self.bracketed()?)
            }
            Some((Token::Access(parts), _)) => {
                let parts = parts.clone();
                self.at += 1;
                let call = matches!(self.tokens.get(self.at), Some((Token::Open, _)));
                self.at += usize::from(call);
                Kind::Access(parts, if call { Some(self.bracketed()?) } else { None })
            }
            _ => self.leaf(span)?,
        };
        let end = self.tokens.get(self.at.saturating_sub(1)).map_or(span.end, |(_, s)| s.end);
        Ok(Node { kind, span: Span::new(span.start, end) })
    }

    fn leaf(&mut self, span: Span) -> Result<Kind, ParseError> {
        let kind = match self.tokens.get(self.at).map(|(token, _)| token.clone()) {
            Some(Token::Number(n) | Token::Time(n)) => Kind::Literal(Value::Float(n)),
            Some(Token::Bool(b)) => Kind::Literal(Value::Bool(b)),
            Some(Token::String(s)) => Kind::Literal(s.into()),
            Some(Token::Pattern(p)) => Kind::Pattern(p),
            Some(Token::Variable(name)) => Kind::Variable(name),
            Some(_) => return Self::fail("this cannot stand here", span, "a value"),
            None => return Self::fail("unexpected end of expression", span, "a value"),
        };
        self.at += 1;
        Ok(kind)
    }
}
