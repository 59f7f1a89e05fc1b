//! Waiting for files of other containers to change.

use std::path::PathBuf;
use std::time::Duration;

/// A look at least this often, for file systems that do not report changes.
const POLL: Duration = Duration::from_millis(250);

/// Tells that something changed in a set of folders.
///
/// Uses inotify where there is one and looks every quarter of a second where there is not.
pub(crate) struct FolderWatch {
    #[cfg(target_os = "linux")]
    inotify: Option<std::os::fd::OwnedFd>,
    /// Of the runtime it was first waited in.
    #[cfg(target_os = "linux")]
    ready: Option<tokio::net::unix::pipe::Receiver>,
}

#[cfg(target_os = "linux")]
impl FolderWatch {
    /// Watches folders, which must exist.
    pub(crate) fn new(folders: &[PathBuf]) -> Self {
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
        let watch = || {
            let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            for folder in folders {
                inotify.add_watch(folder, AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE)?;
            }
            Ok::<_, nix::Error>(inotify.into())
        };
        Self { inotify: watch().inspect_err(|e| tracing::info!("no inotify ({e}): polling")).ok(), ready: None }
    }

    /// Returns after a change, or after a while without one.
    pub(crate) fn wait(&self) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        let Some(inotify) = &self.inotify else { return std::thread::sleep(POLL) };
        let slow = u16::try_from(POLL.as_millis() * 8).unwrap_or(u16::MAX);
        let _ = poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], PollTimeout::from(slow));
        let mut buffer = [0; 4096];
        // What was changed is looked up by whoever asked.
        while nix::unistd::read(inotify, &mut buffer).is_ok_and(|length| length > 0) {}
    }

    /// Returns after a change, or after a while where changes are not reported. Within a runtime, always the same one.
    pub(crate) async fn changed(&mut self) {
        if let Some(inotify) = self.inotify.take() {
            // Not a pipe, but waited for and read like one.
            let ready = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(inotify);
            self.ready = ready.inspect_err(|e| tracing::info!("no events ({e}): polling")).ok();
        }
        let Some(ready) = &self.ready else { return tokio::time::sleep(POLL).await };
        if ready.readable().await.is_ok() {
            let mut buffer = [0; 4096];
            while ready.try_read(&mut buffer).is_ok_and(|length| length > 0) {}
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl FolderWatch {
    /// Watches folders, which must exist.
    pub(crate) fn new(_: &[PathBuf]) -> Self {
        Self {}
    }

    /// Returns after a while.
    pub(crate) fn wait(&self) {
        std::thread::sleep(POLL);
    }

    /// Returns after a while.
    pub(crate) async fn changed(&mut self) {
        tokio::time::sleep(POLL).await;
    }
}
