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

impl Time {
    /// Whether it is Go's zero time, the first second of the year 1, which stands for no time.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.as_second() == -62_135_596_800 && self.0.subsec_nanosecond() == 0
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
    // The parser below reads more forms than RFC 3339 has, such as a blank for the T.
    let bytes = text.as_bytes();
    let shape = b"0000-00-00T00:00:00";
    let fits = |(byte, wanted): (&u8, &u8)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    let zone = text.get(shape.len()..).unwrap_or_default().trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let zoned = zone == "Z" || (zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes().get(3) == Some(&b':'));
    if bytes.len() < shape.len() || !bytes.iter().zip(shape).all(fits) || !zoned {
        return Err(TimeError { text: text.to_owned(), message: "the form is not that".to_owned() });
    }
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

/// Why a number or percentage cannot be scaled; messages are Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PercentError {
    /// A text without `%`.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NoPercentage,
    /// Not a whole number before the `%`.
    #[error("invalid value for IntOrString: invalid value {text:?}: strconv.Atoi: parsing {digits:?}: invalid syntax")]
    NoNumber {
        /// The text.
        text: String,
        /// What stands before the `%`.
        digits: String,
    },
}

impl IntOrString {
    /// The number itself, or the percentage of `total` that it is, rounded up or down.
    ///
    /// ```
    /// use argo_core::meta::IntOrString;
    ///
    /// assert_eq!(IntOrString::String("25%".to_owned()).scaled(10, true), Ok(3));
    /// ```
    ///
    /// # Errors
    /// When it is a text that is no percentage.
    pub fn scaled(&self, total: i64, round_up: bool) -> Result<i64, PercentError> {
        let text = match self {
            Self::Int(number) => return Ok(*number),
            Self::String(text) => text,
        };
        let digits = text.strip_suffix('%').ok_or(PercentError::NoPercentage)?;
        let percent: i64 = digits.parse().map_err(|_| PercentError::NoNumber { text: text.clone(), digits: digits.to_owned() })?;
        // As Go does, in floating point.
        #[allow(clippy::cast_precision_loss)]
        let exact = percent as f64 * total as f64 / 100.0;
        #[allow(clippy::cast_possible_truncation)]
        let rounded = if round_up { exact.ceil() } else { exact.floor() } as i64;
        Ok(rounded)
    }
}

/// A point in time with microseconds, as leases and events have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroTime(pub jiff::Timestamp);

impl std::fmt::Display for MicroTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
    }
}

impl std::str::FromStr for MicroTime {
    type Err = TimeError;

    /// Six digits of a second must be written, as Kubernetes demands.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits =
            text.get(19..).unwrap_or_default().strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        if digits != 6 {
            return Err(TimeError { text: text.to_owned(), message: "a second with six decimals is wanted".to_owned() });
        }
        parse_time(text).map(|time| Self(time.0))
    }
}

impl Serialize for MicroTime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MicroTime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}
