//! Watches turned into queue entries: one watch a kind, no list calls after the first.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::oneshot;

use super::{Engine, Inner, Input, Key, Message, Object};

type Owner = Box<dyn Fn(&Object) -> Option<Key> + Send + Sync>;

/// One watch that feeds a driver.
pub struct Source {
    /// Kind of what is watched.
    pub kind: &'static str,
    /// Where.
    pub api: Api<Object>,
    /// Selectors and the like.
    pub config: watcher::Config,
    /// Which driven object an object belongs to.
    pub owner: Owner,
}

impl Source {
    /// The driven objects themselves.
    #[must_use]
    pub fn objects(kind: &'static str, api: Api<Object>, config: watcher::Config) -> Self {
        Self { kind, api, config, owner: Box::new(|object| Some(key_of(object))) }
    }

    /// Objects that carry the name of what they belong to, in the same namespace, as a label.
    #[must_use]
    pub fn labelled(kind: &'static str, api: Api<Object>, config: watcher::Config, label: &'static str) -> Self {
        let owner = move |object: &Object| {
            let name = object.labels().get(label)?.clone();
            Some(Key { namespace: object.namespace().unwrap_or_default(), name })
        };
        Self { kind, api, config, owner: Box::new(owner) }
    }

    /// Objects whose controller is of the given kind.
    #[must_use]
    pub fn controlled(kind: &'static str, api: Api<Object>, config: watcher::Config, controller: &'static str) -> Self {
        let owner = move |object: &Object| {
            let reference = object.owner_references().iter().find(|r| r.controller == Some(true) && r.kind == controller)?;
            Some(Key { namespace: object.namespace().unwrap_or_default(), name: reference.name.clone() })
        };
        Self { kind, api, config, owner: Box::new(owner) }
    }
}

pub(crate) fn key_of(object: &Object) -> Key {
    Key { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

struct Known {
    owner: Key,
    uid: String,
    round: u64,
}

impl<E: Engine> Inner<E> {
    pub(super) async fn follow(self: Arc<Self>, source: Source, is_primary: bool, listed: oneshot::Sender<()>) {
        let mut listed = Some(listed);
        let mut known: HashMap<Key, Known> = HashMap::new();
        let mut round = 0;
        let mut stream = watcher(source.api, source.config).default_backoff().boxed();
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => round += 1,
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    let Some(owner) = (source.owner)(&object) else { continue };
                    let uid = object.uid().unwrap_or_default();
                    known.insert(key_of(&object), Known { owner: owner.clone(), uid, round });
                    let object = Arc::new(object);
                    let message =
                        if is_primary { Message::Object(object) } else { Message::Input(Input::Child { kind: source.kind, object }) };
                    self.push(&owner, message);
                }
                Ok(Event::Delete(object)) => {
                    if let Some(gone) = known.remove(&key_of(&object)) {
                        self.lost(source.kind, is_primary, object.name_any(), gone, Some(Arc::new(object)));
                    }
                }
                Ok(Event::InitDone) => {
                    // What was known and is not in the new list went while the watch was interrupted.
                    let missing: Vec<Key> = known.iter().filter(|(_, k)| k.round != round).map(|(key, _)| key.clone()).collect();
                    for key in missing {
                        if let Some(gone) = known.remove(&key) {
                            self.lost(source.kind, is_primary, key.name, gone, None);
                        }
                    }
                    if let Some(listed) = listed.take() {
                        // Nobody waits any more when everything is being stopped.
                        let _ = listed.send(());
                    }
                }
                Err(error) => tracing::warn!(kind = source.kind, %error, "the watch was interrupted; it is taken up again"),
            }
        }
    }

    fn lost(self: &Arc<Self>, kind: &'static str, is_primary: bool, name: String, gone: Known, object: Option<Arc<Object>>) {
        let message = if is_primary { Message::Gone { uid: gone.uid } } else { Message::Input(Input::ChildGone { kind, name, object }) };
        self.push(&gone.owner, message);
    }
}
