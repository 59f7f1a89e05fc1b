//! Finding and starting the command of a container.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::node::spec::RunSpec;

/// Why a command did not start; in the words of container runtimes, as users search for them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("exec: \"{0}\": executable file not found in $PATH")]
    NotInPath(String),
    #[error("exec: \"{0}\": stat {0}: no such file or directory")]
    NoSuchFile(String),
    #[error("exec: \"{0}\": permission denied")]
    NotExecutable(String),
    #[error("exec: \"{0}\": is a directory")]
    Directory(String),
    #[error("the container has no command")]
    Empty,
    #[error("exec: \"{program}\": {source}")]
    Start { program: String, source: std::io::Error },
    #[error("working directory {}: {source}", path.display())]
    WorkingDirectory { path: PathBuf, source: std::io::Error },
}

fn executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Looks a program up as a container runtime does, in the container's PATH and file system.
fn find(program: &str, spec: &RunSpec) -> Result<PathBuf, CommandError> {
    if program.contains('/') {
        let path = if program.starts_with('/') { PathBuf::from(program) } else { spec.cwd.join(program) };
        return match fs::metadata(&path) {
            Err(_) => Err(CommandError::NoSuchFile(program.to_owned())),
            Ok(data) if data.is_dir() => Err(CommandError::Directory(program.to_owned())),
            Ok(_) if executable(&path) => Ok(path),
            Ok(_) => Err(CommandError::NotExecutable(program.to_owned())),
        };
    }
    let path = spec.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str()).unwrap_or_default();
    path.split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join(program))
        .find(|candidate| executable(candidate))
        .ok_or_else(|| CommandError::NotInPath(program.to_owned()))
}

/// Goes to the working directory, made where it is missing.
pub(crate) fn enter_folder(spec: &RunSpec) -> Result<(), CommandError> {
    let trouble = |source| CommandError::WorkingDirectory { path: spec.cwd.clone(), source };
    fs::create_dir_all(&spec.cwd).map_err(trouble)?;
    std::env::set_current_dir(&spec.cwd).map_err(trouble)
}

/// The container's command, ready to be started in its working directory, its input closed.
pub(crate) fn command(spec: &RunSpec) -> Result<Command, CommandError> {
    let (program, args) = spec.argv.split_first().ok_or(CommandError::Empty)?;
    enter_folder(spec)?;
    let mut command = Command::new(find(program, spec)?);
    command.arg0(program).args(args).env_clear().envs(spec.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).process_group(0);
    if let Some(user) = spec.user {
        command.uid(user);
    }
    if let Some(group) = spec.group {
        command.gid(group);
    }
    Ok(command)
}

/// Starts it.
pub(crate) fn start(spec: &RunSpec, mut command: Command) -> Result<u32, CommandError> {
    match command.spawn() {
        Ok(child) => Ok(child.id()),
        Err(source) => Err(CommandError::Start { program: spec.argv.first().cloned().unwrap_or_default(), source }),
    }
}
