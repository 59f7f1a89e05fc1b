//! The API on loopback, for kubectl and for pods: TLS with a certificate of its own, HTTP/1.1 and HTTP/2.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::ApiService;

/// How long a client may take over its TLS handshake and its request's head.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Why the server could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is one that others could reach.
    #[error("{address} is no loopback address; the embedded API listens on this machine only (use 127.0.0.1)")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (another program may use the port; port 0 takes any free one)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("the certificate of the embedded API could not be made")]
    Certificate(#[source] rcgen::Error),
    /// What is kept of it could not be written.
    #[error("{} could not be written", path.display())]
    Keep {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was kept of it is no certificate or key.
    #[error("the certificate of the embedded API cannot be read")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// TLS could not be set up with it.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
}

/// A server that listens.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
}

impl Server {
    /// Starts listening; ends when `shutdown` says so. What clients were told, its port and its certificates, is kept in `keep`.
    pub(crate) async fn start(
        listen: SocketAddr,
        service: ApiService,
        shutdown: CancellationToken,
        tasks: &TaskTracker,
        keep: Option<&Path>,
    ) -> Result<Self, ServeError> {
        if !listen.ip().is_loopback() {
            return Err(ServeError::NotLoopback { address: listen });
        }
        let identity = Identity::kept_or_new(listen, keep)?;
        let listener = bind(listen, keep).await?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { address: listen, source })?;
        if let Some(keep) = keep {
            write(&keep.join(PORT), &address.port().to_string())?;
        }
        let (ca_pem, config) = identity.configuration()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tasks.spawn(accept(listener, acceptor, service, shutdown, tasks.clone()));
        Ok(Self { address, ca_pem })
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, service: ApiService, shutdown: CancellationToken, tasks: TaskTracker) {
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection to the embedded API could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let (acceptor, service, shutdown) = (acceptor.clone(), service.clone(), shutdown.clone());
        tasks.spawn(async move {
            let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else { return };
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            builder.http2().timer(TokioTimer::new()).max_concurrent_streams(1024);
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection to the embedded API ended early");
                    }
                }
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), connection).await;
                }
            }
        });
    }
}

/// What is kept of a server, so that whoever was told of it finds it again after a restart: pods go on in between.
const CA: &str = "ca.pem";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
const PORT: &str = "port";

fn write(path: &Path, text: &str) -> Result<(), ServeError> {
    let keep = || {
        let mut file = std::fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    keep().map_err(|source| ServeError::Keep { path: path.to_owned(), source })
}

/// The address that was asked for; where any port will do, the one of the last time, if it is free.
async fn bind(listen: SocketAddr, keep: Option<&Path>) -> Result<TcpListener, ServeError> {
    let last = keep.filter(|_| listen.port() == 0).and_then(|keep| std::fs::read_to_string(keep.join(PORT)).ok());
    if let Some(port) = last.and_then(|port| port.trim().parse().ok())
        && let Ok(listener) = TcpListener::bind((listen.ip(), port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind(listen).await.map_err(|source| ServeError::Listen { address: listen, source })
}

/// A server's certificate with its key, and the authority that signed it; as PEM.
struct Identity {
    ca: String,
    certificate: String,
    key: String,
}

impl Identity {
    fn kept_or_new(listen: SocketAddr, keep: Option<&Path>) -> Result<Self, ServeError> {
        let Some(keep) = keep else { return Self::new(listen) };
        std::fs::create_dir_all(keep).map_err(|source| ServeError::Keep { path: keep.to_owned(), source })?;
        let read = |name: &str| std::fs::read_to_string(keep.join(name)).ok();
        if let (Some(ca), Some(certificate), Some(key)) = (read(CA), read(CERTIFICATE), read(KEY)) {
            let kept = Self { ca, certificate, key };
            // Half-written ones are made anew.
            if kept.configuration().is_ok() {
                return Ok(kept);
            }
        }
        let new = Self::new(listen)?;
        for (name, text) in [(KEY, &new.key), (CERTIFICATE, &new.certificate), (CA, &new.ca)] {
            write(&keep.join(name), text)?;
        }
        Ok(new)
    }

    fn new(listen: SocketAddr) -> Result<Self, ServeError> {
        let made = ServeError::Certificate;
        let ca_key = KeyPair::generate().map_err(made)?;
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        ca.distinguished_name.push(DnType::CommonName, "argo embedded API");
        let ca_certificate = ca.self_signed(&ca_key).map_err(made)?;
        let key = KeyPair::generate().map_err(made)?;
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        let mut server = CertificateParams::new(names.map(str::to_owned).to_vec()).map_err(made)?;
        server.subject_alt_names.push(SanType::IpAddress(listen.ip()));
        server.distinguished_name.push(DnType::CommonName, "argo embedded API server");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::new(ca, ca_key);
        let certificate = server.signed_by(&key, &issuer).map_err(made)?;
        Ok(Self { ca: ca_certificate.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn configuration(&self) -> Result<(String, rustls::ServerConfig), ServeError> {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(ServeError::Pem);
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(ServeError::Pem)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ServeError::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate(&self.certificate)?, certificate(&self.ca)?], key)
            .map_err(ServeError::Tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok((self.ca.clone(), config))
    }
}
