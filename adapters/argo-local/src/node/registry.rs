//! The pods that the node knows, and their logs.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{attempts, logs, run_dir};
use crate::Clock;
use crate::backend::{BackendError, LogOptions, NodeBackend};

pub(crate) struct Registry {
    root: PathBuf,
    clock: Clock,
    pods: Mutex<BTreeMap<String, Pod>>,
}

impl Registry {
    pub(crate) fn new(root: PathBuf, clock: Clock) -> Self {
        Self { root, clock, pods: Mutex::default() }
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Pod>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, pod: &Pod) {
        if let Some(uid) = &pod.metadata.uid {
            self.pods().insert(uid.clone(), kept(pod));
        }
    }

    pub(crate) fn remove(&self, uid: &str) {
        self.pods().remove(uid);
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<Pod> {
        self.pods().get(uid).cloned()
    }

    /// The known pods that are not among these.
    pub(crate) fn others(&self, uids: &[String]) -> Vec<String> {
        self.pods().keys().filter(|uid| !uids.contains(uid)).cloned().collect()
    }

    fn by_name(&self, namespace: &str, name: &str) -> Option<Pod> {
        let pods = self.pods();
        let mut found = pods.values().filter(|pod| {
            pod.metadata.name.as_deref() == Some(name) && pod.metadata.namespace.as_deref().unwrap_or("default") == namespace
        });
        found.next().cloned()
    }
}

/// What is remembered of a pod: there may be many that have ended.
fn kept(pod: &Pod) -> Pod {
    let meta = &pod.metadata;
    let names = |containers: &[Container]| {
        containers.iter().map(|container| Container { name: container.name.clone(), ..Container::default() }).collect::<Vec<_>>()
    };
    let statuses = |statuses: &Option<Vec<ContainerStatus>>| {
        let state = |status: &ContainerStatus| {
            let waiting = status.state.as_ref().and_then(|state| state.waiting.clone());
            ContainerStatus {
                name: status.name.clone(),
                state: Some(ContainerState { waiting, ..ContainerState::default() }),
                ..ContainerStatus::default()
            }
        };
        statuses.as_ref().map(|statuses| statuses.iter().map(state).collect())
    };
    Pod {
        metadata: ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            uid: meta.uid.clone(),
            deletion_timestamp: meta.deletion_timestamp.clone(),
            deletion_grace_period_seconds: meta.deletion_grace_period_seconds,
            ..ObjectMeta::default()
        },
        spec: pod.spec.as_ref().map(|spec| PodSpec {
            containers: names(&spec.containers),
            init_containers: spec.init_containers.as_deref().map(names),
            ..PodSpec::default()
        }),
        status: pod.status.as_ref().map(|status| PodStatus {
            container_statuses: statuses(&status.container_statuses),
            init_container_statuses: statuses(&status.init_container_statuses),
            ..PodStatus::default()
        }),
    }
}

fn waiting_reason(pod: &Pod, container: &str) -> String {
    let status = pod.status.as_ref();
    let all = status.into_iter().flat_map(|status| status.container_statuses.iter().chain(&status.init_container_statuses).flatten());
    let find = |status: &&ContainerStatus| status.name == container;
    let waiting = all.into_iter().find(find).and_then(|status| status.state.as_ref()?.waiting.as_ref());
    waiting.and_then(|waiting| waiting.reason.clone()).unwrap_or_else(|| "ContainerCreating".to_owned())
}

#[async_trait]
impl NodeBackend for Registry {
    async fn logs(&self, namespace: &str, pod: &str, options: &LogOptions) -> Result<BoxStream<'static, io::Result<Bytes>>, BackendError> {
        let not_found = || BackendError::NotFound(format!("pod {namespace}/{pod} is not on this node"));
        let object = self.by_name(namespace, pod).ok_or_else(not_found)?;
        let uid = object.metadata.uid.clone().unwrap_or_default();
        let spec = object.spec.clone().unwrap_or_default();
        let names: Vec<&str> =
            spec.init_containers.iter().flatten().chain(&spec.containers).map(|container| container.name.as_str()).collect();
        let container = match options.container.as_str() {
            "" => spec.containers.first().map(|container| container.name.clone()).unwrap_or_default(),
            name => name.to_owned(),
        };
        if !names.contains(&container.as_str()) {
            return Err(BackendError::BadRequest(format!("container {container} is not valid for pod {pod}")));
        }
        // A run that is being prepared has no log yet.
        let attempts =
            attempts(&self.root, &uid, &container).filter(|attempt| run_dir(&self.root, &uid, &container, *attempt).spec().exists());
        let last = attempts.max();
        let attempt = if options.previous { last.and_then(|last| last.checked_sub(1)) } else { last };
        let Some(attempt) = attempt else {
            return Err(BackendError::BadRequest(if options.previous {
                format!("previous terminated container {container:?} in pod {pod:?} not found")
            } else {
                format!("container {container:?} in pod {pod:?} is waiting to start: {}", waiting_reason(&object, &container))
            }));
        };
        let dir = run_dir(&self.root, &uid, &container, attempt);
        // A removed folder ends the log, too.
        let ended = {
            let dir = dir.clone();
            move || dir.exit().exists() || !dir.spec().exists()
        };
        Ok(logs::read(&dir.log(), options.clone(), (self.clock)(), ended))
    }
}
