//! What is kept outlives the process, however it ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use argo_local::{LocalCluster, LocalClusterOptions, StartError, StoreError};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use serde_json::json;

async fn open(path: &Path) -> Result<LocalCluster, StartError> {
    let options = LocalClusterOptions { data_dir: Some(path.to_owned()), listen: None, ..Default::default() };
    LocalCluster::start(options).await
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": name}})).unwrap()
}

#[tokio::test]
async fn everything_is_there_again_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = open(folder.path()).await.unwrap();
    argo_kube::crd::install(cluster.client()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    maps.create(&PostParams::default(), &map("gone")).await.unwrap();
    let made = maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let deleted = maps.delete("gone", &DeleteParams::default()).await.unwrap();
    assert!(deleted.is_right());
    let last: u64 = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap().parse().unwrap();
    cluster.shutdown().await;

    let cluster = open(folder.path()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    assert_eq!(maps.get("a").await.unwrap(), made);
    assert!(maps.get_opt("gone").await.unwrap().is_none());
    let next: u64 = maps.create(&PostParams::default(), &map("b")).await.unwrap().metadata.resource_version.unwrap().parse().unwrap();
    assert!(next > last, "{next} after {last}");
    let workflows: Api<DynamicObject> = Api::default_namespaced_with(cluster.client(), &argo_kube::crd::WORKFLOW.resource());
    assert!(workflows.list(&ListParams::default()).await.unwrap().items.is_empty());
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = open(folder.path()).await.unwrap();
    let Err(error) = open(folder.path()).await else { panic!("opened twice") };
    assert!(matches!(error, StartError::Store(StoreError::InUse { .. })), "{error}");
    assert!(error.to_string().contains(&folder.path().display().to_string()));
    cluster.shutdown().await;
}

/// Runs as a process of its own, below: writes until it is killed, and says what was acknowledged.
#[tokio::test]
#[ignore = "started by the test below, as a process of its own"]
async fn writer() {
    let folder = std::env::var("ARGO_LOCAL_TEST_FOLDER").unwrap();
    let from: u32 = std::env::var("ARGO_LOCAL_TEST_FROM").unwrap().parse().unwrap();
    let cluster = open(Path::new(&folder)).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    for number in from.. {
        if let Err(error) = maps.create(&PostParams::default(), &map(&format!("m-{number}"))).await {
            // What is there can still be read, and nothing more is taken.
            assert!(maps.list(&ListParams::default()).await.is_ok());
            let refused = maps.create(&PostParams::default(), &map("more")).await.unwrap_err();
            assert!(matches!(&refused, kube::Error::Api(status) if status.code == 507), "{refused}");
            println!("refused: {error}");
            return;
        }
        println!("kept {number}");
    }
}

/// Starts the writer; with a `limit`, its files cannot grow beyond so many blocks of 512 bytes, as on a disk that is full.
fn start_writer(folder: &Path, from: u32, limit: Option<u32>) -> Child {
    let limit = limit.map(|blocks| format!("trap '' XFSZ; ulimit -f {blocks};")).unwrap_or_default();
    Command::new("sh")
        .args(["-c", &format!("{limit} exec \"$0\" --ignored --exact writer --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .env("ARGO_LOCAL_TEST_FOLDER", folder)
        .env("ARGO_LOCAL_TEST_FROM", from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_survives_being_killed() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in [1_u32, 7, 30, 3, 80] {
        let mut child = start_writer(folder.path(), next, None);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept = None;
        let mut seen = 0;
        while seen < round {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, number)) = line.rsplit_once("kept ") {
                kept = Some(number.parse::<u32>().unwrap());
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died, it kept.
        for line in lines.map_while(Result::ok) {
            if let Some((_, number)) = line.rsplit_once("kept ") {
                kept = number.parse().ok().or(kept);
            }
        }
        let cluster = open(folder.path()).await.unwrap();
        let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
        let all = maps.list(&ListParams::default()).await.unwrap().items;
        let names: Vec<String> = all.into_iter().filter_map(|m| m.metadata.name).collect();
        for number in 0..=kept.unwrap() {
            assert!(names.contains(&format!("m-{number}")), "m-{number} is lost");
        }
        next = u32::try_from(names.iter().filter(|n| n.starts_with("m-")).count()).unwrap();
        cluster.shutdown().await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = start_writer(folder.path(), 0, Some(8192));
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{lines:?}");
    let last =
        lines.iter().filter_map(|line| line.rsplit_once("kept ")).filter_map(|(_, number)| number.parse::<u32>().ok()).max().unwrap();
    assert!(lines.iter().any(|line| line.contains("refused: ")), "{lines:?}");
    let cluster = open(folder.path()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let count =
        maps.list(&ListParams::default()).await.unwrap().items.iter().filter(|m| m.metadata.labels.is_none() && m.data.is_some()).count();
    assert!(count > usize::try_from(last).unwrap(), "{count} of {last}");
    maps.create(&PostParams::default(), &map("after")).await.unwrap();
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_snapshot_is_a_cluster() {
    let cluster = LocalCluster::in_memory().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let made = maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    cluster.snapshot(folder.path()).await.unwrap();
    maps.create(&PostParams::default(), &map("later")).await.unwrap();
    assert!(matches!(cluster.snapshot(folder.path()).await, Err(StoreError::Taken { .. })));
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1);
    let restored = open(folder.path()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(restored.client());
    assert_eq!(maps.get("a").await.unwrap(), made);
    assert!(maps.get_opt("later").await.unwrap().is_none());
    restored.shutdown().await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_folder_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.unwrap().shutdown().await;
    let file = folder.path().join("state.redb");
    let database = redb::Database::open(&file).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(redb::TableDefinition::<&str, u64>::new("numbers")).unwrap().insert("form", 99).unwrap();
    writing.commit().unwrap();
    drop(database);
    let error = open(folder.path()).await.err().unwrap().to_string();
    assert!(error.contains("99") && error.contains("newer"), "{error}");
    assert!(open(folder.path()).await.is_err(), "it stays as it is");
}
