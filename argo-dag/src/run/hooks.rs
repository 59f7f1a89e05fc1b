//! Hooks of steps and tasks: while they run, by an expression, and when they have ended.

use argo_core::workflows::{LifecycleHook, NodeFlag, NodeStatus};
use argo_lang::tags::Policy;

use super::act::{Act, Args, Hooks, Request, Stop, below};
use super::calls::{Call, Target};
use super::doc::Doc;
use super::scope::{Layer, Layers, holds};
use super::tree::{self};
use super::{WorkflowRun, args, outputs};

/// Name under which the exit hook is kept among the others.
const EXIT: &str = "exit";

impl WorkflowRun {
    /// Keeps the hooks of a call for its node.
    pub(super) fn arm(&self, hooks: &mut Hooks, node: &str, call: &Call) {
        if call.hooks.is_empty() && call.exit.is_none() || hooks.armed.contains_key(node) {
            return;
        }
        let mut names: Vec<String> = call.hooks.keys().cloned().collect();
        if call.exit.is_some() {
            names.push(EXIT.to_owned());
        }
        hooks.armed.insert(node.to_owned(), names);
    }

    /// Fires the hooks whose time has come; gives the nodes that are to be waited for.
    pub(super) fn run_hooks(
        &mut self,
        act: &Act,
        hooks: &mut Hooks,
        scope: &Layer,
        call: &Call,
        node: &NodeStatus,
        prefix: &str,
    ) -> Vec<String> {
        let Some(names) = hooks.armed.remove(&node.id) else { return Vec::new() };
        let over = tree::is_fulfilled(node);
        let mut armed = Vec::new();
        let mut started = Vec::new();
        for name in names {
            let is_exit = name == EXIT;
            let hook = if is_exit { call.exit.clone() } else { call.hooks.get(&name).cloned() };
            let Some(hook) = hook else { continue };
            if is_exit && !over {
                armed.push(name);
                continue;
            }
            if is_exit && !tree::is_completed(node) {
                continue;
            }
            let hook_name = if is_exit { format!("{}.onExit", node.name) } else { format!("{}.hooks.{name}", node.name) };
            let hook_id = self.id_of(&hook_name);
            let known = self.tree.get(&hook_id).is_some();
            let fires = known
                || if hook.expression.is_empty() {
                    if !is_exit {
                        let message = format!("Expression required for hook {hook_name}");
                        self.set_error(&node.id, &message);
                    }
                    is_exit
                } else {
                    let own = outputs::names(prefix, node, None);
                    let globals = self.globals.clone();
                    let layers = Layers::at(vec![&globals, &act.locals, &act.inputs, scope, &own], self.moment());
                    match holds(&hook.expression, &layers) {
                        Ok(fires) => fires,
                        Err(message) => {
                            if over {
                                self.change(&node.id, |n| n.message = message);
                            }
                            false
                        }
                    }
                };
            if !fires {
                if !over {
                    armed.push(name);
                }
                continue;
            }
            if is_exit && !self.may_run(true) && !known {
                continue;
            }
            if let Some(id) = self.start_hook(act, scope, &hook, node, prefix, &hook_name, is_exit) {
                hooks.of.insert(id.clone(), node.id.clone());
                if self.tree.get(&id).is_none() || !self.tree.is_fulfilled(&id) {
                    started.push(id);
                }
            }
        }
        if !armed.is_empty() {
            hooks.armed.insert(node.id.clone(), armed);
        }
        started
    }

    #[allow(clippy::too_many_arguments)]
    fn start_hook(
        &mut self,
        act: &Act,
        scope: &Layer,
        hook: &LifecycleHook,
        node: &NodeStatus,
        prefix: &str,
        hook_name: &str,
        is_exit: bool,
    ) -> Option<String> {
        let own = outputs::names(prefix, node, None);
        let globals = self.globals.clone();
        let layers = Layers::at(vec![&globals, &act.locals, &act.inputs, scope, &own], self.moment());
        let request = hook_request(hook, &layers).map(|(target, arguments)| Request {
            name: hook_name.to_owned(),
            parent: Some(act.id.clone()),
            order: below(&act.request.order, u32::MAX),
            origin: act.prepared.origin.clone(),
            inline: None,
            target,
            args: arguments,
            boundary: act.id.clone(),
            flag: Some(NodeFlag { hooked: true, ..NodeFlag::default() }),
            on_exit: is_exit || act.request.on_exit,
            include_output: false,
            depth: act.request.depth.saturating_add(1),
        });
        let id = self.id_of(hook_name);
        match request.map_err(Stop::Error).and_then(|r| self.execute(r)) {
            Ok(()) => {}
            Err(Stop::Parallelism) => {
                // The limit is for the workflow's own work; a hook waits for its turn with the rest.
                self.block(&act.id);
                return None;
            }
            Err(Stop::Error(message)) => {
                if self.tree.get(&id).is_none() {
                    self.change(&node.id, |n| n.message = message);
                    return None;
                }
            }
        }
        self.tree.add_child(&node.id, &id);
        Some(id)
    }
}

/// What a hook calls, and with what.
pub(super) fn hook_request(hook: &LifecycleHook, scope: &Layers<'_>) -> Result<(Target, Args), String> {
    let arguments = args::arguments(&hook.arguments, scope)?;
    let target = serde_json::json!({"template": hook.template, "templateRef": hook.template_ref});
    let target = Doc::parse(target).render(scope, Policy::KeepUnknown).map_err(|e| e.to_string())?;
    Ok((serde_json::from_value(target).unwrap_or_default(), arguments))
}
