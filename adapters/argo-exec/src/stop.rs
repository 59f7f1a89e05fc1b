//! How a run of the executor is asked to end.

use std::future::Future;

use tokio::sync::mpsc;

/// Says when a run is asked to end.
#[derive(Debug)]
pub struct Stop(mpsc::Receiver<()>);

impl Stop {
    /// By SIGTERM or SIGINT to this process. To be called within a runtime.
    #[must_use]
    pub fn on_signals() -> Self {
        let (asked, asks) = mpsc::channel(1);
        #[cfg(unix)]
        for kind in [tokio::signal::unix::SignalKind::terminate(), tokio::signal::unix::SignalKind::interrupt()] {
            let asked = asked.clone();
            match tokio::signal::unix::signal(kind) {
                Ok(mut signals) => {
                    tokio::spawn(async move {
                        while signals.recv().await.is_some() {
                            let _ = asked.try_send(());
                        }
                    });
                }
                Err(e) => tracing::warn!("signals are not seen: {e}"),
            }
        }
        drop(asked);
        Self(asks)
    }

    /// When a future ends. To be called within a runtime.
    #[must_use]
    pub fn when(asked: impl Future<Output = ()> + Send + 'static) -> Self {
        let (ask, asks) = mpsc::channel(1);
        tokio::spawn(async move {
            asked.await;
            let _ = ask.try_send(());
        });
        Self(asks)
    }

    /// Never.
    #[must_use]
    pub fn never() -> Self {
        Self(mpsc::channel(1).1)
    }

    /// Returns when it is asked.
    pub(crate) async fn asked(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}
