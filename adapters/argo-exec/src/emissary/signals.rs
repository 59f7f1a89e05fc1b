//! Signals for the command: from outside the process, and from the file that `wait` leaves.

use std::fs;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::unistd::Pid;
use signal_hook::iterator::Signals as Incoming;

use super::read_number;
use crate::Paths;
use crate::watch::FolderWatch;

/// What the command is asked to do, and where it is.
#[derive(Default)]
struct State {
    target: Option<(Pid, bool)>,
    /// Signals that came while there was no command.
    held: Vec<Signal>,
    stop: Option<Signal>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The signals of this process, passed on to the command.
pub(super) struct Signals {
    incoming: Mutex<Option<Incoming>>,
    shared: Arc<Shared>,
}

/// All that a container may be sent; others keep their meaning for this process.
const PASSED_ON: [Signal; 11] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
    Signal::SIGIO,
];

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, signal: Signal) {
        let mut state = self.lock();
        if matches!(signal, Signal::SIGTERM | Signal::SIGKILL | Signal::SIGINT | Signal::SIGQUIT) {
            state.stop = Some(signal);
        }
        match state.target {
            Some((pid, group)) => deliver(pid, group, signal),
            None => state.held.push(signal),
        }
        self.changed.notify_all();
    }
}

fn deliver(pid: Pid, group: bool, signal: Signal) {
    tracing::debug!(%signal, "passing a signal on");
    let sent = if group { killpg(pid, signal) } else { kill(pid, signal) };
    if let Err(e) = sent {
        tracing::debug!(%signal, "the command is gone: {e}");
    }
}

impl Signals {
    /// Takes the process's signals over. They are caught, not blocked: a command would inherit a blocked signal.
    pub(super) fn take_over() -> io::Result<Self> {
        let incoming = Incoming::new(PASSED_ON.map(|signal| signal as i32))?;
        // Whoever started this process may have held signals back, which the command would inherit: it could not be stopped.
        SigSet::all().thread_unblock()?;
        Ok(Self { incoming: Mutex::new(Some(incoming)), shared: Arc::default() })
    }

    /// Starts to listen.
    pub(super) fn start(&self, paths: &Paths, container: &str) {
        let incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shared = Arc::clone(&self.shared);
        let outside = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let Some(mut incoming) = incoming else { return };
            for signal in incoming.forever() {
                if let Ok(signal) = Signal::try_from(signal) {
                    shared.send(signal);
                }
            }
        });
        let (file, folder, shared) = (paths.signal_file(container), paths.container(container), Arc::clone(&self.shared));
        let from_file = thread::Builder::new().name("signal-file".to_owned()).spawn(move || {
            let watch = FolderWatch::new(&[folder]);
            loop {
                if let Some(number) = read_number(&file) {
                    let _ = fs::remove_file(&file);
                    match Signal::try_from(number) {
                        Ok(signal) => shared.send(signal),
                        Err(_) => tracing::warn!(number, "not a signal"),
                    }
                }
                watch.wait();
            }
        });
        for started in [outside, from_file] {
            if let Err(e) = started {
                tracing::error!("signals will not reach the command: {e}");
            }
        }
    }

    /// Names the process that signals go to, and sends it those that came before.
    pub(super) fn aim(&self, pid: i32, group: bool) {
        let mut state = self.shared.lock();
        let pid = Pid::from_raw(pid);
        state.target = Some((pid, group));
        for signal in std::mem::take(&mut state.held) {
            deliver(pid, group, signal);
        }
    }

    /// The process has ended.
    pub(super) fn aim_at_nothing(&self) {
        self.shared.lock().target = None;
    }

    /// The signal that asked to stop, if one did.
    pub(super) fn asked_to_stop(&self) -> Option<i32> {
        self.shared.lock().stop.map(|signal| signal as i32)
    }

    /// Waits, but not when asked to stop.
    pub(super) fn sleep(&self, time: Duration) -> Option<i32> {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, time, |state| state.stop.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stop.map(|signal| signal as i32)
    }
}
