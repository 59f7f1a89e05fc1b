//! `emissary`: runs a container's command.
//!
//! Everything here is plain threads and blocking calls: the process does nothing but wait, and has to be up fast.
//! The main thread reaps, one thread passes signals on, one watches for signals left as files, and two copy output where it is kept.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use argo_core::workflows::Template;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::artifact::chain;
use crate::cli::{FAILURE, leave_message};
use crate::init::container_folder;
use crate::paths::{LOCAL_ROOT, SCRIPT, below};
use crate::template::{MAIN, archives_logs, main_containers};
use crate::{Paths, parse_duration};

mod find;
mod outputs;
mod signals;
mod tee;

pub use find::find_command;
pub use outputs::{OutputError, copy_outputs};
use signals::Signals;

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
pub enum EmissaryError {
    /// A folder or file of the executor.
    #[error("{path}")]
    File {
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The template staged by `init` is not a template.
    #[error("template in {path}")]
    Template {
        /// File.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The arguments that were put into a file are not a list of texts.
    #[error("arguments in {path}")]
    Arguments {
        /// File.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A container that this one depends on failed.
    #[error("dependency \"{container}\" exited with non-zero code: {code}")]
    Dependency {
        /// The container.
        container: String,
        /// Its exit code.
        code: i32,
    },
    /// Stopped before the command was started.
    #[error("stopped by signal {0} before the command was started")]
    Stopped(i32),
    /// There is no such command.
    #[error(transparent)]
    NoCommand(#[from] find::FindError),
    /// The command was found and did not start.
    #[error("failed to start command {command:?}{hint}")]
    Start {
        /// The command.
        command: PathBuf,
        /// What may be wrong.
        hint: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The retry strategy of the container set is not readable.
    #[error("retryStrategy of the container set: {0}")]
    Retry(String),
    /// Signals cannot be taken over.
    #[error("signals")]
    Signals(#[source] io::Error),
    /// The command's end was not seen.
    #[error("waiting for the command")]
    Wait(#[source] nix::Error),
    /// Its outputs were not copied.
    #[error(transparent)]
    Outputs(#[from] OutputError),
}

/// Runs a command as a container's main process, in an environment, and returns its exit code: 128+n if signal n ended it, 64 if it was not run at all.
pub fn run(command: &[OsString], env: &Environment, paths: &Paths) -> u8 {
    let container = variable(env, "ARGO_CONTAINER_NAME").unwrap_or_else(|| MAIN.to_owned());
    let code = match execute(command, &container, env, paths) {
        Ok(code) => code,
        Err(error) => {
            let message = chain(&error);
            eprintln!("Error: {message}");
            leave_message(paths, &message);
            if let EmissaryError::Stopped(signal) = error { exit_code_of_signal(signal) } else { FAILURE }
        }
    };
    if let Err(e) = write_whole(&paths.exit_code_file(&container), code.to_string().as_bytes()) {
        eprintln!("Error: exit code of container {container}: {e}");
    }
    code
}

/// The environment of a container.
pub type Environment = BTreeMap<OsString, OsString>;

/// A variable that is set and not empty.
fn variable(env: &Environment, name: &str) -> Option<String> {
    env.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
}

fn exit_code_of_signal(signal: i32) -> u8 {
    u8::try_from(signal).map_or(u8::MAX, |n| n.saturating_add(128))
}

/// Writes a file so that no reader sees a part of it.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut scratch = path.as_os_str().to_owned();
    scratch.push(".new");
    let scratch = PathBuf::from(scratch);
    fs::write(&scratch, content)?;
    // Another container's user removes or replaces it.
    let _ = fs::set_permissions(&scratch, std::os::unix::fs::PermissionsExt::from_mode(0o666));
    fs::rename(scratch, path)
}

/// The number in a file, if there is one.
pub(crate) fn read_number(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn execute(command: &[OsString], container: &str, env: &Environment, paths: &Paths) -> Result<u8, EmissaryError> {
    let signals = Signals::take_over().map_err(EmissaryError::Signals)?;
    container_folder(paths, container).map_err(|source| EmissaryError::File { path: paths.container(container), source })?;
    let path = paths.template();
    let text = fs::read(&path).map_err(|source| EmissaryError::File { path: path.clone(), source })?;
    let template: Template = serde_json::from_slice(&text).map_err(|source| EmissaryError::Template { path, source })?;
    signals.start(paths, container);
    wait_for_dependencies(&template, container, paths, &signals)?;
    let mut words = command.to_vec();
    words.extend(arguments_from_file(env)?);
    // Where the pod has no file system of its own, the script is not where the pod's spec says.
    words.iter_mut().filter(|word| *word == SCRIPT).for_each(|word| *word = paths.script().into_os_string());
    let (program, arguments) = words.split_first().ok_or(find::FindError::Empty)?;
    let program = find_command(program, env.get(OsStr::new("PATH")).map(OsString::as_os_str), &paths.executor())?;
    pause(paths, container, env, "ARGO_DEBUG_PAUSE_BEFORE", "before");
    let (attempts, delay) = retries(&template)?;
    let wanted = archives_logs(&template) || variable(env, "ARGO_INCLUDE_SCRIPT_OUTPUT").is_some_and(|v| v == "true");
    let keeps_output = wanted && main_containers(&template).iter().any(|name| name == container);
    let mut left = attempts;
    let ended = loop {
        left = left.saturating_sub(1);
        let code = attempt(&program, arguments, container, env, paths, keeps_output, &signals);
        let again = !matches!(code, Ok(0)) && left > 0 && signals.asked_to_stop().is_none();
        if !again {
            break code;
        }
        tracing::info!(attempts_left = left, "the command failed and is run again");
        if let Some(signal) = signals.sleep(delay) {
            tracing::info!(signal, "not run again: stopped");
            break code;
        }
    };
    pause(paths, container, env, "ARGO_DEBUG_PAUSE_AFTER", "after");
    // As upstream: also after a failure, so that what was written until then is not lost.
    let copied = if container == MAIN { copy_outputs(&template, paths) } else { Ok(()) };
    let code = ended?;
    copied?;
    Ok(code)
}

fn arguments_from_file(env: &Environment) -> Result<Vec<OsString>, EmissaryError> {
    let Some(path) = variable(env, "ARGO_CONTAINER_ARGS_FILE").map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    let text = fs::read(&path).map_err(|source| EmissaryError::File { path: path.clone(), source })?;
    let words: Vec<String> = serde_json::from_slice(&text).map_err(|source| EmissaryError::Arguments { path, source })?;
    Ok(words.into_iter().map(OsString::from).collect())
}

fn wait_for_dependencies(template: &Template, container: &str, paths: &Paths, signals: &Signals) -> Result<(), EmissaryError> {
    let containers = template.container_set.iter().flat_map(|set| &set.containers);
    let dependencies: Vec<&String> = containers.filter(|c| c.name == container).flat_map(|c| &c.dependencies).collect();
    if dependencies.is_empty() {
        return Ok(());
    }
    let mut folders = Vec::new();
    for name in &dependencies {
        container_folder(paths, name).map_err(|source| EmissaryError::File { path: paths.container(name), source })?;
        folders.push(paths.container(name));
    }
    let watch = crate::watch::FolderWatch::new(&folders);
    for name in dependencies {
        loop {
            if let Some(signal) = signals.asked_to_stop() {
                return Err(EmissaryError::Stopped(signal));
            }
            match read_number(&paths.exit_code_file(name)) {
                Some(0) => break,
                Some(code) => return Err(EmissaryError::Dependency { container: name.clone(), code }),
                None => watch.wait(),
            }
        }
    }
    Ok(())
}

/// How often a container of a set is started at most, and the pause between two starts.
fn retries(template: &Template) -> Result<(u32, Duration), EmissaryError> {
    let Some(strategy) = template.container_set.as_ref().and_then(|set| set.retry_strategy.as_ref()) else {
        return Ok((1, Duration::ZERO));
    };
    let retries = match &strategy.retries {
        None => 0,
        Some(n) => n.to_string().trim().parse::<u32>().map_err(|_| EmissaryError::Retry(format!("retries {n} is not a number")))?,
    };
    let delay = match strategy.duration.as_str() {
        "" => Duration::ZERO,
        text => parse_duration(text).ok_or_else(|| EmissaryError::Retry(format!("duration {text:?} is not a duration such as 10s")))?,
    };
    Ok((retries.saturating_add(1), delay))
}

fn pause(paths: &Paths, container: &str, env: &Environment, variable: &str, file: &str) {
    if !env.contains_key(OsStr::new(variable)) {
        return;
    }
    let file = paths.container(container).join(file);
    tracing::info!(file = %file.display(), "paused until this file exists");
    while !file.exists() {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn attempt(
    program: &Path,
    arguments: &[OsString],
    container: &str,
    env: &Environment,
    paths: &Paths,
    keeps_output: bool,
    signals: &Signals,
) -> Result<u8, EmissaryError> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env);
    // A group of its own, so that a signal reaches all of it; not from under a terminal, which only the foreground group may read.
    let own_group = !io::IsTerminal::is_terminal(&io::stdin());
    if own_group {
        command.process_group(0);
    }
    if let (Some(root), Some(file)) = (variable(env, LOCAL_ROOT), variable(env, "ARGO_PROGRESS_FILE")) {
        command.env("ARGO_PROGRESS_FILE", below(Path::new(&root), &file));
    }
    if keeps_output {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut child =
        command.spawn().map_err(|source| EmissaryError::Start { command: program.to_owned(), hint: hint(program, &source), source })?;
    let pid = i32::try_from(child.id()).unwrap_or(0);
    signals.aim(pid, own_group);
    let tees = tee::Tees::start(child.stdout.take(), child.stderr.take(), &paths.stdout_file(container), &paths.combined_file(container));
    let code = loop {
        // Any child: as the first process of a container this one gets the orphans too.
        match waitpid(Pid::from_raw(-1), None) {
            Ok(WaitStatus::Exited(ended, code)) if ended.as_raw() == pid => break u8::try_from(code & 0xff).unwrap_or(u8::MAX),
            Ok(WaitStatus::Signaled(ended, signal, _)) if ended.as_raw() == pid => break exit_code_of_signal(signal as i32),
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(e) => return Err(EmissaryError::Wait(e)),
        }
    };
    signals.aim_at_nothing();
    tees.finish();
    Ok(code)
}

fn hint(program: &Path, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => " (is it executable?)",
        io::ErrorKind::NotFound if program.exists() => " (the interpreter named in its first line, or its loader, is not there)",
        _ if error.raw_os_error() == Some(nix::errno::Errno::ENOEXEC as i32) => " (a script needs a first line such as #!/bin/sh)",
        _ if error.raw_os_error() == Some(nix::errno::Errno::E2BIG as i32) => " (its arguments are too long for this system)",
        _ => "",
    }
}
