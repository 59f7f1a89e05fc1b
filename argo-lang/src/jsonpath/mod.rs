//! JSONPath templates as kubectl and `outputs.valueFrom.jsonPath` have them (k8s.io/client-go's `util/jsonpath`).
//!
//! ```
//! use argo_lang::{Budget, Value, jsonpath::{Missing, Program}};
//!
//! let program = Program::parse("{range .items[?(@.age > 30)]}{.name}: {.age}\n{end}").unwrap();
//! let doc = Value::from(serde_json::json!({"items": [{"name": "ann", "age": 31}, {"name": "bob", "age": 25}]}));
//! assert_eq!(program.run(&doc, Missing::Error, &Budget::default()).unwrap(), "ann: 31\n");
//! ```
//!
//! Text stands outside of braces; `.field`, `['key']` (dots in it separate fields), `[0]`, `[-1:]`, `[0,2]`, `[*]`, `..`, `[?(@.a == "b")]` inside.
//! Lists and maps come out as JSON, other values as Go prints them; several results are separated by blanks.
//!
//! Differences on purpose: maps are walked in the order of their keys (the reference's order is random); results are bounded in number.

use std::fmt;
use std::sync::Arc;

use crate::{Budget, ParseError, RunError, Span, Value};

mod parser;
mod print;
mod run;

/// A parsed template; cheap to clone. Two are the same if they find the same in the same way: how they were written does not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Program(Arc<[Node]>);

/// In a normal form, which reads back as the same program.
///
/// ```
/// let program = argo_lang::jsonpath::Program::parse("x{ $['spec.a'] [0] ['b', 'c'][?(@.n=='y')] }").unwrap();
/// assert_eq!(program.to_string(), r#"x{.spec.a[0]['b','c'][?(.n == "y")]}"#);
/// ```
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.0))
    }
}

/// What becomes of a field that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    #[default]
    Error,
    /// It finds nothing (kubectl's `--allow-missing-template-keys`).
    Nothing,
}

/// From, to, step of a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slice {
    from: Option<i64>,
    to: Option<i64>,
    /// `to` is the element after `from`: a single index.
    single: bool,
    step: Option<i64>,
}

#[derive(Clone, Debug)]
enum Node {
    /// A node with its place, for errors.
    At(Span, Box<Node>),
    Text(String),
    Field(String),
    Slice(Slice),
    Filter {
        left: Vec<Node>,
        operator: String,
        right: Vec<Node>,
    },
    Number(Value),
    Wildcard,
    Recursive,
    Union(Vec<Vec<Node>>),
    Identifier(String),
    /// What stands in one pair of braces.
    List(Vec<Node>),
}

impl Node {
    /// The node without its place.
    fn bare(&self) -> &Self {
        if let Self::At(_, inner) = self { inner.bare() } else { self }
    }
}

/// Places do not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self.bare(), other.bare()) {
            (Self::Text(a), Self::Text(b)) | (Self::Field(a), Self::Field(b)) | (Self::Identifier(a), Self::Identifier(b)) => a == b,
            (Self::Slice(a), Self::Slice(b)) => a == b,
            (Self::Filter { left: a, operator: p, right: b }, Self::Filter { left: c, operator: q, right: d }) => {
                p == q && a == c && b == d
            }
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Wildcard, Self::Wildcard) | (Self::Recursive, Self::Recursive) => true,
            (Self::Union(a), Self::Union(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            _ => false,
        }
    }
}

impl Program {
    /// Reads a template.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(template: &str) -> Result<Self, ParseError> {
        parser::parse(template).map(|nodes| Self(nodes.into()))
    }

    /// Reads a path that may stand without braces and leading dot, as kubectl's `custom-columns` and Argo's jsonPath fields allow.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_relaxed(path: &str) -> Result<Self, ParseError> {
        let bare = path.trim();
        let bare = bare.strip_prefix('{').and_then(|p| p.strip_suffix('}')).unwrap_or(bare);
        let bare = bare.strip_prefix('$').unwrap_or(bare);
        let dot = if bare.starts_with(['.', '[']) { "" } else { "." };
        Self::parse(&format!("{{{dot}{bare}}}"))
    }

    /// The text that the template makes of a document.
    ///
    /// # Errors
    /// When a field is missing and must not be, or a value is of the wrong kind.
    pub fn run(&self, document: &Value, missing: Missing, budget: &Budget) -> Result<String, RunError> {
        run::print(&self.find(document, missing, budget)?, budget)
    }

    /// What each piece of the template finds.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn find(&self, document: &Value, missing: Missing, budget: &Budget) -> Result<Vec<Vec<Value>>, RunError> {
        run::find(&self.0, document, missing, budget)
    }
}

#[cfg(test)]
mod tests {
    use super::{Missing, Program};
    use crate::{Budget, Value};

    fn doc() -> Value {
        Value::from(serde_json::json!({
            "a.b": 1, "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2.5}, {"n": "z"}], "s": "<t>", "null": null
        }))
    }

    fn run(template: &str) -> Result<String, String> {
        Program::parse(template).map_err(|e| e.message)?.run(&doc(), Missing::Error, &Budget::default()).map_err(|e| e.to_string())
    }

    #[test]
    fn templates() {
        for (template, expected) in [
            ("x{.s}y", "x<t>y"),
            (r"{.a\.b} {.null}", "1 null"),
            ("{.list[*].n}", "x y z"),
            ("{.list[0,2]['n']}", "x z"),
            ("{.list[-1:].n}{.list[1:].n}", "zy z"),
            ("{.list[0]}", r#"{"n":"x","v":1}"#),
            ("{..n}", "x y z"),
            (r#"{range .list[?(@.n != "y")]}{.n}{"\t"}{end}-"#, "x\tz\t-"),
        ] {
            assert_eq!(run(template).as_deref(), Ok(expected), "{template}");
        }
        for bad in ["{", "{.a", "{nope}", "{.list[x]}", "{.list[9]}", "{.list[2:1]}", "{end}", "{.nope}", "{'x}", "{..*}", "{[?(", "{&}"] {
            assert!(run(bad).is_err(), "{bad}");
        }
        let text = "a{.list[0].n}\n{.list[*]['n', 'nope']}";
        let error = Program::parse(text).unwrap().run(&doc(), Missing::Error, &Budget::default()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.span.line_column(text)), ("nope is not found", (2, 16)));
        for bad in ["{[?(".repeat(50_000), "{".repeat(100_000), format!("{{{}}}", "[0,".repeat(100_000))] {
            assert!(run(&bad).is_err());
        }
        let doubling = format!("{{.list{}}}", "[*]['n','n']".repeat(30));
        assert!(run(&doubling).is_err());
    }
}
