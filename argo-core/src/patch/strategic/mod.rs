//! Strategic merge patch: maps merge, and lists whose type says so merge by a key instead of being replaced.
//!
//! What merges how is said by the type: see [`Shape::of_kind`]. Kinds of this project, and of Kubernetes' core, apps, batch, networking, policy
//! and rbac groups, are known; so are types such as `PodSpec`.
//!
//! ```
//! use argo_core::describe::Shape;
//! use argo_core::patch::strategic;
//! use serde_json::json;
//!
//! let deployment = Shape::of_kind("Deployment").unwrap();
//! let old = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "a"}]}}}});
//! let new = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "b"}]}}}});
//! let patch = strategic::two_way(deployment, &old, &new).unwrap();
//! let mut patched = old.clone();
//! strategic::apply_as(deployment, &mut patched, &patch).unwrap();
//! assert_eq!(patched, new);
//! ```

use serde_json::{Map, Value};

use crate::describe::{Described, Merge, Shape, Strategy};
use crate::go;
use crate::workflows::{Template, WorkflowSpec};

mod conflict;
mod diff;
mod lists;
mod merge;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_PRIMITIVES: &str = "$deleteFromPrimitiveList";
const ELEMENT_ORDER: &str = "$setElementOrder";

type Object = Map<String, Value>;

/// Why a strategic merge patch cannot be made or applied. Messages are Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategicError {
    /// A document that is no map.
    #[error("invalid JSON document")]
    Document,
    /// A map or list under a name that the type does not have.
    #[error("unable to find api field in struct {owner} for the json field {field:?}")]
    UnknownField {
        /// The type.
        owner: &'static str,
        /// The name.
        field: String,
    },
    /// An element of a list that merges by key lacks the key.
    #[error("map: {element} does not contain declared merge key: {key}")]
    NoMergeKey {
        /// The element, as Go prints it.
        element: String,
        /// The key.
        key: String,
    },
    /// A `$patch` that is neither `replace` nor `delete`.
    #[error("unknown patch type: {directive} in map: {map}")]
    Directive {
        /// The directive.
        directive: String,
        /// The map it is in, as Go prints it.
        map: String,
    },
    /// `$patch: merge` in a list.
    #[error("merging lists cannot yet be specified in the patch")]
    MergeDirective,
    /// `$setElementOrder` is no list, or does not fit the list it orders.
    #[error("invalid patch format of setElementOrder list")]
    ElementOrder,
    /// The patch list is not in the order that `$setElementOrder` gives.
    #[error("The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n")]
    OrderMismatch {
        /// The patch list, as Go prints it.
        patch: String,
        /// The order, as Go prints it.
        order: String,
    },
    /// `$retainKeys` is no list, or lacks a field that the patch sets.
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    /// `$deleteFromPrimitiveList` is no list.
    #[error("invalid patch format of primitive list")]
    PrimitiveList,
    /// A list with elements of several types.
    #[error("list element types are not identical: {0}")]
    MixedList(String),
    /// A list of lists.
    #[error("lists of lists are not supported")]
    ListOfLists,
    /// A list of maps whose type has no merge key.
    #[error("cannot merge lists without merge key for {0}")]
    NoKey(&'static str),
    /// Somebody else changed what the patch changes.
    #[error("patch:\n{patch}\nconflicts with changes made from original to current:\n{changes}\n")]
    Conflict {
        /// The patch, as YAML.
        patch: String,
        /// The other changes, as YAML.
        changes: String,
    },
}

/// Changes a document of a known type as the patch says; the document is unchanged where that fails.
///
/// # Errors
/// When the patch does not fit the type or itself.
pub fn apply_as(shape: Shape, document: &mut Value, patch: &Value) -> Result<(), StrategicError> {
    *document = Value::Object(merge::map(object(document)?, object(patch)?, shape, merge::Mode::Apply)?);
    Ok(())
}

/// As [`apply_as`] for a document of which only its fields are known: a pod's spec, a container, a pod template, a workflow's template or spec, or
/// an object that says its kind. A patch that fits none of them merges maps and replaces lists; one that fails changes nothing.
///
/// ```
/// let mut pod = serde_json::json!({"containers": [{"name": "main", "image": "a"}]});
/// argo_core::patch::strategic::apply(&mut pod, &serde_json::json!({"containers": [{"name": "main", "tty": true}]}));
/// assert_eq!(pod, serde_json::json!({"containers": [{"name": "main", "image": "a", "tty": true}]}));
/// ```
pub fn apply(target: &mut Value, patch: &Value) {
    let shape = guess(target, patch);
    // The signature is that of the merge patch beside it; who wants to know why uses `apply_as`.
    let _ = apply_as(shape, target, patch);
}

/// The type that has most of the fields of both, if it has any.
fn guess(target: &Value, patch: &Value) -> Shape {
    let kind = target.get("kind").or_else(|| patch.get("kind")).and_then(Value::as_str);
    if let Some(shape) = kind.and_then(Shape::of_kind) {
        return shape;
    }
    let kube = |name| crate::k8s::find(name).map(Shape::Kube);
    let candidates = [kube("PodSpec"), kube("Container"), kube("PodTemplateSpec"), Some(Template::shape()), Some(WorkflowSpec::shape())];
    let (mut best, mut most) = (Shape::Any, 0);
    for shape in candidates.into_iter().flatten() {
        let keys = [target, patch].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
        let known = keys.filter(|key| shape.field(key.rsplit_once('/').map_or(key.as_str(), |(_, name)| name)).is_some()).count();
        if known > most {
            (best, most) = (shape, known);
        }
    }
    best
}

/// The patch that turns `original` into `modified`.
///
/// # Errors
/// When a document is no map, a list lacks its merge keys, or a field that differs is not one of the type.
pub fn two_way(shape: Shape, original: &Value, modified: &Value) -> Result<Value, StrategicError> {
    let options = diff::Options { element_order: true, ..diff::Options::default() };
    diff::maps(&object(original)?, &object(modified)?, shape, options).map(Value::Object)
}

/// The patch that brings the changes from `original` to `modified` into `current`: what was removed is removed, what is wanted is set, and what
/// others added stays. Without `overwrite`, a field that was changed differently since `original` is a conflict.
///
/// # Errors
/// As [`two_way`], and for conflicts.
pub fn three_way(shape: Shape, original: &Value, modified: &Value, current: &Value, overwrite: bool) -> Result<Value, StrategicError> {
    let (original, modified, current) = (object(original)?, object(modified)?, object(current)?);
    let additions = diff::Options { element_order: true, ignore_deletions: true, ..diff::Options::default() };
    let deletions = diff::Options { element_order: true, ignore_additions: true, ..diff::Options::default() };
    let delta = diff::maps(&current, &modified, shape, additions)?;
    let removed = diff::maps(&original, &modified, shape, deletions)?;
    let patch = merge::map(removed, delta, shape, merge::Mode::Combine)?;
    if !overwrite {
        let changes = diff::maps(&original, &current, shape, diff::Options::default())?;
        if conflict::maps(&patch, &changes, shape)? {
            let yaml = |map: Object| crate::yaml::to_string(&Value::Object(map)).unwrap_or_default();
            return Err(StrategicError::Conflict { patch: yaml(patch), changes: yaml(changes) });
        }
    }
    Ok(Value::Object(patch))
}

fn object(value: &Value) -> Result<Object, StrategicError> {
    match value {
        Value::Object(map) => Ok(map.clone()),
        Value::Null => Ok(Object::new()),
        _ => Err(StrategicError::Document),
    }
}

/// What a field holds (of a list: what its elements hold), and how it merges.
fn lookup(shape: Shape, name: &str) -> Result<(Shape, Merge), StrategicError> {
    let (inner, merge) = match shape {
        Shape::Struct(_) | Shape::Kube(_) => {
            let missing = || StrategicError::UnknownField { owner: shape.type_name(), field: name.to_owned() };
            let field = shape.field(name).ok_or_else(missing)?;
            (field.shape, field.merge)
        }
        // Go has no answer here; a map whose values are structs merges value by value.
        Shape::Map(inner) => (inner.get(), Merge::default()),
        _ => (Shape::Any, Merge::default()),
    };
    Ok(match inner {
        Shape::List(element) => (element.get(), merge),
        other => (other, merge),
    })
}

/// The key by which the elements of a list merge; `None` where the list does not merge, empty for plain values.
fn merge_key(merge: Merge) -> Option<&'static str> {
    match merge.strategy {
        Strategy::Key(key) => Some(key),
        Strategy::Set => Some(""),
        Strategy::Default | Strategy::Replace => None,
    }
}

fn no_merge_key(element: &Object, key: &str) -> StrategicError {
    StrategicError::NoMergeKey { element: go::print_map(element), key: key.to_owned() }
}

/// Whether two values have the same type in Go's eyes: whole numbers and fractions differ.
fn same_type(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.is_f64() == b.is_f64(),
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

#[cfg(test)]
mod tests;
