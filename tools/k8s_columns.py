#!/usr/bin/env python3
"""Writes the table of the columns that kubectl shows of built-in kinds, with descriptions from the sources of the crate k8s-openapi.

    tools/k8s_columns.py ~/.cargo/registry/src/*/k8s-openapi-0.29.0/src/v1_37/api > adapters/argo-local/src/api/columns.txt

A line a column: plural|name|type|priority|description; line breaks in descriptions are written as \\n. `&` stands for the description of the
column of that name of `meta`; every other plural has a line for each of its columns but the first, the name.
"""
import os, re, sys

META = {"Age": "ObjectMeta.creation_timestamp", "Created At": "ObjectMeta.creation_timestamp", "Name": "ObjectMeta.name"}
POD_OWNER = "Containers!: Names of each container in the template.|Images!: Images referenced by each container in the template."
READY = "Ready: Number of the pod with ready state"
BINDING = "Age|Users!: Users in the {0}|Groups!: Groups in the {0}|ServiceAccounts!: ServiceAccounts in the {0}"
SETS = "Desired+@{0}Spec.replicas|Current+@{0}Status.replicas|Ready+@{0}Status.ready_replicas|Age|" + POD_OWNER + "|Selector!@{0}Spec.selector"
KINDS = {
    "pods": "Ready: The aggregate readiness state of this pod for accepting traffic.|Status: The aggregate status of the containers in this pod."
            "|Restarts: The number of times the containers in this pod have been restarted and when the last container in this pod has restarted."
            "|Age|IP!@PodStatus.pod_ip|Node!@PodSpec.node_name|Nominated Node!@PodStatus.nominated_node_name|Readiness Gates!@PodSpec.readiness_gates",
    "podtemplates": POD_OWNER.replace("!", "") + "|Pod Labels: The labels for the pod template.",
    "services": "Type@ServiceSpec.type_|Cluster-IP@ServiceSpec.cluster_ip|External-IP@ServiceSpec.external_ips|Port(s)@ServiceSpec.ports|Age"
                "|Selector!@ServiceSpec.selector",
    "deployments": READY + "|Up-to-date@DeploymentStatus.updated_replicas|Available@DeploymentStatus.available_replicas|Age|" + POD_OWNER
                   + "|Selector!@DeploymentSpec.selector",
    "replicasets": SETS.format("ReplicaSet"),
    "replicationcontrollers": SETS.format("ReplicationController"),
    "statefulsets": READY + "|Age|" + POD_OWNER,
    "daemonsets": "Desired+@DaemonSetStatus.desired_number_scheduled|Current+@DaemonSetStatus.current_number_scheduled"
                  "|Ready+@DaemonSetStatus.number_ready|Up-to-date+@DaemonSetStatus.updated_number_scheduled"
                  "|Available+@DaemonSetStatus.number_available|Node Selector@PodSpec.node_selector|Age|" + POD_OWNER
                  + "|Selector!@DaemonSetSpec.selector",
    "jobs": "Status: Status of the job.|Completions@JobStatus.succeeded|Duration: Time required to complete the job.|Age|" + POD_OWNER
            + "|Selector!@JobSpec.selector",
    "cronjobs": "Schedule@CronJobSpec.schedule|Timezone@CronJobSpec.time_zone|Suspend?@CronJobSpec.suspend|Active+@CronJobStatus.active"
                "|Last Schedule@CronJobStatus.last_schedule_time|Age|" + POD_OWNER + "|Selector!@JobSpec.selector",
    "configmaps": "Data@ConfigMap.data|Age",
    "secrets": "Type@Secret.type_|Data@Secret.data|Age",
    "namespaces": "Status: The status of the namespace|Age",
    "nodes": "Status: The status of the node|Roles: The roles of the node|Age|Version@NodeSystemInfo.kubelet_version"
             "|Internal-IP!@NodeStatus.addresses|External-IP!@NodeStatus.addresses|OS-Image!@NodeSystemInfo.os_image"
             "|Kernel-Version!@NodeSystemInfo.kernel_version|Container-Runtime!@NodeSystemInfo.container_runtime_version",
    "events": "Last Seen@core.Event.last_timestamp|Type@core.Event.type_|Reason@core.Event.reason|Object@core.Event.involved_object"
              "|Subobject!@ObjectReference.field_path|Source!@core.Event.source|Message@core.Event.message|First Seen!@core.Event.first_timestamp"
              "|Count!@core.Event.count|Name!",
    "endpoints": "Endpoints@Endpoints.subsets|Age",
    "endpointslices": "AddressType@EndpointSlice.address_type|Ports@EndpointSlice.ports|Endpoints@EndpointSlice.endpoints|Age",
    "persistentvolumeclaims": "Status@PersistentVolumeClaimStatus.phase|Volume@PersistentVolumeClaimSpec.volume_name"
                              "|Capacity@PersistentVolumeClaimStatus.capacity|Access Modes@PersistentVolumeClaimStatus.access_modes"
                              "|StorageClass: StorageClass of the pvc|VolumeAttributesClass: VolumeAttributesClass of the pvc|Age"
                              "|VolumeMode!@PersistentVolumeClaimSpec.volume_mode",
    "persistentvolumes": "Capacity@PersistentVolumeSpec.capacity|Access Modes@PersistentVolumeSpec.access_modes"
                         "|Reclaim Policy@PersistentVolumeSpec.persistent_volume_reclaim_policy|Status@PersistentVolumeStatus.phase"
                         "|Claim@PersistentVolumeSpec.claim_ref|StorageClass: StorageClass of the pv"
                         "|VolumeAttributesClass: VolumeAttributesClass of the pv|Reason@PersistentVolumeStatus.reason|Age"
                         "|VolumeMode!@PersistentVolumeSpec.volume_mode",
    "ingresses": "Class: The name of the IngressClass resource that should be used for additional configuration"
                 "|Hosts: Hosts that incoming requests are matched against before the ingress rule"
                 "|Address: Address is a list containing ingress points for the load-balancer|Ports: Ports of TLS configurations that open|Age",
    "horizontalpodautoscalers": "Reference@HorizontalPodAutoscalerSpec.scale_target_ref|Targets@HorizontalPodAutoscalerSpec.metrics"
                                "|MinPods@HorizontalPodAutoscalerSpec.min_replicas|MaxPods@HorizontalPodAutoscalerSpec.max_replicas"
                                "|Replicas@HorizontalPodAutoscalerStatus.current_replicas|Age",
    "poddisruptionbudgets": "Min Available: The minimum number of pods that must be available."
                            "|Max Unavailable: The maximum number of pods that may be unavailable."
                            "|Allowed Disruptions+: Calculated number of pods that may be disrupted at this time.|Age",
    "leases": "Holder@LeaseSpec.holder_identity|Age",
    "rolebindings": "Role@RoleBinding.role_ref|" + BINDING.format("roleBinding"),
    "clusterrolebindings": "Role@ClusterRoleBinding.role_ref|" + BINDING.format("clusterRoleBinding"),
    "roles": "Created At", "clusterroles": "Created At", "limitranges": "Created At", "customresourcedefinitions": "Created At#",
    "storageclasses": "Provisioner@StorageClass.provisioner|ReclaimPolicy@StorageClass.reclaim_policy"
                      "|VolumeBindingMode@StorageClass.volume_binding_mode|AllowVolumeExpansion@StorageClass.allow_volume_expansion|Age",
    "priorityclasses": "Value@PriorityClass.value|Global-Default?@PriorityClass.global_default|Age|PreemptionPolicy@PriorityClass.preemption_policy",
    "ingressclasses": "Controller: Controller that is responsible for handling this class"
                      "|Parameters: A reference to a resource with additional parameters|Age",
    "networkpolicies": "Pod-Selector@NetworkPolicySpec.pod_selector|Age",
    "resourcequotas": "Request: Request represents a minimum amount of cpu/memory that a container may consume."
                      "|Limit: Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.|Age",
    "controllerrevisions": "Controller: Controller of the object|Revision@ControllerRevision.revision|Age",
    "componentstatuses": "Status: Status of the component conditions|Message: Message of the component conditions"
                         "|Error: Error of the component conditions",
}
TYPES = {"+": "integer", "?": "boolean", "#": "date"}

sources = {}
for folder in [sys.argv[1], os.path.join(sys.argv[1], "../apimachinery")]:
    for base, _, files in os.walk(folder):
        for file in files:
            text = open(os.path.join(base, file)).read()
            found = re.search(r"^pub struct (\w+) \{\n(.*?)^\}", text, re.M | re.S)
            if found:
                group = base.split("/")[-2]
                # Of the kinds that stand in several versions the newest comes last.
                for name in (found.group(1), f"{group}.{found.group(1)}"):
                    if name == found.group(1) and name in sources and group in ("events",):
                        continue
                    sources[name] = found.group(2)

def description(place):
    kind, field = place.rsplit(".", 1)
    match = re.search(r"((?:^ +///[^\n]*\n)+) +pub (?:r#)?%s:" % field, sources[kind], re.M)
    lines = [re.sub(r"^ +/// ?", "", line) for line in match.group(1).splitlines()]
    return re.sub(r"\\([\[\]<>_*])", r"\1", "\n".join(lines)).replace("\n", "\\n")

print(f"meta|Name|string|0|{description(META['Name'])}")
print(f"meta|Age|string|0|{description(META['Age'])}")
for plural in sorted(KINDS):
    for column in KINDS[plural].split("|"):
        name, mark, rest = re.match(r"^(.*?)([!+?#]?)(?:(?:: |@)(.*))?$", column).groups()
        if rest is None:
            text = "&" + ("Name" if name == "Name" else "Age")
        elif column[len(name) + len(mark)] == "@":
            text = description(rest)
        else:
            text = rest
        print(f"{plural}|{name}|{TYPES.get(mark, 'string')}|{int(mark == '!')}|{text}")
