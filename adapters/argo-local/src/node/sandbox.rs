//! Which isolation this machine allows, found out by trying.

use std::path::{Path, PathBuf};

use super::runner::Runner;
use super::spec::{Mount, Rootfs, RunDir, RunSpec, Sandbox};
use super::tools::{PROGRAM, Tools, WHERE};

/// The best first.
fn candidates() -> Vec<Sandbox> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let users: &[bool] = if nix::unistd::geteuid().is_root() { &[false, true] } else { &[true] };
    let kinds =
        [(Rootfs::Overlay, false), (Rootfs::Overlay, true), (Rootfs::Composed, false), (Rootfs::Composed, true), (Rootfs::ReadOnly, false)];
    let with = |user: &bool| kinds.map(|(rootfs, tmpfs)| Sandbox::Namespaces { rootfs, tmpfs, user: *user });
    let never = |sandbox: &Sandbox| matches!(sandbox, Sandbox::Namespaces { rootfs: Rootfs::Overlay, user: true, .. });
    // A user namespace may not clone a root that has mounts below it, and every root has.
    users.iter().flat_map(with).filter(|sandbox| !never(sandbox)).collect()
}

/// In words, for the user.
pub(crate) fn describe(sandbox: Sandbox) -> String {
    match sandbox {
        Sandbox::Plain => "plain processes in scratch folders".to_owned(),
        Sandbox::Namespaces { rootfs, tmpfs, user } => {
            let root = match rootfs {
                Rootfs::Overlay => "an overlay over the host's files",
                Rootfs::Composed => "overlays over the host's folders",
                Rootfs::ReadOnly => "the host's folders, read-only",
            };
            let memory = if tmpfs { ", written to memory" } else { "" };
            let user = if user { "user, " } else { "" };
            format!("{user}mount and pid namespaces with {root}{memory}")
        }
    }
}

/// File systems below the host's root that an overlay over the root does not show: disks, and single files such as a container's resolv.conf.
pub(crate) fn host_mounts(hidden: &Path) -> Vec<PathBuf> {
    const DISKS: [&str; 10] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "nfs", "nfs4", "bcachefs"];
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let point = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let path = left.split(' ').nth(4)?.replace("\\040", " ");
        Some((PathBuf::from(path), right.split(' ').next()?.to_owned()))
    };
    let wanted = |(path, kind): &(PathBuf, String)| {
        let special = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/boot"].iter().any(|top| path.starts_with(top));
        path != Path::new("/")
            && !special
            && !path.starts_with(hidden)
            && !hidden.starts_with(path)
            && (DISKS.contains(&kind.as_str()) || path.is_file())
    };
    table.lines().filter_map(point).filter(wanted).map(|(path, _)| path).collect()
}

/// Tries what could be, and says what is and why not more.
pub(crate) async fn probe(runner: &Runner, folder: &Path, tools: &Tools, shim_args: &[String]) -> (Sandbox, Vec<String>) {
    let mut reasons = Vec::new();
    for name in [super::MOUNT_POINT, super::EMPTY] {
        // Where it cannot be made the trials fail and say so.
        drop(std::fs::create_dir_all(folder.join(name)));
    }
    for (number, sandbox) in candidates().into_iter().enumerate() {
        let dir = RunDir(folder.join(number.to_string()));
        let programs = tools.programs.iter();
        let mount = |(name, program): &(String, PathBuf)| Mount {
            source: program.clone(),
            target: PathBuf::from(WHERE).join(name),
            read_only: true,
        };
        let mut mounts = vec![Mount { source: tools.folder.clone(), target: PathBuf::from(WHERE), read_only: true }];
        mounts.extend(programs.map(mount));
        let spec = RunSpec {
            argv: [vec![format!("{WHERE}/{PROGRAM}")], shim_args.to_vec(), vec!["true".to_owned()]].concat(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            user: None,
            group: None,
            hostname: "probe".to_owned(),
            sandbox,
            image_root: None,
            mounts,
            host_mounts: Vec::new(),
            mount_point: folder.join(super::MOUNT_POINT),
            empty: folder.join(super::EMPTY),
            hidden: vec![folder.to_owned()],
            survive: false,
            in_place: None,
            shim_args: shim_args.to_vec(),
            node_pid: std::process::id(),
        };
        let outcome = match runner.start(&dir, &spec).await {
            Ok(mut run) => match run.ended().await {
                Some(exit) if exit.code == 0 => return (sandbox, reasons),
                Some(exit) => exit.message.unwrap_or_else(|| format!("exit code {}", exit.code)),
                None => std::fs::read_to_string(dir.0.join("supervisor.log")).unwrap_or_default().trim().to_owned(),
            },
            Err(error) => error.to_string(),
        };
        reasons.push(format!("{}: {outcome}", describe(sandbox)));
    }
    (Sandbox::Plain, reasons)
}
