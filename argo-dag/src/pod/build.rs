//! Making a pod from a template.

use argo_core::workflows::{Template, UserContainer};
use argo_core::{patch::strategic, yaml};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::mounts::{self, Mounts};
use super::{PodError, PodOptions, PodRequest, artifacts, check};

pub(super) const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";
pub(super) const NODE_ID_ANNOTATION: &str = "workflows.argoproj.io/node-id";
/// Where a script stands, and the manifest that a resource template takes from an artifact.
const SCRIPT_PATH: &str = "/argo/staging/script";
const MANIFEST_PATH: &str = "/tmp/manifest.yaml";
/// What Go writes for no time at all: the executor then has no deadline.
const NO_DEADLINE: &str = "0001-01-01T00:00:00Z";

/// A container of the pod that is being made.
pub(super) type Container = Map<String, Value>;

/// What a template's main containers are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Container,
    Script,
    ContainerSet,
    Resource,
    Data,
}

impl Kind {
    pub(super) fn of(template: &Template) -> Option<Self> {
        if template.container.is_some() {
            Some(Self::Container)
        } else if template.container_set.is_some() {
            Some(Self::ContainerSet)
        } else if template.script.is_some() {
            Some(Self::Script)
        } else if template.resource.is_some() {
            Some(Self::Resource)
        } else if template.data.is_some() {
            Some(Self::Data)
        } else {
            None
        }
    }

    /// Whether the executor itself is the main container: then there is no `wait` beside it.
    pub(super) fn is_executor(self) -> bool {
        matches!(self, Self::Resource | Self::Data)
    }
}

pub(super) fn build(request: &PodRequest<'_>, options: &PodOptions) -> Result<Value, PodError> {
    let mut template = request.template.clone();
    let kind =
        Kind::of(&template).ok_or_else(|| PodError::Template(format!("template {:?} is of a type that runs no pod", template.name)))?;
    if !template.timeout.is_empty() && request.seconds_left.is_some_and(|left| left <= 1) {
        return Err(PodError::Template(format!("{} exceeded its deadline", request.node_name)));
    }
    prepare_resource(&mut template, request)?;
    artifacts::add_archive_location(&mut template, request, options)?;

    let mut mains = main_containers(&template, kind, request, options)?;
    let mut mounts = Mounts::new(&template, kind, request);
    mounts.references(request, options)?;
    let (volumes, secret_mounts) = artifacts::secrets(&template);
    mounts.volumes.extend(volumes);

    let mut init = executor_container("init", &["init"], kind, request, options);
    let mut wait = (!kind.is_executor()).then(|| executor_container("wait", &["wait"], kind, request, options));
    for mount in &secret_mounts {
        push(&mut init, "volumeMounts", mount.clone());
        if let Some(wait) = &mut wait {
            push(wait, "volumeMounts", mount.clone());
        } else if kind == Kind::Data {
            mains.iter_mut().for_each(|main| push(main, "volumeMounts", mount.clone()));
        }
    }
    mounts.input_artifacts(&mut init, &mut mains)?;
    if kind == Kind::Script {
        mounts.staging(&mut init, &mut mains);
    }
    let main = mains.iter().find(|c| name_of(c) == "main").or(mains.first()).cloned().unwrap_or_default();
    let extras = |list: &[UserContainer]| list.iter().map(|c| user_container(c, &main)).collect::<Vec<_>>();
    let (init_containers, sidecars) = (extras(&template.init_containers), extras(&template.sidecars));
    if let Some(wait) = &mut wait {
        mounts::mirror_below_main(wait, &mains);
    }

    let tmp = || json!({"name": "tmp-dir-argo", "mountPath": "/tmp", "subPath": "0"});
    if let Some(wait) = &mut wait {
        push(wait, "volumeMounts", tmp());
    } else {
        mains.iter_mut().for_each(|main| push(main, "volumeMounts", tmp()));
    }
    let default_container = mains.last().map(name_of).unwrap_or("main").to_owned();

    let standard = standard_env(&template, request)?;
    let finish = |mut container: Container, wrapped: bool| -> Result<Value, PodError> {
        if wrapped {
            wrap(&mut container, options)?;
        }
        let name = name_of(&container).to_owned();
        push(&mut container, "env", env("ARGO_CONTAINER_NAME", &name));
        for variable in &standard {
            push(&mut container, "env", variable.clone());
        }
        push(&mut container, "volumeMounts", json!({"name": "var-run-argo", "mountPath": "/var/run/argo"}));
        Ok(Value::Object(container))
    };
    let mut all_init = Vec::new();
    for container in std::iter::once(init).chain(init_containers) {
        all_init.push(finish(container, false)?);
    }
    let mut all = Vec::new();
    if let Some(wait) = wait {
        all.push(finish(wait, false)?);
    }
    for container in mains.into_iter().chain(sidecars) {
        all.push(finish(container, true)?);
    }

    let mut spec = Map::new();
    spec.insert("initContainers".to_owned(), Value::Array(all_init));
    spec.insert("containers".to_owned(), Value::Array(all));
    spec.insert("restartPolicy".to_owned(), json!("Never"));
    schedule(&mut spec, &template, request);
    service_account(&mut spec, &mut mounts, &template, request);
    spec.insert("volumes".to_owned(), Value::Array(mounts.volumes));
    let mut spec = Value::Object(spec);
    for patch in [&request.spec.pod_spec_patch, &template.pod_spec_patch].into_iter().filter(|p| !p.is_empty()) {
        apply_patch(&mut spec, patch)?;
    }
    // Moved, not written as one literal: that would copy the whole pod.
    let metadata = metadata(&template, request, options, &default_container);
    let fields = [("apiVersion", "v1".into()), ("kind", "Pod".into()), ("metadata", metadata), ("spec", spec)];
    Ok(Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// A resource template's manifest gets its owner, and its artifact the path at which the executor reads it.
fn prepare_resource(template: &mut Template, request: &PodRequest<'_>) -> Result<(), PodError> {
    let Some(resource) = &mut template.resource else { return Ok(()) };
    if let Some(artifact) = resource.manifest_from.as_ref().and_then(|f| f.artifact.as_ref())
        && let Some(input) = template.inputs.artifacts.iter_mut().find(|a| a.name == artifact.name)
    {
        MANIFEST_PATH.clone_into(&mut input.path);
    }
    if resource.set_owner_reference == Some(true) && !resource.manifest.is_empty() {
        let mut manifest: Value = yaml::from_str(&resource.manifest).map_err(|e| PodError::Template(e.to_string()))?;
        let metadata = manifest.as_object_mut().map(|m| m.entry("metadata").or_insert_with(|| json!({})));
        if let Some(Value::Object(metadata)) = metadata {
            metadata.insert("ownerReferences".to_owned(), json!([owner(request)]));
        }
        resource.manifest = yaml::to_string(&manifest).map_err(|e| PodError::Template(e.to_string()))?;
    }
    Ok(())
}

fn owner(request: &PodRequest<'_>) -> Value {
    let metadata = &request.workflow.metadata;
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

fn main_containers(template: &Template, kind: Kind, request: &PodRequest<'_>, options: &PodOptions) -> Result<Vec<Container>, PodError> {
    let mut mains = match kind {
        Kind::Container => vec![template.container.as_ref().map(object).unwrap_or_default()],
        Kind::Script => {
            let mut main = template.script.as_ref().map(object).unwrap_or_default();
            main.remove("source");
            push(&mut main, "args", json!(SCRIPT_PATH));
            vec![main]
        }
        Kind::ContainerSet => {
            let set = template.container_set.clone().unwrap_or_default();
            let with_mounts = |node| {
                let mut container = object(node);
                container.remove("dependencies");
                set.volume_mounts.iter().for_each(|mount| push(&mut container, "volumeMounts", mount.clone()));
                container
            };
            set.containers.iter().map(with_mounts).collect()
        }
        Kind::Resource => {
            let action = template.resource.as_ref().map(|r| r.action.as_str()).unwrap_or_default();
            vec![executor_container("main", &["resource", action], kind, request, options)]
        }
        Kind::Data => {
            let data = serde_json::to_string(&template.data).map_err(|e| PodError::Template(e.to_string()))?;
            vec![executor_container("main", &["data", &data], kind, request, options)]
        }
    };
    for main in &mut mains {
        if kind != Kind::ContainerSet || name_of(main).is_empty() {
            main.insert("name".to_owned(), json!("main"));
        }
        if let Some(defaults) = &options.main_container {
            fill(main, defaults);
        }
    }
    Ok(mains)
}

/// What the controller's configuration adds to main containers: lists grow, single fields are filled where they are open.
fn fill(container: &mut Container, defaults: &Value) {
    for field in ["env", "envFrom", "volumeMounts"] {
        for item in defaults.get(field).and_then(Value::as_array).into_iter().flatten() {
            push(container, field, item.clone());
        }
    }
    for field in ["resources", "imagePullPolicy", "securityContext"] {
        let open = container.get(field).is_none_or(|v| v.as_object().is_some_and(Map::is_empty) || v.as_str() == Some(""));
        if let Some(value) = defaults.get(field).filter(|_| open) {
            container.insert(field.to_owned(), value.clone());
        }
    }
}

fn executor_container(name: &str, words: &[&str], kind: Kind, request: &PodRequest<'_>, options: &PodOptions) -> Container {
    let metadata = &request.workflow.metadata;
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    let mut command = vec!["argoexec".to_owned()];
    command.extend(words.iter().map(|w| (*w).to_owned()));
    command.extend(log_options(options));
    let mut container = Map::new();
    container.insert("name".to_owned(), json!(name));
    container.insert("image".to_owned(), json!(options.executor_image));
    if !options.executor_image_pull_policy.is_empty() {
        container.insert("imagePullPolicy".to_owned(), json!(options.executor_image_pull_policy));
    }
    container.insert("command".to_owned(), json!(command));
    push(&mut container, "env", field("ARGO_POD_NAME", "metadata.name"));
    push(&mut container, "env", field("ARGO_POD_UID", "metadata.uid"));
    push(&mut container, "env", env("ARGO_WORKFLOW_NAME", &metadata.name));
    push(&mut container, "env", env("ARGO_WORKFLOW_UID", &metadata.uid));
    if name == "wait" {
        push(&mut container, "env", env("ARGO_ARTIFACT_PLUGIN_NAMES", ""));
    }
    if let Some(settings) = &options.executor {
        fill(&mut container, settings);
        if let Some(args) = settings.get("args") {
            container.insert("args".to_owned(), args.clone());
        }
    }
    if kind == Kind::Resource && !container.contains_key("securityContext") {
        let mut context = json!({
            "privileged": false,
            "runAsNonRoot": true,
            "runAsUser": 8737,
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        if let Some(context) = context.as_object_mut().filter(|_| name == "main") {
            context.insert("readOnlyRootFilesystem".to_owned(), json!(true));
        }
        container.insert("securityContext".to_owned(), context);
    }
    container
}

fn log_options(options: &PodOptions) -> Vec<String> {
    ["--loglevel", &options.executor_log_level, "--log-format", "text", "--gloglevel", "0"].map(str::to_owned).to_vec()
}

/// A sidecar or a user's init container.
fn user_container(container: &UserContainer, main: &Container) -> Container {
    let mut map = object(container);
    map.remove("mirrorVolumeMounts");
    if container.mirror_volume_mounts {
        for mount in main.get("volumeMounts").and_then(Value::as_array).into_iter().flatten() {
            push(&mut map, "volumeMounts", mount.clone());
        }
    }
    map
}

/// Puts the emissary before a container's command, which the configuration may have to supply.
fn wrap(container: &mut Container, options: &PodOptions) -> Result<(), PodError> {
    let words = |container: &Container, field: &str| container.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut command = words(container, "command");
    if command.is_empty() {
        let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
        let known = options.image(image).filter(|i| !i.entrypoint.is_empty() || !i.cmd.is_empty()).ok_or_else(|| {
            PodError::Template(format!(
                "container {:?} names no command, and what image {image:?} would run is not known: give it a command, or say what the image \
                 runs (`images` in the controller's configuration, `--image` of `argo run` and `argo up`)",
                name_of(container)
            ))
        })?;
        command = known.entrypoint.iter().map(|w| json!(w)).collect();
        let args: Vec<Value> = known.cmd.iter().map(|w| json!(w)).collect();
        if words(container, "args").is_empty() && !args.is_empty() {
            container.insert("args".to_owned(), Value::Array(args));
        }
    }
    let mut wrapped = vec![json!("/var/run/argo/argoexec"), json!("emissary")];
    wrapped.extend(log_options(options).into_iter().map(Value::String));
    wrapped.push(json!("--"));
    wrapped.append(&mut command);
    container.insert("command".to_owned(), Value::Array(wrapped));
    Ok(())
}

/// The variables that every container gets.
fn standard_env(template: &Template, request: &PodRequest<'_>) -> Result<Vec<Value>, PodError> {
    let mut told = template.clone();
    // The executor needs no parameters: their values are in the text already.
    told.inputs.parameters.clear();
    let told = serde_json::to_string(&told).map_err(|e| PodError::Template(e.to_string()))?;
    let deadline = request.deadline.map_or_else(|| NO_DEADLINE.to_owned(), |at| at.to_string());
    Ok(vec![
        env("ARGO_TEMPLATE", &told),
        env("ARGO_NODE_ID", request.node_id),
        env("ARGO_INCLUDE_SCRIPT_OUTPUT", if request.include_output { "true" } else { "false" }),
        env("ARGO_DEADLINE", &deadline),
        env("ARGO_WORKFLOW_NAME", &request.workflow.metadata.name),
        env("ARGO_PROGRESS_FILE", "/var/run/argo/progress"),
        env("ARGO_PROGRESS_PATCH_TICK_DURATION", "1m0s"),
        env("ARGO_PROGRESS_FILE_TICK_DURATION", "3s"),
    ])
}

fn env(name: &str, value: &str) -> Value {
    if value.is_empty() { json!({"name": name}) } else { json!({"name": name, "value": value}) }
}

/// Where and how the pod runs; what the template leaves open the workflow says.
fn schedule(spec: &mut Map<String, Value>, template: &Template, request: &PodRequest<'_>) {
    let workflow = request.spec;
    let mut put = |field: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(s) => s.is_empty(),
            Value::Array(a) => a.is_empty(),
            Value::Object(o) => o.is_empty() && field == "nodeSelector",
            _ => false,
        };
        if !empty {
            spec.insert(field.to_owned(), value);
        }
    };
    let first = |a: &str, b: &str| if a.is_empty() { b.to_owned() } else { a.to_owned() };
    let own = |a: &[Value], b: &[Value]| if a.is_empty() { b.to_vec() } else { a.to_vec() };
    put("nodeSelector", if template.node_selector.is_empty() { json!(workflow.node_selector) } else { json!(template.node_selector) });
    let affinity = template.affinity.clone().or_else(|| workflow.affinity.clone());
    put("affinity", avoid_hosts(affinity, request.avoid_hosts).unwrap_or_default());
    put("tolerations", own(&template.tolerations, &workflow.tolerations).into());
    put("schedulerName", first(&template.scheduler_name, &workflow.scheduler_name).into());
    put("priorityClassName", first(&template.priority_class_name, &workflow.pod_priority_class_name).into());
    put("hostAliases", [workflow.host_aliases.as_slice(), &template.host_aliases].concat().into());
    put("securityContext", template.security_context.clone().or_else(|| workflow.security_context.clone()).unwrap_or_default());
    put("imagePullSecrets", json!(workflow.image_pull_secrets));
    put("hostNetwork", json!(workflow.host_network));
    put("dnsPolicy", json!(workflow.dns_policy));
    put("dnsConfig", json!(workflow.dns_config));
    put("resources", json!(template.pod_resources.as_ref().or(workflow.pod_resources.as_ref())));
    put("resourceClaims", own(&template.resource_claims, &workflow.resource_claims).into());
    let of_template = template.active_deadline_seconds.as_ref().and_then(|n| n.to_string().trim().parse::<i64>().ok());
    let deadline = match (of_template, request.seconds_left) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    put("activeDeadlineSeconds", json!(deadline));
}

/// Adds to an affinity that some hosts are to be avoided.
fn avoid_hosts(affinity: Option<Value>, hosts: &[String]) -> Option<Value> {
    if hosts.is_empty() {
        return affinity;
    }
    let term = json!({"key": "kubernetes.io/hostname", "operator": "NotIn", "values": hosts});
    let mut affinity = affinity.filter(Value::is_object).unwrap_or_else(|| json!({}));
    let mut at = &mut affinity;
    for field in ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"] {
        let Value::Object(map) = at else { return Some(affinity) };
        at = map.entry(field).or_insert_with(|| json!({}));
    }
    if let Value::Object(required) = at {
        // Terms are alternatives: each must keep away from those hosts.
        let terms = required.entry("nodeSelectorTerms").or_insert_with(|| json!([]));
        if let Value::Array(terms) = terms {
            if terms.is_empty() {
                terms.push(json!({}));
            }
            for item in terms.iter_mut().filter_map(Value::as_object_mut) {
                push(item, "matchExpressions", term.clone());
            }
        }
    }
    Some(affinity)
}

fn service_account(spec: &mut Map<String, Value>, mounts: &mut Mounts<'_>, template: &Template, request: &PodRequest<'_>) {
    let account = [&template.service_account_name, &request.spec.service_account_name].into_iter().find(|a| !a.is_empty());
    if let Some(account) = account {
        spec.insert("serviceAccountName".to_owned(), json!(account));
    }
    if template.automount_service_account_token.or(request.spec.automount_service_account_token) == Some(false) {
        spec.insert("automountServiceAccountToken".to_owned(), json!(false));
    }
    let named = |e: &&argo_core::workflows::ExecutorConfig| !e.service_account_name.is_empty();
    let executor = template.executor.as_ref().filter(named).or(request.spec.executor.as_ref().filter(named));
    if let Some(executor) = executor {
        let secret = format!("{}.service-account-token", executor.service_account_name);
        mounts.volumes.push(json!({"name": "exec-sa-token", "secret": {"secretName": secret}}));
        let mount = json!({"name": "exec-sa-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true});
        for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(container) = container.as_object_mut().filter(|c| name_of(c) == "wait") {
                push(container, "volumeMounts", mount.clone());
            }
        }
    }
}

fn apply_patch(spec: &mut Value, patch: &str) -> Result<(), PodError> {
    let failed = || PodError::Template("Error applying PodSpecPatch".to_owned());
    let patch: Value = yaml::from_str(patch).map_err(|_| failed())?;
    if !patch.is_object() {
        return Err(failed());
    }
    strategic::apply(spec, &patch);
    check::pod_spec(spec).map_err(|_| failed())
}

fn metadata(template: &Template, request: &PodRequest<'_>, options: &PodOptions, default_container: &str) -> Value {
    let mut labels = json!({WORKFLOW_LABEL: request.workflow.metadata.name, "workflows.argoproj.io/completed": "false"});
    let mut annotations = json!({
        "kubectl.kubernetes.io/default-container": default_container,
        "workflows.argoproj.io/node-name": request.node_name,
        NODE_ID_ANNOTATION: request.node_id,
    });
    let set = |map: &mut Value, key: &str, value: &str| {
        if let Some(map) = map.as_object_mut() {
            map.insert(key.to_owned(), json!(value));
        }
    };
    if !options.instance_id.is_empty() {
        set(&mut labels, "workflows.argoproj.io/controller-instanceid", &options.instance_id);
    }
    if request.on_exit {
        set(&mut labels, "workflows.argoproj.io/on-exit", "true");
    }
    if let Some(gc) = &request.spec.pod_gc {
        let delay = if gc.delete_delay_duration.is_empty() { String::new() } else { format!("/{}", gc.delete_delay_duration) };
        set(&mut annotations, "workflows.argoproj.io/pod-gc-strategy", &format!("{}{delay}", gc.strategy));
    }
    for source in request.spec.pod_metadata.iter().chain([&template.metadata]) {
        source.labels.iter().for_each(|(k, v)| set(&mut labels, k, v));
        source.annotations.iter().for_each(|(k, v)| set(&mut annotations, k, v));
    }
    json!({
        "name": request.pod_name,
        "namespace": request.workflow.metadata.namespace,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner(request)],
    })
}

pub(super) fn name_of(container: &Container) -> &str {
    container.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Adds to a list field.
pub(super) fn push(map: &mut Map<String, Value>, field: &str, value: Value) {
    let list = map.entry(field).or_insert_with(|| json!([]));
    match list {
        Value::Array(list) => list.push(value),
        other => *other = json!([value]),
    }
}

fn object<T: Serialize>(value: &T) -> Container {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
