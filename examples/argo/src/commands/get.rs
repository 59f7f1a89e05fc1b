//! `argo get`.

use argo_dag::ops::selector::NodeSelector;
use clap::Args;
use jiff::Timestamp;

use super::{print, print_text};
use crate::failure::{Code, Failure, Outcome};
use crate::session::Session;
use crate::show::{self, Output, tree::TreeOptions};

/// Show a workflow and its tree.
#[derive(Args, Clone, Debug)]
pub struct GetArgs {
    /// Workflow names; `@latest` is the newest.
    #[arg(required = true, value_name = "WORKFLOW")]
    names: Vec<String>,
    /// Only nodes that match, such as `phase=Failed`, with what they are part of.
    #[arg(long, alias = "node-field-selector-string", value_name = "SELECTOR")]
    node_field_selector: Option<String>,
    /// Only nodes in this phase, with what they are part of.
    #[arg(long, value_name = "PHASE")]
    status: Option<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Runs the command.
pub async fn run(args: &GetArgs, session: &Session) -> Outcome {
    let selector = NodeSelector::parse(args.node_field_selector.as_deref().unwrap_or_default())
        .map_err(|e| Failure::new(Code::Usage, e.to_string()))?;
    let options = TreeOptions { wide: args.output == Output::Wide, selector, status: args.status.clone().unwrap_or_default() };
    for (at, name) in args.names.iter().enumerate() {
        let workflow = session.workflow(name).await?;
        if let Some(text) = show::encode(&workflow, args.output)? {
            print_text(&text)?;
        } else if args.output == Output::Name {
            print(&[workflow.metadata.name])?;
        } else {
            let mut lines = if at > 0 { vec![String::new()] } else { Vec::new() };
            lines.extend(show::summary::lines(&workflow, &options, Timestamp::now(), session.look));
            print(&lines)?;
        }
    }
    Ok(())
}
