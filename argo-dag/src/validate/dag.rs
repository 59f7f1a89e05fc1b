//! DAGs: tasks and what they wait for.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::strict::nearest;
use argo_core::workflows::{Arguments, DagTask, Template};
use argo_lang::depends::Logic;
use serde_json::{Value, json};

use super::checker::{Base, Checker, Given, Holder, Place};
use super::leaf::cycle;
use super::steps::add_items;
use super::tags::{self, Scope};
use super::{arguments, names};

/// Results of tasks that `depends` may ask for; the last two only of loops.
const RESULTS: [&str; 8] = ["Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"];

/// What a task waits for: names, and whether it asks for a result of their loop.
type Waits = BTreeMap<String, bool>;

impl<'a> Checker<'a> {
    pub(super) fn dag(&mut self, template: &Template, scope: &mut Scope, base: &Base<'a>, place: Place<'_>) {
        let Place { prefix, path, depth } = place;
        let name = &template.name;
        self.non_leaf(template, prefix, path);
        let Some(dag) = &template.dag else { return };
        if dag.tasks.is_empty() {
            self.say(format!("{path}.dag.tasks"), format!("{prefix}templates.{name} must have at least one task"));
            return;
        }
        let waits: Vec<Waits> = dag.tasks.iter().map(waits_for).collect();
        let index: BTreeMap<&str, usize> = dag.tasks.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
        let Some(order) = self.sort(&dag.tasks, &waits, &index, place, name) else { return };
        for (i, wrong) in names::list(dag.tasks.iter().map(|t| t.name.as_str()), names::field) {
            self.say(format!("{path}.dag.tasks[{i}].name"), format!("{prefix}templates.{name}.tasks{wrong}"));
        }
        let uses_depends = dag.tasks.iter().any(|t| !t.depends.is_empty());
        let sorted = || order.iter().filter_map(|i| Some((*i, dag.tasks.get(*i)?, waits.get(*i)?)));
        let mut templates: Vec<Option<Box<Template>>> = vec![None; dag.tasks.len()];
        for (i, task, waits) in sorted() {
            let at = format!("{path}.dag.tasks[{i}]");
            let here = format!("{prefix}templates.{name}.tasks.{}", task.name);
            if (uses_depends || !task.dependencies.is_empty()) && task.name.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!("{here} name cannot begin with a digit when using either 'depends' or 'dependencies'");
                self.say(format!("{at}.name"), message);
            }
            if uses_depends && !task.dependencies.is_empty() {
                let message = format!("{prefix}templates.{name} cannot use both 'depends' and 'dependencies' in the same DAG template");
                self.say(format!("{at}.dependencies"), message);
            }
            if uses_depends && task.continue_on.is_some() {
                let instead = "Instead use 'dep-task.Failed'/'dep-task.Errored'";
                self.say(
                    format!("{at}.continueOn"),
                    format!("{prefix}templates.{name} cannot use 'continueOn' when using 'depends'. {instead}"),
                );
            }
            let here = format!("{here} ");
            let holder = holder(task);
            let mut own = Scope::new();
            if task.inline.is_some() {
                own.clone_from(scope);
                add_items(&task.with_items, &task.with_param, task.with_sequence.as_ref(), &mut own);
                own.extend(ancestors(task, &dag.tasks, &index).iter().map(|name| format!("tasks.{name}.status")));
            }
            let found = self.holder(&holder, base, Given::Any, &own, Place { prefix: &here, path: &at, depth });
            let found = found.map(|f| f.template);
            self.add_outputs(found.as_deref(), &format!("tasks.{}", task.name), scope, is_loop(task), false);
            if let Some(slot) = templates.get_mut(i) {
                *slot = found;
            }
            self.depends(task, &here, &at);
            for (waited, of_loop) in waits {
                let other = index.get(waited.as_str()).and_then(|i| dag.tasks.get(*i));
                if *of_loop && other.is_some_and(|t| !is_loop(t)) {
                    let message = format!(
                        "{here}dependency '{waited}' uses an items-based condition such as .AnySucceeded or .AllFailed but does not contain any items"
                    );
                    self.say(format!("{at}.depends"), message);
                }
            }
        }
        self.targets(&dag.target, &index, scope, place, name);
        for (i, task, _) in sorted() {
            let at = format!("{path}.dag.tasks[{i}]");
            let here = format!("{prefix}templates.{name}.tasks.{} ", task.name);
            let ancestors = ancestors(task, &dag.tasks, &index);
            let mut own: Scope = ancestors.iter().map(|name| format!("tasks.{name}.status")).collect();
            if !task.hooks.is_empty() || !task.on_exit.is_empty() {
                let itself = templates.get(i).and_then(Option::as_deref);
                self.add_outputs(itself, &format!("tasks.{}", task.name), &mut own, false, true);
            }
            if let Some(message) = add_items(&task.with_items, &task.with_param, task.with_sequence.as_ref(), &mut own) {
                self.say(at.clone(), format!("{here}{message}"));
            }
            self.resolve(&json!(task), &[&*scope, &own], &here, &at);
            let words = format!("{prefix}templates.{name}.tasks.{}.arguments.", task.name);
            for found in arguments::check(&task.arguments, &words, &format!("{at}.arguments"), false) {
                self.say(found.path, found.message);
            }
            for message in missing_dependencies(&task.name, &task.arguments, &ancestors, &index) {
                self.say_hint(format!("{at}.arguments"), format!("{here}{message}"), "add it to the task's depends");
            }
            self.hooks(&task.hooks, &task.on_exit, base, &here, &at);
            if templates.get(i).is_some_and(Option::is_some) {
                let given = Given::These { arguments: &task.arguments, lenient: false };
                self.holder(&holder(task), base, given, &Scope::new(), Place { prefix: &here, path: &at, depth });
            }
        }
    }

    /// Tasks in an order in which each comes after those it waits for.
    fn sort(
        &mut self,
        tasks: &[DagTask],
        waits: &[Waits],
        index: &BTreeMap<&str, usize>,
        place: Place<'_>,
        name: &str,
    ) -> Option<Vec<usize>> {
        let Place { prefix, path, .. } = place;
        let mut unknown = false;
        let mut seen = BTreeSet::new();
        for (i, task) in tasks.iter().enumerate() {
            if !seen.insert(task.name.as_str()) {
                unknown = true;
                let message = format!("{prefix}templates.{name} sorting failed: duplicated nodeName {}", task.name);
                self.say(format!("{path}.dag.tasks[{i}].name"), message);
            }
        }
        for (i, waited) in waits.iter().enumerate().flat_map(|(i, w)| w.keys().map(move |k| (i, k))) {
            if !index.contains_key(waited.as_str()) {
                unknown = true;
                let near = nearest(waited, index.keys().copied());
                let hint = near.map_or_else(|| "no task has that name".to_owned(), |n| format!("did you mean {n:?}?"));
                let field = if tasks.get(i).is_some_and(|t| t.depends.is_empty()) { "dependencies" } else { "depends" };
                let message = format!("{prefix}templates.{name} sorting failed: invalid dependency {waited}");
                self.say_hint(format!("{path}.dag.tasks[{i}].{field}"), message, hint);
            }
        }
        if unknown {
            return None;
        }
        let mut followers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut open: Vec<usize> = waits.iter().map(Waits::len).collect();
        for (i, waited) in waits.iter().enumerate().flat_map(|(i, w)| w.keys().map(move |k| (i, k))) {
            followers.entry(index.get(waited.as_str()).copied().unwrap_or_default()).or_default().push(i);
        }
        let mut ready: BTreeSet<usize> = open.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| i).collect();
        let mut order = Vec::new();
        while let Some(i) = ready.pop_first() {
            order.push(i);
            for follower in followers.remove(&i).into_iter().flatten() {
                if let Some(n) = open.get_mut(follower) {
                    *n = n.saturating_sub(1);
                    if *n == 0 {
                        ready.insert(follower);
                    }
                }
            }
        }
        if order.len() < tasks.len() {
            let placed: BTreeSet<usize> = order.into_iter().collect();
            let stuck: BTreeMap<&str, Vec<&str>> = (tasks.iter().zip(waits).enumerate())
                .filter(|(i, _)| !placed.contains(i))
                .map(|(_, (task, waits))| (task.name.as_str(), waits.keys().map(String::as_str).collect()))
                .collect();
            let names = cycle(&stuck).unwrap_or_default();
            let hint = format!("these wait for each other: {}", names.join(" -> "));
            let at = names.first().and_then(|n| index.get(n)).map(|i| format!("{path}.dag.tasks[{i}]")).unwrap_or_default();
            self.say_hint(at, format!("{prefix}templates.{name} sorting failed: graph with cycle"), hint);
            return None;
        }
        Some(order)
    }

    /// Whether a `depends` can be read.
    fn depends(&mut self, task: &DagTask, here: &str, path: &str) {
        if task.depends.is_empty() {
            return;
        }
        let mut refused = false;
        for (name, result) in mentions(&task.depends) {
            if let Some(result) = result.filter(|r| !RESULTS.contains(r)) {
                refused = true;
                let near = nearest(result, RESULTS);
                let hint = near.map_or_else(|| format!("one of {}", RESULTS.join(", ")), |n| format!("did you mean {n:?}?"));
                self.say_hint(format!("{path}.depends"), format!("{here}task result '{result}' for task '{name}' is invalid"), hint);
            }
        }
        if !refused
            && !task.depends.contains("{{")
            && !task.depends.contains('\'')
            && let Err(error) = Logic::parse(&task.depends)
        {
            self.say(format!("{path}.depends"), format!("{here}depends cannot be read: {error}"));
        }
    }

    fn targets(&mut self, target: &str, index: &BTreeMap<&str, usize>, scope: &Scope, place: Place<'_>, name: &str) {
        let Place { prefix, path, .. } = place;
        let at = format!("{path}.dag.target");
        self.resolve(&Value::from(target), &[scope], &format!("{prefix}templates.{name}.targets "), &at);
        for word in target.split(' ').filter(|w| !w.is_empty() && !w.contains("{{") && !w.contains("}}") && !tags::is_placeholder(w)) {
            if !index.contains_key(word) {
                let hint = nearest(word, index.keys().copied()).map(|n| format!("did you mean {n:?}?")).unwrap_or_default();
                self.say_hint(at.clone(), format!("{prefix}templates.{name}.targets: target '{word}' is not defined"), hint);
            }
        }
    }
}

fn holder(task: &DagTask) -> Holder<'_> {
    Holder { template: &task.template, template_ref: task.template_ref.as_ref(), inline: task.inline.as_deref() }
}

fn is_loop(task: &DagTask) -> bool {
    !task.with_items.is_empty() || !task.with_param.is_empty() || task.with_sequence.is_some()
}

fn waits_for(task: &DagTask) -> Waits {
    let mut waits: Waits = task.dependencies.iter().map(|name| (name.clone(), false)).collect();
    for (name, result) in mentions(&task.depends) {
        let of_loop = matches!(result, Some("AnySucceeded" | "AllFailed"));
        *waits.entry(name.to_owned()).or_default() |= of_loop;
    }
    waits
}

/// Of the tasks whose results a task speaks of, those it waits for, directly or not.
fn ancestors(task: &DagTask, tasks: &[DagTask], index: &BTreeMap<&str, usize>) -> BTreeSet<String> {
    let text = json!(task).to_string();
    let named = text.split("tasks.").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next());
    let mut wanted: BTreeSet<&str> = named.flatten().filter(|name| index.contains_key(name)).collect();
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut todo = std::collections::VecDeque::from([task]);
    while let Some(task) = todo.pop_front().filter(|_| !wanted.is_empty()) {
        for waited in waits_for(task).into_keys() {
            let Some((i, next)) = index.get(waited.as_str()).and_then(|i| Some((*i, tasks.get(*i)?))) else { continue };
            if seen.insert(i) {
                todo.push_back(next);
                if wanted.remove(waited.as_str()) {
                    found.insert(waited);
                }
            }
        }
    }
    found
}

/// Tasks that a `depends` names, and the results it asks for; a scan that also works on texts that cannot be read.
fn mentions(depends: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    depends.split(move |c| !is_word(c)).filter(|w| w.starts_with(|c: char| c.is_ascii_alphanumeric())).map(|word| {
        match word.rsplit_once('.') {
            Some((name, result)) => (name, Some(result)),
            None => (word, None),
        }
    })
}

/// Arguments that take what tasks give which the task does not wait for.
fn missing_dependencies(of: &str, arguments: &Arguments, ancestors: &BTreeSet<String>, index: &BTreeMap<&str, usize>) -> Vec<String> {
    let refers = |text: &str| -> Vec<String> {
        let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(tag, _)| tag.trim());
        let tasks = parts.filter_map(|tag| tag.strip_prefix("tasks.")?.split_once('.')).map(|(task, _)| task.to_owned());
        tasks.filter(|task| index.contains_key(task.as_str()) && task != of && !ancestors.contains(task)).collect()
    };
    let mut missing = Vec::new();
    for parameter in &arguments.parameters {
        for task in parameter.value.iter().flat_map(|v| refers(v.as_str())) {
            missing.push(format!("missing dependency '{task}' for parameter '{}'", parameter.name));
        }
    }
    for artifact in &arguments.artifacts {
        for task in refers(&artifact.from) {
            missing.push(format!("missing dependency '{task}' for artifact '{}'", artifact.name));
        }
    }
    missing
}
