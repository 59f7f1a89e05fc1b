//! The command line's grammar. Names and flags are upstream's where upstream has them.

use clap::{Parser, Subcommand};

use crate::commands::{control, delete, get, kinds, lang, lint, list, logs, retry, run, submit, up, watch};
use crate::session::Connection;

/// Run and manage workflows: on this machine without a cluster, or in one.
#[derive(Parser)]
#[command(name = "argo", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Connection,
    /// Tell what the controllers do on standard error: error, warn, info or debug.
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "ARGO_LOG",
        default_value = "error",
        hide_default_value = true,
        help_heading = "Connection"
    )]
    pub loglevel: String,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    Run(run::RunArgs),
    Up(up::UpArgs),
    Submit(submit::SubmitArgs),
    List(list::ListArgs),
    Get(get::GetArgs),
    Logs(logs::LogsArgs),
    Watch(watch::WatchArgs),
    Wait(watch::WaitArgs),
    Delete(delete::DeleteArgs),
    Stop(control::StopArgs),
    /// Terminate workflows: what runs is ended, exit handlers do not run.
    Terminate(control::TargetArgs),
    /// Suspend workflows: nothing new starts.
    Suspend(control::TargetArgs),
    Resume(control::ResumeArgs),
    Retry(retry::RetryArgs),
    Resubmit(retry::ResubmitArgs),
    /// Change nodes of a workflow.
    #[command(subcommand)]
    Node(control::Node),
    Lint(lint::LintArgs),
    /// Workflow templates of a namespace.
    #[command(subcommand)]
    Template(kinds::Action),
    /// Workflow templates of the cluster.
    #[command(subcommand)]
    ClusterTemplate(kinds::Action),
    /// Workflows that start by the clock.
    #[command(subcommand)]
    Cron(kinds::CronAction),
    /// Try the languages that manifests contain.
    #[command(subcommand)]
    Lang(lang::Lang),
    /// Print the version.
    Version {
        /// Only the number.
        #[arg(long)]
        short: bool,
    },
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_grammar_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn upstreams_command_lines_are_understood() {
        for line in [
            "argo submit --watch f.yaml -p a=b -p c=d",
            "argo submit --from wftmpl/x --name y --serviceaccount z -o name",
            "argo submit f.yaml --dry-run -o yaml",
            "argo list -A --running -o wide --since 1h",
            "argo list --status Failed,Error --prefix x --no-headers",
            "argo get @latest -o json --node-field-selector phase=Failed",
            "argo logs x -f",
            "argo logs x pod -c wait --tail 3 --timestamps --grep e --since 1m",
            "argo stop x --message m --node-field-selector displayName=w",
            "argo resume x y",
            "argo node set x --node-field-selector displayName=w --output-parameter ok=YES --message fine",
            "argo retry x --restart-successful --node-field-selector templateName=a -p p=1",
            "argo resubmit --memoized @latest",
            "argo delete --completed --older 3h",
            "argo delete -A --all",
            "argo delete --resubmitted -l a=b",
            "argo lint --offline --strict --kinds=workflows,cronworkflows -o simple dir f.yaml",
            "argo cron suspend x",
            "argo cron list -A",
            "argo template create f.yaml",
            "argo cluster-template get x -o yaml",
            "argo terminate -l a=b",
            "argo wait @latest",
            "argo version --short",
            "argo -n argo --context kind list",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}: {}", Cli::try_parse_from(line.split(' ')).err().unwrap());
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "argo submit f.yaml --from wftmpl/x",
            "argo delete x --all",
            "argo retry x --restart-successful",
            "argo submit f --dry-run --watch",
            "argo run",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
