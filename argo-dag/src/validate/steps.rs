//! Steps: groups after groups, steps beside steps.

use std::collections::BTreeSet;

use argo_core::workflows::{Item, Sequence, Template};
use serde_json::{Value, json};

use super::checker::{Base, Checker, Given, Holder, Place};
use super::tags::{self, Scope};
use super::{arguments, names};

impl<'a> Checker<'a> {
    pub(super) fn steps(&mut self, template: &Template, scope: &mut Scope, base: &Base<'a>, place: Place<'_>) {
        let Place { prefix, path, depth } = place;
        let name = &template.name;
        self.non_leaf(template, prefix, path);
        let mut seen = BTreeSet::new();
        for (i, group) in template.steps.iter().enumerate() {
            for (j, step) in group.iter().enumerate() {
                let at = format!("{path}.steps[{i}][{j}]");
                let here = format!("{prefix}templates.{name}.steps[{i}].{} ", step.name);
                let wrong = names::field(&step.name);
                if step.name.is_empty() {
                    self.say(format!("{at}.name"), format!("{prefix}templates.{name}.steps[{i}].name is required"));
                } else if !seen.insert(step.name.as_str()) {
                    self.say(format!("{at}.name"), format!("{prefix}templates.{name}.steps[{i}].name '{}' is not unique", step.name));
                } else if !wrong.is_empty() && !step.name.contains("{{") {
                    self.say(format!("{at}.name"), format!("{prefix}templates.{name}.steps[{i}].name '{}' is invalid: {wrong}", step.name));
                }
                scope.insert(format!("steps.{}.status", step.name));
                let mut own = Scope::new();
                if let Some(message) = add_items(&step.with_items, &step.with_param, step.with_sequence.as_ref(), &mut own) {
                    self.say(at.clone(), format!("{here}{message}"));
                }
                let words = format!("{prefix}templates.{name}.steps[{i}].{}.arguments.", step.name);
                for found in arguments::check(&step.arguments, &words, &format!("{at}.arguments"), false) {
                    self.say(found.path, found.message);
                }
                let holder = Holder { template: &step.template, template_ref: step.template_ref.as_ref(), inline: step.inline.as_deref() };
                let inner = Place { prefix: &here, path: &at, depth };
                let outer = if step.inline.is_some() { scope.union(&own).cloned().collect() } else { Scope::new() };
                let found = self.holder(&holder, base, Given::Any, &outer, inner);
                self.hooks(&step.hooks, &step.on_exit, base, &here, &at);
                if !step.hooks.is_empty() || !step.on_exit.is_empty() {
                    self.add_outputs(found.as_ref().map(|f| &*f.template), &format!("steps.{}", step.name), &mut own, false, true);
                }
                self.resolve(&json!(step), &[&*scope, &own], &format!("{prefix}templates.{name}.steps "), &at);
                let is_loop = !step.with_items.is_empty() || !step.with_param.is_empty() || step.with_sequence.is_some();
                self.add_outputs(found.as_ref().map(|f| &*f.template), &format!("steps.{}", step.name), scope, is_loop, false);
                if found.is_some() {
                    let given = Given::These { arguments: &step.arguments, lenient: false };
                    self.holder(&holder, base, given, &Scope::new(), inner);
                }
            }
        }
    }

    /// What steps and DAGs must not have.
    pub(super) fn non_leaf(&mut self, template: &Template, prefix: &str, path: &str) {
        let name = &template.name;
        if template.active_deadline_seconds.is_some() {
            let message = format!("{prefix}templates.{name}.activeDeadlineSeconds is only valid for leaf templates");
            self.say(format!("{path}.activeDeadlineSeconds"), message);
        }
        if let Some(n) = template.parallelism.filter(|n| *n < 1) {
            self.say(format!("{path}.parallelism"), format!("{prefix}templates.{name}.parallelism should be > 0: {n}"));
        }
        let kind = if template.dag.is_some() { "DAG" } else { "Steps" };
        for (field, is) in [("podResources", template.pod_resources.is_some()), ("resourceClaims", !template.resource_claims.is_empty())] {
            if is {
                let message = format!("{prefix}templates.{name}.{field} is not supported for {kind} templates, which do not create a pod");
                self.say(format!("{path}.{field}"), message);
            }
        }
    }
}

/// Makes known what a loop gives to each of its steps; what is wrong with the loop.
pub(super) fn add_items(items: &[Item], parameter: &str, sequence: Option<&Sequence>, scope: &mut Scope) -> Option<String> {
    let count = [!items.is_empty(), !parameter.is_empty(), sequence.is_some()].iter().filter(|is| **is).count();
    if count > 1 {
        return Some("only one of withItems, withParam, withSequence can be specified".to_owned());
    }
    for item in items {
        match &item.0 {
            Value::Object(map) => scope.extend(map.keys().map(|key| format!("item.{key}"))),
            Value::Array(list) => scope.extend((0..list.len()).map(|i| format!("item.[{i}]"))),
            // The text may turn out to be a map.
            Value::String(text) if text.contains("{{") => {
                scope.extend(["item".to_owned(), tags::ANY_ITEM.to_owned()]);
            }
            _ => {
                scope.insert("item".to_owned());
            }
        }
    }
    if !parameter.is_empty() {
        scope.extend(["item".to_owned(), tags::ANY_ITEM.to_owned()]);
    }
    if let Some(sequence) = sequence {
        scope.insert("item".to_owned());
        if sequence.count.is_some() && sequence.end.is_some() {
            return Some("only one of count or end can be defined in withSequence".to_owned());
        }
        if sequence.count.is_none() && sequence.end.is_none() {
            return Some("must have either count or end defined in withSequence".to_owned());
        }
    }
    None
}
