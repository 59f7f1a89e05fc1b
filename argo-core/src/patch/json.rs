//! JSON patch (RFC 6902), with the habits of the Go library that Kubernetes uses: negative indices count from the end, `replace` of a map's key
//! that is not there adds it, `copy` of one that is not there copies null.
//!
//! ```
//! use serde_json::json;
//!
//! let mut doc = json!({"a": [1, 2]});
//! let patch = argo_core::patch::json::parse(&json!([{"op": "add", "path": "/a/-", "value": 3}])).unwrap();
//! argo_core::patch::json::apply(&mut doc, &patch).unwrap();
//! assert_eq!(doc, json!({"a": [1, 2, 3]}));
//! ```

use serde_json::{Map, Value};

/// How many bytes, about, all `copy` operations of a patch may add: as API servers have it. Each could double the document.
const MOST_COPIED: usize = 3 * 1024 * 1024;

/// One operation, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// `add`, `remove`, `replace`, `move`, `copy` or `test`.
    pub op: String,
    /// Where.
    pub path: Option<String>,
    /// From where, for `move` and `copy`.
    pub from: Option<String>,
    /// With what; null where nothing is given.
    pub value: Value,
}

/// Why a JSON patch cannot be read or applied. Messages are those of the Go library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// The patch is no list of maps.
    #[error("json: cannot unmarshal {found} into Go value of type jsonpatch.{wanted}")]
    Shape {
        /// What it is, in Go's words.
        found: &'static str,
        /// What it must be: `Patch`, a list, or `Operation`, a map.
        wanted: &'static str,
    },
    /// The operation has no such field, or it is no text.
    #[error("{op} operation failed to decode {field}: missing value")]
    Field {
        /// The operation.
        op: String,
        /// The field.
        field: &'static str,
    },
    /// There is no such operation.
    #[error("Unexpected kind: {0}")]
    Kind(String),
    /// The path leads through something that is not there.
    #[error("{op} operation does not apply: {what}: {path}: missing value")]
    Missing {
        /// The operation.
        op: String,
        /// Which path is missing.
        what: &'static str,
        /// The path, as Go prints it.
        path: String,
    },
    /// The last part of the path does not fit what is there.
    #[error("error in {op} for {what}: '{path}': {problem}")]
    Place {
        /// The operation.
        op: String,
        /// Which path: `path` or `from`.
        what: &'static str,
        /// The path, or its last part.
        path: String,
        /// Why.
        problem: PlaceProblem,
    },
    /// The value that was copied does not fit where it should go.
    #[error("error while adding value during copy: {0}")]
    CopyPlace(PlaceProblem),
    /// The whole document can only be replaced by a map or list.
    #[error("replace operation value must be object or array")]
    Root,
    /// What is copied adds up to more than a document may hold.
    #[error("Unable to complete the copy, the accumulated size increase of copy is limited to {MOST_COPIED} bytes")]
    Copies,
    /// A `test` did not hold.
    #[error("testing value {0} failed: test failed")]
    Test(String),
}

/// Why a key or index does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceProblem {
    /// A map has no such key.
    #[error("Unable to remove nonexistent key: {0}: missing value")]
    Key(String),
    /// A list has no such index.
    #[error("Unable to access invalid index: {0}: invalid index referenced")]
    Index(i64),
    /// The key of a list is no number.
    #[error("strconv.Atoi: parsing {0:?}: invalid syntax")]
    NoIndex(String),
    /// The key under which something is to be added to a list is no number.
    #[error("value was not a proper array index: '{0}': strconv.Atoi: parsing {0:?}: invalid syntax")]
    NoNewIndex(String),
}

/// Reads a patch.
///
/// # Errors
/// When it is no list of maps.
pub fn parse(patch: &Value) -> Result<Vec<Operation>, JsonPatchError> {
    let operations = match patch {
        Value::Array(operations) => operations,
        Value::Null => return Ok(Vec::new()),
        other => return Err(JsonPatchError::Shape { found: kind(other), wanted: "Patch" }),
    };
    let text = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    operations
        .iter()
        .map(|operation| match operation {
            Value::Object(map) => Ok(Operation {
                op: text(map, "op").unwrap_or_else(|| "unknown".to_owned()),
                path: text(map, "path"),
                from: text(map, "from"),
                value: map.get("value").cloned().unwrap_or_default(),
            }),
            other => Err(JsonPatchError::Shape { found: kind(other), wanted: "Operation" }),
        })
        .collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Applies all operations in order; the document is unchanged where one fails.
///
/// # Errors
/// When an operation does not apply, a test does not hold, or `copy` makes the document too large.
pub fn apply(document: &mut Value, patch: &[Operation]) -> Result<(), JsonPatchError> {
    let mut changed = document.clone();
    let mut copied = 0_usize;
    for operation in patch {
        operation.apply(&mut changed, &mut copied)?;
    }
    *document = changed;
    Ok(())
}

/// Whether two documents are the same to the Go library: null is as good as an empty map, and as an empty list where it comes second.
#[must_use]
pub fn equal(a: &Value, b: &Value) -> bool {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    match (a, b) {
        (Value::Null, other) => other.is_null() || empty(other),
        (other, Value::Null) => empty(other) || other.as_array().is_some_and(Vec::is_empty),
        _ => a == b,
    }
}

/// Why something could not be added, before it is known how that is reported.
enum Fault {
    Patch(JsonPatchError),
    Place(PlaceProblem),
}

impl Fault {
    fn named(self, name: impl FnOnce(PlaceProblem) -> JsonPatchError) -> JsonPatchError {
        match self {
            Self::Patch(error) => error,
            Self::Place(problem) => name(problem),
        }
    }
}

impl Operation {
    fn apply(&self, document: &mut Value, copied: &mut usize) -> Result<(), JsonPatchError> {
        match self.op.as_str() {
            "add" => {
                let path = self.path()?;
                self.add(document, path, self.value.clone(), "doc is missing path", true)
                    .map_err(|fault| fault.named(|problem| self.place("path", path, problem)))
            }
            "remove" => {
                let path = self.path()?;
                let (parent, key) = self.parent(document, path, "doc is missing path", true)?;
                remove(parent, &key).map(drop).map_err(|problem| self.place("path", path, problem))
            }
            "replace" => self.replace(document),
            "move" => {
                let from = self.from()?;
                let (parent, key) = self.parent(document, from, "doc is missing from path", false)?;
                let value = remove(parent, &key).map_err(|problem| self.place("path", &key, problem))?;
                let path = self.path()?;
                self.add(document, path, value, "doc is missing destination path", false)
                    .map_err(|fault| fault.named(|problem| self.place("path", path, problem)))
            }
            "copy" => {
                let from = self.from()?;
                let (parent, key) = self.parent(document, from, "doc is missing from path", false)?;
                let value = get(parent, &key).map_err(|problem| self.place("from", from, problem))?.cloned().unwrap_or_default();
                *copied = copied.saturating_add(size(&value));
                if *copied > MOST_COPIED {
                    return Err(JsonPatchError::Copies);
                }
                self.add(document, self.path()?, value, "doc is missing destination path", false)
                    .map_err(|fault| fault.named(JsonPatchError::CopyPlace))
            }
            "test" => self.test(document),
            other => Err(JsonPatchError::Kind(other.to_owned())),
        }
    }

    fn path(&self) -> Result<&str, JsonPatchError> {
        self.path.as_deref().ok_or_else(|| JsonPatchError::Field { op: self.op.clone(), field: "path" })
    }

    fn from(&self) -> Result<&str, JsonPatchError> {
        self.from.as_deref().ok_or_else(|| JsonPatchError::Field { op: self.op.clone(), field: "from" })
    }

    fn place(&self, what: &'static str, path: &str, problem: PlaceProblem) -> JsonPatchError {
        JsonPatchError::Place { op: self.op.clone(), what, path: path.to_owned(), problem }
    }

    /// The map or list that the last part of a path is in, and that part. The Go library quotes the path in the messages of some operations.
    fn parent<'d>(
        &self,
        document: &'d mut Value,
        path: &str,
        what: &'static str,
        quoted: bool,
    ) -> Result<(&'d mut Value, String), JsonPatchError> {
        let shown = || if quoted { format!("\"{path}\"") } else { path.to_owned() };
        let missing = || JsonPatchError::Missing { op: self.op.clone(), what, path: shown() };
        let (parents, last) = path.rsplit_once('/').ok_or_else(missing)?;
        let mut here = document;
        for part in parents.split('/').skip(1) {
            let part = decode(part);
            here = match here {
                Value::Object(map) => map.get_mut(&part),
                Value::Array(list) => index(&part, list.len(), 0).ok().and_then(|index| list.get_mut(index)),
                _ => None,
            }
            .ok_or_else(missing)?;
        }
        if here.is_object() || here.is_array() { Ok((here, decode(last))) } else { Err(missing()) }
    }

    fn add(&self, document: &mut Value, path: &str, value: Value, what: &'static str, quoted: bool) -> Result<(), Fault> {
        let (parent, key) = self.parent(document, path, what, quoted).map_err(Fault::Patch)?;
        match parent {
            Value::Object(map) => {
                map.insert(key, value);
            }
            Value::Array(list) if key == "-" => list.push(value),
            Value::Array(list) => {
                let at = index(&key, list.len(), 1).map_err(|problem| match problem {
                    PlaceProblem::NoIndex(key) => Fault::Place(PlaceProblem::NoNewIndex(key)),
                    other => Fault::Place(other),
                })?;
                list.insert(at.min(list.len()), value);
            }
            _ => {}
        }
        Ok(())
    }

    fn replace(&self, document: &mut Value) -> Result<(), JsonPatchError> {
        let path = self.path()?;
        if path.is_empty() {
            if !self.value.is_object() && !self.value.is_array() {
                return Err(JsonPatchError::Root);
            }
            *document = self.value.clone();
            return Ok(());
        }
        let (parent, key) = self.parent(document, path, "doc is missing path", false)?;
        match parent {
            Value::Object(map) => {
                map.insert(key, self.value.clone());
            }
            Value::Array(list) => {
                let slot = index(&key, list.len(), 0).ok().and_then(|index| list.get_mut(index));
                let missing = || JsonPatchError::Missing { op: self.op.clone(), what: "doc is missing key", path: path.to_owned() };
                *slot.ok_or_else(missing)? = self.value.clone();
            }
            _ => {}
        }
        Ok(())
    }

    fn test(&self, document: &mut Value) -> Result<(), JsonPatchError> {
        let path = self.path()?;
        let null = Value::Null;
        let found = if path.is_empty() {
            &*document
        } else {
            let (parent, key) = self.parent(document, path, "is missing path", false)?;
            get(parent, &key).map_err(|problem| self.place("path", path, problem))?.unwrap_or(&null)
        };
        if *found == self.value { Ok(()) } else { Err(JsonPatchError::Test(path.to_owned())) }
    }
}

/// About as many bytes as the value takes as JSON.
fn size(value: &Value) -> usize {
    let text = |text: &str| text.len().saturating_add(3);
    match value {
        Value::String(s) => text(s),
        Value::Array(list) => list.iter().map(size).fold(2, usize::saturating_add),
        Value::Object(map) => map.iter().map(|(key, value)| text(key).saturating_add(size(value))).fold(2, usize::saturating_add),
        _ => 5,
    }
}

fn decode(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// An index of a list of `length`, where `beyond` more may be named; negative ones count from the end.
fn index(key: &str, length: usize, beyond: usize) -> Result<usize, PlaceProblem> {
    let number: i64 = key.parse().map_err(|_| PlaceProblem::NoIndex(key.to_owned()))?;
    let most = length.saturating_add(beyond);
    let index = if number < 0 {
        most.checked_sub(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX))
    } else {
        usize::try_from(number).ok().filter(|index| *index < most)
    };
    index.ok_or(PlaceProblem::Index(number))
}

fn get<'v>(parent: &'v Value, key: &str) -> Result<Option<&'v Value>, PlaceProblem> {
    match parent {
        Value::Array(list) => index(key, list.len(), 0).map(|index| list.get(index)),
        other => Ok(other.get(key)),
    }
}

fn remove(parent: &mut Value, key: &str) -> Result<Value, PlaceProblem> {
    match parent {
        Value::Array(list) => index(key, list.len(), 0).map(|index| list.remove(index)),
        Value::Object(map) => map.remove(key).ok_or_else(|| PlaceProblem::Key(key.to_owned())),
        _ => Err(PlaceProblem::Key(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(doc: Value, patch: Value) -> Result<Value, String> {
        let mut doc = doc;
        let patch = parse(&patch).map_err(|e| e.to_string())?;
        apply(&mut doc, &patch).map_err(|e| e.to_string())?;
        Ok(doc)
    }

    #[test]
    fn operations() {
        let doc = json!({"a": [1, {"b/c": 2}]});
        assert_eq!(run(doc.clone(), json!([{"op": "add", "path": "/a/-1", "value": 0}])), Ok(json!({"a": [1, {"b/c": 2}, 0]})));
        assert_eq!(run(doc.clone(), json!([{"op": "move", "from": "/a/1/b~1c", "path": "/x"}])), Ok(json!({"a": [1, {}], "x": 2})));
        assert_eq!(run(doc.clone(), json!([{"op": "test", "path": "/a/0", "value": 1}])), Ok(doc.clone()));
        assert_eq!(
            run(doc.clone(), json!([{"op": "remove", "path": "/a/9"}])),
            Err("error in remove for path: '/a/9': Unable to access invalid index: 9: invalid index referenced".to_owned())
        );
        assert_eq!(
            run(doc, json!([{"op": "replace", "path": "", "value": 1}])),
            Err("replace operation value must be object or array".to_owned())
        );
    }
}
