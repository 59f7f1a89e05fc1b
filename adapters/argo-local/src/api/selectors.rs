//! Label and field selectors in the form of query parameters.

use serde_json::Value;

use super::failure::Failure;

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    Greater(String, i64),
    Less(String, i64),
}

/// A label selector; empty selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<Requirement>);

/// A field selector; empty selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, bool, String)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Sign(sign) => sign,
            Self::End => "",
        }
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self, Self::Sign(s) if *s == sign)
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let flush = |word: &mut String, out: &mut Vec<Token>| {
        if !word.is_empty() {
            out.push(Token::Word(std::mem::take(word)));
        }
    };
    while let Some(c) = chars.next() {
        let sign = match c {
            '(' => "(",
            ')' => ")",
            ',' => ",",
            '<' => "<",
            '>' => ">",
            '=' if chars.next_if_eq(&'=').is_some() => "==",
            '=' => "=",
            '!' if chars.next_if_eq(&'=').is_some() => "!=",
            '!' => "!",
            c if c.is_whitespace() => {
                flush(&mut word, &mut out);
                continue;
            }
            c => {
                word.push(c);
                continue;
            }
        };
        flush(&mut word, &mut out);
        out.push(Token::Sign(sign));
    }
    flush(&mut word, &mut out);
    out.push(Token::End);
    out
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Token {
        self.tokens.get(self.at).cloned().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at = self.at.saturating_add(1);
        token
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.next();
        if !open.is("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        let mut values = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => {
                    values.push(word);
                    let after = self.next();
                    if after.is(")") {
                        break;
                    }
                    if !after.is(",") {
                        return Err(format!("found '{}', expected: ',' or ')'", after.text()));
                    }
                    if self.peek().is(")") {
                        self.next();
                        values.push(String::new());
                        break;
                    }
                }
                token if token.is(",") => values.push(String::new()),
                token if token.is(")") => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    break;
                }
                other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
            }
        }
        values.sort();
        values.dedup();
        Ok(values)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let missing = self.peek().is("!");
        if missing {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        check_key(&key)?;
        if missing {
            return Ok(Requirement::Missing(key));
        }
        match self.peek() {
            Token::End => Ok(Requirement::Exists(key)),
            token if token.is(",") => Ok(Requirement::Exists(key)),
            Token::Word(word) if word == "in" || word == "notin" => {
                self.next();
                let values = self.values()?;
                check_values(&key, &values)?;
                Ok(if word == "in" { Requirement::In(key, values) } else { Requirement::NotIn(key, values) })
            }
            Token::Word(word) => Err(format!("found '{word}', expected: in, notin, =, ==, !=, gt, lt")),
            sign => {
                self.next();
                let value = match self.peek() {
                    Token::Word(word) => {
                        self.next();
                        word
                    }
                    Token::End => String::new(),
                    other if other.is(",") => String::new(),
                    other => return Err(format!("found '{}', expected: identifier", other.text())),
                };
                let number = || {
                    value
                        .parse::<i64>()
                        .map_err(|_| format!("values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"))
                };
                match sign.text() {
                    "=" | "==" => {
                        check_values(&key, std::slice::from_ref(&value))?;
                        Ok(Requirement::In(key, vec![value]))
                    }
                    "!=" => {
                        check_values(&key, std::slice::from_ref(&value))?;
                        Ok(Requirement::NotIn(key, vec![value]))
                    }
                    ">" => Ok(Requirement::Greater(key, number()?)),
                    "<" => Ok(Requirement::Less(key, number()?)),
                    other => Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
                }
            }
        }
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let problems = super::names::label_key(key);
    if problems.is_empty() { Ok(()) } else { Err(format!("key: Invalid value: {key:?}: {}", problems.join("; "))) }
}

fn check_values(key: &str, values: &[String]) -> Result<(), String> {
    for (index, value) in values.iter().enumerate() {
        let problems = super::names::label_value(value);
        if !problems.is_empty() {
            return Err(format!("values[{index}][{key}]: Invalid value: {value:?}: {}", problems.join("; ")));
        }
    }
    Ok(())
}

impl Labels {
    /// Reads the form of query parameters: `a=b,c in (d,e),!f`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let fail = |why: String| Failure::bad_request(format!("unable to parse requirement: {why}"));
        let mut parser = Parser { tokens: tokens(text), at: 0 };
        let mut all = Vec::new();
        if parser.peek() == Token::End {
            return Ok(Self::default());
        }
        if !matches!(parser.peek(), Token::Word(_)) && !parser.peek().is("!") {
            return Err(Failure::bad_request(format!("found '{}', expected: !, identifier, or 'end of string'", parser.peek().text())));
        }
        loop {
            all.push(parser.requirement().map_err(fail)?);
            match parser.next() {
                Token::End => break,
                token if token.is(",") => {
                    if parser.peek() == Token::End {
                        return Err(Failure::bad_request("found '', expected: identifier after ','"));
                    }
                }
                other => {
                    return Err(Failure::bad_request(format!("found '{}', expected: ',' or 'end of string'", other.text())));
                }
            }
        }
        Ok(Self(all))
    }

    /// A `LabelSelector` of an object; `None` selects nothing.
    pub(crate) fn of_selector(selector: Option<&Value>) -> Option<Self> {
        let selector = selector?.as_object()?;
        let mut all = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            all.push(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()]));
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let key = expression.get("key")?.as_str()?.to_owned();
            let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            all.push(match expression.get("operator")?.as_str()? {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                "DoesNotExist" => Requirement::Missing(key),
                _ => return None,
            });
        }
        Some(Self(all))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object's labels match.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let labels = object.get("metadata").and_then(|m| m.get("labels"));
        let value = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => value(key).is_some_and(|v| values.iter().any(|x| x == v)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|v| values.iter().all(|x| x != v)),
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Missing(key) => value(key).is_none(),
            Requirement::Greater(key, bound) => value(key).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v > *bound),
            Requirement::Less(key, bound) => value(key).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v < *bound),
        })
    }
}

impl Fields {
    /// Reads the form of query parameters: `metadata.name=a,status.phase!=Running`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for term in split_terms(text) {
            if term.is_empty() {
                continue;
            }
            let Some((at, sign)) = ["!=", "==", "="].iter().filter_map(|s| term.find(s).map(|at| (at, *s))).min_by_key(|(at, _)| *at)
            else {
                return Err(Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{term}'")));
            };
            let (field, value) = term.split_at(at);
            all.push((field.to_owned(), sign != "!=", unescape(value.get(sign.len()..).unwrap_or_default())));
        }
        Ok(Self(all))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields it names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(field, _, _)| field.as_str())
    }

    /// Whether an object's fields match; a field that is missing counts as empty.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, equal, wanted)| (field_text(object, field) == *wanted) == *equal)
    }
}

fn field_text(object: &Value, field: &str) -> String {
    let mut value = object;
    for part in field.split('.') {
        match value.get(part) {
            Some(inner) => value = inner,
            None => {
                return match field {
                    "spec.unschedulable" | "spec.hostNetwork" => "false".to_owned(),
                    "reason" | "involvedObject.name" => String::new(),
                    "status.successful" => "0".to_owned(),
                    _ => String::new(),
                };
            }
        }
    }
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn split_terms(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == ',' && !escaped {
            terms.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(term) = terms.last_mut() {
            term.push(c);
        }
    }
    terms
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut escaped = false;
    for c in text.chars() {
        if c == '\\' && !escaped {
            escaped = true;
            continue;
        }
        escaped = false;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_match_as_they_read() {
        let object = json!({"metadata": {"labels": {"a": "b", "n": "5"}}});
        let matches = |text: &str| Labels::parse(text).unwrap().matches(&object);
        assert!(matches("a=b"));
        assert!(matches("a in (b,c),!x"));
        assert!(matches("x!=1,n>4,n<6"));
        assert!(!matches("a notin (b)"));
        assert!(!matches("x"));
        assert!(Labels::parse("a in b").is_err());
        assert!(Labels::parse("a===b").is_err());
    }

    #[test]
    fn fields_match_as_they_read() {
        let object = json!({"metadata": {"name": "x"}, "status": {"phase": "Running"}});
        assert!(Fields::parse("metadata.name=x,status.phase!=Failed").unwrap().matches(&object));
        assert!(Fields::parse("spec.nodeName=").unwrap().matches(&object));
        assert!(Fields::parse("a").is_err());
    }
}
