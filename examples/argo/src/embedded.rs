//! The embedded control plane, assembled: an API in the process, the controllers over it, and a node that runs pods as processes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argo_core::workflows::{ArtifactRepository, S3ArtifactRepository};
use argo_dag::RunConfig;
use argo_dag::pod::{ImageConfig, PodOptions};
use argo_kube::{ControllerConfig, RolloutController, WorkflowController, crd};
use argo_local::node::{ApiAccess, Images, Node, NodeOptions, Program};
use argo_local::{LocalCluster, LocalClusterOptions, StartError};
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::executor::Executor;
use crate::failure::{Code, Failure, Outcome};

/// Image name of the executor: no registry has it, this program is it.
const EXECUTOR_IMAGE: &str = "argoexec";
/// Bucket of artifacts that say no other.
const BUCKET: &str = "artifacts";
/// How long pods have to end.
const GRACE: Duration = Duration::from_secs(40);

/// What well-known images run when a container names no command.
const IMAGES: [(&str, &[&str], &[&str]); 8] = [
    ("alpine", &[], &["sh"]),
    ("argoproj/argosay", &["/argosay"], &["echo", "hello argo"]),
    ("busybox", &[], &["sh"]),
    ("debian", &[], &["bash"]),
    ("docker/whalesay", &[], &["bash"]),
    ("hello-world", &["hello-world"], &[]),
    ("python", &[], &["python3"]),
    ("ubuntu", &[], &["bash"]),
];

/// How a control plane is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where its state is kept; in memory when none.
    pub data: Option<PathBuf>,
    /// Port on 127.0.0.1; a free one when none.
    pub port: Option<u16>,
    /// What images stand for here: `NAME=PROGRAM` or `NAME=FOLDER`.
    pub images: Vec<String>,
}

/// A running control plane.
pub struct Embedded {
    cluster: LocalCluster,
    stop: watch::Sender<bool>,
    controllers: Vec<JoinHandle<()>>,
    node: JoinHandle<Result<(), argo_local::node::NodeError>>,
    // Removed when dropped, after everything that uses it.
    _scratch: Option<tempfile::TempDir>,
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Embedded {
    /// Starts one.
    pub async fn start(options: &Options) -> Outcome<Self> {
        let images = images(&options.images)?;
        let (folder, scratch) = match &options.data {
            Some(data) => (data.clone(), None),
            None => {
                let made = tempfile::Builder::new().prefix("argo-").tempdir();
                let made = made.map_err(|e| cannot_start(format!("no temporary folder can be made: {e}")))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let folder = prepare(&folder)?;
        let cluster = serve(options, &folder).await?;
        let client = cluster.client();
        crd::install(client.clone()).await.map_err(|e| cannot_start(format!("the kinds cannot be installed: {e}")))?;

        let program = std::env::current_exe().map_err(|e| cannot_start(format!("this program's own file is not known: {e}")))?;
        let mut node_options = NodeOptions::new("local", folder.join("node"));
        node_options.survive = options.data.is_some();
        // Under that name this program is the executor.
        node_options.executor = vec![program.into_os_string()];
        node_options.residents = Some(Executor::of(&cluster));
        node_options.executor_image = EXECUTOR_IMAGE.to_owned();
        node_options.artifacts = Some(folder.join("artifacts"));
        node_options.images = images;
        node_options.api = cluster.address().zip(cluster.ca_pem()).map(|(address, ca)| ApiAccess {
            host: address.ip().to_string(),
            port: address.port(),
            ca_pem: ca.to_owned(),
        });
        let node = Node::new(client.clone(), node_options);
        cluster.set_node_backend(node.backend());

        let (stop, stopping) = watch::channel(false);
        let run = Arc::new(config());
        let workflows = WorkflowController::new(client.clone(), ControllerConfig { run, ..ControllerConfig::default() });
        let rollouts = RolloutController::new(client.clone(), String::new());
        let workloads = argo_local::controllers::workload::run_all(client.clone(), stopped(stopping.clone()));
        let controllers = vec![
            tokio::spawn(workflows.run(stopped(stopping.clone()))),
            tokio::spawn(rollouts.run(stopped(stopping.clone()))),
            tokio::spawn(workloads),
        ];
        let node = tokio::spawn(node.run(stopped(stopping)));
        Ok(Self { cluster, stop, controllers, node, _scratch: scratch })
    }

    /// A client of its API, as its administrator.
    pub fn client(&self) -> Client {
        self.cluster.client()
    }

    /// Where its API listens.
    pub fn address(&self) -> String {
        self.cluster.address().map(|address| format!("https://{address}")).unwrap_or_default()
    }

    /// Writes a kubeconfig that only the user can read.
    pub fn write_kubeconfig(&self, path: &Path) -> Outcome {
        self.cluster.write_kubeconfig(path).map_err(|e| cannot_start(chain(&e)))
    }

    /// Ends it: controllers, then pods, then the API.
    pub async fn shutdown(self) -> Outcome {
        // Nobody listens any more where all have ended already.
        let _ = self.stop.send(true);
        for controller in self.controllers {
            controller.await.map_err(|e| Failure::new(Code::Internal, format!("a controller broke: {e}")))?;
        }
        let node = tokio::select! {
            ended = tokio::time::timeout(GRACE, self.node) => match ended {
                Ok(Ok(ended)) => ended.map_err(|e| cannot_start(chain(&e))),
                Ok(Err(e)) => Err(Failure::new(Code::Internal, format!("the node broke: {e}"))),
                Err(_) => Err(Failure::new(Code::Internal, "the node did not end")),
            },
            // Whatever still runs is killed when this process ends.
            _ = tokio::signal::ctrl_c() => return Err(Failure::told(Code::Interrupted)),
        };
        self.cluster.shutdown().await;
        node
    }
}

/// Starts the API. With a data folder it listens where it did before: pods that outlived the last process still ask there.
async fn serve(options: &Options, folder: &Path) -> Outcome<LocalCluster> {
    let port_file = folder.join("port");
    let persistent = options.data.is_some();
    let before: Option<u16> = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok());
    let start = |port: u16| {
        LocalCluster::start(LocalClusterOptions {
            data_dir: persistent.then(|| folder.join("api")),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            ..LocalClusterOptions::default()
        })
    };
    let started = match (options.port, before) {
        (Some(port), _) => start(port).await,
        (None, Some(port)) => match start(port).await {
            Err(StartError::Serve(error)) => {
                tracing::warn!("pods that still run lose the API, which cannot listen on port {port} again: {error}");
                start(0).await
            }
            other => other,
        },
        (None, None) => start(0).await,
    };
    let cluster = started.map_err(|e| {
        let failure = cannot_start(chain(&e));
        match (options.port, &e) {
            (Some(_), StartError::Serve(_)) => failure.hint("without --port a free one is taken"),
            _ => failure,
        }
    })?;
    if let Some(address) = cluster.address().filter(|_| persistent) {
        std::fs::write(&port_file, address.port().to_string()).map_err(|e| cannot_start(format!("{}: {e}", port_file.display())))?;
    }
    Ok(cluster)
}

fn cannot_start(message: String) -> Failure {
    Failure::new(Code::CannotStart, message)
}

/// An error with its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Makes the folder, for this user only.
fn prepare(folder: &Path) -> Outcome<PathBuf> {
    let failed = |e: std::io::Error| cannot_start(format!("the folder {} cannot be used: {e}", folder.display()));
    std::fs::create_dir_all(folder.join("artifacts")).map_err(failed)?;
    #[cfg(unix)]
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed)?;
    std::fs::canonicalize(folder).map_err(failed)
}

/// Reads what images stand for.
fn images(texts: &[String]) -> Outcome<Images> {
    let mut images = Images::default();
    for text in texts {
        let Some((name, program)) = text.split_once('=').filter(|(name, program)| !name.is_empty() && !program.is_empty()) else {
            return Err(Failure::new(Code::Usage, format!("--image {text:?} is not of the form NAME=PROGRAM or NAME=FOLDER")));
        };
        let program = match Path::new(program) {
            path if path.is_dir() => Program::Folder(path.to_owned()),
            _ => Program::Command(program.split_whitespace().map(str::to_owned).collect()),
        };
        images.map(name, program);
    }
    Ok(images)
}

/// How workflows run here: artifacts go to a folder that stands for all object stores, mounted into the executor's containers.
fn config() -> RunConfig {
    let images: BTreeMap<String, ImageConfig> = IMAGES
        .iter()
        .map(|(name, entrypoint, cmd)| {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            ((*name).to_owned(), ImageConfig { entrypoint: owned(entrypoint), cmd: owned(cmd) })
        })
        .collect();
    let repository = ArtifactRepository {
        s3: Some(S3ArtifactRepository { bucket: BUCKET.to_owned(), ..S3ArtifactRepository::default() }),
        ..ArtifactRepository::default()
    };
    RunConfig {
        pod: PodOptions {
            executor_image: EXECUTOR_IMAGE.to_owned(),
            images,
            artifact_repository: Some(repository),
            ..PodOptions::default()
        },
        ..RunConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use argo_local::node::Program;

    use super::images;

    #[test]
    fn images_are_programs_or_folders() {
        let known = images(&["tool=/bin/echo -n".to_owned(), "root=/".to_owned()]).unwrap();
        assert_eq!(known.find("tool:1"), Some(&Program::Command(vec!["/bin/echo".to_owned(), "-n".to_owned()])));
        assert!(matches!(known.find("root"), Some(Program::Folder(_))));
        assert!(images(&["x".to_owned()]).is_err());
    }
}
