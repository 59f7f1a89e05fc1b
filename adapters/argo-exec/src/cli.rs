//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::artifact::{CollectError, chain, collect};
use crate::settings::template;
use crate::{Paths, Settings, SettingsError, data, emissary, init, resource, wait};

/// Exit code of everything that fails in the executor itself, as upstream's.
pub(crate) const FAILURE: u8 = 64;
/// Exit code of what SIGTERM ended.
const TERMINATED: u8 = 143;

#[derive(Parser)]
#[command(name = "argoexec", about = "The executor inside a workflow pod", disable_version_flag = true)]
pub(crate) struct Cli {
    /// Least level that is logged: debug, info, warn, error.
    #[arg(long, global = true, default_value = "info")]
    pub(crate) loglevel: String,
    /// Form of the log: text.
    #[arg(long, global = true, default_value = "text")]
    log_format: String,
    /// Accepted and ignored: the level of a logging library that is not used here.
    #[arg(long, global = true, default_value = "0")]
    gloglevel: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Stage the executor, the template, the script and the input artifacts.
    Init,
    /// Run a command, keep its output and copy its output files.
    Emissary {
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Wait for the main containers, save artifacts and report.
    Wait,
    /// Work on one Kubernetes object: get, create, apply, delete, replace or patch.
    Resource {
        /// What to do.
        action: String,
    },
    /// List artifacts and transform the list.
    Data {
        /// Data template, as JSON.
        template: String,
    },
    /// Work on stored artifacts.
    Artifact {
        /// What to do.
        #[command(subcommand)]
        action: ArtifactAction,
    },
    /// Run the tasks of a workflow that need no pod each.
    #[cfg(feature = "http")]
    Agent {
        /// What to do; `init` has nothing to do and is there for pods of other versions.
        #[command(subcommand)]
        action: Option<AgentAction>,
    },
    /// Send a signal to a process.
    Kill {
        /// Number of the signal.
        signal: i32,
        /// Process.
        pid: i32,
    },
}

#[cfg(feature = "http")]
#[derive(Subcommand)]
pub(crate) enum AgentAction {
    /// Prepare.
    Init,
    /// Run tasks.
    Main,
}

#[derive(Subcommand)]
pub(crate) enum ArtifactAction {
    /// Delete the artifacts that the tasks of this pod name.
    Delete,
}

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("starting the asynchronous runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Init(#[from] init::InitError),
    #[error(transparent)]
    Wait(#[from] wait::WaitError),
    #[error(transparent)]
    Resource(#[from] resource::ResourceError),
    #[error(transparent)]
    Data(#[from] data::DataError),
    #[cfg(feature = "http")]
    #[error(transparent)]
    Agent(#[from] crate::agent::AgentError),
    #[error(transparent)]
    Collect(#[from] CollectError),
    #[error("signal {signal} to process {pid}")]
    Kill { signal: i32, pid: i32, source: nix::Error },
}

/// Runs the executor with the arguments of its command line, the program's own name first, and returns what the process is to exit with.
///
/// Must be called before the process has other threads: `emissary` blocks signals for the whole process and reaps every child.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { FAILURE.into() } else { ExitCode::SUCCESS };
        }
    };
    let _ = (&cli.log_format, &cli.gloglevel);
    start_log(&cli.loglevel);
    let paths = Paths::from_env();
    if let Command::Emissary { command } = cli.command {
        return emissary::run(&command, &std::env::vars_os().collect(), &paths).into();
    }
    match run(cli.command, &paths) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let message = chain(&failure);
            eprintln!("Error: {message}");
            leave_message(&paths, &message);
            match failure {
                Failure::Resource(resource::ResourceError::Stopped) => TERMINATED.into(),
                _ => FAILURE.into(),
            }
        }
    }
}

/// What runs `emissary` in this process as if it had been started with a command line and an environment, and returns what the process is to exit with;
/// none if the command line is another subcommand's or not readable.
///
/// To be called as [`main`]: before the process has other threads.
#[must_use]
pub fn emissary_in_place(args: &[String], env: &[(String, String)]) -> Option<Box<dyn FnOnce() -> u8>> {
    let cli = Cli::try_parse_from(args).ok()?;
    let Command::Emissary { command } = cli.command else { return None };
    let paths = Paths::from_lookup(&|name| env.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()));
    let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Some(Box::new(move || {
        start_log(&cli.loglevel);
        emissary::run(&command, &env, &paths)
    }))
}

fn start_log(level: &str) {
    let log = tracing_subscriber::fmt().with_max_level(log_level(level)).with_writer(std::io::stderr).with_ansi(false).with_target(false);
    let _ = log.try_init();
}

pub(crate) fn log_level(name: &str) -> tracing::Level {
    match name.to_ascii_lowercase().as_str() {
        "trace" => tracing::Level::TRACE,
        "debug" => tracing::Level::DEBUG,
        "warn" | "warning" => tracing::Level::WARN,
        "error" | "fatal" | "panic" => tracing::Level::ERROR,
        _ => tracing::Level::INFO,
    }
}

/// Leaves the message a container ends with for the kubelet, if it keeps a file for it.
pub(crate) fn leave_message(paths: &Paths, message: &str) {
    use std::io::Write;
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).truncate(true).open(&paths.termination_log) {
        let _ = file.write_all(message.as_bytes());
    }
}

fn run(command: Command, paths: &Paths) -> Result<(), Failure> {
    if let Command::Kill { signal, pid } = command {
        let sent = nix::sys::signal::Signal::try_from(signal).and_then(|s| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), s));
        return sent.map_err(|source| Failure::Kill { signal, pid, source });
    }
    // Whoever started this process may have blocked signals; `wait` has to hear them.
    let _ = nix::sys::signal::SigSet::all().thread_unblock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    // Fails only if there is a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let lookup = |name: &str| std::env::var(name).ok();
    let settings = Settings::from_env()?;
    if let Command::Artifact { action: ArtifactAction::Delete } = command {
        let pod = lookup("ARGO_ARTIFACT_POD_NAME").filter(|pod| !pod.is_empty()).ok_or(CollectError::NoPod)?;
        return runtime.block_on(async {
            let client = wait::client().await?;
            Ok(collect(&client, &pod, &settings, paths).await?)
        });
    }
    #[cfg(feature = "http")]
    if let Command::Agent { action } = command {
        if matches!(action, Some(AgentAction::Init)) {
            return Ok(());
        }
        let workflow = lookup("ARGO_WORKFLOW_NAME").filter(|name| !name.is_empty()).ok_or(SettingsError::Missing("ARGO_WORKFLOW_NAME"))?;
        let workers = lookup("ARGO_AGENT_TASK_WORKERS").and_then(|n| n.parse().ok());
        return runtime.block_on(async { Ok(crate::agent::run(wait::client().await?, &workflow, workers).await?) });
    }
    let (template, text) = template(&lookup, paths)?;
    runtime.block_on(async {
        match command {
            Command::Init => init::run(&template, &text, &settings, paths).await.map_err(Failure::from),
            Command::Wait => wait::run(template, settings.reporting()?, paths.clone()).await.map_err(Failure::from),
            Command::Resource { action } => resource::run(&action, template, settings.reporting()?, paths).await.map_err(Failure::from),
            Command::Data { template: data } => data::run(&data, template, settings.reporting()?, paths).await.map_err(Failure::from),
            _ => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_of_recorded_pods() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|cli| cli.command).map_err(|e| e.to_string());
        let flags = "--loglevel warn --log-format text --gloglevel 0";
        assert!(matches!(parse(&format!("argoexec init {flags}")), Ok(Command::Init)));
        assert!(matches!(parse(&format!("argoexec wait {flags}")), Ok(Command::Wait)));
        assert!(matches!(parse(&format!("argoexec data {{}} {flags}")), Ok(Command::Data { template }) if template == "{}"));
        let Ok(Command::Emissary { command }) = parse(&format!("argoexec emissary {flags} -- argoexec resource create {flags}")) else {
            panic!("emissary");
        };
        assert_eq!(command.len(), 9);
        assert!(parse("argoexec emissary --loglevel warn").is_err());
    }
}
