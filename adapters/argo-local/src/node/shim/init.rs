//! The first process of a container's pid namespace.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::{CANNOT_START, InPlace, mounts, process};
use crate::node::spec::{RunDir, RunSpec, read_json};

/// Signals are heard.
pub(super) const READY: &[u8] = b"\n";
/// The command runs, and others may join it.
pub(super) const RUNNING: &[u8] = b" ";

/// Why the command could not be started, told to the supervisor through what is this process's standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) message: String,
}

/// Writes to the supervisor, through what is this process's standard input.
fn say(bytes: &[u8]) {
    if let Ok(fd) = std::io::stdin().as_fd().try_clone_to_owned() {
        // Without a supervisor this process is about to be killed.
        drop(std::fs::File::from(fd).write_all(bytes));
    }
}

fn tell(reason: &str, message: String) -> ExitCode {
    say(&serde_json::to_vec(&Failure { reason: reason.to_owned(), message }).unwrap_or_default());
    ExitCode::from(u8::try_from(CANNOT_START).unwrap_or(1))
}

pub(super) fn main(dir: PathBuf, in_place: &InPlace) -> ExitCode {
    // The supervisor's end is the container's end, whatever ended it.
    if let Err(error) = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL) {
        return tell("ContainerCannotRun", format!("parent-death signal: {error}"));
    }
    let dir = RunDir(dir);
    let spec: RunSpec = match read_json(&dir.spec()) {
        Ok(spec) => spec,
        Err(error) => return tell("ContainerCannotRun", format!("{}: {error}", dir.spec().display())),
    };
    // Blocked signals reach a pid 1 that has no handlers; all others are dropped by the kernel.
    let signals = watched();
    if let Err(error) = signals.thread_block() {
        return tell("ContainerCannotRun", format!("signal mask: {error}"));
    }
    // From here on no signal is lost: the supervisor waits for this before it passes any on.
    say(READY);
    if let Err(error) = mounts::enter(&spec, &dir) {
        return tell("ContainerCannotRun", error.to_string());
    }
    if let Some(code) = run_in_place(&spec, in_place) {
        return ExitCode::from(code);
    }
    let child = match process::command(&spec).and_then(|command| process::start(&spec, command)) {
        Ok(child) => Pid::from_raw(child.cast_signed()),
        Err(error) => return tell("StartError", error.to_string()),
    };
    say(RUNNING);
    ExitCode::from(u8::try_from(attend(child, &signals)).unwrap_or(u8::MAX))
}

/// Runs the executor in this process, if the command is the executor.
fn run_in_place(spec: &RunSpec, in_place: &InPlace) -> Option<u8> {
    let executor = spec.in_place.as_ref()?;
    let program = spec.argv.first()?;
    if std::fs::canonicalize(program).ok().as_ref() != Some(executor) {
        return None;
    }
    let run = in_place(&spec.argv, &spec.env)?;
    process::enter_folder(spec).ok()?;
    let nothing = std::fs::File::open("/dev/null").ok()?;
    let supervisor = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
    nix::unistd::dup2_stdin(nothing).ok()?;
    // As before the start of a program: from here on it is the command that speaks.
    drop(std::fs::File::from(supervisor).write_all(RUNNING));
    Some(run())
}

/// The signals that a container's command may be sent, and that of an ended child.
pub(super) fn watched() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
    ] {
        set.add(signal);
    }
    set
}

/// Waits for the command, reaping whatever was left to this process and passing signals on; the exit code in a container runtime's terms.
fn attend(child: Pid, signals: &SigSet) -> i32 {
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                    match status {
                        WaitStatus::Exited(pid, code) if pid == child => return code,
                        WaitStatus::Signaled(pid, signal, _) if pid == child => return 128 + signal as i32,
                        WaitStatus::StillAlive => break,
                        _ => {}
                    }
                }
            }
            Ok(signal) => {
                let _ = kill(child, signal);
            }
            Err(_) => {}
        }
    }
}
