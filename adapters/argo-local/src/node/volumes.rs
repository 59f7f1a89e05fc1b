//! A pod's volumes as folders of the host.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, PersistentVolumeClaim, Pod, ProjectedVolumeSource, Volume,
    VolumeMount,
};
use kube::Api;

use super::Context;
use super::config::{self, Data, Kind};
use super::env::Environment;
use super::spec::Mount;
use super::worker::Trouble;

fn failed(volume: &str, message: impl std::fmt::Display) -> Trouble {
    Trouble {
        reason: "FailedMount".to_owned(),
        message: format!("MountVolume.SetUp failed for volume {volume:?} : {message}"),
        passing: true,
    }
}

/// A file to be written: path below the volume, content, mode.
struct File {
    path: String,
    content: Vec<u8>,
    mode: Option<i32>,
}

/// Where a path below a folder leads, if it stays below.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    inside.then(|| folder.join(path))
}

fn mkdir(path: &Path, mode: u32) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Writes files, each so that a reader sees the old or the new one.
fn write(folder: &Path, files: Vec<File>, default_mode: i32) -> io::Result<()> {
    mkdir(folder, 0o755)?;
    for file in files {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("path {:?} leads out of the volume", file.path));
        let path = below(folder, &file.path).ok_or_else(invalid)?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let draft = path.with_file_name("..draft");
        fs::write(&draft, &file.content)?;
        let mode = u32::try_from(file.mode.unwrap_or(default_mode)).unwrap_or(0o644) & 0o777;
        fs::set_permissions(&draft, fs::Permissions::from_mode(mode))?;
        fs::rename(&draft, &path)?;
    }
    Ok(())
}

/// The keys that become files, as `items` chooses and names them.
fn chosen(data: Data, items: Option<&Vec<KeyToPath>>, optional: bool) -> Result<Vec<File>, String> {
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        return Ok(data.into_iter().map(|(path, content)| File { path, content, mode: None }).collect());
    };
    let mut files = Vec::new();
    for item in items {
        match data.get(&item.key) {
            Some(content) => files.push(File { path: item.path.clone(), content: content.clone(), mode: item.mode }),
            None if optional => {}
            None => return Err(format!("references non-existent config key: {}", item.key)),
        }
    }
    Ok(files)
}

fn downward(pod: &Pod, items: Option<&Vec<DownwardAPIVolumeFile>>) -> Result<Vec<File>, Trouble> {
    let file = |item: &DownwardAPIVolumeFile| {
        let content = match (&item.field_ref, &item.resource_field_ref) {
            (Some(reference), _) => config::field(pod, &reference.field_path)?,
            (None, Some(reference)) => config::resource(pod, None, reference)?,
            (None, None) => String::new(),
        };
        Ok(File { path: item.path.clone(), content: content.into_bytes(), mode: item.mode })
    };
    items.into_iter().flatten().map(file).collect()
}

fn host_path(source: &HostPathVolumeSource) -> Result<PathBuf, String> {
    let path = PathBuf::from(&source.path);
    let kind = source.type_.as_deref().unwrap_or_default();
    let trouble = |error: io::Error| format!("{}: {error}", path.display());
    match kind {
        "DirectoryOrCreate" => fs::create_dir_all(&path).map_err(trouble)?,
        "FileOrCreate" => drop(fs::File::options().create(true).append(true).open(&path).map_err(trouble)?),
        _ => {}
    }
    match (kind, fs::metadata(&path)) {
        // Upstream leaves it to the runtime, which makes a folder.
        ("", Err(_)) => fs::create_dir_all(&path).map_err(trouble)?,
        (_, Err(error)) => return Err(format!("hostPath type check failed: {}: {error}", path.display())),
        ("Directory" | "DirectoryOrCreate", Ok(data)) if !data.is_dir() => {
            return Err(format!("hostPath type check failed: {} is not a directory", path.display()));
        }
        ("File" | "FileOrCreate", Ok(data)) if !data.is_file() => {
            return Err(format!("hostPath type check failed: {} is not a file", path.display()));
        }
        _ => {}
    }
    fs::canonicalize(&path).map_err(trouble)
}

async fn projected(ctx: &Context, pod: &Pod, name: &str, source: &ProjectedVolumeSource) -> Result<Vec<File>, Trouble> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let mut files = Vec::new();
    for source in source.sources.iter().flatten() {
        if let Some(map) = &source.config_map {
            let optional = map.optional.unwrap_or(false);
            let data = config::data(&ctx.client, Kind::ConfigMap, namespace, &map.name, optional).await?;
            files.extend(chosen(data.unwrap_or_default(), map.items.as_ref(), optional).map_err(|error| failed(name, error))?);
        }
        if let Some(secret) = &source.secret {
            let optional = secret.optional.unwrap_or(false);
            let data = config::data(&ctx.client, Kind::Secret, namespace, &secret.name, optional).await?;
            files.extend(chosen(data.unwrap_or_default(), secret.items.as_ref(), optional).map_err(|error| failed(name, error))?);
        }
        if let Some(fields) = &source.downward_api {
            files.extend(downward(pod, fields.items.as_ref())?);
        }
        if let Some(token) = &source.service_account_token {
            let content = ctx.tokens.fetch(pod, token.audience.as_deref(), token.expiration_seconds).await?.into_bytes();
            files.push(File { path: token.path.clone(), content, mode: None });
        }
    }
    Ok(files)
}

async fn claim(ctx: &Context, namespace: &str, name: &str) -> Result<PathBuf, Trouble> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(ctx.client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(|error| failed(name, error))?;
    let Some(uid) = found.and_then(|claim| claim.metadata.uid) else {
        return Err(failed(name, format!("persistentvolumeclaim {name:?} not found")));
    };
    let folder = ctx.claim_folder(&uid);
    mkdir(&folder, 0o777).map_err(|error| failed(name, error))?;
    Ok(folder)
}

async fn provide(ctx: &Context, pod: &Pod, volume: &Volume, folder: &Path) -> Result<PathBuf, Trouble> {
    let name = volume.name.as_str();
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let trouble = |error: io::Error| failed(name, error);
    if volume.empty_dir.is_some() {
        if !folder.is_dir() {
            mkdir(folder, 0o777).map_err(trouble)?;
        }
    } else if let Some(map) = &volume.config_map {
        let optional = map.optional.unwrap_or(false);
        let data = config::data(&ctx.client, Kind::ConfigMap, namespace, &map.name, optional).await;
        let data = data.map_err(|error| failed(name, error.message))?.unwrap_or_default();
        let files = chosen(data, map.items.as_ref(), optional).map_err(|error| failed(name, error))?;
        write(folder, files, map.default_mode.unwrap_or(0o644)).map_err(trouble)?;
    } else if let Some(secret) = &volume.secret {
        let optional = secret.optional.unwrap_or(false);
        let secret_name = secret.secret_name.as_deref().unwrap_or_default();
        let data = config::data(&ctx.client, Kind::Secret, namespace, secret_name, optional).await;
        let data = data.map_err(|error| failed(name, error.message))?.unwrap_or_default();
        let files = chosen(data, secret.items.as_ref(), optional).map_err(|error| failed(name, error))?;
        write(folder, files, secret.default_mode.unwrap_or(0o644)).map_err(trouble)?;
    } else if let Some(source) = &volume.downward_api {
        write(folder, downward(pod, source.items.as_ref())?, source.default_mode.unwrap_or(0o644)).map_err(trouble)?;
    } else if let Some(source) = &volume.projected {
        let files = projected(ctx, pod, name, source).await.map_err(|error| failed(name, error.message))?;
        write(folder, files, source.default_mode.unwrap_or(0o644)).map_err(trouble)?;
    } else if let Some(source) = &volume.host_path {
        return host_path(source).map_err(|error| failed(name, error));
    } else if let Some(source) = &volume.persistent_volume_claim {
        return claim(ctx, namespace, &source.claim_name).await;
    } else if volume.ephemeral.is_some() {
        let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
        return claim(ctx, namespace, &format!("{pod_name}-{name}")).await;
    } else {
        return Err(failed(name, "this type of volume is not supported by the local node"));
    }
    Ok(folder.to_owned())
}

/// Provides all volumes of a pod below `folder`; doing so again brings their contents up to date.
///
/// # Errors
/// The first that cannot be provided; it may come.
pub(crate) async fn prepare(ctx: &Context, pod: &Pod, folder: &Path) -> Result<BTreeMap<String, PathBuf>, Trouble> {
    let mut ready = BTreeMap::new();
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        let inside = below(folder, &volume.name).ok_or_else(|| failed(&volume.name, "not a name"))?;
        ready.insert(volume.name.clone(), provide(ctx, pod, volume, &inside).await?);
    }
    Ok(ready)
}

fn read_only_source(pod: &Pod, name: &str) -> bool {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter(|volume| volume.name == name).any(|volume| {
        volume.config_map.is_some()
            || volume.secret.is_some()
            || volume.projected.is_some()
            || volume.downward_api.is_some()
            || volume.persistent_volume_claim.as_ref().is_some_and(|claim| claim.read_only == Some(true))
    })
}

/// Where a sub-path of a volume is; made where it is missing, as upstream does.
fn sub_path(volume: &Path, path: &str) -> Result<PathBuf, String> {
    let target = below(volume, path).ok_or_else(|| format!("subPath {path:?}: must not contain '..' or begin with '/'"))?;
    if fs::symlink_metadata(&target).is_err() {
        fs::create_dir_all(&target).map_err(|error| format!("subPath {path:?}: {error}"))?;
        // Whoever the container runs as is to write there, as in the volume itself.
        if let Ok(data) = fs::metadata(volume) {
            drop(fs::set_permissions(&target, data.permissions()));
        }
    }
    let inside = |path: &Path| fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()));
    let (real, root) = (inside(&target)?, inside(volume)?);
    if real.starts_with(&root) { Ok(real) } else { Err(format!("subPath {path:?}: leads out of the volume")) }
}

/// The mounts of a container.
///
/// # Errors
/// In a sentence; no waiting helps.
pub(crate) fn mounts(
    pod: &Pod,
    container: &Container,
    volumes: &BTreeMap<String, PathBuf>,
    env: &Environment,
) -> Result<Vec<Mount>, String> {
    let mount = |mount: &VolumeMount| {
        let volume = volumes.get(&mount.name).ok_or_else(|| format!("volume mount {:?}: the pod has no such volume", mount.name))?;
        let path = match (&mount.sub_path, &mount.sub_path_expr) {
            (Some(path), _) if !path.is_empty() => Some(path.clone()),
            (_, Some(path)) if !path.is_empty() => Some(env.expand(path)),
            _ => None,
        };
        let source = match path {
            Some(path) => sub_path(volume, &path)?,
            None => volume.clone(),
        };
        let target = Path::new("/").join(&mount.mount_path);
        Ok(Mount { source, target, read_only: mount.read_only == Some(true) || read_only_source(pod, &mount.name) })
    };
    container.volume_mounts.iter().flatten().map(mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let root = Path::new("/v");
        assert_eq!(below(root, "a/b"), Some(PathBuf::from("/v/a/b")));
        assert_eq!(below(root, "../a"), None);
        assert_eq!(below(root, "/a"), None);
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        assert!(sub_path(folder.path(), "out").unwrap_err().contains("leads out"));
        assert!(sub_path(folder.path(), "new/one").unwrap().ends_with("new/one"));
    }

    #[test]
    fn items_choose() {
        let data: Data = [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())].into();
        let items = vec![KeyToPath { key: "b".to_owned(), path: "x/y".to_owned(), mode: Some(0o400), ..KeyToPath::default() }];
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), chosen(data.clone(), Some(&items), false).unwrap_or_default(), 0o644).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("x/y")).unwrap(), "2");
        assert!(!folder.path().join("a").exists());
        let items = vec![KeyToPath { key: "c".to_owned(), path: "c".to_owned(), ..KeyToPath::default() }];
        assert!(chosen(data, Some(&items), false).is_err());
    }
}
