//! The file system of a container: what the host has, copied on write, with the pod's volumes in their places.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::node::spec::{Mount, Rootfs, RunDir, RunSpec, Sandbox};

/// Where the host's root hangs until everything is in place.
const OLD: &str = "/run/.argo-old";

#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    #[error("{what} {}: {source}", path.display())]
    At { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{what}: {source}")]
    Step { what: &'static str, source: nix::Error },
}

fn at<E: Into<io::Error>>(what: &'static str, path: &Path) -> impl FnOnce(E) -> MountError {
    move |error| MountError::At { what, path: path.to_owned(), source: error.into() }
}

fn step(what: &'static str) -> impl FnOnce(nix::Error) -> MountError {
    move |source| MountError::Step { what, source }
}

const NONE: Option<&str> = None;

/// Moves this process into the container's own view of the file system.
pub(super) fn enter(spec: &RunSpec, dir: &RunDir) -> Result<(), MountError> {
    let Sandbox::Namespaces { rootfs, tmpfs, user } = spec.sandbox else { return Ok(()) };
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS).map_err(step("unshare of the mount and host name namespaces"))?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).map_err(step("private mounts"))?;
    // Without it the host's name stays: nothing depends on it.
    let _ = nix::unistd::sethostname(&spec.hostname);
    let layer = dir.layer();
    folder(&layer, 0o755)?;
    if tmpfs {
        mount(Some("tmpfs"), &layer, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).map_err(at("memory for", &layer))?;
    }
    // Mount options are names relative to here: commas, colons and length do not matter.
    std::env::set_current_dir(&layer).map_err(at("folder", &layer))?;
    for (name, mode) in [("tmp", 0o1777), ("vartmp", 0o1777)] {
        folder(Path::new(name), mode)?;
    }
    if user {
        folder(Path::new("home"), 0o700)?;
    }
    let composed = spec.image_root.is_none() && rootfs != Rootfs::Overlay;
    let root = if composed {
        folder(Path::new("root"), 0o755)?;
        Path::new("root")
    } else {
        // Each container has mounts of its own, so one folder serves them all.
        &spec.mount_point
    };
    match (&spec.image_root, rootfs) {
        (Some(image), Rootfs::Overlay | Rootfs::Composed) => overlay(image, root, "image", user)?,
        (Some(image), Rootfs::ReadOnly) => {
            bind(image, root, true)?;
        }
        (None, Rootfs::Overlay) => overlay(Path::new("/"), root, "upper", user)?,
        (None, Rootfs::Composed) => compose(root, Some(user), &places(spec))?,
        (None, Rootfs::ReadOnly) => compose(root, None, &[])?,
    }
    std::env::set_current_dir(root).map_err(at("folder", root))?;
    folder(Path::new("run"), 0o755)?;
    mount(Some("tmpfs"), "run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=0755")).map_err(step("/run"))?;
    let resolver = copy_resolver()?;
    let old = Path::new(OLD);
    folder(Path::new("run/.argo-old"), 0o700)?;
    nix::unistd::pivot_root(".", "run/.argo-old").map_err(step("pivot_root"))?;
    std::env::set_current_dir("/").map_err(at("folder", Path::new("/")))?;

    devices(user)?;
    folder(Path::new("/proc"), 0o755)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE).map_err(step("/proc"))?;
    folder(Path::new("/sys"), 0o755)?;
    mount(Some(&host("/sys")), "/sys", NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE).map_err(step("/sys"))?;
    let layer = host(&layer);
    for (target, name) in [("/tmp", "tmp"), ("/var/tmp", "vartmp")] {
        bind(&layer.join(name), Path::new(target), false)?;
    }
    if user {
        bind(&layer.join("home"), Path::new("/root"), false)?;
    }
    // Composed roots carry them already.
    if spec.image_root.is_none() && rootfs == Rootfs::Overlay {
        for path in &spec.host_mounts {
            let source = host(path);
            if resolver.as_deref() != Some(path) && fs::symlink_metadata(&source).is_ok() {
                bind(&source, path, true)?;
            }
        }
    }
    for path in spec.hidden.iter().filter(|path| path.is_dir()) {
        bind(&host(&spec.empty), path, true)?;
    }
    let mut mounts: Vec<&Mount> = spec.mounts.iter().collect();
    mounts.sort_by_key(|mount| mount.target.components().count());
    for mount in mounts {
        bind(&host(&mount.source), &mount.target, mount.read_only)?;
    }
    umount2(old, MntFlags::MNT_DETACH).map_err(step("the host's root"))?;
    drop(fs::remove_dir(old));
    Ok(())
}

/// A path of the host, as seen while its root hangs in the container.
fn host(path: impl AsRef<Path>) -> PathBuf {
    let below: PathBuf = path.as_ref().components().filter(|part| matches!(part, Component::Normal(_))).collect();
    Path::new(OLD).join(below)
}

fn folder(path: &Path, mode: u32) -> Result<(), MountError> {
    if fs::metadata(path).is_ok_and(|data| data.is_dir()) {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(at("folder", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at("mode of", path))
}

/// An overlay over `lower`; what is written goes to `name` in the layer, the current folder.
fn overlay(lower: &Path, target: &Path, name: &str, user: bool) -> Result<(), MountError> {
    let (upper, work) = (PathBuf::from(format!("{name}.upper")), PathBuf::from(format!("{name}.work")));
    folder(&upper, 0o755)?;
    folder(&work, 0o755)?;
    if let Ok(data) = fs::metadata(lower) {
        drop(fs::set_permissions(&upper, fs::Permissions::from_mode(data.mode() & 0o7777)));
    }
    let escaped = lower.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,");
    let mode = if user { ",userxattr" } else { "" };
    let options = format!("lowerdir={escaped},upperdir={},workdir={}{mode}", upper.display(), work.display());
    mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(options.as_str())).map_err(at("overlay over", lower))
}

/// Folders that must be writable, with symbolic links resolved: those of mount points and of the working directory, and where programs
/// usually install themselves.
fn places(spec: &RunSpec) -> Vec<PathBuf> {
    const USUAL: [&str; 8] =
        ["/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/local/share", "/usr/share", "/var/lib", "/var/log", "/var/cache"];
    let usual = USUAL.iter().map(PathBuf::from).filter(|path| path.is_dir());
    let parents = spec.mounts.iter().filter_map(|mount| mount.target.parent()).chain([spec.cwd.as_path()]);
    usual.chain(parents.map(resolved)).collect()
}

/// A path of the host whose existing part has no symbolic links.
fn resolved(path: &Path) -> PathBuf {
    match (fs::canonicalize(path), path.parent(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Each folder of the host's root on its own: as an overlay (`Some(within a user namespace)`) where that is possible, read-only otherwise.
fn compose(root: &Path, overlays: Option<bool>, places: &[PathBuf]) -> Result<(), MountError> {
    // Mount points and the layer must be on one another's way only through a mount of their own.
    mount(Some(root), root, NONE, MsFlags::MS_BIND, NONE).map_err(at("bind of", root))?;
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let below: Vec<PathBuf> = mount_points(&table).map(|(path, _)| path).collect();
    let entries = fs::read_dir("/").map_err(at("folder", Path::new("/")))?;
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let target = root.join(&name);
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_symlink() {
            if let Ok(link) = fs::read_link(&path) {
                std::os::unix::fs::symlink(link, &target).map_err(at("link", &path))?;
            }
        } else if kind.is_dir() && !["proc", "sys", "dev", "tmp", "run"].iter().any(|special| name == *special) {
            folder(&target, 0o755)?;
            let holds_mounts = below.iter().any(|point| point.starts_with(&path));
            match overlays {
                Some(user) if !holds_mounts => {
                    // Folders that belong to users who do not exist in this namespace cannot be written to; those of the upper layer can.
                    for place in places.iter().filter_map(|place| place.strip_prefix(&path).ok()) {
                        folder(&PathBuf::from(format!("{}.upper", name.to_string_lossy())).join(place), 0o755)?;
                    }
                    overlay(&path, &target, &name.to_string_lossy(), user)?;
                }
                _ => bind(&path, &target, true)?,
            }
        }
    }
    folder(&root.join("tmp"), 0o1777)
}

/// Mount points and file system types of a mountinfo table.
pub(crate) fn mount_points(table: &str) -> impl Iterator<Item = (PathBuf, &str)> {
    table.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let path = left.split(' ').nth(4)?;
        let path = path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
        Some((PathBuf::from(path), right.split(' ').next()?))
    })
}

/// Makes `source` appear at `target`, which is made where it is missing.
fn bind(source: &Path, target: &Path, read_only: bool) -> Result<(), MountError> {
    let is_folder = fs::metadata(source).map_err(at("volume", source))?.is_dir();
    if is_folder {
        folder(target, 0o755)?;
    } else if fs::metadata(target).is_err() {
        if let Some(parent) = target.parent() {
            folder(parent, 0o755)?;
        }
        fs::File::create(target).map_err(at("mount point", target))?;
    }
    mount(Some(source), target, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE).map_err(at("bind at", target))?;
    if read_only {
        seal(target)?;
        let real = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for (point, _) in mount_points(&table).filter(|(point, _)| point.starts_with(&real) && *point != real) {
            // Pseudo file systems may refuse; they do not hold the host's data.
            drop(seal(&point));
        }
    }
    Ok(())
}

/// Turns a mount read-only, with the flags that a user namespace may not take off.
fn seal(target: &Path) -> Result<(), MountError> {
    use nix::sys::statvfs::{FsFlags, statvfs};
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    if let Ok(data) = statvfs(target) {
        for (has, keep) in [
            (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
            (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
            (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
            (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
            (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
            (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
        ] {
            if data.flags().contains(has) {
                flags |= keep;
            }
        }
    }
    mount(NONE, target, NONE, flags, NONE).map_err(at("read-only", target))
}

/// A /dev with what every container runtime provides.
fn devices(user: bool) -> Result<(), MountError> {
    folder(Path::new("/dev"), 0o755)?;
    let options = Some("mode=0755,size=65536k");
    mount(Some("tmpfs"), "/dev", Some("tmpfs"), MsFlags::MS_NOSUID, options).map_err(step("/dev"))?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let source = host(Path::new("/dev").join(name));
        if fs::metadata(&source).is_ok() {
            bind(&source, &Path::new("/dev").join(name), false)?;
        }
    }
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        let path = Path::new("/dev").join(link);
        std::os::unix::fs::symlink(target, &path).map_err(at("link", &path))?;
    }
    folder(Path::new("/dev/shm"), 0o1777)?;
    folder(Path::new("/dev/pts"), 0o755)?;
    let options = if user { "newinstance,ptmxmode=0666,mode=0620" } else { "newinstance,ptmxmode=0666,mode=0620,gid=5" };
    // Without terminals a container still runs.
    let _ = mount(Some("devpts"), "/dev/pts", Some("devpts"), MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some(options));
    Ok(())
}

/// On hosts whose resolver settings are kept below /run, which containers have to themselves, copies them; the file's own path.
fn copy_resolver() -> Result<Option<PathBuf>, MountError> {
    let path = Path::new("/etc/resolv.conf");
    let Ok(real) = fs::canonicalize(path) else { return Ok(None) };
    let Ok(below) = real.strip_prefix("/run") else { return Ok(None) };
    let copy = Path::new("run").join(below);
    if let Some(parent) = copy.parent() {
        folder(parent, 0o755)?;
    }
    fs::copy(&real, &copy).map_err(at("copy of", path))?;
    Ok(Some(real))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_table_with_spaces() {
        let table = "22 27 0:20 / /proc rw - proc proc rw\n30 27 8:1 / /media/my\\040disk rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
        let points: Vec<_> = mount_points(table).collect();
        assert_eq!(points, [(PathBuf::from("/proc"), "proc"), (PathBuf::from("/media/my disk"), "ext4")]);
    }
}
