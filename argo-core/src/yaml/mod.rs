//! YAML as the Kubernetes tools read it (sigs.k8s.io/yaml): YAML 1.1 scalars, every key a string, a stream of documents.
//!
//! ```
//! let documents = argo_core::yaml::parse_documents("a: yes\n---\nb: [1, 2]\n").unwrap();
//! assert_eq!(documents[0].value, serde_json::json!({"a": true}));
//! assert_eq!(documents[1].place("/b/1"), Some((3, 8)));
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Map, Value};

mod scalar;
mod write;

pub use write::to_string;

/// Deepest nesting that is read: what the stack of a thread with 2 MB holds in a build without optimisation.
const MOST_DEPTH: usize = 200;
/// How many values aliases may add to a document, so that a small text cannot become a huge object.
const MOST_COPIES: usize = 100_000;

/// A text that is not YAML, or not YAML that Kubernetes tools accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text is not YAML.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The same key stands twice in one mapping.
    #[error("line {line}, column {column}: key {key:?} already set in map")]
    DuplicateKey {
        /// Line of the second one, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The key.
        key: String,
    },
    /// A value that JSON cannot hold, or a key that is a list or map.
    #[error("line {line}, column {column}: {message}")]
    Unsupported {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, with a hint.
        message: String,
    },
    /// The value does not have the shape that was asked for.
    #[error("{0}")]
    Shape(String),
}

impl YamlError {
    /// Line and column, both from 1, where the error has a place.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::Syntax { line, column, .. } | Self::DuplicateKey { line, column, .. } | Self::Unsupported { line, column, .. } => {
                Some((*line, *column))
            }
            Self::Shape(_) => None,
        }
    }
}

/// What is done about a key that stands twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// The last one wins, as lenient readers have it.
    #[default]
    LastWins,
    /// It is an error, as strict readers have it.
    Refuse,
    /// The last one wins, and all are listed in [`Document::duplicates`].
    Collect,
}

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its value.
    pub value: Value,
    places: BTreeMap<String, (usize, usize)>,
    duplicates: Vec<Duplicate>,
}

/// A key that stands twice in one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// JSON pointer of the value.
    pub pointer: String,
    /// The key.
    pub key: String,
    /// Line of the second one, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl Document {
    /// Line and column, both from 1, of the value at a JSON pointer; of its key where it has one.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<(usize, usize)> {
        self.places.get(pointer).copied()
    }

    /// Keys that stand twice, where the reader was told to list them.
    #[must_use]
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }
}

/// Reads all documents of a stream; empty ones are left out.
///
/// # Errors
/// When the text is not YAML, nests too deeply, or holds what JSON cannot.
pub fn parse_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    parse(text, Duplicates::LastWins)
}

/// Reads all documents of a stream, with a choice about keys that stand twice.
///
/// # Errors
/// As [`parse_documents`], and for duplicate keys if they are refused.
pub fn parse(text: &str, duplicates: Duplicates) -> Result<Vec<Document>, YamlError> {
    refuse_other_versions(text)?;
    // Comments are no values; whether the parser can tell of them depends on what else is in the program.
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: BTreeMap::new(),
        places: BTreeMap::new(),
        copies: 0,
        duplicates,
        found: Vec::new(),
        pointer: String::new(),
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::DocumentStart(..) => {}
            other => {
                let value = reader.value(other, span, 0)?;
                let places = std::mem::take(&mut reader.places);
                let duplicates = std::mem::take(&mut reader.found);
                if !value.is_null() {
                    documents.push(Document { value, places, duplicates });
                }
                reader.anchors.clear();
            }
        }
    }
    Ok(documents)
}

/// Kubernetes' tools read YAML 1.1 and refuse a text that says it is something else.
fn refuse_other_versions(text: &str) -> Result<(), YamlError> {
    for (index, line) in text.lines().enumerate().take_while(|(_, line)| line.is_empty() || line.starts_with(['%', '#'])) {
        if line.strip_prefix("%YAML").is_some_and(|version| version.trim() != "1.1") {
            let message = "found incompatible YAML document: remove the %YAML line, or say 1.1".to_owned();
            return Err(YamlError::Unsupported { line: index.saturating_add(1), column: 1, message });
        }
    }
    Ok(())
}

/// Reads one document into a type.
///
/// # Errors
/// When the text is not YAML, or its first document does not have the type's shape.
pub fn from_str<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let value = parse_documents(text)?.into_iter().next().map_or(Value::Null, |d| d.value);
    serde_json::from_value(value).map_err(|e| YamlError::Shape(e.to_string()))
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, Value>,
    places: BTreeMap<String, (usize, usize)>,
    copies: usize,
    duplicates: Duplicates,
    found: Vec<Duplicate>,
    pointer: String,
}

fn place(span: &Span) -> (usize, usize) {
    (span.start.line(), span.start.col().saturating_add(1))
}

fn unsupported<T>(span: &Span, message: impl Into<String>) -> Result<T, YamlError> {
    let (line, column) = place(span);
    Err(YamlError::Unsupported { line, column, message: message.into() })
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, YamlError> {
        self.parser.next_event().transpose().map_err(|e| {
            let at = *e.marker();
            YamlError::Syntax { line: at.line(), column: at.col().saturating_add(1), message: e.info() }
        })
    }

    fn must(&mut self, span: &Span) -> Result<(Event<'t>, Span), YamlError> {
        match self.next()? {
            Some(next) => Ok(next),
            None => unsupported(span, "the document ends in the middle"),
        }
    }

    fn value(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Value, YamlError> {
        if depth > MOST_DEPTH {
            return unsupported(&span, format!("nested more than {MOST_DEPTH} levels deep"));
        }
        self.places.entry(self.pointer.clone()).or_insert_with(|| place(&span));
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_ref().map(|t| t.to_string());
                let value = scalar::resolve(&text, style == ScalarStyle::Plain, tag.as_deref());
                (anchor, value.or_else(|message| unsupported(&span, message))?)
            }
            Event::Alias(id) => {
                let value = match self.anchors.get(&id) {
                    Some(value) => value.clone(),
                    None => return unsupported(&span, "an alias inside its own anchor"),
                };
                self.copies = self.copies.saturating_add(size(&value));
                if self.copies > MOST_COPIES {
                    return unsupported(&span, "aliases make this document too large");
                }
                (0, value)
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence(span, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(span, depth)?),
            Event::UnresolvedAlias(name) => return unsupported(&span, format!("unknown anchor {name:?}")),
            _ => return unsupported(&span, "a value was expected here"),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, start: Span, depth: usize) -> Result<Value, YamlError> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.must(&start)?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(list));
            }
            let length = self.pointer.len();
            self.pointer.push('/');
            self.pointer.push_str(&list.len().to_string());
            list.push(self.value(event, span, depth.saturating_add(1))?);
            self.pointer.truncate(length);
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Value, YamlError> {
        let mut map = Map::new();
        loop {
            let (event, span) = self.must(&start)?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = self.key(event, &span, depth)?;
            let length = self.pointer.len();
            self.pointer.push('/');
            self.pointer.push_str(&escape(&key));
            self.places.insert(self.pointer.clone(), place(&span));
            let (event, value_span) = self.must(&start)?;
            let value = self.value(event, value_span, depth.saturating_add(1))?;
            self.pointer.truncate(length);
            if is_merge {
                self.merge(value, &mut map, &span)?;
                continue;
            }
            if self.duplicates != Duplicates::LastWins && map.contains_key(&key) {
                let (line, column) = place(&span);
                if self.duplicates == Duplicates::Refuse {
                    return Err(YamlError::DuplicateKey { line, column, key });
                }
                let pointer = format!("{}/{}", self.pointer, escape(&key));
                self.found.push(Duplicate { pointer, key: key.clone(), line, column });
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    // Merged keys override what stood before them, and what comes after overrides them; strict readers take the latter for a key that stands twice,
    // all as go-yaml has it.
    fn merge(&mut self, value: Value, map: &mut Map<String, Value>, span: &Span) -> Result<(), YamlError> {
        let sources = match value {
            Value::Array(list) => list,
            other => vec![other],
        };
        for source in sources.into_iter().rev() {
            let Value::Object(source) = source else {
                return unsupported(span, "map merge requires map or sequence of maps as the value");
            };
            for (key, value) in source {
                if self.duplicates == Duplicates::Refuse && map.contains_key(&key) {
                    let (line, column) = place(span);
                    return Err(YamlError::DuplicateKey { line, column, key });
                }
                map.insert(key, value);
            }
        }
        Ok(())
    }

    // Keys that are no strings become their JSON text, as sigs.k8s.io/yaml does: `yes:` is the key "true".
    fn key(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<String, YamlError> {
        // The mapping's own place stands already, so reading the key as a value cannot move it.
        let value = self.value(event, *span, depth)?;
        match value {
            Value::String(text) => Ok(text),
            Value::Null => unsupported(span, "a key must not be null: quote it if it is text"),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                unsupported(span, "a key must be a plain value, not a list or a map: quote it if it is text")
            }
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(size).fold(1, usize::saturating_add),
        Value::Object(map) => map.values().map(size).fold(1, usize::saturating_add),
        _ => 1,
    }
}

fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { Cow::Owned(key.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(key) }
}
