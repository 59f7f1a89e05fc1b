//! What follows from what is there: namespaces that empty themselves, dependents that go with their owners, default service accounts.
//!
//! As upstream's controllers do it, but inside the state machine: what they would watch and cache is here already.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::delete::{Gone, Options};
use super::json;
use super::object::Stored;
use super::raw::Raw;
use super::resources::Resource;
use super::store::Key;
use super::{Api, Failure, Identity, Request};

/// What keeps a claim while a pod uses it.
const PROTECTION: &str = "kubernetes.io/pvc-protection";

impl Api {
    /// Puts in what every cluster has: namespaces and roles.
    pub fn bootstrap(&mut self, now: Timestamp) {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            self.ensure("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}), now);
        }
        let rbac = "rbac.authorization.k8s.io/v1";
        let role =
            |name: &str, rules: Value| json!({"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules});
        let everything = json!([
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["*"]},
        ]);
        self.ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", &role("cluster-admin", everything), now);
        let binding = json!({
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "cluster-admin"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:masters"}],
        });
        self.ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding, now);
    }

    /// Lets every service account do what the executor in a workflow's pod needs, in any namespace.
    pub fn allow_executors(&mut self, now: Timestamp) {
        let rbac = "rbac.authorization.k8s.io/v1";
        let role = json!({"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": "argo-executor"}, "rules": [
            {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch", "get"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "watch", "list", "patch"]},
            {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        ]});
        let binding = json!({
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "argo-executor"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "argo-executor"},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts"}],
        });
        self.ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", &role, now);
        self.ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding, now);
    }

    fn ensure(&mut self, path: &str, object: &Value, now: Timestamp) {
        let request = Request {
            method: http::Method::POST,
            path: path.to_owned(),
            query: String::new(),
            headers: http::HeaderMap::new(),
            body: object.to_string().into(),
            user: Identity::admin().into(),
        };
        // That it is there already is as good.
        let _ = self.handle(&request, now);
    }

    /// One round of what the controllers inside the API do: default service accounts, namespaces that end, dependents of what is gone.
    /// Gives whether another round may find more to do.
    pub fn sweep(&mut self, now: Timestamp) -> bool {
        let before = self.revision;
        let work = std::mem::take(&mut self.work);
        if work.namespaces {
            // A round that fails half-way is taken up by the next.
            let _ = self.accounts(now);
            let _ = self.end_namespaces(now);
        }
        if work.claims {
            let _ = self.release_claims(now);
        }
        for uid in work.gone {
            let _ = self.owner_gone(&uid, now);
        }
        for (slot, namespace, name) in work.look {
            let _ = self.look_at(slot, &namespace, &name, now);
        }
        self.revision != before || self.work.any()
    }

    /// Each namespace has a service account named `default` and the certificate authority's ConfigMap.
    fn accounts(&mut self, now: Timestamp) -> Result<(), Failure> {
        let Some(slot) = self.registry.get("", "namespaces").map(|r| r.slot) else { return Ok(()) };
        let live: Vec<String> = self.table(slot)?.objects.values().filter(|n| !n.deleting()).map(|n| n.meta("name").to_owned()).collect();
        for namespace in live {
            if self.lookup_in("", "serviceaccounts", &namespace, "default").is_none() {
                let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
                self.ensure(&format!("/api/v1/namespaces/{namespace}/serviceaccounts"), &account, now);
            }
            if !self.ca_pem.is_empty() && self.lookup_in("", "configmaps", &namespace, "kube-root-ca.crt").is_none() {
                let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal \
                             service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";
                let map = json!({
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": about}},
                    "data": {"ca.crt": self.ca_pem},
                });
                self.ensure(&format!("/api/v1/namespaces/{namespace}/configmaps"), &map, now);
            }
        }
        Ok(())
    }

    /// Deletes what is in namespaces that end, and lets them go once they are empty.
    fn end_namespaces(&mut self, now: Timestamp) -> Result<(), Failure> {
        let Some(namespaces) = self.registry.get("", "namespaces").cloned() else { return Ok(()) };
        let ending: Vec<Arc<Stored>> = self.table(namespaces.slot)?.objects.values().filter(|n| n.deleting()).cloned().collect();
        for namespace in ending {
            let name = namespace.meta("name").to_owned();
            let mut seen = BTreeSet::new();
            let resources: Vec<Arc<Resource>> =
                self.registry.all().filter(|r| r.namespaced && r.verbs.len() > 1 && seen.insert(r.slot)).cloned().collect();
            let mut left: Vec<(Arc<Resource>, Vec<Arc<Stored>>)> = Vec::new();
            for resource in resources {
                let objects: Vec<Arc<Stored>> = self.table(resource.slot)?.objects.within(Some(&name)).cloned().collect();
                let mut rest = Vec::new();
                for object in objects {
                    if object.deleting() {
                        rest.push(object);
                        continue;
                    }
                    let ask = Ask::internal(&resource, resource.storage_version(), Some(&name), object.meta("name"));
                    let options = Options { policy: Some("Background".to_owned()), ..Options::default() };
                    if let Gone::Marked(object) = self.delete_object(&ask, &object, &options, now)? {
                        rest.push(object);
                    }
                }
                if !rest.is_empty() {
                    left.push((resource, rest));
                }
            }
            let Some(current) = self.lookup(namespaces.slot, "", &name) else { continue };
            if left.is_empty() {
                self.commit(namespaces.slot, (String::new(), name), None)?;
                self.after_write(&namespaces, Some(&current), None, now)?;
            } else {
                let mut value = current.value();
                say_what_is_left(&mut value, &left, now);
                let next = Stored { revision: current.revision, ..Stored::of(value, Some(&current)) };
                if next != *current {
                    self.commit(namespaces.slot, (String::new(), name), Some(next))?;
                }
            }
        }
        Ok(())
    }

    /// Claims that are being deleted and that no pod uses any more lose the finalizer that protected them.
    fn release_claims(&mut self, now: Timestamp) -> Result<(), Failure> {
        let Some(resource) = self.registry.get("", "persistentvolumeclaims").cloned() else { return Ok(()) };
        let Some(pods) = self.registry.get("", "pods").map(|r| r.slot) else { return Ok(()) };
        let waiting: Vec<Arc<Stored>> = self
            .table(resource.slot)?
            .objects
            .values()
            .filter(|c| c.deleting() && c.finalizers().any(|f| f == PROTECTION))
            .cloned()
            .collect();
        for claim in waiting {
            let (namespace, name) = (claim.meta("namespace"), claim.meta("name"));
            let used = self.table(pods)?.objects.within(Some(namespace)).any(|pod| {
                !matches!(&*pod.text(&["status", "phase"]), "Succeeded" | "Failed")
                    && pod
                        .items(&["spec", "volumes"])
                        .any(|v| v.at(&["persistentVolumeClaim", "claimName"]).and_then(Raw::plain) == Some(name))
            });
            if !used {
                self.drop_finalizer(&resource, &claim, PROTECTION, now)?;
            }
        }
        Ok(())
    }

    /// The objects that name an owner.
    fn dependents(&self, uid: &str) -> Vec<(usize, String, String)> {
        self.owners.get(uid).into_iter().flatten().cloned().collect()
    }

    /// An owner is gone: those that named it are looked at.
    fn owner_gone(&mut self, uid: &str, now: Timestamp) -> Result<(), Failure> {
        for (slot, namespace, name) in self.dependents(uid) {
            self.look_at(slot, &namespace, &name, now)?;
        }
        Ok(())
    }

    /// Whether the owner that a reference names is there: by its uid, and where a namespaced object may own from.
    fn owner(&self, reference: &Value, namespace: &str) -> Option<Arc<Stored>> {
        let (api_version, kind) = (json::text(reference, &["apiVersion"]), json::text(reference, &["kind"]));
        let resource = self.registry.by_kind(api_version, kind)?;
        let at = if resource.namespaced { namespace } else { "" };
        let found = self.lookup(resource.slot, at, json::text(reference, &["name"]))?;
        (found.meta("uid") == json::text(reference, &["uid"])).then_some(found)
    }

    /// Whether anyone knows the kind of a reference: only then can its owner be said not to be there.
    fn known_kind(&self, reference: &Value) -> bool {
        self.registry.by_kind(json::text(reference, &["apiVersion"]), json::text(reference, &["kind"])).is_some()
    }

    /// Decides about one object: whether its owners keep it, and what its own deletion waits for.
    fn look_at(&mut self, slot: usize, namespace: &str, name: &str, now: Timestamp) -> Result<(), Failure> {
        let Some(object) = self.lookup(slot, namespace, name) else { return Ok(()) };
        let Some(resource) = self.registry.in_slot(slot).cloned() else { return Ok(()) };
        if object.deleting() {
            let has = |finalizer: &str| object.finalizers().any(|f| f == finalizer);
            if has("orphan") {
                return self.orphan(&resource, &object, now);
            }
            if has("foregroundDeletion") {
                return self.foreground(&resource, &object, now);
            }
            return Ok(());
        }
        let references: Vec<Value> = object.items(&["metadata", "ownerReferences"]).map(Raw::value).collect();
        if references.is_empty() {
            return Ok(());
        }
        let (mut solid, mut gone, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for reference in references {
            match self.owner(&reference, namespace) {
                Some(owner) => {
                    let foreground = owner.deleting() && owner.finalizers().any(|f| f == "foregroundDeletion");
                    if foreground { waiting.push(reference) } else { solid.push(reference) }
                }
                None if self.known_kind(&reference) => gone.push(reference),
                // Its kind may yet come.
                None => solid.push(reference),
            }
        }
        if gone.is_empty() && waiting.is_empty() {
            return Ok(());
        }
        let ask = Ask::internal(&resource, resource.storage_version(), resource.namespaced.then_some(namespace), name);
        if !solid.is_empty() {
            let next = with_list(&object, "ownerReferences", solid);
            let stored = self.commit(slot, (namespace.to_owned(), name.to_owned()), Some(next))?;
            self.after_write(&resource, Some(&object), Some(&stored), now)?;
            return Ok(());
        }
        // Dependents of what goes in the foreground go so, too, where they have any of their own that hold them.
        let holding = !waiting.is_empty() && !self.dependents(object.meta("uid")).is_empty();
        let policy = if holding { "Foreground" } else { "Background" };
        let options = Options { policy: Some(policy.to_owned()), ..Options::default() };
        self.delete_object(&ask, &object, &options, now)?;
        Ok(())
    }

    /// Takes itself off those that depend on it, then goes.
    fn orphan(&mut self, resource: &Arc<Resource>, object: &Arc<Stored>, now: Timestamp) -> Result<(), Failure> {
        let uid = object.meta("uid").to_owned();
        for (slot, namespace, name) in self.dependents(&uid) {
            let Some(dependent) = self.lookup(slot, &namespace, &name) else { continue };
            let Some(of) = self.registry.in_slot(slot).cloned() else { continue };
            let others = dependent.items(&["metadata", "ownerReferences"]).filter(|r| r.get("uid").and_then(Raw::plain) != Some(&uid));
            let next = with_list(&dependent, "ownerReferences", others.map(Raw::value).collect());
            let stored = self.commit(slot, (namespace, name), Some(next))?;
            self.after_write(&of, Some(&dependent), Some(&stored), now)?;
        }
        self.drop_finalizer(resource, object, "orphan", now)
    }

    /// Deletes those that depend on it; goes once none is left that blocks.
    fn foreground(&mut self, resource: &Arc<Resource>, object: &Arc<Stored>, now: Timestamp) -> Result<(), Failure> {
        let uid = object.meta("uid").to_owned();
        for (slot, namespace, name) in self.dependents(&uid) {
            self.look_at(slot, &namespace, &name, now)?;
        }
        let blocked = self.dependents(&uid).into_iter().any(|(slot, namespace, name)| {
            self.lookup(slot, &namespace, &name).is_some_and(|dependent| {
                dependent.items(&["metadata", "ownerReferences"]).any(|r| {
                    r.get("uid").and_then(Raw::plain) == Some(&uid) && r.get("blockOwnerDeletion").map(Raw::as_str) == Some("true")
                })
            })
        });
        if blocked { Ok(()) } else { self.drop_finalizer(resource, object, "foregroundDeletion", now) }
    }

    fn drop_finalizer(&mut self, resource: &Arc<Resource>, object: &Arc<Stored>, finalizer: &str, now: Timestamp) -> Result<(), Failure> {
        let key = (object.meta("namespace").to_owned(), object.meta("name").to_owned());
        let Some(current) = self.lookup(resource.slot, &key.0, &key.1) else { return Ok(()) };
        let rest: Vec<Value> = current.finalizers().filter(|f| *f != finalizer).map(Value::from).collect();
        if rest.is_empty() && current.grace() == 0 && !super::builtin::held(resource, &current) {
            self.commit(resource.slot, key, None)?;
            return self.after_write(resource, Some(&current), None, now);
        }
        let stored = self.commit(resource.slot, key, Some(with_list(&current, "finalizers", rest)))?;
        self.after_write(resource, Some(&current), Some(&stored), now)
    }
}

/// An object with another list in its metadata; without it, where the list is empty.
fn with_list(object: &Stored, key: &str, list: Vec<Value>) -> Stored {
    let (mut next, mut metadata) = (object.clone(), object.bare_metadata());
    let metadata = json::map(&mut metadata);
    if list.is_empty() {
        metadata.remove(key);
    } else {
        metadata.insert(key.to_owned(), list.into());
    }
    next.set_metadata(metadata);
    next
}

/// The conditions of a namespace that cannot end yet.
fn say_what_is_left(namespace: &mut Value, left: &[(Arc<Resource>, Vec<Arc<Stored>>)], now: Timestamp) {
    let mut counts = Vec::new();
    let mut finalizers: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for (resource, objects) in left {
        let name =
            if resource.group.is_empty() { format!("{}.", resource.plural) } else { format!("{}.{}", resource.plural, resource.group) };
        counts.push(format!("{name} has {} resource instances", objects.len()));
        for object in objects {
            for finalizer in object.finalizers() {
                let count = finalizers.entry(finalizer.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
    let waiting: Vec<String> = finalizers.iter().map(|(f, n)| format!("{f} in {n} resource instances")).collect();
    let remaining = format!("Some resources are remaining: {}", counts.join(", "));
    let held = format!("Some content in the namespace has finalizers remaining: {}", waiting.join(", "));
    let yes = |reason: &str, message: String, good: bool| (if good { "False" } else { "True" }, reason.to_owned(), message);
    let conditions = [
        ("NamespaceDeletionDiscoveryFailure", yes("ResourcesDiscovered", "All resources successfully discovered".to_owned(), true)),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            yes("ParsedGroupVersions", "All legacy kube types successfully parsed".to_owned(), true),
        ),
        (
            "NamespaceDeletionContentFailure",
            yes("ContentDeleted", "All content successfully deleted, may be waiting on finalization".to_owned(), true),
        ),
        ("NamespaceContentRemaining", yes("SomeResourcesRemain", remaining, false)),
        (
            "NamespaceFinalizersRemaining",
            if waiting.is_empty() {
                yes("ContentHasNoFinalizers", "All content-preserving finalizers finished".to_owned(), true)
            } else {
                yes("SomeFinalizersRemain", held, false)
            },
        ),
    ];
    let had: Vec<Value> = json::items(namespace, &["status", "conditions"]).cloned().collect();
    let list: Vec<Value> = conditions
        .into_iter()
        .map(|(kind, (status, reason, message))| {
            let before = had.iter().find(|c| json::text(c, &["type"]) == kind && json::text(c, &["status"]) == status);
            let at = before.map_or_else(|| json::time(now), |b| json::text(b, &["lastTransitionTime"]).to_owned());
            json!({"type": kind, "status": status, "lastTransitionTime": at, "reason": reason, "message": message})
        })
        .collect();
    json::child(namespace, "status").insert("conditions".to_owned(), list.into());
}

/// The uids of an object's owners.
fn owners(object: &Stored) -> Vec<&str> {
    object.items(&["metadata", "ownerReferences"]).map(|r| r.get("uid").and_then(Raw::plain).unwrap_or_default()).collect()
}

/// What the controllers inside the API have to look at.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Something about namespaces, or in one that ends.
    pub(crate) namespaces: bool,
    /// A claim was deleted, or a pod that may have used one.
    pub(crate) claims: bool,
    /// Uids of what is gone.
    pub(crate) gone: Vec<String>,
    /// Objects that name owners, or wait for dependents.
    pub(crate) look: Vec<(usize, String, String)>,
}

impl Work {
    pub(crate) fn any(&self) -> bool {
        self.namespaces || self.claims || !self.gone.is_empty() || !self.look.is_empty()
    }
}

impl Api {
    /// Notes what a write gives the controllers to do, and keeps the index of owners. Called for every write.
    pub(crate) fn note(&mut self, slot: usize, key: &Key, before: Option<&Stored>, after: Option<&Stored>) {
        if slot == self.namespace_slot {
            self.work.namespaces = true;
        }
        self.note_claims(slot, before, after);
        // Owners, finalizers and deletion stand in the metadata.
        if let (Some(before), Some(after)) = (before, after)
            && Arc::ptr_eq(&before.metadata, &after.metadata)
        {
            return;
        }
        let (namespace, name) = key;
        let place = (slot, namespace.clone(), name.clone());
        let (had, has) = (before.map(owners).unwrap_or_default(), after.map(owners).unwrap_or_default());
        if had != has {
            for uid in &had {
                if let Some(set) = self.owners.get_mut(*uid) {
                    set.remove(&place);
                    if set.is_empty() {
                        self.owners.remove(*uid);
                    }
                }
            }
            for uid in &has {
                self.owners.entry((*uid).to_owned()).or_default().insert(place.clone());
            }
        }
        if !namespace.is_empty() && after.is_none_or(Stored::deleting) {
            let account = after.is_none() && matches!(name.as_str(), "default" | "kube-root-ca.crt");
            let ending = self.lookup(self.namespace_slot, "", namespace).is_some_and(|n| n.deleting());
            self.work.namespaces |= ending || account;
        }
        match after {
            None => {
                let uid = before.map(|b| b.meta("uid")).unwrap_or_default();
                if self.owners.contains_key(uid) {
                    self.work.gone.push(uid.to_owned());
                }
                // Owners that wait for this one in the foreground.
                for uid in had {
                    self.look_at_owner(uid, before);
                }
            }
            Some(after) => {
                let waits = after.deleting() && after.finalizers().any(|f| matches!(f, "orphan" | "foregroundDeletion"));
                if waits || (!has.is_empty() && (had != has)) {
                    self.work.look.push(place);
                }
                for uid in had.iter().filter(|u| !has.contains(u)) {
                    self.look_at_owner(uid, before);
                }
            }
        }
    }

    /// Notes whether a claim may be let go: it was deleted, or a pod changed that may have used one.
    fn note_claims(&mut self, slot: usize, before: Option<&Stored>, after: Option<&Stored>) {
        if slot == self.claim_slot {
            self.work.claims |= after.is_some_and(Stored::deleting);
        } else if slot == self.pod_slot && self.tables.get(self.claim_slot).is_some_and(|t| !t.objects.is_empty()) {
            let uses = |pod: &Stored| pod.items(&["spec", "volumes"]).any(|v| v.get("persistentVolumeClaim").is_some());
            self.work.claims |= after.or(before).is_some_and(uses);
        }
    }

    fn look_at_owner(&mut self, uid: &str, dependent: Option<&Stored>) {
        let Some(dependent) = dependent else { return };
        let mut references = dependent.items(&["metadata", "ownerReferences"]);
        let Some(reference) = references.find(|r| r.get("uid").and_then(Raw::plain) == Some(uid)).map(Raw::value) else { return };
        let Some(owner) = self.owner(&reference, dependent.meta("namespace")) else { return };
        if !owner.deleting() {
            return;
        }
        let (api_version, kind) = (json::text(&reference, &["apiVersion"]), json::text(&reference, &["kind"]));
        if let Some(resource) = self.registry.by_kind(api_version, kind) {
            self.work.look.push((resource.slot, owner.meta("namespace").to_owned(), owner.meta("name").to_owned()));
        }
    }

    /// Everything is to be looked at: after a restart, and when a new kind has come that references may name.
    pub(crate) fn look_at_all(&mut self) {
        self.work.namespaces = true;
        self.owners.clear();
        for (slot, table) in self.tables.iter().enumerate() {
            for (namespace, name, object) in table.objects.iter() {
                let place = (slot, namespace.clone(), name.clone());
                let mut owned = false;
                for uid in owners(object) {
                    owned = true;
                    self.owners.entry(uid.to_owned()).or_default().insert(place.clone());
                }
                if owned || object.deleting() {
                    self.work.look.push(place);
                }
            }
        }
    }
}
