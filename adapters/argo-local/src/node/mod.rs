//! A Kubernetes node that runs pods as process trees of this machine: an ordinary client of the API, so it can also join a real one.
//!
//! Each container runs under a supervisor, which is this program started again ([`shim`]), in namespaces of its own with an overlay over
//! the host's files where the machine allows it, as a plain process in a scratch folder elsewhere. What the supervisors write below the
//! node's folder is all that a restarted node needs: with [`NodeOptions::survive`] containers go on when the node is killed, and the next
//! node finds them again. No container run is ever started twice.
//!
//! Processes run as the user who runs the node. The isolation keeps pods out of each other's way; it is no wall against malice.

mod config;
mod container;
mod driver;
mod env;
mod events;
mod images;
mod logs;
mod probes;
mod registry;
mod resident;
mod runner;
mod sandbox;
mod shim;
mod spec;
mod status;
mod tokens;
mod tools;
mod volumes;
mod worker;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node as NodeObject, NodeAddress, NodeCondition, NodeStatus, NodeSystemInfo, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde_json::json;
use tokio::sync::mpsc;

pub use images::{Images, Program};
pub use resident::{Call, ResidentRun, Residents, Surroundings};
pub use shim::{InPlace, shim};

use crate::Clock;
use crate::backend::NodeBackend;
use registry::Registry;
use spec::{RunDir, Sandbox};
use worker::Input;

/// Where pods reach the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAccess {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The certificate that its certificate is signed with, as PEM.
    pub ca_pem: String,
}

/// Which isolation the node is to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// The best that the machine allows.
    #[default]
    Auto,
    /// Namespaces, or the node does not start.
    Namespaces,
    /// Plain processes.
    Plain,
}

/// How a node is set up.
#[derive(Clone)]
pub struct NodeOptions {
    /// Name of the Node object.
    pub name: String,
    /// Folder for pods, logs and claims. It must be this node's alone.
    pub root: PathBuf,
    /// Containers go on when the node ends and are found again by the next one with the same folder. Otherwise nothing outlives the node.
    pub survive: bool,
    /// Starts this program as the node's helper: what makes it call [`shim`].
    pub shim: Vec<OsString>,
    /// Program and first arguments that stand for `argoexec`; may be empty.
    pub executor: Vec<OsString>,
    /// Image whose containers are the executor.
    pub executor_image: String,
    /// Runs containers of the executor's image without a process, where it can.
    pub residents: Option<Arc<dyn Residents>>,
    /// Folders of the host that containers are not to see, besides the node's own; where they have a file system of their own.
    pub hidden: Vec<PathBuf>,
    /// Most pods at a time; more wait. Kubernetes' own default is 110.
    pub max_pods: u32,
    /// Folder that stands for all object stores: the executor's containers find it as `ARGO_LOCAL_ARTIFACTS`. Made where it is missing.
    pub artifacts: Option<PathBuf>,
    /// What stands for other images.
    pub images: Images,
    /// Where pods reach the API; without it they get no credentials.
    pub api: Option<ApiAccess>,
    /// Which isolation to use.
    pub isolation: Isolation,
    /// The clock.
    pub clock: Clock,
}

impl NodeOptions {
    /// A node with the usual settings: this program with `__node` as its shim, no executor, the best isolation there is.
    #[must_use]
    pub fn new(name: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        Self {
            name: name.into(),
            root: root.into(),
            survive: false,
            shim: vec![program.into_os_string(), "__node".into()],
            executor: Vec::new(),
            executor_image: String::new(),
            residents: None,
            hidden: Vec::new(),
            max_pods: 110,
            artifacts: None,
            images: Images::default(),
            api: None,
            isolation: Isolation::Auto,
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// Why a node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its folder cannot be used.
    #[error("node folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No thread could be started.
    #[error("thread of the node: {0}")]
    Thread(#[source] std::io::Error),
    /// No shim was given.
    #[error("the node has no program to start supervisors with")]
    NoShim,
    /// Namespaces were asked for and are not to be had.
    #[error("this machine does not allow namespaces: {0}")]
    NoNamespaces(String),
    /// The Node object could not be written.
    #[error("registration of node {name}: {source}")]
    Register {
        /// The node.
        name: String,
        /// What the API says.
        source: Box<kube::Error>,
    },
}

/// Folders below the node's: see [`spec::RunSpec`].
const MOUNT_POINT: &str = "root";
const EMPTY: &str = "empty";

/// What everything in a running node shares.
struct Context {
    client: Client,
    options: NodeOptions,
    root: PathBuf,
    program: PathBuf,
    shim_args: Vec<String>,
    runner: runner::Runner,
    sandbox: Sandbox,
    why: String,
    tools: tools::Tools,
    tokens: tokens::Tokens,
    events: events::Events,
    clock: Clock,
    host_mounts: Vec<PathBuf>,
    /// It was said that limits are not enforced.
    unlimited: std::sync::atomic::AtomicBool,
}

impl Context {
    fn pod_folder(&self, uid: &str) -> PathBuf {
        pod_folder(&self.root, uid)
    }

    fn run_dir(&self, uid: &str, container: &str, attempt: u32) -> RunDir {
        run_dir(&self.root, uid, container, attempt)
    }

    fn claim_folder(&self, uid: &str) -> PathBuf {
        self.root.join("claims").join(uid)
    }
}

fn pod_folder(root: &std::path::Path, uid: &str) -> PathBuf {
    root.join("pods").join(uid.replace(['/', '.'], "_"))
}

fn run_dir(root: &std::path::Path, uid: &str, container: &str, attempt: u32) -> RunDir {
    RunDir(run_folder(root, uid).join(format!("{}{attempt}", run_prefix(container))))
}

/// Name of the folder, in a pod's, that holds the runs of its containers.
const RUNS: &str = "containers";

/// Folder of all runs of a pod's containers.
fn run_folder(root: &std::path::Path, uid: &str) -> PathBuf {
    pod_folder(root, uid).join(RUNS)
}

fn run_prefix(container: &str) -> String {
    format!("{}.", container.replace(['/', '.'], "_"))
}

/// Numbers of the runs of a container that have a folder.
fn attempts(root: &std::path::Path, uid: &str, container: &str) -> impl Iterator<Item = u32> + use<> {
    let prefix = run_prefix(container);
    let runs = std::fs::read_dir(run_folder(root, uid)).into_iter().flatten().flatten();
    runs.filter_map(move |entry| entry.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok())
}

/// A node.
pub struct Node {
    client: Client,
    options: NodeOptions,
    registry: Arc<Registry>,
}

impl Node {
    /// A node that is a client of `client`'s API. It does nothing before [`Node::run`].
    #[must_use]
    pub fn new(client: Client, options: NodeOptions) -> Self {
        let registry = Arc::new(Registry::new(options.root.clone(), options.clock.clone()));
        Self { client, options, registry }
    }

    /// What the API asks of the node.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn NodeBackend> {
        Arc::clone(&self.registry) as Arc<dyn NodeBackend>
    }

    /// Runs pods until `shutdown`; then ends them, each with its grace, unless they are to survive.
    ///
    /// # Errors
    /// The node cannot be set up or registered. Later trouble is a pod's.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let Self { client, options, registry } = self;
        let ctx = Arc::new(set_up(client, options).await?);
        register(&ctx).await?;
        let claims = tokio::spawn(keep_claims(Arc::clone(&ctx)));
        let renewal = tokio::spawn({
            let ctx = Arc::clone(&ctx);
            async move {
                loop {
                    ctx.tokens.renew().await;
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            }
        });
        let mut pods = Pods { ctx: Arc::clone(&ctx), registry, handles: BTreeMap::new(), listed: None };
        pods.run(shutdown).await;
        claims.abort();
        renewal.abort();
        Ok(())
    }
}

async fn set_up(client: Client, options: NodeOptions) -> Result<Context, NodeError> {
    let folder = |source| NodeError::Folder { path: options.root.clone(), source };
    std::fs::create_dir_all(&options.root).map_err(folder)?;
    let root = std::fs::canonicalize(&options.root).map_err(folder)?;
    std::fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(folder)?;
    if let Some(path) = &options.artifacts {
        std::fs::create_dir_all(path).map_err(|source| NodeError::Folder { path: path.clone(), source })?;
    }
    for name in [MOUNT_POINT, EMPTY] {
        std::fs::create_dir_all(root.join(name)).map_err(folder)?;
    }
    raise_open_files();
    let (program, shim_args) = options.shim.split_first().ok_or(NodeError::NoShim)?;
    let program = PathBuf::from(program);
    let shim_args: Vec<String> = shim_args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let runner = runner::Runner::new(program.clone()).map_err(NodeError::Thread)?;
    let best = Sandbox::Namespaces { rootfs: spec::Rootfs::Overlay, tmpfs: false, user: false };
    let tools_in = |sandbox| tools::Tools::new(&root.join("tools"), sandbox, &options.shim, &options.executor);
    let (sandbox, reasons, tools) = if options.isolation == Isolation::Plain {
        (Sandbox::Plain, vec!["as asked for".to_owned()], tools_in(Sandbox::Plain).map_err(folder)?)
    } else {
        let tools = tools_in(best).map_err(folder)?;
        let tries = root.join("probe");
        let (sandbox, reasons) = sandbox::probe(&runner, &tries, &tools, &shim_args).await;
        drop(runner::remove_tree(&tries));
        match (sandbox, options.isolation) {
            (Sandbox::Plain, Isolation::Namespaces) => return Err(NodeError::NoNamespaces(reasons.join("; "))),
            (Sandbox::Plain, _) => (sandbox, reasons, tools_in(Sandbox::Plain).map_err(folder)?),
            _ => (sandbox, reasons, tools),
        }
    };
    let why = reasons.join("; ");
    tracing::info!(node = options.name, why, "containers run as {}", sandbox::describe(sandbox));
    let clock = options.clock.clone();
    Ok(Context {
        events: events::Events::new(client.clone(), options.name.clone(), clock.clone()),
        tokens: tokens::Tokens::new(client.clone(), root.join("tokens"), options.api.clone(), clock.clone()),
        host_mounts: sandbox::host_mounts(&root),
        unlimited: std::sync::atomic::AtomicBool::new(false),
        client,
        root,
        program,
        shim_args,
        runner,
        sandbox,
        why,
        tools,
        clock,
        options,
    })
}

/// Each container takes a file handle of the node: as many as the system lets this process have are made available.
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let wanted = hard.min(65_536);
        if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_err() {
            tracing::debug!("only {soft} files may be open");
        }
    }
}

async fn register(ctx: &Context) -> Result<(), NodeError> {
    let api: Api<NodeObject> = Api::all(ctx.client.clone());
    let name = ctx.options.name.as_str();
    let failed = |source| NodeError::Register { name: name.to_owned(), source: Box::new(source) };
    let mut object = NodeObject::default();
    object.metadata.name = Some(name.to_owned());
    let (os, arch) = (std::env::consts::OS, if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" });
    // With the old names, as upstream's kubelet has them still.
    let labels = [
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", os),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/os", os),
        ("beta.kubernetes.io/arch", arch),
    ];
    object.metadata.labels = Some(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => return Err(failed(error)),
    }
    let capacity: BTreeMap<_, _> = ["cpu", "memory", "ephemeral-storage"].map(|name| (name.to_owned(), config::capacity(name))).into();
    let mut capacity = capacity;
    capacity.insert("pods".to_owned(), k8s_openapi::apimachinery::pkg::api::resource::Quantity(ctx.options.max_pods.to_string()));
    let now = Some(Time((ctx.clock)()));
    let status = NodeStatus {
        addresses: Some(vec![
            NodeAddress { address: status::POD_IP.to_owned(), type_: "InternalIP".to_owned() },
            NodeAddress { address: name.to_owned(), type_: "Hostname".to_owned() },
        ]),
        allocatable: Some(capacity.clone()),
        capacity: Some(capacity),
        conditions: Some(vec![NodeCondition {
            last_heartbeat_time: now.clone(),
            last_transition_time: now,
            message: Some(format!("containers run as {}", sandbox::describe(ctx.sandbox))),
            reason: Some("KubeletReady".to_owned()),
            status: "True".to_owned(),
            type_: "Ready".to_owned(),
        }]),
        node_info: Some(NodeSystemInfo {
            architecture: arch.to_owned(),
            operating_system: os.to_owned(),
            container_runtime_version: format!("argo-local://{}", env!("CARGO_PKG_VERSION")),
            kubelet_version: "v1.32.0".to_owned(),
            os_image: "argo-local".to_owned(),
            kernel_version: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            ..NodeSystemInfo::default()
        }),
        ..NodeStatus::default()
    };
    let patch = json!({"status": status});
    let object = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await.map_err(failed)?;
    let about = object.object_ref(&());
    let how = format!("containers run as {}", sandbox::describe(ctx.sandbox));
    ctx.events.post(about.clone(), false, "Starting", &how);
    if ctx.sandbox == Sandbox::Plain {
        let message = format!("no isolation: paths in containers are those of the host ({})", ctx.why);
        ctx.events.post(about, true, "NoIsolation", &message);
    }
    Ok(())
}

/// Removes the folders of claims that are gone.
async fn keep_claims(ctx: Arc<Context>) {
    let api: Api<PersistentVolumeClaim> = Api::all(ctx.client.clone());
    let mut stream = watcher(api, watcher::Config::default()).boxed();
    let mut listed = std::collections::BTreeSet::new();
    loop {
        match stream.next().await {
            Some(Ok(watcher::Event::Init)) => listed.clear(),
            Some(Ok(watcher::Event::InitApply(claim))) => listed.extend(claim.metadata.uid.map(|uid| ctx.claim_folder(&uid))),
            Some(Ok(watcher::Event::InitDone)) => {
                for entry in std::fs::read_dir(ctx.root.join("claims")).into_iter().flatten().flatten() {
                    if !listed.contains(&entry.path()) {
                        drop(runner::remove_tree(&entry.path()));
                    }
                }
            }
            Some(Ok(watcher::Event::Delete(claim))) => {
                if let Some(uid) = claim.metadata.uid {
                    drop(runner::remove_tree(&ctx.claim_folder(&uid)));
                }
            }
            Some(Ok(watcher::Event::Apply(_))) => {}
            Some(Err(error)) => {
                tracing::debug!("watch of claims: {error}");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            None => return,
        }
    }
}

/// The pods of the node.
struct Pods {
    ctx: Arc<Context>,
    registry: Arc<Registry>,
    /// By uid.
    handles: BTreeMap<String, driver::Handle>,
    /// Uids seen in a list that is under way.
    listed: Option<Vec<String>>,
}

fn terminal(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

impl Pods {
    async fn run(&mut self, shutdown: impl Future<Output = ()>) {
        let api: Api<Pod> = Api::all(self.ctx.client.clone());
        let config = watcher::Config::default().fields(&format!("spec.nodeName={}", self.ctx.options.name));
        let mut stream = watcher(api, config).boxed();
        let (ended, mut over) = mpsc::unbounded_channel::<String>();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(uid) = over.recv() => self.over(&uid).await,
                event = stream.try_next() => match event {
                    Ok(Some(event)) => self.event(event, &ended).await,
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!("watch of pods: {error}");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
            }
        }
        let handles = std::mem::take(&mut self.handles);
        if self.ctx.options.survive {
            handles.values().for_each(|handle| handle.task.abort());
            return;
        }
        for handle in handles.values() {
            drop(handle.inputs.send(Input::Shutdown));
        }
        for (_, handle) in handles {
            drop(handle.task.await);
        }
    }

    async fn event(&mut self, event: watcher::Event<Pod>, ended: &mpsc::UnboundedSender<String>) {
        match event {
            watcher::Event::Init => self.listed = Some(Vec::new()),
            watcher::Event::InitApply(pod) => {
                if let (Some(listed), Some(uid)) = (&mut self.listed, &pod.metadata.uid) {
                    listed.push(uid.clone());
                }
                self.apply(pod, ended).await;
            }
            watcher::Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                for uid in self.registry.others(&listed) {
                    self.gone(uid);
                }
                self.remove_orphans(&listed);
            }
            watcher::Event::Apply(pod) => self.apply(pod, ended).await,
            watcher::Event::Delete(pod) => {
                if let Some(uid) = pod.metadata.uid {
                    self.gone(uid);
                }
            }
        }
    }

    async fn apply(&mut self, pod: Pod, ended: &mpsc::UnboundedSender<String>) {
        let Some(uid) = pod.metadata.uid.clone() else { return };
        self.registry.put(&pod);
        let heard = |handle: &driver::Handle| handle.inputs.send(Input::Pod(Box::new(pod.clone()))).is_ok();
        if self.handles.get(&uid).is_some_and(heard) {
            return;
        }
        if terminal(&pod) || self.handles.contains_key(&uid) {
            if driver::to_be_removed(&pod) {
                driver::remove(&self.ctx, &pod).await;
            }
            return;
        }
        let handle = driver::spawn(Arc::clone(&self.ctx), pod, ended.clone());
        self.handles.insert(uid, handle);
    }

    /// A pod's task has ended: a deletion that it did not hear of any more is done here.
    async fn over(&mut self, uid: &str) {
        if let Some(pod) = self.registry.by_uid(uid).filter(driver::to_be_removed) {
            driver::remove(&self.ctx, &pod).await;
        }
    }

    /// The object of a pod is gone: ends what still runs and removes its folder.
    fn gone(&mut self, uid: String) {
        self.registry.remove(&uid);
        let handle = self.handles.remove(&uid);
        let folder = self.ctx.pod_folder(&uid);
        tokio::spawn(async move {
            if let Some(handle) = handle {
                drop(handle.inputs.send(Input::Gone));
                drop(handle.task.await);
            }
            clear(folder).await;
        });
    }

    /// Folders of pods that were deleted while no node ran.
    fn remove_orphans(&self, listed: &[String]) {
        let known: Vec<PathBuf> = listed.iter().map(|uid| self.ctx.pod_folder(uid)).collect();
        for entry in std::fs::read_dir(self.ctx.root.join("pods")).into_iter().flatten().flatten() {
            let path = entry.path();
            if !known.contains(&path) {
                let ctx = Arc::clone(&self.ctx);
                tokio::spawn(async move {
                    for run in std::fs::read_dir(path.join(RUNS)).into_iter().flatten().flatten() {
                        if let runner::Found::Running(mut run) = ctx.runner.find(&RunDir(run.path())).await {
                            run.remote().kill().await;
                            run.ended().await;
                        }
                    }
                    clear(path).await;
                });
            }
        }
    }
}

async fn clear(folder: PathBuf) {
    let shown = folder.clone();
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || runner::remove_tree(&folder)).await {
        tracing::warn!("{}: {error}", shown.display());
    }
}
