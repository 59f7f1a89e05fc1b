//! What the node tells about pods and itself, as Event objects.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;
use kube::{Api, Client, Resource};

use crate::Clock;

/// Remembered events, so that the same sentence is said once.
const REMEMBERED: usize = 4096;

#[derive(Clone)]
pub(crate) struct Events {
    client: Client,
    node: String,
    clock: Clock,
    said: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Events {
    pub(crate) fn new(client: Client, node: String, clock: Clock) -> Self {
        Self { client, node, clock, said: Arc::default() }
    }

    pub(crate) fn warn(&self, pod: &Pod, reason: &str, message: &str) {
        self.say(pod, true, reason, message);
    }

    pub(crate) fn say(&self, pod: &Pod, warning: bool, reason: &str, message: &str) {
        self.post(pod.object_ref(&()), warning, reason, message);
    }

    /// Posts in the background: nothing waits for an event, and a lost one changes nothing.
    pub(crate) fn post(&self, about: ObjectReference, warning: bool, reason: &str, message: &str) {
        let key = (about.uid.clone().or_else(|| about.name.clone()).unwrap_or_default(), format!("{reason} {message}"));
        {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() >= REMEMBERED {
                said.clear();
            }
            if !said.insert(key) {
                return;
            }
        }
        let now = (self.clock)();
        let namespace = about.namespace.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
        let mut event = Event {
            type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(reason.to_owned()),
            message: Some(message.chars().take(1024).collect()),
            count: Some(1),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            source: Some(EventSource { component: Some("kubelet".to_owned()), host: Some(self.node.clone()) }),
            reporting_component: Some("kubelet".to_owned()),
            reporting_instance: Some(self.node.clone()),
            ..Event::default()
        };
        event.metadata.name = Some(format!("{}.{:x}", about.name.as_deref().unwrap_or_default(), now.as_nanosecond()));
        event.metadata.namespace = Some(namespace.clone());
        event.involved_object = about;
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        tokio::spawn(async move {
            if let Err(error) = api.create(&PostParams::default(), &event).await {
                tracing::debug!("event {:?}: {error}", event.message);
            }
        });
    }
}
