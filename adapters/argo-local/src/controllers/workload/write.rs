//! What the workload controllers want written, as data.

use kube::core::ApiResource;
use kube::{Resource, ResourceExt};
use serde_json::Value;

use super::world::Key;

/// A write to the API.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Make an object; that it exists already is fine.
    Create { kind: ApiResource, namespace: String, object: Value },
    /// Change an object by a merge patch.
    Patch { kind: ApiResource, key: Key, patch: Value },
    /// The same of its status.
    Status { kind: ApiResource, key: Key, patch: Value },
    /// Delete the object that has this uid.
    Delete { kind: ApiResource, key: Key, uid: String },
    /// Put a pod on a node.
    Bind { pod: Key, uid: String, node: String },
}

pub(crate) fn kind<T: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<T>(&())
}

impl Write {
    pub(crate) fn create<T: Resource<DynamicType = ()> + serde::Serialize>(object: &T) -> Option<Self> {
        let namespace = object.namespace().unwrap_or_default();
        Some(Self::Create { kind: kind::<T>(), namespace, object: serde_json::to_value(object).ok()? })
    }

    pub(crate) fn delete<T: Resource<DynamicType = ()>>(object: &T) -> Self {
        Self::Delete { kind: kind::<T>(), key: super::world::key(object.meta()), uid: object.uid().unwrap_or_default() }
    }

    pub(crate) fn patch<T: Resource<DynamicType = ()>>(object: &T, patch: Value) -> Self {
        Self::Patch { kind: kind::<T>(), key: super::world::key(object.meta()), patch }
    }

    /// Writes a status where it differs in what `wanted` says; the rest of the status is not touched.
    pub(crate) fn status<T>(object: &T, wanted: Value) -> Option<Self>
    where
        T: Resource<DynamicType = ()> + serde::Serialize,
    {
        let found = serde_json::to_value(object).ok()?;
        let found = found.get("status").cloned().unwrap_or(Value::Null);
        let same = wanted
            .as_object()?
            .iter()
            .all(|(name, value)| found.get(name).unwrap_or(&Value::Null) == value || zero(value) && found.get(name).is_none());
        if same {
            return None;
        }
        Some(Self::Status { kind: kind::<T>(), key: super::world::key(object.meta()), patch: serde_json::json!({"status": wanted}) })
    }
}

/// What Go's encoding leaves out.
fn zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// What a look at one object leads to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In this order.
    pub(crate) writes: Vec<Write>,
    /// Look again then, even if nothing changes.
    pub(crate) wake_at: Option<jiff::Timestamp>,
}

impl Plan {
    pub(crate) fn wake(&mut self, at: Option<jiff::Timestamp>) {
        self.wake_at = self.wake_at.into_iter().chain(at).min();
    }
}
