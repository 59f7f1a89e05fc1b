//! One round of work on one object.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use argo_core::Keyed;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use super::objects::{api, has_code, patch};
use super::{Decision, Engine, Failure, Inner, Input, Key, Message, Object, OnConflict, Stage, Target};

/// What the driver keeps for one object between two rounds.
pub(super) struct Cell<E: Engine> {
    engine: E,
    uid: String,
    version: String,
    /// The status as it was last read or written.
    base: Base,
    /// What is decided and not yet written.
    pending: Option<Value>,
    /// Until when what is decided may wait for more.
    due: Option<Timestamp>,
    /// What waits for `pending` to be written.
    after: Vec<Keyed<E::Effect>>,
    /// What waits for its time.
    later: Vec<(Timestamp, Keyed<E::Effect>)>,
    /// How many times in a row `pending` could not be written.
    failures: u32,
}

/// A status that the next one is compared with.
enum Base {
    Whole(Value),
    /// Its hash, where the engine rests: there may be many such objects, and nothing is to be made of their statuses.
    Digest(u64),
}

impl Base {
    fn is(&self, status: &Value) -> bool {
        match self {
            Self::Whole(whole) => whole == status,
            Self::Digest(known) => *known == digest(status),
        }
    }

    /// The status after a patch of it; none where it is not known.
    fn patched(&self, patch: &Value) -> Option<Value> {
        let Self::Whole(whole) = self else { return None };
        let mut status = whole.clone();
        merge_patch(&mut status, patch);
        Some(status)
    }
}

fn digest(status: &Value) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    status.hash(&mut hasher);
    hasher.finish()
}

enum Written {
    Done,
    /// Not yet: more may come.
    Held,
    /// The object changed meanwhile and the engine has seen it.
    Changed,
    Gone,
    Failed,
}

impl<E: Engine> Inner<E> {
    fn fresh(&self, key: &Key) -> Box<Cell<E>> {
        Box::new(Cell {
            engine: (self.make)(key),
            uid: String::new(),
            version: String::new(),
            base: Base::Whole(json!({})),
            pending: None,
            due: None,
            after: Vec::new(),
            later: Vec::new(),
            failures: 0,
        })
    }

    fn backoff(&self, failures: u32) -> SignedDuration {
        let wait = self.options.first_backoff.saturating_mul(2_u32.saturating_pow(failures)).min(self.options.max_backoff);
        SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_secs(30))
    }

    pub(super) async fn round(
        self: &Arc<Self>,
        key: &Key,
        messages: Vec<Message<E::Answer>>,
        cell: Option<Box<Cell<E>>>,
    ) -> (Option<Box<Cell<E>>>, Option<Timestamp>) {
        let mut cell = cell.unwrap_or_else(|| self.fresh(key));
        for message in messages {
            let now = self.clock.now();
            match message {
                Message::Wake => {}
                Message::Input(input) => cell.engine.input(input, now),
                Message::Object(object) => {
                    let uid = object.uid().unwrap_or_default();
                    if !cell.uid.is_empty() && cell.uid != uid {
                        self.bury(key, &mut cell).await;
                        cell = self.fresh(key);
                    }
                    if cell.uid.is_empty() || is_newer(&object.resource_version().unwrap_or_default(), &cell.version) {
                        observe(&mut cell, &object, now);
                    }
                }
                Message::Gone { uid } if cell.uid == uid => {
                    self.bury(key, &mut cell).await;
                    cell = self.fresh(key);
                }
                Message::Gone { .. } => {}
            }
        }
        if cell.engine.is_vacant() {
            return (None, None);
        }
        let wake_at = self.decide(key, &mut cell).await;
        (Some(cell), wake_at)
    }

    async fn bury(self: &Arc<Self>, key: &Key, cell: &mut Cell<E>) {
        let effects = cell.engine.farewell();
        let mut again = false;
        self.carry_out(key, cell, effects, &mut again).await;
    }

    /// Asks the engine until nothing new comes of it; returns when to ask again.
    async fn decide(self: &Arc<Self>, key: &Key, cell: &mut Cell<E>) -> Option<Timestamp> {
        loop {
            let mut again = false;
            let now = self.clock.now();
            let Decision { effects, patch, patience, wake_at } = cell.engine.decide(now);
            let decided = patch.is_some() || !effects.is_empty();
            let (before, after): (Vec<_>, Vec<_>) = effects.into_iter().partition(|k| E::stage(&k.effect) == Stage::BeforeStatus);
            self.carry_out(key, cell, before, &mut again).await;
            cell.after.extend(after);
            if let Some(patch) = patch {
                match &mut cell.pending {
                    Some(pending) => compose(pending, patch),
                    none => *none = Some(patch),
                }
            }
            if decided {
                let due = now.checked_add(patience).unwrap_or(now);
                cell.due = Some(cell.due.map_or(due, |earlier| earlier.min(due)));
            }
            let gathers = cell.pending.is_some() && cell.due.is_some_and(|due| due > self.clock.now());
            match if gathers { Written::Held } else { self.write(key, cell).await } {
                Written::Done => {
                    let due = std::mem::take(&mut cell.after);
                    let now = self.clock.now();
                    let (held, due): (Vec<_>, Vec<_>) = due.into_iter().partition(|k| E::delay(&k.effect).is_some());
                    for keyed in held {
                        let at = E::delay(&keyed.effect).and_then(|delay| now.checked_add(delay).ok()).unwrap_or(now);
                        cell.later.push((at, keyed));
                    }
                    self.carry_out(key, cell, due, &mut again).await;
                }
                Written::Changed => again = true,
                // The watch will say so too, and then the engine is dropped.
                Written::Gone => {
                    cell.pending = None;
                    cell.due = None;
                    return None;
                }
                Written::Held | Written::Failed => {}
            }
            let now = self.clock.now();
            let (due, held): (Vec<_>, Vec<_>) = std::mem::take(&mut cell.later).into_iter().partition(|(at, _)| *at <= now);
            cell.later = held;
            self.carry_out(key, cell, due.into_iter().map(|(_, keyed)| keyed).collect(), &mut again).await;
            if again {
                continue;
            }
            if let (true, None, Base::Whole(status)) = (cell.engine.rests(), &cell.pending, &cell.base) {
                cell.base = Base::Digest(digest(status));
            }
            let retry_at = match cell.due {
                Some(due) if gathers => Some(due),
                _ => cell.pending.as_ref().and_then(|_| now.checked_add(self.backoff(cell.failures)).ok()),
            };
            return [wake_at, retry_at].into_iter().flatten().chain(cell.later.iter().map(|(at, _)| *at)).min();
        }
    }

    /// Carries out effects in their order; neighbours that are independent of each other side by side. Sets `again` when the engine was told something.
    async fn carry_out(self: &Arc<Self>, key: &Key, cell: &mut Cell<E>, effects: Vec<Keyed<E::Effect>>, again: &mut bool) {
        if effects.is_empty() {
            return;
        }
        let target = Target { key: key.clone(), uid: cell.uid.clone() };
        let mut rest = effects.as_slice();
        while let Some(first) = rest.first() {
            let together = if E::independent(&first.effect) { rest.iter().take_while(|k| E::independent(&k.effect)).count() } else { 1 };
            let (group, tail) = rest.split_at(together);
            rest = tail;
            let tries: Vec<_> = group.iter().map(|keyed| self.apply(&target, keyed).boxed()).collect();
            let outcomes: Vec<_> = futures::stream::iter(tries).buffered(self.options.effects_at_once.max(1)).collect().await;
            for (keyed, outcome) in group.iter().zip(outcomes) {
                let now = self.clock.now();
                match outcome {
                    Ok(answers) => {
                        for (to, answer) in answers {
                            if to == *key {
                                cell.engine.input(Input::Answer(answer), now);
                                *again = true;
                            } else {
                                self.push(&to, Message::Input(Input::Answer(answer)));
                            }
                        }
                    }
                    Err(failure) => {
                        tracing::warn!(%key, effect = %keyed.id, error = %failure, transient = failure.transient, "an effect could not be carried out");
                        cell.engine.failed(keyed, &failure, now);
                        *again = true;
                    }
                }
            }
        }
    }

    async fn apply(&self, target: &Target, keyed: &Keyed<E::Effect>) -> Result<Vec<(Key, E::Answer)>, Failure> {
        let mut tries = 0;
        loop {
            match self.interpreter.apply(target, keyed).await {
                Err(failure) if failure.transient && tries + 1 < self.options.attempts => {
                    tracing::debug!(key = %target.key, effect = %keyed.id, error = %failure, "an effect is tried again");
                    let now = self.clock.now();
                    self.clock.sleep_until(now.checked_add(self.backoff(tries)).unwrap_or(now)).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn write(&self, key: &Key, cell: &mut Cell<E>) -> Written {
        let api: kube::Api<Object> = api(&self.client, &self.primary.resource, &key.namespace);
        let subresource = self.primary.status_subresource.then_some("status");
        loop {
            let Some(pending) = &mut cell.pending else { return Written::Done };
            compose(pending, json!({"metadata": {"resourceVersion": cell.version}}));
            match patch(&api, &key.name, subresource, pending).await {
                Ok(version) => {
                    cell.version = version;
                    settle(cell);
                    return Written::Done;
                }
                Err(e) if has_code(&e, 404) => return Written::Gone,
                Err(e) if has_code(&e, 409) => match api.get_opt(&key.name).await {
                    Ok(None) => return Written::Gone,
                    Ok(Some(object)) if object.uid().unwrap_or_default() != cell.uid => return Written::Gone,
                    Ok(Some(object)) => {
                        let status = cell.pending.as_ref().and_then(|pending| pending.get("status"));
                        let written = status.and_then(|status| cell.base.patched(status)).filter(|written| !cell.base.is(written));
                        let version = object.resource_version().unwrap_or_default();
                        if version != cell.version && written.is_some() && object.get("status") == written.as_ref() {
                            // It is our own patch, and its reply was lost.
                            cell.version = version;
                            settle(cell);
                            return Written::Done;
                        }
                        let resend = observe(cell, &Arc::new(object), self.clock.now()) && E::ON_CONFLICT == OnConflict::Resend;
                        if !resend {
                            cell.pending = None;
                            cell.due = None;
                            return Written::Changed;
                        }
                    }
                    Err(error) => return self.unwritten(key, cell, &error),
                },
                Err(error) => return self.unwritten(key, cell, &error),
            }
        }
    }

    fn unwritten(&self, key: &Key, cell: &mut Cell<E>, error: &kube::Error) -> Written {
        cell.failures = cell.failures.saturating_add(1);
        tracing::error!(%key, %error, tries = cell.failures, "the status could not be written; it is tried again");
        Written::Failed
    }
}

/// Takes in how the object looks now; true if its status is the one we knew.
fn observe<E: Engine>(cell: &mut Cell<E>, object: &Arc<Object>, now: Timestamp) -> bool {
    let empty = Value::Object(Map::new());
    let status = object.get("status").filter(|status| !status.is_null()).unwrap_or(&empty);
    let ours = !cell.uid.is_empty() && cell.base.is(status);
    cell.uid = object.uid().unwrap_or_default();
    cell.version = object.resource_version().unwrap_or_default();
    if !ours {
        cell.base = Base::Whole(status.clone());
        // Decided from a status that is no more; the engine decides again from this one.
        cell.pending = None;
        cell.due = None;
        cell.after.clear();
    }
    cell.engine.observe(object, ours, now);
    ours
}

fn settle<E: Engine>(cell: &mut Cell<E>) {
    // Where the base is a hash the status will not be recognized, and the engine starts from it anew.
    if let (Some(patch), Base::Whole(status)) = (cell.pending.take(), &mut cell.base)
        && let Some(patch) = patch.get("status")
    {
        merge_patch(status, patch);
    }
    cell.due = None;
    cell.failures = 0;
}

/// Resource versions of one kind can be compared as numbers; where they are not numbers, a different one counts as newer.
fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u128>(), than.parse::<u128>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => version != than,
    }
}

/// JSON merge patch (RFC 7396) of a document.
fn merge_patch(document: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    if let Value::Object(fields) = document {
        for (name, value) in patch {
            if value.is_null() {
                fields.remove(name);
            } else {
                merge_patch(fields.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
    }
}

/// Makes one merge patch of two that follow each other: as [`merge_patch`], but `null` stays, because it still has to delete.
fn compose(first: &mut Value, second: Value) {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            for (name, value) in second {
                match first.get_mut(&name) {
                    // A patch that deletes and then sets below cannot be said in one; the deletion is taken back, the fields set.
                    Some(old) if old.is_object() => compose(old, value),
                    _ => {
                        first.insert(name, value);
                    }
                }
            }
        }
        (first, second) => *first = second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_patches_do_what_both_did() {
        let cases = [
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 3}}), json!({"a": {"c": null}, "d": 4})),
            (json!({"a": {"b": 1}}), json!({"a": {"b": null}}), json!({"a": {"b": 5}})),
            (json!({}), json!({"a": {"x": {"y": 1}}}), json!({"a": {"x": null}})),
        ];
        for (document, one, two) in cases {
            let mut stepwise = document.clone();
            merge_patch(&mut stepwise, &one);
            merge_patch(&mut stepwise, &two);
            let mut both = one;
            compose(&mut both, two);
            let mut at_once = document;
            merge_patch(&mut at_once, &both);
            assert_eq!(at_once, stepwise);
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(is_newer("10", "9"));
        assert!(!is_newer("9", "10"));
        assert!(!is_newer("10", "10"));
        assert!(is_newer("b", "a"));
    }
}
