//! What the API asks of a node: the part of the kubelet's own API that kube-apiserver passes requests on to.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// Which part of a container's log is wanted; the query parameters of `pods/log`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    /// Container; empty where the pod has only one.
    pub container: String,
    /// Go on as more is written, until the container has ended.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// Only what is not older than so many seconds.
    pub since_seconds: Option<i64>,
    /// Only what is not older than this.
    pub since_time: Option<jiff::Timestamp>,
    /// Each line after the time it was written.
    pub timestamps: bool,
    /// Stop after so many bytes.
    pub limit_bytes: Option<u64>,
    /// Of the run before the last restart.
    pub previous: bool,
}

/// Why a node cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It runs no such pod or container; the sentence is for the client.
    #[error("{0}")]
    NotFound(String),
    /// The container has not started yet, or the request makes no sense now; the sentence is for the client.
    #[error("{0}")]
    BadRequest(String),
    /// Its own trouble.
    #[error("{0}")]
    Internal(String),
}

/// A node, as the API sees it.
#[async_trait]
pub trait NodeBackend: Send + Sync + 'static {
    /// The log of a container, in pieces as they are read.
    ///
    /// # Errors
    /// Before anything is read: see [`BackendError`].
    async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, BackendError>;
}
