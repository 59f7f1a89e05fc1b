//! Reading the little Go that upstream's assertions are written in: expressions, and the statements of loops over nodes.

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Name(String),
    Text(String),
    Number(f64),
    Field(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Expr>),
    /// Fields with their key, or elements without; whether it is a map, whose keys are expressions.
    Literal {
        map: bool,
        list: bool,
        entries: Vec<(Option<Expr>, Expr)>,
    },
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    /// What could not be read, or a function literal.
    Opaque(String),
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    Set(Vec<Expr>, Expr),
    Increment(Expr),
    Do(Expr),
    If(Expr, Vec<Statement>, Vec<Statement>),
    Each { key: String, value: String, over: Expr, body: Vec<Statement> },
    Nothing,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(f64),
    Sign(String),
}

const SIGNS: [&str; 12] = [":=", "==", "!=", "&&", "||", "<=", ">=", "++", "+=", "--", "...", "->"];

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = rest.trim_start();
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            out.push(Token::Name(word.to_owned()));
            rest = after;
        } else if c.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != 'e').unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            out.push(Token::Number(digits.parse().map_err(|_| format!("{digits} is no number"))?));
            rest = after;
        } else if c == '"' || c == '`' || c == '\'' {
            let (text, after) = quoted(rest, c)?;
            out.push(Token::Text(text));
            rest = after;
        } else {
            let sign = SIGNS.iter().find(|s| rest.starts_with(**s)).map_or_else(|| c.to_string(), |s| (*s).to_owned());
            rest = rest.get(sign.len()..).unwrap_or_default();
            out.push(Token::Sign(sign));
        }
    }
    Ok(out)
}

fn quoted(source: &str, quote: char) -> Result<(String, &str), String> {
    let mut end = None;
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            end = Some(at);
            break;
        }
    }
    let end = end.ok_or("a text without end")?;
    let inner = source.get(1..end).unwrap_or_default();
    let after = source.get(end.saturating_add(1)..).unwrap_or_default();
    if quote == '`' {
        return Ok((inner.to_owned(), after));
    }
    let text = serde_json::from_str(&format!("\"{}\"", inner.replace("\\'", "'"))).map_err(|e| format!("{inner}: {e}"))?;
    Ok((text, after))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    // In the head of `if` and `for` a brace opens the body, not a literal.
    head: bool,
}

/// Reads an expression.
pub(crate) fn expression(source: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, head: false };
    let expr = parser.binary(0)?;
    if parser.at < parser.tokens.len() { Err(format!("more than an expression: {source}")) } else { Ok(expr) }
}

/// Reads statements.
pub(crate) fn statements(source: &str) -> Result<Vec<Statement>, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, head: false };
    let list = parser.block()?;
    if parser.at < parser.tokens.len() { Err(format!("more than statements: {source}")) } else { Ok(list) }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at = self.at.saturating_add(1);
        token
    }

    fn sees(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(s)) if s == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let seen = self.sees(sign);
        if seen {
            self.at = self.at.saturating_add(1);
        }
        seen
    }

    fn needs(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("{sign} expected, found {:?}", self.peek())) }
    }

    fn word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(w)) if w == word)
    }

    // Statements up to a closing brace or the end.
    fn block(&mut self) -> Result<Vec<Statement>, String> {
        let mut list = Vec::new();
        while self.peek().is_some() && !self.sees("}") {
            if !self.takes(";") {
                list.push(self.statement()?);
            }
        }
        Ok(list)
    }

    fn braced(&mut self) -> Result<Vec<Statement>, String> {
        self.needs("{")?;
        let before = std::mem::replace(&mut self.head, false);
        let list = self.block()?;
        self.head = before;
        self.needs("}")?;
        Ok(list)
    }

    fn statement(&mut self) -> Result<Statement, String> {
        if self.word("nop") || self.word("break") || self.word("continue") {
            self.next();
            return Ok(Statement::Nothing);
        }
        if self.word("switch") {
            return Err("a switch".to_owned());
        }
        if self.word("if") {
            self.next();
            self.head = true;
            let condition = self.binary(0)?;
            self.head = false;
            let then = self.braced()?;
            let otherwise = if self.word("else") {
                self.next();
                if self.word("if") { vec![self.statement()?] } else { self.braced()? }
            } else {
                Vec::new()
            };
            return Ok(Statement::If(condition, then, otherwise));
        }
        if self.word("for") {
            return self.each();
        }
        let mut targets = vec![self.binary(0)?];
        while self.takes(",") {
            targets.push(self.binary(0)?);
        }
        if self.takes(":=") || self.takes("=") {
            return Ok(Statement::Set(targets, self.binary(0)?));
        }
        let only = targets.into_iter().next().ok_or("an empty statement")?;
        if self.takes("++") { Ok(Statement::Increment(only)) } else { Ok(Statement::Do(only)) }
    }

    fn each(&mut self) -> Result<Statement, String> {
        self.next();
        let mut names = Vec::new();
        while let Some(Token::Name(name)) = self.peek().cloned() {
            self.next();
            names.push(name);
            if !self.takes(",") {
                break;
            }
        }
        self.needs(":=")?;
        if !self.word("range") {
            return Err("a loop that is no range".to_owned());
        }
        self.next();
        self.head = true;
        let over = self.binary(0)?;
        self.head = false;
        let body = self.braced()?;
        let mut names = names.into_iter();
        let key = names.next().unwrap_or_default();
        Ok(Statement::Each { key, value: names.next().unwrap_or_default(), over, body })
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        const LEVELS: [&[&str]; 5] = [&["||"], &["&&"], &["==", "!=", "<", ">", "<=", ">="], &["+", "-"], &["*", "/"]];
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level.saturating_add(1))?;
        while let Some(sign) = signs.iter().find(|s| self.sees(s)) {
            self.next();
            let right = self.binary(level.saturating_add(1))?;
            left = Expr::Binary((*sign).to_owned(), Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.takes("!") {
            return Ok(Expr::Not(Box::new(self.unary()?)));
        }
        if self.takes("-") {
            return Ok(Expr::Minus(Box::new(self.unary()?)));
        }
        if self.takes("*") || self.takes("&") {
            return self.unary();
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.takes(".") {
                let Some(Token::Name(name)) = self.next() else { return Err("a field without name".to_owned()) };
                expr = Expr::Field(Box::new(expr), name);
            } else if self.takes("(") {
                expr = Expr::Call(Box::new(expr), self.list(")")?);
            } else if self.takes("[") {
                let before = std::mem::replace(&mut self.head, false);
                let index = self.binary(0)?;
                self.head = before;
                self.needs("]")?;
                expr = Expr::Index(Box::new(expr), Box::new(index));
            } else if !self.head && self.sees("{") && matches!(expr, Expr::Name(_) | Expr::Field(..)) {
                expr = self.literal(false, false)?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>, String> {
        let before = std::mem::replace(&mut self.head, false);
        let mut list = Vec::new();
        while !self.takes(end) {
            list.push(self.binary(0)?);
            self.takes("...");
            if !self.takes(",") {
                self.needs(end)?;
                break;
            }
        }
        self.head = before;
        Ok(list)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Name(name)) if name == "map" => {
                self.needs("[")?;
                self.unary()?;
                self.needs("]")?;
                self.type_name()?;
                if self.sees("{") { self.literal(true, false) } else { Ok(Expr::Opaque("a map type".to_owned())) }
            }
            Some(Token::Name(name)) if name == "func" => self.function(),
            Some(Token::Name(name)) => Ok(Expr::Name(name)),
            Some(Token::Sign(sign)) if sign == "(" => {
                let before = std::mem::replace(&mut self.head, false);
                let inner = self.binary(0)?;
                self.head = before;
                self.needs(")")?;
                Ok(inner)
            }
            Some(Token::Sign(sign)) if sign == "[" => {
                self.needs("]")?;
                self.type_name()?;
                if self.sees("{") { self.literal(false, true) } else { Ok(Expr::Name("[]".to_owned())) }
            }
            Some(Token::Sign(sign)) if sign == "{" => {
                self.at = self.at.saturating_sub(1);
                self.literal(false, false)
            }
            other => Err(format!("an expression expected, found {other:?}")),
        }
    }

    fn type_name(&mut self) -> Result<(), String> {
        self.takes("*");
        if self.takes("[") {
            self.needs("]")?;
            return self.type_name();
        }
        let Some(Token::Name(_)) = self.next() else { return Err("a type without name".to_owned()) };
        if self.takes(".") {
            self.next();
        }
        Ok(())
    }

    fn function(&mut self) -> Result<Expr, String> {
        while self.peek().is_some() && !self.sees("{") {
            self.next();
        }
        let from = self.at;
        let mut depth = 0_usize;
        loop {
            match self.next() {
                Some(Token::Sign(s)) if s == "{" => depth = depth.saturating_add(1),
                Some(Token::Sign(s)) if s == "}" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                Some(_) => {}
                None => return Err("a function without end".to_owned()),
            }
        }
        let words = self.tokens.get(from..self.at).unwrap_or_default().iter().filter_map(|t| match t {
            Token::Name(name) => Some(name.as_str()),
            _ => None,
        });
        Ok(Expr::Opaque(words.collect::<Vec<_>>().join(" ")))
    }

    fn literal(&mut self, map: bool, list: bool) -> Result<Expr, String> {
        self.needs("{")?;
        let before = std::mem::replace(&mut self.head, false);
        let mut entries = Vec::new();
        while !self.takes("}") {
            let first = self.binary(0)?;
            if self.takes(":") {
                entries.push((Some(first), self.binary(0)?));
            } else {
                entries.push((None, first));
            }
            if !self.takes(",") {
                self.needs("}")?;
                break;
            }
        }
        self.head = before;
        Ok(Expr::Literal { map, list, entries })
    }
}

#[cfg(test)]
mod tests {
    use super::{Expr, Statement, expression, statements};

    #[test]
    fn selectors_calls_and_literals() {
        assert!(matches!(expression("woc.wf.Status.Nodes.FindByDisplayName(\"a\").Phase").unwrap(), Expr::Field(..)));
        assert!(matches!(expression("[]string{\"a\", \"b\"}").unwrap(), Expr::Literal { list: true, .. }));
        assert!(matches!(expression("wfv1.Nodes{id(x): {Name: x}}").unwrap(), Expr::Literal { .. }));
    }

    #[test]
    fn loops_with_conditions() {
        let source = "for _, node := range woc.wf.Status.Nodes {if node.Phase == wfv1.NodePending && !x {found = true; nop}; count++}";
        let list = statements(source).unwrap();
        assert!(matches!(list.as_slice(), [Statement::Each { body, .. }] if body.len() == 2));
    }
}
