//! `argo`: workflows on this machine without a cluster, or in one. Thin: the library crates do the work.

// `pub` is for the other modules: a program has no outside.
#![allow(unreachable_pub)]

mod cli;
mod commands;
mod embedded;
mod executor;
mod failure;
mod follow;
mod manifest;
mod session;
mod show;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use argo_kube::crd;
use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use commands::{control, delete, get, kinds, lang, lint, list, logs, retry, run, submit, up, watch};
use failure::{Code, Failure, Outcome};

fn main() -> ExitCode {
    // One program does all: under another name, or as a hidden command, it is the executor inside pods and the node's helper. Both come before any thread.
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|program| Path::new(&program).file_name().is_some_and(|name| name == "argoexec")) {
        return argo_exec::main(std::env::args_os());
    }
    match arguments.next() {
        Some(first) if first == "argoexec" => return argo_exec::main(std::env::args_os().skip(1)),
        Some(first) if first == "__node" => return argo_local::node::shim(arguments, &argo_exec::emissary_in_place),
        _ => {}
    }
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Completion { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "argo", &mut std::io::stdout());
            Ok(())
        }
        Command::Version { short } => {
            let version = env!("CARGO_PKG_VERSION");
            commands::print(&[if *short {
                format!("argo: v{version}")
            } else {
                format!("argo: v{version}\n  Platform: {}/{}", std::env::consts::OS, std::env::consts::ARCH)
            }])
        }
        Command::Lang(command) => lang::run(command),
        _ => with_runtime(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn with_runtime(cli: &Cli) -> Outcome {
    let filter = tracing_subscriber::EnvFilter::try_new(&cli.loglevel)
        .map_err(|e| Failure::new(Code::Usage, format!("--loglevel {:?}: {e}", cli.loglevel)))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    log.init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(Code::Internal, format!("no threads can be started: {e}")))?;
    let done = runtime.block_on(dispatch(cli));
    // Blocking calls, such as reading standard input, must not hold up the end.
    runtime.shutdown_background();
    done
}

async fn dispatch(cli: &Cli) -> Outcome {
    let connection = &cli.connection;
    match &cli.command {
        Command::Run(args) => return run::run(args, connection.namespace.as_deref()).await,
        Command::Up(args) => return up::run(args).await,
        Command::Lint(args) => return lint::run(args, connection).await,
        Command::Template(action) => return kinds::run(&crd::WORKFLOW_TEMPLATE, action, connection).await,
        Command::ClusterTemplate(action) => return kinds::run(&crd::CLUSTER_WORKFLOW_TEMPLATE, action, connection).await,
        Command::Cron(action) => return kinds::cron(action, connection).await,
        _ => {}
    }
    let session = &connection.session().await?;
    match &cli.command {
        Command::Submit(args) => submit::run(args, session).await,
        Command::List(args) => list::run(args, session).await,
        Command::Get(args) => get::run(args, session).await,
        Command::Logs(args) => logs::run(args, session).await,
        Command::Watch(args) => watch::run_watch(args, session).await,
        Command::Wait(args) => watch::run_wait(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
        Command::Stop(args) => control::stop(args, session).await,
        Command::Terminate(args) => control::terminate(args, session).await,
        Command::Suspend(args) => control::suspend(args, session).await,
        Command::Resume(args) => control::resume(args, session).await,
        Command::Node(command) => control::node(command, session).await,
        Command::Retry(args) => retry::run_retry(args, session).await,
        Command::Resubmit(args) => retry::run_resubmit(args, session).await,
        // Those above have been seen to.
        _ => Ok(()),
    }
}
