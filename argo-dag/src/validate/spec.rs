//! A workflow as a whole.

use std::collections::BTreeMap;

use argo_core::workflows::{Arguments, LifecycleHook, Prometheus, RetryStrategy, TemplateRef, Workflow, WorkflowSpec};
use argo_core::{duration, strict::nearest};
use serde_json::{Value, json};

use super::checker::{Base, Checker, Given, Holder, Place};
use super::tags::{self, Scope};
use super::{Diagnostic, Options, arguments, names};
use crate::Library;

const POD_GC: [&str; 5] = ["", "OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess"];
const RETRY_POLICIES: [&str; 5] = ["", "Always", "OnFailure", "OnError", "OnTransientError"];

pub(super) fn workflow(workflow: &Workflow, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    let spec = &workflow.spec;
    let mut checker = Checker::new(library, options, spec);
    let referred = match template_of(spec, library) {
        Ok(referred) => referred,
        Err(found) => return vec![found],
    };
    let source = referred.as_ref().map_or(spec, Base::spec);
    let merged = merge_arguments(&spec.arguments, referred.as_ref().map(|b| &b.spec().arguments));
    for (index, wrong) in names::list(spec.templates.iter().map(|t| t.name.as_str()), names::field) {
        checker.say(format!("spec.templates[{index}].name"), format!("spec.templates{wrong}"));
    }
    let may_be_empty = options.lint || (options.is_template && !options.submit);
    checker.found.extend(arguments::check(&merged, "spec.arguments.", "spec.arguments", may_be_empty));
    globals(&mut checker, workflow, source, &merged);
    let entrypoint = if spec.entrypoint.is_empty() { &source.entrypoint } else { &spec.entrypoint };
    checker.pods(spec);

    let base = Base::Local(spec);
    let as_ref = |template: &str| {
        spec.workflow_template_ref.as_ref().map(|r| TemplateRef {
            name: r.name.clone(),
            template: template.to_owned(),
            cluster_scope: r.cluster_scope,
            ..TemplateRef::default()
        })
    };
    let lenient = options.lint;
    let given = if options.is_template { Given::Any } else { Given::These { arguments: &merged, lenient } };
    let start = |path| Place { prefix: "", path, depth: 0 };
    if entrypoint.is_empty() && !options.is_template {
        checker.say("spec.entrypoint", "spec.entrypoint is required");
    } else if !entrypoint.is_empty() {
        let reference = as_ref(entrypoint);
        let holder = reference.as_ref().map_or_else(|| Holder::named(entrypoint), Holder::referred);
        checker.holder(&holder, &base, given, &Scope::new(), start("spec.entrypoint"));
    }
    let exit = exit_handlers(spec, source);
    if !exit.is_empty() || options.is_template {
        let value = checker.placeholder();
        checker.globals.insert("workflow.failures".to_owned(), value);
    }
    for (path, hook) in &exit {
        let reference = hook.template_ref.clone().or_else(|| as_ref(&hook.template));
        let holder = reference.as_ref().map_or_else(|| Holder::named(&hook.template), Holder::referred);
        let own = !hook.arguments.parameters.is_empty() || !hook.arguments.artifacts.is_empty();
        let given = match given {
            Given::These { .. } if own => Given::These { arguments: &hook.arguments, lenient: true },
            Given::These { .. } => given,
            Given::Any => Given::These { arguments: &merged, lenient: true },
        };
        checker.holder(&holder, &base, given, &Scope::new(), start(path));
    }
    checker.whole(spec);
    for (index, template) in source.templates.iter().enumerate() {
        let reference = as_ref(&template.name);
        let holder = reference.as_ref().map_or_else(|| Holder::named(&template.name), Holder::referred);
        let (prefix, path) = (format!("templates.{} ", template.name), format!("spec.templates[{index}]"));
        checker.holder(&holder, &base, Given::Any, &Scope::new(), Place { prefix: &prefix, path: &path, depth: 0 });
    }
    checker.found
}

/// The template object that the workflow is made from, if it is.
fn template_of<'a>(spec: &WorkflowSpec, library: &dyn Library) -> Result<Option<Base<'a>>, Diagnostic> {
    let Some(reference) = &spec.workflow_template_ref else { return Ok(None) };
    let say = |path: &str, message: String| Diagnostic { path: path.to_owned(), message, hint: String::new() };
    if !spec.templates.is_empty() {
        let message = "Templates is invalid field in spec if workflow referred WorkflowTemplate reference";
        return Err(say("spec.templates", message.to_owned()));
    }
    let (base, kind) = if reference.cluster_scope {
        (library.cluster_workflow_template(&reference.name).map(Base::Cluster), "clusterworkflowtemplates")
    } else {
        (library.workflow_template(&reference.name).map(Base::Namespaced), "workflowtemplates")
    };
    match base {
        Some(base) => Ok(Some(base)),
        None => Err(say("spec.workflowTemplateRef", format!("{kind}.argoproj.io {:?} not found", reference.name))),
    }
}

/// A workflow's arguments, and those of its template that it does not give itself.
fn merge_arguments(own: &Arguments, of_template: Option<&Arguments>) -> Arguments {
    let mut merged = own.clone();
    for parameter in of_template.iter().flat_map(|a| &a.parameters) {
        if !merged.parameters.iter().any(|p| p.name == parameter.name) {
            merged.parameters.push(parameter.clone());
        }
    }
    for artifact in of_template.iter().flat_map(|a| &a.artifacts) {
        if !merged.artifacts.iter().any(|a| a.name == artifact.name) {
            merged.artifacts.push(artifact.clone());
        }
    }
    merged
}

/// The names that every template of the workflow may use.
fn globals(checker: &mut Checker<'_>, workflow: &Workflow, source: &WorkflowSpec, arguments: &Arguments) {
    let spec = &workflow.spec;
    let configured = checker.options.defaults.as_deref();
    let mut names: Vec<String> =
        ["name", "namespace", "mainEntrypoint", "serviceAccountName", "uid", "status"].map(|n| format!("workflow.{n}")).to_vec();
    let kinds = ["annotations", "labels", "parameters"];
    for kind in kinds.into_iter().filter(|k| *k != "parameters" || !arguments.parameters.is_empty()) {
        names.extend([format!("workflow.{kind}"), format!("workflow.{kind}.json")]);
    }
    let metadata = [Some(workflow), configured].into_iter().flatten().map(|w| &w.metadata);
    for metadata in metadata {
        names.extend(metadata.labels.keys().map(|key| format!("workflow.labels.{key}")));
        names.extend(metadata.annotations.keys().map(|key| format!("workflow.annotations.{key}")));
    }
    let specs = [Some(spec), Some(source), configured.map(|w| &w.spec)];
    for metadata in specs.into_iter().flatten().filter_map(|s| s.workflow_metadata.as_ref()) {
        names.extend(metadata.labels.keys().chain(metadata.labels_from.keys()).map(|key| format!("workflow.labels.{key}")));
        names.extend(metadata.annotations.keys().map(|key| format!("workflow.annotations.{key}")));
    }
    for name in names {
        let value = checker.placeholder();
        checker.globals.insert(name, value);
    }
    if let Some(priority) = spec.priority.or(source.priority) {
        checker.globals.insert("workflow.priority".to_owned(), priority.to_string());
    }
    for parameter in &arguments.parameters {
        let value = parameter.value.as_ref().map_or_else(|| checker.placeholder(), |v| v.0.clone());
        checker.globals.insert(format!("workflow.parameters.{}", parameter.name), value);
    }
}

/// What runs when the workflow ends, and where it is written.
fn exit_handlers(spec: &WorkflowSpec, source: &WorkflowSpec) -> Vec<(String, LifecycleHook)> {
    let named = |template: &str| LifecycleHook { template: template.to_owned(), ..LifecycleHook::default() };
    let hooks = if spec.hooks.is_empty() { &source.hooks } else { &spec.hooks };
    let mut all: Vec<_> = hooks.iter().map(|(name, hook)| (format!("spec.hooks.{name}"), hook.clone())).collect();
    let on_exit = if spec.on_exit.is_empty() { &source.on_exit } else { &spec.on_exit };
    if !on_exit.is_empty() && !hooks.contains_key("exit") {
        all.insert(0, ("spec.onExit".to_owned(), named(on_exit)));
    }
    all
}

impl Checker<'_> {
    /// Fields of the spec that shape pods.
    fn pods(&mut self, spec: &WorkflowSpec) {
        for (index, plugin) in spec.executor_plugins.iter().enumerate() {
            let container = plugin.spec.sidecar.as_ref().and_then(|s| s.container.as_ref()).map(|c| json!(c)).unwrap_or_default();
            let has = |field: &str| container.get(field).is_some();
            let ports = container.get("ports").and_then(Value::as_array).map_or(0, Vec::len);
            let message = if plugin.metadata.name.is_empty() {
                "executor plugin metadata name is mandatory"
            } else if ports == 0 {
                "at least one port is mandatory"
            } else if container.get("resources").is_none_or(|r| r.get("requests").is_none()) {
                "resources requests are mandatory"
            } else if container.get("resources").is_none_or(|r| r.get("limits").is_none()) {
                "resources limits are mandatory"
            } else if !has("securityContext") {
                "security context is mandatory"
            } else {
                continue;
            };
            self.say(format!("spec.executorPlugins[{index}]"), format!("spec.executorPlugins: {message}"));
        }
        for (at, message) in pod_resources(spec.pod_resources.as_ref(), &spec.resource_claims, "spec", "spec") {
            self.say(at, message);
        }
    }

    /// Other fields of the spec.
    fn whole(&mut self, spec: &WorkflowSpec) {
        for (name, hook) in &spec.hooks {
            if name != "exit" && hook.expression.is_empty() {
                self.say(format!("spec.hooks.{name}"), format!("hooks.{name} Expression required"));
            }
        }
        if let Some(gc) = &spec.pod_gc {
            if !POD_GC.contains(&gc.strategy.as_str()) {
                let hint = nearest(&gc.strategy, POD_GC).map(|n| format!("did you mean {n:?}?"));
                let hint = hint.unwrap_or_else(|| format!("one of {}", POD_GC.get(1..).unwrap_or_default().join(", ")));
                self.say_hint("spec.podGC.strategy", format!("podGC.strategy unknown strategy '{}'", gc.strategy), hint);
            }
            if let Some(wrong) = gc.label_selector.as_ref().and_then(selector) {
                self.say("spec.podGC.labelSelector", format!("podGC.labelSelector invalid: {wrong}"));
            }
            if !gc.delete_delay_duration.is_empty()
                && let Err(error) = duration::parse_seconds_or(&gc.delete_delay_duration)
            {
                self.say("spec.podGC.deleteDelayDuration", format!("podGC.deleteDelayDuration invalid: {error}"));
            }
        }
        for (index, metric) in spec.metrics.iter().flat_map(|m| &m.prometheus).enumerate() {
            if let Some(wrong) = metric_of_workflow(metric) {
                self.say(format!("spec.metrics.prometheus[{index}]"), wrong);
            }
        }
        if let Some(strategy) = &spec.retry_strategy {
            if let Some(message) = retry_policy(strategy) {
                self.say("spec.retryStrategy.retryPolicy", message);
            }
            for (at, message) in retry(strategy, "spec.") {
                self.say(format!("spec.retryStrategy{at}"), message);
            }
        }
    }
}

fn metric_of_workflow(found: &Prometheus) -> Option<String> {
    metric(found, "spec.metrics ")
}

/// Why a label selector is none.
fn selector(selector: &argo_core::meta::LabelSelector) -> Option<String> {
    selector.match_expressions.iter().find_map(|requirement| match requirement.operator.as_str() {
        "In" | "NotIn" if requirement.values.is_empty() => {
            Some(format!("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty (key {:?})", requirement.key))
        }
        "Exists" | "DoesNotExist" if !requirement.values.is_empty() => {
            Some(format!("values set must be empty for exists and does not exist (key {:?})", requirement.key))
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => None,
        other => Some(format!("{other:?} is not a valid label selector operator")),
    })
}

/// What is wrong with resources of the pod as a whole and with its device claims, as path and message.
pub(super) fn pod_resources(resources: Option<&Value>, claims: &[Value], prefix: &str, path: &str) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for part in ["limits", "requests"] {
        for name in resources.and_then(|r| r.get(part)).and_then(Value::as_object).into_iter().flat_map(|m| m.keys()) {
            if !matches!(name.as_str(), "cpu" | "memory") && !name.starts_with("hugepages-") {
                wrong.push((
                    format!("{path}.podResources.{part}"),
                    format!("{prefix}.podResources: {name:?} is not a valid pod-level resource"),
                ));
            }
        }
    }
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let name = text(claim, "name");
        let (of_claim, of_template) = (text(claim, "resourceClaimName"), text(claim, "resourceClaimTemplateName"));
        let message = if name.is_empty() {
            format!("{prefix}.resourceClaims[{index}].name is required")
        } else if !seen.insert(name.clone()) {
            format!("{prefix}.resourceClaims[{index}].name '{name}' is not unique")
        } else if of_claim.is_empty() == of_template.is_empty() {
            format!("{prefix}.resourceClaims[{index}]: exactly one of resourceClaimName or resourceClaimTemplateName must be set")
        } else {
            continue;
        };
        wrong.push((format!("{path}.resourceClaims[{index}]"), message));
    }
    wrong
}

/// What is wrong with a metric.
pub(super) fn metric(metric: &Prometheus, prefix: &str) -> Option<String> {
    let name = &metric.name;
    let fits = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    if !fits(name) && !name.contains("{{") {
        return Some(format!("{prefix}metric name '{name}' is invalid. Metric names must contain alphanumeric characters or '_'"));
    }
    if metric.help.is_empty() {
        return Some(format!("{prefix}metric '{name}' must contain a help string under 'help: ' field"));
    }
    if let Some(label) = metric.labels.iter().find(|l| !fits(&l.key) || l.key.contains(':')) {
        return Some(format!("metric label '{}' is invalid: keys may only contain alphanumeric characters or '_'", label.key));
    }
    let error = if let Some(gauge) = &metric.gauge {
        let realtime = gauge.realtime == Some(true);
        if gauge.value.is_empty() {
            "missing gauge.value"
        } else if realtime && gauge.value.contains("resourcesDuration.") {
            "'resourcesDuration.*' metrics cannot be used in real-time"
        } else {
            return None;
        }
    } else if metric.counter.as_ref().is_some_and(|c| c.value.is_empty()) {
        "missing counter.value"
    } else if metric.histogram.as_ref().is_some_and(|h| h.value.is_empty()) {
        "missing histogram.value"
    } else {
        return None;
    };
    Some(format!("{prefix}metric '{name}' error: {error}"))
}

/// Why a retry policy is none.
pub(super) fn retry_policy(strategy: &RetryStrategy) -> Option<String> {
    let policy = strategy.retry_policy.as_str();
    let known = RETRY_POLICIES.contains(&policy) || policy.contains("{{") || tags::is_placeholder(policy);
    (!known).then(|| format!("{policy} is not a valid RetryPolicy"))
}

/// What else is wrong with a retry strategy, as path below it and message. Upstream finds these only when a node fails; here they are found before.
pub(super) fn retry(strategy: &RetryStrategy, prefix: &str) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let is_late = |text: &str| text.contains("{{") || tags::is_placeholder(text);
    let limit = strategy.limit.as_ref().map(ToString::to_string).unwrap_or_default();
    if !limit.is_empty() && !is_late(&limit) && limit.trim().parse::<i64>().is_err() {
        wrong.push((".limit".to_owned(), format!("{prefix}retryStrategy.limit '{limit}' is not a whole number")));
    }
    let fields: BTreeMap<&str, &String> =
        strategy.backoff.iter().flat_map(|b| [("duration", &b.duration), ("maxDuration", &b.max_duration), ("cap", &b.cap)]).collect();
    for (field, text) in fields {
        if !text.is_empty() && !is_late(text) && duration::parse_seconds_or(text).is_err() && duration::parse_with_days(text).is_err() {
            wrong.push((format!(".backoff.{field}"), format!("{prefix}retryStrategy.backoff.{field} '{text}' is not a duration")));
        }
    }
    wrong
}
