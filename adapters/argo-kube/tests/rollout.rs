//! Rollouts through the API: real controller, real objects, ReplicaSets whose pods are only numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;

use argo_kube::clock::ManualClock;
use argo_kube::{RolloutController, crd};
use common::model::Model;
use common::{Death, api, dying, text, wait_for};
use futures::StreamExt;
use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

fn replica_sets() -> ApiResource {
    ApiResource::erase::<ReplicaSet>(&())
}

/// Makes every pod available as soon as it is wanted.
async fn numbers_become_pods(client: Client) {
    let sets = api(&client, &replica_sets());
    let mut stream = watcher(sets.clone(), watcher::Config::default()).default_backoff().applied_objects().boxed();
    while let Some(set) = stream.next().await {
        let Ok(set) = set else { continue };
        let wanted = set.data.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        if set.data.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or(0) != wanted {
            let status = json!({"status": {"replicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted}});
            let _ = sets.patch_status(&set.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await;
        }
    }
}

fn rollout(version: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": template(version),
            "strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}]}},
        },
    }))
    .unwrap()
}

fn template(version: &str) -> Value {
    json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "main", "image": format!("shop:{version}")}]}})
}

/// Takes a Rollout from version 1 to version 2, with a promotion by hand, and returns what ReplicaSets there are in the end.
async fn update(client: &Client) -> Vec<(String, i64)> {
    let rollouts = api(client, &crd::ROLLOUT.resource());
    rollouts.create(&PostParams::default(), &rollout("1")).await.unwrap();
    wait_for(&rollouts, "shop", |r| text(r, "/status/phase") == "Healthy").await;
    let patch = json!({"spec": {"template": template("2")}});
    rollouts.patch("shop", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let paused = wait_for(&rollouts, "shop", |r| text(r, "/status/phase") == "Paused").await;
    assert_eq!(text(&paused, "/status/message"), "CanaryPauseStep");
    assert_eq!(paused.pointer("/status/updatedReplicas"), Some(&json!(1)));
    let promote = json!({"status": {"pauseConditions": null}});
    rollouts.patch_status("shop", &PatchParams::default(), &Patch::Merge(&promote)).await.unwrap();
    wait_for(&rollouts, "shop", |r| {
        text(r, "/status/phase") == "Healthy" && text(r, "/status/stableRS") == text(r, "/status/currentPodHash")
    })
    .await;
    sets(client).await
}

async fn sets(client: &Client) -> Vec<(String, i64)> {
    let sets = api(client, &replica_sets()).list(&ListParams::default()).await.unwrap();
    let mut sets: Vec<_> =
        sets.iter().map(|s| (s.name_any(), s.data.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1))).collect();
    sets.sort_by_key(|(_, replicas)| *replicas);
    sets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canary_goes_step_by_step() {
    let client = Model::client();
    let pods = tokio::spawn(numbers_become_pods(client.clone()));
    let controller = tokio::spawn(RolloutController::new(client.clone(), "").run(std::future::pending()));
    let sets = update(&client).await;
    assert_eq!(sets.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 4]);
    controller.abort();
    pods.abort();
}

/// The controller dies before or after every write it makes; another one takes over, and the end is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_at_any_write_changes_nothing() {
    for n in 1..=16 {
        for death in [Death::Before(n), Death::After(n)] {
            let client = Model::client();
            let pods = tokio::spawn(numbers_become_pods(client.clone()));
            let (mortal, mut died) = dying(client.clone(), death);
            let heir = client.clone();
            let controllers = tokio::spawn(async move {
                // Dropping the controller's future is the crash.
                tokio::select! {
                    () = RolloutController::new(mortal, "").run(std::future::pending()) => {}
                    _ = died.wait_for(|dead| *dead) => {}
                }
                RolloutController::new(heir, "").run(std::future::pending()).await;
            });
            let sets = update(&client).await;
            assert_eq!(sets.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 4], "{death:?}");
            controllers.abort();
            pods.abort();
        }
    }
}

/// A pause ends when the clock says so, and no sooner; the test itself waits for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_ends_by_the_clock() {
    let client = Model::client();
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    let pods = tokio::spawn(numbers_become_pods(client.clone()));
    let controller = RolloutController::new(client.clone(), "").with_clock(clock.clone());
    let controller = tokio::spawn(controller.run(std::future::pending()));
    let rollouts = api(&client, &crd::ROLLOUT.resource());
    let mut object = rollout("1");
    object.data["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 25}, {"pause": {"duration": "1h"}}]);
    rollouts.create(&PostParams::default(), &object).await.unwrap();
    wait_for(&rollouts, "shop", |r| text(r, "/status/phase") == "Healthy").await;
    let patch = json!({"spec": {"template": template("2")}});
    rollouts.patch("shop", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    wait_for(&rollouts, "shop", |r| text(r, "/status/phase") == "Paused").await;
    clock.advance(SignedDuration::from_secs(3600));
    // Somebody touches it in the last second: it is looked at, and still waits.
    let touch = json!({"spec": {"revisionHistoryLimit": 5}, "metadata": {"generation": 9}});
    rollouts.patch("shop", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
    let paused = wait_for(&rollouts, "shop", |r| text(r, "/status/observedGeneration") == "9").await;
    assert_eq!(text(&paused, "/status/phase"), "Paused");
    clock.advance(SignedDuration::from_secs(1));
    wait_for(&rollouts, "shop", |r| text(r, "/status/phase") == "Healthy").await;
    controller.abort();
    pods.abort();
}
