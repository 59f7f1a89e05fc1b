//! Service-account tokens of pods: one folder for each account, shared by its pods and kept fresh.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::Mutex;

use super::ApiAccess;
use super::worker::Trouble;
use crate::Clock;

/// Life of a token.
const LIFE: i64 = 3607;
/// A token is replaced when less than this is left of it.
const RENEW: SignedDuration = SignedDuration::from_secs(720);

pub(crate) type Account = (String, String);
type Expiry = Arc<Mutex<Option<Timestamp>>>;

pub(crate) struct Tokens {
    client: Client,
    folder: PathBuf,
    access: Option<ApiAccess>,
    clock: Clock,
    accounts: Mutex<BTreeMap<Account, Expiry>>,
}

fn trouble(message: String) -> Trouble {
    Trouble { reason: "FailedMount".to_owned(), message, passing: true }
}

/// Namespace and name of a pod's service account.
pub(crate) fn account(pod: &Pod) -> Account {
    let name = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone()).filter(|name| !name.is_empty());
    (pod.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned()), name.unwrap_or_else(|| "default".to_owned()))
}

fn put(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let draft = folder.join(format!(".{name}"));
    fs::write(&draft, text)?;
    // Readable for whatever user the container runs as; the folder above is the node's alone.
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o644))?;
    fs::rename(draft, folder.join(name))
}

impl Tokens {
    pub(crate) fn new(client: Client, folder: PathBuf, access: Option<ApiAccess>, clock: Clock) -> Self {
        // Accounts whose pods an earlier life of the node has started: their tokens are renewed first of all.
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>()
        };
        let accounts = names(&folder).into_iter().flat_map(|namespace| {
            let accounts = names(&folder.join(&namespace)).into_iter();
            accounts.map(move |name| ((namespace.clone(), name), Arc::new(Mutex::new(Some(Timestamp::UNIX_EPOCH)))))
        });
        let accounts = Mutex::new(accounts.collect());
        Self { client, folder, access, clock, accounts }
    }

    async fn request(&self, account: &Account, audience: Option<&str>, seconds: i64) -> Result<(String, Option<Timestamp>), Trouble> {
        let (namespace, name) = account;
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let spec = TokenRequestSpec {
            audiences: audience.map(|audience| vec![audience.to_owned()]),
            expiration_seconds: Some(seconds),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let failed =
            |error: &dyn std::fmt::Display| trouble(format!("failed to fetch token of serviceaccount {namespace}/{name}: {error}"));
        let answer = api.create_token_request(name, &PostParams::default(), &request).await.map_err(|error| failed(&error))?;
        let status = answer.status.ok_or_else(|| failed(&"the answer has no status"))?;
        let token = status.token.ok_or_else(|| failed(&"the answer has no token"))?;
        Ok((token, status.expiration_timestamp.map(|time| time.0)))
    }

    /// A token of the pod's account for a projected volume.
    pub(crate) async fn fetch(&self, pod: &Pod, audience: Option<&str>, seconds: Option<i64>) -> Result<String, Trouble> {
        Ok(self.request(&account(pod), audience, seconds.unwrap_or(LIFE)).await?.0)
    }

    /// The folder of the pod's account with token, ca.crt, namespace and kubeconfig; none where the API is not served.
    pub(crate) async fn folder(&self, pod: &Pod) -> Result<Option<PathBuf>, Trouble> {
        let Some(access) = &self.access else { return Ok(None) };
        let account = account(pod);
        let folder = self.folder.join(&account.0).join(&account.1);
        let expiry = Arc::clone(self.accounts.lock().await.entry(account.clone()).or_default());
        let mut expiry = expiry.lock().await;
        let now = (self.clock)();
        if expiry.is_none_or(|expiry| expiry.duration_since(now) < RENEW) {
            let (token, until) = self.request(&account, None, LIFE).await?;
            write(&folder, &account.0, &token, access).map_err(|error| trouble(format!("{}: {error}", folder.display())))?;
            *expiry = Some(until.unwrap_or_else(|| now.checked_add(SignedDuration::from_secs(LIFE)).unwrap_or(Timestamp::MAX)));
        }
        Ok(Some(folder))
    }

    /// Renews what is about to expire.
    pub(crate) async fn renew(&self) {
        let known: Vec<(Account, Expiry)> =
            self.accounts.lock().await.iter().map(|(account, expiry)| (account.clone(), Arc::clone(expiry))).collect();
        let Some(access) = &self.access else { return };
        for (account, expiry) in known {
            let mut expiry = expiry.lock().await;
            if expiry.is_some_and(|expiry| expiry.duration_since((self.clock)()) < RENEW) {
                let folder = self.folder.join(&account.0).join(&account.1);
                match self.request(&account, None, LIFE).await {
                    Ok((token, until)) => match write(&folder, &account.0, &token, access) {
                        Ok(()) => *expiry = until,
                        Err(error) => tracing::warn!("{}: {error}", folder.display()),
                    },
                    Err(trouble) => tracing::warn!("{}", trouble.message),
                }
            }
        }
    }
}

fn write(folder: &Path, namespace: &str, token: &str, access: &ApiAccess) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    put(folder, "token", token)?;
    put(folder, "ca.crt", &access.ca_pem)?;
    put(folder, "namespace", namespace)?;
    let host = if access.host.contains(':') { format!("[{}]", access.host) } else { access.host.clone() };
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "pod",
        "clusters": [{"name": "local", "cluster": {
            "server": format!("https://{host}:{}", access.port), "certificate-authority": folder.join("ca.crt")}}],
        "users": [{"name": "pod", "user": {"tokenFile": folder.join("token")}}],
        "contexts": [{"name": "pod", "context": {"cluster": "local", "user": "pod", "namespace": namespace}}],
    });
    put(folder, "kubeconfig", &config.to_string())
}
