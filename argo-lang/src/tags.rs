//! `{{name}}` and `{{=expression}}` in texts: parsed once into pieces, rendered against a scope in one pass.
//!
//! A value that holds `{{` is text, never a tag: what was put in is not read again (upstream's repeated passes do that; fixed on purpose).
//!
//! ```
//! use argo_lang::{Value, tags::{Policy, Template}};
//!
//! let template = Template::parse("hello {{inputs.parameters.name}}, {{= asInt(n) + 1 }}").unwrap();
//! let scope = |name: &str| match name {
//!     "inputs.parameters.name" => Some(Value::from("{{world}}")),
//!     "n" => Some(Value::from("1")),
//!     _ => None,
//! };
//! assert_eq!(template.render(&scope, Policy::KeepUnknown).unwrap(), "hello {{world}}, 2");
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::expr::Program;
use crate::{Budget, Env, ParseError, RunError, Span, Value};

/// Names that an expression may lack for now: its tag then stays as it is, as upstream does.
const LATE: [&str; 5] = ["item", "retries", "lastRetry", "workflow.status", "workflow.failures"];

/// A text with tags; cheap to clone. Two are the same if their tags and the texts around them are.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<str>,
    pieces: Arc<[Piece]>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.pieces == other.pieces
    }
}

/// As it was written: blanks in a tag are part of what an unknown one becomes.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// The trimmed name, and the tag as it was written.
    Name(String, String),
    /// The program, the tag, and where in the text the program begins.
    Expression(Program, String, usize),
    /// An expression that is none: an error once it is rendered, as upstream does.
    Broken(ParseError, String),
}

/// What becomes of a tag whose name is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It stays as it is written.
    #[default]
    KeepUnknown,
    /// It is an error if it starts with `steps.` or `tasks.`, and stays otherwise.
    RefuseReferences,
    /// It is an error.
    RefuseUnknown,
}

/// A text that could not be rendered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// A name is unknown and must not be.
    #[error("failed to resolve {{{{{0}}}}}")]
    Unknown(String),
    /// A name is known but has no value: what it refers to was skipped.
    #[error("failed to resolve {{{{{0}}}}}: it has no value")]
    Absent(String),
    /// An expression is none.
    #[error("failed to parse expression {expression:?}: {}", error.message)]
    Parse {
        /// The expression.
        expression: String,
        /// What is wrong, and where in the whole text.
        error: ParseError,
    },
    /// An expression could not be evaluated.
    #[error("failed to evaluate expression {expression:?}: {}", error.message)]
    Run {
        /// The expression.
        expression: String,
        /// What went wrong, and where in the whole text.
        error: Box<RunError>,
    },
    /// The text that comes out is larger than the budget allows.
    #[error("the text is too large")]
    TooLarge,
}

impl RenderError {
    /// The message with line, column, and a caret below the place in the text that was rendered.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        match self {
            Self::Parse { error, .. } => error.render(text),
            Self::Run { error, .. } => error.render(text),
            Self::Unknown(name) | Self::Absent(name) => {
                RunError::new(self.to_string(), place(text, name).unwrap_or_default()).expecting("a name that has a value").render(text)
            }
            Self::TooLarge => self.to_string(),
        }
    }
}

/// The names a template is rendered with, by their dotted path.
pub trait Scope {
    /// The value of a dotted name; `Nil` is a name that is known but has no value.
    fn lookup(&self, path: &str) -> Option<Value>;
    /// The value of a first part of names for expressions: `inputs` with all that is below it.
    fn root(&self, name: &str) -> Option<Value> {
        self.lookup(name)
    }
    /// The time for expressions (`now()`, `sprig.now()`); none makes these an error.
    fn now(&self) -> Option<Timestamp> {
        None
    }
    /// What one rendering may use: each expression may take all of it, and the text that comes out may have so many bytes.
    fn budget(&self) -> Budget {
        Budget::default()
    }
    /// Fills the buffer with random bytes for expressions (`sprig.uuidv4()`); false makes these an error.
    fn random(&self, _buffer: &mut [u8]) -> bool {
        false
    }
}

impl<F: Fn(&str) -> Option<Value>> Scope for F {
    fn lookup(&self, path: &str) -> Option<Value> {
        self(path)
    }
}

impl Scope for BTreeMap<String, Value> {
    fn lookup(&self, path: &str) -> Option<Value> {
        self.get(path).cloned()
    }

    fn root(&self, name: &str) -> Option<Value> {
        let prefix = format!("{name}.");
        let below: Vec<(&str, &Value)> = self.range(prefix.clone()..).map_while(|(k, v)| Some((k.strip_prefix(&prefix)?, v))).collect();
        if below.is_empty() { self.get(name).cloned() } else { Some(nest(&below)) }
    }
}

/// Dotted names as nested maps. Where a name is also the beginning of others, the others win, as upstream's expansion has it.
#[must_use]
pub fn nest(entries: &[(&str, &Value)]) -> Value {
    let mut leaves: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    let mut groups: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (path, value) in entries {
        match path.split_once('.') {
            Some((head, tail)) => groups.entry(head).or_default().push((tail, value)),
            None => {
                leaves.insert((*path).into(), (*value).clone());
            }
        }
    }
    for (head, group) in groups {
        leaves.insert(head.into(), nest(&group));
    }
    Value::Map(Arc::new(leaves))
}

/// The scope as an expression sees it; what was looked up is kept for the rest of the rendering.
struct Names<'a> {
    scope: &'a dyn Scope,
    found: RefCell<BTreeMap<String, Option<Value>>>,
}

impl Env for Names<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        if let Some(found) = self.found.borrow().get(name) {
            return found.clone();
        }
        let value = self.scope.root(name);
        self.found.borrow_mut().insert(name.to_owned(), value.clone());
        value
    }

    fn now(&self) -> Option<Timestamp> {
        self.scope.now()
    }

    fn random(&self, buffer: &mut [u8]) -> bool {
        self.scope.random(buffer)
    }
}

impl Template {
    /// Reads a text. A `{{` without `}}` is text.
    ///
    /// # Errors
    /// None today: expressions that are none are reported when they are rendered, as upstream does.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        Ok(Self { source: source.into(), pieces: pieces(source).into() })
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it has no tags.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.pieces.iter().all(|p| matches!(p, Piece::Text(_)))
    }

    /// The name, if the whole text is one name tag.
    #[must_use]
    pub fn only_name(&self) -> Option<&str> {
        match self.pieces.as_ref() {
            [Piece::Name(name, _)] => Some(name),
            _ => None,
        }
    }

    /// Names of all tags, those within expressions included.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for piece in self.pieces.iter() {
            match piece {
                Piece::Name(name, _) => {
                    names.insert(name.clone());
                }
                Piece::Expression(program, ..) => names.extend(program.names()),
                Piece::Text(_) | Piece::Broken(..) => {}
            }
        }
        names
    }

    /// Says where the first of its expressions is none.
    ///
    /// # Errors
    /// When an expression is none.
    pub fn check(&self) -> Result<(), ParseError> {
        let broken = self.pieces.iter().find_map(|piece| if let Piece::Broken(error, _) = piece { Some(error.clone()) } else { None });
        broken.map_or(Ok(()), Err)
    }

    /// Puts in the values.
    ///
    /// # Errors
    /// As the policy says, for names that have no value, and for expressions that fail.
    pub fn render(&self, scope: &dyn Scope, policy: Policy) -> Result<String, RenderError> {
        let mut out = String::with_capacity(self.source.len());
        let budget = scope.budget();
        let names = Names { scope, found: RefCell::default() };
        for piece in self.pieces.iter() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name, tag) => match scope.lookup(name) {
                    Some(Value::Nil) => return Err(RenderError::Absent(name.clone())),
                    Some(value) => push(&mut out, &value),
                    None => match policy {
                        Policy::RefuseUnknown => return Err(RenderError::Unknown(name.clone())),
                        Policy::RefuseReferences if name.starts_with("steps.") || name.starts_with("tasks.") => {
                            return Err(RenderError::Unknown(name.clone()));
                        }
                        _ => out.push_str(tag),
                    },
                },
                Piece::Expression(program, tag, at) => match program.evaluate(&names, &budget) {
                    Ok(Value::Nil) if policy == Policy::KeepUnknown => out.push_str(tag),
                    Ok(Value::Nil) => {
                        let error = RunError::new("it has no value", Span::whole(program.source()).shifted(*at));
                        return Err(RenderError::Run { expression: program.source().to_owned(), error: Box::new(error) });
                    }
                    Ok(value) => push(&mut out, &value),
                    Err(error) if stays(program, scope, &error, policy) => out.push_str(tag),
                    Err(error) => {
                        let error = RunError { span: error.span.shifted(*at), ..error };
                        return Err(RenderError::Run { expression: program.source().to_owned(), error: Box::new(error) });
                    }
                },
                Piece::Broken(error, tag) => {
                    return Err(RenderError::Parse { expression: inner(tag).to_owned(), error: error.clone() });
                }
            }
            if out.len() > budget.bytes {
                return Err(RenderError::TooLarge);
            }
        }
        Ok(out)
    }
}

// An expression that waits for names which come later stays as it is.
fn stays(program: &Program, scope: &dyn Scope, error: &RunError, policy: Policy) -> bool {
    let missing = |name: &str| {
        let late = LATE.iter().find(|late| name == **late || name.strip_prefix(**late).is_some_and(|rest| rest.starts_with('.')));
        late.is_some_and(|late| {
            let root = late.split('.').next().unwrap_or(late);
            scope.lookup(name).is_none() && (root != *late || scope.root(root).is_none())
        })
    };
    program.names().iter().any(|name| missing(name)) || (policy == Policy::KeepUnknown && error.unknown().is_some())
}

fn push(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => out.push_str(text),
        other => out.push_str(&other.to_json_text().unwrap_or_else(|_| other.to_string())),
    }
}

fn inner(tag: &str) -> &str {
    let inside = tag.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).unwrap_or(tag);
    inside.strip_prefix('=').unwrap_or(inside)
}

fn pieces(source: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut text = String::new();
    let mut rest = source;
    while let Some(open) = rest.find("{{") {
        let after = rest.get(open.saturating_add(2)..).unwrap_or_default();
        let Some(close) = closing(after) else { break };
        text.push_str(rest.get(..open).unwrap_or_default());
        let body = after.get(..close).unwrap_or_default();
        // Of nested tags the innermost is one, what stands around it is text.
        let (lead, body) = match body.rfind("{{").filter(|_| !body.starts_with('=')) {
            Some(at) => (body.get(..at).unwrap_or_default(), body.get(at.saturating_add(2)..).unwrap_or_default()),
            None => ("", body),
        };
        if body.len() != close {
            text.push_str("{{");
            text.push_str(lead);
        }
        if !text.is_empty() {
            out.push(Piece::Text(std::mem::take(&mut text)));
        }
        let tag = format!("{{{{{body}}}}}");
        out.push(match body.strip_prefix('=') {
            Some(expression) => {
                let trimmed = expression.trim_start();
                let at = source.len().saturating_sub(after.len()).saturating_add(close).saturating_sub(trimmed.len());
                match Program::parse(trimmed.trim_end()) {
                    Ok(program) => Piece::Expression(program, tag, at),
                    Err(error) => Piece::Broken(error.shifted(at), tag),
                }
            }
            None => Piece::Name(body.trim().to_owned(), tag),
        });
        rest = after.get(close.saturating_add(2)..).unwrap_or_default();
    }
    text.push_str(rest);
    if !text.is_empty() || out.is_empty() {
        out.push(Piece::Text(text));
    }
    out
}

// An expression may end in the braces of its own map: the tag ends at the last of the closing braces that stand together.
fn closing(after: &str) -> Option<usize> {
    let mut close = after.find("}}")?;
    if after.starts_with('=') {
        while after.get(close.saturating_add(1)..).is_some_and(|r| r.starts_with("}}")) {
            close = close.saturating_add(1);
        }
    }
    Some(close)
}

/// The place of a tag's name in a text, for messages.
#[must_use]
pub fn place(source: &str, name: &str) -> Option<Span> {
    let start = source.find(name)?;
    Some(Span::new(start, start.saturating_add(name.len())))
}

#[cfg(test)]
mod tests {
    use super::{Policy, RenderError, Template};
    use crate::Value;

    fn render(text: &str, policy: Policy) -> Result<String, RenderError> {
        let scope = |name: &str| match name {
            "a" => Some(Value::from("1")),
            "nil" => Some(Value::Nil),
            _ => None,
        };
        Template::parse(text).unwrap().render(&scope, policy)
    }

    #[test]
    fn unknown_names_stay_or_fail() {
        assert_eq!(render("{{a}}-{{ b }}", Policy::KeepUnknown).unwrap(), "1-{{ b }}");
        assert_eq!(render("{{steps.x}}", Policy::RefuseReferences), Err(RenderError::Unknown("steps.x".into())));
        assert_eq!(render("{{item}}", Policy::RefuseReferences).unwrap(), "{{item}}");
        assert_eq!(render("{{nil}}", Policy::KeepUnknown), Err(RenderError::Absent("nil".into())));
    }

    #[test]
    fn expressions_wait_for_late_names() {
        assert_eq!(render("{{=item + 1}}", Policy::RefuseUnknown).unwrap(), "{{=item + 1}}");
        assert_eq!(render("{{= {\"x\": a} }}", Policy::RefuseUnknown).unwrap(), r#"{"x":"1"}"#);
        assert_eq!(render("{{=[a][0]}}", Policy::RefuseUnknown).unwrap(), "1");
        let text = "x\ny {{= 1 + }}";
        let error = render(text, Policy::KeepUnknown).unwrap_err();
        assert!(error.render(text).ends_with("(2:10)\n | y {{= 1 + }}\n | .........^"), "{}", error.render(text));
    }

    #[test]
    fn odd_braces_are_text() {
        for text in ["", "{{", "}}", "{{a", "a}}", "{ {a} }"] {
            assert_eq!(render(text, Policy::RefuseUnknown).unwrap(), text);
        }
        assert_eq!(render("{{x-{{a}}}}", Policy::KeepUnknown).unwrap(), "{{x-1}}");
    }
}
