//! Lua 5.1 with `goto`, as yuin/gopher-lua has it: health checks and resource actions of CD, filters and transforms of Events.
//!
//! ```
//! use argo_lang::{Budget, Value, lua::{Libraries, Program}};
//!
//! let program = Program::parse("if obj.ready then return {status = 'Healthy'} end return {status = 'Progressing'}").unwrap();
//! let globals = [("obj", Value::from(serde_json::json!({"ready": true})))];
//! let out = program.run(&globals, Libraries::Restricted, &|_: &str| None, &Budget::default()).unwrap();
//! assert_eq!(out[0].to_json(), serde_json::json!({"status": "Healthy"}));
//! ```
//!
//! An interpreter of our own: no C, no files, no environment, no clock. [`Libraries::Restricted`] is what CD gives its scripts (base functions, `table`, and of
//! `os` `time` and `date`), [`Libraries::Open`] adds `string`, `math` and `os.difftime`. Texts are bytes. Numbers are floats; whole ones print without exponent.
//!
//! Scripts have no printed form: reading one turns names of local variables into places, and a script is kept as it was written by whoever wrote it.
//!
//! Differences on purpose: `io`, the rest of `os`, `dofile`, `require` of files and `debug` are absent or always fail; coroutines are absent; steps, memory and
//! depth are bounded, and no `pcall` catches the end of the budget; `os.time()` is the caller's time.

use std::sync::Arc;

use crate::error::check_length;
use crate::{Budget, Env, ParseError, RunError, Value};

mod ast;
mod convert;
mod lexer;
mod library;
mod operate;
mod os;
mod parser;
mod pattern;
mod run;
mod strings;
mod tables;
mod values;

/// A parsed script; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program(Arc<ast::Body>);

/// Which functions a script finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Libraries {
    /// Base functions, `table`, `os.time` and `os.date`, as CD has it.
    #[default]
    Restricted,
    /// Also `string`, `math` and `os.difftime`.
    Open,
}

impl Program {
    /// Reads a script.
    ///
    /// # Errors
    /// When it is none, or nests too deeply.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        check_length(source)?;
        parser::parse(source.as_bytes(), true).map(|body| Self(Arc::new(body)))
    }

    /// Runs it with globals; gives what it returns.
    ///
    /// # Errors
    /// When the script fails, or its budget is used up.
    pub fn run(&self, globals: &[(&str, Value)], libraries: Libraries, env: &dyn Env, budget: &Budget) -> Result<Vec<Value>, RunError> {
        self.run_reading(globals, &[], libraries, env, budget).map(|(returned, _)| returned)
    }

    /// As [`Program::run`]; gives the values of some globals after the run too (`hs`, `result`, what a script sets without returning it).
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_reading(
        &self,
        globals: &[(&str, Value)],
        read: &[&str],
        libraries: Libraries,
        env: &dyn Env,
        budget: &Budget,
    ) -> Result<(Vec<Value>, Vec<Value>), RunError> {
        run::run(&self.0, globals, read, libraries, env, budget)
    }
}

#[cfg(test)]
mod tests {
    use super::{Libraries, Program};
    use crate::{Budget, Value};

    fn run(script: &str) -> Result<String, String> {
        let program = Program::parse(script).map_err(|e| e.message)?;
        let obj = Value::from(serde_json::json!({"n": 2, "list": ["a", "b"], "s": "x"}));
        let out = program.run(&[("obj", obj)], Libraries::Open, &|_: &str| None, &Budget::default()).map_err(|e| e.message)?;
        Ok(out.iter().map(|v| v.to_json_text().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn scripts() {
        for (script, expected) in [
            ("return 1 + 2 * 3 ^ 2, 7 % -3, 'a' .. 1", "19 -2 \"a1\""),
            ("local t = {} for i, v in ipairs(obj.list) do t[#t + 1] = v .. i end return t", "[\"a1\",\"b2\"]"),
            ("local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end return f(15)", "610"),
            ("local f = {} for i = 1, 3 do f[i] = function() i = i + 1 return i end end return f[1](), f[1](), f[2]()", "2 3 3"),
            ("return ('a,b'):gsub(',', ';')", "\"a;b\" 1"),
            ("return pcall(error, {code = 1})", "false {\"code\":1}"),
            ("local t = setmetatable({}, {__index = function(_, k) return k end}) return t.x", "\"x\""),
            ("for i = 1, 3 do if i == 2 then goto next end obj.n = obj.n + i ::next:: end return obj.n", "6"),
            ("return string.format('%5.1f|%s|%q', 2.25, {} ~= nil, 'x')", "\"  2.2|true|\\\"x\\\"\""),
            ("return select('#', ...), #obj.list, not nil", "0 2 true"),
            ("local a <const> = 1", "!"),
        ] {
            match run(script) {
                Ok(out) => assert_eq!(out, expected, "{script}"),
                Err(error) => assert_eq!(expected, "!", "{script}: {error}"),
            }
        }
        for bad in ["return nil.x", "error('x')", "return 1 +", "x()", "return {} < 1", "local t = {} t[nil] = 1", "return #5"] {
            assert!(run(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_point_at_their_place() {
        let at = |text: &str| {
            let error = Program::parse(text).unwrap().run(&[], Libraries::Open, &|_: &str| None, &Budget::default()).unwrap_err();
            error.span.line_column(text)
        };
        assert_eq!(at("local x = 1\nreturn  x.y.z"), (2, 10));
        assert_eq!(at("pcall(error)\nreturn {} <\n  1"), (2, 11));
        assert_eq!(at("local f = loadstring('\\n\\n return nil .. 1')\nreturn f()"), (2, 9));
        let error = Program::parse("if x\n  return 1 end").unwrap_err();
        assert_eq!((error.expected.as_deref(), error.span.start), (Some("'then'"), 7));
    }

    #[test]
    fn hostile_scripts_end() {
        for script in [
            "while true do end".to_owned(),
            "while true do pcall(function() while true do end end) end".to_owned(),
            "local function f() return f() + 1 end return f()".to_owned(),
            "local function f() f() end pcall(f)".to_owned(),
            "local s = 'x' while true do s = s .. s end".to_owned(),
            "return ('x'):rep(1e9)".to_owned(),
            "local t = {} while true do t = {t} end".to_owned(),
            "return ('a'):rep(30000):find(('a?'):rep(20) .. ('a*'):rep(20) .. 'b')".to_owned(),
            format!("return {}1", "(".repeat(100_000)),
            format!("return 1{}", "+1".repeat(100_000)),
            "do ".repeat(100_000),
            (0..100_000).map(|i| format!("local a{i} = a{}\n", i / 2)).collect(),
            "local t = {} t.t = t return t".to_owned(),
            "return setmetatable({}, {__index = function(t, k) return t[k] end}).x".to_owned(),
        ] {
            let _ = run(&script);
        }
    }
}
