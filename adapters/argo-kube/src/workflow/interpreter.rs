//! The effects of workflows as API calls.

use std::sync::Arc;

use argo_core::{EffectId, Keyed};
use argo_dag::effect::{self, MemoEntry};
use argo_dag::locks::LockRequest;
use argo_dag::{Effect, TaskEvent};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ConfigMap, Event, PersistentVolumeClaim, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, PostParams, PropagationPolicy};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::engine::WorkflowEffect;
use super::locks::Locks;
use super::{COMPLETED, CONFIG_MAP_TYPE, EXECUTION};
use crate::clock::Clock;
use crate::crd;
use crate::driver::{self, Failure, Interpreter, Key, Object, Target};

pub(super) struct WorkflowInterpreter {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether Kubernetes events are recorded.
    pub(super) events: bool,
    pub(super) locks: Arc<Locks>,
}

type Answers = Result<Vec<(Key, TaskEvent)>, Failure>;

#[async_trait]
impl Interpreter<WorkflowEffect, TaskEvent> for WorkflowInterpreter {
    async fn apply(&self, target: &Target, keyed: &Keyed<WorkflowEffect>) -> Answers {
        match &keyed.effect {
            WorkflowEffect::Run(effect) => self.run(target, &keyed.id, effect).await,
            WorkflowEffect::KillPod { name } => self.signal(target, name, 9).await,
            WorkflowEffect::Delete => {
                let api = driver::api(&self.client, &crd::WORKFLOW.resource(), &target.key.namespace);
                let params = DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
                driver::delete(&api, &target.key.name, &params.preconditions(uid_is(target))).await?;
                Ok(Vec::new())
            }
        }
    }
}

fn uid_is(target: &Target) -> kube::api::Preconditions {
    kube::api::Preconditions { uid: Some(target.uid.clone()), resource_version: None }
}

impl WorkflowInterpreter {
    fn api(&self, resource: &ApiResource, target: &Target) -> Api<Object> {
        driver::api(&self.client, resource, &target.key.namespace)
    }

    async fn signal(&self, target: &Target, pod: &str, signal: i32) -> Answers {
        let message = json!({ "signal": signal }).to_string();
        let patch = json!({"metadata": {"annotations": {EXECUTION: message}}});
        driver::merge(&self.api(&ApiResource::erase::<Pod>(&()), target), pod, &patch).await?;
        Ok(Vec::new())
    }

    async fn run(&self, target: &Target, id: &EffectId, effect: &Effect) -> Answers {
        let pods = || self.api(&ApiResource::erase::<Pod>(&()), target);
        let claims = || self.api(&ApiResource::erase::<PersistentVolumeClaim>(&()), target);
        let budgets = || self.api(&ApiResource::erase::<PodDisruptionBudget>(&()), target);
        match effect {
            Effect::CreatePod { pod, .. } => driver::create(&pods(), target, pod).await?,
            Effect::DeletePod { name, selector, .. } => {
                let labels = match selector {
                    None => None,
                    Some(_) => match pods().get_metadata_opt(name).await.map_err(|e| driver::failure(&e))? {
                        None => return Ok(Vec::new()),
                        Some(pod) => pod.metadata.labels,
                    },
                };
                if effect::selects(selector.as_deref(), &labels.unwrap_or_default()) {
                    driver::delete(&pods(), name, &DeleteParams::default()).await?;
                } else {
                    driver::merge(&pods(), name, &json!({"metadata": {"labels": {COMPLETED: "true"}}})).await?;
                }
            }
            Effect::StopPod { name, .. } => return self.signal(target, name, 15).await,
            Effect::LabelPodCompleted { name, .. } => {
                driver::merge(&pods(), name, &json!({"metadata": {"labels": {COMPLETED: "true"}}})).await?;
            }
            Effect::CreateClaim { claim } => driver::create(&claims(), target, claim).await?,
            Effect::DeleteClaim { name } => driver::delete(&claims(), name, &DeleteParams::default()).await?,
            Effect::CreateDisruptionBudget { budget } => driver::create(&budgets(), target, budget).await?,
            Effect::DeleteDisruptionBudget { name } => driver::delete(&budgets(), name, &DeleteParams::default()).await?,
            Effect::RunByAgent { .. } => {
                let message =
                    "not supported yet: HTTP and plugin templates, which need the agent; use a container template that makes the request";
                return Err(Failure { transient: false, message: message.to_owned() });
            }
            Effect::AcquireLocks { locks, holder, priority, created, .. } => {
                let request = LockRequest { locks: locks.clone(), holder: holder.clone(), priority: *priority, created: *created };
                return Ok(self.locks.acquire(&request));
            }
            Effect::ReleaseLocks { holder } => return Ok(self.locks.release(holder)),
            Effect::ReadMemo { node_id, config_map, key } => {
                let entry = self.read_memo(target, config_map, key).await?;
                return Ok(vec![(target.key.clone(), TaskEvent::Memo { node_id: node_id.clone(), entry })]);
            }
            Effect::WriteMemo { config_map, key, entry } => self.write_memo(target, config_map, key, entry).await?,
            Effect::Emit { kind, reason, message, annotations } => {
                if self.events {
                    self.emit(target, id, &json!({"type": kind, "reason": reason, "message": message}), annotations).await?;
                }
            }
        }
        Ok(Vec::new())
    }

    async fn read_memo(&self, target: &Target, name: &str, key: &str) -> Result<Result<Option<Box<MemoEntry>>, String>, Failure> {
        // Asked from the API and not from the watch: another workflow may have written it just now.
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &target.key.namespace);
        let map = api.get_opt(name).await.map_err(|e| driver::failure(&e))?;
        let text = map.and_then(|map| map.data).and_then(|mut data| data.remove(key));
        Ok(match text {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text).map(Some).map_err(|e| format!("entry {key} of ConfigMap {name} cannot be read: {e}")),
        })
    }

    async fn write_memo(&self, target: &Target, name: &str, key: &str, entry: &MemoEntry) -> Result<(), Failure> {
        let text = serde_json::to_string(entry).map_err(|e| Failure { transient: false, message: e.to_string() })?;
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &target.key.namespace);
        let patch = json!({"data": {key: text}});
        let patched = api.patch_metadata(name, &driver::patch_params(), &kube::api::Patch::Merge(&patch)).await;
        match patched {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let map = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "labels": {CONFIG_MAP_TYPE: "Cache"}},
                    "data": {key: text},
                });
                let map: ConfigMap = serde_json::from_value(map).map_err(|e| Failure { transient: false, message: e.to_string() })?;
                // If somebody else was faster, the conflict is transient and the next try patches.
                api.create(&PostParams::default(), &map).await.map(|_| ()).map_err(|e| driver::failure(&e))
            }
            Err(e) => Err(driver::failure(&e)),
        }
    }

    async fn emit(
        &self,
        target: &Target,
        id: &EffectId,
        what: &Value,
        annotations: &std::collections::BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let at = argo_core::meta::Time::truncated(self.clock.now()).to_string();
        let name = format!("{}.{:08x}", target.key.name, argo_core::ids::fnv1a32(id.0.as_bytes()));
        let mut event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": target.key.namespace, "annotations": annotations},
            "involvedObject": {
                "apiVersion": format!("{}/{}", crd::GROUP, crd::VERSION), "kind": crd::WORKFLOW.kind,
                "namespace": target.key.namespace, "name": target.key.name, "uid": target.uid,
            },
            "source": {"component": "workflow-controller"},
            "firstTimestamp": at, "lastTimestamp": at, "count": 1,
        });
        if let (Some(event), Some(what)) = (event.as_object_mut(), what.as_object()) {
            event.extend(what.clone());
        }
        let event: Event = serde_json::from_value(event).map_err(|e| Failure { transient: false, message: e.to_string() })?;
        let api: Api<Event> = Api::namespaced(self.client.clone(), &target.key.namespace);
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(e) => Err(driver::failure(&e)),
        }
    }
}
