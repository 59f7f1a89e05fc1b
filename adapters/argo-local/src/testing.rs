//! A cluster for tests: ready in milliseconds, reproducible, by the time of the test's own runtime.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio_util::task::AbortOnDropHandle;

use crate::api::{Api, Identity};
use crate::controllers::workload;
use crate::{Clock, LocalCluster, LocalClusterOptions, StartError};

/// When every test begins: the first second of 2026.
const BEGINNING: Timestamp = Timestamp::constant(1_767_225_600, 0);
/// Long enough for everything that is due at once to have happened.
const MOMENT: Duration = Duration::from_millis(1);

/// A Kubernetes API for one test, with a client for it. Unique ids, generated names and times are the same in every run.
///
/// Its clock is tokio's. Under `#[tokio::test(start_paused = true)]` time passes only while everything waits, and then at once: a test of a controller
/// that acts once an hour takes no hour.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use argo_local::TestCluster;
/// use futures::StreamExt as _;
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::api::{Api, DeleteParams};
/// use kube::runtime::{controller::{Action, Controller}, watcher};
/// use serde_json::json;
///
/// struct Context {
///     maps: Api<ConfigMap>,
///     cluster: TestCluster,
/// }
///
/// // The controller under test: a ConfigMap lives for an hour.
/// async fn expire(map: Arc<ConfigMap>, context: Arc<Context>) -> Result<Action, kube::Error> {
///     let born = map.metadata.creation_timestamp.as_ref().map_or(jiff::Timestamp::MIN, |time| time.0);
///     let left = 3600 - context.cluster.now().duration_since(born).as_secs();
///     if left <= 0 {
///         context.maps.delete(map.metadata.name.as_deref().unwrap_or_default(), &DeleteParams::default()).await?;
///     }
///     Ok(Action::requeue(Duration::from_secs(left.max(1).unsigned_abs())))
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// let cluster = TestCluster::start().await?;
/// let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
/// maps.create(&Default::default(), &serde_json::from_value(json!({"metadata": {"name": "a"}}))?).await?;
/// let context = Arc::new(Context { maps: maps.clone(), cluster });
/// let errors = |_: Arc<ConfigMap>, _: &kube::Error, _: Arc<Context>| Action::requeue(Duration::from_secs(5));
/// let controller = Controller::new(maps.clone(), watcher::Config::default()).run(expire, errors, Arc::clone(&context));
/// let running = tokio::spawn(controller.for_each(|_| async {}));
/// context.cluster.pass(Duration::from_secs(3000)).await;
/// assert!(maps.get_opt("a").await?.is_some());
/// context.cluster.pass(Duration::from_secs(1000)).await;
/// assert!(maps.get_opt("a").await?.is_none());
/// running.abort();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct TestCluster {
    cluster: LocalCluster,
    clock: Clock,
    workloads: Option<AbortOnDropHandle<()>>,
}

impl TestCluster {
    /// Starts one, with the controllers that the API itself has: namespaces, garbage collection, service accounts.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        let start = tokio::time::Instant::now();
        let clock: Clock = Arc::new(move || {
            let passed = SignedDuration::try_from(start.elapsed()).unwrap_or(SignedDuration::MAX);
            BEGINNING.checked_add(passed).unwrap_or(Timestamp::MAX)
        });
        let options = LocalClusterOptions { listen: None, clock: Arc::clone(&clock), ..LocalClusterOptions::default() };
        let cluster = LocalCluster::around(Api::new([0; 32]), options).await?;
        Ok(Self { cluster, clock, workloads: None })
    }

    /// The same with the controllers of Deployments, ReplicaSets, StatefulSets, Jobs, disruption budgets and endpoints. There is no node: pods stay
    /// pending until the test writes their status.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn with_workloads() -> Result<Self, StartError> {
        let mut test = Self::start().await?;
        let options = workload::Options { clock: Arc::clone(&test.clock), places: false };
        let running = workload::run_with(test.client(), options, std::future::pending());
        test.workloads = Some(AbortOnDropHandle::new(tokio::spawn(running)));
        Ok(test)
    }

    /// A client that may do everything.
    #[must_use]
    pub fn client(&self) -> Client {
        self.cluster.client()
    }

    /// A client of some user, for tests of rights.
    #[must_use]
    pub fn client_as(&self, user: Identity) -> Client {
        self.cluster.client_as(user)
    }

    /// The cluster behind it.
    #[must_use]
    pub fn cluster(&self) -> &LocalCluster {
        &self.cluster
    }

    /// What time it is in the cluster.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Lets time pass, and what is due in it happen. Under paused time this takes no time.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets everything happen that is due now. Only under paused time this is sure to be all.
    pub async fn settle(&self) {
        self.pass(MOMENT).await;
    }
}
