//! Retried nodes: attempts one after the other, until one succeeds or the strategy says that it is enough.

use std::sync::Arc;

use argo_core::workflows::{NodeFlag, NodeStatus, RetryStrategy};
use jiff::{SignedDuration, Timestamp};

use super::WorkflowRun;
use super::act::{Act, Gate, Kind, Request, Retry, Stop, below};
use super::execute::{duration, number, retry_strategy};
use super::scope::{Layer, Layers, holds, text};
use super::tree::{self, is_failed};

/// What is to be done after an attempt has failed.
enum Verdict {
    Again,
    /// Not before then; why.
    Later(Timestamp, String),
    /// It is over, with this message.
    Over(String),
}

impl WorkflowRun {
    pub(super) fn advance_retry(&mut self, act: &mut Act) {
        let Kind::Retry(mut state) = std::mem::replace(&mut act.kind, Kind::New) else { return };
        act.touched.clear();
        loop {
            let attempts = self.attempts(&act.id);
            let Some(last) = attempts.last().cloned() else {
                if self.attempt(act, 0, None).is_none() {
                    break;
                }
                continue;
            };
            if !tree::is_fulfilled(&last) {
                // It may be there without anything that drives it, after loading.
                if !self.acts.contains_key(&last.id)
                    && self.attempt(act, attempts.len().saturating_sub(1), attempts.iter().rev().nth(1)).is_none()
                {
                    break;
                }
                if self.tree.is_fulfilled(&last.id) {
                    continue;
                }
                break;
            }
            if last.phase == "Running" {
                // A daemon is ready.
                self.change(&act.id, |n| n.daemoned = Some(true));
                if !self.acts.contains_key(&last.id) {
                    let _ = self.attempt(act, attempts.len().saturating_sub(1), attempts.iter().rev().nth(1));
                }
                break;
            }
            if !is_failed(&last.phase) {
                let (outputs, phase) = (last.outputs.clone(), last.phase.clone());
                self.change(&act.id, |n| {
                    n.outputs = outputs;
                    n.message.clear();
                });
                self.set_phase(&act.id, &phase, None);
                break;
            }
            let Some(strategy) = retry_strategy(&self.spec.retry_strategy, &act.template) else { break };
            match self.judge_attempt(act, &strategy, &attempts, &last) {
                Ok(Verdict::Again) => {
                    self.change(&act.id, |n| n.message.clear());
                    if self.attempt(act, attempts.len(), Some(&last)).is_none() {
                        break;
                    }
                }
                Ok(Verdict::Later(at, message)) => {
                    self.change(&act.id, |n| n.message = message);
                    if state.not_before != Some(at) {
                        state.not_before = Some(at);
                        self.timer_at(at, &act.id);
                    }
                    break;
                }
                Ok(Verdict::Over(message)) => {
                    let (outputs, phase) = (last.outputs.clone(), last.phase.clone());
                    self.change(&act.id, |n| n.outputs = outputs);
                    self.set_phase(&act.id, &phase, Some(&message));
                    break;
                }
                Err(message) => {
                    self.set_error(&act.id, &message);
                    break;
                }
            }
        }
        act.kind = Kind::Retry(Retry { not_before: state.not_before.take() });
    }

    /// The attempts of a retried node, in order; its hooks are not among them.
    fn attempts(&self, id: &str) -> Vec<NodeStatus> {
        let children = self.tree.get(id).map(|n| n.children.as_slice()).unwrap_or_default();
        let attempts = children.iter().filter_map(|c| self.tree.get(c));
        let hooked_itself = self.tree.get(id).and_then(|n| n.node_flag.as_ref()).is_some_and(|f| f.hooked);
        attempts.filter(|n| n.node_flag.as_ref().is_some_and(|f| f.retried && (hooked_itself || !f.hooked))).cloned().collect()
    }

    fn judge_attempt(&self, act: &Act, strategy: &RetryStrategy, attempts: &[NodeStatus], last: &NodeStatus) -> Result<Verdict, String> {
        let count = i64::try_from(attempts.len()).unwrap_or(i64::MAX);
        if !self.may_run(act.request.on_exit) {
            return Ok(Verdict::Over(format!("Stopped with strategy '{}'", self.spec.shutdown)));
        }
        if let Some(deadline) = self.workflow_deadline().filter(|d| *d < self.now && !act.request.on_exit) {
            return Ok(Verdict::Over(format!("retry exceeded workflow deadline {deadline}")));
        }
        let mut wait_until = None;
        if let Some(backoff) = &strategy.backoff {
            let read = |what: &str, source: &str| {
                duration(source).ok_or_else(|| format!("retryStrategy.backoff.{what} is {source:?}, not a duration"))
            };
            let mut over = None;
            if !backoff.max_duration.is_empty() {
                let from = attempts.first().and_then(|n| n.started_at).map_or(self.now, |t| t.0);
                over = from.checked_add(read("maxDuration", &backoff.max_duration)?).ok();
                if over.is_some_and(|over| self.now > over) {
                    return Ok(Verdict::Over("Max duration limit exceeded".to_owned()));
                }
            }
            if backoff.duration.is_empty() {
                return Err("no base duration specified for retryStrategy".to_owned());
            }
            let mut wait = read("duration", &backoff.duration)?;
            let factor = number(backoff.factor.as_ref()).filter(|f| *f > 0).unwrap_or(1);
            for _ in 1..count {
                wait = wait.checked_mul(i32::try_from(factor).unwrap_or(i32::MAX)).unwrap_or(SignedDuration::MAX);
            }
            if !backoff.cap.is_empty() {
                wait = wait.min(read("cap", &backoff.cap)?);
            }
            let ended = last.finished_at.map_or(self.now, |t| t.0);
            let until = ended.checked_add(wait).unwrap_or(Timestamp::MAX);
            if over.is_some_and(|over| until > over) {
                return Ok(Verdict::Over("Backoff would exceed max duration limit".to_owned()));
            }
            wait_until = Some((until, wait));
        }
        let policy = match strategy.retry_policy.as_str() {
            "" if strategy.expression.is_empty() => "OnFailure",
            "" => "Always",
            policy => policy,
        };
        let retried = match policy {
            "Always" => true,
            "OnError" => last.phase == "Error",
            "OnTransientError" => is_transient(&last.message),
            _ => last.phase == "Failed",
        };
        if !retried {
            return Ok(Verdict::Over(last.message.clone()));
        }
        if number(strategy.limit.as_ref()).is_some_and(|limit| count > limit) {
            return Ok(Verdict::Over("No more retries left".to_owned()));
        }
        if !strategy.expression.is_empty() {
            let mut names = last_retry(last, "-1");
            names.insert("retries".to_owned(), text(count.saturating_sub(1).to_string()));
            let scope = Layers::at(vec![&self.globals, &act.inputs, &names], self.moment());
            if !holds(&strategy.expression, &scope)? {
                return Ok(Verdict::Over("retryStrategy.expression evaluated to false".to_owned()));
            }
        }
        match wait_until {
            Some((until, wait)) if self.now < until => Ok(Verdict::Later(until, format!("Backoff for {}", spoken(wait)))),
            _ => Ok(Verdict::Again),
        }
    }

    /// Starts an attempt, or takes it up after loading. None when it did not come to run.
    fn attempt(&mut self, act: &Act, index: usize, last: Option<&NodeStatus>) -> Option<()> {
        let name = format!("{}({index})", act.request.name);
        let id = self.id_of(&name);
        let mut locals = act.locals.clone();
        locals.insert("retries".to_owned(), text(index.to_string()));
        if act.prepared.is_pod() {
            locals.insert("pod.name".to_owned(), text(argo_core::ids::pod_name(self.name(), &id, &act.template.name)));
        }
        locals.extend(match last {
            Some(last) => last_retry(last, "0"),
            None => last_retry(&NodeStatus::default(), "0"),
        });
        let flag = NodeFlag { retried: true, ..act.request.flag.clone().unwrap_or_default() };
        let ordinal = u32::try_from(index).unwrap_or(u32::MAX);
        let request = Request {
            name,
            parent: Some(act.id.clone()),
            order: below(&act.request.order, ordinal),
            flag: Some(flag),
            ..act.request.clone()
        };
        let (template, inputs) = match self.process(&act.prepared, &request, &locals, self.tree.get(&id).and_then(|n| n.inputs.clone())) {
            Ok(processed) => processed,
            Err(message) => {
                let _ = self.refuse(&request, &act.called, &message);
                self.tree.add_child(&act.id, &id);
                return Some(());
            }
        };
        let attempt = Box::new(Act {
            request,
            id: id.clone(),
            called: act.called.clone(),
            prepared: Arc::clone(&act.prepared),
            template: Arc::new(template),
            inputs,
            locals,
            deadline: self.attempts_deadline(act),
            gate: Gate::Open,
            kind: Kind::New,
            touched: Vec::new(),
        });
        self.places.insert(id.clone(), (Arc::clone(&attempt.request.order), attempt.request.parent.clone()));
        let parent = act.id.clone();
        match self.start(attempt) {
            Ok(()) | Err(Stop::Error(_)) => {
                self.tree.add_child(&parent, &id);
                Some(())
            }
            Err(Stop::Parallelism) => {
                self.places.remove(&id);
                self.block(&parent);
                None
            }
        }
    }

    /// `backoff.maxDuration` limits each attempt too.
    fn attempts_deadline(&self, act: &Act) -> Option<Timestamp> {
        let strategy = retry_strategy(&self.spec.retry_strategy, &act.template)?;
        let longest = strategy.backoff.map(|b| b.max_duration).filter(|d| !d.is_empty()).and_then(|d| duration(&d));
        let from = self.attempts(&act.id).first().and_then(|n| n.started_at).map_or(self.now, |t| t.0);
        let own = longest.and_then(|d| from.checked_add(d).ok());
        [own, act.deadline].into_iter().flatten().min()
    }
}

/// `lastRetry.*` after an attempt.
fn last_retry(last: &NodeStatus, no_code: &str) -> Layer {
    let code = last.outputs.as_ref().and_then(|o| o.exit_code.clone()).unwrap_or_else(|| no_code.to_owned());
    let seconds = match (last.started_at, last.finished_at) {
        (Some(start), Some(end)) => end.0.duration_since(start.0).as_secs(),
        _ => 0,
    };
    let mut layer = Layer::new();
    layer.insert("lastRetry.exitCode".to_owned(), text(code));
    layer.insert("lastRetry.status".to_owned(), text(last.phase.as_str()));
    layer.insert("lastRetry.duration".to_owned(), text(seconds.to_string()));
    layer.insert("lastRetry.message".to_owned(), text(last.message.as_str()));
    layer
}

/// Whether a message tells of trouble that passes by itself, by the words that upstream looks for.
fn is_transient(message: &str) -> bool {
    const WORDS: [&str; 9] = [
        "i/o timeout",
        "connection reset by peer",
        "connection refused",
        "TLS handshake timeout",
        "net/http: request canceled",
        "transport is closing",
        "etcdserver: request timed out",
        "exceeded quota",
        "no such host",
    ];
    WORDS.iter().any(|word| message.contains(word))
}

/// A wait in the words of people: `2 minutes 30 seconds`.
fn spoken(wait: SignedDuration) -> String {
    let mut left = wait.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        let n = left.checked_div(seconds).unwrap_or_default();
        left = left.saturating_sub(n.saturating_mul(seconds));
        if n > 0 {
            parts.push(format!("{n} {unit}{}", if n == 1 { "" } else { "s" }));
        }
    }
    if parts.is_empty() { format!("{} milliseconds", wait.as_millis()) } else { parts.join(" ") }
}
