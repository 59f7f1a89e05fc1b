//! The volumes of a pod, and where its containers see them.

use argo_core::workflows::Template;
use serde_json::{Value, json};

use super::build::{Container, Kind, name_of, push};
use super::{PodError, PodOptions, PodRequest, artifacts};

/// Where the executor sees what the main container sees.
const MAIN_FILES: &str = "/mainctrfs";

/// The volumes gathered so far.
pub(super) struct Mounts<'a> {
    template: &'a Template,
    kind: Kind,
    /// Volumes, in the order of the pod.
    pub(super) volumes: Vec<Value>,
}

impl<'a> Mounts<'a> {
    pub(super) fn new(template: &'a Template, kind: Kind, _request: &PodRequest<'_>) -> Self {
        let volumes = ["var-run-argo", "tmp-dir-argo"].map(empty_dir).to_vec();
        Self { template, kind, volumes }
    }

    /// Mounts that the template itself asks for, in its main containers.
    fn own(&self) -> &[Value] {
        let template = self.template;
        match self.kind {
            Kind::Container => template.container.as_ref().map(|c| c.volume_mounts.as_slice()),
            Kind::Script => template.script.as_ref().map(|c| c.volume_mounts.as_slice()),
            Kind::ContainerSet => template.container_set.as_ref().map(|c| c.volume_mounts.as_slice()),
            Kind::Resource | Kind::Data => None,
        }
        .unwrap_or_default()
    }

    /// Adds the volumes that mounts name, those of the controller's configuration included: from the template, the workflow or its claims.
    pub(super) fn references(&mut self, request: &PodRequest<'_>, options: &PodOptions) -> Result<(), PodError> {
        let template = self.template;
        let set = template.container_set.iter().flat_map(|s| &s.containers).flat_map(|c| &c.volume_mounts);
        let extra = template.init_containers.iter().chain(&template.sidecars).flat_map(|c| &c.volume_mounts);
        let configured =
            [&options.main_container, &options.executor].into_iter().flatten().filter_map(|c| c.get("volumeMounts")?.as_array());
        let names: Vec<String> =
            self.own().iter().chain(set).chain(extra).chain(configured.flatten()).map(|m| text(m, "name").to_owned()).collect();
        let sources = [&template.volumes, &request.spec.volumes, &request.workflow.status.persistent_volume_claims, &options.volumes];
        for name in names {
            let named = |v: &&Value| text(v, "name") == name;
            if self.volumes.iter().any(|v| named(&v)) {
                continue;
            }
            let volume = sources.iter().find_map(|list| list.iter().find(named));
            let volume = volume.ok_or_else(|| PodError::Template(format!("volume '{name}' not found in workflow spec")))?;
            self.volumes.push(volume.clone());
        }
        Ok(())
    }

    /// Makes a place for input artifacts: `init` puts them there, `main` sees each at its path, unless a volume is mounted there.
    pub(super) fn input_artifacts(&mut self, init: &mut Container, mains: &mut [Container]) -> Result<(), PodError> {
        if self.template.inputs.artifacts.is_empty() {
            return Ok(());
        }
        self.volumes.push(empty_dir("input-artifacts"));
        push(init, "volumeMounts", json!({"name": "input-artifacts", "mountPath": "/argo/inputs/artifacts"}));
        for mount in self.own() {
            push(init, "volumeMounts", below_main(mount));
        }
        for artifact in &self.template.inputs.artifacts {
            if artifact.path.is_empty() {
                return Err(PodError::Template(format!("inputs.artifacts.{} did not specify a path", artifact.name)));
            }
            let missing = artifact.optional && !artifacts::has_location_or_key(artifact);
            if missing || self.own().iter().any(|m| covers(text(m, "mountPath"), &artifact.path)) {
                continue;
            }
            for main in mains.iter_mut().filter(|c| name_of(c) == "main") {
                push(
                    main,
                    "volumeMounts",
                    json!({"name": "input-artifacts", "mountPath": clean(&artifact.path), "subPath": artifact.name}),
                );
            }
        }
        Ok(())
    }

    /// Makes a place for a script.
    pub(super) fn staging(&mut self, init: &mut Container, mains: &mut [Container]) {
        self.volumes.push(empty_dir("argo-staging"));
        for container in std::iter::once(init).chain(mains) {
            push(container, "volumeMounts", json!({"name": "argo-staging", "mountPath": "/argo/staging"}));
        }
    }
}

/// Lets `wait` see the volumes of `main`, so that it can collect artifacts from them.
pub(super) fn mirror_below_main(wait: &mut Container, mains: &[Container]) {
    for main in mains.iter().filter(|c| name_of(c) == "main") {
        for mount in main.get("volumeMounts").and_then(Value::as_array).into_iter().flatten() {
            let mut mount = below_main(mount);
            if let Some(mount) = mount.as_object_mut() {
                mount.remove("readOnly");
            }
            push(wait, "volumeMounts", mount);
        }
    }
}

fn below_main(mount: &Value) -> Value {
    let mut mount = mount.clone();
    let path = clean(text(&mount, "mountPath"));
    if let Some(mount) = mount.as_object_mut() {
        mount.insert("mountPath".to_owned(), json!(format!("{MAIN_FILES}{path}")));
    }
    mount
}

/// A path as Go's `filepath.Clean` leaves it, made absolute: no double slashes, no `.` and `..`, no slash at the end.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

fn covers(mount: &str, path: &str) -> bool {
    let (mount, path) = (clean(mount), clean(path));
    path.strip_prefix(mount.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn empty_dir(name: &str) -> Value {
    json!({"name": name, "emptyDir": {}})
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
