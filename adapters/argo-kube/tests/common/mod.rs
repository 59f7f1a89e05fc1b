//! What the integration tests share: clients that die, and waiting for conditions.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use http::{Method, Request};
use kube::client::Body;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::watch;

/// When a client dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// Instead of sending the write of this number.
    Before(usize),
    /// After the write of this number was done, before its answer comes.
    After(usize),
}

/// A client whose process is gone after some writes: from then on nothing is sent and nothing comes back.
pub fn dying(client: Client, death: Death) -> (Client, watch::Receiver<bool>) {
    let writes = Arc::new(AtomicUsize::new(0));
    let (dead, died) = watch::channel(false);
    let dead = Arc::new(dead);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, writes, dead) = (client.clone(), Arc::clone(&writes), Arc::clone(&dead));
        async move {
            let number = if request.method() == Method::GET { None } else { Some(writes.fetch_add(1, Ordering::SeqCst) + 1) };
            let die = |_: ()| {
                dead.send_replace(true);
                std::future::pending::<()>()
            };
            match (death, number) {
                (Death::Before(n), Some(number)) if number >= n => die(()).await,
                (Death::After(n), Some(number)) if number > n => die(()).await,
                _ if *dead.borrow() => std::future::pending::<()>().await,
                _ => {}
            }
            let answer = client.send(request).await;
            if matches!((death, number), (Death::After(n), Some(number)) if number == n) {
                die(()).await;
            }
            answer
        }
    });
    (Client::new(service, "default"), died)
}

/// An API of any kind in the namespace `default`.
pub fn api(client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "default", resource)
}

/// Waits until an object is as wanted, by watching it; fails after a minute, which no test comes near.
pub async fn wait_for(api: &Api<DynamicObject>, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let found = async {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut stream = watcher(api.clone(), config).default_backoff().applied_objects().boxed();
        while let Some(object) = stream.next().await {
            let Ok(object) = object else { continue };
            let object = serde_json::to_value(object).unwrap();
            if wanted(&object) {
                return object;
            }
        }
        panic!("the watch of {name} ended");
    };
    match tokio::time::timeout(Duration::from_secs(60), found).await {
        Ok(object) => object,
        Err(_) => panic!("{name} did not become as wanted: {:#?}", api.get_opt(name).await),
    }
}

/// The text at a path.
pub fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
