//! `argo delete`.

use argo_kube::crd;
use clap::Args;
use kube::api::{DeleteParams, Patch, PropagationPolicy};
use serde_json::json;

use super::list::Filter;
use super::print;
use crate::failure::{Code, Failure, Outcome};
use crate::session::Session;

/// Delete workflows, with their pods.
#[derive(Args, Clone, Debug)]
pub struct DeleteArgs {
    /// Workflow names; `@latest` is the newest.
    #[arg(value_name = "WORKFLOW", conflicts_with = "all")]
    names: Vec<String>,
    /// All in the namespace.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Also those that are kept by finalizers.
    #[arg(long)]
    force: bool,
    /// Say which would be deleted.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub async fn run(args: &DeleteArgs, session: &Session) -> Outcome {
    let mut targets = Vec::new();
    for name in &args.names {
        targets.push((session.namespace.clone(), session.resolve(name).await?));
    }
    if args.all || args.filter.is_any() || args.filter.all_namespaces {
        let found = args.filter.find(session).await?;
        targets.extend(found.into_iter().map(|w| (w.metadata.namespace, w.metadata.name)));
        if targets.is_empty() {
            return print(&["No workflows found".to_owned()]);
        }
    }
    if targets.is_empty() {
        return Err(Failure::new(Code::Usage, "no workflow is named")
            .hint("give names, `@latest`, --all, --completed, --older 3h or a selector with -l"));
    }
    let params = DeleteParams { propagation_policy: Some(PropagationPolicy::Background), dry_run: args.dry_run, ..DeleteParams::default() };
    for (namespace, name) in targets {
        let api = session.api_in(&crd::WORKFLOW, &namespace);
        if args.force && !args.dry_run {
            let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            match api.patch(&name, &argo_kube::driver::patch_params(), &free).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(e) => return Err(Failure::api(&format!("free workflow {name:?} of its finalizers"), &e)),
                Ok(_) => {}
            }
        }
        let done = match api.delete(&name, &params).await {
            Ok(_) if args.dry_run => "deleted (dry-run)",
            Ok(_) => "deleted",
            Err(kube::Error::Api(status)) if status.code == 404 => "not found",
            Err(e) => return Err(Failure::api(&format!("delete workflow {name:?}"), &e)),
        };
        print(&[format!("Workflow '{name}' {done}")])?;
    }
    Ok(())
}
