//! Executing a template under a node's name: looking it up, making its inputs, and starting what it is.

use std::sync::Arc;

use argo_core::meta::IntOrString;
use argo_core::workflows::{Inputs, NodeFlag, NodeStatus, RetryStrategy, Template};
use jiff::{SignedDuration, Timestamp};

use super::act::{Act, Called, Gate, Kind, Request, Retry, Steps, Stop};
use super::calls::{Body, Origin, Prepared};
use super::pods::is_progress;
use super::scope::{Layer, Layers, text};
use super::tree::{self, is_executable};
use super::{WorkflowRun, args};

/// How deep templates may call each other, as upstream has it.
const MOST_DEPTH: usize = 100;
/// Annotation of a template that names its nodes for people.
const DISPLAY_NAME: &str = "workflows.argoproj.io/display-name";
/// Annotation of a template's pods that says how much there is to do.
const PROGRESS: &str = "workflows.argoproj.io/progress";

impl WorkflowRun {
    /// Starts a node, or takes up one that is there already. Asked again for a node that is under way, nothing happens.
    pub(super) fn execute(&mut self, request: Request) -> Result<(), Stop> {
        let id = self.id_of(&request.name);
        if self.acts.contains_key(&id) || self.tree.is_fulfilled(&id) && self.tree.get(&id).is_some_and(|n| n.phase != "Running") {
            return Ok(());
        }
        let (called, found) = self.resolve(&request);
        let prepared = match found {
            Ok(prepared) => prepared,
            Err(message) => return Err(self.refuse(&request, &called, &message)),
        };
        let locals = self.locals(&id, &request, &prepared);
        let kept = self.tree.get(&id).and_then(|n| n.inputs.clone());
        let (template, inputs) = match self.process(&prepared, &request, &locals, kept) {
            Ok(processed) => processed,
            Err(message) => return Err(self.refuse(&request, &called, &message)),
        };
        if self.tree.get(&id).is_none() {
            if !request.flag.as_ref().is_some_and(|f| f.hooked) {
                self.check_parallelism(&request)?;
            }
            if request.depth > MOST_DEPTH {
                return Err(self.refuse(&request, &called, "Max template recursion exceeded"));
            }
        }
        let act = Box::new(Act {
            id: id.clone(),
            called,
            prepared,
            template: Arc::new(template),
            inputs,
            locals,
            deadline: None,
            gate: Gate::Open,
            kind: Kind::New,
            touched: Vec::new(),
            request,
        });
        self.places.insert(id.clone(), (Arc::clone(&act.request.order), act.request.parent.clone()));
        self.pass_gates(act)
    }

    /// Begins an execution once locks and memoized results have been seen to.
    pub(super) fn pass_gates(&mut self, act: Box<Act>) -> Result<(), Stop> {
        match self.gates(act) {
            Some(act) => self.start(act),
            None => Ok(()),
        }
    }

    /// Makes the node of an execution and does what it is there for.
    pub(super) fn start(&mut self, mut act: Box<Act>) -> Result<(), Stop> {
        let id = act.id.clone();
        if !act.is_attempt() && retry_strategy(&self.spec.retry_strategy, &act.template).is_some() {
            self.ensure_node(&act, "Retry", "Running");
            act.kind = Kind::Retry(Retry::default());
            self.acts.insert(id.clone(), act);
            self.advance(&id);
            return Ok(());
        }
        let kind = act.prepared.node_type();
        match act.prepared.body {
            Body::Steps(_) => {
                self.ensure_node(&act, kind, "Running");
                act.kind = Kind::Steps(Steps::default());
                self.acts.insert(id.clone(), act);
                self.advance(&id);
                Ok(())
            }
            Body::Dag(_) => {
                self.ensure_node(&act, kind, "Running");
                act.kind = Kind::Dag(super::act::Dag::default());
                self.acts.insert(id.clone(), act);
                self.advance(&id);
                Ok(())
            }
            Body::Suspend => self.start_suspend(act),
            Body::Remote => self.start_remote(act),
            Body::Pod => self.start_pod(act),
            Body::None => {
                let message = format!("template {} is none of the known types: container, script, steps, dag, …", act.template.name);
                Err(self.refuse(&act.request, &act.called, &message))
            }
        }
    }

    /// Looks up the template that a request calls.
    fn resolve(&mut self, request: &Request) -> (Called, Result<Arc<Prepared>, String>) {
        let scope = self.scope_name(&request.origin);
        let called = Called {
            template: request.target.template_ref.as_ref().map_or_else(|| request.target.template.clone(), |_| String::new()),
            reference: request.target.template_ref.clone(),
            scope,
        };
        if let Some(inline) = &request.inline {
            return (called, Ok(Arc::clone(inline)));
        }
        let (origin, name) = match &request.target.template_ref {
            Some(reference) if reference.cluster_scope => (Origin::Cluster(reference.name.clone()), reference.template.clone()),
            Some(reference) => (Origin::Namespaced(reference.name.clone()), reference.template.clone()),
            None => (request.origin.clone(), request.target.template.clone()),
        };
        let found = self.lookup(&origin, &name);
        (called, found)
    }

    pub(super) fn lookup(&mut self, origin: &Origin, name: &str) -> Result<Arc<Prepared>, String> {
        let key = (origin.clone(), name.to_owned());
        if let Some(prepared) = self.prepared.get(&key).map(Arc::clone) {
            self.store_borrowed(origin, &prepared);
            return Ok(prepared);
        }
        let stored_key = match origin {
            Origin::Local => return Err(format!("template {name} not found")),
            Origin::Namespaced(owner) => format!("namespaced/{owner}/{name}"),
            Origin::Cluster(owner) => format!("cluster/{owner}/{name}"),
        };
        let template = match self.workflow.status.stored_templates.get(&stored_key) {
            Some(template) => template.clone(),
            None => {
                let template = match origin {
                    Origin::Local => None,
                    Origin::Namespaced(owner) => {
                        let found = self.library.workflow_template(owner).ok_or_else(|| format!("workflow template {owner} not found"))?;
                        found.spec.templates.iter().find(|t| t.name == name).cloned()
                    }
                    Origin::Cluster(owner) => {
                        let found = self
                            .library
                            .cluster_workflow_template(owner)
                            .ok_or_else(|| format!("cluster workflow template {owner} not found"))?;
                        found.spec.templates.iter().find(|t| t.name == name).cloned()
                    }
                };
                let template = template.ok_or_else(|| format!("template {name} not found in {stored_key}"))?;
                self.workflow.status.stored_templates.insert(stored_key, template.clone());
                template
            }
        };
        let template = super::merge::with_defaults(&template, self.spec.template_defaults.as_deref());
        let prepared = Arc::new(Prepared::new(&template, origin.clone()));
        self.prepared.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Templates that a workflow has by reference are kept in its status one by one, as they are used, as upstream does.
    fn store_borrowed(&mut self, origin: &Origin, prepared: &Prepared) {
        let Some(reference) = self.workflow.spec.workflow_template_ref.as_ref().filter(|_| *origin == Origin::Local) else { return };
        let kind = if reference.cluster_scope { "cluster" } else { "namespaced" };
        let key = format!("{kind}/{}/{}", reference.name, prepared.template.name);
        self.workflow.status.stored_templates.entry(key).or_insert_with(|| prepared.template.as_ref().clone());
    }

    pub(super) fn scope_name(&self, origin: &Origin) -> String {
        match origin {
            // As upstream does: what a template reference brings in belongs to no workflow by name.
            Origin::Local if self.workflow.spec.workflow_template_ref.is_some() => "local/".to_owned(),
            Origin::Local => format!("local/{}", self.name()),
            Origin::Namespaced(name) => format!("namespaced/{name}"),
            Origin::Cluster(name) => format!("cluster/{name}"),
        }
    }

    fn locals(&self, id: &str, request: &Request, prepared: &Prepared) -> Layer {
        let mut locals = Layer::new();
        locals.insert("node.name".to_owned(), text(request.name.as_str()));
        let attempt = request.flag.as_ref().is_some_and(|f| f.retried);
        let retried = !attempt && retry_strategy(&self.spec.retry_strategy, &prepared.template).is_some();
        if prepared.is_pod() && !retried {
            let name = argo_core::ids::pod_name(self.name(), id, &prepared.template.name);
            locals.insert("pod.name".to_owned(), text(name));
        }
        locals
    }

    /// Inputs and rendered template of an execution.
    ///
    /// A node that is taken up keeps the inputs that it was started with: what they were made from may have changed.
    pub(super) fn process(
        &self,
        prepared: &Arc<Prepared>,
        request: &Request,
        locals: &Layer,
        kept: Option<Inputs>,
    ) -> Result<(Template, Layer), String> {
        let outer = Layers::at(vec![&self.globals, locals], self.moment());
        let inputs = match kept {
            Some(inputs) => inputs,
            None => args::inputs(prepared, &request.args, &outer, self.library.as_ref())?,
        };
        let names = args::input_names(&inputs, &prepared.template.outputs);
        let scope = outer.with(&names);
        let template = args::template(prepared, inputs, &scope)?;
        Ok((template, names))
    }

    /// A node that says why its template cannot be executed.
    pub(super) fn refuse(&mut self, request: &Request, called: &Called, message: &str) -> Stop {
        let id = self.id_of(&request.name);
        if self.tree.get(&id).is_some() {
            self.set_error(&id, message);
        } else {
            let node = self.node(&request.name, "Skipped", "Error", called, &request.boundary, request.flag.clone(), message, "");
            self.add_node(node, request.parent.as_deref());
        }
        self.places.remove(&id);
        Stop::Error(message.to_owned())
    }

    /// A new node, as it first appears in the status.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn node(
        &self,
        name: &str,
        kind: &str,
        phase: &str,
        called: &Called,
        boundary: &str,
        flag: Option<NodeFlag>,
        message: &str,
        display: &str,
    ) -> NodeStatus {
        let ended = !matches!(phase, "Pending" | "Running" | "");
        NodeStatus {
            id: self.id_of(name),
            name: name.to_owned(),
            display_name: if display.is_empty() { self.display_name(name, boundary) } else { display.to_owned() },
            type_: kind.to_owned(),
            template_name: called.template.clone(),
            template_ref: called.reference.clone(),
            template_scope: called.scope.clone(),
            phase: phase.to_owned(),
            boundary_id: boundary.to_owned(),
            message: message.to_owned(),
            node_flag: flag,
            started_at: self.time(),
            finished_at: if ended { self.time() } else { None },
            progress: if is_executable(kind) { "0/1".to_owned() } else { String::new() },
            ..NodeStatus::default()
        }
    }

    fn display_name(&self, name: &str, boundary: &str) -> String {
        let Some(boundary) = self.tree.get(boundary) else { return name.to_owned() };
        let rest = name.strip_prefix(boundary.name.as_str()).unwrap_or(name);
        // `[0].step` is shown as `step`, `[0]` as it is.
        let inner = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((digits, after)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => after.strip_prefix('.'),
            _ => rest.strip_prefix('.'),
        };
        inner.unwrap_or(rest).to_owned()
    }

    /// Puts a node into the tree and tells its parent.
    pub(super) fn add_node(&mut self, node: NodeStatus, parent: Option<&str>) {
        let id = node.id.clone();
        let fulfilled = tree::is_fulfilled(&node);
        self.count(&node, 1);
        self.tree.insert(&self.workflow.metadata.name, node);
        if let Some(parent) = parent
            && fulfilled
        {
            self.wake(parent, Some(&id));
        }
    }

    /// Makes the node of an execution where it is not there yet.
    pub(super) fn ensure_node(&mut self, act: &Act, kind: &str, phase: &str) {
        if let Some(node) = self.tree.get(&act.id) {
            if !node.synchronization_status.as_ref().is_none_or(|s| s.waiting.is_empty()) {
                let (kind, phase) = (kind.to_owned(), phase.to_owned());
                self.change(&act.id, |node| {
                    node.synchronization_status = None;
                    node.message.clear();
                    node.type_ = kind;
                    node.phase = phase;
                });
            }
            return;
        }
        let shown = act.template.annotations.get(DISPLAY_NAME).map_or("", String::as_str);
        let request = &act.request;
        let mut node = self.node(&request.name, kind, phase, &act.called, &request.boundary, request.flag.clone(), "", shown);
        let inputs = &act.template.inputs;
        if !inputs.parameters.is_empty() || !inputs.artifacts.is_empty() {
            node.inputs = Some(inputs.clone());
        }
        if let Some(progress) = act.template.metadata.annotations.get(PROGRESS).filter(|p| is_executable(kind) && is_progress(p)) {
            node.progress.clone_from(progress);
        }
        if kind == "Pod" && act.template.daemon != Some(true) {
            node.task_result_synced = Some(false);
        }
        self.add_node(node, request.parent.as_deref());
    }

    /// Whether one more may start: by the limit of the workflow, and by that of the template around it.
    fn check_parallelism(&mut self, request: &Request) -> Result<(), Stop> {
        if let Some(limit) = self.spec.parallelism
            && self.active_pods >= limit
        {
            let why = format!("the workflow runs {limit} pods at once, as many as its parallelism allows");
            self.wait(&request.name, "ParallelismLimit", &why);
            return Err(Stop::Parallelism);
        }
        let boundary = request.boundary.clone();
        let below = self.below.get(&boundary).copied().unwrap_or_default();
        if let Some(limit) = self.limits.get(&boundary).and_then(|l| l.parallelism)
            && below.active >= limit
        {
            let why = format!("the template around it runs {limit} at once, as many as its parallelism allows");
            self.wait(&request.name, "ParallelismLimit", &why);
            return Err(Stop::Parallelism);
        }
        Ok(())
    }

    /// Notes why something does not start yet.
    pub(super) fn wait(&mut self, node: &str, code: &str, why: &str) {
        let id = self.id_of(node);
        self.waiting.insert(id, (code.to_owned(), why.to_owned()));
    }

    /// When a node has to be over: by the workflow's deadline and its template's timeout.
    pub(super) fn deadline_of(&self, act: &Act) -> Option<Timestamp> {
        let mut deadline = act.deadline;
        let timeout = act.template.timeout.as_str();
        if !timeout.is_empty()
            && let Some(timeout) = duration(timeout)
        {
            let from = self.tree.get(&act.id).and_then(|n| n.started_at).map_or(self.now, |t| t.0);
            deadline = [deadline, from.checked_add(timeout).ok()].into_iter().flatten().min();
        }
        if !act.request.on_exit {
            deadline = [deadline, self.workflow_deadline()].into_iter().flatten().min();
        }
        deadline
    }

    pub(super) fn workflow_deadline(&self) -> Option<Timestamp> {
        let seconds = self.spec.active_deadline_seconds?;
        let started = self.workflow.status.started_at?.0;
        started.checked_add(SignedDuration::from_secs(seconds)).ok()
    }
}

/// The retry strategy of a template: its own, or the workflow's, as upstream does for templates of every kind.
pub(super) fn retry_strategy(spec: &Option<RetryStrategy>, template: &Template) -> Option<RetryStrategy> {
    template.retry_strategy.clone().or_else(|| spec.clone())
}

/// A whole number that may be written as text.
pub(super) fn number(value: Option<&IntOrString>) -> Option<i64> {
    match value? {
        IntOrString::Int(n) => Some(*n),
        IntOrString::String(text) => text.trim().parse().ok(),
    }
}

/// A duration as workflows write it: Go's form, or plain seconds.
pub(super) fn duration(source: &str) -> Option<SignedDuration> {
    argo_core::duration::parse_seconds_or(source).ok()
}
