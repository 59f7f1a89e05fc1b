//! Success and failure conditions: label selectors whose keys are paths into the object.

use serde_json::Value;

use super::query::{path, text};

/// Why a condition is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConditionError {
    /// Something else was expected.
    #[error("condition {condition:?}: {expected} is expected {place}")]
    Expected {
        /// The condition.
        condition: String,
        /// What is expected.
        expected: &'static str,
        /// Before which word.
        place: String,
    },
    /// Only numbers can be less or greater.
    #[error("condition {condition:?}: {value:?} is not a whole number")]
    Number {
        /// The condition.
        condition: String,
        /// The value.
        value: String,
    },
}

/// Terms of which all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition(Vec<Requirement>);

/// One term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

fn words(condition: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = condition.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '=' | '!' if rest.get(1..2) == Some("=") => 2,
            ',' | '(' | ')' | '=' | '!' | '<' | '>' => 1,
            _ => rest.find(|c: char| c.is_whitespace() || ",()=!<>".contains(c)).unwrap_or(rest.len()),
        };
        let (word, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
        words.push(word);
        rest = tail.trim_start();
    }
    words
}

struct Reader<'a> {
    condition: &'a str,
    words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, expected: &'static str) -> ConditionError {
        let place = self.words.peek().map_or_else(|| "at its end".to_owned(), |word| format!("before {word:?}"));
        ConditionError::Expected { condition: self.condition.to_owned(), expected, place }
    }

    fn take(&mut self, word: &str) -> bool {
        self.words.next_if(|w| *w == word).is_some()
    }

    fn name(&mut self, expected: &'static str) -> Result<&'a str, ConditionError> {
        match self.words.next_if(|w| !w.starts_with([',', '(', ')', '=', '!', '<', '>'])) {
            Some(word) => Ok(word),
            None => Err(self.wrong(expected)),
        }
    }

    fn value(&mut self) -> String {
        // As label selectors have it: `key=` asks for the empty text.
        self.name("").map(str::to_owned).unwrap_or_default()
    }

    fn number(&mut self) -> Result<i64, ConditionError> {
        let value = self.name("a whole number")?;
        value.parse().map_err(|_| ConditionError::Number { condition: self.condition.to_owned(), value: value.to_owned() })
    }

    fn values(&mut self) -> Result<Vec<String>, ConditionError> {
        if !self.take("(") {
            return Err(self.wrong("'('"));
        }
        let mut values = vec![self.value()];
        while self.take(",") {
            values.push(self.value());
        }
        if self.take(")") { Ok(values) } else { Err(self.wrong("')'")) }
    }

    fn requirement(&mut self) -> Result<Requirement, ConditionError> {
        if self.take("!") {
            return Ok(Requirement { key: self.name("a path")?.to_owned(), test: Test::Absent });
        }
        let key = self.name("a path")?.to_owned();
        let test = match self.words.peek().copied() {
            None | Some(",") => Test::Exists,
            Some(operator) => {
                self.words.next();
                match operator {
                    "=" | "==" => Test::In(vec![self.value()]),
                    "!=" => Test::NotIn(vec![self.value()]),
                    "in" => Test::In(self.values()?),
                    "notin" => Test::NotIn(self.values()?),
                    ">" => Test::Greater(self.number()?),
                    "<" => Test::Less(self.number()?),
                    _ => {
                        let condition = self.condition.to_owned();
                        let expected = "one of = == != in notin < >";
                        return Err(ConditionError::Expected { condition, expected, place: format!("instead of {operator:?}") });
                    }
                }
            }
        };
        Ok(Requirement { key, test })
    }
}

impl Condition {
    /// Reads a condition; the empty text has no terms.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(condition: &str) -> Result<Self, ConditionError> {
        let words = words(condition);
        if words.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader { condition, words: words.into_iter().peekable() };
        let mut terms = vec![reader.requirement()?];
        while reader.take(",") {
            terms.push(reader.requirement()?);
        }
        if reader.words.peek().is_some() { Err(reader.wrong("','")) } else { Ok(Self(terms)) }
    }

    /// Whether it has no terms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all terms hold.
    #[must_use]
    pub fn all(&self, object: &Value) -> bool {
        self.0.iter().all(|term| term.holds(object))
    }

    /// The first term that holds.
    #[must_use]
    pub fn any(&self, object: &Value) -> Option<&Requirement> {
        self.0.iter().find(|term| term.holds(object))
    }
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let found = path(object, &self.key);
        let value = found.as_deref().map(text);
        let number = || value.as_ref().and_then(|v| v.parse::<i64>().ok());
        match &self.test {
            Test::Exists => found.is_some(),
            Test::Absent => found.is_none(),
            Test::In(values) => value.is_some_and(|v| values.contains(&v)),
            Test::NotIn(values) => value.is_none_or(|v| !values.contains(&v)),
            Test::Greater(least) => number().is_some_and(|n| n > *least),
            Test::Less(most) => number().is_some_and(|n| n < *most),
        }
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::Exists => f.write_str(key),
            Test::Absent => write!(f, "!{key}"),
            Test::In(values) if values.len() == 1 => write!(f, "{key} == {}", values.join(",")),
            Test::NotIn(values) if values.len() == 1 => write!(f, "{key} != {}", values.join(",")),
            Test::In(values) => write!(f, "{key} in ({})", values.join(",")),
            Test::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
            Test::Greater(n) => write!(f, "{key} > {n}"),
            Test::Less(n) => write!(f, "{key} < {n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(condition: &str) -> bool {
        let object = json!({"status": {"phase": "Succeeded", "n": 3, "conditions": [{"type": "Ready", "status": "True"}], "ok": true}});
        Condition::parse(condition).unwrap().all(&object)
    }

    #[test]
    fn terms() {
        for yes in [
            "status.phase == Succeeded",
            "status.phase=Succeeded,status.n>2",
            "status.phase in (Failed, Succeeded)",
            "status.phase notin (Failed,Error)",
            "status.none != x",
            "status.n < 4",
            "status.conditions.0.type == Ready, status.ok == true",
            "status.conditions.# == 1",
            "status.phase, !status.none",
            "",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in
            ["status.phase == Failed", "status.none == x", "status.none > 1", "status.n > 3", "!status.phase", "status.phase in (a,b)"]
        {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_is_no_condition() {
        for bad in ["a ==== b", "a in b", "a in (b", "== x", "a > x", "a b", "a,", "a = b c"] {
            let error = Condition::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("condition "), "{bad}: {error}");
        }
    }

    #[test]
    fn the_term_that_failed_is_named() {
        let condition = Condition::parse("status.phase in (Failed,Error), status.n > 1").unwrap();
        assert_eq!(condition.any(&json!({"status": {"n": 2}})).unwrap().to_string(), "status.n > 1");
    }
}
