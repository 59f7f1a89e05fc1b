//! Objects as the driver reads them.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An object of any kind as one JSON value, read in one go: without `metadata.managedFields`, which are often the most of a small object and are nobody's
/// business here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    metadata: ObjectMeta,
    value: Value,
}

impl Object {
    /// The whole object.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// A field of the object, such as `spec`.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.value.get(field)
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: Value) -> Self {
        if let Some(fields) = self.value.as_object_mut() {
            fields.insert("status".to_owned(), status);
        }
        self
    }

    /// No more of it than which object it is, and whether it is being deleted.
    #[must_use]
    pub fn brief(&self) -> Self {
        let ObjectMeta { name, namespace, uid, resource_version, deletion_timestamp, .. } = self.metadata.clone();
        let metadata = ObjectMeta { name, namespace, uid, resource_version, deletion_timestamp, ..ObjectMeta::default() };
        Self { metadata, value: Value::Null }
    }

    /// The object as a type of its kind.
    ///
    /// # Errors
    /// It is none.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.value)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = deserializer.deserialize_map(Fields { skipped: None, inner: Some("metadata") })?;
        let metadata = match fields.get("metadata") {
            Some(metadata) => ObjectMeta::deserialize(metadata).map_err(de::Error::custom)?,
            None => ObjectMeta::default(),
        };
        Ok(Self { metadata, value: Value::Object(fields) })
    }
}

/// Reads a map, without one of its fields, and without `managedFields` in another.
#[derive(Clone, Copy)]
struct Fields {
    skipped: Option<&'static str>,
    inner: Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self).map(Value::Object)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<String, Value>, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.skipped == Some(name.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else if self.inner == Some(name.as_str()) {
                let value = map.next_value_seed(Fields { skipped: Some("managedFields"), inner: None })?;
                fields.insert(name, value);
            } else {
                let value = map.next_value()?;
                fields.insert(name, value);
            }
        }
        Ok(fields)
    }
}

impl Resource for Object {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    /// Changes what is asked of the metadata, not [`Object::value`].
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::ResourceExt;

    #[test]
    fn everything_is_kept_but_managed_fields() {
        let text =
            r#"{"kind":"X","metadata":{"managedFields":[{"manager":"m"}],"name":"n","labels":{"a":"b"}},"spec":{"managedFields":[1]}}"#;
        let object: Object = serde_json::from_str(text).unwrap();
        assert_eq!((object.name_any().as_str(), object.labels().len()), ("n", 1));
        let kept = serde_json::json!({"kind":"X","metadata":{"name":"n","labels":{"a":"b"}},"spec":{"managedFields":[1]}});
        assert_eq!(object.value(), &kept);
        assert!(serde_json::from_str::<Object>(r#"{"metadata": 1}"#).is_err());
        assert!(serde_json::from_str::<Object>("[]").is_err());
    }
}
