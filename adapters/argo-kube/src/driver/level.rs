//! Level-triggered engines in the driver: the object and its children are kept as they are now, and the engine is a function of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_core::{Keyed, Plan};
use jiff::{SignedDuration, Timestamp};
use kube::Resource;
use serde_json::{Map, Value, json};

use super::{Decision, Engine, Failure, Input, Object, OnConflict, Stage};

/// A stateless engine: a function of an object, of what belongs to it, and of the time.
pub trait Reconciler: Send + Sync + 'static {
    /// What it wants done.
    type Effect: std::fmt::Debug + Send + Sync + 'static;

    /// Decides. `children` are sorted by kind and name. The plan's status is the whole status.
    ///
    /// # Errors
    /// A sentence, when the object cannot be read at all.
    fn reconcile(
        &self,
        object: &Object,
        children: &BTreeMap<(&'static str, String), Arc<Object>>,
        now: Timestamp,
    ) -> Result<Plan<Value, Self::Effect>, String>;

    /// Whether an effect comes before or after the status.
    fn stage(effect: &Self::Effect) -> Stage;
}

/// A [`Reconciler`] bound to one object.
pub struct Level<R: Reconciler> {
    reconciler: Arc<R>,
    object: Option<Arc<Object>>,
    /// The status as it will be once everything decided is written.
    status: Value,
    children: BTreeMap<(&'static str, String), Arc<Object>>,
    retry_at: Option<Timestamp>,
}

impl<R: Reconciler> Level<R> {
    /// The engine of an object that was not seen yet.
    #[must_use]
    pub fn new(reconciler: Arc<R>) -> Self {
        Self { reconciler, object: None, status: json!({}), children: BTreeMap::new(), retry_at: None }
    }
}

impl<R: Reconciler> Engine for Level<R> {
    type Effect = R::Effect;
    type Answer = ();
    const ON_CONFLICT: OnConflict = OnConflict::Recompute;

    fn observe(&mut self, object: &Arc<Object>, _status_is_ours: bool, _now: Timestamp) {
        self.status = object.get("status").cloned().filter(Value::is_object).unwrap_or_else(|| json!({}));
        self.object = Some(Arc::clone(object));
    }

    fn input(&mut self, input: Input<()>, _now: Timestamp) {
        match input {
            Input::Child { kind, object } => {
                let name = object.meta().name.clone().unwrap_or_default();
                self.children.insert((kind, name), object);
            }
            Input::ChildGone { kind, name, .. } => {
                self.children.remove(&(kind, name));
            }
            Input::Answer(()) => {}
        }
    }

    fn failed(&mut self, _effect: &Keyed<R::Effect>, _failure: &Failure, now: Timestamp) {
        // The same decision is taken again, but not at once.
        self.retry_at = now.checked_add(SignedDuration::from_secs(10)).ok();
    }

    fn decide(&mut self, now: Timestamp) -> Decision<R::Effect> {
        let Some(object) = &self.object else { return Decision::default() };
        if object.meta().deletion_timestamp.is_some() {
            return Decision::default();
        }
        if let Some(retry_at) = self.retry_at {
            if now < retry_at {
                return Decision { wake_at: Some(retry_at), ..Decision::default() };
            }
            self.retry_at = None;
        }
        let current = Object::clone(object).with_status(self.status.clone());
        match self.reconciler.reconcile(&current, &self.children, now) {
            Ok(plan) => {
                let patch = difference(&self.status, &plan.status).map(|status| json!({ "status": status }));
                self.status = plan.status;
                Decision { effects: plan.effects, patch, wake_at: plan.wake_at, ..Decision::default() }
            }
            Err(error) => {
                tracing::error!(name = object.meta().name.as_deref().unwrap_or_default(), %error, "the object cannot be read");
                Decision::default()
            }
        }
    }

    fn is_vacant(&self) -> bool {
        self.object.is_none() && self.children.is_empty()
    }

    fn stage(effect: &R::Effect) -> Stage {
        R::stage(effect)
    }
}

/// The merge patch that makes `to` of `from`; none when they are equal.
fn difference(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let mut patch = Map::new();
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in to {
        match from.get(name) {
            None => {
                patch.insert(name.clone(), value.clone());
            }
            Some(old) => {
                if let Some(change) = difference(old, value) {
                    patch.insert(name.clone(), change);
                }
            }
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_minimal() {
        let from = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]});
        let to = json!({"a": 1, "b": {"c": 4}, "e": [1, 2]});
        assert_eq!(difference(&from, &to), Some(json!({"b": {"c": 4, "d": null}, "e": [1, 2]})));
        assert_eq!(difference(&from, &from), None);
    }
}
