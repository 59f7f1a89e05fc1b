//! The vocabulary that all engines answer in: plans, keyed effects and reasons.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an engine decided: the new status, what is to be done, when to ask again, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<S, E> {
    /// The status the object is to have.
    pub status: S,
    /// What is to be done, in order.
    pub effects: Vec<Keyed<E>>,
    /// When to ask again if nothing happens before.
    pub wake_at: Option<Timestamp>,
    /// Why: one entry for each thing that waits, was skipped or refused.
    pub reasons: Vec<Reason>,
}

/// An effect with the id under which applying it twice is the same as applying it once.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyed<E> {
    /// A function of the object's uid, its generation and the step: the same decision taken again has the same id.
    pub id: EffectId,
    /// What is to be done.
    pub effect: E,
}

/// Identity of an effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub String);

impl EffectId {
    /// Joins the parts that identify a decision, most general first: uid, what it is about, which step of it.
    #[must_use]
    pub fn new<I, P>(parts: I) -> Self
    where
        I: IntoIterator<Item = P>,
        P: AsRef<str>,
    {
        let mut id = String::new();
        for part in parts {
            if !id.is_empty() {
                id.push('/');
            }
            id.push_str(part.as_ref());
        }
        Self(id)
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something is as it is. The same value is shown by the CLI, the UI and to library users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What it is about: a node name, a step, a field path.
    pub subject: String,
    /// A stable word in camel case for programs: `WaitingForDependency`, `WhenFalse`, `ParallelismLimit`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Reason {
    /// A reason from its three parts.
    #[must_use]
    pub fn new(subject: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)
    }
}
