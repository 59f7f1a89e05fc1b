//! Another command in a running container: probes and hooks.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::process;
use crate::node::spec::{RunDir, RunSpec, Sandbox, read_json};

/// As shells and container runtimes say when a command cannot be run.
const CANNOT_RUN: u8 = 126;

/// The container's first process, once the command runs: before that its file system may still be the host's.
fn wait_for(dir: &RunDir) -> Result<u32, String> {
    let mut tries = 0_u32;
    loop {
        match read_json(&dir.process()) {
            Ok(pid) => return Ok(pid),
            Err(error) if tries >= 400 || dir.exit().exists() => return Err(format!("the container does not run: {error}")),
            Err(_) => tries = tries.saturating_add(1),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn run(dir: &RunDir, args: &[OsString]) -> Result<ExitCode, String> {
    let mut spec: RunSpec = read_json(&dir.spec()).map_err(|error| format!("{}: {error}", dir.spec().display()))?;
    let pid = wait_for(dir)?;
    if let Sandbox::Namespaces { user, .. } = spec.sandbox {
        let kinds = [
            ("user", CloneFlags::CLONE_NEWUSER),
            ("pid", CloneFlags::CLONE_NEWPID),
            ("uts", CloneFlags::CLONE_NEWUTS),
            ("mnt", CloneFlags::CLONE_NEWNS),
        ];
        let wanted = kinds.into_iter().filter(|(kind, _)| user || *kind != "user");
        // All are opened first: /proc is another one afterwards.
        let opened = wanted.map(|(kind, flag)| File::open(format!("/proc/{pid}/ns/{kind}")).map(|file| (kind, flag, file)));
        let opened = opened.collect::<Result<Vec<_>, _>>().map_err(|error| format!("the container does not run: {error}"))?;
        for (kind, flag, file) in opened {
            setns(file, flag).map_err(|error| format!("{kind} namespace: {error}"))?;
        }
    }
    spec.argv = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut command: Command = process::command(&spec).map_err(|error| error.to_string())?;
    let status = command.status().map_err(|error| error.to_string())?;
    let code = status.code().or_else(|| std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

pub(super) fn main(dir: PathBuf, args: &[OsString]) -> ExitCode {
    run(&RunDir(dir), args).unwrap_or_else(|message| {
        eprintln!("{message}");
        ExitCode::from(CANNOT_RUN)
    })
}
