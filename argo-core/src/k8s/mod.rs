//! Types of Kubernetes' own API, as data: which fields a Pod, a Deployment or a Service has, in Go's order, and how their lists merge.
//!
//! Manifests hold these types as opaque values; this table is what strict parsing, strategic merge patches, schemas and pod hashes know of them.
//!
//! ```
//! let pod = argo_core::k8s::find("PodSpec").unwrap();
//! assert_eq!(pod.fields().next().unwrap().name(), "volumes");
//! assert!(pod.field("containers").is_some());
//! ```

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::describe::{Inner, Merge, Shape};

const TEXT: &str = include_str!("types.txt");

/// A struct of Kubernetes' API.
#[derive(Debug)]
pub struct KubeStruct {
    name: &'static str,
    fields: Vec<KubeField>,
}

/// A field of such a struct, or another struct whose fields are its own.
#[derive(Debug)]
pub struct KubeField {
    /// Name on the wire; empty for an embedded struct.
    name: &'static str,
    go_name: String,
    go_type: &'static str,
    omit_empty: bool,
    omit_zero: bool,
    merge: Merge,
}

impl KubeField {
    /// Name on the wire; empty for an embedded struct.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Name in Go.
    #[must_use]
    pub fn go_name(&self) -> &str {
        &self.go_name
    }

    /// Type in Go, such as `[]Container` or `*int64`.
    #[must_use]
    pub fn go_type(&self) -> &'static str {
        self.go_type
    }

    /// What it holds.
    #[must_use]
    pub fn shape(&self) -> Shape {
        shape(self.go_type)
    }

    /// Whether Go leaves it out when empty.
    #[must_use]
    pub fn omit_empty(&self) -> bool {
        self.omit_empty
    }

    /// Whether Go leaves it out when it is a struct of nothing but empty fields.
    #[must_use]
    pub fn omit_zero(&self) -> bool {
        self.omit_zero
    }

    /// How a strategic merge patch treats it.
    #[must_use]
    pub fn merge(&self) -> Merge {
        self.merge
    }

    /// The struct whose fields are the containing struct's own, where this is one.
    #[must_use]
    pub fn embedded(&self) -> Option<&'static KubeStruct> {
        if self.name.is_empty() { find(self.go_type) } else { None }
    }
}

impl KubeStruct {
    /// Its name, without package: `PodSpec`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Fields as declared; embedded structs are one entry.
    #[must_use]
    pub fn declared(&self) -> &[KubeField] {
        &self.fields
    }

    /// Fields as on the wire, those of embedded structs in their place.
    pub fn fields(&self) -> impl Iterator<Item = &KubeField> {
        self.fields.iter().flat_map(|field| match field.embedded() {
            // No embedded struct embeds another one.
            Some(inner) => inner.fields.iter(),
            None => std::slice::from_ref(field).iter(),
        })
    }

    /// One field, by its name on the wire.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&KubeField> {
        self.fields().find(|field| field.name == name)
    }
}

#[derive(Debug, Default)]
struct Table {
    structs: BTreeMap<&'static str, KubeStruct>,
    names: BTreeMap<&'static str, &'static str>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(read)
}

fn read() -> Table {
    let mut table = Table::default();
    let mut current: Option<KubeStruct> = None;
    for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
        if let Some(field) = line.strip_prefix("  ") {
            if let Some(current) = &mut current {
                current.fields.push(read_field(field));
            }
            continue;
        }
        if let Some(done) = current.take() {
            table.structs.insert(done.name, done);
        }
        match line.split_once(" = ") {
            Some((name, ty)) => {
                table.names.insert(name, ty);
            }
            None => current = Some(KubeStruct { name: line, fields: Vec::new() }),
        }
    }
    if let Some(done) = current {
        table.structs.insert(done.name, done);
    }
    table
}

fn read_field(text: &'static str) -> KubeField {
    if let Some(embedded) = text.strip_prefix('+') {
        return KubeField {
            name: "",
            go_name: embedded.to_owned(),
            go_type: embedded,
            omit_empty: false,
            omit_zero: false,
            merge: Merge::default(),
        };
    }
    let mut words = text.split(' ');
    let names = words.next().unwrap_or_default();
    let marked = words.next().unwrap_or_default();
    let go_type = marked.trim_end_matches('?');
    let (name, go_name) = match names.split_once('=') {
        Some((name, go)) => (name, go.to_owned()),
        None => (names, capital(names)),
    };
    KubeField {
        name,
        go_name,
        go_type,
        omit_empty: marked.ends_with('?'),
        omit_zero: marked.ends_with("??"),
        merge: words.next().map_or_else(Merge::default, Merge::read),
    }
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// A struct, by its name without package; kinds have the name of the kind.
#[must_use]
pub fn find(name: &str) -> Option<&'static KubeStruct> {
    table().structs.get(name)
}

/// The type that a name stands for, where it is no struct: `ResourceName` is `string`.
#[must_use]
pub fn underlying(name: &str) -> Option<&'static str> {
    table().names.get(name).copied()
}

/// What a type expression such as `[]Container` or `*int64` holds.
#[must_use]
pub fn shape(go_type: &'static str) -> Shape {
    let go_type = go_type.trim_start_matches('*');
    if let Some(item) = go_type.strip_prefix("[]") {
        return if item == "byte" { Shape::Bytes } else { Shape::List(Inner::Go(item)) };
    }
    if let Some((_, value)) = go_type.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return Shape::Map(Inner::Go(value));
    }
    match go_type {
        "string" | "types.UID" => Shape::String,
        "bool" => Shape::Boolean,
        "int32" | "int64" => Shape::Integer,
        "float64" => Shape::Number,
        "Time" | "MicroTime" => Shape::Time,
        "resource.Quantity" => Shape::Quantity,
        "intstr.IntOrString" => Shape::IntOrString,
        name => match (find(name), underlying(name)) {
            (Some(found), _) => Shape::Kube(found),
            (None, Some(ty)) => shape(ty),
            (None, None) => Shape::Any,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_known() {
        for (name, found) in &table().structs {
            for field in &found.fields {
                let mut ty = field.go_type.trim_start_matches('*').trim_start_matches("[]").trim_start_matches('*');
                if let Some((_, value)) = ty.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
                    ty = value.trim_start_matches("[]");
                }
                let plain = ["string", "bool", "int32", "int64", "float64", "byte", "types.UID", "Time", "MicroTime", "FieldsV1", "Any"]
                    .contains(&ty);
                let scalar = ["resource.Quantity", "intstr.IntOrString"].contains(&ty);
                assert!(plain || scalar || find(ty).is_some() || underlying(ty).is_some(), "{name}.{}: {ty}", field.name);
            }
        }
        assert!(matches!(find("Deployment").and_then(|d| d.field("spec")).map(KubeField::shape), Some(Shape::Kube(_))));
        assert_eq!(find("Volume").and_then(|v| v.field("emptyDir")).map(KubeField::go_name), Some("EmptyDir"));
    }
}
