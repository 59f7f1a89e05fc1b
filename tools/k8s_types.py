#!/usr/bin/env python3
"""Writes the table of Kubernetes' built-in types that the embedded API reads, from the sources of the crates k8s-openapi (names and forms) and k8s-pb
(field numbers in protobuf).

    R=~/.cargo/registry/src/*; tools/k8s_types.py $R/k8s-openapi-0.29.0/src/v1_37 $R/k8s-pb-0.9.0/src > adapters/argo-local/src/api/types.txt

A line a type: `name[*] field=code field=code ...`; `*` after the name: the value is replaced whole (atomic).
Codes: s string, i int32, l int64, b bool, d number, q quantity, t time, u time with a fraction, x integer or string, y base64, j anything,
@name a type, {code a map ({*code replaced whole), [code a list that is replaced whole, [=code a set, [k1,k2:code a list with keys.
After the code: `!` required, `?` the zero value is left out; `^key` merge key of strategic merge patch, `^` a set there;
last `#N`, its number in protobuf, or `#N.M` where it is in a message of its own there.
"""
import os, re, sys

ROOT, PROTO = sys.argv[1:3]
ROOTS = """core/v1: Pod Service ConfigMap Secret ServiceAccount Namespace Node Event PersistentVolumeClaim PersistentVolume Endpoints ReplicationController
 PodTemplate ResourceQuota LimitRange Binding ComponentStatus
apps/v1: Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision
batch/v1: Job CronJob
policy/v1: PodDisruptionBudget Eviction
networking/v1: Ingress IngressClass NetworkPolicy IPAddress ServiceCIDR
autoscaling/v2: HorizontalPodAutoscaler
autoscaling/v1: Scale HorizontalPodAutoscaler
coordination/v1: Lease
discovery/v1: EndpointSlice
events/v1: Event
rbac/v1: Role RoleBinding ClusterRole ClusterRoleBinding
scheduling/v1: PriorityClass
storage/v1: StorageClass CSIDriver CSINode CSIStorageCapacity VolumeAttachment VolumeAttributesClass
node/v1: RuntimeClass
certificates/v1: CertificateSigningRequest
flowcontrol/v1: FlowSchema PriorityLevelConfiguration
admissionregistration/v1: ValidatingWebhookConfiguration MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding
storagemigration/v1: StorageVersionMigration
apiregistration/v1: APIService
resource/v1: DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice
authentication/v1: TokenRequest TokenReview SelfSubjectReview
authorization/v1: SelfSubjectAccessReview SubjectAccessReview LocalSubjectAccessReview SelfSubjectRulesReview
apiextensions/v1: CustomResourceDefinition
meta/v1: DeleteOptions Status"""
PLAIN = {"std::string::String": "s", "i32": "i", "i64": "l", "bool": "b", "f64": "d"}
SPECIAL = {"Quantity": "q", "Time": "t", "MicroTime": "u", "IntOrString": "x", "RawExtension": "j", "JSON": "j", "FieldsV1": "j",
           "JSONSchemaPropsOrBool": "j", "JSONSchemaPropsOrArray": "j", "JSONSchemaPropsOrStringArray": "j"}
# Types that server-side apply replaces whole.
ATOMIC = """LabelSelector ConfigMapKeySelector SecretKeySelector LocalObjectReference ObjectReference ObjectFieldSelector ResourceFieldSelector
 TypedLocalObjectReference SecretReference OwnerReference NodeSelector NodeSelectorTerm TopologySelectorTerm ScopedResourceSelectorRequirement ScopeSelector
 RoleRef Subject EndpointAddress EndpointPort CrossVersionObjectReference FileKeySelector IngressBackend.resource""".split()
# Lists whose keys for server-side apply are more than the merge key of strategic merge patch, by type of item.
KEYS = {"ServicePort": ["port", "protocol"], "ContainerPort": ["containerPort", "protocol"],
        "TopologySpreadConstraint": ["topologyKey", "whenUnsatisfiable"]}
# Lists with keys that strategic merge patch knows nothing of, and lists it merges though they have none.
UNMERGED = {"ResourceRequirements.claims", "CustomResourceDefinitionStatus.conditions", "ServiceSpec.ports!", "VolumeResourceRequirements.claims",
            "IngressLoadBalancerIngress.ports", "HorizontalPodAutoscalerSpec.metrics", "EndpointSlice.ports"}
MERGED = {"ServiceAccount.secrets": "name", "ServiceAccount.imagePullSecrets": "name", "PodDisruptionBudgetStatus.conditions": "type",
          "HorizontalPodAutoscalerStatus.conditions": "type", "PersistentVolumeSpec.accessModes": "-"}
# Fields whose Go type is no pointer: the zero value is left out. All optional strings are, but those of POINTER_STRINGS.
ZERO_LEFT_OUT = set("""hostNetwork hostPID hostIPC stdin stdinOnce tty readOnly publishNotReadyAddresses paused unschedulable deprecated preserveUnknownFields
 x-kubernetes-embedded-resource x-kubernetes-int-or-string uniqueItems exclusiveMaximum exclusiveMinimum nullable globalDefault
 hostPort initialDelaySeconds periodSeconds successThreshold failureThreshold minReadySeconds nodePort generation healthCheckNodePort
 observedGeneration readyReplicas availableReplicas updatedReplicas unavailableReplicas currentReplicas fullyLabeledReplicas succeeded failed count
 signal numberUnavailable numberAvailable updatedNumberScheduled priority_ incomplete denied allowed authenticated namespaced_""".split())
ZERO_BY_TYPE = {("Probe", "timeoutSeconds"), ("DeploymentStatus", "replicas"), ("JobStatus", "active"), ("ReplicaSetStatus", "replicas"),
                ("CustomResourceColumnDefinition", "priority"), ("SubjectAccessReviewStatus", "allowed")}
POINTER_STRINGS = set("""storageClassName volumeMode ipFamilyPolicy internalTrafficPolicy appProtocol scope pathType_ ingressClassName preemptionPolicy
 reclaimPolicy volumeBindingMode runtimeClassName completionMode podReplacementPolicy timeZone hostnameOverride recursiveReadOnly mountPropagation
 procMount seLinuxChangePolicy fsGroupChangePolicy supplementalGroupsPolicy loadBalancerClass nodeName_ zone holderIdentity strategy preferredHolder
 restartPolicyContainer unhealthyPodEvictionPolicy managedBy subPathExpr_ optionalOldSelf reason_ setIdentity apiGroup_""".split())

files = {}
for folder, _, names in os.walk(ROOT):
    for name in names:
        if name.endswith(".rs") and name != "mod.rs":
            text = open(os.path.join(folder, name)).read()
            found = re.search(r"^pub (?:struct|enum) (\w+)", text, re.M)
            if found:
                path = os.path.relpath(folder, ROOT).split("/")
                group = "/".join(path[-2:]) if path[-1].startswith("v") else path[-1]
                files[f"{group}.{found.group(1)}"] = text

messages = {}
for folder, _, names in os.walk(PROTO):
    for name in names:
        path = os.path.relpath(folder, PROTO).split("/")
        group = "/".join(path[-2:]) if path[-1].startswith("v") else path[-1]
        text = open(os.path.join(folder, name)).read()
        for struct, body in re.findall(r"^pub struct (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            found = re.findall(r'#\[prost\((.*?)tag = "(\d+)"\s*\)\]\s+pub (?:r#)?(\w+):\s+(.*?),?(?=\n    (?:///|#\[|pub )|\s*$)', body, re.S)
            messages[f"{group}.{struct}".lower()] = [(field.replace("_", ""), int(tag), rust) for _, tag, field, rust in found]

def numbers(full):
    """Field numbers of a type, by lower-case name."""
    out = {}
    for field, tag, rust in messages.get(full.lower(), []):
        out[field] = str(tag)
    for field, tag, rust in messages.get(full.lower(), []):
        inner = re.search(r"Option<\s*(\w+),?\s*>", rust)
        if inner and field not in known_names(full):
            group = full.split(".")[0]
            for below, number, _ in messages.get(f"{group}.{inner.group(1)}".lower(), []):
                out.setdefault(below, f"{tag}.{number}")
    return out

def known_names(full):
    return {n.replace("_", "").lower() for n in re.findall(r'"([^"]+)" => Field::Key_', files[full])}

def type_of(rust):
    rust = rust.strip()
    required = True
    while True:
        for prefix in ("Option<", "std::boxed::Box<"):
            if rust.startswith(prefix):
                rust = rust[len(prefix):-1]
                required = required and prefix != "Option<"
                break
        else:
            break
    return rust, required

def code_of(rust, strategy, owner, field, keys):
    rust, _ = type_of(rust)
    if rust in PLAIN:
        return PLAIN[rust]
    if rust.startswith("std::vec::Vec<"):
        inner = rust[14:-1]
        item = code_of(inner, "", owner, field, [])
        if strategy == "list::set":
            return "[=" + item
        if strategy == "list::map":
            return "[" + ",".join(keys) + ":" + item
        return "[" + item
    if rust.startswith("std::collections::BTreeMap<std::string::String, "):
        inner = rust[len("std::collections::BTreeMap<std::string::String, "):-1]
        return ("{*" if strategy == "map::atomic" else "{") + code_of(inner, "", owner, field, [])
    if rust.endswith("ByteString"):
        return "y"
    parts = rust.split("::")
    name = parts[-1]
    if name in SPECIAL:
        return SPECIAL[name]
    group = "/".join(parts[-3:-1]) if parts[-2].startswith("v") else parts[-2]
    queue.append(f"{group}.{name}")
    return f"@{group}.{name}"

queue, done = [], {}
for line in ROOTS.replace("\n ", " ").split("\n"):
    group, kinds = line.split(": ")
    queue += [f"{group}.{kind}" for kind in kinds.split()]
while queue:
    full = queue.pop()
    if full in done:
        continue
    text = files[full]
    name = full.split(".")[-1]
    body = re.search(r"^pub struct \w+ \{\n(.*?)^\}", text, re.M | re.S)
    tags = numbers(full)
    fields = re.findall(r"^    pub (?:r#)?(\w+): (.+),$", body.group(1), re.M) if body else []
    names = {rust: json for json, rust in re.findall(r'"([^"]+)" => Field::Key_(\w+)', text)}
    strategies = {}
    for what, field, rest in re.findall(r"merge_strategies::(\w+::\w+)\(\s*&mut self\.(?:r#)?(\w+),(.*?)(?=merge_strategies|crate::DeepMerge::merge_from\(&mut|\n    \}\n)", text, re.S):
        strategies[field] = (what, re.findall(r"lhs\.(?:r#)?(\w+) == rhs", rest))
    out = []
    for rust, kind in fields:
        json = names.get(rust) or names.get(rust.rstrip("_")) or re.sub(r"_(\w)", lambda m: m.group(1).upper(), rust)
        what, keys = strategies.get(rust, ("", []))
        if not out and not keys:
            pass
        _, required = type_of(kind)
        # Names of key fields are those of the item's type.
        item = type_of(kind)[0]
        item = item[14:-1] if item.startswith("std::vec::Vec<") else item
        parts = item.split("::")
        if keys and len(parts) > 2:
            group = "/".join(parts[-3:-1]) if parts[-2].startswith("v") else parts[-2]
            item_names = {r: j for j, r in re.findall(r'"([^"]+)" => Field::Key_(\w+)', files[f"{group}.{parts[-1]}"])}
            keys = [item_names.get(k, k) for k in keys]
        code = code_of(kind, what, name, rust, KEYS.get(parts[-1], keys))
        # Times that are no pointers are written as null.
        held = code in "tu" and (name.endswith("Condition") or name in ("ContainerStateRunning", "ContainerStateTerminated"))
        # Structs that are no pointers are there even when they are empty.
        held = held or (name == "ContainerStatus" and json in ("state", "lastState"))
        if required or held:
            code += "!"
        elif (code == "s" and json not in POINTER_STRINGS) or (code in "ilb" and (json in ZERO_LEFT_OUT or (name, json) in ZERO_BY_TYPE)):
            code += "?"
        place = f"{name}.{json}"
        if place in MERGED:
            code += "^" + MERGED[place]
        elif what == "list::map" and keys and place not in UNMERGED:
            code += "^" + keys[0]
        elif json == "finalizers" and name == "ObjectMeta":
            code += "^"
        number = tags.get(re.sub(r"[^a-z0-9]", "", json.lower()))
        out.append(f"{json}={code}" + (f"#{number}" if number else ""))
    done[full] = ("*" if name in ATOMIC else "") + " " + " ".join(sorted(out))
for full in sorted(done):
    print(full + done[full].rstrip())
