//! Containers that need no process: the node itself is their program.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::logs::Framer;
use super::runner::RunnerError;
use super::spec::{ExitRecord, RunDir, write_json};
use crate::Clock;

/// Runs containers of the executor's image within the node's process, where that can be told from their command lines. A run may be begun again after the
/// node was restarted, and so must come to the same when it is done twice.
///
/// Such a container has no file system of its own: [`Call::place`] says where on the host its paths are.
pub trait Residents: Send + Sync {
    /// The run of a command line in an environment, or none: then it becomes a process.
    fn find(&self, call: &Call) -> Option<Box<dyn ResidentRun>>;
}

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Arguments, without the program.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Namespace of the pod.
    pub namespace: String,
    /// Its service account.
    pub service_account: String,
    /// Takes its last words.
    pub termination_log: PathBuf,
    /// Paths in the container and the folders and files of the host that are mounted there.
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// A folder of its own, to be made, for what is on no volume.
    pub scratch: PathBuf,
}

impl Call {
    /// Where a path of the container is on the host: on its volume, or, where it is on none, in the scratch folder. If volumes are mounted below it, it is
    /// made as a folder with links to them.
    ///
    /// # Errors
    /// That folder cannot be made.
    pub fn place(&self, path: &str) -> io::Result<PathBuf> {
        let path = Path::new(path);
        let covering = self.mounts.iter().filter(|(target, _)| path.starts_with(target));
        if let Some((target, source)) = covering.max_by_key(|(target, _)| target.components().count()) {
            let rest = path.strip_prefix(target).unwrap_or(Path::new(""));
            return Ok(if rest.as_os_str().is_empty() { source.clone() } else { source.join(rest) });
        }
        let below = |path: &Path| self.scratch.join(path.strip_prefix("/").unwrap_or(path));
        for (target, source) in self.mounts.iter().filter(|(target, _)| target.starts_with(path)) {
            link(source, &below(target))?;
        }
        Ok(below(path))
    }
}

/// Makes a symbolic link in place of what is there.
pub(crate) fn link(source: &Path, link: &Path) -> io::Result<()> {
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent)?;
    }
    match std::os::unix::fs::symlink(source, link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(link).or_else(|_| fs::remove_dir(link))?;
            std::os::unix::fs::symlink(source, link)
        }
        other => other,
    }
}

/// One run.
pub trait ResidentRun: Send {
    /// Runs to the end in a thread of its own and returns the exit code.
    fn run(self: Box<Self>, surroundings: Surroundings) -> i32;
}

/// What a run is given by the node.
pub struct Surroundings {
    /// Takes what would be the standard error.
    pub log: Box<dyn Write + Send>,
    /// Cancelled when the container is asked to end.
    pub stop: CancellationToken,
    /// Cancelled when it is not waited for any longer.
    pub kill: CancellationToken,
}

/// The log of a container; its file is made when there is something to be written.
struct Log {
    path: PathBuf,
    file: Option<File>,
    framer: Framer,
    clock: Clock,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut framed = Vec::with_capacity(bytes.len().saturating_add(64));
        self.framer.push((self.clock)(), bytes, &mut framed);
        if self.file.is_none() {
            self.file = File::options().create(true).append(true).open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            // A full disk loses log lines, not the container.
            drop(file.write_all(&framed));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A resident that runs.
pub(crate) struct Residing {
    ended: oneshot::Receiver<ExitRecord>,
    started_at: Timestamp,
    remote: ResidentRemote,
}

/// Asks a resident to end.
#[derive(Clone, Debug)]
pub(crate) struct ResidentRemote {
    pub(crate) stop: CancellationToken,
    pub(crate) kill: CancellationToken,
}

/// Starts a run. Nothing of it is on disk before it has ended: whoever finds it unfinished begins again.
///
/// # Errors
/// Its folder cannot be written, or there is no thread to be had.
pub(crate) fn start(dir: &RunDir, run: Box<dyn ResidentRun>, clock: &Clock) -> Result<Residing, RunnerError> {
    // There is nothing to be told to a supervisor; but that the folder is a run's is seen by this file.
    fs::write(dir.spec(), "").map_err(|source| RunnerError::Folder { what: "file", path: dir.spec(), source })?;
    let log = Log { path: dir.log(), file: None, framer: Framer::new("stderr"), clock: Arc::clone(clock) };
    let remote = ResidentRemote { stop: CancellationToken::new(), kill: CancellationToken::new() };
    let surroundings = Surroundings { log: Box::new(log), stop: remote.stop.clone(), kill: remote.kill.clone() };
    let (end, ended) = oneshot::channel();
    let started_at = clock();
    let (dir, clock) = (dir.clone(), Arc::clone(clock));
    let work = move || {
        let code = run.run(surroundings);
        let exit = ExitRecord { code, reason: None, message: None, started_at: Some(started_at), at: clock() };
        // Without the record it is run once more, should the node be restarted now.
        drop(write_json(&dir.exit(), &exit));
        drop(end.send(exit));
    };
    std::thread::Builder::new().name("argo-resident".to_owned()).spawn(work).map_err(RunnerError::Thread)?;
    Ok(Residing { ended, started_at, remote })
}

impl Residing {
    /// How it ended; none where it broke.
    pub(crate) async fn ended(self) -> Option<ExitRecord> {
        self.ended.await.ok()
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(crate) fn remote(&self) -> ResidentRemote {
        self.remote.clone()
    }
}
