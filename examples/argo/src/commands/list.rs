//! `argo list`.

use std::time::Duration;

use argo_core::workflows::Workflow;
use argo_dag::ops;
use argo_kube::crd;
use clap::Args;
use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::json;

use super::{print, print_text};
use crate::failure::Outcome;
use crate::session::Session;
use crate::show::{self, Look, Output, icon, table, table::Cell, time};

/// Which workflows of a namespace are meant.
#[derive(Args, Clone, Debug, Default)]
pub struct Filter {
    /// In all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Only those that have not ended.
    #[arg(long)]
    pub running: bool,
    /// Only those that ended.
    #[arg(long)]
    pub completed: bool,
    /// Only those that were resubmitted from another.
    #[arg(long)]
    pub resubmitted: bool,
    /// Only those in these phases, comma-separated.
    #[arg(long, value_delimiter = ',', value_name = "PHASES")]
    pub status: Vec<String>,
    /// Only those whose name begins so.
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Only those that ended before that long, such as `3h`.
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    pub older: Option<Duration>,
    /// Only those whose labels match.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Only those whose fields match, such as `metadata.name=x`.
    #[arg(long, value_name = "SELECTOR")]
    pub field_selector: Option<String>,
}

impl Filter {
    /// Whether anything is said about which are meant.
    pub fn is_any(&self) -> bool {
        self.running
            || self.completed
            || self.resubmitted
            || !self.status.is_empty()
            || self.prefix.is_some()
            || self.older.is_some()
            || self.selector.is_some()
            || self.field_selector.is_some()
    }

    fn label_selector(&self) -> Option<String> {
        let mut terms: Vec<String> = self.selector.iter().cloned().collect();
        if self.completed {
            terms.push(format!("{}=true", ops::COMPLETED));
        }
        if self.running {
            terms.push(format!("{}!=true", ops::COMPLETED));
        }
        if self.resubmitted {
            terms.push(ops::RESUBMITTED_FROM.to_owned());
        }
        if !self.status.is_empty() {
            terms.push(format!("{} in ({})", ops::PHASE, self.status.join(",")));
        }
        (!terms.is_empty()).then(|| terms.join(","))
    }

    /// Asks for them.
    pub async fn find(&self, session: &Session) -> Outcome<Vec<Workflow>> {
        let params =
            ListParams { label_selector: self.label_selector(), field_selector: self.field_selector.clone(), ..ListParams::default() };
        let namespace = if self.all_namespaces { "" } else { session.namespace.as_str() };
        let mut workflows: Vec<Workflow> = session.list(&crd::WORKFLOW, namespace, &params).await?;
        let now = Timestamp::now();
        workflows.retain(|w| self.prefix.as_ref().is_none_or(|prefix| w.metadata.name.starts_with(prefix)));
        if let Some(older) = self.older {
            let oldest = now.as_second().saturating_sub_unsigned(older.as_secs());
            workflows.retain(|w| w.status.finished_at.is_some_and(|at| at.0.as_second() < oldest));
        }
        Ok(workflows)
    }
}

/// List workflows.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    /// Only those created within that long, such as `10m`.
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    since: Option<Duration>,
    /// Leave out the header.
    #[arg(long)]
    no_headers: bool,
    /// How many at most.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Runs the command.
pub async fn run(args: &ListArgs, session: &Session) -> Outcome {
    let mut workflows = args.filter.find(session).await?;
    let now = Timestamp::now();
    if let Some(since) = args.since {
        let oldest = now.as_second().saturating_sub_unsigned(since.as_secs());
        workflows.retain(|w| w.metadata.creation_timestamp.is_some_and(|at| at.0.as_second() >= oldest));
    }
    // Those that run first, then those that ended last; as upstream has it.
    workflows.sort_by_key(|w| {
        let ended = w.status.finished_at.map(|at| std::cmp::Reverse(at.0));
        (ended, std::cmp::Reverse(w.status.started_at.map(|at| at.0)), w.metadata.name.clone())
    });
    workflows.truncate(args.limit.unwrap_or(usize::MAX));
    match args.output {
        Output::Json | Output::Yaml => {
            let list = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowList", "metadata": {}, "items": workflows});
            print_text(&show::encode(&list, args.output)?.unwrap_or_default())
        }
        Output::Name => print(&workflows.into_iter().map(|w| w.metadata.name).collect::<Vec<_>>()),
        Output::Text | Output::Wide if workflows.is_empty() => print(&["No workflows found".to_owned()]),
        Output::Text | Output::Wide => {
            print(&lines(&workflows, args.output == Output::Wide, args.filter.all_namespaces, !args.no_headers, now, session.look))
        }
    }
}

fn lines(workflows: &[Workflow], wide: bool, namespaces: bool, header: bool, now: Timestamp, look: Look) -> Vec<String> {
    let columns = |name: &'static str| {
        let mut row = if namespaces { vec!["NAMESPACE"] } else { Vec::new() };
        row.extend([name, "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE"]);
        if wide {
            row.extend(["P/R/C", "PARAMETERS"]);
        }
        row.into_iter().map(Cell::from).collect::<Vec<Cell>>()
    };
    let mut rows = if header { vec![columns("NAME")] } else { Vec::new() };
    for workflow in workflows {
        let (metadata, run) = (&workflow.metadata, &workflow.status);
        let age = time::seconds(metadata.creation_timestamp, None, now).map(time::short).unwrap_or_default();
        let took = time::seconds(run.started_at, run.finished_at, now).map(time::short).unwrap_or_else(|| "0s".to_owned());
        let mut row: Vec<Cell> = if namespaces { vec![metadata.namespace.as_str().into()] } else { Vec::new() };
        row.push(metadata.name.as_str().into());
        row.push(Cell::default().then(icon(&run.phase).1.filter(|_| !run.phase.is_empty()), show::summary::status(workflow)));
        row.extend([age.into(), took.into(), workflow.spec.priority.unwrap_or_default().to_string().into(), run.message.as_str().into()]);
        if wide {
            row.push(counts(workflow).into());
            let parameters: Vec<String> =
                workflow.spec.arguments.parameters.iter().filter_map(|p| Some(format!("{}={}", p.name, p.value.as_ref()?))).collect();
            row.push(parameters.join(",").into());
        }
        rows.push(row);
    }
    table::lines(&rows, 3, look)
}

/// Pods that wait, run and ended.
fn counts(workflow: &Workflow) -> String {
    let (mut pending, mut running, mut completed) = (0_usize, 0_usize, 0_usize);
    for node in workflow.status.nodes.values().filter(|n| n.type_ == "Pod") {
        let count = match node.phase.as_str() {
            "Pending" | "" => &mut pending,
            "Running" => &mut running,
            _ => &mut completed,
        };
        *count = count.saturating_add(1);
    }
    format!("{pending}/{running}/{completed}")
}

#[cfg(test)]
mod tests {
    use argo_core::workflows::Workflow;
    use jiff::Timestamp;
    use serde_json::json;

    use super::{Filter, lines};
    use crate::show::Look;

    #[test]
    fn columns_are_upstreams() {
        let workflow: Workflow = serde_json::from_value(json!({
            "metadata": {"name": "w", "namespace": "n", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"priority": 2, "arguments": {"parameters": [{"name": "p", "value": "1"}]}},
            "status": {"phase": "Running", "startedAt": "1970-01-01T00:00:05Z", "nodes": {"a": {"type": "Pod", "phase": "Running"}}},
        }))
        .unwrap();
        let now = Timestamp::from_second(65).unwrap();
        let expected = ["NAME   STATUS    AGE   DURATION   PRIORITY   MESSAGE", "w      Running   1m    1m         2"];
        assert_eq!(lines(std::slice::from_ref(&workflow), false, false, true, now, Look::default()), expected);
        let wide = lines(&[workflow], true, true, false, now, Look::default());
        assert_eq!(wide, ["n   w   Running   1m   1m   2      0/1/0   p=1"]);
    }

    #[test]
    fn filters_become_a_label_selector() {
        let filter =
            Filter { completed: true, status: vec!["Failed".into(), "Error".into()], selector: Some("a=b".into()), ..Filter::default() };
        let expected = "a=b,workflows.argoproj.io/completed=true,workflows.argoproj.io/phase in (Failed,Error)";
        assert_eq!(filter.label_selector().unwrap(), expected);
        assert!(filter.is_any() && !Filter::default().is_any());
    }
}
