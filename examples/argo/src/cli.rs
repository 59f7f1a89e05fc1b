//! The command line's grammar. Names and flags are upstream's where upstream has them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Run and manage workflows: on this machine without a cluster, or in one.
#[derive(Parser)]
#[command(name = "argo", version, arg_required_else_help = true)]
pub struct Cli {
    /// Which cluster, and how to speak to it.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which API the commands talk to.
#[derive(Args, Clone, Default)]
pub struct Connection {
    /// Kubeconfig file; default: the one of a running `argo up`, else $KUBECONFIG or ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace; default: the context's, else `default`.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Log what the controllers do (0 = quiet, 1 = info, 2 = debug).
    #[arg(long = "loglevel-number", global = true, default_value_t = 0, hide = true)]
    pub verbose: u8,
}

/// How objects are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For people, with more columns.
    Wide,
    /// The object as JSON.
    Json,
    /// The object as YAML.
    Yaml,
    /// The name only.
    Name,
}

/// Parameters and other choices of a submission.
#[derive(Args, Clone, Default)]
pub struct SubmitFlags {
    /// Set a parameter: `name=value`. Wins over --parameter-file.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// YAML or JSON file with parameters, a map of names to values.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub parameter_file: Option<PathBuf>,
    /// Entrypoint instead of the manifest's.
    #[arg(long, value_name = "TEMPLATE")]
    pub entrypoint: Option<String>,
    /// Name instead of the manifest's.
    #[arg(long)]
    pub name: Option<String>,
    /// Name prefix instead of the manifest's.
    #[arg(long, value_name = "PREFIX")]
    pub generate_name: Option<String>,
    /// Labels to add: `a=b,c=d`.
    #[arg(short, long, value_name = "LABELS")]
    pub labels: Option<String>,
    /// Service account of the pods.
    #[arg(long = "serviceaccount", value_name = "NAME")]
    pub service_account: Option<String>,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run workflows on an embedded control plane and wait for them; the steps are processes of this machine, run as you.
    Run {
        /// Manifests; WorkflowTemplates, ConfigMaps and the like in them are created first. `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Parameters and other choices.
        #[command(flatten)]
        submit: SubmitFlags,
        /// Print the steps' logs.
        #[arg(long)]
        log: bool,
        /// How to print the result.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        /// Keep state in this folder instead of memory.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Keep going after this long at most, such as `10m`.
        #[arg(long, value_name = "DURATION")]
        timeout: Option<String>,
        /// What an image means here: `NAME=PROGRAM`.
        #[arg(long, value_name = "NAME=PROGRAM")]
        image: Vec<String>,
    },
    /// Start the embedded control plane and stay; prints the path of a kubeconfig for kubectl and argo.
    Up {
        /// Keep state in this folder: it survives a restart, even a kill.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Port on 127.0.0.1; default: a free one.
        #[arg(long)]
        port: Option<u16>,
        /// What an image means here: `NAME=PROGRAM`.
        #[arg(long, value_name = "NAME=PROGRAM")]
        image: Vec<String>,
    },
    /// Submit workflows.
    Submit {
        /// Manifests; `-` is standard input.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Submit from an object: `workflowtemplate/NAME`, `clusterworkflowtemplate/NAME`, `cronwf/NAME`.
        #[arg(long, value_name = "KIND/NAME", conflicts_with = "files")]
        from: Option<String>,
        /// Parameters and other choices.
        #[command(flatten)]
        submit: SubmitFlags,
        /// Wait for the end.
        #[arg(short, long)]
        wait: bool,
        /// Watch until the end.
        #[arg(long)]
        watch: bool,
        /// Print the logs until the end.
        #[arg(long)]
        log: bool,
        /// Print what would be created.
        #[arg(long)]
        dry_run: bool,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// List workflows.
    List {
        /// In all namespaces.
        #[arg(short = 'A', long)]
        all_namespaces: bool,
        /// Only those that run.
        #[arg(long)]
        running: bool,
        /// Only those that ended.
        #[arg(long)]
        completed: bool,
        /// Only those in these phases, comma-separated.
        #[arg(long, value_delimiter = ',')]
        status: Vec<String>,
        /// Label selector.
        #[arg(short = 'l', long)]
        selector: Option<String>,
        /// Leave out the header.
        #[arg(long)]
        no_headers: bool,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show a workflow and its tree.
    Get {
        /// Workflow name; `@latest` is the newest.
        name: String,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print the logs of a workflow's pods.
    Logs {
        /// Workflow name; `@latest` is the newest.
        name: String,
        /// Only this pod.
        pod: Option<String>,
        /// Go on while it runs.
        #[arg(short, long)]
        follow: bool,
        /// Container.
        #[arg(short, long, default_value = "main")]
        container: String,
        /// Lines from the end.
        #[arg(long, value_name = "N")]
        tail: Option<i64>,
        /// Leave out the pod names.
        #[arg(long)]
        no_prefix: bool,
    },
    /// Watch a workflow until it ends.
    Watch {
        /// Workflow name; `@latest` is the newest.
        name: String,
    },
    /// Wait for workflows to end.
    Wait {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Delete workflows.
    Delete {
        /// Workflow names; `@latest` is the newest.
        names: Vec<String>,
        /// All in the namespace.
        #[arg(long, conflicts_with = "names")]
        all: bool,
        /// Those that ended.
        #[arg(long)]
        completed: bool,
    },
    /// Stop workflows: running steps end, exit handlers run.
    Stop {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
        /// Message for the nodes that are stopped.
        #[arg(long)]
        message: Option<String>,
        /// Stop only these nodes, such as `displayName=approve`.
        #[arg(long)]
        node_field_selector: Option<String>,
    },
    /// Terminate workflows: running steps end, exit handlers do not run.
    Terminate {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Suspend workflows: nothing new starts.
    Suspend {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Resume suspended workflows and suspend steps.
    Resume {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
        /// Resume only these nodes, such as `displayName=approve`.
        #[arg(long)]
        node_field_selector: Option<String>,
    },
    /// Retry workflows from the steps that failed.
    Retry {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
        /// Also run steps again that succeeded and match the selector.
        #[arg(long)]
        restart_successful: bool,
        /// Which nodes, such as `templateName=build`.
        #[arg(long)]
        node_field_selector: Option<String>,
        /// New parameter values: `name=value`.
        #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
        parameter: Vec<String>,
    },
    /// Submit workflows once more.
    Resubmit {
        /// Workflow names; `@latest` is the newest.
        #[arg(required = true)]
        names: Vec<String>,
        /// Keep what succeeded.
        #[arg(long)]
        memoized: bool,
        /// New parameter values: `name=value`.
        #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
        parameter: Vec<String>,
    },
    /// Check manifests.
    Lint {
        /// Manifests or folders; `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Take templates from the given files only, not from a cluster.
        #[arg(long)]
        offline: bool,
    },
    /// Workflow templates.
    #[command(subcommand)]
    Template(Listing),
    /// Cluster workflow templates.
    #[command(subcommand)]
    ClusterTemplate(Listing),
    /// Cron workflows.
    #[command(subcommand)]
    Cron(Listing),
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What can be asked of kinds that this binary lists.
#[derive(Subcommand)]
pub enum Listing {
    /// List them.
    List {
        /// In all namespaces.
        #[arg(short = 'A', long)]
        all_namespaces: bool,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show one.
    Get {
        /// Its name.
        name: String,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}
