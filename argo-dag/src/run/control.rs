//! What holds a run up from outside: locks, memoized results, suspension, shutdown, deadlines, and effects that could not be applied.

use argo_core::workflows::{MemoizationStatus, NodeStatus, NodeSynchronizationStatus, SynchronizationStatus};
use jiff::SignedDuration;

use super::WorkflowRun;
use super::act::{Act, Gate, Kind};
use super::execute::duration;
use crate::Effect;
use crate::effect::{Lock, MemoEntry};
use crate::event::{Control, LockOutcome};
use crate::locks;

/// First wait before a pod that could not be created is asked for again, and the longest.
const FIRST_WAIT: i64 = 1;
const LONGEST_WAIT: i64 = 60;
/// How the message of a node begins whose pod could not be created yet: after loading, it is asked for again.
pub(super) const NOT_CREATED: &str = "the pod could not be created yet: ";

impl WorkflowRun {
    /// Sees to locks and memoized results before an execution begins; none when it has to wait for them.
    pub(super) fn gates(&mut self, mut act: Box<Act>) -> Option<Box<Act>> {
        if act.is_attempt() {
            return Some(act);
        }
        let existing = self.tree.get(&act.id).cloned();
        let waits = existing.as_ref().is_none_or(|n| n.synchronization_status.as_ref().is_some_and(|s| !s.waiting.is_empty()));
        let wanted = self.wanted_locks(act.template.synchronization.as_ref());
        if !wanted.is_empty() && act.gate == Gate::Open && !self.locks.contains_key(&act.id) {
            self.ask_for_locks(&act.id, &wanted);
            if waits {
                act.gate = Gate::Locks;
                self.acts.insert(act.id.clone(), act);
                return None;
            }
        }
        if let Some(memo) = act.template.memoize.clone()
            && existing.as_ref().is_none_or(|n| n.memoization_status.is_none() && n.phase == "Pending")
            && act.gate != Gate::Memo
        {
            let config_map = memo.cache.and_then(|c| c.config_map).map(|c| c.name).unwrap_or_default();
            let id = act.id.clone();
            act.gate = Gate::Memo;
            self.acts.insert(id.clone(), act);
            self.effect(&["memo", &id], Effect::ReadMemo { node_id: id.clone(), config_map, key: memo.key });
            return None;
        }
        Some(act)
    }

    fn wanted_locks(&self, synchronization: Option<&argo_core::workflows::Synchronization>) -> Vec<Lock> {
        let Some(wanted) = synchronization else { return Vec::new() };
        let own = self.workflow.metadata.namespace.as_str();
        let of = |namespace: &str| if namespace.is_empty() { own.to_owned() } else { namespace.to_owned() };
        let mut locks = Vec::new();
        for mutex in &wanted.mutexes {
            let kind = if mutex.database { "Database" } else { "Mutex" };
            locks.push(Lock::Mutex { name: format!("{}/{kind}/{}", of(&mutex.namespace), mutex.name) });
        }
        for semaphore in &wanted.semaphores {
            let name = match (&semaphore.config_map_key_ref, &semaphore.database) {
                (Some(reference), _) => format!("{}/ConfigMap/{}/{}", of(&semaphore.namespace), reference.name, reference.key),
                (None, Some(database)) => format!("{}/Database/{}", of(&semaphore.namespace), database.key),
                (None, None) => continue,
            };
            locks.push(Lock::Semaphore { name, source: Box::new(semaphore.clone()) });
        }
        locks
    }

    fn holder(&self, id: &str) -> String {
        let workflow = format!("{}/{}", self.workflow.metadata.namespace, self.name());
        if id.is_empty() { workflow } else { format!("{workflow}/{id}") }
    }

    fn ask_for_locks(&mut self, id: &str, wanted: &[Lock]) {
        let holder = self.holder(id);
        let priority = self.spec.priority.unwrap_or(0);
        let created = self.workflow.metadata.creation_timestamp;
        let node_id = if id.is_empty() { self.name().to_owned() } else { id.to_owned() };
        let effect = Effect::AcquireLocks { node_id, locks: wanted.to_vec(), holder, priority, created };
        self.effect(&["locks", id], effect);
        self.locks.insert(id.to_owned(), wanted.to_vec());
    }

    /// The workflow's own locks: true when it may go on.
    pub(super) fn has_workflow_locks(&mut self) -> bool {
        let wanted = self.wanted_locks(self.spec.synchronization.as_ref());
        if wanted.is_empty() {
            return true;
        }
        if !self.locks.contains_key("") {
            self.ask_for_locks("", &wanted);
        }
        self.workflow_locks_held
    }

    pub(super) fn locks_answer(&mut self, node_id: &str, outcome: LockOutcome) {
        // The root node has the workflow's own name: what is held for which is told apart by who waits.
        let is_workflow = node_id == self.name() && self.locks.contains_key("") && !self.workflow_locks_held;
        let id = if is_workflow { String::new() } else { node_id.to_owned() };
        let Some(wanted) = self.locks.get(&id).cloned() else { return };
        match outcome {
            LockOutcome::Held => {
                let holder = self.holder(&id);
                let status = self.workflow.status.synchronization.get_or_insert_with(SynchronizationStatus::default);
                for lock in &wanted {
                    locks::note_held(status, lock, &holder);
                }
                if is_workflow {
                    self.workflow_locks_held = true;
                    self.workflow.status.message.clear();
                } else if self.acts.get(&id).is_some_and(|a| a.gate == Gate::Locks)
                    && let Some(mut act) = self.acts.remove(&id)
                {
                    act.gate = Gate::Open;
                    self.waiting.remove(&id);
                    self.go_on(act);
                }
            }
            LockOutcome::Waiting { lock, message } => {
                let blocking: Option<&Lock> = wanted.iter().find(|l| l.name() == lock);
                let status = self.workflow.status.synchronization.get_or_insert_with(SynchronizationStatus::default);
                if let Some(blocking) = blocking {
                    locks::note_waiting(status, blocking, &[]);
                }
                if is_workflow {
                    self.workflow.status.phase = "Pending".to_owned();
                    self.workflow.status.message = message;
                } else if let Some(act) = self.acts.remove(&id) {
                    if act.gate == Gate::Locks {
                        self.place_waiting(&act, &lock, &message);
                    }
                    self.acts.insert(id, act);
                }
            }
            LockOutcome::Refused { message } => {
                let message = format!("Failed to acquire the synchronization lock. {message}");
                self.locks.remove(&id);
                if is_workflow {
                    self.end("Failed", &message);
                } else if let Some(act) = self.acts.remove(&id) {
                    let _ = self.refuse(&act.request, &act.called, &message);
                }
            }
        }
    }

    fn place_waiting(&mut self, act: &Act, lock: &str, message: &str) {
        if self.tree.get(&act.id).is_none() {
            let kind = if super::execute::retry_strategy(&self.spec.retry_strategy, &act.template).is_some() {
                "Retry"
            } else {
                act.prepared.node_type()
            };
            self.ensure_node(act, kind, "Pending");
        }
        self.waiting.insert(act.id.clone(), ("WaitingForLock".to_owned(), message.to_owned()));
        self.change(&act.id, |n| {
            message.clone_into(&mut n.message);
            n.synchronization_status = Some(NodeSynchronizationStatus { waiting: lock.to_owned(), ..NodeSynchronizationStatus::default() });
        });
    }

    /// An execution has been granted what it waited for.
    fn go_on(&mut self, act: Box<Act>) {
        let (id, parent) = (act.id.clone(), act.request.parent.clone());
        let _ = self.pass_gates(act);
        if self.tree.is_fulfilled(&id)
            && let Some(parent) = parent
        {
            self.wake(&parent, Some(&id));
        }
    }

    /// Gives back what a node held.
    pub(super) fn give_back(&mut self, node: &NodeStatus) {
        if self.locks.remove(&node.id).is_some() {
            let holder = self.holder(&node.id);
            self.release(&node.id, holder);
        }
        if node.phase == "Succeeded"
            && let Some(memo) = node.memoization_status.clone().filter(|m| m.hit != Some(true))
        {
            let entry = MemoEntry {
                node_id: node.id.clone(),
                outputs: node.outputs.clone(),
                creation_timestamp: self.time(),
                last_hit_timestamp: self.time(),
            };
            let effect = Effect::WriteMemo { config_map: memo.cache_name, key: memo.key, entry: Box::new(entry) };
            self.effect(&["memo", &node.id, "write"], effect);
        }
    }

    fn release(&mut self, id: &str, holder: String) {
        if let Some(status) = &mut self.workflow.status.synchronization {
            locks::note_released(status, &holder);
            let idle = status.mutex.as_ref().is_none_or(|m| m.holding.is_empty() && m.waiting.is_empty())
                && status.semaphore.as_ref().is_none_or(|s| s.holding.is_empty() && s.waiting.is_empty());
            if idle {
                self.workflow.status.synchronization = None;
            }
        }
        self.effect(&["locks", id, "release"], Effect::ReleaseLocks { holder });
    }

    /// At the end of the workflow nothing is held or waited for any more.
    pub(super) fn release_all(&mut self) {
        for id in std::mem::take(&mut self.locks).into_keys() {
            let holder = self.holder(&id);
            self.release(&id, holder);
        }
        self.workflow.status.synchronization = None;
    }

    pub(super) fn memo_answer(&mut self, id: &str, entry: Result<Option<Box<MemoEntry>>, String>) {
        if self.acts.get(id).is_none_or(|a| a.gate != Gate::Memo) {
            return;
        }
        let Some(act) = self.acts.remove(id) else { return };
        let Some(memo) = act.template.memoize.clone() else { return };
        let cache_name = memo.cache.and_then(|c| c.config_map).map(|c| c.name).unwrap_or_default();
        let fresh = |entry: &MemoEntry| {
            let age = duration(&memo.max_age).filter(|_| !memo.max_age.is_empty());
            let until = age.and_then(|age| entry.creation_timestamp?.0.checked_add(age).ok());
            until.is_none_or(|until| self.now <= until)
        };
        let found = entry.unwrap_or_default().filter(|e| fresh(e));
        let hit = found.is_some();
        let status =
            MemoizationStatus { hit: Some(hit), key: memo.key.clone(), cache_name: cache_name.clone(), ..MemoizationStatus::default() };
        if let Some(mut entry) = found {
            let outputs = entry.outputs.take();
            self.ensure_node(&act, act.prepared.node_type(), "Pending");
            let id = act.id.clone();
            let made = outputs.clone();
            self.change(&id, |n| {
                n.memoization_status = Some(status);
                n.outputs = made;
                if n.task_result_synced.is_some() {
                    n.task_result_synced = Some(true);
                }
                if !n.progress.is_empty() {
                    n.progress = "1/1".to_owned();
                }
            });
            self.set_phase(&id, "Succeeded", None);
            entry.outputs = outputs;
            entry.last_hit_timestamp = self.time();
            self.effect(&["memo", &id, "hit"], Effect::WriteMemo { config_map: cache_name, key: memo.key, entry });
            if let Some(parent) = &act.request.parent {
                self.wake(parent, Some(&id));
            }
            return;
        }
        let id = act.id.clone();
        self.go_on(act);
        self.change(&id, |n| n.memoization_status = Some(status));
    }

    pub(super) fn control(&mut self, control: &Control) {
        let shutdown_changed = self.spec.shutdown != control.shutdown;
        self.spec.suspend = control.suspend.then_some(true);
        self.spec.shutdown.clone_from(&control.shutdown);
        self.spec.active_deadline_seconds = control.active_deadline_seconds;
        self.workflow.spec.suspend = self.spec.suspend;
        self.workflow.spec.shutdown.clone_from(&control.shutdown);
        self.workflow.spec.active_deadline_seconds = control.active_deadline_seconds;
        if let Some(at) = self.workflow_deadline() {
            self.timer_at(at, "");
        }
        if shutdown_changed {
            self.shut_down();
        }
    }

    /// Whether something new may start under the shutdown strategy, if there is one.
    pub(super) fn may_run(&self, on_exit: bool) -> bool {
        match self.spec.shutdown.as_str() {
            "" => true,
            "Terminate" => false,
            _ => on_exit,
        }
    }

    /// Ends what the shutdown strategy says is to be ended.
    pub(super) fn shut_down(&mut self) {
        if self.spec.shutdown.is_empty() || self.is_ended() {
            return;
        }
        let strategy = self.spec.shutdown.clone();
        let ids: Vec<String> = self.acts.iter().filter(|(_, a)| !self.may_run(a.request.on_exit)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(act) = self.acts.get(&id) else { continue };
            let phase = self.tree.get(&id).map(|n| n.phase.clone()).unwrap_or_default();
            match (&act.kind, phase.as_str()) {
                (Kind::Suspend | Kind::Remote, _) | (Kind::New, _) if self.tree.get(&id).is_some() => {
                    self.fail_node(&id, &format!("Stopped with strategy '{strategy}'"));
                }
                (Kind::New, _) => {
                    if let Some(act) = self.acts.remove(&id) {
                        let _ = self.refuse(&act.request, &act.called, &format!("Stopped with strategy '{strategy}'"));
                    }
                }
                (Kind::Pod(pod), "Pending") => {
                    let name = pod.name.clone();
                    self.fail_node(&id, &format!("workflow shutdown with strategy:  {strategy}"));
                    self.effect(&["pod", &id, "delete"], Effect::DeletePod { node_id: id.clone(), name, delay_seconds: 0, selector: None });
                }
                (Kind::Pod(_), _) => self.stop_pod(&id),
                // What waits for its next attempt, or for a free place, does not get it.
                (Kind::Steps(_) | Kind::Dag(_) | Kind::Retry(_), _) => self.wake(&id, None),
                _ => {}
            }
        }
        self.unblock();
    }

    pub(super) fn fail_node(&mut self, id: &str, message: &str) {
        self.set_phase(id, "Failed", Some(message));
        self.change(id, |n| {
            if n.task_result_synced == Some(false) {
                n.task_result_synced = Some(true);
            }
        });
    }

    /// A point in time has come that somebody asked for.
    pub(super) fn timer(&mut self, id: &str) {
        if id.is_empty() {
            self.deadline_passed();
            return;
        }
        let Some(act) = self.acts.get(id) else { return };
        match &act.kind {
            Kind::Suspend => self.suspend_over(id),
            Kind::Pod(pod) if pod.create_at.is_some_and(|at| at <= self.now) => self.create_pod(id),
            Kind::Pod(_) => self.pod_overdue(id),
            _ => self.wake(id, None),
        }
    }

    /// The workflow's own deadline: what waits for people or machines has waited enough, pods that no machine takes among them; others have their own clock.
    fn deadline_passed(&mut self) {
        if self.is_ended() || self.workflow_deadline().is_none_or(|at| at > self.now) {
            return;
        }
        let ids: Vec<String> = self.acts.iter().filter(|(_, a)| !a.request.on_exit).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(act) = self.acts.get(&id) else { continue };
            let waiting_pod = matches!(&act.kind, Kind::Pod(pod) if pod.create_at.is_some());
            // What has a machine is ended by it; for what no machine takes nobody else does it.
            let homeless =
                self.tree.get(&id).is_some_and(|node| node.phase == "Pending" && node.message.starts_with(crate::pod::UNSCHEDULABLE));
            match &act.kind {
                Kind::Suspend | Kind::Remote | Kind::New => self.fail_node(&id, "Step exceeded its deadline"),
                Kind::Pod(_) if waiting_pod => self.fail_node(&id, "Step exceeded its deadline"),
                Kind::Pod(pod) if homeless => {
                    let name = pod.name.clone();
                    self.fail_node(&id, "Step exceeded its deadline");
                    self.effect(&["pod", &id, "delete"], Effect::DeletePod { node_id: id.clone(), name, delay_seconds: 0, selector: None });
                }
                _ => {}
            }
        }
    }

    pub(super) fn effect_failed(&mut self, id: &str, transient: bool, message: &str) {
        let Some(act) = self.acts.get_mut(id) else {
            if id == self.name() && !transient {
                self.workflow.status.message = message.to_owned();
            }
            return;
        };
        match (&mut act.kind, act.gate) {
            (Kind::Pod(pod), _) if transient => {
                pod.tries = pod.tries.saturating_add(1);
                let wait = FIRST_WAIT.checked_shl(pod.tries.min(6)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
                let at = self.now.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(self.now);
                pod.create_at = Some(at);
                self.timer_at(at, id);
                self.change(id, |n| n.message = format!("{NOT_CREATED}{message}"));
            }
            (_, Gate::Memo) => self.memo_answer(id, Ok(None)),
            (_, Gate::Locks) => self.locks_answer(id, LockOutcome::Refused { message: message.to_owned() }),
            _ => {
                let message = message.to_owned();
                self.set_error(id, &message);
            }
        }
    }
}
