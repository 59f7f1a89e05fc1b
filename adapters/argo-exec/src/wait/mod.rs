//! `wait`: sees the main containers to their end and reports what came of them.

use std::path::PathBuf;
use std::time::Duration;

use argo_core::workflows::Template;
use tokio::time::{Instant, sleep_until};

use crate::ApiError;
use crate::artifact::{SaveError, chain};
use crate::emissary::{read_number, write_whole};
use crate::init::container_folder;
use crate::template::{main_containers, sidecars};
use crate::watch::FolderWatch;
use crate::{Paths, Settings, Stop};

mod outputs;
mod pod;
mod progress;
mod report;

pub use outputs::{MAX_RESULT, ParameterError};
pub(crate) use report::client;
pub use report::{Announced, Reporter};

use pod::PodWatch;
use progress::Progress;

/// Grace between asking a container to stop and killing it, where the pod does not say.
const GRACE: Duration = Duration::from_secs(30);
/// After a kill, how long a container's end is waited for.
const AFTER_KILL: Duration = Duration::from_secs(10);
/// What has ended by then is reported without having been announced, and its pod is not watched: most steps of a workflow are short.
const SHORT: Duration = Duration::from_millis(100);
/// The files are looked at this often even if nothing seems to change.
const LOOK: Duration = Duration::from_secs(2);

/// Why `wait` failed. What could be reported is reported all the same.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// There is no way to the API.
    #[error("no Kubernetes API to report to: neither a service account nor KUBECONFIG")]
    Config(#[source] Box<kube::config::InferConfigError>),
    /// The service account is not usable.
    #[error("service account of the pod")]
    InCluster(#[source] Box<kube::config::InClusterError>),
    /// The client could not be set up.
    #[error("Kubernetes client")]
    Client(#[source] ApiError),
    /// The task result is not acceptable.
    #[error("task result {name}")]
    Report {
        /// Name of the object, which is the node's id.
        name: String,
        /// Why.
        source: ApiError,
    },
    /// The task result cannot be written as an object.
    #[error("task result {name}")]
    Shape {
        /// Name of the object.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A main container did not end, not even when killed.
    #[error("container {0} did not end")]
    DidNotEnd(String),
    /// An output parameter has no value.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The standard output of the main container is gone.
    #[error("output of container {container}: {path}")]
    Output {
        /// Container.
        container: String,
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An artifact was not kept.
    #[error(transparent)]
    Artifact(#[from] SaveError),
    /// Several of these.
    #[error("{0}")]
    Several(String),
}

/// Runs `wait`.
///
/// # Errors
/// The first thing that went wrong; or several, as one message.
pub async fn run(template: Template, settings: Settings, paths: Paths) -> Result<(), WaitError> {
    let reporter = Reporter::connect(&settings).await?;
    supervise(template, settings, paths, reporter, Stop::on_signals()).await
}

/// Runs `wait` with a given way to the API, until the containers have ended or it is asked to end.
///
/// # Errors
/// See [`run`].
pub async fn supervise(mut template: Template, settings: Settings, paths: Paths, reporter: Reporter, stop: Stop) -> Result<(), WaitError> {
    let mut containers = Containers::new(&template, &settings, paths.clone(), &reporter, stop);
    let announcement = tokio::spawn({
        let reporter = reporter.clone();
        async move {
            tokio::time::sleep(SHORT).await;
            reporter.announce().await
        }
    });
    let mut errors = Vec::new();
    if let Err(e) = containers.wait_for_mains(&reporter).await {
        errors.push(e);
    }
    // Sidecars are told first and waited for last: what they take to stop costs the report no time.
    containers.tell(&containers.sidecars(), 15);
    let (outputs, failed) = outputs::collect(&mut template, &settings, &paths).await;
    errors.extend(failed);
    // What is not announced yet needs no announcement; one that is under way must not come after the report.
    let announced = if containers.begun.elapsed() >= SHORT {
        let _ = announcement.await;
        Announced::Yes
    } else {
        announcement.abort();
        Announced::No
    };
    if let Err(e) = reporter.complete(&outputs, containers.progress.last(), announced).await {
        errors.push(e);
    }
    containers.stop_sidecars().await;
    for error in &errors {
        tracing::error!("{}", chain(error));
    }
    if errors.len() > 1 {
        let texts: Vec<String> = errors.iter().map(|e| chain(e)).collect();
        return Err(WaitError::Several(texts.join("; ")));
    }
    errors.pop().map_or(Ok(()), Err)
}

/// The pod's other containers, as far as files and the API tell.
struct Containers {
    mains: Vec<String>,
    sidecars: Vec<String>,
    paths: Paths,
    begun: Instant,
    changes: FolderWatch,
    pod: PodWatch,
    stop: Stop,
    deadline: Option<Instant>,
    progress: Progress,
}

impl Containers {
    fn new(template: &Template, settings: &Settings, paths: Paths, reporter: &Reporter, stop: Stop) -> Self {
        let (mains, sidecars) = (main_containers(template), sidecars(template));
        let mut folders = Vec::new();
        for name in mains.iter().chain(&sidecars) {
            match container_folder(&paths, name) {
                Ok(()) => folders.push(paths.container(name)),
                Err(e) => tracing::warn!(container = %name, "its folder: {e}"),
            }
        }
        let deadline = settings.deadline.map(|at| {
            let left = at.duration_since(jiff::Timestamp::now());
            Instant::now() + Duration::try_from(left).unwrap_or_default()
        });
        Self {
            mains,
            sidecars,
            paths,
            begun: Instant::now(),
            changes: FolderWatch::new(&folders),
            pod: PodWatch::start(reporter.client(), settings, SHORT),
            stop,
            deadline,
            progress: Progress::new(settings),
        }
    }

    fn ended(&self, container: &str) -> bool {
        read_number(&self.paths.exit_code_file(container)).is_some() || self.pod.terminated.contains(container)
    }

    fn running(&self, containers: &[String]) -> Vec<String> {
        containers.iter().filter(|c| !self.ended(c)).cloned().collect()
    }

    fn sidecars(&self) -> Vec<String> {
        self.running(&self.sidecars)
    }

    fn grace(&self) -> Duration {
        self.pod.grace.unwrap_or(GRACE)
    }

    fn tell(&self, containers: &[String], signal: i32) {
        for container in containers {
            tracing::info!(%container, signal, "stopping");
            if let Err(e) = write_whole(&self.paths.signal_file(container), signal.to_string().as_bytes()) {
                tracing::error!(%container, signal, "not told: {e}");
            }
        }
    }

    async fn wait_for_mains(&mut self, reporter: &Reporter) -> Result<(), WaitError> {
        let mut kill_at = None;
        let mut give_up_at = None;
        loop {
            let left = self.running(&self.mains);
            let Some(first) = left.first().cloned() else { return Ok(()) };
            tokio::select! {
                () = self.changes.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
                signal = self.pod.next() => {
                    if let Some(signal) = signal {
                        let mut all = left;
                        all.extend(self.sidecars());
                        self.tell(&all, signal);
                        let now = Instant::now();
                        give_up_at = Some(if signal == 9 { now + AFTER_KILL } else { now + self.grace() + AFTER_KILL });
                    }
                }
                () = at(self.deadline) => {
                    self.deadline = None;
                    tracing::warn!("the step exceeded its deadline");
                    self.tell(&left, 15);
                    let now = Instant::now();
                    kill_at = Some(now + self.grace());
                    give_up_at = Some(now + self.grace() + AFTER_KILL);
                }
                () = self.stop.asked() => {
                    // The pod is being deleted: the others are told too, and all are killed after the pod's grace. What is there by then is reported before.
                    let grace = self.grace();
                    give_up_at = Some(Instant::now() + grace.saturating_sub(Duration::from_secs(5)).max(grace / 2));
                }
                () = at(kill_at) => {
                    kill_at = None;
                    self.tell(&left, 9);
                }
                () = at(give_up_at) => return Err(WaitError::DidNotEnd(first)),
                progress = self.progress.next() => reporter.progress(progress).await,
            }
        }
    }

    async fn stop_sidecars(&mut self) {
        let kill_at = Instant::now() + self.grace();
        let mut killed = false;
        loop {
            let left = self.sidecars();
            if left.is_empty() {
                return;
            }
            tokio::select! {
                () = self.changes.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
                signal = self.pod.next() => {
                    if let Some(signal) = signal {
                        self.tell(&left, signal);
                    }
                }
                () = sleep_until(if killed { kill_at + AFTER_KILL } else { kill_at }) => {
                    if killed {
                        tracing::warn!(containers = ?left, "sidecars did not end");
                        return;
                    }
                    killed = true;
                    self.tell(&left, 9);
                }
            }
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
