//! Mutexes and semaphores of all workflows of a controller, over the caches that hold the limits.

use std::sync::{Arc, Mutex, PoisonError};

use argo_core::workflows::{SemaphoreRef, Workflow};
use argo_dag::TaskEvent;
use argo_dag::locks::{LockManager, LockRequest, Told};
use kube::Api;
use kube::api::ListParams;

use super::library::Caches;
use crate::driver::{Key, Object};

pub(super) struct Locks {
    manager: Mutex<LockManager>,
    caches: Arc<Caches>,
}

impl Locks {
    pub(super) fn new(caches: Arc<Caches>) -> Arc<Self> {
        Arc::new(Self { manager: Mutex::new(LockManager::new()), caches })
    }

    /// Takes over what stored workflows hold, before anybody asks for anything.
    pub(super) async fn restore(&self, api: &Api<Object>, selector: &str) {
        let open = format!("{selector},{}!=true", super::COMPLETED);
        match api.list(&ListParams::default().labels(&open)).await {
            Ok(list) => {
                let mut manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
                for object in &list.items {
                    if let Ok(workflow) = object.read::<Workflow>() {
                        manager.reload(&workflow);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the locks that workflows hold could not be restored"),
        }
    }

    pub(super) fn acquire(&self, request: &LockRequest) -> Vec<(Key, TaskEvent)> {
        let mut manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        events(&manager.acquire(request, &|name, source| self.limit(name, source)))
    }

    pub(super) fn release(&self, holder: &str) -> Vec<(Key, TaskEvent)> {
        let mut manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        events(&manager.release(holder, &|name, source| self.limit(name, source)))
    }

    /// A semaphore's limit, from its ConfigMap: `namespace/ConfigMap/name/key`.
    fn limit(&self, lock: &str, source: &SemaphoreRef) -> Result<i64, String> {
        let unknown = || format!("failed to initialize semaphore {lock} with limit");
        let namespace = lock.split('/').next().unwrap_or_default();
        let reference = source.config_map_key_ref.as_ref().ok_or_else(unknown)?;
        let map = self.caches.config_maps.get(namespace, &reference.name).ok_or_else(unknown)?;
        let text = map.pointer("/data").and_then(|d| d.get(&reference.key)).and_then(|v| v.as_str()).ok_or_else(unknown)?;
        text.trim().parse().map_err(|_| format!("the limit of semaphore {lock} is {text:?}, not a whole number"))
    }
}

fn events(told: &[Told]) -> Vec<(Key, TaskEvent)> {
    told.iter()
        .map(|t| {
            let key = Key { namespace: t.namespace().to_owned(), name: t.workflow().to_owned() };
            (key, TaskEvent::Locks { node_id: t.node_id().to_owned(), outcome: t.outcome.clone() })
        })
        .collect()
}
