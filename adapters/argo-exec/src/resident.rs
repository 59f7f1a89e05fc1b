//! `init` and `wait` within another process: a node that runs many pods need not start programs for what is its own code.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use kube::Client;

use crate::artifact::chain;
use crate::cli::{Cli, Command, FAILURE, Failure, log_level};
use crate::settings::template;
use crate::wait::Reporter;
use crate::{Paths, Settings, Stop, init, wait};

/// A run of `init` or `wait` that is a function call: what would be its process is told, and nothing of this process is looked at.
pub struct Resident {
    settings: Settings,
    paths: Paths,
    env: BTreeMap<String, String>,
    level: tracing::Level,
    waits: bool,
}

impl Resident {
    /// The run of a command line, without the program's name; none if it is not `init` or `wait`, or not readable: then a process is to be started.
    /// `place` says where a path of the container is.
    #[must_use]
    pub fn of(args: &[String], env: BTreeMap<String, String>, place: &dyn Fn(&str) -> PathBuf) -> Option<Self> {
        let cli = Cli::try_parse_from(std::iter::once("argoexec").chain(args.iter().map(String::as_str))).ok()?;
        let waits = match cli.command {
            Command::Init => false,
            Command::Wait => true,
            _ => return None,
        };
        let lookup = |name: &str| env.get(name).cloned();
        let (mut settings, paths) = (Settings::from_lookup(&lookup).ok()?, Paths::placed(&lookup, place));
        settings.progress_file = settings.progress_file.and_then(|file| Some(place(file.to_str()?)));
        Some(Self { settings, paths, env, level: log_level(&cli.loglevel), waits })
    }

    /// Runs to the end and returns the exit code. Blocks: it wants a thread of its own, outside of any runtime.
    ///
    /// `client` is the pod's way to the API, with the pod's namespace; what `log` takes is the container's log; `stop` ends when the container is asked
    /// to end, and `kill` when it is not waited for any longer.
    pub fn run(
        self,
        client: Client,
        log: impl Write + Send + 'static,
        stop: impl Future<Output = ()> + Send + 'static,
        kill: impl Future<Output = ()>,
    ) -> u8 {
        let mut log = Log(Arc::new(Mutex::new(Box::new(log))));
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_max_level(self.level).with_writer(move || writer.clone()).with_ansi(false);
        let said = tracing::subscriber::with_default(lines.with_target(false).finish(), || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
            runtime.block_on(async {
                tokio::select! {
                    done = self.work(client, stop) => done.map(|()| 0),
                    () = kill => Ok(KILLED),
                }
            })
        });
        said.unwrap_or_else(|failure| {
            let message = chain(&failure);
            // As with a process's standard error: nobody is left to be told.
            let _ = writeln!(log, "Error: {message}");
            let _ = std::fs::write(&self.paths.termination_log, &message);
            FAILURE
        })
    }

    async fn work(&self, client: Client, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Failure> {
        let (template, text) = template(&|name| self.env.get(name).cloned(), &self.paths)?;
        if !self.waits {
            return Ok(init::run(&template, &text, &self.settings, &self.paths).await?);
        }
        let settings = self.settings.clone().reporting()?;
        let reporter = Reporter::new(client, &settings);
        Ok(wait::supervise(template, settings, self.paths.clone(), reporter, Stop::when(stop)).await?)
    }
}

/// The container's log.
#[derive(Clone)]
struct Log(Arc<Mutex<Box<dyn Write + Send>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// Exit code of what SIGKILL ended.
const KILLED: u8 = 137;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_process_is_declined() {
        let of = |line: &str| Resident::of(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), BTreeMap::new(), &|path| path.into());
        assert!(of("init --loglevel info --log-format text --gloglevel 0").is_some_and(|r| !r.waits));
        assert!(of("wait --loglevel debug").is_some_and(|r| r.waits && r.level == tracing::Level::DEBUG));
        assert!(of("emissary -- true").is_none());
        assert!(of("wait --no-such-flag").is_none());
    }
}
