//! The API that a command talks to, and the objects it asks for.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use argo_core::workflows::Workflow;
use argo_dag::ops::{self, Actor};
use argo_kube::crd::{self, Kind};
use argo_kube::driver;
use clap::Args;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{ListParams, Patch, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::DynamicObject;
use kube::{Api, Client, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Code, Failure, Outcome};
use crate::show::Look;

/// How often a change is tried again after somebody else was faster.
const TRIES: usize = 10;

/// Which API the commands talk to.
#[derive(Args, Clone, Debug, Default)]
pub struct Connection {
    /// Kubeconfig file [default: that of a running `argo up`, else $KUBECONFIG or ~/.kube/config].
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub context: Option<String>,
    /// Namespace [default: the context's].
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub namespace: Option<String>,
}

/// A client with the namespace that is meant.
#[derive(Clone)]
pub struct Session {
    /// The API.
    pub client: Client,
    /// Namespace.
    pub namespace: String,
    /// What output may look like.
    pub look: Look,
}

/// Where `argo up` leaves its kubeconfig for other commands to find.
pub fn well_known_kubeconfig() -> PathBuf {
    let folder = match (std::env::var_os("XDG_RUNTIME_DIR"), std::env::var_os("HOME")) {
        (Some(runtime), _) if Path::new(&runtime).is_dir() => PathBuf::from(runtime).join("argo"),
        (_, Some(home)) => PathBuf::from(home).join(".argo"),
        _ => std::env::temp_dir().join("argo"),
    };
    folder.join("kubeconfig")
}

/// Whether somebody answers at the server of a kubeconfig: a file may be left over from an `argo up` that was killed.
fn answers(kubeconfig: &Kubeconfig) -> bool {
    let server = kubeconfig.clusters.first().and_then(|c| c.cluster.as_ref()?.server.clone()).unwrap_or_default();
    let Some(authority) = server.strip_prefix("https://") else { return false };
    let addresses = authority.trim_end_matches('/').to_socket_addrs().into_iter().flatten();
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok())
}

impl Connection {
    /// Connects.
    pub async fn session(&self) -> Outcome<Session> {
        let unusable = |e: &dyn std::fmt::Display| {
            Failure::new(Code::Unavailable, format!("there is no API to talk to: {e}"))
                .hint("`argo run FILE` needs none; `argo up` starts one here; --kubeconfig and --context name another")
        };
        let kubeconfig = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file).map_err(|e| {
                Failure::new(Code::NoInput, format!("{}: {e}", file.display())).hint("--kubeconfig names a kubeconfig file")
            })?,
            None if self.context.is_some() => Kubeconfig::read().map_err(|e| unusable(&e))?,
            None => match Kubeconfig::read_from(well_known_kubeconfig()).ok().filter(answers) {
                Some(local) => local,
                None => Kubeconfig::read().map_err(|e| unusable(&e))?,
            },
        };
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| unusable(&e))?;
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|e| unusable(&e))?;
        Ok(Session { client, namespace, look: Look::of_stdout() })
    }
}

impl Session {
    /// Objects of a kind in the session's namespace, or of the cluster where the kind is the cluster's.
    pub fn api(&self, kind: &Kind) -> Api<DynamicObject> {
        self.api_in(kind, &self.namespace)
    }

    /// Objects of a kind in a namespace; in all when that is empty.
    pub fn api_in(&self, kind: &Kind, namespace: &str) -> Api<DynamicObject> {
        driver::api(&self.client, &kind.resource(), if kind.namespaced { namespace } else { "" })
    }

    /// Who we are to the API; nobody where it does not say.
    pub async fn actor(&self) -> Actor {
        let review = Api::<SelfSubjectReview>::all(self.client.clone()).create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let user = review.ok().and_then(|review| review.status?.user_info?.username);
        user.map(Actor::named).unwrap_or_default()
    }

    /// All objects of a kind.
    pub async fn list<T: DeserializeOwned>(&self, kind: &Kind, namespace: &str, params: &ListParams) -> Outcome<Vec<T>> {
        let api = self.api_in(kind, namespace);
        let list = api.list(params).await.map_err(|e| Failure::api(&format!("list {}", kind.plural), &e))?;
        list.items.into_iter().map(read).collect()
    }

    /// One object of a kind.
    pub async fn get<T: DeserializeOwned>(&self, kind: &Kind, name: &str) -> Outcome<T> {
        read(self.api(kind).get(name).await.map_err(|e| Failure::api(&format!("get {} {name:?}", kind.kind), &e))?)
    }

    /// Creates an object.
    pub async fn create<T: Serialize + DeserializeOwned>(&self, kind: &Kind, namespace: &str, object: &T, dry_run: bool) -> Outcome<T> {
        let object = dynamic(object)?;
        let name = object.metadata.name.clone().or_else(|| object.metadata.generate_name.clone()).unwrap_or_default();
        let params = PostParams { dry_run, field_manager: Some(driver::FIELD_MANAGER.to_owned()) };
        let created = self.api_in(kind, namespace).create(&params, &object).await;
        read(created.map_err(|e| Failure::api(&format!("create {} {name:?}", kind.kind), &e))?)
    }

    /// A workflow by name; `@latest` is the newest.
    pub async fn workflow(&self, name: &str) -> Outcome<Workflow> {
        self.get(&crd::WORKFLOW, &self.resolve(name).await?).await
    }

    /// The name that `@latest` stands for; other names stand for themselves.
    pub async fn resolve(&self, name: &str) -> Outcome<String> {
        if name != "@latest" {
            return Ok(name.to_owned());
        }
        let all: Vec<Workflow> = self.list(&crd::WORKFLOW, &self.namespace, &ListParams::default()).await?;
        let newest = all.into_iter().max_by_key(|w| (w.metadata.creation_timestamp, w.metadata.name.clone()));
        newest
            .map(|w| w.metadata.name)
            .ok_or_else(|| Failure::new(Code::Failed, format!("there are no workflows in namespace {}", self.namespace)))
    }

    /// Changes a workflow as `change` says, again if somebody else was faster. None when there was nothing to change.
    pub async fn change(&self, name: &str, mut change: impl FnMut(&Workflow) -> Outcome<Option<Workflow>>) -> Outcome<Option<Workflow>> {
        let api = self.api(&crd::WORKFLOW);
        let mut tries = 0;
        loop {
            let before: Workflow = self.get(&crd::WORKFLOW, name).await?;
            let Some(after) = change(&before)? else { return Ok(None) };
            match api.patch(name, &driver::patch_params(), &Patch::Merge(ops::patch(&before, &after)?)).await {
                Ok(changed) => return read(changed).map(Some),
                Err(kube::Error::Api(status)) if status.code == 409 && tries < TRIES => tries += 1,
                Err(e) => return Err(Failure::api(&format!("change Workflow {name:?}"), &e)),
            }
        }
    }
}

/// An object of the API as one of our types.
pub fn read<T: DeserializeOwned>(object: DynamicObject) -> Outcome<T> {
    let name = object.metadata.name.clone().unwrap_or_default();
    serde_json::to_value(object)
        .and_then(serde_json::from_value)
        .map_err(|e| Failure::new(Code::Internal, format!("the object {name:?} cannot be read: {e}")))
}

/// One of our types as an object for the API.
pub fn dynamic<T: Serialize>(object: &T) -> Outcome<DynamicObject> {
    serde_json::to_value(object)
        .and_then(serde_json::from_value)
        .map_err(|e| Failure::new(Code::Internal, format!("the object cannot be written: {e}")))
}
