//! Errors of the API, said once and plainly.

use kube::Error;

/// Why the API did not do what it was asked. Shows what the server said, without the client's wrapping.
#[derive(Debug)]
pub struct ApiError(Box<Error>);

impl ApiError {
    /// The client's error.
    #[must_use]
    pub fn inner(&self) -> &Error {
        &self.0
    }
}

impl ApiError {
    /// Whether the server understood and will not do it, now or later.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self.0.as_ref(), Error::Api(status) if matches!(status.code, 400..=499) && !matches!(status.code, 408 | 409 | 410 | 429))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(Box::new(error))
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_ref() {
            Error::Api(status) if !status.message.is_empty() => f.write_str(&status.message)?,
            Error::Api(status) => write!(f, "the API answers {} {}", status.code, status.reason)?,
            other => f.write_str(&crate::artifact::chain(other))?,
        }
        match self.0.as_ref() {
            Error::Api(status) if status.code == 403 => f.write_str(" (the pod's service account lacks this right)"),
            Error::Api(status) if status.code == 401 => f.write_str(" (the pod's service-account token is not accepted)"),
            _ => Ok(()),
        }
    }
}

// The source is part of the message.
impl std::error::Error for ApiError {}
