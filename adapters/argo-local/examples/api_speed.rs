//! How fast the API is, a JSON line a figure: `cargo run --release -p argo-local --example api_speed [DATA_DIR]`.

use std::time::Instant;

use argo_local::{LocalCluster, LocalClusterOptions};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

const OBJECTS: usize = 5_000;
/// How many requests are under way at once.
const AT_ONCE: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data_dir = std::env::args().nth(1).map(Into::into);
    let start = Instant::now();
    let cluster = LocalCluster::start(LocalClusterOptions { data_dir, listen: None, ..Default::default() }).await?;
    let figure = |name: &str, value: f64, unit: &str| println!("{}", json!({"figure": name, "value": value, "unit": unit}));
    figure("start", start.elapsed().as_secs_f64() * 1e3, "ms");
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let rate = |start: Instant, count: u32| f64::from(count) / start.elapsed().as_secs_f64();
    let count = u32::try_from(OBJECTS)?;

    let start = Instant::now();
    let creates = (0..OBJECTS).map(|n| {
        let maps = maps.clone();
        async move {
            let map = serde_json::from_value(json!({"metadata": {"name": format!("m-{n}")}, "data": {"k": "v"}}))?;
            maps.create(&PostParams::default(), &map).await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        }
    });
    futures::stream::iter(creates).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    figure("creates", rate(start, count), "1/s");

    let start = Instant::now();
    let patches = (0..OBJECTS).map(|n| {
        let maps = maps.clone();
        async move {
            let patch = Patch::Merge(json!({"data": {"k": "w"}}));
            maps.patch(&format!("m-{n}"), &PatchParams::default(), &patch).await
        }
    });
    futures::stream::iter(patches).buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
    figure("merge patches", rate(start, count), "1/s");

    let start = Instant::now();
    for n in 0..OBJECTS {
        maps.get(&format!("m-{n}")).await?;
    }
    figure("gets, one after the other", rate(start, count), "1/s");

    let start = Instant::now();
    maps.list(&ListParams::default()).await?;
    figure("list of all", start.elapsed().as_secs_f64() * 1e3, "ms");
    cluster.shutdown().await;
    Ok(())
}
