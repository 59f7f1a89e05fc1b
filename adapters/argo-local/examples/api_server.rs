//! Serves an API on loopback and prints where its kubeconfig is: `cargo run -p argo-local --example api_server [DATA_DIR]`.

use argo_local::{LocalCluster, LocalClusterOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data_dir = std::env::args().nth(1).map(Into::into);
    let cluster = LocalCluster::start(LocalClusterOptions { data_dir, ..Default::default() }).await?;
    let path = std::env::temp_dir().join("argo-local.kubeconfig");
    cluster.write_kubeconfig(&path)?;
    println!("export KUBECONFIG={}", path.display());
    tokio::signal::ctrl_c().await?;
    cluster.shutdown().await;
    Ok(())
}
