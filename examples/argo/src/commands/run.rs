//! `argo run`: one shot on an embedded control plane.

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;

use argo_core::workflows::{CronWorkflow, Workflow};
use argo_dag::ops::{Actor, control, submit as ops_submit};
use argo_kube::crd;
use argo_kube::driver;
use clap::Args;
use jiff::Timestamp;
use kube::api::{Patch, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::json;

use super::lint::{self, Known};
use super::submit::{Source, SubmitFlags, source, workflows};
use super::{print, print_text};
use crate::embedded::{Embedded, Options};
use crate::failure::{Code, Failure, Outcome};
use crate::follow::{Ended, Follow, Show, Told, follow, judge};
use crate::manifest::{Files, Manifest};
use crate::session::{Session, dynamic};
use crate::show::{self, Look, Output, time};

/// How long running steps have to end after Ctrl-C or --timeout.
const GRACE: Duration = Duration::from_secs(15);

/// Run workflows here, without a cluster, and wait for them.
///
/// An embedded control plane is started for them: the controller that would run in a cluster, over a Kubernetes API in this process. The steps are
/// processes of this machine, run as you: an image names programs of this machine, not a file system.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 all workflows succeeded, 1 one did not, 2 wrong command line, 65 wrong manifest, 66 no such file, \
69 the API refused, 73 data folder or port in use, 74 output cannot be written, 124 --timeout is over, 130 Ctrl-C.")]
pub struct RunArgs {
    /// Manifests; what else is in them (templates, ConfigMaps, …) is created first. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Run from an object of the files: `workflowtemplate/NAME`, `clusterworkflowtemplate/NAME` or `cronworkflow/NAME`.
    #[arg(long, value_name = "KIND/NAME")]
    from: Option<String>,
    #[command(flatten)]
    submit: SubmitFlags,
    /// Print what the steps write.
    #[arg(long)]
    log: bool,
    /// End the workflows after that long, such as `10m`.
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    timeout: Option<Duration>,
    /// Keep state in this folder [default: in memory].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What an image stands for here: `NAME=PROGRAM` or `NAME=FOLDER` with a root file system.
    #[arg(long = "image", value_name = "NAME=PROGRAM")]
    images: Vec<String>,
    /// Let unknown fields be.
    #[arg(long = "no-strict")]
    lenient: bool,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Runs the command.
pub async fn run(args: &RunArgs, namespace: Option<&str>) -> Outcome {
    let manifests = Files::read(&args.files)?.manifests(args.lenient)?;
    let options = args.submit.options()?;
    let wanted = match &args.from {
        Some(from) => vec![from_manifests(&manifests, from, &options)?],
        None => workflows(&manifests, &options)?,
    };
    if wanted.is_empty() {
        let hint = manifests.iter().find_map(|m| match m.kind() {
            "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow" => {
                Some(format!("--from {}/{} runs it", m.kind().to_lowercase(), m.name()))
            }
            _ => None,
        });
        let found: Vec<String> =
            manifests.iter().map(|m| format!("{}: kind {:?}, name {:?}", m.place("kind"), m.kind(), m.name())).collect();
        let nearest = manifests.iter().any(|m| argo_core::strict::nearest(m.kind(), ["Workflow"]).is_some());
        let hint = hint.or_else(|| nearest.then(|| "did you mean \"Workflow\"?".to_owned()));
        return Err(Failure::new(Code::Manifest, [vec!["there is no Workflow in the files".to_owned()], found].concat().join("\n"))
            .hint(hint.unwrap_or_else(|| "a workflow has `kind: Workflow`".to_owned())));
    }
    lint::refuse_invalid(&manifests, &Known::of(&manifests))?;

    let embedded = Embedded::start(&Options { data: args.data.clone(), port: None, images: args.images.clone() }).await?;
    let session = Session { client: embedded.client(), namespace: namespace.unwrap_or("default").to_owned(), look: Look::of_stdout() };
    let done = run_all(args, &session, &manifests, &wanted).await;
    let ended = embedded.shutdown().await;
    done.and(ended)
}

fn from_manifests(manifests: &[Manifest], from: &str, options: &ops_submit::SubmitOptions) -> Outcome<Workflow> {
    let missing = |kind: &str, name: &str| {
        let known: Vec<&str> = manifests.iter().filter(|m| m.kind() == kind).map(Manifest::name).collect();
        let failure = Failure::new(Code::Usage, format!("there is no {kind} {name:?} in the files"));
        match argo_core::strict::nearest(name, known.iter().copied()) {
            Some(nearest) => failure.hint(format!("did you mean {nearest:?}?")),
            None => failure,
        }
    };
    let find = |kind: &str, name: &str| manifests.iter().find(|m| m.kind() == kind && m.name() == name);
    let mut workflow = match source(from)? {
        Source::Template { name, cluster } => {
            let kind = if cluster { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
            find(kind, &name).ok_or_else(|| missing(kind, &name))?;
            ops_submit::from_workflow_template(&name, cluster)
        }
        Source::Cron { name } => {
            let cron: CronWorkflow = find("CronWorkflow", &name).ok_or_else(|| missing("CronWorkflow", &name))?.read()?;
            ops_submit::from_cron_workflow(&cron, Timestamp::now())
        }
    };
    ops_submit::apply(&mut workflow, options)?;
    Ok(workflow)
}

async fn run_all(args: &RunArgs, session: &Session, manifests: &[Manifest], wanted: &[Workflow]) -> Outcome {
    for manifest in manifests.iter().filter(|m| m.kind() != "Workflow") {
        create_other(session, manifest).await?;
    }
    let mut names = Vec::new();
    for workflow in wanted {
        let mut workflow = workflow.clone();
        // One namespace for all: what they refer to is looked for in it.
        workflow.metadata.namespace.clone_from(&session.namespace);
        let created = session.create(&crd::WORKFLOW, &session.namespace, &workflow, false).await?;
        names.push(created.metadata.name);
    }
    let quiet = !args.output.is_text();
    let how = Follow { show: if quiet { Show::Nothing } else { Show::Tree }, log: args.log, step_names: true };
    let until = pin!(interruption(args.timeout));
    let mut until: Pin<&mut (dyn Future<Output = ()> + Send)> = until;
    let mut told = Told::default();
    match follow(session, &names, how, &mut told, until.as_mut()).await? {
        Ended::All(workflows) => {
            conclude(args, session, &workflows)?;
            judge(&workflows)
        }
        Ended::Until(last) => {
            let timed_out = args.timeout.is_some_and(|timeout| has_run_for(&last, timeout));
            let workflows = stop(session, &names, how, &mut told, timed_out).await?;
            conclude(args, session, &workflows)?;
            Err(match (timed_out, args.timeout) {
                (true, Some(timeout)) => Failure::new(Code::Timeout, format!("the workflow did not end within {timeout:?}")),
                _ => Failure::told(Code::Interrupted),
            })
        }
    }
}

/// Ctrl-C, a request to terminate, or the end of the time allowed.
async fn interruption(timeout: Option<Duration>) {
    let timer = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
        () = timer => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// Whether it was the time that ended them, rather than the user.
fn has_run_for(workflows: &[Workflow], timeout: Duration) -> bool {
    let now = Timestamp::now();
    workflows.iter().any(|w| {
        time::seconds(w.metadata.creation_timestamp, None, now)
            .is_some_and(|s| s.saturating_add(1) >= i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX))
    })
}

/// Terminates what still runs, and waits until it has ended: a second Ctrl-C waits no longer.
async fn stop(session: &Session, names: &[String], how: Follow, told: &mut Told, timed_out: bool) -> Outcome<Vec<Workflow>> {
    if !timed_out {
        eprintln!("interrupted: the steps are being ended (Ctrl-C again does not wait for them)");
    }
    for name in names {
        let terminate = session.change(name, |workflow| match control::terminate(workflow, &Actor::default()) {
            Ok(changed) => Ok(Some(changed)),
            // It ended by itself meanwhile.
            Err(_) => Ok(None),
        });
        terminate.await?;
    }
    let patience = pin!(interruption(Some(GRACE)));
    match follow(session, names, how, told, patience).await? {
        Ended::All(workflows) | Ended::Until(workflows) => Ok(workflows),
    }
}

/// Says what came of it.
fn conclude(args: &RunArgs, session: &Session, workflows: &[Workflow]) -> Outcome {
    let now = Timestamp::now();
    for workflow in workflows {
        if let Some(text) = show::encode(workflow, args.output)? {
            print_text(&text)?;
        } else if args.output == Output::Name {
            print(std::slice::from_ref(&workflow.metadata.name))?;
        } else if args.output == Output::Wide {
            let options = show::tree::TreeOptions { wide: true, ..Default::default() };
            print(&show::summary::lines(workflow, &options, now, session.look))?;
        } else {
            let mut lines = Vec::new();
            if session.look.fancy {
                lines.extend(show::tree::lines(workflow, &Default::default(), now, session.look));
                lines.push(String::new());
            }
            lines.extend(show::summary::ending(workflow, now, session.look));
            print(&lines)?;
        }
    }
    Ok(())
}

/// Creates an object of any kind, or changes it where a data folder has it from an earlier run.
async fn create_other(session: &Session, manifest: &Manifest) -> Outcome {
    let value = manifest.value()?;
    let mut object: DynamicObject = dynamic(&value)?;
    let doing = format!("{}: create {} {:?}", manifest.place(""), manifest.kind(), manifest.name());
    let types = object.types.clone().unwrap_or_default();
    let gvk = GroupVersionKind::try_from(&types).map_err(|e| Failure::new(Code::Manifest, format!("{doing}: {e}")))?;
    let (resource, namespaced) = match crd::KINDS.iter().find(|k| k.kind == gvk.kind && crd::GROUP == gvk.group) {
        Some(kind) => (kind.resource(), kind.namespaced),
        None => match kube::discovery::pinned_kind(&session.client, &gvk).await {
            Ok((resource, capabilities)) => (resource, capabilities.scope == kube::discovery::Scope::Namespaced),
            Err(kube::Error::Api(status)) if status.code != 404 => return Err(Failure::api(&doing, &kube::Error::Api(status))),
            Err(_) => (ApiResource::from_gvk(&gvk), true),
        },
    };
    if namespaced {
        object.metadata.namespace = Some(session.namespace.clone());
    }
    let api: kube::Api<DynamicObject> = driver::api(&session.client, &resource, if namespaced { &session.namespace } else { "" });
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let mut change = json!(object);
            if let Some(metadata) = change.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
                metadata.remove("resourceVersion");
            }
            let name = object.metadata.name.clone().unwrap_or_default();
            api.patch(&name, &driver::patch_params(), &Patch::Merge(&change)).await.map(drop).map_err(|e| Failure::api(&doing, &e))
        }
        Err(e) => Err(Failure::api(&doing, &e)),
    }
}
