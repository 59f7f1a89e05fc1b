//! The embedded control plane, assembled: an API in the process, the controllers over it, and a node that runs pods as processes.

use std::path::PathBuf;

use kube::Client;

use crate::failure::{Code, Failure, Outcome};

/// How a control plane is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where its state is kept; in memory when none.
    pub data: Option<PathBuf>,
    /// Port on 127.0.0.1; a free one when none.
    pub port: Option<u16>,
}

/// A running control plane.
pub struct Embedded {
    client: Client,
}

impl Embedded {
    /// Starts one.
    pub async fn start(options: &Options) -> Outcome<Self> {
        let _ = options;
        Err(Failure::new(Code::CannotStart, "the embedded control plane is not assembled yet"))
    }

    /// A client of its API, as its administrator.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where its API listens.
    pub fn address(&self) -> String {
        String::new()
    }

    /// Writes a kubeconfig that only the user can read.
    pub fn write_kubeconfig(&self, _path: &std::path::Path) -> Outcome {
        Ok(())
    }

    /// Ends it: controllers, then pods, then the API.
    pub async fn shutdown(self) -> Outcome {
        Ok(())
    }
}
