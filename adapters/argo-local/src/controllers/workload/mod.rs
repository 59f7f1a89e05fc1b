//! The controllers of workloads and the scheduler: ordinary clients of the API.
//!
//! Each is a pure function from what is known of the cluster to the next writes; [`run_all`] is the loop around all of them. What it writes
//! goes into its caches with the API's answer, so that no step is taken twice on an old view.

mod budget;
mod claims;
mod deployment;
mod endpoints;
mod job;
mod replicaset;
mod revisions;
mod scheduler;
mod statefulset;
mod world;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll, StreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Clock;
use world::{Cache, Key, World, controller, key};
use write::{Plan, Write};

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Pod(Key),
    ReplicaSet(Key),
    Deployment(Key),
    StatefulSet(Key),
    Job(Key),
    Service(Key),
    Claim(Key),
    Budget(Key),
}

// One at a time is moved, never kept.
#[allow(clippy::large_enum_variant)]
enum Seen {
    Pod(watcher::Event<Pod>),
    Node(watcher::Event<Node>),
    ReplicaSet(watcher::Event<ReplicaSet>),
    Deployment(watcher::Event<Deployment>),
    StatefulSet(watcher::Event<StatefulSet>),
    Revision(watcher::Event<ControllerRevision>),
    Job(watcher::Event<Job>),
    Service(watcher::Event<Service>),
    Claim(watcher::Event<PersistentVolumeClaim>),
    Budget(watcher::Event<PodDisruptionBudget>),
}

/// Which controllers run, and by what time.
#[derive(Clone)]
pub struct Options {
    /// The clock.
    pub clock: Clock,
    /// Whether pods are put on nodes and claims are bound, too. Without it somebody else does that, or nobody.
    pub places: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(Timestamp::now), places: true }
    }
}

/// Runs the scheduler and the controllers of ReplicaSets, Deployments, StatefulSets, Jobs, disruption budgets, claims and service endpoints until
/// `shutdown`.
pub async fn run_all(client: Client, shutdown: impl Future<Output = ()>) {
    run_with(client, Options::default(), shutdown).await;
}

/// The same with options.
pub async fn run_with(client: Client, options: Options, shutdown: impl Future<Output = ()>) {
    let mut manager = Manager {
        options,
        world: World::default(),
        queue: BTreeSet::new(),
        timers: BTreeMap::new(),
        failures: BTreeMap::new(),
        written: BTreeMap::new(),
        full: BTreeSet::new(),
        listing: BTreeMap::new(),
        client,
    };
    tokio::select! {
        () = manager.run() => {}
        () = shutdown => {}
    }
}

struct Manager {
    client: Client,
    options: Options,
    world: World,
    queue: BTreeSet<Item>,
    timers: BTreeMap<Item, Timestamp>,
    failures: BTreeMap<Item, u32>,
    written: BTreeMap<String, Value>,
    /// Pods for which no node has room, the oldest first.
    full: BTreeSet<(Option<Timestamp>, Key)>,
    /// What was known when a list began and was not seen in it yet, by kind.
    listing: BTreeMap<&'static str, BTreeSet<Key>>,
}

fn watched<T>(client: &Client, wrap: fn(watcher::Event<T>) -> Seen) -> BoxStream<'static, Seen>
where
    T: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    let stream = watcher(Api::<T>::all(client.clone()), watcher::Config::default());
    let stream = stream.filter_map(move |event| async move {
        match event {
            Ok(event) => Some(wrap(event)),
            Err(error) => {
                tracing::warn!("watch of {}: {error}", T::plural(&()));
                tokio::time::sleep(Duration::from_millis(200)).await;
                None
            }
        }
    });
    stream.boxed()
}

/// Applies a watch event to a cache; the objects that have changed.
fn absorb<T: Resource<DynamicType = ()> + Clone>(
    cache: &mut Cache<T>,
    listing: &mut BTreeMap<&'static str, BTreeSet<Key>>,
    name: &'static str,
    event: watcher::Event<T>,
) -> Vec<T> {
    match event {
        watcher::Event::Init => {
            listing.insert(name, cache.keys());
            Vec::new()
        }
        watcher::Event::InitApply(object) => {
            listing.entry(name).or_default().remove(&key(object.meta()));
            cache.put(object.clone());
            vec![object]
        }
        watcher::Event::InitDone => {
            let gone = listing.remove(name).unwrap_or_default();
            let gone: Vec<T> = gone.iter().filter_map(|key| cache.get(key)).map(|object| object.as_ref().clone()).collect();
            gone.iter().for_each(|object| cache.forget(object));
            gone
        }
        watcher::Event::Apply(object) => {
            // Also what is known already: it may be an own write, which others have not looked at yet.
            cache.put(object.clone());
            vec![object]
        }
        watcher::Event::Delete(object) => {
            cache.forget(&object);
            vec![object]
        }
    }
}

impl Manager {
    async fn run(&mut self) {
        let client = self.client.clone();
        let mut all: SelectAll<BoxStream<'static, Seen>> = futures::stream::select_all([
            watched(&client, Seen::Node),
            watched(&client, Seen::Claim),
            watched(&client, Seen::Pod),
            watched(&client, Seen::ReplicaSet),
            watched(&client, Seen::Deployment),
            watched(&client, Seen::StatefulSet),
            watched(&client, Seen::Revision),
            watched(&client, Seen::Job),
            watched(&client, Seen::Service),
            watched(&client, Seen::Budget),
        ]);
        // Nothing is decided before everything was listed once.
        let mut unlisted = 10_u32;
        loop {
            while let Some(item) = if unlisted == 0 { self.queue.pop_first() } else { None } {
                self.look(item).await;
                // What has happened meanwhile counts in the next decision.
                while let Some(Some(seen)) = futures::FutureExt::now_or_never(all.next()) {
                    self.see(seen);
                }
            }
            let next = self.timers.values().min().copied().filter(|_| unlisted == 0);
            let timer = async {
                match next {
                    Some(at) => {
                        let wait = at.duration_since((self.options.clock)());
                        tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                seen = all.next() => match seen {
                    Some(seen) => {
                        if done(&seen) {
                            unlisted = unlisted.saturating_sub(1);
                        }
                        self.see(seen);
                    }
                    None => return,
                },
                () = timer => {
                    let now = (self.options.clock)();
                    let due: Vec<Item> = self.timers.iter().filter(|(_, at)| **at <= now).map(|(item, _)| item.clone()).collect();
                    for item in due {
                        self.timers.remove(&item);
                        self.queue.insert(item);
                    }
                }
            }
        }
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Pod(event) => {
                for pod in self.absorb_pods(event) {
                    self.saw_pod(&pod);
                }
            }
            Seen::Node(event) => {
                self.full.clear();
                absorb(&mut self.world.nodes, &mut self.listing, "nodes", event);
                self.unscheduled();
            }
            Seen::Claim(event) => {
                let changed = absorb(&mut self.world.claims, &mut self.listing, "claims", event);
                self.queue.extend(changed.iter().map(|claim| Item::Claim(key(&claim.metadata))));
                self.unscheduled();
            }
            Seen::ReplicaSet(event) => {
                for set in absorb(&mut self.world.sets, &mut self.listing, "replicasets", event) {
                    self.queue.insert(Item::ReplicaSet(key(&set.metadata)));
                    if let Some(owner) = controller(&set.metadata).filter(|owner| owner.kind == "Deployment") {
                        let owner = (set.metadata.namespace.clone().unwrap_or_default(), owner.name.clone());
                        self.queue.insert(Item::Deployment(owner));
                    }
                }
            }
            Seen::Deployment(event) => {
                let changed = absorb(&mut self.world.deployments, &mut self.listing, "deployments", event);
                self.queue.extend(changed.iter().map(|object| Item::Deployment(key(&object.metadata))));
            }
            Seen::StatefulSet(event) => {
                let changed = absorb(&mut self.world.stateful, &mut self.listing, "statefulsets", event);
                self.queue.extend(changed.iter().map(|object| Item::StatefulSet(key(&object.metadata))));
            }
            Seen::Revision(event) => {
                for revision in absorb(&mut self.world.revisions, &mut self.listing, "controllerrevisions", event) {
                    if let Some(owner) = controller(&revision.metadata).filter(|owner| owner.kind == "StatefulSet") {
                        let namespace = revision.metadata.namespace.clone().unwrap_or_default();
                        self.queue.insert(Item::StatefulSet((namespace, owner.name.clone())));
                    }
                }
            }
            Seen::Job(event) => {
                let changed = absorb(&mut self.world.jobs, &mut self.listing, "jobs", event);
                self.queue.extend(changed.iter().map(|object| Item::Job(key(&object.metadata))));
            }
            Seen::Budget(event) => {
                let changed = absorb(&mut self.world.budgets, &mut self.listing, "poddisruptionbudgets", event);
                self.queue.extend(changed.iter().map(|object| Item::Budget(key(&object.metadata))));
            }
            Seen::Service(event) => {
                let changed = absorb(&mut self.world.services, &mut self.listing, "services", event);
                self.queue.extend(changed.iter().map(|object| Item::Service(key(&object.metadata))));
            }
        }
    }

    /// As [`absorb`], counting places.
    fn absorb_pods(&mut self, event: watcher::Event<Pod>) -> Vec<Pod> {
        let event = match event {
            watcher::Event::Apply(pod) => watcher::Event::Apply(world::slim(pod)),
            watcher::Event::InitApply(pod) => watcher::Event::InitApply(world::slim(pod)),
            other => other,
        };
        let listing = &mut self.listing;
        match &event {
            watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) | watcher::Event::Delete(pod) => {
                let key = key(&pod.metadata);
                let (seen, freed) = self.world.with_pod(&key, |pods| absorb(pods, listing, "pods", event));
                if freed && let Some((_, next)) = self.full.pop_first() {
                    self.queue.insert(Item::Pod(next));
                }
                seen
            }
            watcher::Event::Init => absorb(&mut self.world.pods, listing, "pods", event),
            watcher::Event::InitDone => {
                // What has vanished between two lists.
                let gone = listing.remove("pods").unwrap_or_default();
                let gone: Vec<Pod> = gone.iter().filter_map(|key| self.world.pods.get(key)).map(|pod| pod.as_ref().clone()).collect();
                gone.into_iter().flat_map(|pod| self.absorb_pods(watcher::Event::Delete(pod))).collect()
            }
        }
    }

    /// Pods that wait for a place.
    fn unscheduled(&mut self) {
        let waiting = |pod: &Pod| pod.spec.as_ref().is_none_or(|spec| spec.node_name.as_deref().unwrap_or_default().is_empty());
        let pods = self.world.pods.all().filter(|pod| waiting(pod) && world::active(pod));
        self.queue.extend(pods.map(|pod| Item::Pod(key(&pod.metadata))));
    }

    fn saw_pod(&mut self, pod: &Pod) {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        if pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref().unwrap_or_default().is_empty()) {
            self.queue.insert(Item::Pod(key(&pod.metadata)));
        }
        match controller(&pod.metadata) {
            Some(owner) => {
                let owner_key = (namespace.clone(), owner.name.clone());
                match owner.kind.as_str() {
                    "ReplicaSet" => {
                        let deployment = self.world.sets.get(&owner_key).and_then(|set| controller(&set.metadata));
                        if let Some(deployment) = deployment.filter(|owner| owner.kind == "Deployment") {
                            self.queue.insert(Item::Deployment((namespace.clone(), deployment.name.clone())));
                        }
                        self.queue.insert(Item::ReplicaSet(owner_key));
                    }
                    "Job" => drop(self.queue.insert(Item::Job(owner_key))),
                    "StatefulSet" => drop(self.queue.insert(Item::StatefulSet(owner_key))),
                    _ => {}
                }
            }
            None => {
                let sets = self.world.sets.in_namespace(&namespace);
                let fit = sets.filter(|set| world::fits(&set.spec.selector, pod.metadata.labels.as_ref()));
                self.queue.extend(fit.map(|set| Item::ReplicaSet(key(&set.metadata))));
            }
        }
        let services = self.world.services.in_namespace(&namespace);
        self.queue.extend(services.map(|service| Item::Service(key(&service.metadata))));
        let budgets = self.world.budgets.in_namespace(&namespace);
        self.queue.extend(budgets.map(|budget| Item::Budget(key(&budget.metadata))));
    }

    async fn look(&mut self, item: Item) {
        let now = (self.options.clock)();
        let world = &self.world;
        let plan = match &item {
            Item::Pod(_) | Item::Claim(_) if !self.options.places => None,
            Item::Pod(key) => world.pods.get(key).map(|pod| scheduler::plan(world, pod, &mut self.full)),
            Item::ReplicaSet(key) => world.sets.get(key).map(|set| replicaset::plan(world, set, now)),
            Item::Deployment(key) => world.deployments.get(key).map(|object| deployment::plan(world, object, now)),
            Item::StatefulSet(key) => world.stateful.get(key).map(|set| statefulset::plan(world, set, now)),
            Item::Job(key) => match world.jobs.get(key) {
                Some(object) => Some(job::plan(world, object, now)),
                None => Some(job::orphans(world, key, None)),
            },
            Item::Service(key) => world.services.get(key).map(|service| endpoints::plan(world, service, &mut self.written)),
            Item::Claim(key) => world.claims.get(key).map(|claim| claims::plan(claim)),
            Item::Budget(key) => world.budgets.get(key).map(|budget| budget::plan(world, budget, now)),
        };
        let Plan { writes, wake_at } = plan.unwrap_or_default();
        self.timers.remove(&item);
        self.timers.extend(wake_at.map(|at| (item.clone(), at)));
        for write in writes {
            if let Err(error) = self.write(write).await {
                let count = self.failures.entry(item.clone()).or_insert(0);
                *count = count.saturating_add(1);
                let wait = SignedDuration::from_millis(5_i64 << (*count).min(12));
                tracing::debug!("{item:?}: {error}");
                self.timers.insert(item, now.checked_add(wait).unwrap_or(Timestamp::MAX));
                return;
            }
        }
        self.failures.remove(&item);
    }

    async fn write(&mut self, write: Write) -> Result<(), kube::Error> {
        let gone = |error: kube::Error| match error {
            kube::Error::Api(status) if status.code == 404 => Ok(()),
            error => Err(error),
        };
        let parameters = PatchParams::default();
        match write {
            Write::Create { kind, namespace, object } => {
                let Ok(object) = serde_json::from_value::<DynamicObject>(object) else { return Ok(()) };
                match self.api(&kind, &namespace).create(&PostParams::default(), &object).await {
                    Ok(object) => self.wrote(&kind, &object),
                    Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
                    Err(error) => return Err(error),
                }
            }
            Write::Patch { kind, key, patch } => match self.api(&kind, &key.0).patch(&key.1, &parameters, &Patch::Merge(&patch)).await {
                Ok(object) => self.wrote(&kind, &object),
                Err(error) => return gone(error),
            },
            Write::Status { kind, key, patch } => {
                match self.api(&kind, &key.0).patch_status(&key.1, &parameters, &Patch::Merge(&patch)).await {
                    Ok(object) => self.wrote(&kind, &object),
                    Err(error) => return gone(error),
                }
            }
            Write::Delete { kind, key, uid } => {
                let preconditions = Some(Preconditions { uid: Some(uid), resource_version: None });
                let propagation_policy = Some(PropagationPolicy::Background);
                let options = DeleteParams { preconditions, propagation_policy, ..DeleteParams::default() };
                match self.api(&kind, &key.0).delete(&key.1, &options).await {
                    Ok(either) => {
                        // Deleted at once, or marked to be: both are seen before the next decision.
                        if let Some(object) = either.left() {
                            self.wrote(&kind, &object);
                        }
                    }
                    Err(error) => return gone(error),
                }
            }
            Write::Bind { pod, uid, node } => {
                let body = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.1, "namespace": pod.0, "uid": uid},
                    "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
                let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.0);
                match api.create_subresource::<Value, Value>("binding", &pod.1, &PostParams::default(), &body).await {
                    Ok(_) => {
                        let placed = |pod: &mut Pod| pod.spec.get_or_insert_default().node_name = Some(node);
                        self.world.with_pod(&pod, |pods| pods.change(&pod, placed));
                    }
                    Err(kube::Error::Api(status)) if status.code == 409 => {}
                    Err(error) => return gone(error),
                }
            }
        }
        Ok(())
    }

    fn api(&self, kind: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        match namespace {
            "" => Api::all_with(self.client.clone(), kind),
            namespace => Api::namespaced_with(self.client.clone(), namespace, kind),
        }
    }

    /// What a write has answered is known from now on.
    fn wrote(&mut self, kind: &ApiResource, object: &DynamicObject) {
        let mut value = json!(object);
        if let Some(fields) = value.as_object_mut() {
            fields.remove("types");
        }
        fn put<T: Resource<DynamicType = ()> + DeserializeOwned>(cache: &mut Cache<T>, value: Value) {
            match serde_json::from_value(value) {
                Ok(object) => cache.put(object),
                Err(error) => tracing::debug!("answer: {error}"),
            }
        }
        match kind.kind.as_str() {
            "Pod" => {
                if let Ok(pod) = serde_json::from_value(value) {
                    self.absorb_pods(watcher::Event::Apply(pod));
                }
            }
            "ReplicaSet" => put(&mut self.world.sets, value),
            "Deployment" => put(&mut self.world.deployments, value),
            "StatefulSet" => put(&mut self.world.stateful, value),
            "ControllerRevision" => put(&mut self.world.revisions, value),
            "Job" => put(&mut self.world.jobs, value),
            "PersistentVolumeClaim" => put(&mut self.world.claims, value),
            "PodDisruptionBudget" => put(&mut self.world.budgets, value),
            _ => {}
        }
    }
}

/// The first list of a kind is complete.
fn done(seen: &Seen) -> bool {
    match seen {
        Seen::Pod(event) => matches!(event, watcher::Event::InitDone),
        Seen::Node(event) => matches!(event, watcher::Event::InitDone),
        Seen::ReplicaSet(event) => matches!(event, watcher::Event::InitDone),
        Seen::Deployment(event) => matches!(event, watcher::Event::InitDone),
        Seen::StatefulSet(event) => matches!(event, watcher::Event::InitDone),
        Seen::Revision(event) => matches!(event, watcher::Event::InitDone),
        Seen::Job(event) => matches!(event, watcher::Event::InitDone),
        Seen::Service(event) => matches!(event, watcher::Event::InitDone),
        Seen::Claim(event) => matches!(event, watcher::Event::InitDone),
        Seen::Budget(event) => matches!(event, watcher::Event::InitDone),
    }
}
