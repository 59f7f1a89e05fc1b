//! The parts of Kubernetes' own API that every object carries.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

api_struct! {
    /// Standard object metadata.
    pub struct ObjectMeta as "ObjectMeta" {
        /// Name, unique within the namespace and kind.
        pub name: String,
        /// Prefix from which the server makes a unique name when `name` is empty.
        pub generate_name: String,
        /// Namespace; empty for cluster-scoped objects.
        pub namespace: String,
        /// Labels, for selection.
        pub labels: BTreeMap<String, String>,
        /// Annotations, free-form.
        pub annotations: BTreeMap<String, String>,
        /// Unique id, set by the server.
        pub uid: String,
        /// Opaque version of the object, set by the server.
        pub resource_version: String,
        /// Sequence number of the desired state, set by the server.
        pub generation: Option<i64>,
        /// When the object was created, set by the server.
        pub creation_timestamp: Option<Time>,
        /// When deletion was asked for, set by the server.
        pub deletion_timestamp: Option<Time>,
        /// Seconds of grace that a deletion allows.
        pub deletion_grace_period_seconds: Option<i64>,
        /// Objects this one depends on; it is collected when all are gone.
        pub owner_references: Vec<OwnerReference> => "@uid",
        /// Keys that must be removed before the object goes.
        pub finalizers: Vec<String> => "@",
        /// Which manager owns which fields.
        pub managed_fields: Vec<Value> => "[]ManagedFieldsEntry",
    }
}

api_struct! {
    /// An object that owns another one.
    pub struct OwnerReference {
        /// API group and version of the owner.
        pub api_version: String,
        /// Kind of the owner.
        pub kind: String,
        /// Name of the owner, in the same namespace or cluster-scoped.
        pub name: String,
        /// Uid of the owner.
        pub uid: String,
        /// Whether this owner manages the object.
        pub controller: Option<bool>,
        /// Whether foreground deletion of the owner waits for this object.
        pub block_owner_deletion: Option<bool>,
    }
}

api_struct! {
    /// Metadata of a list.
    pub struct ListMeta {
        /// Version at which the list was taken.
        pub resource_version: String,
        /// Token with which the next page is asked for.
        #[doc = "The field is called `continue` on the wire."]
        pub continue_ as "continue": String,
        /// How many more items there are, when known.
        pub remaining_item_count: Option<i64>,
    }
}

api_struct! {
    /// A key of a Secret or ConfigMap.
    pub struct KeySelector {
        /// Name of the Secret or ConfigMap.
        pub name: String,
        /// Key within it.
        pub key: String,
        /// Whether it may be missing.
        pub optional: Option<bool>,
    }
}

api_struct! {
    /// A reference to an object in the same namespace.
    pub struct LocalObjectReference {
        /// Its name.
        pub name: String,
    }
}

api_struct! {
    /// A label query; all requirements must hold.
    pub struct LabelSelector {
        /// Labels and the exact values they must have.
        pub match_labels: BTreeMap<String, String>,
        /// Requirements with operators.
        pub match_expressions: Vec<LabelSelectorRequirement>,
    }
}

api_struct! {
    /// One requirement of a label query.
    pub struct LabelSelectorRequirement {
        /// Label key.
        pub key: String,
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        pub operator: String,
        /// Values for `In` and `NotIn`.
        pub values: Vec<String>,
    }
}

/// A point in time as Kubernetes writes it: RFC 3339 in UTC with whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub jiff::Timestamp);

impl Time {
    /// The given instant, cut to whole seconds as it will be after a round trip through the API.
    #[must_use]
    pub fn truncated(at: jiff::Timestamp) -> Self {
        Self(jiff::Timestamp::from_second(at.as_second()).unwrap_or(at))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        parse_time(&text).map_err(de::Error::custom)
    }
}

/// A text that is no RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an RFC 3339 time such as 2006-01-02T15:04:05Z: {message}")]
pub struct TimeError {
    /// The text.
    pub text: String,
    /// Why.
    pub message: String,
}

/// Reads an RFC 3339 time.
///
/// # Errors
/// When the text is none.
pub fn parse_time(text: &str) -> Result<Time, TimeError> {
    text.parse().map(Time).map_err(|e: jiff::Error| TimeError { text: text.to_owned(), message: e.to_string() })
}

/// A number or a text, such as a port, a percentage or a value still to be substituted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A whole number.
    Int(i64),
    /// A text.
    String(String),
}

impl std::fmt::Display for IntOrString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(n) => write!(f, "{n}"),
            Self::String(s) => f.write_str(s),
        }
    }
}
