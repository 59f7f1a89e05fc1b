//! Time as something that is handed in: drivers never look at the wall clock themselves.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

/// Where a driver has its time from.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Returns as soon as it is `at` or later.
    async fn sleep_until(&self, at: Timestamp);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        // The wall clock may be set back while we sleep, so a wake-up is only a reason to look again.
        loop {
            let left = at.duration_since(Timestamp::now());
            match std::time::Duration::try_from(left) {
                Ok(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

/// A clock that stands until somebody moves it: for tests and simulators.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now) }
    }

    /// Moves the clock forward and wakes everybody whose time has come.
    pub fn advance(&self, by: jiff::SignedDuration) {
        self.now.send_modify(|now| *now = now.checked_add(by).unwrap_or(*now));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut watching = self.now.subscribe();
        // The sender lives as long as `self`, so the wait cannot fail while we are borrowed.
        let _ = watching.wait_for(|now| *now >= at).await;
    }
}
