//! Signals as something to poll.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};

/// The signals of a set, blocked from now on, to be read instead.
#[cfg(target_os = "linux")]
pub(super) struct Signals(nix::sys::signalfd::SignalFd);

#[cfg(target_os = "linux")]
impl Signals {
    pub(super) fn new(set: &SigSet) -> Result<Self, nix::Error> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// What has arrived.
    pub(super) fn take(&mut self) -> Vec<Signal> {
        let mut taken = Vec::new();
        while let Ok(Some(info)) = self.0.read_signal() {
            taken.extend(i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()));
        }
        taken
    }
}

#[cfg(target_os = "linux")]
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The signals of a set, blocked from now on; a thread waits for them and writes their numbers to a pipe.
#[cfg(not(target_os = "linux"))]
pub(super) struct Signals(std::io::PipeReader);

#[cfg(not(target_os = "linux"))]
impl Signals {
    pub(super) fn new(set: &SigSet) -> Result<Self, nix::Error> {
        use std::io::Write;
        set.thread_block()?;
        let (reader, mut writer) = std::io::pipe().map_err(|_| nix::Error::EMFILE)?;
        let set = *set;
        std::thread::spawn(move || {
            loop {
                if let Ok(signal) = set.wait() {
                    if writer.write_all(&[u8::try_from(signal as i32).unwrap_or(0)]).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self(reader))
    }

    /// What has arrived; at least one, as the pipe was said to be readable.
    pub(super) fn take(&mut self) -> Vec<Signal> {
        use std::io::Read;
        let mut bytes = [0; 16];
        let length = self.0.read(&mut bytes).unwrap_or(0);
        let bytes = bytes.get(..length).unwrap_or_default();
        bytes.iter().filter_map(|number| Signal::try_from(i32::from(*number)).ok()).collect()
    }
}

#[cfg(not(target_os = "linux"))]
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
