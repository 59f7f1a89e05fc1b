//! The executor as part of this process: what the node need not start programs for.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use argo_exec::Resident;
use argo_local::api::Identity;
use argo_local::node::{Call, ResidentRun, Residents, Surroundings};
use argo_local::{ApiService, LocalCluster};
use kube::Client;

/// Runs `init` and `wait` of workflow pods, as clients of a cluster in this process.
pub struct Executor(Box<dyn Fn(Identity) -> ApiService + Send + Sync>);

impl Executor {
    /// For the pods of a cluster.
    pub fn of(cluster: &LocalCluster) -> Arc<dyn Residents> {
        Arc::new(Self(Box::new(cluster.services())))
    }
}

impl Residents for Executor {
    fn find(&self, call: &Call) -> Option<Box<dyn ResidentRun>> {
        let failed = Cell::new(false);
        let place = |path: &str| match path {
            "/dev/termination-log" => call.termination_log.clone(),
            path => call.place(path).unwrap_or_else(|_| {
                failed.set(true);
                PathBuf::new()
            }),
        };
        let resident = Resident::of(&call.args, call.env.iter().cloned().collect(), &place).filter(|_| !failed.get())?;
        let service = self.0(Identity::service_account(&call.namespace, &call.service_account));
        Some(Box::new(Run { resident, client: Client::new(service, call.namespace.clone()) }))
    }
}

struct Run {
    resident: Resident,
    client: Client,
}

impl ResidentRun for Run {
    fn run(self: Box<Self>, surroundings: Surroundings) -> i32 {
        let Surroundings { log, stop, kill } = surroundings;
        let code = self.resident.run(self.client, log, stop.cancelled_owned(), kill.cancelled_owned());
        i32::from(code)
    }
}
