//! Strict reading of manifests: every unknown field, every key that stands twice and every value of the wrong type is reported, with file, line,
//! column, path and the nearest known name.
//!
//! ```
//! use argo_core::strict;
//!
//! let text = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  entrypont: main\n";
//! let errors = strict::documents(text, "wf.yaml").unwrap_err();
//! assert_eq!(errors[0].to_string(), "wf.yaml:4:3: unknown field \"spec.entrypont\" (did you mean \"entrypoint\"?)");
//! assert_eq!(errors[0].upstream(), "json: unknown field \"entrypont\"");
//! ```

use std::sync::Arc;

use serde_json::Value;

mod nearest;
mod walk;

use crate::describe::{Described, Shape};
use crate::object::Object;
use crate::yaml::{self, Duplicates, YamlError};

pub use nearest::nearest;

/// What is wrong at one place of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A field that the type does not have.
    #[error("unknown field {path:?}{}", hint(nearest))]
    UnknownField {
        /// Where: `spec.templates[0].contaner`.
        path: String,
        /// The field's own name.
        field: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A key that stands twice; the second one is reported.
    #[error("field {path:?} stands twice")]
    DuplicateField {
        /// Where.
        path: String,
        /// The field's own name.
        field: String,
    },
    /// A value that the field cannot hold.
    #[error("field {path:?} must be {expected}, not {found}")]
    WrongType {
        /// Where.
        path: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: &'static str,
        /// The message that Go's reader gives.
        upstream: String,
    },
    /// A value of the right type that cannot be read, such as a time.
    #[error("field {path:?}: {message}")]
    Malformed {
        /// Where.
        path: String,
        /// Why.
        message: String,
    },
    /// A document that is no map, or has no `kind`.
    #[error("{0}")]
    NoObject(String),
    /// The text is not YAML.
    #[error("{0}")]
    Yaml(String),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct StrictError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Which document of the file, from 0.
    pub document: usize,
    /// What is wrong.
    pub problem: Problem,
}

impl StrictError {
    /// The message upstream's strict reader gives for this problem.
    #[must_use]
    pub fn upstream(&self) -> String {
        match &self.problem {
            Problem::UnknownField { field, .. } => format!("json: unknown field {field:?}"),
            Problem::DuplicateField { field, .. } => {
                format!("yaml: unmarshal errors:\n  line {}: key {field:?} already set in map", self.line)
            }
            Problem::WrongType { upstream, .. } => upstream.clone(),
            other => other.to_string(),
        }
    }

    /// The message an API server gives for this problem under strict field validation: `unknown field "spec.foo"`.
    #[must_use]
    pub fn server(&self) -> String {
        match &self.problem {
            Problem::UnknownField { path, .. } => format!("unknown field {path:?}"),
            Problem::DuplicateField { path, .. } => format!("duplicate field {path:?}"),
            other => other.to_string(),
        }
    }
}

/// One object of a manifest, with the places of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The object.
    pub object: Object,
    /// Which document of the file, from 0; the items of a `List` share theirs.
    pub index: usize,
    source: Arc<yaml::Document>,
    prefix: String,
}

impl Document {
    /// Line and column, both from 1, of a part of the object: a JSON pointer (`/spec/templates/0/name`) or a path (`spec.templates[0].name`).
    /// A part that is not written has the place of the nearest one around it.
    #[must_use]
    pub fn place(&self, path: &str) -> (usize, usize) {
        let mut pointer = self.prefix.clone();
        if path.starts_with('/') || path.is_empty() {
            pointer.push_str(path);
        } else {
            pointer.push_str(&pointer_of(path));
        }
        nearest_place(&self.source, &pointer)
    }
}

/// `spec.templates[0].name` as a JSON pointer.
fn pointer_of(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split('.') {
        let mut names = part.split('[');
        pointer.push('/');
        pointer.push_str(&names.next().unwrap_or_default().replace('~', "~0").replace('/', "~1"));
        for index in names {
            pointer.push('/');
            pointer.push_str(index.trim_end_matches(']'));
        }
    }
    pointer
}

fn nearest_place(document: &yaml::Document, pointer: &str) -> (usize, usize) {
    let mut pointer = pointer;
    loop {
        match (document.place(pointer), pointer.rfind('/')) {
            (Some(place), _) => return place,
            (None, Some(cut)) => pointer = pointer.get(..cut).unwrap_or_default(),
            (None, None) => return (1, 1),
        }
    }
}

/// What was read of a manifest: the objects that could be, and every problem.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Objects, in order. One with unknown fields is here too; one with values of the wrong type is not.
    pub documents: Vec<Document>,
    /// Problems, in order of place.
    pub errors: Vec<StrictError>,
}

/// Reads all objects of a manifest; the items of lists are objects of their own.
///
/// # Errors
/// Every problem of the whole text, in order of place.
pub fn documents(text: &str, file: &str) -> Result<Vec<Document>, Vec<StrictError>> {
    let reading = read(text, file);
    if reading.errors.is_empty() { Ok(reading.documents) } else { Err(reading.errors) }
}

/// Reads what can be read of a manifest, and reports the rest.
#[must_use]
pub fn read(text: &str, file: &str) -> Reading {
    let mut reading = Reading::default();
    let sources = match yaml::parse(text, Duplicates::Collect) {
        Ok(sources) => sources,
        Err(error) => {
            let (line, column) = error.place().unwrap_or((1, 1));
            let problem = Problem::Yaml(match error {
                YamlError::Syntax { message, .. } | YamlError::Unsupported { message, .. } => message,
                other => other.to_string(),
            });
            reading.errors.push(StrictError { file: file.to_owned(), line, column, document: 0, problem });
            return reading;
        }
    };
    for (index, source) in sources.into_iter().enumerate() {
        one(source, index, file, &mut reading);
    }
    reading.errors.sort_by_key(|e| (e.line, e.column));
    reading
}

fn one(source: yaml::Document, index: usize, file: &str, reading: &mut Reading) {
    let source = Arc::new(source);
    let report = |pointer: &str, problem: Problem| {
        let (line, column) = nearest_place(&source, pointer);
        StrictError { file: file.to_owned(), line, column, document: index, problem }
    };
    for duplicate in source.duplicates() {
        let problem = Problem::DuplicateField { path: path_of(&duplicate.pointer), field: duplicate.key.clone() };
        reading.errors.push(StrictError {
            file: file.to_owned(),
            line: duplicate.line,
            column: duplicate.column,
            document: index,
            problem,
        });
    }
    let mut objects = Vec::new();
    match source.value.get("items") {
        Some(Value::Array(items)) if source.value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List")) => {
            objects.extend(items.iter().enumerate().map(|(item, value)| (format!("/items/{item}"), value.clone())));
        }
        _ => objects.push((String::new(), source.value.clone())),
    }
    for (prefix, mut value) in objects {
        let Some(kind) = value.get("kind").and_then(Value::as_str).map(str::to_owned) else {
            let what = if value.is_object() {
                "the document has no kind: every object says apiVersion and kind"
            } else {
                "the document is no object"
            };
            reading.errors.push(report(&prefix, Problem::NoObject(what.to_owned())));
            continue;
        };
        let ours = crate::object::is_ours(value.get("apiVersion").and_then(Value::as_str).unwrap_or_default());
        let mut found = Vec::new();
        if ours && let Some(shape) = checked(&kind) {
            found = walk::check(&mut value, shape, true);
        }
        let readable = !found.iter().any(|(_, problem)| matches!(problem, Problem::WrongType { .. } | Problem::Malformed { .. }));
        reading.errors.extend(found.into_iter().map(|(pointer, problem)| report(&format!("{prefix}{pointer}"), problem)));
        if !readable {
            continue;
        }
        match Object::from_value(value) {
            Ok(object) => reading.documents.push(Document { object, index, source: source.clone(), prefix }),
            Err(error) => {
                reading.errors.push(report(&prefix, Problem::Malformed { path: kind, message: error.to_string() }));
            }
        }
    }
}

/// The shape of kinds whose every field is known.
fn checked(kind: &str) -> Option<Shape> {
    (kind != "Rollout").then(|| crate::object::shape_of(kind)).flatten()
}

/// A JSON pointer as a path: `spec.templates[0].name`.
fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part);
        }
    }
    path
}

/// What is wrong with a JSON value of a known type, as pointer and problem. Numbers and booleans where a text belongs, and names with wrong
/// capitals, are wrong here, as they are for an API server; in YAML they are put right.
#[must_use]
pub fn check<T: Described>(value: &Value) -> Vec<(String, Problem)> {
    walk::check(&mut value.clone(), T::shape(), false)
}

/// Reads a YAML value as a type: numbers and booleans become texts where the type has a text, and names with wrong capitals are put right, as
/// sigs.k8s.io/yaml does. Unknown fields are kept.
///
/// # Errors
/// The first problem that keeps the value from being read.
pub fn from_yaml_value<T: Described + serde::de::DeserializeOwned>(mut value: Value) -> Result<T, Problem> {
    let wrong = walk::check(&mut value, T::shape(), true);
    if let Some((_, problem)) =
        wrong.into_iter().find(|(_, problem)| matches!(problem, Problem::WrongType { .. } | Problem::Malformed { .. }))
    {
        return Err(problem);
    }
    serde_json::from_value(value).map_err(|e| Problem::Malformed { path: T::shape().type_name().to_owned(), message: e.to_string() })
}

#[cfg(test)]
mod tests;
