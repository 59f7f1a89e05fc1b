//! `argo submit`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use argo_core::workflows::{CronWorkflow, Workflow};
use argo_dag::ops::submit::{self, SubmitOptions};
use argo_kube::crd;
use clap::Args;
use jiff::Timestamp;

use super::watch::{self, Attend};
use super::{print, print_text};
use crate::failure::{Code, Failure, Outcome};
use crate::manifest::{self, Files, Manifest};
use crate::session::Session;
use crate::show::{self, Output};

/// What a submission changes in its manifest.
#[derive(Args, Clone, Debug, Default)]
pub struct SubmitFlags {
    /// Pass an argument: `NAME=VALUE`. Wins over --parameter-file.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// YAML or JSON file with arguments: a map of names to values.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub parameter_file: Option<PathBuf>,
    /// Where an argument artifact stands: `NAME=KEY`.
    #[arg(long = "artifact", value_name = "NAME=KEY")]
    pub artifact: Vec<String>,
    /// Entrypoint instead of the manifest's.
    #[arg(long, value_name = "TEMPLATE")]
    pub entrypoint: Option<String>,
    /// Name instead of the manifest's.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Name prefix instead of the manifest's name.
    #[arg(long, value_name = "PREFIX")]
    pub generate_name: Option<String>,
    /// Labels to add: `a=b,c=d`.
    #[arg(short, long, value_name = "LABELS")]
    pub labels: Option<String>,
    /// Annotations to add: `a=b,c=d`.
    #[arg(long, value_name = "ANNOTATIONS")]
    pub annotations: Option<String>,
    /// Service account of the pods.
    #[arg(long = "serviceaccount", value_name = "NAME")]
    pub service_account: Option<String>,
    /// Priority among workflows that wait for their turn; higher goes first.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub priority: Option<i64>,
}

impl SubmitFlags {
    /// The flags as the engine takes them; reads the parameter file.
    pub fn options(&self) -> Outcome<SubmitOptions> {
        let mut parameters = Vec::new();
        if let Some(file) = &self.parameter_file {
            for (name, text) in manifest::texts(file)? {
                let wrong = |e: &dyn std::fmt::Display| Failure::new(Code::Manifest, format!("{name}: {e}"));
                for document in argo_core::yaml::parse_documents(&text).map_err(|e| wrong(&e))? {
                    parameters.extend(submit::parameters_of_file(&document.value).map_err(|e| wrong(&e))?);
                }
            }
        }
        parameters.extend(self.parameter.iter().cloned());
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Ok(SubmitOptions {
            name: text(&self.name),
            generate_name: text(&self.generate_name),
            entrypoint: text(&self.entrypoint),
            service_account: text(&self.service_account),
            priority: self.priority,
            labels: text(&self.labels),
            annotations: text(&self.annotations),
            parameters,
            artifacts: self.artifact.clone(),
            ..SubmitOptions::default()
        })
    }
}

/// Submit workflows.
#[derive(Args, Clone, Debug)]
pub struct SubmitArgs {
    /// Manifests; `-` is standard input, a folder stands for the manifests in it.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Submit from an object: `workflowtemplate/NAME`, `clusterworkflowtemplate/NAME` or `cronworkflow/NAME`.
    #[arg(long, value_name = "KIND/NAME", conflicts_with = "files")]
    from: Option<String>,
    #[command(flatten)]
    submit: SubmitFlags,
    #[command(flatten)]
    attend: Attend,
    /// Print what would be created, without asking the API.
    #[arg(long, conflicts_with_all = ["server_dry_run", "wait", "watch", "log"])]
    dry_run: bool,
    /// Print what the API would make of it, without creating it.
    #[arg(long, conflicts_with_all = ["wait", "watch", "log"])]
    server_dry_run: bool,
    /// Let unknown fields be.
    #[arg(long = "no-strict")]
    lenient: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// What `--from` names.
pub enum Source {
    Template { name: String, cluster: bool },
    Cron { name: String },
}

/// Reads `KIND/NAME`.
pub fn source(from: &str) -> Outcome<Source> {
    let unknown = || {
        Failure::new(Code::Usage, format!("--from {from:?} names nothing to submit from"))
            .hint("write workflowtemplate/NAME, clusterworkflowtemplate/NAME or cronworkflow/NAME")
    };
    let (kind, name) = from.split_once('/').ok_or_else(unknown)?;
    let name = name.to_owned();
    match kind.to_ascii_lowercase().as_str() {
        _ if name.is_empty() => Err(unknown()),
        "workflowtemplate" | "workflowtemplates" | "wftmpl" => Ok(Source::Template { name, cluster: false }),
        "clusterworkflowtemplate" | "clusterworkflowtemplates" | "cwft" | "clusterwftmpl" => Ok(Source::Template { name, cluster: true }),
        "cronworkflow" | "cronworkflows" | "cronwf" | "cwf" => Ok(Source::Cron { name }),
        _ => Err(unknown()),
    }
}

/// The workflows of manifests, changed as the options say.
pub fn workflows(manifests: &[Manifest], options: &SubmitOptions) -> Outcome<Vec<Workflow>> {
    let mut workflows = Vec::new();
    for manifest in manifests.iter().filter(|m| m.kind() == "Workflow") {
        let mut workflow: Workflow = manifest.read()?;
        submit::apply(&mut workflow, options)?;
        if workflow.metadata.name.is_empty() && workflow.metadata.generate_name.is_empty() {
            return Err(Failure::new(
                Code::Manifest,
                format!("{}: the workflow has neither name nor generateName", manifest.place("metadata")),
            )
            .hint("give it one in metadata, or with --name or --generate-name"));
        }
        workflows.push(workflow);
    }
    if workflows.len() > 1 && !options.name.is_empty() {
        return Err(Failure::new(Code::Usage, format!("--name is for one workflow, and the files hold {}", workflows.len()))
            .hint("use --generate-name"));
    }
    Ok(workflows)
}

/// Runs the command.
pub async fn run(args: &SubmitArgs, session: &Session) -> Outcome {
    let options = args.submit.options()?;
    let found = match &args.from {
        Some(from) => vec![from_object(session, from, &options).await?],
        None => {
            let manifests = Files::read(&args.files)?.manifests(args.lenient)?;
            if let Some(other) = manifests.iter().find(|m| m.kind() != "Workflow") {
                return Err(Failure::new(
                    Code::Manifest,
                    format!("{}: {} {:?} is no Workflow", other.place("kind"), other.kind(), other.name()),
                )
                .hint("`argo template create` and `argo cron create` take templates and cron workflows; `argo submit --from` runs them"));
            }
            workflows(&manifests, &options)?
        }
    };
    if found.is_empty() {
        return Err(
            Failure::new(Code::Usage, "there is no workflow to submit").hint("name a file, `-` for standard input, or --from KIND/NAME")
        );
    }
    let namespace_of = |workflow: &Workflow| match workflow.metadata.namespace.as_str() {
        "" => session.namespace.clone(),
        named => named.to_owned(),
    };
    let namespaces: BTreeSet<String> = found.iter().map(namespace_of).collect();
    if args.attend.is_any() && namespaces.len() > 1 {
        let list = namespaces.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Failure::new(Code::Usage, format!("--watch, --wait and --log are for one namespace, and the workflows are of {list}")));
    }
    if args.dry_run {
        return found.iter().try_for_each(|workflow| print_one(workflow, args.output, session));
    }
    let actor = session.actor().await;
    let mut names = Vec::new();
    for mut workflow in found {
        actor.label_creator(&mut workflow.metadata);
        let namespace = namespace_of(&workflow);
        let created = session.create(&crd::WORKFLOW, &namespace, &workflow, args.server_dry_run).await?;
        // A live tree and logs say all that the header would.
        if !(args.attend.is_any() && args.output.is_text() && (args.attend.watch || args.attend.log)) {
            print_one(&created, args.output, session)?;
        }
        names.push(created.metadata.name);
    }
    match namespaces.into_iter().next() {
        Some(namespace) if args.attend.is_any() => {
            let session = Session { namespace, ..session.clone() };
            watch::attend(&session, &names, &args.attend).await
        }
        _ => Ok(()),
    }
}

async fn from_object(session: &Session, from: &str, options: &SubmitOptions) -> Outcome<Workflow> {
    let mut workflow = match source(from)? {
        Source::Template { name, cluster } => submit::from_workflow_template(&name, cluster),
        Source::Cron { name } => {
            let cron: CronWorkflow = session.get(&crd::CRON_WORKFLOW, &name).await?;
            submit::from_cron_workflow(&cron, Timestamp::now())
        }
    };
    submit::apply(&mut workflow, options)?;
    Ok(workflow)
}

/// Prints a workflow as `-o` says.
pub fn print_one(workflow: &Workflow, output: Output, session: &Session) -> Outcome {
    if let Some(text) = show::encode(workflow, output)? {
        return print_text(&text);
    }
    if output == Output::Name {
        let name = if workflow.metadata.name.is_empty() { &workflow.metadata.generate_name } else { &workflow.metadata.name };
        return print(std::slice::from_ref(name));
    }
    let options = show::tree::TreeOptions { wide: output == Output::Wide, ..Default::default() };
    print(&show::summary::lines(workflow, &options, Timestamp::now(), session.look))
}

#[cfg(test)]
mod tests {
    use super::{Source, source, workflows};
    use argo_dag::ops::submit::SubmitOptions;

    #[test]
    fn from_names_a_kind_and_an_object() {
        assert!(matches!(source("cronwf/x"), Ok(Source::Cron { name }) if name == "x"));
        assert!(matches!(source("ClusterWorkflowTemplate/x"), Ok(Source::Template { cluster: true, .. })));
        for bad in ["x", "pod/x", "wftmpl/"] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_workflow_needs_a_name_and_one_name_is_for_one_workflow() {
        let read = |text: &str, options: &SubmitOptions| {
            let mut files = crate::manifest::Files::default();
            for document in text.split("---\n") {
                files.add("f", &format!("apiVersion: argoproj.io/v1alpha1\n{document}"));
            }
            workflows(&files.manifests(false).unwrap(), options)
        };
        let named = SubmitOptions { name: "n".into(), ..Default::default() };
        assert!(
            read("kind: Workflow\nmetadata: {}\n", &Default::default())
                .unwrap_err()
                .to_string()
                .starts_with("f:3:1: the workflow has neither")
        );
        assert!(read("kind: Workflow\n---\nkind: Workflow\n", &named).unwrap_err().to_string().contains("--name is for one workflow"));
        assert_eq!(read("kind: ConfigMap\n---\nkind: Workflow\n", &named).unwrap().len(), 1);
    }
}
