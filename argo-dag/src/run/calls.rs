//! Steps and tasks as one thing: calls of templates, prepared once for each template.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argo_core::workflows::{Arguments, ContinueOn, DagTask, LifecycleHook, Template, TemplateRef, WorkflowStep};
use argo_lang::depends::Logic;
use serde_json::{Map, Value};

use super::doc::Doc;

/// Name of the hook that runs when its step has ended.
const EXIT: &str = "exit";

/// Where a template is looked up by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The workflow itself.
    Local,
    /// A WorkflowTemplate.
    Namespaced(String),
    /// A ClusterWorkflowTemplate.
    Cluster(String),
}

/// A template, ready to be run many times.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) template: Arc<Template>,
    pub(super) origin: Origin,
    /// The template without its inputs and, where it is made of calls, without those and its outputs.
    pub(super) shell: Doc,
    pub(super) inputs: Doc,
    pub(super) body: Body,
    /// Names of the calls whose standard output the template reads.
    results_read: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) enum Body {
    Steps(Vec<Vec<Arc<Call>>>),
    Dag(BTreeMap<String, Arc<Call>>),
    Suspend,
    /// Run by the agent.
    Remote,
    Pod,
    None,
}

/// How many times a call runs.
#[derive(Debug)]
pub(super) enum Items {
    Once,
    List(Doc),
    Param(Doc),
    Sequence(Doc),
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    /// `template` and `templateRef`.
    pub(super) target: Doc,
    pub(super) inline: Option<Arc<Prepared>>,
    pub(super) arguments: Arguments,
    pub(super) when: String,
    pub(super) items: Items,
    pub(super) continue_on: ContinueOn,
    pub(super) exit: Option<LifecycleHook>,
    pub(super) hooks: BTreeMap<String, LifecycleHook>,
    /// What it waits for, with the names of the tasks in alphabetical order; of tasks only.
    pub(super) depends: Result<Logic, String>,
    pub(super) dependencies: Vec<String>,
}

/// What a call calls, after rendering.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Target {
    pub(super) template: String,
    pub(super) template_ref: Option<TemplateRef>,
}

impl Call {
    pub(super) fn continues_on(&self, phase: &str) -> bool {
        (phase == "Failed" && self.continue_on.failed) || (phase == "Error" && self.continue_on.error)
    }

    fn step(step: &WorkflowStep, origin: &Origin) -> Self {
        let task = DagTask {
            arguments: step.arguments.clone(),
            continue_on: step.continue_on.clone(),
            hooks: step.hooks.clone(),
            inline: step.inline.clone(),
            name: step.name.clone(),
            on_exit: step.on_exit.clone(),
            template: step.template.clone(),
            template_ref: step.template_ref.clone(),
            when: step.when.clone(),
            with_items: step.with_items.clone(),
            with_param: step.with_param.clone(),
            with_sequence: step.with_sequence.clone(),
            ..DagTask::default()
        };
        Self::task(&task, origin)
    }

    fn task(task: &DagTask, origin: &Origin) -> Self {
        let mut target = Map::new();
        target.insert("template".to_owned(), Value::from(task.template.as_str()));
        if let Some(reference) = &task.template_ref {
            target.insert("templateRef".to_owned(), json(reference));
        }
        let items = if !task.with_items.is_empty() {
            Items::List(Doc::parse(json(&task.with_items)))
        } else if !task.with_param.is_empty() {
            Items::Param(Doc::parse(Value::from(task.with_param.as_str())))
        } else if let Some(sequence) = &task.with_sequence {
            Items::Sequence(Doc::parse(json(sequence)))
        } else {
            Items::Once
        };
        let mut hooks = task.hooks.clone();
        let mut exit = hooks.remove(EXIT);
        if !task.on_exit.is_empty() {
            exit = Some(LifecycleHook { template: task.on_exit.clone(), ..LifecycleHook::default() });
        }
        let (depends, dependencies) = depends(task);
        Self {
            name: task.name.clone(),
            target: Doc::parse(Value::Object(target)),
            inline: task.inline.as_ref().map(|t| Arc::new(Prepared::new(t, origin.clone()))),
            arguments: task.arguments.clone(),
            when: task.when.clone(),
            items,
            continue_on: task.continue_on.clone().unwrap_or_default(),
            exit,
            hooks,
            depends,
            dependencies,
        }
    }
}

fn depends(task: &DagTask) -> (Result<Logic, String>, Vec<String>) {
    if task.depends.is_empty() {
        let names: BTreeSet<&String> = task.dependencies.iter().collect();
        return (Ok(Logic::all_of(&task.dependencies)), names.into_iter().cloned().collect());
    }
    match Logic::parse(&task.depends) {
        Ok(logic) => {
            let names = logic.tasks().into_iter().map(str::to_owned).collect();
            (Ok(logic), names)
        }
        Err(e) => (Err(format!("invalid 'depends' of task {}: {}", task.name, e.render(&task.depends))), Vec::new()),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    // API types are plain data: writing them as JSON cannot fail.
    serde_json::to_value(value).unwrap_or_default()
}

impl Prepared {
    pub(super) fn new(template: &Template, origin: Origin) -> Self {
        let body = if template.container.is_some()
            || template.container_set.is_some()
            || template.script.is_some()
            || template.resource.is_some()
            || template.data.is_some()
        {
            Body::Pod
        } else if !template.steps.is_empty() {
            let groups = template.steps.iter().map(|group| group.iter().map(|s| Arc::new(Call::step(s, &origin))).collect());
            Body::Steps(groups.collect())
        } else if let Some(dag) = &template.dag {
            Body::Dag(dag.tasks.iter().map(|t| (t.name.clone(), Arc::new(Call::task(t, &origin)))).collect())
        } else if template.suspend.is_some() {
            Body::Suspend
        } else if template.http.is_some() || template.plugin.is_some() {
            Body::Remote
        } else {
            Body::None
        };
        let names: Vec<&str> = match &body {
            Body::Steps(groups) => groups.iter().flatten().map(|c| c.name.as_str()).collect(),
            Body::Dag(tasks) => tasks.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let results_read = if names.is_empty() { BTreeSet::new() } else { results_read(template, &body, &names) };
        let mut shell = template.clone();
        let inputs = std::mem::take(&mut shell.inputs);
        if matches!(body, Body::Steps(_) | Body::Dag(_)) {
            shell.steps.clear();
            shell.outputs = argo_core::workflows::Outputs::default();
            if let Some(dag) = &mut shell.dag {
                dag.tasks.clear();
            }
        }
        Self {
            template: Arc::new(template.clone()),
            origin,
            shell: Doc::parse(json(&shell)),
            inputs: Doc::parse(json(&inputs)),
            body,
            results_read,
        }
    }

    pub(super) fn is_pod(&self) -> bool {
        matches!(self.body, Body::Pod)
    }

    /// The node type of one execution.
    pub(super) fn node_type(&self) -> &'static str {
        match self.body {
            Body::Steps(_) => "Steps",
            Body::Dag(_) => "DAG",
            Body::Suspend => "Suspend",
            Body::Remote if self.template.plugin.is_some() => "Plugin",
            Body::Remote => "HTTP",
            Body::Pod => "Pod",
            Body::None => "Skipped",
        }
    }

    /// Whether the template reads the standard output of a step or task of this name.
    pub(super) fn reads_result_of(&self, name: &str) -> bool {
        self.results_read.contains(name)
    }
}

// As upstream does: found in the text of the template, whatever the place.
fn results_read(template: &Template, body: &Body, names: &[&str]) -> BTreeSet<String> {
    let text = json(template).to_string();
    let kind = if matches!(body, Body::Steps(_)) { "steps" } else { "tasks" };
    let read = |name: &&&str| {
        [
            format!("{kind}.{name}.outputs.result"),
            format!("{kind}['{name}'].outputs.result"),
            format!("{kind}[\\\"{name}\\\"].outputs.result"),
        ]
        .iter()
        .any(|reference| text.contains(reference.as_str()))
    };
    names.iter().filter(read).map(|name| (*name).to_owned()).collect()
}
