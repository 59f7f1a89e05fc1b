//! What a scenario is played against.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use argo_local::api::Api;
use argo_local::controllers::workload;
use argo_local::{LocalCluster, LocalClusterOptions};
use jiff::{SignedDuration, Timestamp};

/// Milliseconds since the epoch.
const START: i64 = 1_800_000_000_000;
/// Long enough for everything that is due at once to have happened.
const MOMENT: Duration = Duration::from_millis(1);

pub(super) enum Server {
    /// The state machine alone, without controllers.
    Alone { api: Box<Api>, now: Timestamp },
    /// A cluster with the controllers of the controller manager; nobody places pods, as in the recordings.
    Managed(Box<Managed>),
}

pub(super) struct Managed {
    cluster: LocalCluster,
    clock: Arc<AtomicI64>,
    // Ends last.
    runtime: tokio::runtime::Runtime,
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

impl Server {
    pub(super) fn start(managed: bool) -> Result<Self, String> {
        let mut api = Api::new([42; 32]);
        api.set_ca("-----BEGIN CERTIFICATE-----\n".to_owned());
        if !managed {
            api.bootstrap(at(START));
            return Ok(Self::Alone { api: Box::new(api), now: at(START) });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().map_err(|e| e.to_string())?;
        let clock = Arc::new(AtomicI64::new(START));
        let read = Arc::clone(&clock);
        let options = LocalClusterOptions {
            listen: None,
            clock: Arc::new(move || at(read.load(Ordering::Relaxed))),
            ..LocalClusterOptions::default()
        };
        let cluster = runtime.block_on(LocalCluster::around(api, options.clone())).map_err(|e| e.to_string())?;
        let client = runtime.block_on(async { cluster.client() });
        runtime.spawn(workload::run_with(client, workload::Options { clock: options.clock, places: false }, std::future::pending()));
        let server = Self::Managed(Box::new(Managed { cluster, clock, runtime }));
        server.settle();
        Ok(server)
    }

    /// Lets the state machine do something.
    pub(super) fn with<T>(&mut self, act: impl FnOnce(&mut Api, Timestamp) -> T) -> T {
        match self {
            Self::Alone { api, now } => act(api, *now),
            Self::Managed(managed) => managed.cluster.with(act),
        }
    }

    /// Lets the controllers do what they have to do now.
    pub(super) fn settle(&self) {
        if let Self::Managed(managed) = self {
            managed.runtime.block_on(async { tokio::time::sleep(MOMENT).await });
        }
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        match self {
            Self::Alone { now, .. } => *now = now.checked_add(time).unwrap_or(*now),
            Self::Managed(managed) => {
                managed.clock.fetch_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
                let time = Duration::try_from(time).unwrap_or_default();
                managed.runtime.block_on(async { tokio::time::sleep(time).await });
            }
        }
    }
}
