//! From tokens to the tree: operators by binding power.

use super::ast::{self, Binary, Kind, Node, Pattern, Unary};
use super::lexer::{Token, tokens};
use crate::cursor::{self, Bounds, Cursor};
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
    let bounds = Bounds { depth: MOST_DEPTH, links: MOST_OPERATORS };
    let mut parser = Parser { tokens: Cursor::new(tokens(text)?, Span::new(text.len(), text.len()), bounds), predicates: 0 };
    let node = parser.sequence()?;
    match parser.peek() {
        Token::End if ast::too_high(&node, MOST_HEIGHT) => Err(ParseError::new("nested too deeply", Span::new(0, text.len()))),
        Token::End => Ok(node),
        Token::Symbol("=") => Err(parser.tokens.wanted("'==' to compare")),
        Token::Symbol("&") => Err(parser.tokens.wanted("'&&'")),
        _ => Err(parser.tokens.wanted("an operator or the end")),
    }
}

struct Parser {
    tokens: Cursor<Token>,
    /// How many predicates are around: `#` stands only in them.
    predicates: usize,
}

impl cursor::Token for Token {
    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(s) if *s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Name(s) if s == word)
    }

    fn unexpected(found: Option<&Self>) -> String {
        format!("unexpected token {}", describe(found.unwrap_or(&Self::End)))
    }
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
        self.tokens.peek().unwrap_or(&Token::End)
    }

    fn sequence(&mut self) -> Result<Node, ParseError> {
        let start = self.tokens.span();
        let first = self.statement()?;
        if self.tokens.is(";") { self.rest_of_sequence(first, start) } else { Ok(first) }
    }

    fn rest_of_sequence(&mut self, first: Node, start: Span) -> Result<Node, ParseError> {
        let mut list = vec![first];
        while self.tokens.eat(";") {
            if matches!(self.peek(), Token::End) || self.tokens.is(")") || self.tokens.is("}") {
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
        if self.tokens.is_word("let") { self.binding() } else { self.expression(0) }
    }

    fn binding(&mut self) -> Result<Node, ParseError> {
        self.tokens.enter()?;
        let span = self.tokens.span();
        self.tokens.advance();
        let Token::Name(name) = self.peek().clone() else { return Err(self.tokens.wanted("a name")) };
        self.tokens.advance();
        self.tokens.expect("=")?;
        let value = self.expression(0)?;
        self.tokens.expect(";")?;
        let body = self.sequence()?;
        self.tokens.leave();
        Ok(Node { kind: Kind::Let(name, Box::new(value), Box::new(body)), span })
    }

    fn expression(&mut self, least: u8) -> Result<Node, ParseError> {
        if least == 0 && self.tokens.is_word("let") {
            return self.statement();
        }
        self.tokens.enter()?;
        let mut left = self.unary()?;
        let mut after_coalesce = false;
        loop {
            let span = self.tokens.span();
            let negated = self.tokens.is_word("not")
                && matches!(self.tokens.peek_at(1), Some(Token::Name(w)) if binary_word(w).is_some_and(|o| power(o) == 20));
            let token = self.tokens.peek_at(usize::from(negated)).unwrap_or(&Token::End);
            if matches!(token, Token::Symbol("|")) && least == 0 {
                self.tokens.advance();
                self.tokens.link()?;
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
                return Err(ParseError::new(message, span).expecting("brackets around one of them"));
            }
            self.tokens.link()?;
            after_coalesce = operator == Binary::Coalesce;
            self.tokens.advance();
            if negated {
                self.tokens.advance();
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
        if least == 0 && self.tokens.is("?") {
            let span = self.tokens.span();
            self.tokens.advance();
            if self.tokens.eat(":") {
                let right = self.expression(0)?;
                left = Node { kind: Kind::Unless(Box::new(left), Box::new(right)), span };
            } else {
                let then = self.expression(0)?;
                self.tokens.expect(":")?;
                let otherwise = self.expression(0)?;
                left = Node { kind: Kind::Conditional(Box::new(left), Box::new(then), Box::new(otherwise)), span };
            }
        }
        self.tokens.leave();
        Ok(left)
    }

    /// `a < b < c` means `a < b && b < c`.
    fn comparison(&mut self, left: Node, first: Binary, power: u8, span: Span) -> Result<Node, ParseError> {
        let mut rest = vec![(first, self.expression(power.saturating_add(1))?)];
        while let Some(next) = operator(self.peek()).filter(|next| ordering(*next)) {
            self.tokens.link()?;
            self.tokens.advance();
            rest.push((next, self.expression(power.saturating_add(1))?));
        }
        let kind = match <[_; 1]>::try_from(rest) {
            Ok([(operator, right)]) => Kind::Binary(operator, Box::new(left), Box::new(right)),
            Err(rest) => Kind::Ordered(Box::new(left), rest),
        };
        Ok(Node { kind, span })
    }

    fn pipe(&mut self, left: Node) -> Result<Node, ParseError> {
        let span = self.tokens.span();
        let Token::Name(name) = self.peek().clone() else { return Err(self.tokens.wanted("a name")) };
        self.tokens.advance();
        if least_arguments(&name).is_some() && self.tokens.is("(") {
            return self.predicate_call(&name, vec![left], span);
        }
        let mut function = Node { kind: Kind::Name(name), span };
        while self.tokens.eat(".") {
            let field = self.field()?;
            function = Node { kind: Kind::Member { of: Box::new(function), property: Box::new(field), optional: false }, span };
        }
        self.tokens.expect("(")?;
        let mut arguments = vec![left];
        arguments.extend(self.arguments()?);
        Ok(Node { kind: Kind::Call(Box::new(function), arguments), span })
    }

    /// A call whose second argument is evaluated for each element of the first.
    fn predicate_call(&mut self, name: &str, mut arguments: Vec<Node>, span: Span) -> Result<Node, ParseError> {
        let (least, most) = least_arguments(name).unwrap_or((0, usize::MAX));
        let given = arguments.len();
        self.tokens.expect("(")?;
        for index in given..most {
            if self.tokens.is(")") {
                if index < least {
                    let wanted = if index == 1 { "a predicate, such as # > 1" } else { "a value" };
                    let message = format!("expected at least {} arguments", least.saturating_sub(given));
                    return Err(self.tokens.fail(message).expecting(wanted));
                }
                break;
            }
            if index > given {
                self.tokens.expect(",")?;
                if self.tokens.is(")") && index >= least {
                    break;
                }
            }
            arguments.push(if index == 1 { self.predicate()? } else { self.expression(0)? });
        }
        self.tokens.eat(",");
        self.tokens.expect(")")?;
        Ok(Node { kind: Kind::Call(Box::new(Node { kind: Kind::Name(name.to_owned()), span }), arguments), span })
    }

    fn predicate(&mut self) -> Result<Node, ParseError> {
        self.tokens.enter()?;
        self.predicates = self.predicates.saturating_add(1);
        let node = if self.tokens.eat("{") {
            let body = self.sequence()?;
            self.tokens.expect("}")?;
            body
        } else {
            self.statement()?
        };
        self.predicates = self.predicates.saturating_sub(1);
        self.tokens.leave();
        Ok(node)
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        let span = self.tokens.span();
        let (operator, power) = match self.peek() {
            Token::Symbol("!") => (Unary::Not, SIGN_POWER),
            Token::Name(word) if word == "not" => (Unary::Not, NOT_POWER),
            Token::Symbol("-") => (Unary::Minus, SIGN_POWER),
            Token::Symbol("+") => (Unary::Plus, SIGN_POWER),
            _ => return self.primary(),
        };
        self.tokens.advance();
        let operand = self.expression(power)?;
        Ok(Node { kind: Kind::Unary(operator, Box::new(operand)), span })
    }

    /// Brackets, or else [`Parser::operand`]: what recurses keeps small frames.
    fn primary(&mut self) -> Result<Node, ParseError> {
        let span = self.tokens.span();
        let node = if self.tokens.eat("(") {
            let inner = self.sequence()?;
            self.tokens.expect(")")?;
            inner
        } else if self.tokens.eat("[") {
            let list = self.list("]")?;
            Node { kind: Kind::List(list), span }
        } else if self.tokens.is("{") {
            self.map(span)?
        } else if self.tokens.is_word("if") {
            return self.conditional(span);
        } else {
            return self.operand();
        };
        self.postfix(node)
    }

    fn operand(&mut self) -> Result<Node, ParseError> {
        let span = self.tokens.span();
        let literal = |value: Value| Node { kind: Kind::Literal(value), span };
        let token = self.peek().clone();
        let node = match token {
            Token::Int(n) => return Ok(self.take(literal(Value::Int(n)))),
            Token::Float(n) => return Ok(self.take(literal(Value::Float(n)))),
            Token::String(s) => self.take(literal(Value::from(s))),
            Token::Pointer(_) | Token::Symbol(".") if self.predicates == 0 => {
                return Err(self.tokens.wanted("a value: elements are named only in predicates"));
            }
            Token::Pointer(name) => self.take(Node { kind: Kind::Pointer(name), span }),
            Token::Name(word) => match word.as_str() {
                "true" => return Ok(self.take(literal(Value::Bool(true)))),
                "false" => return Ok(self.take(literal(Value::Bool(false)))),
                "nil" => return Ok(self.take(literal(Value::Nil))),
                _ if binary_word(&word).is_some() || word == "let" => return Err(self.tokens.wanted("a value")),
                _ if least_arguments(&word).is_some() && matches!(self.tokens.peek_at(1), Some(Token::Symbol("("))) => {
                    self.tokens.advance();
                    let call = self.predicate_call(&word, Vec::new(), span)?;
                    return self.postfix(call);
                }
                _ => self.take(Node { kind: Kind::Name(word), span }),
            },
            Token::Symbol(".") => {
                self.tokens.advance();
                let field = self.field()?;
                let element = Node { kind: Kind::Pointer(String::new()), span };
                Node { kind: Kind::Member { of: Box::new(element), property: Box::new(field), optional: false }, span }
            }
            Token::Symbol("::") => {
                self.tokens.advance();
                let Token::Name(name) = self.peek().clone() else { return Err(self.tokens.wanted("a name")) };
                self.take(Node { kind: Kind::Name(name), span })
            }
            _ => return Err(self.tokens.wanted("a value")),
        };
        self.postfix(node)
    }

    fn take(&mut self, node: Node) -> Node {
        self.tokens.advance();
        node
    }

    fn conditional(&mut self, span: Span) -> Result<Node, ParseError> {
        self.tokens.enter()?;
        self.tokens.advance();
        let condition = self.expression(0)?;
        self.tokens.expect("{")?;
        let then = self.sequence()?;
        self.tokens.expect("}")?;
        if !self.tokens.is_word("else") {
            return Err(self.tokens.wanted("'else'"));
        }
        self.tokens.advance();
        let otherwise = if self.tokens.is_word("if") {
            let span = self.tokens.span();
            self.conditional(span)?
        } else {
            self.tokens.expect("{")?;
            let node = self.sequence()?;
            self.tokens.expect("}")?;
            node
        };
        self.tokens.leave();
        Ok(Node { kind: Kind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise)), span })
    }

    /// A field name after a dot; words that are operators elsewhere are names here.
    fn field(&mut self) -> Result<Node, ParseError> {
        let span = self.tokens.span();
        let Token::Name(name) = self.peek().clone() else { return Err(self.tokens.wanted("a name")) };
        self.tokens.advance();
        Ok(Node { kind: Kind::Literal(Value::from(name)), span })
    }

    fn list(&mut self, close: &str) -> Result<Vec<Node>, ParseError> {
        let mut list = Vec::new();
        while self.tokens.another(list.is_empty(), close)? {
            list.push(self.expression(0)?);
        }
        Ok(list)
    }

    fn map(&mut self, span: Span) -> Result<Node, ParseError> {
        self.tokens.advance();
        let mut pairs = Vec::new();
        while self.tokens.another(pairs.is_empty(), "}")? {
            let at = self.tokens.span();
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
                    return Err(ParseError::new(message, at).expecting("a key or '}'"));
                }
            };
            self.tokens.expect(":")?;
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
        let mut may_call = matches!(self.tokens.before(), Some((Token::Name(_), _)));
        loop {
            let span = self.tokens.span();
            if self.tokens.is(".") || self.tokens.is("?.") || self.tokens.is("[") || self.tokens.is("(") {
                self.tokens.link()?;
            }
            if self.tokens.is(".") || self.tokens.is("?.") {
                let optional = self.tokens.is("?.");
                chained |= optional;
                self.tokens.advance();
                if optional && self.tokens.eat("[") {
                    let property = self.expression(0)?;
                    self.tokens.expect("]")?;
                    node = Node { kind: Kind::Member { of: Box::new(node), property: Box::new(property), optional }, span };
                    continue;
                }
                let property = self.field()?;
                may_call = true;
                node = Node { kind: Kind::Member { of: Box::new(node), property: Box::new(property), optional }, span };
            } else if self.tokens.is("(") && may_call && callable(&node) {
                self.tokens.advance();
                let arguments = self.arguments()?;
                node = Node { kind: Kind::Call(Box::new(node), arguments), span };
            } else if self.tokens.eat("[") {
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
        let from = if self.tokens.is(":") { None } else { Some(Box::new(self.expression(1)?)) };
        if self.tokens.eat(":") {
            let to = if self.tokens.is("]") { None } else { Some(Box::new(self.expression(0)?)) };
            self.tokens.expect("]")?;
            return Ok(Node { kind: Kind::Slice(Box::new(of), from, to), span });
        }
        let from = match from {
            Some(node) if self.tokens.is("?") || self.tokens.is("|") => {
                // The short form above leaves conditionals and pipes: read on with what stands already.
                self.finish(*node)?
            }
            Some(node) => *node,
            None => return Err(self.tokens.wanted("a value")),
        };
        self.tokens.expect("]")?;
        Ok(Node { kind: Kind::Member { of: Box::new(of), property: Box::new(from), optional: false }, span })
    }

    fn finish(&mut self, mut node: Node) -> Result<Node, ParseError> {
        while self.tokens.eat("|") {
            node = self.pipe(node)?;
        }
        if self.tokens.is("?") {
            let span = self.tokens.span();
            self.tokens.advance();
            let then = self.expression(0)?;
            self.tokens.expect(":")?;
            let otherwise = self.expression(0)?;
            node = Node { kind: Kind::Conditional(Box::new(node), Box::new(then), Box::new(otherwise)), span };
        }
        Ok(node)
    }
}
