//! Who holds which mutex and semaphore: pure, one instance for all workflows of a controller.
//!
//! A request names all its locks at once and gets all of them or none, as upstream does: it stands in the queue of each, and holds when it is first in each of
//! them and each has room. Queues go by priority (higher first), then by creation time, then by arrival, which is one order for all locks, so that requests for
//! several locks cannot wait for each other in a circle.
//!
//! ```
//! use argo_dag::effect::Lock;
//! use argo_dag::event::LockOutcome;
//! use argo_dag::locks::{LockManager, LockRequest};
//!
//! let mut locks = LockManager::new();
//! let limits = |_: &str, _: &argo_core::workflows::SemaphoreRef| Ok(1);
//! let ask = |holder: &str| LockRequest { locks: vec![Lock::Mutex { name: "ns/Mutex/m".into() }], holder: holder.into(), priority: 0, created: None };
//! let told = locks.acquire(&ask("ns/wf/a"), &limits);
//! assert_eq!(told[0].outcome, LockOutcome::Held);
//! let told = locks.acquire(&ask("ns/wf/b"), &limits);
//! assert!(matches!(&told[0].outcome, LockOutcome::Waiting { message, .. } if message == "Waiting for ns/Mutex/m lock. Lock status: 0/1"));
//! let told = locks.release("ns/wf/a", &limits);
//! assert_eq!((told[0].node_id(), &told[0].outcome), ("b", &LockOutcome::Held));
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argo_core::meta::Time;
use argo_core::workflows::{MutexHolding, MutexStatus, SemaphoreHolding, SemaphoreRef, SemaphoreStatus, SynchronizationStatus, Workflow};

use crate::effect::Lock;
use crate::event::LockOutcome;

/// Reads a semaphore's limit: its name and where the limit stands. An error is the reason why there is none.
pub type Limits<'a> = dyn Fn(&str, &SemaphoreRef) -> Result<i64, String> + 'a;

/// What one holder asks for: the fields of [`Effect::AcquireLocks`](crate::Effect::AcquireLocks).
#[derive(Clone, Debug, PartialEq)]
pub struct LockRequest {
    /// All locks that it needs.
    pub locks: Vec<Lock>,
    /// `namespace/workflow[/nodeID]`.
    pub holder: String,
    /// Higher goes first.
    pub priority: i64,
    /// Earlier goes first among equals.
    pub created: Option<Time>,
}

/// News for one holder.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// `namespace/workflow[/nodeID]`.
    pub holder: String,
    /// What came of its request.
    pub outcome: LockOutcome,
}

impl Told {
    /// Namespace of the workflow that is to be told.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.holder.split('/').next().unwrap_or_default()
    }

    /// Name of the workflow that is to be told.
    #[must_use]
    pub fn workflow(&self) -> &str {
        self.holder.split('/').nth(1).unwrap_or_default()
    }

    /// Node that is to be told; the workflow's own name for workflow-level locks.
    #[must_use]
    pub fn node_id(&self) -> &str {
        self.holder.split('/').nth(2).unwrap_or_else(|| self.workflow())
    }
}

// The order of all queues.
type Place = (Reverse<i64>, Option<Time>, u64);

#[derive(Clone, Debug, Default)]
struct State {
    holders: BTreeSet<String>,
    queue: BTreeMap<Place, String>,
    // The last limit that could be read: upstream goes on with it while the source is gone.
    limit: Option<i64>,
}

#[derive(Clone, Debug)]
struct Waiting {
    place: Place,
    locks: Vec<Lock>,
}

/// All locks of a controller.
#[derive(Clone, Debug, Default)]
pub struct LockManager {
    locks: BTreeMap<String, State>,
    held: BTreeMap<String, BTreeSet<String>>,
    waiting: BTreeMap<String, Waiting>,
    arrivals: u64,
}

impl Lock {
    /// The lock's name as upstream writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Mutex { name } | Self::Semaphore { name, .. } => name,
        }
    }
}

impl LockManager {
    /// Nobody holds anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what a stored workflow says that it holds. To be called for every workflow before the first request after a start.
    pub fn reload(&mut self, workflow: &Workflow) {
        let Some(status) = workflow.status.synchronization.as_ref() else { return };
        let (namespace, name) = (&workflow.metadata.namespace, &workflow.metadata.name);
        // Before 3.6 upstream stored the node id alone, or the workflow's name.
        let full = |holder: &str| match holder {
            h if h.contains('/') => h.to_owned(),
            h if h == name => format!("{namespace}/{name}"),
            h => format!("{namespace}/{name}/{h}"),
        };
        let mutexes = status.mutex.iter().flat_map(|m| &m.holding).map(|h| (h.mutex.as_str(), h.holder.as_str()));
        let semaphores =
            status.semaphore.iter().flat_map(|s| &s.holding).flat_map(|h| h.holders.iter().map(|one| (h.semaphore.as_str(), one.as_str())));
        for (lock, holder) in mutexes.chain(semaphores) {
            if !holder.is_empty() {
                self.hold(lock, &full(holder));
            }
        }
    }

    /// Asks for locks. Asking again changes nothing and gives the answer of now. The first news is the asker's; others may follow.
    pub fn acquire(&mut self, request: &LockRequest, limits: &Limits<'_>) -> Vec<Told> {
        let holder = &request.holder;
        if let Err(message) = self.known(&request.locks, limits) {
            let mut told = vec![Told { holder: holder.clone(), outcome: LockOutcome::Refused { message } }];
            told.extend(self.release(holder, limits));
            return told;
        }
        if !self.waiting.contains_key(holder) {
            let place = (Reverse(request.priority), request.created, self.arrivals);
            self.arrivals = self.arrivals.saturating_add(1);
            for lock in &request.locks {
                self.locks.entry(lock.name().to_owned()).or_default().queue.insert(place, holder.clone());
            }
            self.waiting.insert(holder.clone(), Waiting { place, locks: request.locks.clone() });
        }
        let mut told = self.grant(request.locks.iter().map(|l| l.name().to_owned()).collect(), limits);
        if self.waiting.contains_key(holder) {
            told.insert(0, Told { holder: holder.clone(), outcome: self.why(holder, limits) });
        } else if let Some(at) = told.iter().position(|t| t.holder == *holder) {
            told.swap(0, at);
        } else {
            // A request without locks.
            told.insert(0, Told { holder: holder.clone(), outcome: LockOutcome::Held });
        }
        told
    }

    /// Gives back everything that a holder has or waits for, and says who holds now because of it.
    pub fn release(&mut self, holder: &str, limits: &Limits<'_>) -> Vec<Told> {
        let mut touched = Vec::new();
        if let Some(waiting) = self.waiting.remove(holder) {
            for lock in &waiting.locks {
                if let Some(state) = self.locks.get_mut(lock.name()) {
                    state.queue.remove(&waiting.place);
                }
                touched.push(lock.name().to_owned());
            }
        }
        for lock in self.held.remove(holder).unwrap_or_default() {
            if let Some(state) = self.locks.get_mut(&lock) {
                state.holders.remove(holder);
            }
            touched.push(lock);
        }
        self.grant(touched, limits)
    }

    /// Gives back everything that a workflow and its nodes have or wait for: it ended or is gone.
    pub fn release_workflow(&mut self, namespace: &str, name: &str, limits: &Limits<'_>) -> Vec<Told> {
        let whole = format!("{namespace}/{name}");
        let part = format!("{whole}/");
        let mine = |holder: &&String| **holder == whole || holder.starts_with(&part);
        let holders: BTreeSet<String> = self.held.keys().filter(mine).chain(self.waiting.keys().filter(mine)).cloned().collect();
        let told: Vec<Told> = holders.iter().flat_map(|holder| self.release(holder, limits)).collect();
        told.into_iter().filter(|t| !holders.contains(&t.holder)).collect()
    }

    /// Looks at every queue again: limits may have changed.
    pub fn refresh(&mut self, limits: &Limits<'_>) -> Vec<Told> {
        self.grant(self.locks.keys().cloned().collect(), limits)
    }

    /// Who holds a lock, in order of name.
    pub fn holders(&self, lock: &str) -> impl Iterator<Item = &str> {
        self.locks.get(lock).into_iter().flat_map(|s| s.holders.iter().map(String::as_str))
    }

    /// Who waits for a lock, next first.
    pub fn queue(&self, lock: &str) -> impl Iterator<Item = &str> {
        self.locks.get(lock).into_iter().flat_map(|s| s.queue.values().map(String::as_str))
    }

    /// Whether a holder has all that it asked for.
    #[must_use]
    pub fn holds(&self, holder: &str) -> bool {
        self.held.contains_key(holder) && !self.waiting.contains_key(holder)
    }

    fn hold(&mut self, lock: &str, holder: &str) {
        self.locks.entry(lock.to_owned()).or_default().holders.insert(holder.to_owned());
        self.held.entry(holder.to_owned()).or_default().insert(lock.to_owned());
    }

    // A semaphore without a positive limit is refused when it is first heard of; later it only makes wait.
    fn known(&mut self, locks: &[Lock], limits: &Limits<'_>) -> Result<(), String> {
        for lock in locks {
            if let Lock::Semaphore { name, source } = lock
                && !self.locks.contains_key(name)
                && !limits(name, source).is_ok_and(|n| n > 0)
            {
                return Err(format!("failed to initialize semaphore {name} with limit"));
            }
        }
        Ok(())
    }

    fn limit(&mut self, lock: &Lock, limits: &Limits<'_>) -> i64 {
        let Lock::Semaphore { name, source } = lock else { return 1 };
        let state = self.locks.entry(name.clone()).or_default();
        if let Ok(limit) = limits(name, source) {
            state.limit = Some(limit);
        }
        state.limit.unwrap_or_default()
    }

    // Whoever is first in a touched queue may now hold; having left its queues, those behind it may too.
    fn grant(&mut self, mut touched: Vec<String>, limits: &Limits<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        touched.reverse();
        while let Some(lock) = touched.pop() {
            let Some(holder) = self.locks.get(&lock).and_then(|s| s.queue.values().next().cloned()) else {
                if self.locks.get(&lock).is_some_and(|s| s.holders.is_empty()) {
                    self.locks.remove(&lock);
                }
                continue;
            };
            let Some(waiting) = self.waiting.get(&holder).cloned() else { continue };
            if !waiting.locks.iter().all(|l| self.free(l, &holder, limits)) {
                continue;
            }
            self.waiting.remove(&holder);
            for one in &waiting.locks {
                if let Some(state) = self.locks.get_mut(one.name()) {
                    state.queue.remove(&waiting.place);
                }
                self.hold(one.name(), &holder);
                touched.push(one.name().to_owned());
            }
            told.push(Told { holder, outcome: LockOutcome::Held });
        }
        told
    }

    fn free(&mut self, lock: &Lock, holder: &str, limits: &Limits<'_>) -> bool {
        let limit = self.limit(lock, limits);
        self.locks.get(lock.name()).is_some_and(|state| {
            let first = state.queue.values().next().is_some_and(|h| h == holder);
            state.holders.contains(holder) || (first && count(&state.holders) < limit)
        })
    }

    fn why(&mut self, holder: &str, limits: &Limits<'_>) -> LockOutcome {
        let locks = self.waiting.get(holder).map(|w| w.locks.clone()).unwrap_or_default();
        for lock in &locks {
            if !self.free(lock, holder, limits) {
                let limit = self.limit(lock, limits);
                let name = lock.name();
                let used = self.locks.get(name).map_or(0, |s| count(&s.holders));
                let message = format!("Waiting for {name} lock. Lock status: {}/{limit}", limit.saturating_sub(used));
                return LockOutcome::Waiting { lock: name.to_owned(), message };
            }
        }
        LockOutcome::Held
    }
}

fn count(holders: &BTreeSet<String>) -> i64 {
    i64::try_from(holders.len()).unwrap_or(i64::MAX)
}

/// Writes into a workflow's status that `holder` waits for `lock`, which `holders` have. Says whether the status changed.
pub fn note_waiting(status: &mut SynchronizationStatus, lock: &Lock, holders: &[String]) -> bool {
    match lock {
        Lock::Mutex { name } => {
            let Some(first) = holders.first() else { return false };
            let list = &mut status.mutex.get_or_insert_with(MutexStatus::default).waiting;
            match list.iter_mut().find(|h| h.mutex == *name) {
                Some(entry) if entry.holder == *first => return false,
                Some(entry) => entry.holder.clone_from(first),
                None => list.push(MutexHolding { mutex: name.clone(), holder: first.clone(), ..MutexHolding::default() }),
            }
            true
        }
        Lock::Semaphore { name, .. } => {
            let list = &mut status.semaphore.get_or_insert_with(SemaphoreStatus::default).waiting;
            match list.iter_mut().find(|h| h.semaphore == *name) {
                Some(entry) if entry.holders == holders => return false,
                Some(entry) => entry.holders = holders.to_vec(),
                None => list.push(SemaphoreHolding { semaphore: name.clone(), holders: holders.to_vec(), ..SemaphoreHolding::default() }),
            }
            true
        }
    }
}

/// Writes into a workflow's status that `holder` has `lock` now. Says whether the status changed.
pub fn note_held(status: &mut SynchronizationStatus, lock: &Lock, holder: &str) -> bool {
    match lock {
        Lock::Mutex { name } => {
            let list = &mut status.mutex.get_or_insert_with(MutexStatus::default).holding;
            match list.iter_mut().find(|h| h.mutex == *name) {
                Some(entry) if entry.holder == holder => return false,
                Some(entry) => holder.clone_into(&mut entry.holder),
                None => list.push(MutexHolding { mutex: name.clone(), holder: holder.to_owned(), ..MutexHolding::default() }),
            }
            true
        }
        Lock::Semaphore { name, .. } => {
            let semaphore = status.semaphore.get_or_insert_with(SemaphoreStatus::default);
            for entry in &mut semaphore.waiting {
                if entry.semaphore == *name {
                    entry.holders.retain(|h| h != holder);
                }
            }
            match semaphore.holding.iter_mut().find(|h| h.semaphore == *name) {
                Some(entry) if entry.holders.iter().any(|h| h == holder) => return false,
                Some(entry) => entry.holders.push(holder.to_owned()),
                None => {
                    let entry =
                        SemaphoreHolding { semaphore: name.clone(), holders: vec![holder.to_owned()], ..SemaphoreHolding::default() };
                    semaphore.holding.push(entry);
                }
            }
            true
        }
    }
}

/// Takes out of a workflow's status all that `holder` had. Says whether the status changed.
pub fn note_released(status: &mut SynchronizationStatus, holder: &str) -> bool {
    let mut changed = false;
    if let Some(mutex) = &mut status.mutex {
        let before = mutex.holding.len();
        mutex.holding.retain(|h| h.holder != holder);
        changed |= mutex.holding.len() != before;
    }
    if let Some(semaphore) = &mut status.semaphore {
        for entry in &mut semaphore.holding {
            let before = entry.holders.len();
            entry.holders.retain(|h| h != holder);
            changed |= entry.holders.len() != before;
        }
        semaphore.holding.retain(|h| !h.holders.is_empty());
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutex(name: &str) -> Lock {
        Lock::Mutex { name: format!("ns/Mutex/{name}") }
    }

    fn semaphore(key: &str) -> Lock {
        Lock::Semaphore { name: format!("ns/ConfigMap/cm/{key}"), source: Box::default() }
    }

    fn limits(name: &str, _: &SemaphoreRef) -> Result<i64, String> {
        name.rsplit('/').next().and_then(|n| n.parse().ok()).ok_or_else(|| "no number".to_owned())
    }

    fn ask(locks: &mut LockManager, holder: &str, wanted: &[Lock], priority: i64) -> LockOutcome {
        let request = LockRequest { locks: wanted.to_vec(), holder: format!("ns/{holder}"), priority, created: None };
        locks.acquire(&request, &limits)[0].outcome.clone()
    }

    fn told(news: &[Told]) -> Vec<&str> {
        news.iter().map(|t| t.holder.as_str()).collect()
    }

    #[test]
    fn a_semaphore_lets_in_as_many_as_its_limit() {
        let mut locks = LockManager::new();
        assert_eq!(ask(&mut locks, "w/a", &[semaphore("2")], 0), LockOutcome::Held);
        assert_eq!(ask(&mut locks, "w/b", &[semaphore("2")], 0), LockOutcome::Held);
        let LockOutcome::Waiting { message, .. } = ask(&mut locks, "w/c", &[semaphore("2")], 0) else { panic!() };
        assert_eq!(message, "Waiting for ns/ConfigMap/cm/2 lock. Lock status: 0/2");
        assert_eq!(told(&locks.release("ns/w/a", &limits)), ["ns/w/c"]);
        assert_eq!(locks.release("ns/w/a", &limits), []);
    }

    #[test]
    fn a_higher_priority_goes_first_then_who_came_first() {
        let mut locks = LockManager::new();
        for (holder, priority) in [("w/a", 0), ("w/b", 1), ("w/c", 5), ("w/d", 1)] {
            ask(&mut locks, holder, &[mutex("m")], priority);
        }
        assert_eq!(locks.queue("ns/Mutex/m").collect::<Vec<_>>(), ["ns/w/c", "ns/w/b", "ns/w/d"]);
        assert_eq!(told(&locks.release("ns/w/a", &limits)), ["ns/w/c"]);
    }

    #[test]
    fn several_locks_are_had_all_or_none() {
        let mut locks = LockManager::new();
        ask(&mut locks, "w/a", &[mutex("x")], 0);
        ask(&mut locks, "w/b", &[mutex("y"), mutex("x")], 0);
        assert_eq!(locks.holders("ns/Mutex/y").count(), 0);
        // y is free, but b is before c.
        let LockOutcome::Waiting { message, .. } = ask(&mut locks, "w/c", &[mutex("y")], 0) else { panic!() };
        assert_eq!(message, "Waiting for ns/Mutex/y lock. Lock status: 1/1");
        assert_eq!(told(&locks.release("ns/w/a", &limits)), ["ns/w/b"]);
        assert_eq!(told(&locks.release("ns/w/b", &limits)), ["ns/w/c"]);
    }

    #[test]
    fn who_gives_up_lets_the_next_in() {
        let mut locks = LockManager::new();
        ask(&mut locks, "w/a", &[mutex("x")], 0);
        ask(&mut locks, "w/b", &[mutex("x"), mutex("y")], 0);
        ask(&mut locks, "w/c", &[mutex("y")], 0);
        assert_eq!(told(&locks.release("ns/w/b", &limits)), ["ns/w/c"]);
    }

    #[test]
    fn a_semaphore_without_limit_is_refused() {
        let mut locks = LockManager::new();
        let outcome = ask(&mut locks, "w", &[semaphore("none")], 0);
        assert_eq!(outcome, LockOutcome::Refused { message: "failed to initialize semaphore ns/ConfigMap/cm/none with limit".into() });
        assert!(matches!(ask(&mut locks, "w", &[semaphore("0")], 0), LockOutcome::Refused { .. }));
    }

    #[test]
    fn what_a_status_says_is_held_again() {
        let mut status = SynchronizationStatus::default();
        assert!(note_held(&mut status, &mutex("m"), "ns/w/a"));
        assert!(note_held(&mut status, &semaphore("2"), "ns/w/a"));
        assert!(!note_held(&mut status, &semaphore("2"), "ns/w/a"));
        let mut workflow = Workflow::default();
        workflow.metadata.name = "w".to_owned();
        workflow.metadata.namespace = "ns".to_owned();
        workflow.status.synchronization = Some(status.clone());
        let mut locks = LockManager::new();
        locks.reload(&workflow);
        assert_eq!(ask(&mut locks, "w/a", &[mutex("m"), semaphore("2")], 0), LockOutcome::Held);
        assert!(matches!(ask(&mut locks, "v", &[mutex("m")], 0), LockOutcome::Waiting { .. }));
        assert_eq!(told(&locks.release_workflow("ns", "w", &limits)), ["ns/v"]);
        assert!(note_released(&mut status, "ns/w/a"));
        assert_eq!(status.mutex.map(|m| m.holding.len()), Some(0));
    }

    #[test]
    fn news_name_the_node_or_the_workflow() {
        let news = |holder: &str| Told { holder: holder.to_owned(), outcome: LockOutcome::Held };
        assert_eq!((news("ns/w/a").workflow(), news("ns/w/a").node_id(), news("ns/w").node_id()), ("w", "a", "w"));
    }
}
