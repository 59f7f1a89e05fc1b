//! The driver with the smallest incremental engine there is: a chain of ConfigMaps, each made when the one before is seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use argo_core::{EffectId, Keyed};
use argo_kube::clock::SystemClock;
use argo_kube::crd;
use argo_kube::driver::{
    self, Decision, Driver, DriverOptions, Engine, Failure, Input, Interpreter, Key, Object, OnConflict, Primary, Source, Stage, Target,
};
use async_trait::async_trait;
use common::model::Model;
use common::{Death, api, dying, wait_for};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

const LINKS: u64 = 6;
const LABEL: &str = "chain";

fn config_maps() -> ApiResource {
    ApiResource::erase::<ConfigMap>(&())
}

/// Trusts its memory: what it has said once it does not say again, until it is told to start from the object.
#[derive(Default)]
struct Chain {
    seen: bool,
    uid: String,
    done: u64,
    asked: u64,
    said: u64,
    links: BTreeSet<u64>,
}

impl Engine for Chain {
    type Effect = Value;
    type Answer = ();
    const ON_CONFLICT: OnConflict = OnConflict::Resend;

    fn observe(&mut self, object: &Arc<Object>, status_is_ours: bool, _now: Timestamp) {
        if !status_is_ours {
            let done = object.value().pointer("/status/done").and_then(Value::as_u64).unwrap_or(0);
            *self = Self { seen: true, uid: object.uid().unwrap(), done, asked: done, said: done, links: std::mem::take(&mut self.links) };
        }
    }

    fn input(&mut self, input: Input<()>, _now: Timestamp) {
        let number = |name: &str| name.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap();
        match input {
            Input::Child { object, .. } => self.links.insert(number(&object.name_any())),
            Input::ChildGone { name, .. } => self.links.remove(&number(&name)),
            Input::Answer(()) => false,
        };
    }

    fn failed(&mut self, keyed: &Keyed<Value>, failure: &Failure, _now: Timestamp) {
        panic!("{} failed: {failure}", keyed.id);
    }

    fn decide(&mut self, _now: Timestamp) -> Decision<Value> {
        let mut decision = Decision::default();
        if !self.seen {
            return decision;
        }
        while self.links.contains(&self.done) {
            self.done += 1;
        }
        if self.asked <= self.done && self.done < LINKS {
            let name = format!("link-{}", self.done);
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": name,
                    "labels": {LABEL: "test"},
                    "ownerReferences": [{"apiVersion": "v1", "kind": "Chain", "name": "test", "uid": self.uid}],
                },
            });
            decision.effects.push(Keyed { id: EffectId::new([self.uid.as_str(), name.as_str()]), effect: object });
            self.asked = self.done + 1;
        }
        if self.said < self.done {
            decision.patch = Some(json!({"status": {"done": self.done}}));
            self.said = self.done;
        }
        decision
    }

    fn is_vacant(&self) -> bool {
        !self.seen && self.links.is_empty()
    }

    fn stage(_effect: &Value) -> Stage {
        Stage::BeforeStatus
    }
}

struct Maker {
    client: Client,
}

#[async_trait]
impl Interpreter<Value, ()> for Maker {
    async fn apply(&self, target: &Target, keyed: &Keyed<Value>) -> Result<Vec<(Key, ())>, Failure> {
        driver::create(&driver::api(&self.client, &config_maps(), &target.key.namespace), target, &keyed.effect).await?;
        Ok(Vec::new())
    }
}

async fn drive(client: Client) {
    let primary = Primary { resource: crd::WORKFLOW.resource(), status_subresource: false };
    let chains = Source::objects("Chain", driver::api(&client, &primary.resource, "default"), watcher::Config::default());
    let links =
        Source::labelled("ConfigMap", driver::api(&client, &config_maps(), "default"), watcher::Config::default().labels(LABEL), LABEL);
    let interpreter = Maker { client: client.clone() };
    let clock = Arc::new(SystemClock);
    let driver = Driver::new(client, primary, interpreter, |_| Chain::default(), clock, DriverOptions::default());
    driver.run(chains, vec![links], std::future::pending()).await;
}

async fn create(client: &Client) {
    let object =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "test", "namespace": "default"}, "spec": {}});
    let chains = api(client, &crd::WORKFLOW.resource());
    chains.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

fn done(object: &Value) -> u64 {
    object.pointer("/status/done").and_then(Value::as_u64).unwrap_or(0)
}

async fn links(client: &Client) -> usize {
    api(client, &config_maps()).list(&ListParams::default()).await.unwrap().items.len()
}

/// Six creations and at most six patches: the driver dies before or after each, and another one takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_at_any_write_changes_nothing() {
    for n in 1..=12 {
        for death in [Death::Before(n), Death::After(n)] {
            let client = Model::client();
            create(&client).await;
            let (mortal, mut died) = dying(client.clone(), death);
            let heir = client.clone();
            let drivers = tokio::spawn(async move {
                // Dropping the driver's future is the crash.
                tokio::select! {
                    () = drive(mortal) => {}
                    _ = died.wait_for(|dead| *dead) => {}
                }
                drive(heir).await;
            });
            wait_for(&api(&client, &crd::WORKFLOW.resource()), "test", |o| done(o) == LINKS).await;
            assert_eq!(links(&client).await, 6, "{death:?}");
            drivers.abort();
        }
    }
}

/// Somebody else writes labels all the time: neither side loses anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_labels_and_own_status_survive_each_other() {
    let client = Model::client();
    create(&client).await;
    let driving = tokio::spawn(drive(client.clone()));
    let chains = api(&client, &crd::WORKFLOW.resource());
    let mut written = 0;
    while done(&serde_json::to_value(chains.get("test").await.unwrap()).unwrap()) < LINKS {
        let patch = json!({"metadata": {"labels": {format!("label-{written}"): "x"}}});
        chains.patch("test", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        written += 1;
    }
    let ended = chains.get("test").await.unwrap();
    assert_eq!(ended.labels().len(), written);
    assert_eq!(links(&client).await, 6);
    driving.abort();
}

/// Somebody takes the status back: the engine starts again from what it says, and nothing is made twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_status_is_where_the_engine_goes_on_from() {
    let client = Model::client();
    create(&client).await;
    let driving = tokio::spawn(drive(client.clone()));
    let chains = api(&client, &crd::WORKFLOW.resource());
    wait_for(&chains, "test", |o| done(o) == LINKS).await;
    let back = json!({"status": {"done": 2}, "metadata": {"labels": {"by": "somebody"}}});
    chains.patch("test", &PatchParams::default(), &Patch::Merge(&back)).await.unwrap();
    let ended = wait_for(&chains, "test", |o| done(o) == LINKS && o.pointer("/metadata/labels/by").is_some()).await;
    assert_eq!(ended.pointer("/metadata/labels/by"), Some(&json!("somebody")));
    assert_eq!(links(&client).await, 6);
    driving.abort();
}
