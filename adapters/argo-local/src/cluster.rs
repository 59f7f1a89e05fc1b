//! Everything together: an API, perhaps on loopback, perhaps kept in a folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use jiff::Timestamp;
use kube::Client;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Identity};
use crate::backend::NodeBackend;
use crate::controllers;
use crate::serve::{ServeError, Server};
use crate::service::{ApiService, Clock, Shared};
use crate::store::{Durability, Snapshot, Store, StoreError};

/// What a cluster is to be.
#[derive(Clone)]
pub struct LocalClusterOptions {
    /// Folder where everything is kept; `None`: in memory, gone with the process.
    pub data_dir: Option<PathBuf>,
    /// What a write outlives, where there is a folder.
    pub durability: Durability,
    /// Loopback address for kubectl and pods; port 0 takes any free one. `None`: only clients in the process.
    pub listen: Option<SocketAddr>,
    /// Namespace of the clients that name none.
    pub namespace: String,
    /// Whether the namespace controller, the garbage collector and the service-account controller run.
    pub controllers: bool,
    /// The clock.
    pub clock: Clock,
}

impl Default for LocalClusterOptions {
    fn default() -> Self {
        Self {
            data_dir: None,
            durability: Durability::default(),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            namespace: "default".to_owned(),
            controllers: true,
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// Why a cluster could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no randomness for tokens.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a kubeconfig could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the kubeconfig {} could not be written", path.display())]
pub struct KubeconfigError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// A Kubernetes API in this process.
///
/// ```
/// use argo_local::{LocalCluster, LocalClusterOptions};
/// use k8s_openapi::api::core::v1::ConfigMap;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = LocalCluster::start(LocalClusterOptions { listen: None, ..Default::default() }).await?;
/// let maps: kube::Api<ConfigMap> = kube::Api::default_namespaced(cluster.client());
/// let map = serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}, "data": {"k": "v"}}))?;
/// maps.create(&Default::default(), &map).await?;
/// assert_eq!(maps.get("a").await?.data.unwrap_or_default()["k"], "v");
/// # cluster.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct LocalCluster {
    shared: Arc<Shared>,
    server: Option<Server>,
    token: String,
    namespace: String,
    tasks: TaskTracker,
}

impl LocalCluster {
    /// Starts one.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(options: LocalClusterOptions) -> Result<Self, StartError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(StartError::Random)?;
        Self::around(Api::new(seed), options).await
    }

    /// One around a state machine of the caller's, such as one with a seed of its own.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn around(mut api: Api, options: LocalClusterOptions) -> Result<Self, StartError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(StartError::Random)?;
        let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret);
        api.set_admin_token(token.clone());
        let opened = match &options.data_dir {
            Some(path) => Some(Store::open(path, options.durability, &mut api)?),
            None => None,
        };
        let now = (options.clock)();
        api.bootstrap(now);
        api.allow_executors(now);
        while options.controllers && api.sweep(now) {}
        let shared = Arc::new(Shared::new(api, Arc::clone(&options.clock), opened));
        // What every cluster has is kept like the rest.
        if let (_, Some(kept)) = shared.with(|_, _| ()) {
            let _ = kept.await;
        }
        let tasks = TaskTracker::new();
        let server = match options.listen {
            Some(listen) => {
                let service = ApiService::new(Arc::clone(&shared), None);
                let keep = options.data_dir.as_ref().map(|folder| folder.join("tls"));
                let server = Server::start(listen, service, shared.shutdown.clone(), &tasks, keep.as_deref()).await?;
                shared.with(|api, _| {
                    api.set_address(server.address.to_string());
                    api.set_ca(server.ca_pem.clone());
                });
                Some(server)
            }
            None => None,
        };
        if options.controllers {
            tasks.spawn(controllers::collect(Arc::clone(&shared)));
        }
        Ok(Self { shared, server, token, namespace: options.namespace, tasks })
    }

    /// Lets the state machine do something and tells watchers what came of it. What it writes reaches the data folder in time, not before this
    /// returns.
    pub fn with<T>(&self, act: impl FnOnce(&mut Api, Timestamp) -> T) -> T {
        self.shared.with(act).0
    }

    /// One for tests: in memory, without a server, ready in milliseconds.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn in_memory() -> Result<Self, StartError> {
        Self::start(LocalClusterOptions { listen: None, ..LocalClusterOptions::default() }).await
    }

    /// Writes all there is at this moment into an empty folder, as one file, `state.redb`: a cluster can be started from it. The cluster goes on
    /// meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be written, or holds data already.
    pub async fn snapshot(&self, folder: &Path) -> Result<(), StoreError> {
        let snapshot = self.shared.with(|api, _| Snapshot::of(api)).0;
        let path = folder.to_owned();
        let written = tokio::task::spawn_blocking(move || snapshot.write(&path)).await;
        written.unwrap_or_else(|stopped| Err(StoreError::Folder { path: folder.to_owned(), source: std::io::Error::other(stopped) }))
    }

    /// A client that may do everything. It lives in the process: no sockets, no TLS.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_as(Identity::admin())
    }

    /// A client of some user.
    #[must_use]
    pub fn client_as(&self, user: Identity) -> Client {
        Client::new(self.service_as(user), self.namespace.clone())
    }

    /// The service behind a user's client, for whoever wants to send plain requests.
    #[must_use]
    pub fn service_as(&self, user: Identity) -> ApiService {
        ApiService::new(Arc::clone(&self.shared), Some(user))
    }

    /// Gives the services of users, for whoever outlives this handle.
    pub fn services(&self) -> impl Fn(Identity) -> ApiService + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move |user| ApiService::new(Arc::clone(&shared), Some(user))
    }

    /// Where the server listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|s| s.address)
    }

    /// The certificate authority of the server, if it listens.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.server.as_ref().map(|s| s.ca_pem.as_str())
    }

    /// The administrator's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A kubeconfig for the server, if it listens. It holds the administrator's token.
    #[must_use]
    pub fn kubeconfig_yaml(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        let ca = base64::engine::general_purpose::STANDARD.encode(&server.ca_pem);
        Some(format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: argo-local\nclusters:\n- name: argo-local\n  cluster:\n    server: https://{}\n    \
             certificate-authority-data: {ca}\nusers:\n- name: argo-local\n  user:\n    token: {}\ncontexts:\n- name: argo-local\n  context:\n    \
             cluster: argo-local\n    user: argo-local\n    namespace: {}\n",
            server.address, self.token, self.namespace
        ))
    }

    /// Writes the kubeconfig to a file that only its owner can read; nothing happens where no server listens.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<(), KubeconfigError> {
        let Some(text) = self.kubeconfig_yaml() else { return Ok(()) };
        let fail = |source| KubeconfigError { path: path.to_owned(), source };
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(folder).map_err(fail)?;
        // A fresh file of mode 0600, put in place whole: nobody reads half of it, and an older file's mode does not matter.
        let mut file = tempfile::Builder::new().prefix(".kubeconfig").tempfile_in(folder).map_err(fail)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(fail)?;
        file.persist(path).map_err(|e| fail(e.error))?;
        Ok(())
    }

    /// Says who has the logs of pods.
    pub fn set_node_backend(&self, backend: Arc<dyn NodeBackend>) {
        self.shared.set_backend(backend);
    }

    /// Ends watches and connections, and puts on disk what is not there yet.
    pub async fn shutdown(self) {
        self.shared.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(store) = self.shared.store() {
            store.close().await;
        }
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        self.shared.shutdown.cancel();
    }
}
