//! The controllers of the control plane. Those that need nothing but the API's own objects (namespaces, garbage collection, service accounts) work
//! inside the state machine, without caches of their own; workload controllers are ordinary clients.

pub mod workload;

use std::sync::Arc;

use crate::service::Shared;

/// Sweeps whenever something has changed, until the cluster ends.
pub(crate) async fn collect(shared: Arc<Shared>) {
    loop {
        let again = shared.with(crate::api::Api::sweep).0;
        if again {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = shared.collect.notified() => {}
        }
    }
}
