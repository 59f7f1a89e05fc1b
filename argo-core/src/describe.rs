//! What the types of the API look like: field names, what they hold, how they merge, and a sentence about each. Strict parsing, strategic merge
//! patches, CRD schemas and field completion all read this.
//!
//! ```
//! use argo_core::describe::Described;
//! use argo_core::workflows::Workflow;
//!
//! let spec = Workflow::shape().field("spec").unwrap();
//! let entrypoint = spec.shape.field("entrypoint").unwrap();
//! assert_eq!(entrypoint.shape.type_name(), "string");
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

use crate::k8s::{self, KubeStruct};

/// A type whose parts are known.
pub trait Described {
    /// What it holds.
    fn shape() -> Shape;
}

/// What a value holds.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text.
    String,
    /// A text that may be written as a number or boolean.
    AnyString,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An RFC 3339 time.
    Time,
    /// A Kubernetes quantity such as `500m`.
    Quantity,
    /// A whole number or a text.
    IntOrString,
    /// Bytes, in base64.
    Bytes,
    /// Anything at all.
    Any,
    /// A list.
    List(Inner),
    /// A map with free keys.
    Map(Inner),
    /// A type of this crate.
    Struct(&'static StructInfo),
    /// A type of Kubernetes' own API.
    Kube(&'static KubeStruct),
}

/// What the elements of a list or map hold; asked for only when needed, as types may contain themselves.
#[derive(Clone, Copy, Debug)]
pub enum Inner {
    /// A type of this crate.
    Type(fn() -> Shape),
    /// A type expression of Kubernetes' API.
    Go(&'static str),
}

impl Inner {
    /// What the elements hold.
    #[must_use]
    pub fn get(self) -> Shape {
        match self {
            Self::Type(shape) => shape(),
            Self::Go(go_type) => k8s::shape(go_type),
        }
    }
}

/// What the declaration of a type says.
#[derive(Debug)]
pub struct StructInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Type of Kubernetes' API whose other fields it has too.
    pub base: &'static str,
    /// Its own fields.
    pub fields: &'static [FieldInfo],
}

/// What the declaration of a field says.
#[derive(Debug)]
pub struct FieldInfo {
    /// Name on the wire.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What its Rust type holds.
    pub shape: fn() -> Shape,
    /// What it holds in truth, where Rust's type is an opaque value, and how it merges: `[]Volume @name`.
    pub note: &'static str,
}

/// How a strategic merge patch treats a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// How a list or map is changed.
    pub strategy: Strategy,
    /// Whether what the patch does not name may be removed by `$retainKeys`.
    pub retain_keys: bool,
}

/// How a list or map is changed by a strategic merge patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Maps merge, lists are replaced.
    #[default]
    Default,
    /// Elements merge by this key.
    Key(&'static str),
    /// Plain values are added.
    Set,
    /// Replaced even where it is a map.
    Replace,
}

impl Merge {
    /// Reads `@key`, `@key+`, `@`, `@+` or `@replace`.
    pub(crate) fn read(text: &'static str) -> Self {
        let text = text.trim_start_matches('@');
        let (name, retain_keys) = match text.strip_suffix('+') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let strategy = match name {
            "replace" => Strategy::Replace,
            "" if retain_keys => Strategy::Default,
            "" => Strategy::Set,
            key => Strategy::Key(key),
        };
        Self { strategy, retain_keys }
    }
}

/// One field, whichever API it is of.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name on the wire.
    pub name: &'static str,
    /// What it means; empty for fields of Kubernetes' own API.
    pub doc: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// How it merges.
    pub merge: Merge,
}

impl FieldInfo {
    fn field(&self) -> Field {
        let (go_type, merge) = self.note.split_once('@').unwrap_or((self.note, ""));
        let go_type = go_type.trim();
        Field {
            name: self.name,
            doc: self.doc.trim(),
            shape: if go_type.is_empty() { (self.shape)() } else { k8s::shape(go_type) },
            merge: if self.note.contains('@') { Merge::read(merge) } else { Merge::default() },
        }
    }
}

fn kube_field(field: &k8s::KubeField) -> Field {
    Field { name: field.name(), doc: "", shape: field.shape(), merge: field.merge() }
}

impl Shape {
    /// The shape of a kind, of this crate's API groups or of Kubernetes' own; also of a type such as `PodSpec`.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        crate::object::shape_of(kind).or_else(|| k8s::find(kind).map(Self::Kube))
    }

    /// The fields it has; none where it is no struct.
    #[must_use]
    pub fn fields(self) -> Vec<Field> {
        match self {
            Self::Struct(info) => {
                let mut fields: Vec<Field> = info.fields.iter().map(FieldInfo::field).collect();
                if let Some(base) = k8s::find(info.base) {
                    fields.extend(base.fields().filter(|b| info.fields.iter().all(|f| f.name != b.name())).map(kube_field));
                }
                fields
            }
            Self::Kube(kube) => kube.fields().map(kube_field).collect(),
            _ => Vec::new(),
        }
    }

    /// One field, by its name on the wire.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Field> {
        match self {
            Self::Struct(info) => match info.fields.iter().find(|f| f.name == name) {
                Some(own) => Some(own.field()),
                None => k8s::find(info.base).and_then(|base| base.field(name)).map(kube_field),
            },
            Self::Kube(kube) => kube.field(name).map(kube_field),
            _ => None,
        }
    }

    /// Whether it has named fields.
    #[must_use]
    pub fn is_struct(self) -> bool {
        matches!(self, Self::Struct(_) | Self::Kube(_))
    }

    /// Its name: that of the struct, or a word such as `string`.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String | Self::AnyString => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Quantity => "quantity",
            Self::IntOrString => "integer or string",
            Self::Bytes => "base64 text",
            Self::Any => "any value",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Struct(info) => info.name,
            Self::Kube(kube) => kube.name(),
        }
    }

    /// What it is, in a sentence; empty where nothing is said.
    #[must_use]
    pub fn doc(self) -> &'static str {
        if let Self::Struct(info) = self { info.doc.trim() } else { "" }
    }

    /// The shape at a path of wire names, such as `["spec", "templates", "container"]`; lists and maps are stepped through, a map's key is any word.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Option<Self> {
        let mut shape = self;
        for name in path {
            while let Self::List(inner) = shape {
                shape = inner.get();
            }
            shape = match shape {
                Self::Map(inner) => inner.get(),
                other => other.field(name)?.shape,
            };
        }
        Some(shape)
    }
}

/// What is known of a path of a type, for people: its type, what it means, and its fields.
///
/// ```
/// use argo_core::describe::{Shape, explain};
///
/// let text = explain(Shape::of_kind("Workflow").unwrap(), &["spec", "ttlStrategy"]).unwrap();
/// assert!(text.starts_with("FIELD: spec.ttlStrategy <TtlStrategy>"));
/// assert!(text.contains("secondsAfterSuccess <integer>"));
/// ```
#[must_use]
pub fn explain(shape: Shape, path: &[&str]) -> Option<String> {
    let (mut here, mut doc) = (shape, shape.doc());
    for name in path {
        (here, doc) = match elements(here) {
            Shape::Map(inner) => (inner.get(), ""),
            other => {
                let field = other.field(name)?;
                (field.shape, field.doc)
            }
        };
    }
    let mut text = if path.is_empty() { String::new() } else { format!("FIELD: {} <{}>\n", path.join("."), wording(here)) };
    for line in [doc, elements(here).doc()] {
        if !line.is_empty() && !text.contains(line) {
            text.push_str(&format!("\n{line}\n"));
        }
    }
    let fields = elements(here).fields();
    if !fields.is_empty() {
        text.push_str("\nFIELDS:\n");
    }
    for field in fields {
        text.push_str(&format!("  {} <{}>\n", field.name, wording(field.shape)));
        if !field.doc.is_empty() {
            text.push_str(&format!("    {}\n", field.doc));
        }
    }
    Some(text)
}

fn elements(shape: Shape) -> Shape {
    let mut shape = shape;
    while let Shape::List(inner) = shape {
        shape = inner.get();
    }
    shape
}

fn wording(shape: Shape) -> String {
    match shape {
        Shape::List(inner) => format!("[]{}", wording(inner.get())),
        Shape::Map(inner) => format!("map of {}", wording(inner.get())),
        other => other.type_name().to_owned(),
    }
}

macro_rules! described {
    ($($ty:ty => $shape:expr;)*) => {
        $(impl Described for $ty {
            fn shape() -> Shape {
                $shape
            }
        })*
    };
}

described! {
    String => Shape::String;
    i64 => Shape::Integer;
    bool => Shape::Boolean;
    Value => Shape::Any;
    crate::meta::Time => Shape::Time;
    crate::meta::IntOrString => Shape::IntOrString;
    crate::workflows::AnyString => Shape::AnyString;
    crate::workflows::Item => Shape::Any;
}

impl<T: Described> Described for Option<T> {
    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Described> Described for Box<T> {
    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Described> Described for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Inner::Type(T::shape))
    }
}

impl<T: Described> Described for BTreeMap<String, T> {
    fn shape() -> Shape {
        Shape::Map(Inner::Type(T::shape))
    }
}

/// Length of a Rust field name in camel case.
pub(crate) const fn camel_len(name: &str) -> usize {
    let bytes = name.as_bytes();
    let (mut length, mut rest) = (0_usize, bytes);
    while let [first, tail @ ..] = rest {
        if *first != b'_' {
            length = length.saturating_add(1);
        }
        rest = tail;
    }
    length
}

/// A Rust field name in camel case, as serde makes it.
pub(crate) const fn camel<const N: usize>(name: &str) -> [u8; N] {
    let mut out = [0_u8; N];
    let (mut rest, mut upper) = (name.as_bytes(), false);
    let mut slot: &mut [u8] = &mut out;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'_' {
            upper = true;
            continue;
        }
        let [place, others @ ..] = slot else { break };
        *place = if upper { first.to_ascii_uppercase() } else { *first };
        slot = others;
        upper = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::{Template, Workflow};

    #[test]
    fn wire_names_are_serdes() {
        let template: Template = serde_json::from_value(serde_json::json!({"name": "a", "failFast": true, "podSpecPatch": "x"})).unwrap();
        let text = serde_json::to_value(&template).unwrap();
        for name in text.as_object().unwrap().keys() {
            assert!(Template::shape().field(name).is_some(), "{name}");
        }
        let shape = Workflow::shape().at(&["spec", "templates", "container", "livenessProbe", "httpGet", "port"]);
        assert!(matches!(shape, Some(Shape::IntOrString)));
        assert!(Workflow::shape().at(&["spec", "artifactGC", "strategy"]).is_some());
        assert!(Workflow::shape().at(&["status", "nodes", "x", "type"]).is_some());
    }
}
