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
    inotify: Option<nix::sys::inotify::Inotify>,
}

impl FolderWatch {
    /// Watches folders, which must exist.
    #[cfg(target_os = "linux")]
    pub(crate) fn new(folders: &[PathBuf]) -> Self {
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
        let watch = || {
            let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            for folder in folders {
                inotify.add_watch(folder, AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE)?;
            }
            Ok::<_, nix::Error>(inotify)
        };
        Self { inotify: watch().inspect_err(|e| tracing::info!("no inotify ({e}): polling")).ok() }
    }

    /// Watches folders, which must exist.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new(_: &[PathBuf]) -> Self {
        Self {}
    }

    /// Returns after a change, or after a while without one.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait(&self) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        let Some(inotify) = &self.inotify else { return std::thread::sleep(POLL) };
        let slow = u16::try_from(POLL.as_millis() * 8).unwrap_or(u16::MAX);
        let _ = poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], PollTimeout::from(slow));
        while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
    }

    /// Returns after a while.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn wait(&self) {
        std::thread::sleep(POLL);
    }
}
