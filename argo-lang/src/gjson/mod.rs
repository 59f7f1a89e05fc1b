//! Paths into JSON texts as tidwall/gjson reads them: filters and parameters of events, conditions of resource templates.
//!
//! ```
//! use argo_lang::{Budget, gjson};
//!
//! let doc = r#"{"commits": [{"id": "a1", "files": ["x.go"]}, {"id": "b2", "files": []}]}"#;
//! let get = |path: &str| gjson::get(doc, path, &Budget::default()).unwrap();
//! assert_eq!(get("commits.#.id").raw(), r#"["a1","b2"]"#);
//! assert_eq!(get("commits.#(id==b2).files|@reverse|#").int(), 0);
//! assert!(!get("commits.5").exists());
//! ```
//!
//! Keys with dots, wildcards, `#`, queries `#(…)` and `#(…)#`, pipes, multipaths `{a,b}` and `[a,b]`, literals `!1`, modifiers, JSON lines (`..`). The text
//! is not checked first: what is malformed is read as far as it goes, as the reference does.
//!
//! A path is a text that is read as far as each step needs it, not a program: there is nothing to print but the path itself.
//!
//! Differences on purpose: nesting and work of a path are bounded.

use std::borrow::Cow;
use std::cell::Cell;

use crate::budget::Meter;
use crate::go::text;
use crate::sprig::args::{go_truncate, parse_float};
use crate::{Budget, Limit, RunError, Span, Value};

mod get;
mod glob;
mod modifiers;
mod path;
mod pretty;
pub(crate) mod scan;

/// What kind of JSON a path found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// `null`, or nothing at all.
    #[default]
    Null,
    /// `false`.
    False,
    /// A number.
    Number,
    /// A text.
    String,
    /// `true`.
    True,
    /// An object or array.
    Json,
}

impl Kind {
    /// The name as the reference prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::False => "False",
            Self::Number => "Number",
            Self::String => "String",
            Self::True => "True",
            Self::Json => "JSON",
        }
    }
}

/// What a path found in a text.
#[derive(Clone, Debug, Default)]
pub struct Found<'a> {
    kind: Kind,
    raw: Cow<'a, [u8]>,
    index: usize,
    indexes: Option<Vec<usize>>,
}

/// What is left of a budget, and whether it was too little.
struct Work {
    meter: Meter,
    exceeded: Cell<Option<Limit>>,
}

/// Queries within queries that a stack of 2 MB holds.
const CEILING: usize = 128;
/// Bytes of text that are looked through in one step.
const BYTES_A_STEP: usize = 40;

impl Work {
    fn new(budget: &Budget) -> Self {
        Self { meter: Meter::new(budget, CEILING), exceeded: Cell::new(None) }
    }

    fn keep(&self, taken: Result<(), Limit>) -> bool {
        if let Err(limit) = taken {
            self.exceeded.set(Some(limit));
        }
        taken.is_ok()
    }

    /// Takes the work of looking through so many bytes; false when there is none left.
    fn spend(&self, bytes: usize) -> bool {
        self.exceeded.get().is_none() && self.keep(self.meter.step(u64::try_from(bytes / BYTES_A_STEP).unwrap_or(u64::MAX)))
    }

    /// Takes the memory of a text that is made; false when there is none left.
    fn make(&self, bytes: usize) -> bool {
        self.exceeded.get().is_none() && self.keep(self.meter.spend(bytes))
    }

    /// Runs one level deeper; the default when that is too deep.
    fn deeper<T: Default>(&self, run: impl FnOnce() -> T) -> T {
        if !self.keep(self.meter.enter()) {
            return T::default();
        }
        let out = run();
        self.meter.leave();
        out
    }
}

/// What a path finds in a JSON text. There is no path that is none: what cannot be understood finds nothing.
///
/// # Errors
/// When the budget is used up.
pub fn get<'a>(json: &'a str, path: &str, budget: &Budget) -> Result<Found<'a>, RunError> {
    let work = Work::new(budget);
    let found = get::get(&work, json.as_bytes(), path.as_bytes());
    match work.exceeded.get() {
        Some(limit) => Err(RunError::limit(limit, Span::whole(path))),
        None => Ok(found),
    }
}

/// Reads a JSON text as one value, without a path.
#[must_use]
pub fn parse(json: &str) -> Found<'_> {
    scan::parse(json.as_bytes())
}

fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(text::lossy(bytes)),
    }
}

impl Found<'_> {
    fn owned(self) -> Found<'static> {
        Found { kind: self.kind, raw: Cow::Owned(self.raw.into_owned()), index: self.index, indexes: self.indexes }
    }

    /// Whether there is anything, `null` included.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.kind != Kind::Null || !self.raw.is_empty()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The JSON as it stands in the text.
    #[must_use]
    pub fn raw(&self) -> Cow<'_, str> {
        utf8(&self.raw)
    }

    /// Where it stands in the text; 0 if it was made.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Where the parts of a list that a path with `#` collected stand in the text; none for other results.
    #[must_use]
    pub fn indexes(&self) -> Option<&[usize]> {
        self.indexes.as_deref()
    }

    /// Whether it is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.kind == Kind::Json && self.raw.first() == Some(&b'[')
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.kind == Kind::Json && self.raw.first() == Some(&b'{')
    }

    fn inner(&self) -> Vec<u8> {
        let inner = self.raw.get(1..).unwrap_or_default();
        let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
        if inner.contains(&b'\\') { scan::unescape(inner) } else { inner.to_vec() }
    }

    fn num(&self) -> f64 {
        parse_float(&self.raw()).unwrap_or(0.0)
    }

    /// As a text: texts without quotes, objects and arrays as JSON.
    #[must_use]
    pub fn text(&self) -> String {
        match self.kind {
            Kind::Null => String::new(),
            Kind::False => "false".to_owned(),
            Kind::True => "true".to_owned(),
            Kind::Json => self.raw().into_owned(),
            Kind::String => utf8(&self.inner()).into_owned(),
            Kind::Number => {
                let digits = self.raw.strip_prefix(b"-").unwrap_or(&self.raw);
                if digits.iter().all(u8::is_ascii_digit) { self.raw().into_owned() } else { plain(self.num()) }
            }
        }
    }

    /// As true or false.
    #[must_use]
    pub fn bool(&self) -> bool {
        match self.kind {
            Kind::True => true,
            Kind::String => truth(&self.text()).unwrap_or(false),
            Kind::Number => self.num() != 0.0,
            _ => false,
        }
    }

    /// As a number.
    #[must_use]
    pub fn float(&self) -> f64 {
        match self.kind {
            Kind::True => 1.0,
            Kind::String => parse_float(&self.text()).unwrap_or(0.0),
            Kind::Number => self.num(),
            _ => 0.0,
        }
    }

    /// As a whole number.
    #[must_use]
    pub fn int(&self) -> i64 {
        match self.kind {
            Kind::True => 1,
            Kind::String => whole(&self.text()).unwrap_or(0),
            Kind::Number => {
                let n = self.num();
                if n.abs() <= 9_007_199_254_740_991.0 { go_truncate(n) } else { whole(&self.raw()).unwrap_or(go_truncate(n)) }
            }
            _ => 0,
        }
    }

    /// The elements of an array; another value is a list of itself, nothing an empty one.
    #[must_use]
    pub fn array(&self) -> Vec<Found<'static>> {
        if self.kind == Kind::Null {
            return Vec::new();
        }
        if !self.is_array() {
            return vec![self.clone().owned()];
        }
        let mut out = Vec::new();
        scan::each(&self.raw, |_, value| out.push(value.owned()));
        out
    }

    /// As a value; numbers are floats, as Go decodes them. Malformed JSON is read as far as it goes.
    #[must_use]
    pub fn value(&self) -> Value {
        self.value_within(CEILING)
    }

    fn value_within(&self, depth: usize) -> Value {
        let Some(deeper) = depth.checked_sub(1) else { return Value::Nil };
        match self.kind {
            Kind::Null => Value::Nil,
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Number => Value::Float(self.num()),
            Kind::String => self.text().into(),
            Kind::Json if self.is_object() => {
                let mut members = Vec::new();
                scan::each(&self.raw, |key, value| members.push((key.map(|k| k.text()).unwrap_or_default(), value.value_within(deeper))));
                Value::map(members)
            }
            Kind::Json => {
                let mut items = Vec::new();
                scan::each(&self.raw, |_, value| items.push(value.value_within(deeper)));
                items.into()
            }
        }
    }
}

/// A float without an exponent.
fn plain(n: f64) -> String {
    if n.is_nan() {
        "NaN".to_owned()
    } else if n.is_infinite() {
        if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{n}")
    }
}

/// Go's `ParseBool` of the text in small letters.
fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" => Some(false),
        _ => None,
    }
}

fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // As the reference: too large a number wraps around.
    let n = digits.bytes().fold(0_i64, |n, b| n.wrapping_mul(10).wrapping_add(i64::from(b - b'0')));
    Some(if text.starts_with('-') { n.wrapping_neg() } else { n })
}

#[cfg(test)]
mod tests {
    use super::Found;
    use crate::Budget;

    fn get<'a>(doc: &'a str, path: &str) -> Found<'a> {
        super::get(doc, path, &Budget::default()).unwrap()
    }

    #[test]
    fn paths() {
        let doc = r#"{"a.b":1,"list":[{"n":"x","v":1},{"n":"y","v":2.50},{"n":"z"}],"s":"a\"b","o":{"k1":true,"k2":null}}"#;
        for (path, raw) in [
            (r"a\.b", "1"),
            ("list.#", "3"),
            ("list.#.n", r#"["x","y","z"]"#),
            ("list.#(v>1).v", "2.50"),
            (r#"list.#(n!="y")#.n"#, r#"["x","z"]"#),
            ("list.1|@this|n", "\"y\""),
            ("o.k?", "true"),
            ("{s,\"m\":list.0.n}", r#"{"s":"a\"b","m":"x"}"#),
            ("list|@reverse|0.n", "\"z\""),
            ("o.k2", "null"),
        ] {
            assert_eq!(get(doc, path).raw(), raw, "{path}");
        }
        assert_eq!(get(doc, "s").text(), "a\"b");
        assert!(!get(doc, "list.9").exists() && !get(doc, "").exists());
    }

    #[test]
    fn hostile_paths_and_texts_end() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for path in [
            "0".to_owned(),
            "0.".repeat(100_000),
            "#(".repeat(50_000),
            "{".repeat(100_000),
            "[".repeat(100_000),
            "@flatten:{\"deep\":true}".to_owned(),
            "@dig:x".to_owned(),
            "@pretty".to_owned(),
            "@this|".repeat(50_000),
        ] {
            let _ = super::get(&deep, &path, &Budget::default());
            let _ = super::get("{\"a\":[1,{\"b\":", &path, &Budget::default());
        }
    }
}
