//! The one driver: observe, ask, apply, wait, for every engine and every kind of object.
//!
//! Inputs of all watches are put into one queue per object, and one task at a time works on an object. A round takes everything
//! that is queued, asks the engine once, carries out what is to happen before the status, patches the status, carries out the rest.
//!
//! # Invariant
//! At every moment, *what the API holds is enough to take the decisions that are still open again*:
//!
//! 1. Effects that create have names that are a function of the object, and go **before** the status that mentions them. A crash in between
//!    leaves an object that the next decision, the same one, finds already made (`AlreadyExists`, owned by us, is success).
//! 2. Effects that take away, release or tell others go **after** the status: nothing that a decision was made from is destroyed before the decision is stored.
//! 3. A status patch carries the `resourceVersion` it was decided from. When somebody else was faster, the newer object is looked at: if its status is
//!    the one we last wrote (labels or spec changed), the patch is sent again on top of it; if the status itself was changed, the engine starts again from it and the
//!    patch is dropped. So no foreign change is lost, and neither is one of ours: it is decided again.
//! 4. A patch that cannot be written stays, grows by what is decided meanwhile, and holds back the effects of stage 2.
//!
//! What stage 2 loses in a crash (a label, a delayed deletion, a Kubernetes event) is decided again by the engine when it loads the object, or is left to the
//! garbage collector through owner references.

mod engine;
mod feed;
mod level;
mod object;
mod objects;
mod round;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::core::ApiResource;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

pub use engine::{Decision, Engine, Failure, Input, Interpreter, Key, OnConflict, Stage, Target};
pub use feed::Source;
pub use level::{Level, Reconciler};
pub use object::Object;
pub use objects::{FIELD_MANAGER, api, create, delete, failure, is_transient, merge, patch_params};

use crate::clock::Clock;
use round::Cell;

/// How a driver works.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// How many objects are worked on at the same time.
    pub workers: usize,
    /// How many independent effects of one object are carried out at the same time.
    pub effects_at_once: usize,
    /// How often an effect is tried before the engine is told that it failed.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each further one.
    pub first_backoff: Duration,
    /// The longest wait between two tries.
    pub max_backoff: Duration,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            workers: 64,
            effects_at_once: 32,
            attempts: 5,
            first_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(30),
        }
    }
}

/// What kind of objects are driven, and how their status is written.
#[derive(Clone, Debug)]
pub struct Primary {
    /// The kind.
    pub resource: ApiResource,
    /// Whether `status` is written through the subresource. Upstream's Workflow has none.
    pub status_subresource: bool,
}

enum Message<A> {
    Object(Arc<Object>),
    Gone { uid: String },
    Input(Input<A>),
    Wake,
}

struct Slot<E: Engine> {
    inbox: Vec<Message<E::Answer>>,
    running: bool,
    cell: Option<Box<Cell<E>>>,
    timer: Option<AbortOnDropHandle<()>>,
}

impl<E: Engine> Default for Slot<E> {
    fn default() -> Self {
        Self { inbox: Vec::new(), running: false, cell: None, timer: None }
    }
}

struct State<E: Engine> {
    open: bool,
    slots: HashMap<Key, Slot<E>>,
}

struct Inner<E: Engine> {
    client: Client,
    primary: Primary,
    interpreter: Box<dyn Interpreter<E::Effect, E::Answer>>,
    make: Box<dyn Fn(&Key) -> E + Send + Sync>,
    clock: Arc<dyn Clock>,
    options: DriverOptions,
    state: Mutex<State<E>>,
    permits: Semaphore,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Drives all objects of one kind.
pub struct Driver<E: Engine> {
    inner: Arc<Inner<E>>,
}

impl<E: Engine> Clone for Driver<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<E: Engine> Driver<E> {
    /// A driver of the given kind; `make` gives the engine of an object that is seen for the first time.
    pub fn new(
        client: Client,
        primary: Primary,
        interpreter: impl Interpreter<E::Effect, E::Answer>,
        make: impl Fn(&Key) -> E + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
        options: DriverOptions,
    ) -> Self {
        let permits = Semaphore::new(options.workers.max(1));
        Self {
            inner: Arc::new(Inner {
                client,
                primary,
                interpreter: Box::new(interpreter),
                make: Box::new(make),
                clock,
                options,
                state: Mutex::new(State { open: false, slots: HashMap::new() }),
                permits,
                cancel: CancellationToken::new(),
                tasks: TaskTracker::new(),
            }),
        }
    }

    /// Tells the engine of an object something.
    pub fn tell(&self, key: &Key, answer: E::Answer) {
        self.inner.push(key, Message::Input(Input::Answer(answer)));
    }

    /// Runs until `shutdown`. Work begins when all sources have been listed once: the objects first, then what belongs to them, so that
    /// a child that is not in the list is truly gone. Dropping the future stops everything at once, which is as safe as a crash.
    pub async fn run(&self, objects: Source, children: Vec<Source>, shutdown: impl Future<Output = ()>) {
        let inner = &self.inner;
        let _stop_when_dropped = inner.cancel.clone().drop_guard();
        let opening = async {
            inner.watch(objects, true).await;
            let listed: Vec<_> = children.into_iter().map(|source| inner.watch(source, false)).collect();
            futures::future::join_all(listed).await;
            inner.open();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = shutdown => {}
            () = opening => {}
        }
        inner.cancel.cancel();
        inner.tasks.close();
        inner.tasks.wait().await;
    }
}

impl<E: Engine> Inner<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // Nothing panics while holding the lock, and the state is valid after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            cancel.run_until_cancelled_owned(work).await;
        });
    }

    /// Starts watching; the future ends when the first list is complete.
    fn watch(self: &Arc<Self>, source: Source, is_primary: bool) -> impl Future<Output = ()> + use<E> {
        let (listed, ready) = oneshot::channel();
        let inner = Arc::clone(self);
        self.spawn(async move { inner.follow(source, is_primary, listed).await });
        async move {
            // The sender is dropped unsent only when everything is being stopped.
            let _ = ready.await;
        }
    }

    fn open(self: &Arc<Self>) {
        let waiting: Vec<Key> = {
            let mut state = self.lock();
            state.open = true;
            state
                .slots
                .iter_mut()
                .filter(|(_, slot)| !slot.inbox.is_empty() && !slot.running)
                .map(|(key, slot)| {
                    slot.running = true;
                    key.clone()
                })
                .collect()
        };
        for key in waiting {
            self.start(key);
        }
    }

    fn push(self: &Arc<Self>, key: &Key, message: Message<E::Answer>) {
        let start = {
            let mut state = self.lock();
            let open = state.open;
            let slot = state.slots.entry(key.clone()).or_default();
            slot.inbox.push(message);
            let start = open && !slot.running;
            slot.running |= start;
            start
        };
        if start {
            self.start(key.clone());
        }
    }

    fn start(self: &Arc<Self>, key: Key) {
        let inner = Arc::clone(self);
        self.spawn(async move {
            while let Some((messages, cell)) = inner.take(&key) {
                // The semaphore is never closed.
                let _permit = inner.permits.acquire().await;
                let (cell, wake_at) = inner.round(&key, messages, cell).await;
                inner.put_back(&key, cell, wake_at);
            }
        });
    }

    /// Everything queued for an object, with its engine; none when there is nothing to do, and then the task ends.
    #[allow(clippy::type_complexity)]
    fn take(&self, key: &Key) -> Option<(Vec<Message<E::Answer>>, Option<Box<Cell<E>>>)> {
        let mut state = self.lock();
        let slot = state.slots.get_mut(key)?;
        if slot.inbox.is_empty() {
            slot.running = false;
            if slot.cell.is_none() {
                state.slots.remove(key);
            }
            return None;
        }
        slot.timer = None;
        Some((std::mem::take(&mut slot.inbox), slot.cell.take()))
    }

    fn put_back(self: &Arc<Self>, key: &Key, cell: Option<Box<Cell<E>>>, wake_at: Option<Timestamp>) {
        let timer = wake_at.map(|at| {
            let (inner, key, clock, cancel) = (Arc::clone(self), key.clone(), Arc::clone(&self.clock), self.cancel.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                if cancel.run_until_cancelled_owned(clock.sleep_until(at)).await.is_some() {
                    inner.push(&key, Message::Wake);
                }
            }))
        });
        if let Some(slot) = self.lock().slots.get_mut(key) {
            slot.cell = cell;
            slot.timer = timer;
        }
    }
}
