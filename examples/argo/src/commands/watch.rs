//! `argo watch` and `argo wait`, and what other commands do to stay with a workflow.

use std::pin::pin;

use argo_core::workflows::Workflow;
use clap::Args;
use jiff::Timestamp;

use super::{Targets, print};
use crate::failure::{Code, Failure, Outcome};
use crate::follow::{Ended, Follow, Show, Told, follow, judge};
use crate::session::Session;
use crate::show;

/// How a command stays until the end.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Attend {
    /// Wait until it ends; the exit code says how.
    #[arg(short, long)]
    pub wait: bool,
    /// Watch until it ends.
    #[arg(long)]
    pub watch: bool,
    /// Print its logs until it ends.
    #[arg(long)]
    pub log: bool,
}

impl Attend {
    /// Whether the command stays at all.
    pub fn is_any(self) -> bool {
        self.wait || self.watch || self.log
    }
}

/// Stays with workflows of the session's namespace until they end; anything but success is a failure.
pub async fn attend(session: &Session, names: &[String], how: &Attend) -> Outcome {
    let show = if how.watch { Show::Tree } else { Show::Nothing };
    let workflows = to_the_end(session, names, Follow { show, log: how.log, step_names: false }).await?;
    for workflow in &workflows {
        if how.watch {
            print(&show::summary::lines(workflow, &Default::default(), Timestamp::now(), session.look))?;
        } else if how.wait {
            print(&[ended(workflow)])?;
        }
    }
    judge(&workflows)
}

async fn to_the_end(session: &Session, names: &[String], how: Follow) -> Outcome<Vec<Workflow>> {
    let interrupted = pin!(async { tokio::signal::ctrl_c().await.unwrap_or_default() });
    match follow(session, names, how, &mut Told::default(), interrupted).await? {
        Ended::All(workflows) => Ok(workflows),
        Ended::Until(_) => Err(Failure::told(Code::Interrupted)),
    }
}

fn ended(workflow: &Workflow) -> String {
    let at = workflow.status.finished_at.map(|at| at.to_string()).unwrap_or_default();
    format!("{} {} at {at}", workflow.metadata.name, workflow.status.phase)
}

/// Watch a workflow until it ends.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Workflow name; `@latest` is the newest.
    #[arg(value_name = "WORKFLOW")]
    name: String,
}

/// Runs `argo watch`.
pub async fn run_watch(args: &WatchArgs, session: &Session) -> Outcome {
    let name = session.resolve(&args.name).await?;
    attend(session, &[name], &Attend { watch: true, ..Attend::default() }).await
}

/// Wait until workflows end; exit code 0 if all succeeded.
#[derive(Args, Clone, Debug)]
pub struct WaitArgs {
    #[command(flatten)]
    targets: Targets,
    /// Say nothing about workflows that do not exist.
    #[arg(long)]
    ignore_not_found: bool,
}

/// Runs `argo wait`.
pub async fn run_wait(args: &WaitArgs, session: &Session) -> Outcome {
    let mut names = args.targets.resolve(session).await?;
    if args.ignore_not_found {
        let mut existing = Vec::new();
        for name in names {
            if session.workflow(&name).await.is_ok() {
                existing.push(name);
            }
        }
        names = existing;
        if names.is_empty() {
            return Ok(());
        }
    }
    let workflows = to_the_end(session, &names, Follow::default()).await?;
    print(&workflows.iter().map(ended).collect::<Vec<_>>())?;
    judge(&workflows)
}
