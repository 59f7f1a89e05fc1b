//! The controller of Rollouts: [`argo_rollouts`] in the driver, over ReplicaSets.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use argo_core::rollouts::Rollout;
use argo_core::{Keyed, Plan};
use argo_rollouts::{REVISION, ReplicaSetSeen, RolloutEffect, Seen};
use async_trait::async_trait;
use jiff::Timestamp;
use kube::api::{DeleteParams, PropagationPolicy};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::clock::{Clock, SystemClock};
use crate::crd;
use crate::driver::{self, Driver, DriverOptions, Failure, Interpreter, Key, Level, Object, Primary, Reconciler, Source, Stage, Target};

const REPLICA_SET: &str = "ReplicaSet";

/// Brings Rollouts from one version to the next.
pub struct RolloutController {
    client: Client,
    namespace: String,
    clock: Arc<dyn Clock>,
    options: DriverOptions,
}

impl RolloutController {
    /// A controller of the Rollouts of a namespace, or of all when it is empty.
    #[must_use]
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self { client, namespace: namespace.into(), clock: Arc::new(SystemClock), options: DriverOptions::default() }
    }

    /// The same, with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let reconciler = Arc::new(Canary);
        let primary = Primary { resource: crd::ROLLOUT.resource(), status_subresource: true };
        let objects = Source::objects("Rollout", driver::api(&self.client, &primary.resource, &self.namespace), watcher::Config::default());
        let sets = Source::controlled(
            REPLICA_SET,
            driver::api(&self.client, &replica_set(), &self.namespace),
            watcher::Config::default().labels(argo_rollouts::HASH_LABEL),
            "Rollout",
        );
        let interpreter = ReplicaSets { client: self.client.clone() };
        let driver = Driver::new(self.client, primary, interpreter, move |_| Level::new(Arc::clone(&reconciler)), self.clock, self.options);
        driver.run(objects, vec![sets], shutdown).await;
    }
}

fn replica_set() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::apps::v1::ReplicaSet>(&())
}

struct Canary;

impl Reconciler for Canary {
    type Effect = RolloutEffect;

    fn reconcile(
        &self,
        object: &Object,
        children: &BTreeMap<(&'static str, String), Arc<Object>>,
        now: Timestamp,
    ) -> Result<Plan<Value, RolloutEffect>, String> {
        let rollout: Rollout = object.read().map_err(|e| e.to_string())?;
        let uid = rollout.metadata.uid.as_str();
        let owned = |set: &Object| set.owner_references().iter().any(|r| r.controller == Some(true) && r.uid == uid);
        let replica_sets = children.values().filter(|set| owned(set)).map(|set| ReplicaSetSeen::from_object(set.value())).collect();
        let Plan { status, effects, wake_at, reasons } = argo_rollouts::reconcile(&rollout, &Seen { replica_sets }, now);
        let status = serde_json::to_value(status).map_err(|e| e.to_string())?;
        Ok(Plan { status, effects, wake_at, reasons })
    }

    fn stage(effect: &RolloutEffect) -> Stage {
        match effect {
            RolloutEffect::CreateReplicaSet { .. } | RolloutEffect::Scale { .. } | RolloutEffect::SetRevision { .. } => Stage::BeforeStatus,
            RolloutEffect::DeleteReplicaSet { .. } => Stage::AfterStatus,
        }
    }
}

struct ReplicaSets {
    client: Client,
}

#[async_trait]
impl Interpreter<RolloutEffect, ()> for ReplicaSets {
    async fn apply(&self, target: &Target, keyed: &Keyed<RolloutEffect>) -> Result<Vec<(Key, ())>, Failure> {
        let api = driver::api(&self.client, &replica_set(), &target.key.namespace);
        match &keyed.effect {
            RolloutEffect::CreateReplicaSet { object } => driver::create(&api, target, object).await?,
            RolloutEffect::Scale { name, replicas } => driver::merge(&api, name, &json!({"spec": {"replicas": replicas}})).await?,
            RolloutEffect::SetRevision { name, revision } => {
                driver::merge(&api, name, &json!({"metadata": {"annotations": {REVISION: revision.to_string()}}})).await?;
            }
            RolloutEffect::DeleteReplicaSet { name } => {
                let params = DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
                driver::delete(&api, name, &params).await?;
            }
        }
        Ok(Vec::new())
    }
}
