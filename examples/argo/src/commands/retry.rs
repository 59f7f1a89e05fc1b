//! `argo retry` and `argo resubmit`.

use argo_core::workflows::Workflow;
use argo_dag::ops::resubmit::{ResubmitOptions, resubmit};
use argo_dag::ops::retry::{Retry, RetryOptions, retry};
use argo_kube::crd;
use argo_kube::driver;
use clap::Args;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::core::ApiResource;

use super::submit::print_one;
use super::watch::{Attend, attend};
use super::{Targets, suffix};
use crate::failure::{Code, Failure, Outcome};
use crate::session::Session;
use crate::show::Output;

/// Retry workflows that failed, from where they failed.
#[derive(Args, Clone, Debug)]
pub struct RetryArgs {
    #[command(flatten)]
    targets: Targets,
    /// Run steps that succeeded again too, where --node-field-selector chooses them.
    #[arg(long, requires = "node_field_selector")]
    restart_successful: bool,
    /// Which steps, such as `templateName=build`.
    #[arg(long, value_name = "SELECTOR")]
    node_field_selector: Option<String>,
    /// Change an argument: `NAME=VALUE`.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    #[command(flatten)]
    attend: Attend,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Runs `argo retry`.
pub async fn run_retry(args: &RetryArgs, session: &Session) -> Outcome {
    let names = args.targets.resolve(session).await?;
    let actor = session.actor().await;
    let options = RetryOptions {
        restart_successful: args.restart_successful,
        node_field_selector: args.node_field_selector.clone().unwrap_or_default(),
        parameters: args.parameter.clone(),
    };
    let mut running = Vec::new();
    for name in names {
        // Pods go first: were the workflow written before, the controller could take an old pod for the new one.
        let Retry { pods, nodes, .. } = retry(&session.workflow(&name).await?, &options, Timestamp::now(), &actor)?;
        forget(session, &pods, &nodes).await?;
        let changed = session.change(&name, |workflow| Ok(Some(retry(workflow, &options, Timestamp::now(), &actor)?.workflow))).await?;
        running.extend(changed);
    }
    finish(session, &running, &args.attend, args.output).await
}

/// Deletes the pods and task results of nodes that are to run again.
async fn forget(session: &Session, pods: &[String], nodes: &[String]) -> Outcome {
    let pods_api = driver::api(&session.client, &ApiResource::erase::<Pod>(&()), &session.namespace);
    let results_api = driver::api(&session.client, &crd::WORKFLOW_TASK_RESULT.resource(), &session.namespace);
    let failed = |what: &str, name: &str, failure: driver::Failure| {
        Failure::new(Code::Unavailable, format!("delete {what} {name:?}: {}", failure.message))
    };
    for name in pods {
        driver::delete(&pods_api, name, &DeleteParams::default()).await.map_err(|e| failed("pod", name, e))?;
    }
    for name in nodes {
        driver::delete(&results_api, name, &DeleteParams::default()).await.map_err(|e| failed("task result", name, e))?;
    }
    Ok(())
}

/// Prints what now runs and stays with it, as far as that is asked for.
async fn finish(session: &Session, workflows: &[Workflow], how: &Attend, output: Output) -> Outcome {
    if !(how.watch || how.log) || !output.is_text() {
        workflows.iter().try_for_each(|workflow| print_one(workflow, output, session))?;
    }
    let names: Vec<String> = workflows.iter().map(|w| w.metadata.name.clone()).collect();
    if how.is_any() { attend(session, &names, how).await } else { Ok(()) }
}

/// Submit workflows once more.
#[derive(Args, Clone, Debug)]
pub struct ResubmitArgs {
    #[command(flatten)]
    targets: Targets,
    /// Keep the steps that succeeded, with their outputs.
    #[arg(long)]
    memoized: bool,
    /// Change an argument: `NAME=VALUE`.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    /// Priority among workflows that wait for their turn.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i64>,
    #[command(flatten)]
    attend: Attend,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Runs `argo resubmit`.
pub async fn run_resubmit(args: &ResubmitArgs, session: &Session) -> Outcome {
    let names = args.targets.resolve(session).await?;
    let actor = session.actor().await;
    let mut running = Vec::new();
    for name in names {
        let options = ResubmitOptions { memoized: args.memoized, suffix: suffix(), parameters: args.parameter.clone() };
        let mut new = resubmit(&session.workflow(&name).await?, &options, Timestamp::now(), &actor)?;
        if args.priority.is_some() {
            new.spec.priority = args.priority;
        }
        running.push(session.create(&crd::WORKFLOW, &session.namespace, &new, false).await?);
    }
    finish(session, &running, &args.attend, args.output).await
}
