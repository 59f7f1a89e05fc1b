//! Names: every function, variable and label must be there before a filter runs.

use super::ast::{Definition, Pattern, Piece, Query};
use super::{formats, functions, prelude};
use crate::nearest;
use crate::{ParseError, Span};

/// Deepest tree.
const MOST_DEPTH: usize = 400;

/// What is in scope, innermost last.
#[derive(Clone)]
enum Name {
    Variable(String),
    Function(String, usize),
    Label(String),
}

type Checked = Result<(), ParseError>;

pub(super) fn check(query: &Query) -> Checked {
    Scope { names: vec![Name::Variable("ENV".to_owned())], depth: 0 }.query(query)
}

#[cfg(test)]
pub(super) fn check_definition(definition: &Definition) -> Checked {
    Scope { names: Vec::new(), depth: 0 }.definition(definition)
}

struct Scope {
    names: Vec<Name>,
    depth: usize,
}

fn fail(message: String, span: Span) -> Checked {
    Err(ParseError::new(message, span).naming())
}

fn unknown(message: String, span: Span, expected: String) -> Checked {
    Err(ParseError::new(message, span).naming().expecting(expected))
}

impl Scope {
    fn within(&mut self, names: impl IntoIterator<Item = Name>, run: impl FnOnce(&mut Self) -> Checked) -> Checked {
        let known = self.names.len();
        self.names.extend(names);
        let result = run(self);
        self.names.truncate(known);
        result
    }

    fn definition(&mut self, definition: &Definition) -> Checked {
        let mut names = vec![Name::Function(definition.name.clone(), definition.parameters.len())];
        for parameter in &definition.parameters {
            if let Some(variable) = parameter.strip_prefix('$') {
                names.push(Name::Variable(variable.to_owned()));
                names.push(Name::Function(variable.to_owned(), 0));
            } else {
                names.push(Name::Function(parameter.clone(), 0));
            }
        }
        self.within(names, |s| s.query(&definition.body))
    }

    fn all<'a>(&mut self, queries: impl IntoIterator<Item = &'a Query>) -> Checked {
        queries.into_iter().try_for_each(|q| self.query(q))
    }

    fn query(&mut self, query: &Query) -> Checked {
        let query = if let Query::At(_, inner) = query { inner } else { query };
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return fail("the program is nested too deeply".to_owned(), Span::default());
        }
        self.parts(query)?;
        self.depth -= 1;
        Ok(())
    }

    fn parts(&mut self, query: &Query) -> Checked {
        match query {
            Query::At(_, inner) => self.query(inner),
            Query::Identity | Query::RecurseDefault | Query::Literal(_) | Query::Array(None) => Ok(()),
            Query::Format(name) => self.format(name),
            Query::Text(format, pieces) => {
                format.iter().try_for_each(|f| self.format(f))?;
                self.all(pieces.iter().filter_map(|p| if let Piece::Query(q) = p { Some(q) } else { None }))
            }
            Query::Array(Some(q)) | Query::Negate(q) | Query::Iterate(q) => self.query(q),
            Query::Object(entries) => entries.iter().try_for_each(|(k, v)| {
                self.query(k)?;
                self.all(v)
            }),
            Query::Pipe(list) | Query::Comma(list) => self.all(list),
            Query::Binary(_, a, b)
            | Query::And(a, b)
            | Query::Or(a, b)
            | Query::Alternative(a, b)
            | Query::Assign(_, a, b)
            | Query::Index(a, b) => {
                self.query(a)?;
                self.query(b)
            }
            Query::Slice(a, b, c) => {
                self.query(a)?;
                self.all(b.iter().chain(c).map(AsRef::as_ref))
            }
            Query::Try(a, b) => {
                self.query(a)?;
                self.all(b.iter().map(AsRef::as_ref))
            }
            Query::If(a, b, c) => {
                self.query(a)?;
                self.query(b)?;
                self.all(c.iter().map(AsRef::as_ref))
            }
            Query::Reduce(source, pattern, init, update) => {
                self.query(source)?;
                self.query(init)?;
                self.patterns(std::slice::from_ref(pattern), |s| s.query(update))
            }
            Query::Foreach(source, pattern, init, update, extract) => {
                self.query(source)?;
                self.query(init)?;
                self.patterns(std::slice::from_ref(pattern), |s| {
                    s.query(update)?;
                    s.all(extract.iter().map(AsRef::as_ref))
                })
            }
            Query::As(source, patterns, body) => {
                self.query(source)?;
                self.patterns(patterns, |s| s.query(body))
            }
            Query::Label(name, body) => self.within([Name::Label(name.clone())], |s| s.query(body)),
            Query::Break(name, span) => {
                if self.names.iter().any(|n| matches!(n, Name::Label(l) if l == name)) {
                    Ok(())
                } else {
                    let known = self.names.iter().filter_map(|n| if let Name::Label(l) = n { Some(l.as_str()) } else { None });
                    unknown(format!("label not defined: ${name}"), *span, nearest::known("label", name, known))
                }
            }
            Query::Variable(name, span) => {
                if self.names.iter().any(|n| matches!(n, Name::Variable(v) if v == name)) {
                    Ok(())
                } else {
                    let known = self.names.iter().filter_map(|n| if let Name::Variable(v) = n { Some(v.as_str()) } else { None });
                    unknown(format!("variable not defined: ${name}"), *span, nearest::known("variable", name, known))
                }
            }
            Query::Call(name, arguments, span) => {
                let count = arguments.len();
                let found = self.names.iter().any(|n| matches!(n, Name::Function(f, c) if f == name && *c == count))
                    || functions::known(name, count)
                    || prelude::find(name, count).is_some();
                if !found {
                    let message = if matches!(name.as_str(), "input" | "inputs") && count == 0 {
                        "input(s)/0 is not allowed".to_owned()
                    } else {
                        format!("function not defined: {name}/{count}")
                    };
                    return unknown(message, *span, self.functions_near(name, count));
                }
                self.all(arguments)
            }
            Query::Define(definition, body) => {
                self.definition(definition)?;
                self.within([Name::Function(definition.name.clone(), definition.parameters.len())], |s| s.query(body))
            }
        }
    }

    /// What could have been meant: the same function with other arguments, or another name.
    fn functions_near(&self, name: &str, count: usize) -> String {
        let own = self.names.iter().filter_map(|n| if let Name::Function(f, c) = n { Some((f.as_str(), *c)) } else { None });
        let mut all: Vec<(&str, usize)> = own.collect();
        for known in functions::all().chain(prelude::all()) {
            all.push(known);
        }
        match all.iter().find(|(known, other)| *known == name && *other != count) {
            Some((_, 0)) => format!("{name} without arguments"),
            Some((_, 1)) => format!("{name} with one argument"),
            Some((_, other)) => format!("{name} with {other} arguments"),
            None => nearest::known("function", name, all.iter().map(|(name, _)| *name)),
        }
    }

    fn format(&self, name: &str) -> Checked {
        if formats::known(name) {
            Ok(())
        } else {
            unknown(format!("format not defined: {name}"), Span::default(), nearest::known("format", name, formats::NAMES))
        }
    }

    fn patterns(&mut self, patterns: &[Pattern], run: impl FnOnce(&mut Self) -> Checked) -> Checked {
        let mut names = Vec::new();
        for pattern in patterns {
            self.pattern(pattern, &mut names)?;
        }
        self.within(names, run)
    }

    fn pattern(&mut self, pattern: &Pattern, names: &mut Vec<Name>) -> Checked {
        match pattern {
            Pattern::Variable(name) => names.push(Name::Variable(name.clone())),
            Pattern::Array(items) => items.iter().try_for_each(|p| self.pattern(p, names))?,
            Pattern::Object(items) => {
                for (key, variable, value) in items {
                    names.extend(variable.clone().map(Name::Variable));
                    // A key may use variables that stand before it.
                    let known = names.clone();
                    self.within(known, |s| s.query(key))?;
                    value.iter().try_for_each(|p| self.pattern(p, names))?;
                }
            }
        }
        Ok(())
    }
}
