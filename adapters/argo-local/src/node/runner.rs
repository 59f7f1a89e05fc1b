//! Starting supervisors, hearing of their end, signalling them, and finding them again after the node was restarted.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use jiff::Timestamp;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::shim::supervise::KILL;
use super::spec::{ExitRecord, RunDir, RunSpec, write_json};

/// Why a run could not be started or followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunnerError {
    #[error("{what} {}: {source}", path.display())]
    Folder { what: &'static str, path: PathBuf, source: io::Error },
    #[error("start of the supervisor {}: {source}", program.display())]
    Spawn { program: PathBuf, source: io::Error },
    #[error("the node is ending")]
    Ending,
    #[error("thread of the run: {0}")]
    Thread(io::Error),
}

fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunnerError {
    move |source| RunnerError::Folder { what, path: path.to_owned(), source }
}

enum Job {
    Spawn(Box<Command>, oneshot::Sender<io::Result<Child>>),
    Reap(Child),
}

/// Starts processes from one thread that lives as long as the node: the kernel's parent-death signal follows the thread, not the process.
pub(crate) struct Runner {
    program: PathBuf,
    jobs: mpsc::Sender<Job>,
}

/// A run whose supervisor lives.
pub(crate) struct Run {
    dir: RunDir,
    alive: pipe::Receiver,
    child: Option<Child>,
    jobs: mpsc::Sender<Job>,
}

/// What became of a run, as its folder says.
pub(crate) enum Found {
    /// Its supervisor lives.
    Running(Run),
    /// It ended.
    Ended(ExitRecord),
    /// Its supervisor ended without a word, after the command may have started.
    Lost,
    /// The command was surely not started.
    NotStarted,
}

impl Runner {
    /// A runner whose supervisors are started as `program`.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn new(program: PathBuf) -> io::Result<Self> {
        let (jobs, work) = mpsc::channel();
        std::thread::Builder::new().name("argo-node-spawn".to_owned()).spawn(move || {
            for job in work {
                match job {
                    Job::Spawn(mut command, reply) => {
                        if let Err(Ok(mut child)) = reply.send(command.spawn()) {
                            // Nobody waits for it any more; it goes on or dies with this thread, as it was told.
                            drop(child.try_wait());
                        }
                    }
                    Job::Reap(mut child) => drop(child.wait()),
                }
            }
        })?;
        Ok(Self { program, jobs })
    }

    /// Makes the run's folder and starts its supervisor.
    ///
    /// # Errors
    /// The folder cannot be written or the process not be started.
    pub(crate) async fn start(&self, dir: &RunDir, spec: &RunSpec) -> Result<Run, RunnerError> {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&dir.0).map_err(at("folder", &dir.0))?;
        write_json(&dir.spec(), spec).map_err(at("file", &dir.spec()))?;
        let path = dir.alive();
        drop(fs::remove_file(&path));
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(io::Error::from).map_err(at("pipe", &path))?;
        let alive = pipe::OpenOptions::new().open_receiver(&path).map_err(at("pipe", &path))?;
        let held = fs::File::options().write(true).open(&path).map_err(at("pipe", &path))?;
        let notes = fs::File::create(dir.0.join("supervisor.log")).map_err(at("file", &dir.0))?;
        let mut command = Command::new(&self.program);
        command.args(&spec.shim_args).arg("supervise").arg(&dir.0);
        command.stdin(Stdio::from(held)).stdout(Stdio::null()).stderr(Stdio::from(notes));
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Spawn(Box::new(command), reply)).map_err(|_| RunnerError::Ending)?;
        let child = answer.await.map_err(|_| RunnerError::Ending)?;
        let child = child.map_err(|source| RunnerError::Spawn { program: self.program.clone(), source })?;
        Ok(Run { dir: dir.clone(), alive, child: Some(child), jobs: self.jobs.clone() })
    }

    /// Finds a run of an earlier life of the node again.
    pub(crate) async fn find(&self, dir: &RunDir) -> Found {
        if let Some(exit) = dir.read_exit() {
            return Found::Ended(exit);
        }
        // Read before it is waited for: the kernel does not wake anybody for a pipe that had no writer from the start.
        let open = fs::File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(dir.alive());
        let alive = |mut pipe: fs::File| match pipe.read(&mut [0; 1]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pipe::Receiver::from_file(pipe).ok(),
            _ => None,
        };
        if let Some(alive) = open.ok().and_then(alive) {
            return Found::Running(Run { dir: dir.clone(), alive, child: None, jobs: self.jobs.clone() });
        }
        match (dir.read_exit(), dir.read_started()) {
            (Some(exit), _) => Found::Ended(exit),
            (None, Some(_)) => Found::Lost,
            (None, None) => Found::NotStarted,
        }
    }
}

impl Run {
    /// Waits for the end of the run. `None` where the supervisor was killed: nobody knows how the command ended.
    pub(crate) async fn ended(&mut self) -> Option<ExitRecord> {
        let mut byte = [0; 1];
        // Nothing is ever written: the end of the pipe is the end of the supervisor.
        while self.alive.read(&mut byte).await.is_ok_and(|length| length > 0) {}
        if let Some(child) = self.child.take() {
            drop(self.jobs.send(Job::Reap(child)));
        }
        self.dir.read_exit()
    }

    /// When the supervisor says it started the command.
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        self.dir.read_started().map(|record| record.at)
    }

    /// A way to signal the run from elsewhere.
    pub(crate) fn remote(&self) -> Remote {
        Remote { dir: self.dir.clone() }
    }
}

/// Signals a run. To be used only before [`Run::ended`] has returned.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    dir: RunDir,
}

impl Remote {
    /// A supervisor that has written down its start hears signals; one before that would be killed by them.
    async fn send(&self, signal: Signal) {
        for _ in 0..2000 {
            if let Some(record) = self.dir.read_started() {
                let _ = kill(Pid::from_raw(record.pid), signal);
                return;
            }
            if self.dir.read_exit().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Passes a signal on to the command.
    pub(crate) async fn signal(&self, signal: Signal) {
        self.send(signal).await;
    }

    /// Ends everything in the container.
    pub(crate) async fn kill(&self) {
        self.send(KILL).await;
    }
}

/// Removes a folder with everything in it, also what an overlay left without permissions.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn open_up(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(path)? {
            open_up(&entry?.path())?;
        }
    }
    Ok(())
}
