//! What the driver wants from an engine and from the code that carries out its effects.

use std::sync::Arc;

use argo_core::Keyed;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Object;

/// Namespace and name of an object that is driven; the namespace is empty for cluster-scoped objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Something that an engine is told, other than how its own object looks now.
#[derive(Clone, Debug)]
pub enum Input<A> {
    /// An object that belongs to it, as it is now. Repeats are possible.
    Child {
        /// Kind, as the [`Source`](super::Source) was declared (objects in lists do not carry it).
        kind: &'static str,
        /// The object.
        object: Arc<Object>,
    },
    /// An object that belonged to it is gone.
    ChildGone {
        /// Kind, as the source was declared.
        kind: &'static str,
        /// Its name.
        name: String,
        /// How it last looked, when the watch said so.
        object: Option<Arc<Object>>,
    },
    /// An answer from the interpreter or from another object's work.
    Answer(A),
}

/// When an effect is carried out, seen from the status patch that was decided together with it.
///
/// What creates comes first: after a crash in between, the same decision is taken again, under the same name, and finds its work done.
/// What takes away or tells others comes last: it destroys what the decision was made from, so the decision must be safe before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the status is written.
    BeforeStatus,
    /// After the status is written.
    AfterStatus,
}

/// What an engine decided.
#[derive(Debug)]
pub struct Decision<E> {
    /// What is to be done, in order.
    pub effects: Vec<Keyed<E>>,
    /// JSON merge patch of the object, or nothing.
    pub patch: Option<Value>,
    /// How long the patch may wait for what is decided next, to be written together with it.
    pub patience: SignedDuration,
    /// When to ask again if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

impl<E> Default for Decision<E> {
    fn default() -> Self {
        Self { effects: Vec::new(), patch: None, patience: SignedDuration::ZERO, wake_at: None }
    }
}

/// What to do with a patch that met a newer version of the object, when that version's status is still the one the engine knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Send it again on top of the newer version: the engine is incremental and will not say it twice.
    Resend,
    /// Drop it and ask again: the engine is level-triggered and decides from the newer version.
    Recompute,
}

/// One object's engine.
pub trait Engine: Send + 'static {
    /// What it wants done.
    type Effect: std::fmt::Debug + Send + Sync + 'static;
    /// What comes back.
    type Answer: Send + 'static;

    /// How the object looks now. `status_is_ours` says that the status is the one this engine last wrote (false at first sight):
    /// when it is not, an engine that keeps state must throw it away and start from the object.
    fn observe(&mut self, object: &Arc<Object>, status_is_ours: bool, now: Timestamp);
    /// Something happened.
    fn input(&mut self, input: Input<Self::Answer>, now: Timestamp);
    /// An effect failed for good, or as often as the driver tries it.
    fn failed(&mut self, effect: &Keyed<Self::Effect>, failure: &Failure, now: Timestamp);
    /// What is to be done now. Called after every batch of inputs.
    fn decide(&mut self, now: Timestamp) -> Decision<Self::Effect>;
    /// The object is gone: what is to be given back. The engine is dropped afterwards.
    fn farewell(&mut self) -> Vec<Keyed<Self::Effect>> {
        Vec::new()
    }
    /// Whether it has nothing to do before its object changes, and keeps nothing for it.
    fn rests(&self) -> bool {
        false
    }
    /// Whether it knows neither its object nor any child: such an engine is dropped.
    fn is_vacant(&self) -> bool;
    /// Whether an effect comes before or after the status.
    fn stage(effect: &Self::Effect) -> Stage;
    /// Whether an effect may be carried out side by side with its neighbours.
    fn independent(_effect: &Self::Effect) -> bool {
        false
    }
    /// How long an effect is to be held back.
    fn delay(_effect: &Self::Effect) -> Option<SignedDuration> {
        None
    }
    /// What to do with a patch that came too late.
    const ON_CONFLICT: OnConflict;
}

/// The object that an effect is carried out for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is.
    pub key: Key,
    /// Its uid: what is created belongs to this one, not to another of the same name.
    pub uid: String,
}

/// Why an effect was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whether trying again may help.
    pub transient: bool,
    /// What the API said.
    pub message: String,
}

/// Carries out effects. Carrying one out twice must be the same as carrying it out once.
#[async_trait]
pub trait Interpreter<E, A>: Send + Sync + 'static {
    /// Carries out one effect and returns what is to be told, and to which object's engine.
    async fn apply(&self, target: &Target, effect: &Keyed<E>) -> Result<Vec<(Key, A)>, Failure>;
}
