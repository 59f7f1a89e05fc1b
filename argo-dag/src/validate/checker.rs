//! Walking the templates from the entrypoint on, as upstream does: each is looked at once, with placeholders for what is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argo_core::strict::nearest;
use argo_core::workflows::{
    AnyString, Arguments, ClusterWorkflowTemplate, LifecycleHook, Template, TemplateRef, WorkflowSpec, WorkflowTemplate,
};
use serde_json::{Value, json};

use super::tags::{self, Scope};
use super::{Diagnostic, Options, leaf, names, outputs, spec};
use crate::Library;
use crate::pod::has_location_or_key;

/// Templates that call each other are followed this deep; what lies deeper is looked at from its own beginning.
const DEEPEST: usize = 16;
/// Longest value that is put into texts here, in bytes; a placeholder stands for longer ones. Values that are named often would fill the memory.
const LONGEST: usize = 4096;

/// Where template names are looked up.
#[derive(Clone)]
pub(super) enum Base<'a> {
    Local(&'a WorkflowSpec),
    Namespaced(Arc<WorkflowTemplate>),
    Cluster(Arc<ClusterWorkflowTemplate>),
}

impl Base<'_> {
    pub(super) fn spec(&self) -> &WorkflowSpec {
        match self {
            Self::Local(spec) => spec,
            Self::Namespaced(template) => &template.spec,
            Self::Cluster(template) => &template.spec,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Local(_) => "local".to_owned(),
            Self::Namespaced(template) => format!("namespaced/{}", template.metadata.name),
            Self::Cluster(template) => format!("cluster/{}", template.metadata.name),
        }
    }
}

/// What a step, a task, a hook or the workflow itself asks for.
pub(super) struct Holder<'h> {
    pub(super) template: &'h str,
    pub(super) template_ref: Option<&'h TemplateRef>,
    pub(super) inline: Option<&'h Template>,
}

impl<'h> Holder<'h> {
    pub(super) fn named(template: &'h str) -> Self {
        Self { template, template_ref: None, inline: None }
    }

    pub(super) fn referred(template_ref: &'h TemplateRef) -> Self {
        Self { template: "", template_ref: Some(template_ref), inline: None }
    }

    pub(super) fn hook(hook: &'h LifecycleHook) -> Self {
        Self { template: &hook.template, template_ref: hook.template_ref.as_ref(), inline: None }
    }
}

/// The arguments with which a template is looked at.
#[derive(Clone, Copy)]
pub(super) enum Given<'g> {
    /// Any that are asked for.
    Any,
    /// These; those without a value count as given where `lenient`.
    These { arguments: &'g Arguments, lenient: bool },
}

/// A template that was found.
#[derive(Clone)]
pub(super) struct Resolved<'a> {
    pub(super) template: Box<Template>,
    base: Base<'a>,
    id: String,
    path: String,
}

/// Where the walk is: what messages begin with, the path of the field, how many templates above.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) prefix: &'p str,
    pub(super) path: &'p str,
    pub(super) depth: usize,
}

pub(super) struct Checker<'a> {
    pub(super) library: &'a dyn Library,
    pub(super) options: &'a Options,
    pub(super) spec: &'a WorkflowSpec,
    pub(super) globals: BTreeMap<String, String>,
    pub(super) found: Vec<Diagnostic>,
    looked_at: BTreeSet<String>,
    done: BTreeSet<String>,
    placeholders: usize,
}

impl<'a> Checker<'a> {
    pub(super) fn new(library: &'a dyn Library, options: &'a Options, spec: &'a WorkflowSpec) -> Self {
        Self {
            library,
            options,
            spec,
            globals: BTreeMap::new(),
            found: Vec::new(),
            looked_at: BTreeSet::new(),
            done: BTreeSet::new(),
            placeholders: 0,
        }
    }

    pub(super) fn say(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.say_hint(path, message, "");
    }

    pub(super) fn say_hint(&mut self, path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        let found = Diagnostic { path: path.into(), message: message.into(), hint: hint.into() };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    pub(super) fn placeholder(&mut self) -> String {
        self.placeholders = self.placeholders.saturating_add(1);
        tags::placeholder(self.placeholders)
    }

    /// Says of every tag of a text that cannot be resolved so; the hint names the nearest name that can.
    pub(super) fn resolve(&mut self, value: &Value, scopes: &[&Scope], prefix: &str, path: &str) {
        for tag in tags::unresolved(value, scopes, &self.globals, self.options.is_template) {
            // Names of whole groups would be nearer to a misspelt member than its sisters are.
            let depth = |name: &str| name.matches('.').count();
            let near = nearest(
                tag.trim(),
                scopes.iter().copied().flatten().chain(self.globals.keys()).map(String::as_str).filter(|n| depth(n) == depth(&tag)),
            );
            let hint = near.map(|n| format!("did you mean {{{{{n}}}}}?")).unwrap_or_default();
            self.say_hint(path, format!("{prefix}failed to resolve {{{{{tag}}}}}"), hint);
        }
    }

    /// Finds the template that a holder asks for.
    pub(super) fn find(&mut self, holder: &Holder<'_>, base: &Base<'a>, place: Place<'_>) -> Option<Resolved<'a>> {
        let Place { prefix, path, .. } = place;
        if let Some(template) = holder.inline {
            return Some(Resolved {
                template: Box::new(template.clone()),
                base: base.clone(),
                id: format!("{}#{path}", base.key()),
                path: format!("{path}.inline"),
            });
        }
        let Some(reference) = holder.template_ref else {
            let templates = &base.spec().templates;
            let Some(index) = templates.iter().position(|t| t.name == holder.template) else {
                let near = nearest(holder.template, templates.iter().map(|t| t.name.as_str()));
                let hint = near.map(|n| format!("did you mean {n:?}?")).unwrap_or_default();
                self.say_hint(format!("{path}.template"), format!("{prefix}template name '{}' undefined", holder.template), hint);
                return None;
            };
            let path = if matches!(base, Base::Local(_)) { format!("spec.templates[{index}]") } else { path.to_owned() };
            let template = Box::new(templates.get(index)?.clone());
            return Some(Resolved { id: format!("{}/{}", base.key(), template.name), template, base: base.clone(), path });
        };
        let at = format!("{path}.templateRef");
        if !holder.template.is_empty() {
            self.say(at, format!("{prefix}template name cannot be specified with templateRef"));
            return None;
        }
        if reference.name.is_empty() || reference.template.is_empty() {
            let what = if reference.name.is_empty() { "resource" } else { "template" };
            self.say(at, format!("{prefix}{what} name is required"));
            return None;
        }
        let base = if reference.cluster_scope {
            self.library.cluster_workflow_template(&reference.name).map(Base::Cluster)
        } else {
            self.library.workflow_template(&reference.name).map(Base::Namespaced)
        };
        let found =
            base.as_ref().and_then(|b| b.spec().templates.iter().find(|t| t.name == reference.template)).map(|t| Box::new(t.clone()));
        let (Some(base), Some(template)) = (base, found) else {
            // The name may hold a tag: then it is known only when the workflow runs.
            let is_late = |text: &str| text.contains("{{") || tags::holds_placeholder(text);
            if !is_late(&reference.name) && !is_late(&reference.template) {
                self.say(at, format!("{prefix}template reference {}.{} not found", reference.name, reference.template));
            }
            return None;
        };
        Some(Resolved { id: format!("{}/{}", base.key(), template.name), template, base, path: at })
    }

    /// Finds a template and looks at it.
    pub(super) fn holder(
        &mut self,
        holder: &Holder<'_>,
        base: &Base<'a>,
        given: Given<'_>,
        outer: &Scope,
        place: Place<'_>,
    ) -> Option<Resolved<'a>> {
        let resolved = self.find(holder, base, place)?;
        self.template(&resolved, given, outer, place);
        Some(resolved)
    }

    fn template(&mut self, resolved: &Resolved<'a>, given: Given<'_>, outer: &Scope, place: Place<'_>) {
        let Place { prefix, depth, .. } = place;
        let Resolved { template, path, id, base } = resolved;
        if !self.looked_at.contains(id)
            && let Some(message) = template.retry_strategy.as_ref().and_then(spec::retry_policy)
        {
            self.say(format!("{path}.retryStrategy.retryPolicy"), format!("{prefix}{message}"));
        }
        let kinds = kinds(template);
        let [kind] = kinds.as_slice() else {
            if self.looked_at.insert(id.clone()) {
                let what = if kinds.is_empty() { "template type unspecified" } else { "multiple template types specified" };
                let all = "container, containerSet, steps, script, resource, dag, suspend, template, template ref";
                self.say(path, format!("{prefix}templates.{} {what}. choose one of: {all}", template.name));
            }
            return;
        };
        let mut scope = outer.clone();
        let wrong = inputs(template, kind, &mut scope);
        if self.looked_at.insert(id.clone()) {
            for (at, message) in wrong {
                self.say(format!("{path}{at}"), format!("{prefix}{message}"));
            }
        }
        let Some(complete) = self.supply(template, kind, given, place) else { return };
        if self.done.contains(id) && !template.timeout.contains("{{") {
            return;
        }
        let Some(processed) = self.substitute(&complete, kind, place) else { return };
        if !processed.timeout.is_empty() {
            if matches!(*kind, "Steps" | "DAG") {
                self.say(format!("{path}.timeout"), format!("{prefix}{kind} template doesn't support timeout field"));
            } else if let Some(wrong) = leaf::bad_timeout(&processed.timeout) {
                self.say_hint(
                    format!("{path}.timeout"),
                    format!("{prefix}{} has invalid duration format in timeout", template.name),
                    wrong,
                );
            }
        }
        if depth >= DEEPEST || !self.done.insert(id.clone()) {
            return;
        }
        if !matches!(*kind, "Steps" | "DAG" | "Suspend" | "HTTP" | "Plugin") {
            scope.insert("pod.name".to_owned());
        }
        let inner = Place { prefix, path, depth: depth.saturating_add(1) };
        match *kind {
            "Steps" => self.steps(&processed, &mut scope, base, inner),
            "DAG" => self.dag(&processed, &mut scope, base, inner),
            _ => {
                self.resolve(&json!(processed), &[&scope], &format!("{prefix}templates.{}: ", template.name), path);
                let wrong = leaf::check(&processed, kind, &|field| image_default(base.spec(), self.spec, self.options, field));
                for (at, message) in wrong {
                    self.say(format!("{path}{at}"), format!("{prefix}{message}"));
                }
            }
        }
        for found in outputs::check(&processed, kind, &scope, &self.globals, self.options.is_template) {
            self.say_hint(format!("{path}{}", found.path), format!("{prefix}{}", found.message), found.hint);
        }
        for (at, message) in leaf::common(&processed) {
            self.say(format!("{path}{at}"), format!("{prefix}{message}"));
        }
    }

    /// The template with values for all its inputs.
    fn supply(&mut self, template: &Template, kind: &str, given: Given<'_>, place: Place<'_>) -> Option<Box<Template>> {
        let mut processed = Box::new(template.clone());
        let mut complete = true;
        let name = &template.name;
        for parameter in &mut processed.inputs.parameters {
            if parameter.value.is_none() {
                parameter.value = parameter.default.clone();
            }
            match given {
                Given::Any => parameter.value = Some(AnyString(self.placeholder())),
                Given::These { arguments, lenient } => {
                    if let Some(argument) = arguments.parameters.iter().find(|a| a.name == parameter.name) {
                        if argument.value.is_some() {
                            parameter.value = argument.value.clone();
                        } else if argument.value_from.is_some() || lenient {
                            parameter.value = Some(AnyString(self.placeholder()));
                        }
                    }
                }
            }
            let from = parameter.value_from.as_ref();
            if parameter.value.is_none()
                && from.is_some_and(|f| f.config_map_key_ref.is_some() || f.supplied.is_some() || kind == "Suspend")
            {
                parameter.value = Some(AnyString(self.placeholder()));
            }
            if parameter.value.is_none() {
                complete = false;
                let message = format!("{}templates.{name} inputs.parameters.{} was not supplied", place.prefix, parameter.name);
                self.say(place.path, message);
            }
        }
        if let Given::These { arguments, .. } = given {
            for artifact in template.inputs.artifacts.iter().filter(|a| !a.optional && !has_location_or_key(a)) {
                if !arguments.artifacts.iter().any(|a| a.name == artifact.name) {
                    complete = false;
                    let message = format!("{}templates.{name} inputs.artifacts.{} was not supplied", place.prefix, artifact.name);
                    self.say(place.path, message);
                }
            }
        }
        complete.then_some(processed)
    }

    /// The template with its inputs and all that is known put into its texts.
    fn substitute(&mut self, template: &Template, kind: &str, place: Place<'_>) -> Option<Box<Template>> {
        let name = &template.name;
        let mut value = json!(template);
        let pod = self.placeholder();
        let is_pod = !matches!(kind, "Steps" | "DAG" | "Suspend" | "HTTP" | "Plugin");
        tags::fill(&mut value, &|name| {
            if name == "pod.name" { is_pod.then(|| pod.clone()) } else { self.globals.get(name).map(|v| short(v)) }
        });
        let known = known_inputs(&value);
        tags::fill(&mut value, &|name| known.get(name).map(|v| short(v)));
        match serde_json::from_value(value) {
            Ok(processed) => Some(Box::new(processed)),
            Err(error) => {
                self.say(place.path, format!("{}templates.{name} {error}", place.prefix));
                None
            }
        }
    }

    /// Hooks of a step or task: what they call must exist, and all but the exit hook need a condition.
    pub(super) fn hooks(&mut self, hooks: &BTreeMap<String, LifecycleHook>, on_exit: &str, base: &Base<'a>, prefix: &str, path: &str) {
        for (name, hook) in hooks {
            let at = format!("{path}.hooks.{name}");
            if name != "exit" && hook.expression.is_empty() {
                self.say(at.clone(), format!("{}.{name} Expression required", prefix.trim_end()));
            }
            self.exists(&Holder::hook(hook), base, &format!("{prefix}hooks.{name} "), &at);
        }
        if !on_exit.is_empty() {
            self.exists(&Holder::named(on_exit), base, &format!("{prefix}onExit "), path);
        }
    }

    fn exists(&mut self, holder: &Holder<'_>, base: &Base<'a>, prefix: &str, path: &str) {
        let is_late = holder.template.contains("{{") || tags::is_placeholder(holder.template);
        if !is_late {
            self.find(holder, base, Place { prefix, path, depth: 0 });
        }
    }

    /// Makes known what a step or task gives to those after it.
    pub(super) fn add_outputs(&mut self, template: Option<&Template>, prefix: &str, scope: &mut Scope, is_loop: bool, is_ancestor: bool) {
        for name in ["id", "startedAt", "finishedAt", "hostNodeName"] {
            scope.insert(format!("{prefix}.{name}"));
        }
        if is_ancestor {
            scope.insert(format!("{prefix}.status"));
        }
        let Some(template) = template else { return };
        if template.daemon == Some(true) {
            scope.insert(format!("{prefix}.ip"));
        }
        let set = template.container_set.as_ref();
        let has_result = template.container.is_some()
            || template.script.is_some()
            || template.data.is_some()
            || template.http.is_some()
            || template.plugin.is_some()
            || set.is_some_and(|s| s.containers.iter().any(|c| c.name == "main"));
        if has_result || (is_loop && set.is_some()) {
            scope.insert(format!("{prefix}.outputs.result"));
            scope.insert(format!("{prefix}.exitCode"));
        }
        if is_loop {
            scope.insert(format!("{prefix}.outputs.parameters"));
        }
        let parameters = template.outputs.parameters.iter().map(|p| ("parameters", &p.name, &p.global_name));
        let artifacts = template.outputs.artifacts.iter().map(|a| ("artifacts", &a.name, &a.global_name));
        for (kind, name, global) in parameters.chain(artifacts) {
            scope.insert(format!("{prefix}.outputs.{kind}.{name}"));
            if outputs::is_variable(global) {
                scope.insert(if kind == "parameters" { tags::ANY_GLOBAL_PARAMETER } else { tags::ANY_GLOBAL_ARTIFACT }.to_owned());
            } else if !global.is_empty() {
                let value = self.placeholder();
                self.globals.insert(format!("workflow.outputs.{kind}.{global}"), value);
            }
        }
    }
}

/// What a template is, in upstream's words; more than one is a mistake.
pub(super) fn kinds(template: &Template) -> Vec<&'static str> {
    [
        ("Container", template.container.is_some()),
        ("ContainerSet", template.container_set.is_some()),
        ("Steps", !template.steps.is_empty()),
        ("Script", template.script.is_some()),
        ("Resource", template.resource.is_some()),
        ("DAG", template.dag.is_some()),
        ("Suspend", template.suspend.is_some()),
        ("Data", template.data.is_some()),
        ("HTTP", template.http.is_some()),
        ("Plugin", template.plugin.is_some()),
    ]
    .into_iter()
    .filter_map(|(kind, is)| is.then_some(kind))
    .collect()
}

/// The image that the defaults give to containers (`container`) or scripts (`script`) without one.
fn image_default(base: &WorkflowSpec, workflow: &WorkflowSpec, options: &Options, field: &str) -> bool {
    let configured = options.defaults.as_ref().map(|d| &d.spec);
    [Some(base), Some(workflow), configured].into_iter().flatten().filter_map(|s| s.template_defaults.as_ref()).any(
        |defaults| match field {
            "container" => defaults.container.as_ref().is_some_and(|c| !c.image.is_empty()),
            _ => defaults.script.as_ref().is_some_and(|c| !c.image.is_empty()),
        },
    )
}

/// What is wrong with the inputs, as path and message; names that the template may use go into the scope.
fn inputs(template: &Template, kind: &str, scope: &mut Scope) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let name = &template.name;
    let rule = |name: &str| names::argument(name).to_owned();
    for (index, message) in names::list(template.inputs.parameters.iter().map(|p| p.name.as_str()), rule) {
        wrong.push((format!(".inputs.parameters[{index}].name"), format!("templates.{name}.inputs.parameters{message}")));
    }
    for (index, message) in names::list(template.inputs.artifacts.iter().map(|a| a.name.as_str()), rule) {
        wrong.push((format!(".inputs.artifacts[{index}].name"), format!("templates.{name}.inputs.artifacts{message}")));
    }
    scope.extend(template.inputs.parameters.iter().map(|p| format!("inputs.parameters.{}", p.name)));
    if !template.inputs.parameters.is_empty() {
        scope.insert("inputs.parameters".to_owned());
    }
    let is_leaf = !matches!(kind, "Steps" | "DAG");
    let manifest = template.resource.as_ref().and_then(|r| r.manifest_from.as_ref()).and_then(|f| f.artifact.as_ref());
    for (index, artifact) in template.inputs.artifacts.iter().enumerate() {
        let (reference, path) = (format!("inputs.artifacts.{}", artifact.name), format!(".inputs.artifacts[{index}]"));
        let is_manifest = manifest.is_some_and(|m| m.name == artifact.name);
        if is_leaf
            && !is_manifest
            && let Some(message) = outputs::artifact_path(&artifact.name, &artifact.path)
        {
            wrong.push((path.clone(), format!("error in templates.{name}.{reference}: {message}")));
        }
        if is_leaf {
            scope.insert(format!("{reference}.path"));
        } else if !artifact.path.is_empty() {
            wrong.push((path.clone(), format!("templates.{name}.{reference}.path only valid in container/script templates")));
        }
        if !artifact.from.is_empty() {
            wrong.push((format!("{path}.from"), format!("templates.{name}.{reference}.from not valid in inputs")));
        }
        let location = json!(artifact);
        if let Some(message) = leaf::location(&format!("templates.{name}.{reference}"), &location) {
            wrong.push((path, message));
        }
        scope.insert(reference);
    }
    if is_leaf {
        let paths = template.outputs.artifacts.iter().filter(|a| !a.path.is_empty()).map(|a| format!("outputs.artifacts.{}.path", a.name));
        scope.extend(paths);
    }
    if template.init_containers.iter().any(|c| c.name.is_empty()) {
        wrong.push((".initContainers".to_owned(), "initContainers must all have container name".to_owned()));
    }
    wrong
}

fn short(value: &str) -> String {
    if value.len() > LONGEST { tags::placeholder(0) } else { value.to_owned() }
}

/// What a template's own inputs and outputs put into its texts.
fn known_inputs(template: &Value) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    let list = |at: &str| template.pointer(at).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let mut put = |kind: &str, item: &Value, end: &str, at: &str| {
        if let (Some(name), Some(value)) = (text(item, "/name"), text(item, at)) {
            known.insert(format!("{kind}.{name}{end}"), value);
        }
    };
    list("/inputs/parameters").iter().for_each(|p| put("inputs.parameters", p, "", "/value"));
    list("/inputs/artifacts").iter().for_each(|a| put("inputs.artifacts", a, ".path", "/path"));
    list("/outputs/artifacts").iter().for_each(|a| put("outputs.artifacts", a, ".path", "/path"));
    list("/outputs/parameters").iter().for_each(|p| put("outputs.parameters", p, ".path", "/valueFrom/path"));
    if !list("/inputs/parameters").is_empty() {
        known.insert("inputs.parameters".to_owned(), Value::from(list("/inputs/parameters")).to_string());
    }
    known
}
