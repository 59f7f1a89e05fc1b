//! The text form of label selectors.

use super::label::{LabelSelectorError as Error, Operator, Requirement, key_error};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Word,
    In,
    NotIn,
    Comma,
    Open,
    Close,
    Not,
    Compare(Operator),
    End,
}

const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

fn lex(text: &str) -> Vec<(Token, &str)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let is_special = |c: char| "=!(),><".contains(c);
        let Some(first) = rest.chars().next() else {
            tokens.push((Token::End, ""));
            return tokens;
        };
        let (token, length) = match first {
            '=' if rest.starts_with("==") => (Token::Compare(Operator::DoubleEquals), 2),
            '=' => (Token::Compare(Operator::Equals), 1),
            '!' if rest.starts_with("!=") => (Token::Compare(Operator::NotEquals), 2),
            '!' => (Token::Not, 1),
            '>' => (Token::Compare(Operator::GreaterThan), 1),
            '<' => (Token::Compare(Operator::LessThan), 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            _ => {
                let end = rest.find(|c| is_special(c) || " \t\r\n".contains(c)).unwrap_or(rest.len());
                let token = match rest.get(..end) {
                    Some("in") => Token::In,
                    Some("notin") => Token::NotIn,
                    _ => Token::Word,
                };
                (token, end)
            }
        };
        let (word, after) = rest.split_at(length);
        tokens.push((token, word));
        rest = after;
    }
}

struct Parser<'t> {
    tokens: std::vec::IntoIter<(Token, &'t str)>,
}

impl<'t> Parser<'t> {
    /// The next token, `in` and `notin` read as words: they are operators only where an operator is looked for.
    fn peek(&self) -> (Token, &'t str) {
        match self.tokens.as_slice().first() {
            Some((Token::In | Token::NotIn, word)) => (Token::Word, word),
            Some(token) => *token,
            None => (Token::End, ""),
        }
    }

    fn next(&mut self) -> (Token, &'t str) {
        let token = self.peek();
        self.tokens.next();
        token
    }

    fn next_operator(&mut self) -> Result<Operator, String> {
        match self.tokens.next() {
            Some((Token::In, _)) => Ok(Operator::In),
            Some((Token::NotIn, _)) => Ok(Operator::NotIn),
            Some((Token::Compare(operator), _)) => Ok(operator),
            other => Err(unexpected(other.map_or("", |(_, word)| word), OPERATORS)),
        }
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        let (mut token, mut word) = self.next();
        let negated = token == Token::Not;
        if negated {
            (token, word) = self.next();
        }
        if token != Token::Word {
            return Err(Error::Malformed(unexpected(word, "identifier")));
        }
        if let Some(message) = key_error(word, "<nil>") {
            return Err(Error::Malformed(message));
        }
        let key = word;
        let alone = matches!(self.peek().0, Token::End | Token::Comma);
        if negated || alone {
            let operator = if negated { Operator::DoesNotExist } else { Operator::Exists };
            return Requirement::new(key, operator, [""; 0]).map_err(Error::Refused);
        }
        let operator = self.next_operator().map_err(Error::Malformed)?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values(),
            _ => self.exact_value().map(|value| vec![value]),
        };
        Requirement::new(key, operator, values.map_err(Error::Malformed)?).map_err(Error::Refused)
    }

    fn exact_value(&mut self) -> Result<&'t str, String> {
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Ok("");
        }
        match self.next() {
            (Token::Word, word) => Ok(word),
            (_, word) => Err(unexpected(word, "identifier")),
        }
    }

    // The empty list, and nothing between two commas, stand for the empty value, as in Kubernetes.
    fn values(&mut self) -> Result<Vec<&'t str>, String> {
        let (token, word) = self.next();
        if token != Token::Open {
            return Err(format!("found '{word}' expected: '('"));
        }
        let mut values = std::collections::BTreeSet::new();
        if self.peek().0 == Token::Close {
            self.next();
            return Ok(vec![""]);
        }
        if !matches!(self.peek().0, Token::Word | Token::Comma) {
            return Err(unexpected(self.peek().1, "',', ')' or identifier"));
        }
        loop {
            match self.next() {
                (Token::Word, word) => {
                    values.insert(word);
                    match self.peek() {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => break,
                        (_, word) => return Err(unexpected(word, "',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.insert("");
                    }
                    match self.peek().0 {
                        Token::Close => {
                            values.insert("");
                            break;
                        }
                        Token::Comma => {
                            self.next();
                            values.insert("");
                        }
                        _ => {}
                    }
                }
                (_, word) => return Err(unexpected(word, "',', or identifier")),
            }
        }
        self.next();
        Ok(values.into_iter().collect())
    }
}

fn unexpected(found: &str, expected: &str) -> String {
    format!("found '{found}', expected: {expected}")
}

pub(super) fn label_selector(text: &str) -> Result<Vec<Requirement>, Error> {
    let mut parser = Parser { tokens: lex(text).into_iter() };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            (Token::Word | Token::Not, _) => requirements.push(parser.requirement()?),
            (Token::End, _) => return Ok(requirements),
            (_, word) => return Err(Error::Unexpected { found: word.to_owned(), expected: "!, identifier, or 'end of string'" }),
        }
        match parser.next() {
            (Token::End, _) => return Ok(requirements),
            (Token::Comma, _) => {
                if !matches!(parser.peek().0, Token::Word | Token::Not) {
                    return Err(Error::Unexpected { found: parser.peek().1.to_owned(), expected: "identifier after ','" });
                }
            }
            (_, word) => return Err(Error::Unexpected { found: word.to_owned(), expected: "',' or 'end of string'" }),
        }
    }
}
