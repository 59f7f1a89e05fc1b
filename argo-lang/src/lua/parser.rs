//! From tokens to the tree; local variables become places.

use std::sync::Arc;

use super::ast::{Body, Capture, Expr, Kind, Op, Place, Stat, Unary};
use super::lexer::{Placed, Token, tokens};
use crate::cursor::{self, Bounds, Cursor};
use crate::{ParseError, Span};

/// Deepest nesting.
const MOST_DEPTH: usize = 100;
/// Most operators of one expression, and calls and members of one chain.
const MOST_CHAIN: usize = 200;

/// Most local variables that are in scope at once, as in the reference.
const MOST_LOCALS: usize = 200;

type Read<T> = Result<T, ParseError>;

/// Reads a script; `located` says that errors at run time are to point into this text.
pub(super) fn parse(text: &[u8], located: bool) -> Read<Body> {
    let tokens = tokens(text)?;
    let last_line = tokens.last().map_or(1, |(t, _)| t.line);
    // How long chains may be counts for each expression.
    let tokens = Cursor::new(tokens, Span::new(text.len(), text.len()), Bounds { depth: MOST_DEPTH, links: usize::MAX });
    let mut parser = Parser { tokens, functions: vec![Function::default()], last_line, located };
    if let Some(main) = parser.functions.last_mut() {
        main.variadic = true;
    }
    let block = parser.block()?;
    if parser.peek().is_some() {
        return Err(parser.tokens.wanted("a statement or the end"));
    }
    let main = parser.functions.pop().unwrap_or_default();
    Ok(Body { parameters: Vec::new(), variadic: true, block, captured: main.captured, outer: Vec::new() })
}

#[derive(Default)]
struct Function {
    /// Names in scope with their places, innermost last.
    names: Vec<(Arc<[u8]>, usize)>,
    captured: Vec<bool>,
    outer: Vec<(Arc<[u8]>, Capture)>,
    variadic: bool,
    loops: usize,
}

struct Parser {
    tokens: Cursor<Placed>,
    functions: Vec<Function>,
    last_line: u32,
    located: bool,
}

/// An error in the words of the reference.
fn message(found: Option<&Placed>, kind: &str) -> String {
    let Some(Placed { token, line, column }) = found else { return format!("<string> at EOF:   {kind} error") };
    let shown = match token {
        Token::Name(s) | Token::String(s) => String::from_utf8_lossy(s).into_owned(),
        Token::Word(s) | Token::Symbol(s) => (*s).to_owned(),
        Token::Number(n) => n.to_string(),
    };
    format!("<string> line:{line}(column:{column}) near '{shown}':   {kind} error")
}

impl cursor::Token for Placed {
    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(s) if s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token, Token::Word(w) if w == word)
    }

    fn unexpected(found: Option<&Self>) -> String {
        message(found, "syntax")
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.peek().map(|t| &t.token)
    }

    fn line(&self) -> u32 {
        self.tokens.peek().map_or(self.last_line, |t| t.line)
    }

    fn fail<T>(&self, message: &str) -> Read<T> {
        Err(self.tokens.fail(message))
    }

    fn place(&self) -> Place {
        Place { line: self.line(), span: if self.located { self.tokens.span() } else { Span::default() } }
    }

    fn name(&mut self) -> Read<Arc<[u8]>> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.tokens.advance();
                Ok(name)
            }
            _ => Err(self.tokens.wanted("a name")),
        }
    }

    fn declare(&mut self, name: Arc<[u8]>) -> usize {
        let Some(function) = self.functions.last_mut() else { return 0 };
        let place = function.captured.len();
        function.captured.push(false);
        function.names.push((name, place));
        place
    }

    /// What a name means in the innermost function.
    fn resolve(&mut self, name: &Arc<[u8]>) -> Kind {
        let level = self.functions.len().saturating_sub(1);
        match self.find(level, name) {
            Some(Capture::Local(place)) => Kind::Local(place),
            Some(Capture::Outer(place)) => Kind::Outer(place),
            None => Kind::Global(name.clone()),
        }
    }

    fn find(&mut self, level: usize, name: &Arc<[u8]>) -> Option<Capture> {
        let function = self.functions.get(level)?;
        if let Some((_, place)) = function.names.iter().rev().find(|(n, _)| n == name) {
            return Some(Capture::Local(*place));
        }
        if let Some(place) = function.outer.iter().position(|(n, _)| n == name) {
            return Some(Capture::Outer(place));
        }
        let around = self.find(level.checked_sub(1)?, name)?;
        if let Capture::Local(place) = around
            && let Some(flag) = self.functions.get_mut(level - 1).and_then(|f| f.captured.get_mut(place))
        {
            *flag = true;
        }
        let function = self.functions.get_mut(level)?;
        function.outer.push((name.clone(), around));
        Some(Capture::Outer(function.outer.len() - 1))
    }

    /// Statements up to what closes them; the names that they declare go with them.
    fn block(&mut self) -> Read<Vec<Stat>> {
        self.tokens.enter()?;
        let known = self.functions.last().map_or(0, |f| f.names.len());
        let mut out = Vec::new();
        loop {
            match self.peek() {
                None | Some(Token::Word("end" | "else" | "elseif" | "until")) => break,
                Some(Token::Symbol(";")) => {
                    self.tokens.advance();
                    continue;
                }
                _ => {}
            }
            let last = self.tokens.is_word("return");
            out.push(self.statement()?);
            if last {
                self.tokens.eat(";");
                if !matches!(self.peek(), None | Some(Token::Word("end" | "else" | "elseif" | "until"))) {
                    return Err(self.tokens.wanted("'end': nothing follows a return"));
                }
            }
        }
        // `until` still sees the names of its block: the caller forgets them.
        if !self.tokens.is_word("until") {
            self.forget(known);
        }
        self.tokens.leave();
        Ok(out)
    }

    fn forget(&mut self, known: usize) {
        if let Some(function) = self.functions.last_mut() {
            function.names.truncate(known);
        }
    }

    fn known(&self) -> usize {
        self.functions.last().map_or(0, |f| f.names.len())
    }

    fn in_loop<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if let Some(function) = self.functions.last_mut() {
            function.loops += 1;
        }
        let out = read(self)?;
        if let Some(function) = self.functions.last_mut() {
            function.loops -= 1;
        }
        Ok(out)
    }

    fn statement(&mut self) -> Read<Stat> {
        if self.known() > MOST_LOCALS {
            return self.fail("too many local variables");
        }
        let Some(Token::Word(word)) = self.peek().cloned() else {
            if self.tokens.eat("::") {
                let name = self.name()?;
                self.tokens.expect("::")?;
                return Ok(Stat::Label(name));
            }
            return self.expression_statement();
        };
        self.tokens.advance();
        match word {
            "if" => self.conditional(),
            "while" => {
                let condition = self.condition("do")?;
                let block = self.in_loop(Self::block)?;
                self.tokens.expect_word("end")?;
                Ok(Stat::While(condition, block))
            }
            "do" => {
                let block = self.block()?;
                self.tokens.expect_word("end")?;
                Ok(Stat::Do(block))
            }
            "for" => self.for_loop(),
            "repeat" => {
                let known = self.known();
                let block = self.in_loop(Self::block)?;
                self.tokens.expect_word("until")?;
                let condition = self.expression(0)?;
                self.forget(known);
                Ok(Stat::Repeat(block, condition))
            }
            "function" => {
                let place = self.place();
                let name = self.name()?;
                let mut target = Expr { kind: self.resolve(&name), place };
                let mut method = false;
                while !method && (self.tokens.is(".") || self.tokens.is(":")) {
                    method = self.tokens.is(":");
                    self.tokens.advance();
                    let key = Expr { kind: Kind::String(self.name()?), place };
                    target = Expr { kind: Kind::Index(Box::new(target), Box::new(key)), place };
                }
                let body = self.function(method)?;
                Ok(Stat::Function(target, body))
            }
            "local" => {
                if self.tokens.eat_word("function") {
                    let name = self.name()?;
                    let place = self.declare(name);
                    let body = self.function(false)?;
                    return Ok(Stat::LocalFunction(place, body));
                }
                let mut names = vec![self.name()?];
                while self.tokens.eat(",") {
                    names.push(self.name()?);
                }
                let values = if self.tokens.eat("=") { self.expressions()? } else { Vec::new() };
                let places = names.into_iter().map(|n| self.declare(n)).collect();
                Ok(Stat::Local(places, values))
            }
            "return" => {
                let ends = matches!(self.peek(), None | Some(Token::Word("end" | "else" | "elseif" | "until") | Token::Symbol(";")));
                Ok(Stat::Return(if ends { Vec::new() } else { self.expressions()? }))
            }
            "break" => {
                if self.functions.last().is_none_or(|f| f.loops == 0) {
                    return Err(self.tokens.fail("<string>: no loop to break").expecting("a loop around"));
                }
                Ok(Stat::Break)
            }
            "goto" => Ok(Stat::Goto(self.name()?)),
            _ => {
                self.tokens.back();
                Err(self.tokens.wanted("a statement"))
            }
        }
    }

    fn condition(&mut self, then: &str) -> Read<Expr> {
        let condition = self.expression(0)?;
        if self.tokens.is("=") {
            return Err(self.tokens.wanted("'==' to compare"));
        }
        self.tokens.expect_word(then)?;
        Ok(condition)
    }

    fn conditional(&mut self) -> Read<Stat> {
        let mut arms = Vec::new();
        loop {
            let condition = self.condition("then")?;
            arms.push((condition, self.block()?));
            if self.tokens.eat_word("elseif") {
                continue;
            }
            let otherwise = if self.tokens.eat_word("else") { Some(self.block()?) } else { None };
            self.tokens.expect_word("end")?;
            return Ok(Stat::If(arms, otherwise));
        }
    }

    fn for_loop(&mut self) -> Read<Stat> {
        let first = self.name()?;
        let known = self.known();
        if self.tokens.eat("=") {
            let start = self.expression(0)?;
            self.tokens.expect(",")?;
            let stop = self.expression(0)?;
            let step = if self.tokens.eat(",") { Some(self.expression(0)?) } else { None };
            self.tokens.expect_word("do")?;
            let place = self.declare(first);
            let block = self.in_loop(Self::block)?;
            self.tokens.expect_word("end")?;
            self.forget(known);
            return Ok(Stat::For(place, Box::new((start, stop, step)), block));
        }
        let mut names = vec![first];
        while self.tokens.eat(",") {
            names.push(self.name()?);
        }
        self.tokens.expect_word("in")?;
        let values = self.expressions()?;
        self.tokens.expect_word("do")?;
        let places = names.into_iter().map(|n| self.declare(n)).collect();
        let block = self.in_loop(Self::block)?;
        self.tokens.expect_word("end")?;
        self.forget(known);
        Ok(Stat::ForIn(places, values, block))
    }

    /// Parameters and body of a function, after its name.
    fn function(&mut self, method: bool) -> Read<Arc<Body>> {
        self.tokens.enter()?;
        self.functions.push(Function::default());
        let mut parameters = Vec::new();
        if method {
            parameters.push(self.declare(b"self".as_slice().into()));
        }
        self.tokens.expect("(")?;
        let (mut variadic, mut first) = (false, true);
        while !self.tokens.eat(")") {
            if !first {
                self.tokens.expect(",")?;
            }
            first = false;
            if variadic {
                return Err(self.tokens.wanted("')': nothing follows ..."));
            }
            if self.tokens.eat("...") {
                variadic = true;
            } else {
                let name = self.name()?;
                parameters.push(self.declare(name));
            }
        }
        if let Some(function) = self.functions.last_mut() {
            function.variadic = variadic;
        }
        let block = self.block()?;
        self.tokens.expect_word("end")?;
        self.tokens.leave();
        let function = self.functions.pop().unwrap_or_default();
        let outer = function.outer.into_iter().map(|(_, c)| c).collect();
        Ok(Arc::new(Body { parameters, variadic, block, captured: function.captured, outer }))
    }

    fn expression_statement(&mut self) -> Read<Stat> {
        let first = self.suffixed()?;
        if self.tokens.is("=") || self.tokens.is(",") {
            let mut targets = vec![first];
            while self.tokens.eat(",") {
                targets.push(self.suffixed()?);
            }
            if targets.iter().any(|t| !matches!(t.kind, Kind::Local(_) | Kind::Outer(_) | Kind::Global(_) | Kind::Index(..))) {
                return Err(self.tokens.wanted("a variable or a member: nothing else can be assigned to"));
            }
            self.tokens.expect("=")?;
            return Ok(Stat::Assign(targets, self.expressions()?));
        }
        if matches!(first.kind, Kind::Call(..) | Kind::Method(..)) {
            Ok(Stat::Expr(first))
        } else {
            let message = message(self.tokens.peek(), "parse");
            Err(self.tokens.fail(message).expecting("'=' or a call: a value alone is no statement"))
        }
    }

    fn expressions(&mut self) -> Read<Vec<Expr>> {
        let mut out = vec![self.expression(0)?];
        while self.tokens.eat(",") {
            out.push(self.expression(0)?);
        }
        Ok(out)
    }

    fn expression(&mut self, least: u8) -> Read<Expr> {
        self.tokens.enter()?;
        let place = self.place();
        let unary = match self.peek() {
            Some(Token::Word("not")) => Some(Unary::Not),
            Some(Token::Symbol("-")) => Some(Unary::Minus),
            Some(Token::Symbol("#")) => Some(Unary::Length),
            _ => None,
        };
        let mut left = match unary {
            Some(operator) => {
                self.tokens.advance();
                let operand = self.expression(8)?;
                Expr { kind: Kind::Unary(operator, Box::new(operand)), place }
            }
            None => self.simple()?,
        };
        let mut count = 0_usize;
        loop {
            let (op, power, right) = match self.peek() {
                Some(Token::Word("or")) => (Op::Or, 1, 2),
                Some(Token::Word("and")) => (Op::And, 2, 3),
                Some(Token::Symbol(s)) => match *s {
                    "<" => (Op::Less, 3, 4),
                    ">" => (Op::Greater, 3, 4),
                    "<=" => (Op::LessEqual, 3, 4),
                    ">=" => (Op::GreaterEqual, 3, 4),
                    "~=" => (Op::NotEqual, 3, 4),
                    "==" => (Op::Equal, 3, 4),
                    ".." => (Op::Concat, 5, 5),
                    "+" => (Op::Add, 6, 7),
                    "-" => (Op::Subtract, 6, 7),
                    "*" => (Op::Multiply, 7, 8),
                    "/" => (Op::Divide, 7, 8),
                    "%" => (Op::Modulo, 7, 8),
                    "^" => (Op::Power, 10, 9),
                    _ => break,
                },
                _ => break,
            };
            if power < least.max(1) {
                break;
            }
            count += 1;
            if count > MOST_CHAIN {
                return self.fail("the expression has too many operators");
            }
            let place = self.place();
            self.tokens.advance();
            let rhs = self.expression(right)?;
            left = Expr { kind: Kind::Binary(op, Box::new(left), Box::new(rhs)), place };
        }
        self.tokens.leave();
        Ok(left)
    }

    fn simple(&mut self) -> Read<Expr> {
        let place = self.place();
        let kind = match self.peek() {
            Some(Token::Number(n)) => Kind::Number(*n),
            Some(Token::String(s)) => Kind::String(s.clone()),
            Some(Token::Word("nil")) => Kind::Nil,
            Some(Token::Word("true")) => Kind::True,
            Some(Token::Word("false")) => Kind::False,
            Some(Token::Symbol("...")) => {
                if self.functions.last().is_none_or(|f| !f.variadic) {
                    let error = self.tokens.fail("<string>: cannot use '...' outside a vararg function");
                    return Err(error.expecting("a function with ... among its parameters"));
                }
                Kind::Variadic
            }
            Some(Token::Symbol("{")) => return self.table(),
            Some(Token::Word("function")) => {
                self.tokens.advance();
                let body = self.function(false)?;
                return Ok(Expr { kind: Kind::Function(body), place });
            }
            _ => return self.suffixed(),
        };
        self.tokens.advance();
        Ok(Expr { kind, place })
    }

    fn table(&mut self) -> Read<Expr> {
        self.tokens.enter()?;
        let place = self.place();
        self.tokens.expect("{")?;
        let mut entries = Vec::new();
        while !self.tokens.eat("}") {
            let keyed =
                matches!(self.peek(), Some(Token::Name(_))) && self.tokens.peek_at(1).is_some_and(|t| cursor::Token::is_symbol(t, "="));
            if keyed {
                let key = Expr { kind: Kind::String(self.name()?), place: self.place() };
                self.tokens.expect("=")?;
                entries.push((Some(key), self.expression(0)?));
            } else if self.tokens.eat("[") {
                let key = self.expression(0)?;
                self.tokens.expect("]")?;
                self.tokens.expect("=")?;
                entries.push((Some(key), self.expression(0)?));
            } else {
                entries.push((None, self.expression(0)?));
            }
            if !self.tokens.eat(",") && !self.tokens.eat(";") {
                self.tokens.expect("}")?;
                break;
            }
        }
        self.tokens.leave();
        Ok(Expr { kind: Kind::Table(entries), place })
    }

    fn suffixed(&mut self) -> Read<Expr> {
        let place = self.place();
        let mut expr = match self.peek().cloned() {
            Some(Token::Name(name)) => {
                self.tokens.advance();
                Expr { kind: self.resolve(&name), place }
            }
            Some(Token::Symbol("(")) => {
                self.tokens.advance();
                let inner = self.expression(0)?;
                self.tokens.expect(")")?;
                Expr { kind: Kind::One(Box::new(inner)), place }
            }
            _ => return Err(self.tokens.wanted("an expression")),
        };
        let mut count = 0_usize;
        loop {
            count += 1;
            if count > MOST_CHAIN {
                return self.fail("the expression has too many members");
            }
            let place = self.place();
            match self.peek() {
                Some(Token::Symbol(".")) => {
                    self.tokens.advance();
                    let key = Expr { kind: Kind::String(self.name()?), place };
                    expr = Expr { kind: Kind::Index(Box::new(expr), Box::new(key)), place };
                }
                Some(Token::Symbol("[")) => {
                    self.tokens.advance();
                    let key = self.expression(0)?;
                    self.tokens.expect("]")?;
                    expr = Expr { kind: Kind::Index(Box::new(expr), Box::new(key)), place };
                }
                Some(Token::Symbol(":")) => {
                    self.tokens.advance();
                    let name = self.name()?;
                    let Some(arguments) = self.arguments()? else { return Err(self.tokens.wanted("arguments")) };
                    expr = Expr { kind: Kind::Method(Box::new(expr), name, arguments), place };
                }
                _ => match self.arguments()? {
                    Some(arguments) => expr = Expr { kind: Kind::Call(Box::new(expr), arguments), place },
                    None => return Ok(expr),
                },
            }
        }
    }

    fn arguments(&mut self) -> Read<Option<Vec<Expr>>> {
        let place = self.place();
        match self.peek().cloned() {
            Some(Token::Symbol("(")) => {
                self.tokens.advance();
                if self.tokens.eat(")") {
                    return Ok(Some(Vec::new()));
                }
                let list = self.expressions()?;
                self.tokens.expect(")")?;
                Ok(Some(list))
            }
            Some(Token::String(s)) => {
                self.tokens.advance();
                Ok(Some(vec![Expr { kind: Kind::String(s), place }]))
            }
            Some(Token::Symbol("{")) => Ok(Some(vec![self.table()?])),
            _ => Ok(None),
        }
    }
}
