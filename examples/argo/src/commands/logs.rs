//! `argo logs`.

use std::pin::pin;
use std::time::Duration;

use argo_kube::workflow::WORKFLOW_LABEL;
use clap::Args;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt};

use super::print;
use crate::failure::{Code, Failure, Outcome};
use crate::follow::{Ended, Follow, Told, follow, stream};
use crate::session::Session;
use crate::show::{self, Look, time};

/// Print the logs of a workflow's pods.
#[derive(Args, Clone, Debug)]
pub struct LogsArgs {
    /// Workflow name; `@latest` is the newest.
    #[arg(value_name = "WORKFLOW")]
    name: String,
    /// Only this pod.
    #[arg(value_name = "POD")]
    pod: Option<String>,
    /// Container.
    #[arg(short, long, default_value = "main", value_name = "NAME")]
    container: String,
    /// Go on until the workflow ends.
    #[arg(short, long)]
    follow: bool,
    /// Only lines that contain this.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Of the run before the last restart.
    #[arg(short, long)]
    previous: bool,
    /// Only pods whose labels match.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Only what is not older, such as `5m`.
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    since: Option<Duration>,
    /// Lines from the end of each pod's log.
    #[arg(long, value_name = "N")]
    tail: Option<i64>,
    /// Each line after the time it was written.
    #[arg(long)]
    timestamps: bool,
    /// No colours.
    #[arg(long)]
    no_color: bool,
}

/// Runs the command.
pub async fn run(args: &LogsArgs, session: &Session) -> Outcome {
    let session = &Session { look: if args.no_color { Look::default() } else { session.look }, ..session.clone() };
    let name = session.resolve(&args.name).await?;
    if args.follow && args.pod.is_none() && args.selector.is_none() && args.grep.is_none() && args.container == "main" && !args.timestamps {
        return whole(session, &name).await;
    }
    let pods = pods(args, session, &name).await?;
    let params = LogParams {
        container: Some(args.container.clone()),
        follow: args.follow,
        previous: args.previous,
        since_seconds: args.since.map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
        tail_lines: args.tail,
        timestamps: args.timestamps || !args.follow,
        ..LogParams::default()
    };
    let wanted = |line: &str| args.grep.as_ref().is_none_or(|text| line.contains(text));
    if args.follow {
        let reading = pods.iter().map(|pod| {
            stream(session, pod, &params, usize::MAX, move |line| async move {
                !wanted(&line) || print(&[show::logs::line(pod, &line, session.look)]).is_ok()
            })
        });
        futures::future::try_join_all(reading).await?;
        return Ok(());
    }
    // Lines of all pods in the order in which they were written, for which the time in front of each is needed, asked for or not.
    let mut all: Vec<(String, String)> = Vec::new();
    for pod in &pods {
        let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let read = stream(session, pod, &params, 0, |line| std::future::ready(sender.send(line).is_ok())).await;
        drop(sender);
        match read {
            Ok(()) => {}
            // Others may have logs all the same.
            Err(failure) if pods.len() > 1 => eprintln!("warning: {failure}"),
            Err(failure) => return Err(failure),
        }
        while let Some(line) = lines.recv().await {
            all.push((pod.clone(), line));
        }
    }
    all.sort_by(|(_, a), (_, b)| stamp(a).cmp(stamp(b)));
    let shown = all.iter().map(|(pod, line)| (pod, if args.timestamps { line } else { rest(line) })).filter(|(_, line)| wanted(line));
    print(&shown.map(|(pod, line)| show::logs::line(pod, line, session.look)).collect::<Vec<_>>())
}

/// The time in front of a line.
fn stamp(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(stamp, _)| stamp)
}

/// What is behind it.
fn rest(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, rest)| rest)
}

/// Everything that a workflow writes, pods that start later included.
async fn whole(session: &Session, name: &str) -> Outcome {
    let interrupted = pin!(async { tokio::signal::ctrl_c().await.unwrap_or_default() });
    match follow(session, &[name.to_owned()], Follow { log: true, ..Follow::default() }, &mut Told::default(), interrupted).await? {
        Ended::All(_) => Ok(()),
        Ended::Until(_) => Err(Failure::told(Code::Interrupted)),
    }
}

async fn pods(args: &LogsArgs, session: &Session, name: &str) -> Outcome<Vec<String>> {
    if let Some(pod) = &args.pod {
        return Ok(vec![pod.clone()]);
    }
    // So that a name that does not exist is said to be one.
    session.workflow(name).await?;
    let mut labels = format!("{WORKFLOW_LABEL}={name}");
    if let Some(selector) = &args.selector {
        labels.push_str(&format!(",{selector}"));
    }
    let api: Api<Pod> = Api::namespaced(session.client.clone(), &session.namespace);
    let list = api.list(&ListParams::default().labels(&labels)).await.map_err(|e| Failure::api("list pods", &e))?;
    let mut pods: Vec<&Pod> = list.items.iter().collect();
    pods.sort_by_key(|pod| (pod.creation_timestamp(), pod.name_any()));
    Ok(pods.into_iter().map(ResourceExt::name_any).collect())
}
