//! What a StatefulSet was like before: ControllerRevisions, by which `kubectl rollout history` and `undo` go, and a partition keeps its pods.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use super::world::{World, owned_by, reference};
use super::write::{Plan, Write};

/// The hash in a revision's name, as a label of it.
const HASH: &str = "controller.kubernetes.io/hash";

/// The strategic patch that brings the template of a set back.
fn patch(spec: &StatefulSetSpec) -> Value {
    let mut template = json!(spec.template);
    if let Some(map) = template.as_object_mut() {
        map.insert("$patch".to_owned(), "replace".into());
    }
    json!({"spec": {"template": template}})
}

/// The hash that the revision of a set's template has in its name.
fn hash(spec: &StatefulSetSpec, collisions: i32) -> String {
    let patch = argo_core::json::to_string(&patch(spec));
    argo_core::ids::safe_encode(&argo_core::ids::fnv1_32(format!("{patch}{collisions}").as_bytes()).to_string())
}

/// The name of the revision that a set is to be at.
pub(super) fn wanted(set: &StatefulSet) -> String {
    let collisions = set.status.as_ref().and_then(|status| status.collision_count).unwrap_or(0);
    format!("{}-{}", set.metadata.name.as_deref().unwrap_or_default(), hash(&set.spec, collisions))
}

fn number(revision: &ControllerRevision) -> i64 {
    revision.revision.unwrap_or(0)
}

/// A set's revisions, the oldest first.
fn all<'w>(world: &'w World, set: &StatefulSet) -> Vec<&'w Arc<ControllerRevision>> {
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default().to_owned();
    let mut all: Vec<_> = world.revisions.all().filter(|r| r.metadata.namespace.as_deref().unwrap_or_default() == namespace).collect();
    all.retain(|revision| owned_by(&revision.metadata, &set.metadata));
    all.sort_by_key(|revision| number(revision));
    all
}

/// The template that a revision of a set has; `None` where it is not known any more.
pub(super) fn template(world: &World, set: &StatefulSet, name: &str) -> Option<PodTemplateSpec> {
    let namespace = set.metadata.namespace.clone().unwrap_or_default();
    let revision = world.revisions.get(&(namespace, name.to_owned()))?;
    let template = revision.data.0.get("spec")?.get("template")?;
    serde_json::from_value(template.clone()).ok()
}

/// Makes the revision that a set is to be at the newest, and lets go of old ones that no pod has: those in `live` stay.
pub(super) fn keep(world: &World, set: &StatefulSet, live: &[&str], plan: &mut Plan) {
    let (all, wanted) = (all(world, set), wanted(set));
    let named = |revision: &ControllerRevision, name: &str| revision.metadata.name.as_deref() == Some(name);
    let newest = all.last().map_or(0, |revision| number(revision));
    match all.iter().find(|revision| named(revision, &wanted)) {
        None => {
            let mut labels = set.spec.template.metadata.clone().and_then(|metadata| metadata.labels).unwrap_or_default();
            labels.insert(HASH.to_owned(), wanted.rsplit('-').next().unwrap_or_default().to_owned());
            let revision = ControllerRevision {
                metadata: ObjectMeta {
                    name: Some(wanted),
                    namespace: set.metadata.namespace.clone(),
                    labels: Some(labels),
                    annotations: set.metadata.annotations.clone(),
                    owner_references: Some(vec![reference(set)]),
                    ..ObjectMeta::default()
                },
                data: RawExtension(patch(&set.spec)),
                revision: Some(newest.saturating_add(1)),
            };
            plan.writes.extend(Write::create(&revision));
        }
        // What was undone is the newest again.
        Some(revision) if number(revision) < newest => {
            plan.writes.push(Write::patch(revision.as_ref(), json!({"revision": newest.saturating_add(1)})));
        }
        Some(_) => {}
    }
    let idle: Vec<_> = all.into_iter().filter(|revision| !live.iter().any(|name| named(revision, name))).collect();
    let most = usize::try_from(set.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let old = idle.iter().take(idle.len().saturating_sub(most));
    plan.writes.extend(old.map(|revision| Write::delete(revision.as_ref())));
}
