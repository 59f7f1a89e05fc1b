//! `argo stop`, `terminate`, `suspend`, `resume` and `node set`.

use std::collections::BTreeMap;

use argo_dag::ops::control::{self, SetValues};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{Targets, print};
use crate::failure::{Code, Failure, Outcome};
use crate::session::Session;

/// Which nodes of a workflow are meant.
#[derive(Args, Clone, Debug, Default)]
pub struct Nodes {
    /// Only suspended nodes that match, such as `displayName=approve`.
    #[arg(long, value_name = "SELECTOR")]
    pub node_field_selector: Option<String>,
}

/// Stop workflows: what runs is ended, exit handlers run.
#[derive(Args, Clone, Debug)]
pub struct StopArgs {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    nodes: Nodes,
    /// Message for the nodes that are stopped, with --node-field-selector.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Say which would be stopped.
    #[arg(long)]
    dry_run: bool,
}

/// Runs `argo stop`.
pub async fn stop(args: &StopArgs, session: &Session) -> Outcome {
    let (actor, now) = (session.actor().await, Timestamp::now());
    for name in args.targets.resolve(session).await? {
        if args.dry_run {
            print(&[format!("workflow {name} stopped (dry-run)")])?;
            continue;
        }
        session
            .change(&name, |workflow| {
                let changed = match &args.nodes.node_field_selector {
                    Some(selector) => control::stop_nodes(workflow, selector, args.message.as_deref().unwrap_or_default(), now, &actor)?,
                    None => control::stop(workflow, &actor)?,
                };
                Ok(Some(changed))
            })
            .await?;
        print(&[format!("workflow {name} stopped")])?;
    }
    Ok(())
}

/// Workflows, and nothing else to say about them.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    #[command(flatten)]
    targets: Targets,
}

/// Runs `argo terminate`.
pub async fn terminate(args: &TargetArgs, session: &Session) -> Outcome {
    let actor = session.actor().await;
    for name in args.targets.resolve(session).await? {
        session.change(&name, |workflow| Ok(Some(control::terminate(workflow, &actor)?))).await?;
        print(&[format!("workflow {name} terminated")])?;
    }
    Ok(())
}

/// Runs `argo suspend`.
pub async fn suspend(args: &TargetArgs, session: &Session) -> Outcome {
    let actor = session.actor().await;
    for name in args.targets.resolve(session).await? {
        session.change(&name, |workflow| Ok(control::suspend(workflow, &actor)?)).await?;
        print(&[format!("workflow {name} suspended")])?;
    }
    Ok(())
}

/// Resume workflows and suspended steps.
#[derive(Args, Clone, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    nodes: Nodes,
}

/// Runs `argo resume`.
pub async fn resume(args: &ResumeArgs, session: &Session) -> Outcome {
    let (actor, now) = (session.actor().await, Timestamp::now());
    let selector = args.nodes.node_field_selector.as_deref().unwrap_or_default();
    for name in args.targets.resolve(session).await? {
        session
            .change(&name, |workflow| {
                control::resume(workflow, selector, now, &actor).map_err(|e| {
                    let failure = Failure::new(Code::Failed, e.to_string());
                    match e {
                        control::ControlError::Unset { name: output } => {
                            failure.hint(format!("set it: argo node set {name} --node-field-selector … -p {output}=VALUE"))
                        }
                        _ => failure,
                    }
                })
            })
            .await?;
        print(&[format!("workflow {name} resumed")])?;
    }
    Ok(())
}

/// Change nodes of a workflow.
#[derive(Subcommand, Clone, Debug)]
pub enum Node {
    /// Set values on suspended nodes.
    Set(SetArgs),
}

/// Set values on suspended nodes.
#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// Workflow name; `@latest` is the newest.
    #[arg(value_name = "WORKFLOW")]
    name: String,
    /// Which suspended nodes, such as `displayName=approve`.
    #[arg(long, value_name = "SELECTOR", required = true)]
    node_field_selector: String,
    /// Output parameter: `NAME=VALUE`.
    #[arg(short = 'p', long, value_name = "NAME=VALUE")]
    output_parameter: Vec<String>,
    /// Phase, such as Succeeded or Failed.
    #[arg(long, value_name = "PHASE")]
    phase: Option<String>,
    /// Message.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

/// Runs `argo node`.
pub async fn node(command: &Node, session: &Session) -> Outcome {
    let Node::Set(args) = command;
    let mut outputs = BTreeMap::new();
    for text in &args.output_parameter {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Failure::new(Code::Usage, format!("expected output parameter of the form: NAME=VALUE. Received: {text}")));
        };
        outputs.insert(name.to_owned(), value.to_owned());
    }
    let values = SetValues { phase: args.phase.clone().unwrap_or_default(), message: args.message.clone().unwrap_or_default(), outputs };
    if values == SetValues::default() {
        return Err(Failure::new(Code::Usage, "there is nothing to set").hint("give --output-parameter, --phase or --message"));
    }
    let (actor, now) = (session.actor().await, Timestamp::now());
    let name = session.resolve(&args.name).await?;
    session.change(&name, |workflow| Ok(Some(control::set(workflow, &args.node_field_selector, &values, now, &actor)?))).await?;
    print(&["workflow values set".to_owned()])
}
