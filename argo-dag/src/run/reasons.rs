//! Why everything that waits, was skipped or omitted does so.

use argo_core::Reason;

use super::WorkflowRun;
use super::act::Kind;

impl WorkflowRun {
    /// One reason for each node that waits, was skipped or omitted, and for the workflow as a whole where it does not go on.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if self.spec.suspend == Some(true) && !self.is_ended() {
            let message = "the workflow is suspended: `argo resume` lets it go on";
            reasons.push(Reason::new(self.name(), "Suspended", message));
        }
        if !self.spec.shutdown.is_empty() && !self.is_ended() {
            reasons.push(Reason::new(self.name(), "ShuttingDown", format!("it is being shut down with strategy {}", self.spec.shutdown)));
        }
        for node in self.tree.nodes.values() {
            let waiting = self.waiting.get(&node.id);
            let (code, message) = match (node.phase.as_str(), waiting) {
                ("Skipped", _) if node.message.starts_with("when ") => ("WhenFalse", node.message.clone()),
                ("Skipped", _) => ("NoItems", node.message.clone()),
                ("Omitted", _) => ("DependsNotMet", node.message.clone()),
                (_, Some((code, message))) => (code.as_str(), message.clone()),
                ("Pending", None) if !node.message.is_empty() => ("PodPending", node.message.clone()),
                ("Pending", None) => ("PodPending", "its pod has not started yet".to_owned()),
                ("Running", None) if node.type_ == "Suspend" => {
                    let until = self.timers.iter().find(|(_, id)| *id == node.id).map(|(at, _)| *at);
                    let message = until
                        .map_or_else(|| "it waits to be resumed".to_owned(), |at| format!("it goes on at {at}, or when it is resumed"));
                    ("WaitingForResume", message)
                }
                ("Running", None) if node.type_ == "Retry" && node.message.starts_with("Backoff") => ("Backoff", node.message.clone()),
                _ => continue,
            };
            reasons.push(Reason::new(node.name.as_str(), code, message));
        }
        let absent = self.waiting.iter().filter(|(id, _)| self.tree.get(id).is_none());
        reasons.extend(absent.map(|(id, (code, message))| Reason::new(id.as_str(), code.as_str(), message.as_str())));
        for act in self.acts.values() {
            if let Kind::Dag(dag) = &act.kind {
                for (task, _) in dag.tasks.iter().filter(|(_, t)| t.state == super::act::TaskState::Waiting) {
                    let message = self.unmet(act, dag, task);
                    reasons.push(Reason::new(format!("{}.{task}", act.request.name), "WaitingForDependency", message));
                }
            }
        }
        reasons
    }

    fn unmet(&self, act: &super::act::Act, dag: &super::act::Dag, task: &str) -> String {
        let super::calls::Body::Dag(calls) = &act.prepared.body else { return String::new() };
        let dependencies = calls.get(task).map(|c| c.dependencies.as_slice()).unwrap_or_default();
        let open: Vec<&str> = dependencies
            .iter()
            .filter(|d| dag.tasks.get(*d).is_none_or(|t| t.state != super::act::TaskState::Done))
            .map(String::as_str)
            .collect();
        format!("it waits for {}", open.join(", "))
    }
}
