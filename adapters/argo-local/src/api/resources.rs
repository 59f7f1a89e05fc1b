//! Which resources there are: the built-in ones and, at run time, those of CustomResourceDefinitions.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::crd::Custom;
use super::fields::Shape;
use super::protobuf;

/// Verbs of resources that are stored.
pub(crate) const STORED: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Verbs of resources that others keep.
const READ: &[&str] = &["get", "list"];

/// Stored kinds: group, versions (the one that is stored first), kind, plural, short names, scope (N or C), subresources (s status, S scale),
/// categories, type.
const BUILTIN: &str = "\
|v1|Pod|pods|po|N|s|all|core/v1.Pod
|v1|Service|services|svc|N|s|all|core/v1.Service
|v1|ConfigMap|configmaps|cm|N|||core/v1.ConfigMap
|v1|Secret|secrets||N|||core/v1.Secret
|v1|ServiceAccount|serviceaccounts|sa|N|||core/v1.ServiceAccount
|v1|Namespace|namespaces|ns|C|s||core/v1.Namespace
|v1|Node|nodes|no|C|s||core/v1.Node
|v1|Event|events|ev|N|||core/v1.Event
|v1|Endpoints|endpoints|ep|N|||core/v1.Endpoints
|v1|PersistentVolumeClaim|persistentvolumeclaims|pvc|N|s||core/v1.PersistentVolumeClaim
|v1|PersistentVolume|persistentvolumes|pv|C|s||core/v1.PersistentVolume
|v1|ReplicationController|replicationcontrollers|rc|N|sS|all|core/v1.ReplicationController
|v1|PodTemplate|podtemplates||N|||core/v1.PodTemplate
|v1|ResourceQuota|resourcequotas|quota|N|s||core/v1.ResourceQuota
|v1|LimitRange|limitranges|limits|N|||core/v1.LimitRange
apps|v1|Deployment|deployments|deploy|N|sS|all|apps/v1.Deployment
apps|v1|ReplicaSet|replicasets|rs|N|sS|all|apps/v1.ReplicaSet
apps|v1|StatefulSet|statefulsets|sts|N|sS|all|apps/v1.StatefulSet
apps|v1|DaemonSet|daemonsets|ds|N|s|all|apps/v1.DaemonSet
apps|v1|ControllerRevision|controllerrevisions||N|||apps/v1.ControllerRevision
events.k8s.io|v1|Event|events|ev|N|||events/v1.Event
autoscaling|v2,v1|HorizontalPodAutoscaler|horizontalpodautoscalers|hpa|N|s|all|autoscaling/v2.HorizontalPodAutoscaler
batch|v1|Job|jobs||N|s|all|batch/v1.Job
batch|v1|CronJob|cronjobs|cj|N|s|all|batch/v1.CronJob
networking.k8s.io|v1|Ingress|ingresses|ing|N|s||networking/v1.Ingress
networking.k8s.io|v1|IngressClass|ingressclasses||C|||networking/v1.IngressClass
networking.k8s.io|v1|NetworkPolicy|networkpolicies|netpol|N|||networking/v1.NetworkPolicy
policy|v1|PodDisruptionBudget|poddisruptionbudgets|pdb|N|s||policy/v1.PodDisruptionBudget
rbac.authorization.k8s.io|v1|Role|roles||N|||rbac/v1.Role
rbac.authorization.k8s.io|v1|RoleBinding|rolebindings||N|||rbac/v1.RoleBinding
rbac.authorization.k8s.io|v1|ClusterRole|clusterroles||C|||rbac/v1.ClusterRole
rbac.authorization.k8s.io|v1|ClusterRoleBinding|clusterrolebindings||C|||rbac/v1.ClusterRoleBinding
storage.k8s.io|v1|StorageClass|storageclasses|sc|C|||storage/v1.StorageClass
apiextensions.k8s.io|v1|CustomResourceDefinition|customresourcedefinitions|crd,crds|C|s|api-extensions|apiextensions/v1.CustomResourceDefinition
scheduling.k8s.io|v1|PriorityClass|priorityclasses|pc|C|||scheduling/v1.PriorityClass
coordination.k8s.io|v1|Lease|leases||N|||coordination/v1.Lease
discovery.k8s.io|v1|EndpointSlice|endpointslices||N|||discovery/v1.EndpointSlice
|v1|ComponentStatus|componentstatuses|cs|C|||core/v1.ComponentStatus
apiregistration.k8s.io|v1|APIService|apiservices||C|s|api-extensions|apiregistration/v1.APIService
certificates.k8s.io|v1|CertificateSigningRequest|certificatesigningrequests|csr|C|s||certificates/v1.CertificateSigningRequest
networking.k8s.io|v1|IPAddress|ipaddresses|ip|C|||networking/v1.IPAddress
networking.k8s.io|v1|ServiceCIDR|servicecidrs||C|s||networking/v1.ServiceCIDR
storage.k8s.io|v1|CSIDriver|csidrivers||C|||storage/v1.CSIDriver
storage.k8s.io|v1|CSINode|csinodes||C|||storage/v1.CSINode
storage.k8s.io|v1|CSIStorageCapacity|csistoragecapacities||N|||storage/v1.CSIStorageCapacity
storage.k8s.io|v1|VolumeAttachment|volumeattachments||C|s||storage/v1.VolumeAttachment
storage.k8s.io|v1|VolumeAttributesClass|volumeattributesclasses|vac|C|||storage/v1.VolumeAttributesClass
admissionregistration.k8s.io|v1|MutatingAdmissionPolicy|mutatingadmissionpolicies||C||api-extensions|admissionregistration/v1.MutatingAdmissionPolicy
admissionregistration.k8s.io|v1|MutatingAdmissionPolicyBinding|mutatingadmissionpolicybindings||C||api-extensions|admissionregistration/v1.MutatingAdmissionPolicyBinding
admissionregistration.k8s.io|v1|MutatingWebhookConfiguration|mutatingwebhookconfigurations||C||api-extensions|admissionregistration/v1.MutatingWebhookConfiguration
admissionregistration.k8s.io|v1|ValidatingAdmissionPolicy|validatingadmissionpolicies||C|s|api-extensions|admissionregistration/v1.ValidatingAdmissionPolicy
admissionregistration.k8s.io|v1|ValidatingAdmissionPolicyBinding|validatingadmissionpolicybindings||C||api-extensions|admissionregistration/v1.ValidatingAdmissionPolicyBinding
admissionregistration.k8s.io|v1|ValidatingWebhookConfiguration|validatingwebhookconfigurations||C||api-extensions|admissionregistration/v1.ValidatingWebhookConfiguration
node.k8s.io|v1|RuntimeClass|runtimeclasses||C|||node/v1.RuntimeClass
resource.k8s.io|v1|DeviceClass|deviceclasses||C|||resource/v1.DeviceClass
resource.k8s.io|v1|ResourceClaim|resourceclaims||N|s||resource/v1.ResourceClaim
resource.k8s.io|v1|ResourceClaimTemplate|resourceclaimtemplates||N|||resource/v1.ResourceClaimTemplate
resource.k8s.io|v1|ResourceSlice|resourceslices||C|||resource/v1.ResourceSlice
flowcontrol.apiserver.k8s.io|v1|FlowSchema|flowschemas||C|s||flowcontrol/v1.FlowSchema
flowcontrol.apiserver.k8s.io|v1|PriorityLevelConfiguration|prioritylevelconfigurations||C|s||flowcontrol/v1.PriorityLevelConfiguration
storagemigration.k8s.io|v1|StorageVersionMigration|storageversionmigrations||C|s||storagemigration/v1.StorageVersionMigration
";

/// Kinds that are answered and never stored: group, version, kind, plural, scope, type.
const ASKED: &str = "\
authentication.k8s.io|v1|TokenReview|tokenreviews|C|authentication/v1.TokenReview
authentication.k8s.io|v1|SelfSubjectReview|selfsubjectreviews|C|authentication/v1.SelfSubjectReview
authorization.k8s.io|v1|SelfSubjectAccessReview|selfsubjectaccessreviews|C|authorization/v1.SelfSubjectAccessReview
authorization.k8s.io|v1|SubjectAccessReview|subjectaccessreviews|C|authorization/v1.SubjectAccessReview
authorization.k8s.io|v1|LocalSubjectAccessReview|localsubjectaccessreviews|N|authorization/v1.LocalSubjectAccessReview
authorization.k8s.io|v1|SelfSubjectRulesReview|selfsubjectrulesreviews|C|authorization/v1.SelfSubjectRulesReview
|v1|Binding|bindings|N|core/v1.Binding
";

/// A version of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) storage: bool,
    pub(crate) status: bool,
    pub(crate) scale: bool,
    /// What only custom resources have.
    pub(crate) custom: Option<Arc<Custom>>,
}

/// A resource, with all its versions.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Where its objects are kept; two resources that show the same objects have the same.
    pub(crate) slot: usize,
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) versions: Vec<Version>,
    pub(crate) verbs: &'static [&'static str],
    /// Name of its type in the table of types; empty for custom resources.
    pub(crate) type_name: &'static str,
    /// Its definition is being deleted: nothing can be created.
    pub(crate) terminating: bool,
    /// The number of the write that made its definition what it is; objects of later writes are as it wants them.
    pub(crate) since: u64,
    /// See [`Self::blank`].
    pub(crate) blank: OnceLock<Value>,
    /// See [`Self::protobuf`].
    pub(crate) protobuf: OnceLock<bool>,
}

impl Resource {
    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|v| v.name == name && v.served)
    }

    pub(crate) fn custom(&self) -> bool {
        self.type_name.is_empty()
    }

    /// An object of it before anything is in it.
    pub(crate) fn blank(&self) -> &Value {
        self.blank.get_or_init(|| if self.custom() { json!({"metadata": {}}) } else { Shape::Typed(self.type_name).blank() })
    }

    /// Whether its objects can be answered in protobuf.
    pub(crate) fn protobuf(&self) -> bool {
        // Definitions hold schemas, some of whose fields JSON writes in ways of their own.
        *self
            .protobuf
            .get_or_init(|| self.group != "apiextensions.k8s.io" && self.versions.iter().all(|v| protobuf::knows(self.type_of(&v.name))))
    }

    /// The name of the type that a version of it has in the table of types.
    pub(crate) fn type_of(&self, version: &str) -> &'static str {
        match (self.type_name, version) {
            ("autoscaling/v2.HorizontalPodAutoscaler", "v1") => "autoscaling/v1.HorizontalPodAutoscaler",
            (name, _) => name,
        }
    }

    pub(crate) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    pub(crate) fn storage_version(&self) -> &str {
        self.versions.iter().find(|v| v.storage).map_or("v1", |v| v.name.as_str())
    }
}

/// What is served of a group.
#[derive(Clone, Debug, Default)]
struct Group {
    resources: BTreeMap<String, Arc<Resource>>,
    /// Served versions, the newest first.
    versions: Vec<String>,
}

/// All resources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    groups: BTreeMap<String, Group>,
    /// Groups in the order of discovery.
    order: Vec<String>,
    slots: Vec<Arc<str>>,
}

const GROUP_ORDER: [&str; 21] = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "storagemigration.k8s.io",
];

impl Registry {
    /// With the built-in resources.
    pub(crate) fn new() -> Self {
        let mut registry = Self { order: GROUP_ORDER.iter().map(|g| (*g).to_owned()).collect(), ..Self::default() };
        let list = |text: &str| text.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        for line in BUILTIN.lines() {
            let words: Vec<&'static str> = line.split('|').collect();
            let [group, versions, kind, plural, short, scope, subresources, categories, type_name] = words.as_slice() else { continue };
            let version = |(index, name): (usize, &str)| Version {
                name: name.to_owned(),
                served: true,
                storage: index == 0,
                status: subresources.contains('s'),
                scale: subresources.contains('S'),
                custom: None,
            };
            let table = if *plural == "events" { "/events".to_owned() } else { format!("{group}/{plural}") };
            let slot = registry.slot(&table);
            registry.put(Resource {
                slot,
                group: (*group).to_owned(),
                kind: (*kind).to_owned(),
                list_kind: format!("{kind}List"),
                plural: (*plural).to_owned(),
                singular: kind.to_ascii_lowercase(),
                short: list(short),
                categories: list(categories),
                namespaced: *scope == "N",
                versions: versions.split(',').enumerate().map(version).collect(),
                verbs: if *plural == "componentstatuses" { READ } else { STORED },
                type_name,
                terminating: false,
                since: 0,
                blank: OnceLock::new(),
                protobuf: OnceLock::new(),
            });
        }
        for line in ASKED.lines() {
            let words: Vec<&'static str> = line.split('|').collect();
            let [group, version, kind, plural, scope, type_name] = words.as_slice() else { continue };
            let version = Version { name: (*version).to_owned(), served: true, storage: true, status: false, scale: false, custom: None };
            let slot = registry.slot(&format!("{group}/{plural}"));
            registry.put(Resource {
                slot,
                group: (*group).to_owned(),
                kind: (*kind).to_owned(),
                list_kind: String::new(),
                plural: (*plural).to_owned(),
                singular: kind.to_ascii_lowercase(),
                short: Vec::new(),
                categories: Vec::new(),
                namespaced: *scope == "N",
                versions: vec![version],
                verbs: &["create"],
                type_name,
                terminating: false,
                since: 0,
                blank: OnceLock::new(),
                protobuf: OnceLock::new(),
            });
        }
        registry
    }

    /// The slot of a table, made where there is none.
    pub(crate) fn slot(&mut self, table: &str) -> usize {
        self.find_slot(table).unwrap_or_else(|| {
            self.slots.push(table.into());
            self.slots.len().saturating_sub(1)
        })
    }

    pub(crate) fn find_slot(&self, table: &str) -> Option<usize> {
        self.slots.iter().position(|t| **t == *table)
    }

    /// The name of a slot's table.
    pub(crate) fn slot_name(&self, slot: usize) -> Arc<str> {
        self.slots.get(slot).cloned().unwrap_or_default()
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Adds or replaces a resource.
    pub(crate) fn put(&mut self, resource: Resource) -> Arc<Resource> {
        if !resource.group.is_empty() && !self.order.contains(&resource.group) {
            self.order.push(resource.group.clone());
        }
        let resource = Arc::new(resource);
        let group = self.groups.entry(resource.group.clone()).or_default();
        group.resources.insert(resource.plural.clone(), Arc::clone(&resource));
        group.find_versions();
        resource
    }

    /// Takes a resource away.
    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        let Some(found) = self.groups.get_mut(group) else { return };
        found.resources.remove(plural);
        found.find_versions();
        if found.resources.is_empty() {
            self.groups.remove(group);
            self.order.retain(|g| g != group);
        }
    }

    pub(crate) fn get(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.groups.get(group)?.resources.get(plural)
    }

    /// The resource of an `apiVersion` and `kind`.
    pub(crate) fn by_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<Resource>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.groups.get(group)?.resources.values().find(|r| r.kind == kind && r.version(version).is_some())
    }

    /// The resource whose objects a slot holds.
    pub(crate) fn in_slot(&self, slot: usize) -> Option<&Arc<Resource>> {
        self.all().find(|r| r.slot == slot)
    }

    /// All resources, by group and name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.groups.values().flat_map(|g| g.resources.values())
    }

    /// Groups in the order of discovery, the core group left out.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(String::as_str).filter(|g| self.groups.contains_key(*g))
    }

    /// Whether anything is served of a group.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// Served versions of a group, the newest first.
    pub(crate) fn versions(&self, group: &str) -> &[String] {
        self.groups.get(group).map_or(&[], |g| &g.versions)
    }
}

impl Group {
    fn find_versions(&mut self) {
        self.versions.clear();
        for version in self.resources.values().flat_map(|r| &r.versions).filter(|v| v.served) {
            if !self.versions.contains(&version.name) {
                self.versions.push(version.name.clone());
            }
        }
        self.versions.sort_by_key(|v| std::cmp::Reverse(age(v)));
    }
}

/// Order of version names: stable before beta before alpha, the higher number first; others last, by name.
fn age(version: &str) -> (u8, u64, u64, std::cmp::Reverse<String>) {
    let other = (0, 0, 0, std::cmp::Reverse(version.to_owned()));
    let Some(rest) = version.strip_prefix('v') else { return other };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    let Ok(number) = number.parse() else { return other };
    let (level, minor) = if rest.is_empty() {
        (3, "0")
    } else if let Some(minor) = rest.strip_prefix("beta") {
        (2, minor)
    } else if let Some(minor) = rest.strip_prefix("alpha") {
        (1, minor)
    } else {
        return other;
    };
    minor.parse().map_or(other, |minor| (level, number, minor, std::cmp::Reverse(String::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_newest_first() {
        let mut names = ["v1alpha1", "v10", "v2", "v1beta2", "foo", "v1beta1"];
        names.sort_by_key(|v| std::cmp::Reverse(age(v)));
        assert_eq!(names, ["v10", "v2", "v1beta2", "v1beta1", "v1alpha1", "foo"]);
    }

    #[test]
    fn every_builtin_has_a_type() {
        for resource in Registry::new().all() {
            assert!(crate::api::types::find(resource.type_name).is_some(), "{}", resource.type_name);
        }
    }
}
