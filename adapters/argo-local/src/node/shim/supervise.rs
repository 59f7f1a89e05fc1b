//! The process beside a container: keeps its log, passes signals on, writes down its start and its end.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use jiff::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::signals::Signals;
use super::{CANNOT_START, process};
use crate::node::logs::Framer;
use crate::node::spec::{ExitRecord, RunDir, RunSpec, Sandbox, StartRecord, read_json, reserve, write_json, write_reserved};

/// Asks a supervisor to kill its container; also what the kernel sends it when the node that it must not outlive has ended.
pub(crate) const KILL: Signal = Signal::SIGUSR2;

/// The container's first process says one byte when it hears signals.
const READY_LENGTH: usize = 1;

/// How many milliseconds of silence end the log after the command has ended, where something outside the container still holds it open.
const LAST_WORDS_MS: u16 = 1000;

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}: {1}")]
    Step(&'static str, #[source] std::io::Error),
    #[error(transparent)]
    Command(#[from] process::CommandError),
}

fn step<E: Into<std::io::Error>>(name: &'static str) -> impl FnOnce(E) -> Trouble {
    move |error| Trouble::Step(name, error.into())
}

pub(super) fn main(dir: PathBuf) -> ExitCode {
    let dir = RunDir(dir);
    let spec: RunSpec = match read_json(&dir.spec()) {
        Ok(spec) => spec,
        Err(error) => {
            eprintln!("{}: {error}", dir.spec().display());
            return ExitCode::FAILURE;
        }
    };
    let record = match run(&dir, &spec) {
        Ok(record) => record,
        Err(error) => {
            let reason = if matches!(error, Trouble::Command(_)) { "StartError" } else { "ContainerCannotRun" };
            ExitRecord {
                code: CANNOT_START,
                reason: Some(reason.to_owned()),
                message: Some(error.to_string()),
                started_at: None,
                at: Timestamp::now(),
            }
        }
    };
    match write_reserved(&dir.exit(), &record) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", dir.exit().display());
            ExitCode::FAILURE
        }
    }
}

fn watched() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, KILL] {
        set.add(signal);
    }
    set
}

fn run(dir: &RunDir, spec: &RunSpec) -> Result<ExitRecord, Trouble> {
    // A session of its own: a terminal's Ctrl-C is for the node, which then decides.
    let _ = nix::unistd::setsid();
    let mut signals = Signals::new(&watched()).map_err(step("signals"))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let log = File::options().create(true).append(true).open(dir.log()).map_err(step("log"))?;
    #[cfg(target_os = "linux")]
    isolate(spec)?;
    let record = StartRecord { pid: nix::unistd::getpid().as_raw(), at: Timestamp::now() };
    write_json(&dir.started(), &record).map_err(step("start record"))?;
    reserve(&dir.exit()).map_err(step("exit record"))?;

    let (out, out_end) = std::io::pipe().map_err(step("pipe"))?;
    let (err, err_end) = std::io::pipe().map_err(step("pipe"))?;
    let (mut failure, failure_end) = std::io::pipe().map_err(step("pipe"))?;
    let child = if spec.sandbox == Sandbox::Plain {
        drop(failure_end);
        let mut command = process::command(spec)?;
        command.stdout(out_end).stderr(err_end);
        process::start(spec, command)?
    } else {
        let mut init = Command::new(myself().map_err(step("own program"))?);
        init.args(&spec.shim_args).arg("init").arg(&dir.0).env_clear();
        init.stdin(Stdio::from(failure_end)).stdout(out_end).stderr(err_end);
        let started = init.spawn().map_err(step("start of the container's first process"))?;
        drop(init);
        // It can be signalled once it has said so, or has ended.
        drop(failure.read(&mut [0; READY_LENGTH]));
        started.id()
    };
    let mut attendance = Attendance {
        child: Pid::from_raw(child.cast_signed()),
        spec,
        streams: [Stream::new("stdout", out), Stream::new("stderr", err)],
        init: (spec.sandbox != Sandbox::Plain).then_some(failure),
        said: Vec::new(),
        dir,
        log,
        killed: None,
    };
    if spec.sandbox == Sandbox::Plain {
        attendance.joinable();
    }
    let code = attendance.run(&mut signals).map_err(step("wait"))?;
    let mut record = ExitRecord { code, reason: None, message: None, started_at: None, at: Timestamp::now() };
    #[cfg(target_os = "linux")]
    if let Ok(said) = serde_json::from_slice::<super::init::Failure>(&attendance.said) {
        record.reason = Some(said.reason);
        record.message = Some(said.message);
    }
    if let Some(why) = attendance.killed {
        record.message = Some(why.to_owned());
    }
    Ok(record)
}

/// The running program, also after its file was replaced.
fn myself() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

#[cfg(target_os = "linux")]
fn isolate(spec: &RunSpec) -> Result<(), Trouble> {
    use nix::sched::{CloneFlags, unshare};
    match spec.sandbox {
        Sandbox::Plain => nix::sys::prctl::set_child_subreaper(true).map_err(step("child subreaper"))?,
        Sandbox::Namespaces { user, .. } => {
            let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
            let flags = if user { CloneFlags::CLONE_NEWUSER } else { CloneFlags::empty() };
            unshare(flags | CloneFlags::CLONE_NEWPID).map_err(step("unshare of the user and pid namespaces"))?;
            if user {
                std::fs::write("/proc/self/setgroups", "deny").map_err(step("setgroups"))?;
                std::fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(step("uid_map"))?;
                std::fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(step("gid_map"))?;
            }
        }
    }
    if !spec.survive {
        nix::sys::prctl::set_pdeathsig(KILL).map_err(step("parent-death signal"))?;
        if nix::unistd::getppid().as_raw().cast_unsigned() != spec.node_pid {
            return Err(Trouble::Step("node", std::io::Error::other("has ended")));
        }
    }
    Ok(())
}

/// One output of the container.
struct Stream {
    pipe: PipeReader,
    framer: Framer,
    open: bool,
}

impl Stream {
    fn new(name: &'static str, pipe: PipeReader) -> Self {
        Self { pipe, framer: Framer::new(name), open: true }
    }

    /// Takes over what can be read now.
    fn copy(&mut self, buffer: &mut [u8], log: &mut File) {
        let length = match self.pipe.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return,
            Err(_) => 0,
        };
        let mut framed = Vec::with_capacity(length.saturating_add(128));
        if length == 0 {
            self.open = false;
            self.framer.finish(Timestamp::now(), &mut framed);
        } else {
            self.framer.push(Timestamp::now(), buffer.get(..length).unwrap_or_default(), &mut framed);
        }
        // A full disk loses log lines, not the container.
        drop(log.write_all(&framed));
    }
}

/// Waiting for the command's end. All in one thread: a process that has left its pid namespace may have no other.
struct Attendance<'a> {
    child: Pid,
    spec: &'a RunSpec,
    streams: [Stream; 2],
    /// What the container's first process tells.
    init: Option<PipeReader>,
    said: Vec<u8>,
    dir: &'a RunDir,
    log: File,
    killed: Option<&'static str>,
}

impl Attendance<'_> {
    /// Other commands may join the container from now on.
    fn joinable(&self) {
        // Without the record they are refused.
        drop(write_json(&self.dir.process(), &self.child.as_raw()));
    }

    /// Hears what the container's first process says: that the command runs, or why not.
    fn listen(&mut self) {
        let Some(pipe) = &mut self.init else { return };
        let mut buffer = [0; 4096];
        let length = pipe.read(&mut buffer).unwrap_or(0);
        self.said.extend_from_slice(buffer.get(..length).unwrap_or_default());
        if length == 0 {
            self.init = None;
        } else if self.said.first() == Some(&b' ') {
            self.joinable();
            self.init = None;
        }
    }

    /// The command's exit code.
    fn run(&mut self, signals: &mut Signals) -> Result<i32, nix::Error> {
        let mut buffer = vec![0; 64 * 1024];
        let mut code = None;
        loop {
            let mut waiting = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            waiting
                .extend(self.streams.iter().filter(|stream| stream.open).map(|stream| PollFd::new(stream.pipe.as_fd(), PollFlags::POLLIN)));
            let count = waiting.len();
            waiting.extend(self.init.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
            if code.is_some() && waiting.len() == 1 {
                break;
            }
            let timeout = if code.is_some() { PollTimeout::from(LAST_WORDS_MS) } else { PollTimeout::NONE };
            let ready = match poll(&mut waiting, timeout) {
                Ok(ready) => ready,
                Err(nix::Error::EINTR) => continue,
                Err(error) => return Err(error),
            };
            if ready == 0 {
                break;
            }
            let mut ready = waiting.iter().map(|fd| fd.any().unwrap_or(false)).collect::<Vec<_>>().into_iter();
            drop(waiting);
            let signalled = ready.next().unwrap_or(false);
            let ready: Vec<bool> = ready.collect();
            if ready.get(count.saturating_sub(1)) == Some(&true) {
                self.listen();
            }
            for (stream, ready) in self.streams.iter_mut().filter(|stream| stream.open).zip(ready) {
                if ready {
                    stream.copy(&mut buffer, &mut self.log);
                }
            }
            if signalled {
                for signal in signals.take() {
                    code = code.or(self.signal(signal));
                }
                if code.is_some() && self.spec.sandbox == Sandbox::Plain {
                    kill_leftovers(self.child);
                }
            }
        }
        Ok(code.unwrap_or(CANNOT_START))
    }

    /// Does what a signal asks for; the exit code where it says that the command has ended.
    fn signal(&mut self, signal: Signal) -> Option<i32> {
        match signal {
            Signal::SIGCHLD => {
                while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                    match status {
                        WaitStatus::Exited(pid, code) if pid == self.child => return Some(code),
                        WaitStatus::Signaled(pid, signal, _) if pid == self.child => return Some(128_i32.saturating_add(signal as i32)),
                        WaitStatus::StillAlive => break,
                        _ => {}
                    }
                }
            }
            KILL => {
                if !self.spec.survive && nix::unistd::getppid().as_raw().cast_unsigned() != self.spec.node_pid {
                    self.killed = Some("the node ended");
                }
                if self.spec.sandbox == Sandbox::Plain {
                    kill_leftovers(self.child);
                }
                let _ = kill(self.child, Signal::SIGKILL);
            }
            signal => {
                let _ = kill(self.child, signal);
            }
        }
        None
    }
}

/// Kills everything a plain command has started: its process group, and on Linux every descendant, as all become this process's children.
fn kill_leftovers(child: Pid) {
    let _ = nix::sys::signal::killpg(child, Signal::SIGKILL);
    #[cfg(target_os = "linux")]
    for _ in 0..100 {
        let children = descendants(nix::unistd::getpid().as_raw());
        let others: Vec<i32> = children.into_iter().filter(|pid| *pid != child.as_raw()).collect();
        if others.is_empty() {
            return;
        }
        for pid in &others {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        for pid in others {
            let _ = waitpid(Pid::from_raw(pid), None);
        }
    }
}

#[cfg(target_os = "linux")]
fn descendants(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
                found.push(child);
                open.push(child);
            }
        }
    }
    found
}
