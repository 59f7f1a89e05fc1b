//! The executor's own pod, as the API shows it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{ApiError, Settings};

/// The controller writes `{"signal": n}` here when the pod is to be stopped.
pub(crate) const EXECUTION: &str = "workflows.argoproj.io/execution";

/// What is of interest in one state of the pod.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    signal: Option<i32>,
    terminated: BTreeSet<String>,
    grace: Option<Duration>,
}

impl Seen {
    fn of(pod: &Pod) -> Self {
        let annotation = pod.metadata.annotations.as_ref().and_then(|a| a.get(EXECUTION));
        let signal = annotation.and_then(|text| {
            let control =
                serde_json::from_str::<Value>(text).inspect_err(|e| tracing::warn!("annotation {EXECUTION} is not read: {e}")).ok()?;
            control.get("signal")?.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|n| *n > 0)
        });
        let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref()).into_iter().flatten();
        let terminated = statuses.filter(|c| c.state.as_ref().is_some_and(|s| s.terminated.is_some())).map(|c| c.name.clone()).collect();
        let grace = pod.spec.as_ref().and_then(|s| s.termination_grace_period_seconds).and_then(|s| u64::try_from(s).ok());
        Self { signal, terminated, grace: grace.map(Duration::from_secs) }
    }
}

/// Follows the pod.
pub(super) struct PodWatch {
    seen: mpsc::Receiver<Seen>,
    signal: Option<i32>,
    /// Containers that have ended, whether they left an exit code or not.
    pub(super) terminated: BTreeSet<String>,
    /// How long the pod's containers may take to stop.
    pub(super) grace: Option<Duration>,
}

impl PodWatch {
    /// Begins to follow it after a while: what the pod says until then is seen at the first look.
    pub(super) fn start(client: &Client, settings: &Settings, after: Duration) -> Self {
        let (send, seen) = mpsc::channel(16);
        if settings.pod_name.is_empty() {
            tracing::warn!("ARGO_POD_NAME is not set: the pod cannot be stopped through its annotation");
        } else {
            let (pods, name) = (Api::default_namespaced(client.clone()), settings.pod_name.clone());
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                if !send.is_closed() {
                    follow(pods, name, send).await;
                }
            });
        }
        Self { seen, signal: None, terminated: BTreeSet::new(), grace: None }
    }

    /// The next signal that the controller asks for; none if only something else about the pod changed.
    pub(super) async fn next(&mut self) -> Option<i32> {
        let Some(seen) = self.seen.recv().await else { return std::future::pending().await };
        self.terminated.extend(seen.terminated);
        self.grace = seen.grace.or(self.grace);
        if seen.signal == self.signal {
            return None;
        }
        self.signal = seen.signal;
        seen.signal
    }
}

async fn follow(pods: Api<Pod>, name: String, send: mpsc::Sender<Seen>) {
    let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut pause = Duration::from_millis(200);
    loop {
        let failed = match follow_once(&pods, &name, &parameters, &send).await {
            Ok(()) => {
                pause = Duration::from_millis(200);
                None
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(
                    "the service account may not get and watch pods: the pod cannot be stopped through its annotation ({})",
                    status.message
                );
                return;
            }
            Err(e) => Some(e),
        };
        if send.is_closed() {
            return;
        }
        if let Some(e) = failed {
            tracing::info!("watch of the own pod: {}", ApiError::from(e));
            pause = (pause * 2).min(Duration::from_secs(30));
        }
        tokio::time::sleep(pause).await;
    }
}

async fn follow_once(pods: &Api<Pod>, name: &str, parameters: &WatchParams, send: &mpsc::Sender<Seen>) -> Result<(), kube::Error> {
    let pod = pods.get(name).await?;
    let _ = send.send(Seen::of(&pod)).await;
    let version = pod.metadata.resource_version.unwrap_or_else(|| "0".to_owned());
    let mut events = pods.watch(parameters, &version).await?.boxed();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod) => {
                if send.send(Seen::of(&pod)).await.is_err() {
                    return Ok(());
                }
            }
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
            WatchEvent::Bookmark(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_pod_says() {
        let pod = serde_json::from_value(json!({
            "metadata": {"annotations": {EXECUTION: r#"{"signal":15}"#}},
            "spec": {"containers": [], "terminationGracePeriodSeconds": 7},
            "status": {"containerStatuses": [
                {"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 137}}},
                {"name": "wait", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}},
            ]},
        }))
        .unwrap();
        let seen = Seen { signal: Some(15), terminated: BTreeSet::from(["main".to_owned()]), grace: Some(Duration::from_secs(7)) };
        assert_eq!(Seen::of(&pod), seen);
    }

    #[test]
    fn a_strange_annotation_is_no_signal() {
        for text in ["", "{}", "[1]", r#"{"signal":"x"}"#, r#"{"signal":-3}"#] {
            let pod = serde_json::from_value(json!({"metadata": {"annotations": {EXECUTION: text}}})).unwrap();
            assert_eq!(Seen::of(&pod).signal, None, "{text}");
        }
    }
}
