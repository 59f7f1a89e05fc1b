//! Objects as they are kept: text, in parts that the versions of an object share.
//!
//! *Invariant:* the text of a part is what `serde_json` writes of its value: no white space, maps in order. So two parts are equal where their texts are.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::Managed;
use super::json;
use super::raw::{self, Raw};

/// The name of a top-level field.
pub(crate) type Name = Cow<'static, str>;

/// Fields that most objects have, so that their names need not be kept with each.
const COMMON: [&str; 12] =
    ["spec", "status", "data", "type", "rules", "roleRef", "subjects", "involvedObject", "message", "reason", "source", "outputs"];

fn name(text: &str) -> Name {
    COMMON.iter().find(|c| **c == text).map_or_else(|| Cow::Owned(text.to_owned()), |c| Cow::Borrowed(*c))
}

/// A top-level field, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) text: Arc<str>,
}

impl Field {
    /// A field as text; what an earlier version of the object has in common with it, the two share.
    pub(crate) fn new(key: &str, value: &Value, like: Option<&Stored>) -> Self {
        let earlier = like.and_then(|l| l.field(key));
        Self { name: earlier.map_or_else(|| name(key), |e| e.name.clone()), text: text(value, earlier.map(|e| &e.text)) }
    }
}

/// An object as it is kept: without `apiVersion` and `kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The number of the write that made it; 0 for an object that is shown and not kept.
    pub(crate) revision: u64,
    /// Its metadata but for `managedFields` and `resourceVersion`.
    pub(crate) metadata: Arc<str>,
    pub(crate) managed: Managed,
    /// All other fields, by name.
    pub(crate) fields: Arc<[Field]>,
}

/// The text of a value; that of `like` where it is the same.
fn text(value: &Value, like: Option<&Arc<str>>) -> Arc<str> {
    shared(value.to_string(), like)
}

fn shared(text: String, like: Option<&Arc<str>>) -> Arc<str> {
    like.filter(|l| ***l == *text).map_or_else(|| text.into(), Arc::clone)
}

impl Stored {
    /// Takes an object apart. What it has in common with an earlier version of it, the two share.
    pub(crate) fn of(object: Value, like: Option<&Self>) -> Self {
        let Value::Object(mut map) = object else { return Self::of(Value::Object(Map::new()), like) };
        let mut metadata = map.remove("metadata").unwrap_or_else(|| Value::Object(Map::new()));
        let of_metadata = json::map(&mut metadata);
        let earlier = like.map(|l| l.managed.clone()).unwrap_or_default();
        let managed = of_metadata.remove("managedFields").and_then(|list| Managed::read(&list, &earlier));
        let managed = managed.filter(|m| *m != earlier).unwrap_or(earlier);
        Self::with(metadata, managed, map, like)
    }

    /// An object of its parts. What it has in common with an earlier version of it, the two share.
    pub(crate) fn with(mut metadata: Value, managed: Managed, fields: Map<String, Value>, like: Option<&Self>) -> Self {
        json::map(&mut metadata).remove("resourceVersion");
        let metadata = text(&metadata, like.map(|l| &l.metadata));
        Self { revision: 0, metadata, managed, fields: fields.iter().map(|(key, value)| Field::new(key, value, like)).collect() }
    }

    /// Reads an object as it was kept: JSON as [`Self::write`] writes it, or an older form, with `managedFields` and `resourceVersion` anywhere.
    pub(crate) fn read(text: &str) -> Self {
        let (mut metadata, mut managed, mut revision) = (String::from("{"), Managed::default(), 0);
        let mut fields = Vec::new();
        for (key, value) in Raw::new(text).members() {
            if key != "metadata" {
                fields.push(Field { name: name(&raw::unescaped(key)), text: value.as_str().into() });
                continue;
            }
            for (key, value) in value.members() {
                match key {
                    "managedFields" => managed = Managed::kept(value),
                    "resourceVersion" => revision = value.plain().and_then(|r| r.parse().ok()).unwrap_or(0),
                    _ => {
                        metadata.push_str(if metadata.len() > 1 { ",\"" } else { "\"" });
                        metadata.push_str(key);
                        metadata.push_str("\":");
                        metadata.push_str(value.as_str());
                    }
                }
            }
        }
        metadata.push('}');
        Self { revision, metadata: metadata.into(), managed, fields: fields.into() }
    }

    /// Takes other metadata on, in which `managedFields` and `resourceVersion` do not count.
    pub(crate) fn set_metadata(&mut self, metadata: &mut Map<String, Value>) {
        metadata.remove("managedFields");
        metadata.remove("resourceVersion");
        let text = serde_json::to_string(metadata).unwrap_or_default();
        self.metadata = shared(text, Some(&self.metadata));
    }

    /// Puts a field in, or another in its place.
    pub(crate) fn set_field(&mut self, key: &str, value: &Value) {
        let field = Field::new(key, value, Some(self));
        let mut fields: Vec<Field> = self.fields.iter().filter(|f| f.name != key).cloned().collect();
        fields.insert(fields.partition_point(|f| f.name < field.name), field);
        self.fields = fields.into();
    }

    pub(crate) fn at_revision(&self, revision: u64) -> Self {
        Self { revision, ..self.clone() }
    }

    /// The same with another number in a field of its metadata, which must have it.
    pub(crate) fn set_number(&mut self, key: &str, number: i64) {
        let Some(had) = self.metadata().get(key) else { return };
        if had.number() != Some(number) {
            let mut metadata = self.metadata.to_string();
            metadata.replace_range(had.place_in(&self.metadata), &number.to_string());
            self.metadata = metadata.into();
        }
    }

    pub(crate) fn metadata(&self) -> Raw<'_> {
        Raw::new(&self.metadata)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The value at a path of keys. Of the metadata, `managedFields` and `resourceVersion` are not found this way.
    pub(crate) fn at(&self, path: &[&str]) -> Option<Raw<'_>> {
        match path.split_first()? {
            (&"metadata", rest) => self.metadata().at(rest),
            (first, rest) => self.field(first).and_then(|f| Raw::new(&f.text).at(rest)),
        }
    }

    /// The text at a path of keys; empty where there is none.
    pub(crate) fn text(&self, path: &[&str]) -> Cow<'_, str> {
        self.at(path).and_then(Raw::text).unwrap_or_default()
    }

    /// The items of the list at a path.
    pub(crate) fn items<'s>(&'s self, path: &[&str]) -> impl Iterator<Item = Raw<'s>> + use<'s> {
        self.at(path).into_iter().flat_map(Raw::items)
    }

    /// A field of the metadata that needs no escapes; empty where there is none.
    pub(crate) fn meta(&self, key: &str) -> &str {
        self.metadata().get(key).and_then(Raw::plain).unwrap_or_default()
    }

    pub(crate) fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.items(&["metadata", "finalizers"]).filter_map(Raw::plain)
    }

    /// `deletionGracePeriodSeconds`; 0 where there is none.
    pub(crate) fn grace(&self) -> i64 {
        self.metadata().get("deletionGracePeriodSeconds").and_then(Raw::number).unwrap_or(0)
    }

    /// Whether it is being deleted.
    pub(crate) fn deleting(&self) -> bool {
        self.metadata().get("deletionTimestamp").is_some_and(|t| !t.is_null())
    }

    /// The metadata, with everything.
    pub(crate) fn metadata_value(&self) -> Value {
        let mut metadata = self.bare_metadata();
        if let Some(list) = self.managed.value() {
            json::map(&mut metadata).insert("managedFields".to_owned(), list);
        }
        metadata
    }

    /// The metadata without `managedFields`.
    pub(crate) fn bare_metadata(&self) -> Value {
        let mut metadata = self.metadata().value();
        if self.revision > 0 {
            json::map(&mut metadata).insert("resourceVersion".to_owned(), self.revision.to_string().into());
        }
        metadata
    }

    /// The object as a value.
    pub(crate) fn value(&self) -> Value {
        self.value_with(self.metadata_value())
    }

    /// The object as a value without `managedFields`.
    pub(crate) fn bare_value(&self) -> Value {
        self.value_with(self.bare_metadata())
    }

    fn value_with(&self, metadata: Value) -> Value {
        let mut map: Map<String, Value> = self.fields.iter().map(|f| (f.name.clone().into_owned(), Raw::new(&f.text).value())).collect();
        map.insert("metadata".to_owned(), metadata);
        Value::Object(map)
    }

    /// The metadata as JSON.
    pub(crate) fn write_metadata(&self, out: &mut Vec<u8>) {
        let bare = self.metadata.strip_suffix('}').unwrap_or("{");
        out.extend_from_slice(bare.as_bytes());
        let mut comma: &[u8] = if bare.len() > 1 { b"," } else { b"" };
        if self.revision > 0 {
            out.extend_from_slice(comma);
            out.extend_from_slice(b"\"resourceVersion\":\"");
            out.extend_from_slice(self.revision.to_string().as_bytes());
            out.push(b'"');
            comma = b",";
        }
        if !self.managed.entries().is_empty() {
            out.extend_from_slice(comma);
            out.extend_from_slice(b"\"managedFields\":");
            self.managed.write(out);
        }
        out.push(b'}');
    }

    /// The members of the object as JSON, without the brackets around them.
    pub(crate) fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"metadata\":");
        self.write_metadata(out);
        for field in &*self.fields {
            out.push(b',');
            json::write(out, &field.name);
            out.push(b':');
            out.extend_from_slice(field.text.as_bytes());
        }
    }

    /// The object as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_members(out);
        out.push(b'}');
    }

    /// About how many bytes it takes that an earlier version does not.
    pub(crate) fn weight(&self, other: Option<&Self>) -> usize {
        let mut bytes = 160_usize.saturating_add(self.managed.weight(other.map(|o| &o.managed)));
        if !other.is_some_and(|o| Arc::ptr_eq(&o.metadata, &self.metadata)) {
            bytes = bytes.saturating_add(self.metadata.len());
        }
        for field in &*self.fields {
            let shared = other.and_then(|o| o.field(&field.name)).is_some_and(|o| Arc::ptr_eq(&o.text, &field.text));
            bytes = bytes.saturating_add(if shared { 40 } else { field.text.len().saturating_add(56) });
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_kept_whole_and_shares_what_did_not_change() {
        let entry = json!({"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}, "manager": "m\"", "operation": "Update",
            "time": "2026-01-01T00:00:00Z"});
        let value =
            json!({"metadata": {"name": "a", "resourceVersion": "7", "generation": 1, "managedFields": [entry]}, "data": {"k\n": "v"}});
        let mut stored = Stored::of(value.clone(), None);
        stored.revision = 7;
        assert_eq!(stored.value(), value);
        let mut text = Vec::new();
        stored.write(&mut text);
        assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), value);
        assert_eq!(Stored::read(std::str::from_utf8(&text).unwrap()), stored);
        assert_eq!(Stored::read(&value.to_string()), stored);

        let mut next = value;
        next["status"] = json!({"x": 1});
        let mut next = Stored::of(next, Some(&stored));
        assert!(Arc::ptr_eq(&next.metadata, &stored.metadata) && Arc::ptr_eq(&next.fields[0].text, &stored.fields[0].text));
        assert!(next.weight(Some(&stored)) < next.weight(None));
        next.set_number("generation", 12);
        assert_eq!(next.at(&["metadata", "generation"]).unwrap().number(), Some(12));
        assert_eq!((next.meta("name"), next.text(&["data", "k\n"])), ("a", "v".into()));
    }
}
