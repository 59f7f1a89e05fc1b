//! Go's `text/template` with the functions of [`crate::sprig`]: ApplicationSets, notifications, Helm-like values.
//!
//! ```
//! use argo_lang::{Budget, Value, gotemplate::Program};
//!
//! let program = Program::parse("{{ range $i, $c := .clusters }}{{ if $i }}, {{ end }}{{ $c | upper }}{{ end }}").unwrap();
//! let data = Value::from(serde_json::json!({"clusters": ["east", "west"]}));
//! assert_eq!(program.run(&data, &|_: &str| None, &Budget::default()).unwrap(), "EAST, WEST");
//! ```
//!
//! All actions of Go 1.24: pipelines, variables, `if`, `with`, `range` (lists, maps, numbers), `define`, `block`, `template`, `break`, `continue`, trim marks.
//! Fields and methods of [`crate::Object`]s, times and durations work as those of Go values.
//!
//! Differences on purpose: whole numbers of all sizes are one type; complex numbers are refused; maps are values, so `set` changes what its first argument
//! names (a variable) and not other names of the same map; output, steps and depth are bounded; `now` and randomness come from the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Budget, Env, ParseError, RunError, Value};

mod builtins;
mod lexer;
mod parser;
mod print;
mod run;

/// What a field that a map lacks gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// `<no value>`; fields of it too.
    #[default]
    Default,
    /// Nothing of its kind: `<no value>`, and fields of it are an error (`missingkey=zero`).
    Zero,
    /// An error (`missingkey=error`).
    Error,
}

/// A parsed template; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    source: Arc<str>,
    templates: Arc<BTreeMap<String, Vec<Node>>>,
    missing: Missing,
}

/// The same trees and the same rule for missing keys; how they were written does not count.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.templates == other.templates && self.missing == other.missing
    }
}

/// In a normal form, which reads back as the same program: without comments and trim marks, named templates first.
///
/// ```
/// let text = "{{- with $x := .a }} {{ $x | printf `%d` }} {{- end }}{{define \"t\"}}-{{end}}";
/// let program = argo_lang::gotemplate::Program::parse(text).unwrap();
/// assert_eq!(program.to_string(), r#"{{define "t"}}-{{end}}{{with $x := .a}} {{$x | printf "%d"}}{{end}}"#);
/// ```
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.templates))
    }
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Action(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
    Template(String, Option<Pipe>, crate::Span),
    Break,
    Continue,
}

/// Places do not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Action(a), Self::Action(b)) => a == b,
            (Self::If(a, b, c), Self::If(d, e, f))
            | (Self::With(a, b, c), Self::With(d, e, f))
            | (Self::Range(a, b, c), Self::Range(d, e, f)) => a == d && b == e && c == f,
            (Self::Template(a, x, _), Self::Template(b, y, _)) => a == b && x == y,
            (Self::Break, Self::Break) | (Self::Continue, Self::Continue) => true,
            _ => false,
        }
    }
}

impl PartialEq for Arg {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Pipe {
    declared: Vec<String>,
    assigns: bool,
    commands: Vec<Vec<Arg>>,
}

#[derive(Clone, Debug)]
struct Arg {
    kind: Operand,
    span: crate::Span,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    String(String),
    Variable(String, Vec<String>),
    Field(Vec<String>),
    Chain(Box<Arg>, Vec<String>),
    Function(String),
    Pipe(Box<Pipe>),
}

/// A constant with the types that it can have.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number {
    int: Option<i64>,
    float: f64,
    /// It is written as a float.
    is_float: bool,
}

impl Program {
    /// Reads a template.
    ///
    /// # Errors
    /// When it is none, or names a function or variable that there is not.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let templates = parser::parse(source)?;
        Ok(Self { source: source.into(), templates: Arc::new(templates), missing: Missing::Default })
    }

    /// The same with another rule for missing keys.
    #[must_use]
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Runs it on data; time and randomness come from the environment.
    ///
    /// # Errors
    /// When a function fails, a field cannot be, or the budget is used up.
    pub fn run(&self, data: &Value, env: &dyn Env, budget: &Budget) -> Result<String, RunError> {
        run::run(self, data, env, budget)
    }
}

#[cfg(test)]
mod tests {
    use super::{Missing, Program};
    use crate::{Budget, Value};

    fn run(text: &str) -> Result<String, String> {
        let data = Value::from(serde_json::json!({"s": "x", "n": 3, "list": [1, 2], "m": {"b": 1, "a": 2}, "null": null}));
        Program::parse(text).map_err(|e| e.message)?.run(&data, &|_: &str| None, &Budget::default()).map_err(|e| e.message)
    }

    #[test]
    fn templates() {
        for (text, expected) in [
            ("a {{- .s -}} b", "axb"),
            ("{{range $k, $v := .m}}{{$k}}{{$v}}{{end}}", "a2b1"),
            ("{{with .nope}}y{{else}}n{{end}}", "n"),
            ("{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .n}}", "[3]"),
            ("{{$x := 1}}{{range .list}}{{$x = .}}{{end}}{{$x}}", "2"),
            ("{{/* c */}}{{printf \"%03d\" .n}}", "003"),
            ("{{.nope}} {{.nope.x}}", "<no value> <no value>"),
            ("{{$d := dict}}{{$_ := set $d \"k\" 1}}{{$d.k}}", "1"),
            ("{{if and .s (eq .n 3)}}t{{end}}", "t"),
            ("{{range 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}}", "02"),
        ] {
            assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in [
            "{{",
            "{{end}}",
            "{{if}}x{{end}}",
            "{{nofunc}}",
            "{{$x}}",
            "{{.null.x}}",
            "{{upper 1}}",
            "{{template \"x\"}}",
            "{{.s.x}}",
            "{{break}}",
            "{{0850000000}}",
            "{{99999999999999999999}}",
        ] {
            assert!(run(bad).is_err(), "{bad}");
        }
        let strict = Program::parse("{{.nope}}").unwrap().missing(Missing::Error);
        assert!(strict.run(&Value::map::<&str>([]), &|_: &str| None, &Budget::default()).is_err());
    }

    #[test]
    fn hostile_templates_end() {
        for text in [
            format!("{{{{{}1{}}}}}", "(".repeat(100_000), ")".repeat(100_000)),
            "{{if 1}}".repeat(100_000),
            "{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}".to_owned(),
            "{{range 100000000}}{{range 100000000}}x{{end}}{{end}}".to_owned(),
            "{{define \"x\"}}{{template \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}".to_owned(),
            format!("{{{{ {} }}}}", "repeat 1000000 \"aaaaaaaaaa\"".to_owned() + &" | cat \"x\"".repeat(100)),
        ] {
            assert!(run(&text).is_err() || text.len() < 2_000);
        }
    }
}
