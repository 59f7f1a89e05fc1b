//! Following workflows to their end: the one loop behind `run`, `watch`, `wait`, `submit --watch` and `submit --log`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use argo_core::workflows::{NodeStatus, Workflow};
use argo_dag::ops;
use argo_dag::ops::retry::pod_name;
use argo_kube::crd;
use futures::stream::{BoxStream, SelectAll};
use futures::{AsyncBufReadExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::failure::{Code, Failure, Outcome};
use crate::session::{Session, read};
use crate::show::screen::Screen;
use crate::show::{self, tree::TreeOptions};

/// How often the screen is drawn at most.
const TICK: Duration = Duration::from_millis(100);
/// How often it is looked for what waits too long.
const PLAIN_TICK: Duration = Duration::from_secs(1);
/// How long a pod may wait before it is told why.
const PATIENCE: i64 = 3;
/// How often a workflow is looked at, at most; less often where that takes long.
const LOOK: Duration = Duration::from_millis(50);
/// How long the last lines of logs are waited for after the end.
const LOGS_END: Duration = Duration::from_secs(5);
/// Between tries to read the log of a container that has not started.
const LOG_RETRY: Duration = Duration::from_millis(100);
/// How often that is tried.
const LOG_TRIES: usize = 100;

/// How often that is tried once the pod has ended.
const LOG_TRIES_AFTER: usize = 3;

/// What is shown meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Nothing.
    #[default]
    Nothing,
    /// A line for each change.
    Changes,
    /// The whole tree, drawn again in place; a line for each change where that cannot be.
    Tree,
}

/// How workflows are followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Follow {
    /// What is shown of the nodes.
    pub show: Show,
    /// Whether what the steps write is shown.
    pub log: bool,
    /// Whether lines of logs begin with the step's name (`run`) rather than the pod's.
    pub step_names: bool,
}

/// Why following ended.
#[derive(Debug)]
pub enum Ended {
    /// All workflows ended.
    All(Vec<Workflow>),
    /// `until` came first: these are the workflows as last seen.
    Until(Vec<Workflow>),
}

type Change = (String, Outcome<Option<Workflow>>);

/// Everything that happens to a workflow, beginning with what it is now; none once it is deleted.
///
/// Only its metadata is watched. The whole object, which may be megabytes, is asked for when it has changed, but not more often than makes sense to look at.
fn changes(session: &Session, name: &str) -> BoxStream<'static, Change> {
    let (sender, receiver) = mpsc::channel(1);
    let (session, name) = (session.clone(), name.to_owned());
    tokio::spawn(async move {
        let told = sender.clone();
        tokio::select! {
            () = told.closed() => {}
            () = tell(&session, &name, &sender) => {}
        }
    });
    futures::stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|change| (change, receiver)) }).boxed()
}

/// What the watch says of a workflow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Running,
    Ended,
    Gone,
}

async fn tell(session: &Session, name: &str, sender: &mpsc::Sender<Change>) {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let api: Api<PartialObjectMeta<DynamicObject>> =
        Api::namespaced_with(session.client.clone(), &session.namespace, &crd::WORKFLOW.resource());
    let mut stream = watcher(api, config).default_backoff().boxed();
    let mut listed = false;
    let mut look = |event: Result<Event<PartialObjectMeta<DynamicObject>>, watcher::Error>| match event {
        Ok(Event::InitApply(object) | Event::Apply(object)) => {
            listed = true;
            let ended = object.metadata.labels.is_some_and(|labels| labels.get(ops::COMPLETED).is_some_and(|value| value == "true"));
            Ok(Some(if ended { Seen::Ended } else { Seen::Running }))
        }
        Ok(Event::Delete(_)) => Ok(Some(Seen::Gone)),
        Ok(Event::Init) => {
            listed = false;
            Ok(None)
        }
        Ok(Event::InitDone) => Ok((!listed).then_some(Seen::Gone)),
        // A watch is taken up again by itself; a list that is refused will be refused again.
        Err(watcher::Error::InitialListFailed(e @ kube::Error::Api(_))) => Err(Failure::api("watch workflows", &e)),
        Err(_) => Ok(None),
    };
    let mut next_look = Instant::now();
    while let Some(event) = stream.next().await {
        let mut seen = match look(event) {
            Ok(Some(seen)) => seen,
            Ok(None) => continue,
            Err(failure) => {
                // Nobody is left to be told.
                let _ = sender.send((name.to_owned(), Err(failure))).await;
                return;
            }
        };
        while seen == Seen::Running {
            match tokio::time::timeout_at(next_look, stream.next()).await {
                Ok(Some(event)) => {
                    if let Ok(Some(now)) = look(event) {
                        seen = now;
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
        let asked = Instant::now();
        let change = match seen {
            Seen::Gone => Ok(None),
            Seen::Running | Seen::Ended => match session.api(&crd::WORKFLOW).get_opt(name).await {
                Ok(object) => object.map(read).transpose(),
                Err(kube::Error::Api(status)) => Err(Failure::api(&format!("get Workflow {name:?}"), &kube::Error::Api(status))),
                // The connection broke: the watch comes back, and with it the next look.
                Err(_) => continue,
            },
        };
        next_look = Instant::now() + LOOK.max(asked.elapsed().saturating_mul(4));
        if sender.send((name.to_owned(), change)).await.is_err() {
            return;
        }
    }
}

/// What has been told already, for whoever follows the same workflows again.
#[derive(Default)]
pub struct Told {
    progress: Progress,
    /// Ids of the nodes whose logs are read.
    logs: BTreeSet<String>,
}

/// Follows workflows until all have ended, or until `until`.
pub async fn follow(
    session: &Session,
    names: &[String],
    how: Follow,
    told: &mut Told,
    until: Pin<&mut (dyn Future<Output = ()> + Send)>,
) -> Outcome<Ended> {
    let mut stream: SelectAll<BoxStream<'static, Change>> = names.iter().map(|name| changes(session, name)).collect();
    let (lines_in, mut lines) = mpsc::channel(1_000);
    let mut state =
        State { session, how, names, workflows: BTreeMap::new(), told, lines: Some(lines_in), screen: Screen::new(session.look) };
    let mut tick = tokio::time::interval(if session.look.fancy { TICK } else { PLAIN_TICK });
    let mut until = until;
    loop {
        tokio::select! {
            biased;
            Some(line) = lines.recv() => state.screen.print(&[line])?,
            change = stream.next() => match change {
                Some((name, change)) => state.changed(name, change?)?,
                None => return Err(Failure::new(Code::Unavailable, "the watch ended")),
            },
            () = until.as_mut() => {
                state.screen.clear()?;
                return Ok(Ended::Until(state.workflows.into_values().collect()));
            }
            _ = tick.tick(), if how.show != Show::Nothing => state.refresh()?,
        }
        if names.iter().all(|name| state.workflows.get(name).is_some_and(ops::is_completed)) {
            break;
        }
    }
    // Dropping our end of the channel lets it close when the last log has.
    state.lines = None;
    let rest = async {
        while let Some(line) = lines.recv().await {
            state.screen.print(&[line])?;
        }
        Ok::<(), Failure>(())
    };
    if let Ok(done) = tokio::time::timeout(LOGS_END, rest).await {
        done?;
    }
    state.screen.clear()?;
    Ok(Ended::All(state.workflows.into_values().collect()))
}

struct State<'s> {
    session: &'s Session,
    how: Follow,
    names: &'s [String],
    workflows: BTreeMap<String, Workflow>,
    told: &'s mut Told,
    lines: Option<mpsc::Sender<String>>,
    screen: Screen,
}

impl State<'_> {
    fn changed(&mut self, name: String, workflow: Option<Workflow>) -> Outcome {
        let Some(workflow) = workflow else {
            self.screen.clear()?;
            return Err(Failure::new(Code::Failed, format!("workflow {name:?} does not exist in namespace {}", self.session.namespace))
                .hint("`argo list` shows those that do"));
        };
        if self.how.log {
            self.follow_logs(&workflow);
        }
        if self.is_plain() {
            let news = self.told.progress.news(&workflow, Timestamp::now());
            self.screen.print(&news)?;
        }
        self.workflows.insert(name, workflow);
        Ok(())
    }

    fn is_plain(&self) -> bool {
        self.how.show == Show::Changes || (self.how.show == Show::Tree && !self.session.look.fancy)
    }

    fn refresh(&mut self) -> Outcome {
        let now = Timestamp::now();
        if self.is_plain() {
            for workflow in self.workflows.values() {
                let news = self.told.progress.news(workflow, now);
                self.screen.print(&news)?;
            }
            return Ok(());
        }
        let mut lines = Vec::new();
        for workflow in self.names.iter().filter_map(|name| self.workflows.get(name)) {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(show::summary::heading(workflow, now, self.session.look));
            lines.extend(show::tree::lines(workflow, &TreeOptions::default(), now, self.session.look));
        }
        Ok(self.screen.draw(&lines)?)
    }

    /// Begins to read the logs of nodes that have started.
    fn follow_logs(&mut self, workflow: &Workflow) {
        let Some(lines) = &self.lines else { return };
        let nodes = &workflow.status.nodes;
        for node in nodes.values().filter(|n| n.type_ == "Pod" && !matches!(n.phase.as_str(), "" | "Pending")) {
            if !self.told.logs.insert(node.id.clone()) {
                continue;
            }
            let pod = pod_name(workflow, node);
            let set: Vec<&NodeStatus> = nodes.values().filter(|c| c.type_ == "Container" && c.boundary_id == node.id).collect();
            let containers: Vec<(String, String)> = if set.is_empty() {
                vec![("main".to_owned(), node.display_name.clone())]
            } else {
                set.iter().map(|c| (c.display_name.clone(), format!("{}.{}", node.display_name, c.display_name))).collect()
            };
            // A pod that has ended without having begun will not begin any more.
            let tries = if node.finished_at.is_some() { LOG_TRIES_AFTER } else { LOG_TRIES };
            for (container, step) in containers {
                let writer = if self.how.step_names { step } else { pod.clone() };
                let (session, pod, lines) = (self.session.clone(), pod.clone(), lines.clone());
                tokio::spawn(async move {
                    let params = LogParams { container: Some(container), follow: true, ..LogParams::default() };
                    // The log of a pod that is gone again is lost; the workflow's own end says what came of it.
                    let _ = stream(&session, &pod, &params, tries, |line| {
                        let (lines, text) = (lines.clone(), show::logs::line(&writer, &line, session.look));
                        async move { lines.send(text).await.is_ok() }
                    })
                    .await;
                });
            }
        }
    }
}

/// Which changes have been told.
#[derive(Default)]
struct Progress {
    told: BTreeMap<String, (String, String)>,
}

impl Progress {
    /// A line for the workflow and each node whose phase is new, or that has something new to say: `name  phase  message`. What a pod waits for is told only
    /// when it waits long.
    fn news(&mut self, workflow: &Workflow, now: Timestamp) -> Vec<String> {
        let mut nodes: Vec<&NodeStatus> =
            workflow.status.nodes.values().filter(|n| n.type_ != "StepGroup" && n.name != workflow.metadata.name).collect();
        nodes.sort_by_key(|n| (n.finished_at.is_none(), n.finished_at, n.started_at));
        let mut lines = Vec::new();
        let mut tell = |name: &str, phase: &str, message: &str| {
            let now = (phase.to_owned(), message.to_owned());
            if !phase.is_empty() && self.told.get(name) != Some(&now) {
                self.told.insert(name.to_owned(), now);
                let message = if message.is_empty() { String::new() } else { format!("  {message}") };
                lines.push(format!("{name}  {phase}{message}"));
            }
        };
        let (name, status) = (workflow.metadata.name.as_str(), &workflow.status);
        let ended = ops::is_completed(workflow);
        if !ended {
            tell(name, &show::summary::status(workflow), &status.message);
        }
        for node in nodes {
            let waits = node.phase == "Pending" && show::time::seconds(node.started_at, None, now).is_none_or(|s| s < PATIENCE);
            tell(&node.name, &node.phase, if waits { "" } else { &node.message });
        }
        if ended {
            tell(name, &status.phase, &status.message);
        }
        lines
    }
}

/// Reads a container's log line by line until it ends or `take` wants no more. A container that has not started is asked again, `tries` times.
pub async fn stream<F: Future<Output = bool>>(
    session: &Session,
    pod: &str,
    params: &LogParams,
    tries: usize,
    mut take: impl FnMut(String) -> F,
) -> Outcome {
    let api: Api<Pod> = Api::namespaced(session.client.clone(), &session.namespace);
    let mut left = tries;
    let log = loop {
        match api.log_stream(pod, params).await {
            Ok(log) => break log,
            Err(kube::Error::Api(status)) if left > 0 && matches!(status.code, 400 | 404 | 500..=599) => {
                left = left.saturating_sub(1);
                tokio::time::sleep(LOG_RETRY).await;
            }
            Err(e) => return Err(Failure::api(&format!("read the log of pod {pod:?}"), &e)),
        }
    };
    let mut lines = std::pin::pin!(log.lines());
    while let Some(line) = lines.next().await {
        let line = line.map_err(|e| Failure::new(Code::Unavailable, format!("the log of pod {pod:?} broke off: {e}")))?;
        if !take(line).await {
            break;
        }
    }
    Ok(())
}

/// A workflow's end as a command's end: anything but `Succeeded` is a failure.
pub fn judge(workflows: &[Workflow]) -> Outcome {
    if workflows.iter().all(|w| w.status.phase == "Succeeded") { Ok(()) } else { Err(Failure::told(Code::Failed)) }
}

#[cfg(test)]
mod tests {
    use argo_core::workflows::Workflow;
    use jiff::Timestamp;
    use serde_json::json;

    use super::Progress;

    #[test]
    fn each_change_is_told_once() {
        let workflow = |phase: &str, message: &str| -> Workflow {
            serde_json::from_value(json!({"metadata": {"name": "w"}, "status": {"phase": phase, "nodes": {
                "w": {"id": "w", "name": "w", "type": "Steps", "phase": phase},
                "w-0": {"id": "w-0", "name": "w[0]", "type": "StepGroup", "phase": phase},
                "w-1": {"id": "w-1", "name": "w[0].a", "type": "Pod", "phase": phase, "message": message, "startedAt": "1970-01-01T00:00:00Z"},
            }}}))
            .unwrap()
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut progress = Progress::default();
        let waiting = workflow("Pending", "no room");
        assert_eq!(progress.news(&waiting, at(0)), ["w  Pending", "w[0].a  Pending"]);
        assert_eq!(progress.news(&waiting, at(2)), [""; 0]);
        assert_eq!(progress.news(&waiting, at(3)), ["w[0].a  Pending  no room"]);
        assert_eq!(progress.news(&workflow("Running", ""), at(3)), ["w  Running", "w[0].a  Running"]);
        assert_eq!(progress.news(&workflow("Running", ""), at(9)), [""; 0]);
        assert_eq!(progress.news(&workflow("Failed", "exit code 1"), at(9)), ["w[0].a  Failed  exit code 1", "w  Failed"]);
    }
}
