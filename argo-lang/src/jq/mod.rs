//! jq as itchyny/gojq has it: `ignoreDifferences` rules, transforms of events, `valueFrom.jqFilter`.
//!
//! ```
//! use argo_lang::{Budget, Value, jq::Program};
//!
//! let program = Program::parse(".items[] | select(.kind == \"Pod\") | .name").unwrap();
//! let doc = Value::from(serde_json::json!({"items": [{"kind": "Pod", "name": "a"}, {"kind": "Job", "name": "b"}]}));
//! assert_eq!(program.run(&doc, &|_: &str| None, &Budget::default()).unwrap(), [Value::from("a")]);
//! ```
//!
//! The whole language: paths and assignments, `reduce`, `foreach`, `label`, destructuring with `?//`, definitions, formats, regular expressions, dates,
//! streams. Objects are in the order of their keys, as gojq has them.
//!
//! Differences on purpose: `input`, modules and files are absent, `env` is empty; `now` is the caller's time; steps, depth and sizes are bounded, so a program
//! that does not end is an error; numbers are 64-bit (gojq has integers of any size).

use std::fmt;
use std::sync::Arc;

use crate::error::check_length;
use crate::{Budget, Env, ParseError, RunError, Value};

mod assign;
mod ast;
mod bind;
mod dates;
mod formats;
mod functions;
mod lexer;
mod objects;
mod ops;
mod parser;
mod paths;
mod prelude;
mod print;
mod regexes;
mod resolve;
mod run;
mod terms;
mod values;

use ast::Query;

/// A compiled filter; cheap to clone. Two are the same if their trees are: how they were written does not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Program(Arc<Query>);

/// In a normal form, which reads back as the same program.
///
/// ```
/// let program = argo_lang::jq::Program::parse("{a,(\"b\"):(.x[\"y\"]+(1*2))}|keys").unwrap();
/// assert_eq!(program.to_string(), r#"{"a", "b": .x.y + 1 * 2} | keys"#);
/// ```
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.0))
    }
}

/// A value as gojq writes it: NaN as null, infinities as the largest numbers, nothing escaped for HTML.
#[must_use]
pub fn text(value: &Value) -> String {
    ops::text(value)
}

impl Program {
    /// Reads a filter.
    ///
    /// # Errors
    /// When it is none, or names what there is not.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        check_length(source)?;
        let query = parser::parse(source)?;
        resolve::check(&query)?;
        Ok(Self(Arc::new(query)))
    }

    /// All that comes out for an input.
    ///
    /// # Errors
    /// When an operation does not fit its values, as `error` says, or the budget is used up.
    pub fn run(&self, input: &Value, env: &dyn Env, budget: &Budget) -> Result<Vec<Value>, RunError> {
        let mut all = Vec::new();
        self.run_each(input, env, budget, &mut |value| all.push(value))?;
        Ok(all)
    }

    /// As [`Program::run`], but hands over each output as it comes: those before an error too.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_each(&self, input: &Value, env: &dyn Env, budget: &Budget, out: &mut dyn FnMut(Value)) -> Result<(), RunError> {
        run::run(&self.0, input, env, budget, out)
    }
}

#[cfg(test)]
mod tests {
    use super::Program;
    use crate::{Budget, Fault, Value};

    fn run(program: &str, doc: &str) -> Result<String, String> {
        let program = Program::parse(program).map_err(|e| e.to_string())?;
        let doc = crate::go::json::decode(doc)?;
        let out = program.run(&doc, &|_: &str| None, &Budget::default()).map_err(|e| e.message)?;
        Ok(out.iter().map(|v| v.to_json_text().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn filters() {
        for (program, doc, expected) in [
            (".a[1:] | map(. + 1)", r#"{"a":[1,2,3]}"#, "[3,4]"),
            ("to_entries | map(\"\\(.key)=\\(.value)\") | join(\",\")", r#"{"b":1,"a":2}"#, r#""a=2,b=1""#),
            (".a |= empty", r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
            ("[limit(3; repeat(.))]", "1", "[1,1,1]"),
            ("reduce .[] as [$a, $b] (0; . + $a * $b)", "[[1,2],[3,4]]", "14"),
            ("def f(g): g | g; f(. * 2)", "3", "12"),
            ("[paths]", r#"{"a":[1]}"#, r#"[["a"],["a",0]]"#),
            ("del(.[] | select(. > 1))", "[1,2,3]", "[1]"),
            (".a.b.c", "null", "null"),
            ("try error(\"x\") catch .", "null", "\"x\""),
            ("[.[] as [$a] ?// $a | $a]", "[[1],2]", "[1,2]"),
            ("label $f | 1, break $f, 2", "null", "1"),
            (".[] += 1", "[1,2]", "[2,3]"),
            ("[{a, \"b\\(1)\"} | keys, if .. then 1 else 2 end]", r#"{"a":1}"#, r#"[["a","b1"],1,1,2]"#),
            ("@base64 \"x\\(.)\"", "1", "\"xMQ==\""),
            ("[foreach range(4) as $i (0; . + $i; select(. % 2 == 0))]", "null", "[0,6]"),
        ] {
            assert_eq!(run(program, doc).as_deref(), Ok(expected), "{program}");
        }
        for bad in [".a.b", ".[]", "1 +", "nope", "$x", "{", "error", "1 / 0", "\"x\" | test(\"(\")"] {
            assert!(run(bad, "1").is_err(), "{bad}");
        }
        assert_eq!(Program::parse("nope(1)").unwrap_err().fault, Fault::Name);
        let text = "{a: 1} |\n  .a.b.c";
        let error = Program::parse(text).unwrap().run(&Value::Nil, &|_: &str| None, &Budget::default()).unwrap_err();
        assert_eq!(error.render(text), "expected an object but got: number (1) (2:5)\n |   .a.b.c\n | ....^");
    }

    #[test]
    fn hostile_filters_end() {
        for program in [
            "def f: f; f".to_owned(),
            "def f: 1 + f; f".to_owned(),
            "repeat(1)".to_owned(),
            "[range(1e12)]".to_owned(),
            "until(false; .)".to_owned(),
            "recurse(.)".to_owned(),
            "reduce range(1e6) as $i (0; [.])".to_owned(),
            "reduce range(100) as $i (\"xx\"; . + .)".to_owned(),
            "\"x\" * 1e12".to_owned(),
            "[.[] = (range(1e9))]".to_owned(),
            "(".repeat(100_000),
            "[".repeat(100_000),
            ".a".repeat(100_000),
            "1 | ".repeat(100_000) + "1",
            "-".repeat(100_000) + "1",
            "reduce . as $x (0; 0), ".repeat(20_000) + "1",
            format!("{}1{}", "{\"\\(".repeat(19), ")\"}".repeat(19)),
        ] {
            let out = run(&program, "[1]");
            assert!(out.is_err() || program.len() > 1_000, "{}", &program[..20.min(program.len())]);
        }
        let _ = Value::Nil;
    }
}
