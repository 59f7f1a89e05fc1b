//! What workflows refer to, kept by watches.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use argo_core::workflows::{ClusterWorkflowTemplate, WorkflowTemplate};
use argo_dag::Library;
use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::driver::Object;

type Name = (String, String);

/// Objects of one kind by namespace and name, as they are now.
pub(super) struct Cache<T> {
    objects: RwLock<HashMap<Name, Arc<T>>>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { objects: RwLock::new(HashMap::new()) }
    }
}

impl<T: DeserializeOwned> Cache<T> {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>>
    where
        Name: Hash + Eq,
    {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Follows a watch for ever; `listed` is told when the first list is complete.
    pub(super) async fn follow(&self, kind: &'static str, api: Api<Object>, config: watcher::Config, listed: oneshot::Sender<()>) {
        let mut listed = Some(listed);
        let mut listing: Option<HashMap<Name, Arc<T>>> = None;
        let mut stream = watcher(api, config).default_backoff().boxed();
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => listing = Some(HashMap::new()),
                Ok(Event::InitApply(object)) => {
                    if let (Some(listing), Some((name, object))) = (&mut listing, read(kind, &object)) {
                        listing.insert(name, object);
                    }
                }
                Ok(Event::Apply(object)) => {
                    let name = (object.namespace().unwrap_or_default(), object.name_any());
                    let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
                    match read(kind, &object) {
                        Some((name, object)) => objects.insert(name, object),
                        None => objects.remove(&name),
                    };
                }
                Ok(Event::Delete(object)) => {
                    let name = (object.namespace().unwrap_or_default(), object.name_any());
                    self.objects.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
                }
                Ok(Event::InitDone) => {
                    if let Some(listing) = listing.take() {
                        *self.objects.write().unwrap_or_else(PoisonError::into_inner) = listing;
                    }
                    if let Some(listed) = listed.take() {
                        // Nobody waits any more when everything is being stopped.
                        let _ = listed.send(());
                    }
                }
                Err(error) => tracing::warn!(kind, %error, "the watch was interrupted; it is taken up again"),
            }
        }
    }
}

fn read<T: DeserializeOwned>(kind: &'static str, object: &Object) -> Option<(Name, Arc<T>)> {
    let name = (object.namespace().unwrap_or_default(), object.name_any());
    match object.read() {
        Ok(object) => Some((name, Arc::new(object))),
        Err(error) => {
            tracing::error!(kind, namespace = name.0, name = name.1, %error, "the object cannot be read and counts as missing");
            None
        }
    }
}

/// All that workflows refer to.
#[derive(Default)]
pub(super) struct Caches {
    pub(super) templates: Cache<WorkflowTemplate>,
    pub(super) cluster_templates: Cache<ClusterWorkflowTemplate>,
    pub(super) config_maps: Cache<Value>,
}

/// The caches as the workflows of one namespace see them.
pub(super) struct NamespaceLibrary {
    pub(super) caches: Arc<Caches>,
    pub(super) namespace: String,
}

impl Library for NamespaceLibrary {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        self.caches.templates.get(&self.namespace, name)
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        self.caches.cluster_templates.get("", name)
    }

    fn config_map(&self, name: &str) -> Option<Arc<Value>> {
        self.caches.config_maps.get(&self.namespace, name)
    }
}
