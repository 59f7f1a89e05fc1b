//! The API on loopback, for kubectl and for pods: TLS with a certificate of its own, HTTP/1.1 and HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
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
    /// Starts listening; ends when `shutdown` says so.
    pub(crate) async fn start(
        listen: SocketAddr,
        service: ApiService,
        shutdown: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, ServeError> {
        if !listen.ip().is_loopback() {
            return Err(ServeError::NotLoopback { address: listen });
        }
        let (ca_pem, config) = certificate(listen)?;
        let listener = TcpListener::bind(listen).await.map_err(|source| ServeError::Listen { address: listen, source })?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { address: listen, source })?;
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

/// A certificate authority of its own, and a server certificate by it.
fn certificate(listen: SocketAddr) -> Result<(String, rustls::ServerConfig), ServeError> {
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
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ServeError::Tls)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone(), ca_certificate.der().clone()], key)
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((ca_certificate.pem(), config))
}
