//! `depends`: which results of which tasks a DAG task waits for.

use std::collections::BTreeSet;
use std::fmt;

use crate::{ParseError, Span, nearest};

/// Results a task can be asked about, as manifests write them.
const RESULTS: [&str; 8] = ["Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"];
/// Deepest nesting of brackets.
const MOST_DEPTH: usize = 200;

/// One result of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskResult {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It ended in error.
    Errored,
    /// It was skipped by its `when`.
    Skipped,
    /// It was omitted by its own `depends`.
    Omitted,
    /// It runs on as a daemon.
    Daemoned,
    /// At least one task of the loop succeeded.
    AnySucceeded,
    /// All tasks of the loop failed.
    AllFailed,
}

impl TaskResult {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "Errored" => Self::Errored,
            "Skipped" => Self::Skipped,
            "Omitted" => Self::Omitted,
            "Daemoned" => Self::Daemoned,
            "AnySucceeded" => Self::AnySucceeded,
            "AllFailed" => Self::AllFailed,
            _ => return None,
        })
    }
}

/// A parsed `depends`.
#[derive(Clone, Debug, PartialEq)]
pub enum Logic {
    /// Nothing is waited for.
    True,
    /// A task by name alone: that it went well, by its own `continueOn`.
    Task(String),
    /// A result of a task.
    Result(String, TaskResult),
    /// Not.
    Not(Box<Logic>),
    /// All.
    All(Vec<Logic>),
    /// Any.
    Any(Vec<Logic>),
}

/// As a `depends` text that reads back as the same; `True` is the empty one.
impl fmt::Display for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn joined(f: &mut fmt::Formatter<'_>, list: &[Logic], by: &str) -> fmt::Result {
            for (i, logic) in list.iter().enumerate() {
                if i > 0 {
                    f.write_str(by)?;
                }
                match logic {
                    Logic::All(_) | Logic::Any(_) => write!(f, "({logic})")?,
                    other => write!(f, "{other}")?,
                }
            }
            Ok(())
        }
        match self {
            Self::True => Ok(()),
            Self::Task(name) => f.write_str(name),
            Self::Result(name, result) => write!(f, "{name}.{result:?}"),
            Self::Not(inner) => match inner.as_ref() {
                Self::All(_) | Self::Any(_) => write!(f, "!({inner})"),
                inner => write!(f, "!{inner}"),
            },
            Self::All(list) => joined(f, list, " && "),
            Self::Any(list) => joined(f, list, " || "),
        }
    }
}

impl Logic {
    /// Reads a `depends` text.
    ///
    /// ```
    /// use argo_lang::depends::Logic;
    /// let logic = Logic::parse("a.Succeeded && !(b.Failed || my-task)").unwrap();
    /// assert_eq!(logic.tasks().into_iter().collect::<Vec<_>>(), ["a", "b", "my-task"]);
    /// ```
    ///
    /// # Errors
    /// When the text is no such expression, or a result has another name than those that exist.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let logic = parser.any()?;
        parser.blanks();
        if parser.at < text.len() {
            return Err(parser.unexpected("'&&', '||' or the end"));
        }
        Ok(logic)
    }

    /// The `dependencies` list as the same logic: all of them.
    #[must_use]
    pub fn all_of(tasks: &[String]) -> Self {
        if tasks.is_empty() { Self::True } else { Self::All(tasks.iter().cloned().map(Self::Task).collect()) }
    }

    /// Names of the tasks it speaks of.
    #[must_use]
    pub fn tasks(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.collect(&mut names);
        names
    }

    fn collect<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Self::True => {}
            Self::Task(name) | Self::Result(name, _) => {
                names.insert(name);
            }
            Self::Not(inner) => inner.collect(names),
            Self::All(list) | Self::Any(list) => list.iter().for_each(|l| l.collect(names)),
        }
    }

    /// Tasks asked for a result of their loop (`AnySucceeded`, `AllFailed`).
    #[must_use]
    pub fn loops(&self) -> BTreeSet<&str> {
        match self {
            Self::Result(name, TaskResult::AnySucceeded | TaskResult::AllFailed) => BTreeSet::from([name.as_str()]),
            Self::True | Self::Task(_) | Self::Result(..) => BTreeSet::new(),
            Self::Not(inner) => inner.loops(),
            Self::All(list) | Self::Any(list) => list.iter().flat_map(Self::loops).collect(),
        }
    }

    /// Whether it holds: `task` answers for a name alone, `result` for a name with a result.
    pub fn holds(&self, task: &dyn Fn(&str) -> bool, result: &dyn Fn(&str, TaskResult) -> bool) -> bool {
        match self {
            Self::True => true,
            Self::Task(name) => task(name),
            Self::Result(name, what) => result(name, *what),
            Self::Not(inner) => !inner.holds(task, result),
            Self::All(list) => list.iter().all(|l| l.holds(task, result)),
            Self::Any(list) => list.iter().any(|l| l.holds(task, result)),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> ParseError {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        ParseError::new(message, Span::new(self.at, self.at.saturating_add(length)))
    }

    /// That what stands here cannot, and what could.
    fn unexpected(&self, expected: &'static str) -> ParseError {
        let found = self.rest().chars().next().map_or("unexpected end".to_owned(), |c| format!("unexpected '{c}'"));
        self.error(found).expecting(expected)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        let skipped = rest.len().saturating_sub(rest.trim_start().len());
        self.at = self.at.saturating_add(skipped);
    }

    fn eat(&mut self, symbol: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at = self.at.saturating_add(symbol.len());
        }
        found
    }

    fn any(&mut self) -> Result<Logic, ParseError> {
        let mut list = vec![self.all()?];
        while self.eat("||") {
            list.push(self.all()?);
        }
        Ok(one_or(list, Logic::Any))
    }

    fn all(&mut self) -> Result<Logic, ParseError> {
        let mut list = vec![self.not()?];
        while self.eat("&&") {
            list.push(self.not()?);
        }
        Ok(one_or(list, Logic::All))
    }

    fn not(&mut self) -> Result<Logic, ParseError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MOST_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let logic = if self.eat("!") {
            Logic::Not(Box::new(self.not()?))
        } else if self.eat("(") {
            let inner = self.any()?;
            if !self.eat(")") {
                self.blanks();
                return Err(self.unexpected("')', '&&' or '||'"));
            }
            inner
        } else {
            self.name()?
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(logic)
    }

    fn name(&mut self) -> Result<Logic, ParseError> {
        self.blanks();
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default().to_owned();
        if word.is_empty() {
            return Err(self.unexpected("the name of a task"));
        }
        self.at = self.at.saturating_add(length);
        match word.rsplit_once('.') {
            None => Ok(Logic::Task(word)),
            Some((name, result)) => match TaskResult::parse(result) {
                Some(result) => Ok(Logic::Result(name.to_owned(), result)),
                None => {
                    let message = format!("task result '{result}' for task '{name}' is invalid: it is one of {}", RESULTS.join(", "));
                    Err(ParseError::new(message, Span::new(start, self.at)).expecting(nearest::known("result", result, RESULTS)))
                }
            },
        }
    }
}

fn one_or(mut list: Vec<Logic>, many: fn(Vec<Logic>) -> Logic) -> Logic {
    if list.len() == 1 { list.pop().unwrap_or(Logic::True) } else { many(list) }
}

#[cfg(test)]
mod tests {
    use super::{Logic, TaskResult};

    #[test]
    fn and_binds_tighter_than_or() {
        let logic = Logic::parse("a || b.Failed && !c").unwrap();
        let holds = |good: &str| logic.holds(&|t| t == good, &|t, r| t == "b" && r == TaskResult::Failed);
        assert!(holds("a") && holds("x") && !holds("c"));
    }

    #[test]
    fn errors_point_at_the_place() {
        assert_eq!(Logic::parse("a && b.Done").unwrap_err().span.start, 5);
        for bad in ["", "a &&", "(a", "a b", "!"] {
            assert!(Logic::parse(bad).is_err(), "{bad}");
        }
        assert!(Logic::parse(&"(".repeat(100_000)).is_err());
    }
}
