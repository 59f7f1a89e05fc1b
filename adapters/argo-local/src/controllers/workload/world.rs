//! What the workload controllers know of the cluster: every object they look at, as last seen or last written by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, Node, PersistentVolumeClaim, Pod, Service, Volume};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

/// Namespace and name; the namespace is empty for what has none.
pub(crate) type Key = (String, String);

pub(crate) fn key(meta: &ObjectMeta) -> Key {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// All objects of a kind.
#[derive(Debug)]
pub(crate) struct Cache<T>(BTreeMap<Key, Arc<T>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

impl<T: Resource<DynamicType = ()>> Cache<T> {
    /// Takes an object over unless a newer state of it is known.
    pub(crate) fn put(&mut self, object: T) {
        let key = key(object.meta());
        let known = self.0.get(&key).is_some_and(|known| {
            known.meta().uid == object.meta().uid && version(known.meta()) >= version(object.meta()) && version(known.meta()) > 0
        });
        if !known {
            self.0.insert(key, Arc::new(object));
        }
    }

    /// Forgets an object, unless another of the same name has taken its place.
    pub(crate) fn forget(&mut self, object: &T) {
        let key = key(object.meta());
        if self.0.get(&key).is_some_and(|known| known.meta().uid == object.meta().uid) {
            self.0.remove(&key);
        }
    }

    /// Changes what is known of an object.
    pub(crate) fn change(&mut self, key: &Key, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        if let Some(object) = self.0.get_mut(key) {
            change(Arc::make_mut(object));
        }
    }

    pub(crate) fn keys(&self) -> BTreeSet<Key> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.values()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<T>> {
        self.0.get(key)
    }

    pub(crate) fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<T>> {
        let from = (namespace.to_owned(), String::new());
        self.0.range(from..).take_while(move |((ns, _), _)| ns == namespace).map(|(_, object)| object)
    }
}

/// The caches.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// How many pods are on each node that have not ended.
    pub(crate) placed: BTreeMap<String, usize>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) nodes: Cache<Node>,
    pub(crate) sets: Cache<ReplicaSet>,
    pub(crate) deployments: Cache<Deployment>,
    pub(crate) stateful: Cache<StatefulSet>,
    pub(crate) revisions: Cache<ControllerRevision>,
    pub(crate) jobs: Cache<Job>,
    pub(crate) services: Cache<Service>,
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) budgets: Cache<PodDisruptionBudget>,
}

/// The node that a pod takes a place of.
fn place(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty() && !over(pod))
}

impl World {
    /// Counts the places of a pod anew, whose cached state `act` changes; whether a place became free.
    pub(crate) fn with_pod<R>(&mut self, key: &Key, act: impl FnOnce(&mut Cache<Pod>) -> R) -> (R, bool) {
        let find = |pods: &Cache<Pod>| pods.get(key).and_then(|pod| place(pod)).map(str::to_owned);
        let before = find(&self.pods);
        let result = act(&mut self.pods);
        let after = find(&self.pods);
        if before != after {
            if let Some(count) = before.as_ref().and_then(|node| self.placed.get_mut(node)) {
                *count = count.saturating_sub(1);
            }
            if let Some(node) = &after {
                let count = self.placed.entry(node.clone()).or_default();
                *count = count.saturating_add(1);
            }
        }
        (result, before.is_some() && after.is_none())
    }
}

/// A pod without what no controller here looks at: there may be many thousands of them.
pub(crate) fn slim(mut pod: Pod) -> Pod {
    pod.metadata.managed_fields = None;
    if let Some(notes) = &mut pod.metadata.annotations {
        notes.retain(|name, _| name.starts_with("batch.kubernetes.io/") || name.starts_with("controller.kubernetes.io/"));
    }
    if let Some(spec) = &mut pod.spec {
        spec.init_containers = None;
        for container in &mut spec.containers {
            *container = Container { name: std::mem::take(&mut container.name), ports: container.ports.take(), ..Container::default() };
        }
        let claims = |volume: &Volume| volume.persistent_volume_claim.is_some();
        spec.volumes = spec.volumes.take().map(|volumes| volumes.into_iter().filter(claims).collect());
    }
    if let Some(status) = &mut pod.status {
        status.init_container_statuses = None;
    }
    pod
}

/// The reference to the controller of an object.
pub(crate) fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

pub(crate) fn owned_by(meta: &ObjectMeta, owner: &ObjectMeta) -> bool {
    controller(meta).is_some_and(|reference| Some(&reference.uid) == owner.uid.as_ref())
}

/// A reference that makes `owner` the controller.
pub(crate) fn reference<T: Resource<DynamicType = ()>>(owner: &T) -> OwnerReference {
    OwnerReference {
        api_version: T::api_version(&()).into_owned(),
        kind: T::kind(&()).into_owned(),
        name: owner.name_any(),
        uid: owner.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Whether labels fit a selector. One that says nothing fits nothing: for workloads that is never meant.
pub(crate) fn fits(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let empty = BTreeMap::new();
    let labels = labels.unwrap_or(&empty);
    let by_label = selector.match_labels.iter().flatten().all(|(name, value)| labels.get(name) == Some(value));
    let by_expression = selector.match_expressions.iter().flatten().all(|rule| {
        let value = labels.get(&rule.key);
        let listed = || value.is_some_and(|value| rule.values.iter().flatten().any(|one| one == value));
        match rule.operator.as_str() {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    let says = selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty())
        || selector.match_expressions.as_ref().is_some_and(|rules| !rules.is_empty());
    says && by_label && by_expression
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

pub(crate) fn over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Runs or is to run.
pub(crate) fn active(pod: &Pod) -> bool {
    !over(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// Since when the pod is ready.
pub(crate) fn ready_since(pod: &Pod) -> Option<jiff::Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    Some(ready.last_transition_time.as_ref().map_or(jiff::Timestamp::UNIX_EPOCH, |time| time.0))
}

pub(crate) fn ready(pod: &Pod) -> bool {
    ready_since(pod).is_some()
}

/// Ready for `min_seconds`: `Ok`; otherwise when it will be, if it is ready now.
pub(crate) fn available(pod: &Pod, min_seconds: i32, now: jiff::Timestamp) -> Result<(), Option<jiff::Timestamp>> {
    let since = ready_since(pod).ok_or(None)?;
    let at = since.checked_add(jiff::SignedDuration::from_secs(min_seconds.max(0).into())).unwrap_or(jiff::Timestamp::MAX);
    if min_seconds <= 0 || at <= now { Ok(()) } else { Err(Some(at)) }
}

/// A number that may be a percentage of `total`.
pub(crate) fn scaled(value: &k8s_openapi::apimachinery::pkg::util::intstr::IntOrString, total: i32, round_up: bool) -> i32 {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    match value {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent = text.strip_suffix('%').and_then(|number| number.parse::<i64>().ok()).unwrap_or(0);
            let product = percent.saturating_mul(total.into());
            let share = if round_up { product.saturating_add(99).div_euclid(100) } else { product.div_euclid(100) };
            i32::try_from(share).unwrap_or(i32::MAX)
        }
    }
}
