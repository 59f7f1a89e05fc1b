//! From tokens to the tree: operators by binding power.

use std::borrow::Cow;

use super::ast::{self, Binary, Kind, Node, Pattern, Unary};
use super::lexer::{Token, tokens};
use crate::{ParseError, Span, Value};

/// Deepest nesting.
const MOST_DEPTH: usize = 150;
/// Most operators and members of an expression.
const MOST_OPERATORS: usize = 3_000;
/// Highest tree: what the stack of a thread with 2 MB holds in a build without optimisation.
const MOST_HEIGHT: usize = 150;
/// Power with which `not` and the signs bind.
const NOT_POWER: u8 = 50;
const SIGN_POWER: u8 = 90;

pub(super) fn parse(text: &str) -> Result<Node, ParseError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, predicates: 0, operators: 0 };
    let node = parser.sequence()?;
    match parser.peek() {
        Token::End if ast::too_high(&node, MOST_HEIGHT) => Err(ParseError::new("nested too deeply", Span::new(0, text.len()))),
        Token::End => Ok(node),
        other => Err(ParseError::new(format!("unexpected token {}", describe(other)), parser.span()).expecting("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    /// How many predicates are around: `#` stands only in them.
    predicates: usize,
    operators: usize,
}

fn describe(token: &Token) -> String {
    match token {
        Token::Int(n) => format!("Number(\"{n}\")"),
        Token::Float(n) => format!("Number(\"{n}\")"),
        Token::String(s) => format!("String({s:?})"),
        Token::Name(s) if binary_word(s).is_some() || s == "not" => format!("Operator({s:?})"),
        Token::Name(s) => format!("Identifier({s:?})"),
        Token::Symbol(s @ ("(" | ")" | "[" | "]" | "{" | "}")) => format!("Bracket({s:?})"),
        Token::Symbol(s) => format!("Operator({s:?})"),
        Token::Pointer(s) => format!("Operator(\"#{s}\")"),
        Token::End => "EOF".to_owned(),
    }
}

pub(super) fn binary_word(word: &str) -> Option<Binary> {
    Some(match word {
        "or" => Binary::Or,
        "and" => Binary::And,
        "in" => Binary::In,
        "matches" => Binary::Matches,
        "contains" => Binary::Contains,
        "startsWith" => Binary::StartsWith,
        "endsWith" => Binary::EndsWith,
        _ => return None,
    })
}

/// How strongly an operator binds. `**` is the one that is right-associative.
pub(super) fn power(operator: Binary) -> u8 {
    match operator {
        Binary::Or => 10,
        Binary::And => 15,
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::Greater
        | Binary::LessEqual
        | Binary::GreaterEqual
        | Binary::In
        | Binary::Matches
        | Binary::Contains
        | Binary::StartsWith
        | Binary::EndsWith => 20,
        Binary::Range => 25,
        Binary::Add | Binary::Subtract => 30,
        Binary::Multiply | Binary::Divide | Binary::Modulo => 60,
        Binary::Power => 100,
        Binary::Coalesce => 110,
    }
}

/// The operator that a token is.
fn operator(token: &Token) -> Option<Binary> {
    Some(match token {
        Token::Name(word) => return binary_word(word),
        Token::Symbol(symbol) => match *symbol {
            "||" => Binary::Or,
            "&&" => Binary::And,
            "==" => Binary::Equal,
            "!=" => Binary::NotEqual,
            "<" => Binary::Less,
            ">" => Binary::Greater,
            "<=" => Binary::LessEqual,
            ">=" => Binary::GreaterEqual,
            ".." => Binary::Range,
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            "/" => Binary::Divide,
            "%" => Binary::Modulo,
            "**" | "^" => Binary::Power,
            "??" => Binary::Coalesce,
            _ => return None,
        },
        _ => return None,
    })
}

/// Least and most arguments of the functions that take a predicate.
pub(super) fn least_arguments(name: &str) -> Option<(usize, usize)> {
    Some(match name {
        "all" | "none" | "any" | "one" | "filter" | "map" | "find" | "findIndex" | "findLast" | "findLastIndex" | "groupBy" => (2, 2),
        "count" | "sum" => (1, 2),
        "sortBy" | "reduce" => (2, 3),
        _ => return None,
    })
}

/// Only names and members can be called.
fn callable(node: &Node) -> bool {
    match &node.kind {
        Kind::Name(_) => true,
        Kind::Member { property, .. } => matches!(&property.kind, Kind::Literal(Value::String(_))),
        _ => false,
    }
}

pub(super) fn ordering(operator: Binary) -> bool {
    matches!(operator, Binary::Less | Binary::Greater | Binary::LessEqual | Binary::GreaterEqual)
}

/// An operator and its operands; a constant pattern is compiled here, once.
fn joined(operator: Binary, left: Node, right: Node) -> Kind {
    match (operator, &right.kind) {
        (Binary::Matches, Kind::Literal(Value::String(text))) => {
            Kind::Matches(Box::new(left), Pattern { text: text.clone(), compiled: crate::sprig::regexes::compile(text) })
        }
        _ => Kind::Binary(operator, Box::new(left), Box::new(right)),
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(t, _)| t)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at.saturating_add(ahead)).map_or(&Token::End, |(t, _)| t)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map(|(_, s)| *s).unwrap_or_default()
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(s) if s == word)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.eat(symbol) { Ok(()) } else { Err(self.wanted(format!("'{symbol}'"))) }
    }

    // Apart, so that what it needs is not part of the frames of the recursion.
    #[cold]
    fn wanted(&self, expected: impl Into<Cow<'static, str>>) -> ParseError {
        self.unexpected().expecting(expected)
    }

    fn unexpected(&self) -> ParseError {
        ParseError::new(format!("unexpected token {}", describe(self.peek())), self.span())
    }

    /// Chains of operators are as deep as they are long.
    fn chained(&mut self) -> Result<(), ParseError> {
        self.operators = self.operators.saturating_add(1);
        if self.operators > MOST_OPERATORS { Err(ParseError::new("the expression has too many operators", self.span())) } else { Ok(()) }
    }

    fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MOST_DEPTH { Err(ParseError::new("nested too deeply", self.span())) } else { Ok(()) }
    }

    fn sequence(&mut self) -> Result<Node, ParseError> {
        let start = self.span();
        let first = self.statement()?;
        if self.is(";") { self.rest_of_sequence(first, start) } else { Ok(first) }
    }

    fn rest_of_sequence(&mut self, first: Node, start: Span) -> Result<Node, ParseError> {
        let mut list = vec![first];
        while self.eat(";") {
            if matches!(self.peek(), Token::End) || self.is(")") || self.is("}") {
                break;
            }
            list.push(self.statement()?);
        }
        if list.len() == 1
            && let Some(only) = list.pop()
        {
            return Ok(only);
        }
        Ok(Node { kind: Kind::Sequence(list), span: start })
    }

    fn statement(&mut self) -> Result<Node, ParseError> {
        if self.is_word("let") { self.binding() } else { self.expression(0) }
    }

    fn binding(&mut self) -> Result<Node, ParseError> {
        self.deeper()?;
        let span = self.span();
        self.advance();
        let Token::Name(name) = self.peek().clone() else { return Err(self.wanted("a name")) };
        self.advance();
        self.expect("=")?;
        let value = self.expression(0)?;
        self.expect(";")?;
        let body = self.sequence()?;
        self.depth = self.depth.saturating_sub(1);
        Ok(Node { kind: Kind::Let(name, Box::new(value), Box::new(body)), span })
    }

    fn expression(&mut self, least: u8) -> Result<Node, ParseError> {
        if least == 0 && self.is_word("let") {
            return self.statement();
        }
        self.deeper()?;
        let mut left = self.unary()?;
        let mut after_coalesce = false;
        loop {
            let span = self.span();
            let negated =
                self.is_word("not") && matches!(self.peek_at(1), Token::Name(w) if binary_word(w).is_some_and(|o| power(o) == 20));
            let token = if negated { self.peek_at(1) } else { self.peek() };
            if matches!(token, Token::Symbol("|")) && least == 0 {
                self.advance();
                self.chained()?;
                left = self.pipe(left)?;
                continue;
            }
            let Some(operator) = operator(token).filter(|o| power(*o) >= least.max(1)) else { break };
            let power = power(operator);
            if after_coalesce && operator != Binary::Coalesce {
                let message = format!(
                    "Operator ({}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.",
                    super::eval::symbol(operator)
                );
                return Err(ParseError::new(message, span));
            }
            self.chained()?;
            after_coalesce = operator == Binary::Coalesce;
            self.advance();
            if negated {
                self.advance();
            }
            if ordering(operator) {
                left = self.comparison(left, operator, power, span)?;
                continue;
            }
            let right = self.expression(if operator == Binary::Power { power } else { power.saturating_add(1) })?;
            left = Node { kind: joined(operator, left, right), span };
            if negated {
                left = Node { kind: Kind::Unary(Unary::Not, Box::new(left)), span };
            }
        }
        if least == 0 && self.is("?") {
            let span = self.span();
            self.advance();
            if self.eat(":") {
                let right = self.expression(0)?;
                left = Node { kind: Kind::Unless(Box::new(left), Box::new(right)), span };
            } else {
                let then = self.expression(0)?;
                self.expect(":")?;
                let otherwise = self.expression(0)?;
                left = Node { kind: Kind::Conditional(Box::new(left), Box::new(then), Box::new(otherwise)), span };
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(left)
    }

    /// `a < b < c` means `a < b && b < c`.
    fn comparison(&mut self, left: Node, first: Binary, power: u8, span: Span) -> Result<Node, ParseError> {
        let mut rest = vec![(first, self.expression(power.saturating_add(1))?)];
        while let Some(next) = operator(self.peek()).filter(|next| ordering(*next)) {
            self.chained()?;
            self.advance();
            rest.push((next, self.expression(power.saturating_add(1))?));
        }
        let kind = match <[_; 1]>::try_from(rest) {
            Ok([(operator, right)]) => Kind::Binary(operator, Box::new(left), Box::new(right)),
            Err(rest) => Kind::Ordered(Box::new(left), rest),
        };
        Ok(Node { kind, span })
    }

    fn pipe(&mut self, left: Node) -> Result<Node, ParseError> {
        let span = self.span();
        let Token::Name(name) = self.peek().clone() else { return Err(self.wanted("a name")) };
        self.advance();
        if least_arguments(&name).is_some() && self.is("(") {
            return self.predicate_call(&name, vec![left], span);
        }
        let mut function = Node { kind: Kind::Name(name), span };
        while self.eat(".") {
            let field = self.field()?;
            function = Node { kind: Kind::Member { of: Box::new(function), property: Box::new(field), optional: false }, span };
        }
        self.expect("(")?;
        let mut arguments = vec![left];
        arguments.extend(self.arguments()?);
        Ok(Node { kind: Kind::Call(Box::new(function), arguments), span })
    }

    /// A call whose second argument is evaluated for each element of the first.
    fn predicate_call(&mut self, name: &str, mut arguments: Vec<Node>, span: Span) -> Result<Node, ParseError> {
        let (least, most) = least_arguments(name).unwrap_or((0, usize::MAX));
        let given = arguments.len();
        self.expect("(")?;
        for index in given..most {
            if self.is(")") {
                if index < least {
                    return Err(ParseError::new(format!("expected at least {} arguments", least.saturating_sub(given)), self.span()));
                }
                break;
            }
            if index > given {
                self.expect(",")?;
                if self.is(")") && index >= least {
                    break;
                }
            }
            arguments.push(if index == 1 { self.predicate()? } else { self.expression(0)? });
        }
        self.eat(",");
        self.expect(")")?;
        Ok(Node { kind: Kind::Call(Box::new(Node { kind: Kind::Name(name.to_owned()), span }), arguments), span })
    }

    fn predicate(&mut self) -> Result<Node, ParseError> {
        self.deeper()?;
        self.predicates = self.predicates.saturating_add(1);
        let node = if self.eat("{") {
            let body = self.sequence()?;
            self.expect("}")?;
            body
        } else {
            self.statement()?
        };
        self.predicates = self.predicates.saturating_sub(1);
        self.depth = self.depth.saturating_sub(1);
        Ok(node)
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        let (operator, power) = match self.peek() {
            Token::Symbol("!") => (Unary::Not, SIGN_POWER),
            Token::Name(word) if word == "not" => (Unary::Not, NOT_POWER),
            Token::Symbol("-") => (Unary::Minus, SIGN_POWER),
            Token::Symbol("+") => (Unary::Plus, SIGN_POWER),
            _ => return self.primary(),
        };
        self.advance();
        let operand = self.expression(power)?;
        Ok(Node { kind: Kind::Unary(operator, Box::new(operand)), span })
    }

    /// Brackets, or else [`Parser::operand`]: what recurses keeps small frames.
    fn primary(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        let node = if self.eat("(") {
            let inner = self.sequence()?;
            self.expect(")")?;
            inner
        } else if self.eat("[") {
            let list = self.list("]")?;
            Node { kind: Kind::List(list), span }
        } else if self.is("{") {
            self.map(span)?
        } else if self.is_word("if") {
            return self.conditional(span);
        } else {
            return self.operand();
        };
        self.postfix(node)
    }

    fn operand(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        let literal = |value: Value| Node { kind: Kind::Literal(value), span };
        let token = self.peek().clone();
        let node = match token {
            Token::Int(n) => return Ok(self.take(literal(Value::Int(n)))),
            Token::Float(n) => return Ok(self.take(literal(Value::Float(n)))),
            Token::String(s) => self.take(literal(Value::from(s))),
            Token::Pointer(_) | Token::Symbol(".") if self.predicates == 0 => return Err(self.wanted("a value")),
            Token::Pointer(name) => self.take(Node { kind: Kind::Pointer(name), span }),
            Token::Name(word) => match word.as_str() {
                "true" => return Ok(self.take(literal(Value::Bool(true)))),
                "false" => return Ok(self.take(literal(Value::Bool(false)))),
                "nil" => return Ok(self.take(literal(Value::Nil))),
                _ if binary_word(&word).is_some() || word == "let" => return Err(self.wanted("a value")),
                _ if least_arguments(&word).is_some() && matches!(self.peek_at(1), Token::Symbol("(")) => {
                    self.advance();
                    let call = self.predicate_call(&word, Vec::new(), span)?;
                    return self.postfix(call);
                }
                _ => self.take(Node { kind: Kind::Name(word), span }),
            },
            Token::Symbol(".") => {
                self.advance();
                let field = self.field()?;
                let element = Node { kind: Kind::Pointer(String::new()), span };
                Node { kind: Kind::Member { of: Box::new(element), property: Box::new(field), optional: false }, span }
            }
            Token::Symbol("::") => {
                self.advance();
                let Token::Name(name) = self.peek().clone() else { return Err(self.wanted("a name")) };
                self.take(Node { kind: Kind::Name(name), span })
            }
            _ => return Err(self.wanted("a value")),
        };
        self.postfix(node)
    }

    fn take(&mut self, node: Node) -> Node {
        self.advance();
        node
    }

    fn conditional(&mut self, span: Span) -> Result<Node, ParseError> {
        self.deeper()?;
        self.advance();
        let condition = self.expression(0)?;
        self.expect("{")?;
        let then = self.sequence()?;
        self.expect("}")?;
        if !self.is_word("else") {
            return Err(self.wanted("a value"));
        }
        self.advance();
        let otherwise = if self.is_word("if") {
            let span = self.span();
            self.conditional(span)?
        } else {
            self.expect("{")?;
            let node = self.sequence()?;
            self.expect("}")?;
            node
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(Node { kind: Kind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise)), span })
    }

    /// A field name after a dot; words that are operators elsewhere are names here.
    fn field(&mut self) -> Result<Node, ParseError> {
        let span = self.span();
        let Token::Name(name) = self.peek().clone() else { return Err(self.wanted("a name")) };
        self.advance();
        Ok(Node { kind: Kind::Literal(Value::from(name)), span })
    }

    fn list(&mut self, close: &str) -> Result<Vec<Node>, ParseError> {
        let mut list = Vec::new();
        while !self.eat(close) {
            if !list.is_empty() {
                self.expect(",")?;
                if self.eat(close) {
                    break;
                }
            }
            list.push(self.expression(0)?);
        }
        Ok(list)
    }

    fn map(&mut self, span: Span) -> Result<Node, ParseError> {
        self.advance();
        let mut pairs = Vec::new();
        while !self.eat("}") {
            if !pairs.is_empty() {
                self.expect(",")?;
                if self.eat("}") {
                    break;
                }
            }
            let at = self.span();
            let key = match self.peek().clone() {
                Token::Name(s) | Token::String(s) => self.take(Node { kind: Kind::Literal(Value::from(s)), span: at }),
                Token::Int(n) => self.take(Node { kind: Kind::Literal(Value::from(n.to_string())), span: at }),
                Token::Float(n) => self.take(Node { kind: Kind::Literal(Value::from(n.to_string())), span: at }),
                Token::Symbol("(") => self.expression(0)?,
                _ => {
                    let message = format!(
                        "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token {})",
                        describe(self.peek())
                    );
                    return Err(ParseError::new(message, at));
                }
            };
            self.expect(":")?;
            pairs.push((key, self.expression(0)?));
        }
        Ok(Node { kind: Kind::Map(pairs), span })
    }

    fn arguments(&mut self) -> Result<Vec<Node>, ParseError> {
        self.list(")")
    }

    fn postfix(&mut self, mut node: Node) -> Result<Node, ParseError> {
        let mut chained = false;
        // A name in brackets is not called: `(upper)(s)`.
        let mut may_call = matches!(self.tokens.get(self.at.wrapping_sub(1)), Some((Token::Name(_), _)));
        loop {
            let span = self.span();
            if self.is(".") || self.is("?.") || self.is("[") || self.is("(") {
                self.chained()?;
            }
            if self.is(".") || self.is("?.") {
                let optional = self.is("?.");
                chained |= optional;
                self.advance();
                if optional && self.eat("[") {
                    let property = self.expression(0)?;
                    self.expect("]")?;
                    node = Node { kind: Kind::Member { of: Box::new(node), property: Box::new(property), optional }, span };
                    continue;
                }
                let property = self.field()?;
                may_call = true;
                node = Node { kind: Kind::Member { of: Box::new(node), property: Box::new(property), optional }, span };
            } else if self.is("(") && may_call && callable(&node) {
                self.advance();
                let arguments = self.arguments()?;
                node = Node { kind: Kind::Call(Box::new(node), arguments), span };
            } else if self.eat("[") {
                node = self.index(node, span)?;
            } else {
                break;
            }
        }
        if chained {
            let span = node.span;
            node = Node { kind: Kind::Chain(Box::new(node)), span };
        }
        Ok(node)
    }

    fn index(&mut self, of: Node, span: Span) -> Result<Node, ParseError> {
        let from = if self.is(":") { None } else { Some(Box::new(self.expression(1)?)) };
        if self.eat(":") {
            let to = if self.is("]") { None } else { Some(Box::new(self.expression(0)?)) };
            self.expect("]")?;
            return Ok(Node { kind: Kind::Slice(Box::new(of), from, to), span });
        }
        let from = match from {
            Some(node) if self.is("?") || self.is("|") => {
                // The short form above leaves conditionals and pipes: read on with what stands already.
                self.finish(*node)?
            }
            Some(node) => *node,
            None => return Err(self.wanted("a value")),
        };
        self.expect("]")?;
        Ok(Node { kind: Kind::Member { of: Box::new(of), property: Box::new(from), optional: false }, span })
    }

    fn finish(&mut self, mut node: Node) -> Result<Node, ParseError> {
        while self.eat("|") {
            node = self.pipe(node)?;
        }
        if self.is("?") {
            let span = self.span();
            self.advance();
            let then = self.expression(0)?;
            self.expect(":")?;
            let otherwise = self.expression(0)?;
            node = Node { kind: Kind::Conditional(Box::new(node), Box::new(then), Box::new(otherwise)), span };
        }
        Ok(node)
    }
}
