//! Output of the command: passed through and kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a silent pipe that a left-over process still holds is listened to after the command's end.
const LAST_WORDS: u8 = 100;

/// The threads that copy a command's output.
pub(super) struct Tees {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

fn append(path: &Path) -> Option<File> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.inspect_err(|e| tracing::error!(path = %path.display(), "output is not kept: {e}")).ok()
}

fn own(fd: BorrowedFd<'_>) -> Option<File> {
    fd.try_clone_to_owned().ok().map(File::from)
}

impl Tees {
    /// Copies standard output to our own and to both files, standard error to our own and to the second.
    pub(super) fn start(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>, stdout_file: &Path, combined_file: &Path) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let mut spawn = |copy: Box<dyn FnOnce() + Send>| match thread::Builder::new().spawn(copy) {
            Ok(handle) => threads.push(handle),
            Err(e) => tracing::error!("output is lost: {e}"),
        };
        if let Some(from) = stdout {
            let to = vec![own(io::stdout().as_fd()), append(stdout_file), append(combined_file)];
            let ended = Arc::clone(&ended);
            spawn(Box::new(move || copy(from, to, &ended)));
        }
        if let Some(from) = stderr {
            let to = vec![own(io::stderr().as_fd()), append(combined_file)];
            let ended = Arc::clone(&ended);
            spawn(Box::new(move || copy(from, to, &ended)));
        }
        Self { ended, threads }
    }

    /// Waits until all that the command wrote is copied.
    pub(super) fn finish(self) {
        self.ended.store(true, Ordering::Release);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn copy(mut from: impl Read + AsFd, mut to: Vec<Option<File>>, ended: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let over = ended.load(Ordering::Acquire);
        let patience = if over { PollTimeout::from(LAST_WORDS) } else { PollTimeout::from(2 * u16::from(LAST_WORDS)) };
        match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], patience) {
            Ok(0) if over => return,
            Ok(0) | Err(nix::Error::EINTR) => continue,
            Ok(_) => {}
            Err(e) => return tracing::error!("output is lost: {e}"),
        }
        let n = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return tracing::error!("output is lost: {e}"),
        };
        let text = buffer.get(..n).unwrap_or_default();
        for sink in &mut to {
            // A reader that went away, or a full disk, must not stop the command.
            if let Some(Err(e)) = sink.as_mut().map(|file| file.write_all(text)) {
                tracing::warn!("output is no longer copied: {e}");
                *sink = None;
            }
        }
    }
}
