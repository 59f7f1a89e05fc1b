//! What a container run is told and what it leaves behind: the files of its folder, which are the only thing that a restarted node and a
//! supervisor that survived it share.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How the root file system of a container comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rootfs {
    /// One overlay over the host's root.
    Overlay,
    /// One overlay for each folder of the host's root, as an unprivileged user may not clone a root that has mounts below it.
    Composed,
    /// The folders of the host's root, read-only; what is not among them is writable.
    ReadOnly,
}

/// How a container is kept apart from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sandbox {
    /// Mount, pid and host name namespaces, within a user namespace where the node is not root.
    Namespaces {
        /// The root file system.
        rootfs: Rootfs,
        /// Writable layers in memory, where the data folder's file system refuses to be one.
        tmpfs: bool,
        /// Within a user namespace.
        user: bool,
    },
    /// A plain process in a scratch folder.
    Plain,
}

/// Something of the host that appears at a path in the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mount {
    /// Path on the host; without symbolic links.
    pub(crate) source: PathBuf,
    /// Absolute path in the container.
    pub(crate) target: PathBuf,
    /// Writes are refused.
    pub(crate) read_only: bool,
}

/// Everything a supervisor must know to run a container once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunSpec {
    /// Program and its arguments; never empty.
    pub(crate) argv: Vec<String>,
    /// The whole environment, in order.
    pub(crate) env: Vec<(String, String)>,
    /// Working directory, made where it is missing.
    pub(crate) cwd: PathBuf,
    /// User to run as, where the node may choose.
    pub(crate) user: Option<u32>,
    /// Its group.
    pub(crate) group: Option<u32>,
    /// Host name in the container.
    pub(crate) hostname: String,
    /// Isolation.
    pub(crate) sandbox: Sandbox,
    /// Folder that is the image; the host's root otherwise.
    pub(crate) image_root: Option<PathBuf>,
    /// Volumes and the like, in order of appearance.
    pub(crate) mounts: Vec<Mount>,
    /// File systems of the host below its root that programs may need.
    pub(crate) host_mounts: Vec<PathBuf>,
    /// An empty folder of the node on which the container's root is mounted.
    pub(crate) mount_point: PathBuf,
    /// An empty folder of the node that is seen in place of those that are not to be seen.
    pub(crate) empty: PathBuf,
    /// Host folders that the container must not see.
    pub(crate) hidden: Vec<PathBuf>,
    /// Goes on when the node ends.
    pub(crate) survive: bool,
    /// Where the executor's program is in the container, if a command that is that program may be run without starting it.
    pub(crate) in_place: Option<PathBuf>,
    /// Arguments before the shim's own: what made this program the shim.
    pub(crate) shim_args: Vec<String>,
    /// Process id of the node, where the run must not outlive it.
    pub(crate) node_pid: u32,
}

/// That a supervisor is about to start the command: from here on the run is never started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartRecord {
    /// The supervisor's process id.
    pub(crate) pid: i32,
    /// When.
    pub(crate) at: Timestamp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExitRecord {
    /// Exit code; 128 and the number where a signal ended it, 128 where it could not be started.
    pub code: i32,
    /// Why it could not be started, or was lost: the reason of the container's state.
    pub reason: Option<String>,
    /// Sentence for the container's state.
    pub message: Option<String>,
    /// When it began, where no start record says so.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// The folder of one run of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunDir(pub(crate) PathBuf);

impl RunDir {
    pub(crate) fn spec(&self) -> PathBuf {
        self.0.join("spec.json")
    }

    /// A named pipe that the supervisor holds open for writing as long as it lives.
    pub(crate) fn alive(&self) -> PathBuf {
        self.0.join("alive")
    }

    pub(crate) fn started(&self) -> PathBuf {
        self.0.join("started.json")
    }

    pub(crate) fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    /// The host's id of the container's first process.
    pub(crate) fn process(&self) -> PathBuf {
        self.0.join("process.json")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// What the container says about its end: its terminationMessagePath.
    pub(crate) fn termination(&self) -> PathBuf {
        self.0.join("termination-log")
    }

    /// Everything the container wrote outside its volumes.
    pub(crate) fn layer(&self) -> PathBuf {
        self.0.join("layer")
    }

    pub(crate) fn read_started(&self) -> Option<StartRecord> {
        read_json(&self.started()).ok()
    }

    pub(crate) fn read_exit(&self) -> Option<ExitRecord> {
        read_json(&self.exit()).ok()
    }
}

/// Writes a file so that a reader sees all of it or nothing.
///
/// Not synced to the disk: it must outlive processes, and no container outlives the machine.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, serde_json::to_vec(value)?)?;
    fs::rename(&draft, path)
}

/// Room for a document of [`write_reserved`], taken while there is some.
const RESERVED: usize = 4096;

/// Takes the room that [`write_reserved`] needs: on a disk that the command fills, how it ended is known all the same.
pub(crate) fn reserve(path: &Path) -> io::Result<()> {
    fs::write(path.with_extension("draft"), [b' '; RESERVED])
}

/// As [`write_json`], into the room that was taken by [`reserve`].
pub(crate) fn write_reserved(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut text = serde_json::to_vec(value)?;
    // White space after a document is nothing.
    text.resize(text.len().max(RESERVED), b' ');
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(&draft)?.write_all(&text)?;
    fs::rename(&draft, path)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
