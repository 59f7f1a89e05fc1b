//! `argo lint`, and the check that comes before every run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use argo_core::object::Object;
use argo_core::workflows::{ClusterWorkflowTemplate, Workflow, WorkflowTemplate};
use argo_dag::library::Library;
use argo_dag::validate;
use argo_kube::crd;
use clap::{Args, ValueEnum};
use kube::api::ListParams;
use serde_json::Value;

use super::print;
use crate::failure::{Code, Failure, Outcome};
use crate::manifest::{Files, Manifest};
use crate::session::{Connection, Session};
use crate::show::{Look, icon};

/// How problems are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LintOutput {
    /// By file, with a summary.
    #[default]
    Pretty,
    /// A line each: `file:line:column: in "name" (Kind): problem`.
    Simple,
}

/// Check manifests.
#[derive(Args, Clone, Debug)]
pub struct LintArgs {
    /// Manifests or folders; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take templates from the given files only, and talk to no API.
    #[arg(long)]
    offline: bool,
    /// Let unknown fields be.
    #[arg(long = "no-strict")]
    lenient: bool,
    /// Say nothing of unknown fields when `false`.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    strict: bool,
    /// Only these kinds.
    #[arg(long, value_delimiter = ',', default_value = "all", value_name = "KINDS")]
    kinds: Vec<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    output: LintOutput,
    /// No colours.
    #[arg(long)]
    no_color: bool,
}

/// What manifests may refer to: each other, and what an API holds.
#[derive(Default)]
pub struct Known {
    templates: BTreeMap<String, Arc<WorkflowTemplate>>,
    cluster_templates: BTreeMap<String, Arc<ClusterWorkflowTemplate>>,
    config_maps: BTreeMap<String, Arc<Value>>,
}

impl Known {
    /// What stands in manifests.
    pub fn of(manifests: &[Manifest]) -> Self {
        let mut known = Self::default();
        for manifest in manifests {
            let name = manifest.name().to_owned();
            match manifest.object() {
                Object::WorkflowTemplate(template) => {
                    known.templates.insert(name, Arc::new((**template).clone()));
                }
                Object::ClusterWorkflowTemplate(template) => {
                    known.cluster_templates.insert(name, Arc::new((**template).clone()));
                }
                Object::Other(value) if manifest.kind() == "ConfigMap" => {
                    known.config_maps.insert(name, Arc::new(value.clone()));
                }
                _ => {}
            }
        }
        known
    }

    /// And what an API holds; files win.
    async fn ask(&mut self, session: &Session) -> Outcome {
        let all = ListParams::default();
        for template in session.list::<WorkflowTemplate>(&crd::WORKFLOW_TEMPLATE, &session.namespace, &all).await? {
            self.templates.entry(template.metadata.name.clone()).or_insert_with(|| Arc::new(template));
        }
        for template in session.list::<ClusterWorkflowTemplate>(&crd::CLUSTER_WORKFLOW_TEMPLATE, "", &all).await? {
            self.cluster_templates.entry(template.metadata.name.clone()).or_insert_with(|| Arc::new(template));
        }
        Ok(())
    }
}

impl Library for Known {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        self.templates.get(name).cloned()
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        self.cluster_templates.get(name).cloned()
    }

    fn config_map(&self, name: &str) -> Option<Arc<Value>> {
        self.config_maps.get(name).cloned()
    }
}

/// One problem, ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    file: String,
    place: String,
    object: String,
    message: String,
}

/// What is wrong with the objects of manifests.
pub fn check(manifests: &[Manifest], known: &Known, lint: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for manifest in manifests {
        let as_workflow = |metadata: &argo_core::meta::ObjectMeta, spec: &argo_core::workflows::WorkflowSpec| Workflow {
            api_version: argo_core::object::API_VERSION.to_owned(),
            kind: "Workflow".to_owned(),
            metadata: metadata.clone(),
            spec: spec.clone(),
            ..Workflow::default()
        };
        let (workflow, is_template, prefix) = match manifest.object() {
            Object::Workflow(workflow) => ((**workflow).clone(), false, ""),
            Object::WorkflowTemplate(template) => (as_workflow(&template.metadata, &template.spec), true, ""),
            Object::ClusterWorkflowTemplate(template) => (as_workflow(&template.metadata, &template.spec), true, ""),
            Object::CronWorkflow(cron) => {
                let spec = cron.spec.workflow_spec.clone().unwrap_or_default();
                (as_workflow(&cron.metadata, &spec), false, "spec.workflowSpec")
            }
            _ => continue,
        };
        let options = validate::Options { lint, submit: !lint, is_template, ..validate::Options::default() };
        for diagnostic in validate::workflow(&workflow, known, &options) {
            let path = match diagnostic.path.strip_prefix("spec") {
                Some(rest) if !prefix.is_empty() => format!("{prefix}{rest}"),
                _ => diagnostic.path.clone(),
            };
            let hint = if diagnostic.hint.is_empty() { String::new() } else { format!(" ({})", diagnostic.hint) };
            found.push(Found {
                file: manifest.file.clone(),
                place: manifest.place(&path),
                object: format!("in \"{}\" ({}): ", manifest.name(), manifest.kind()),
                message: format!("{}{hint}", diagnostic.message),
            });
        }
    }
    found
}

/// Refuses manifests that cannot be run, before anything is started for them.
pub fn refuse_invalid(manifests: &[Manifest], known: &Known) -> Outcome {
    let found = check(manifests, known, false);
    if found.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = found.into_iter().map(|f| format!("{}: {}{}", f.place, f.object, f.message)).collect();
    Err(Failure::new(Code::Manifest, told.join("\n       ")))
}

/// Runs the command.
pub async fn run(args: &LintArgs, connection: &Connection) -> Outcome {
    let files = Files::read(&args.files)?;
    let mut known = Known::of(&files.manifests);
    if !args.offline {
        known.ask(&connection.session().await?).await?;
    }
    let look = if args.no_color { Look::default() } else { Look::of_stdout() };
    lint(files, &known, &args.kinds, args.lenient || !args.strict, args.output, look)
}

/// Prints what is wrong with files.
pub fn lint(files: Files, known: &Known, kinds: &[String], lenient: bool, output: LintOutput, look: Look) -> Outcome {
    let mut found: Vec<Found> = Vec::new();
    for problem in &files.problems {
        if lenient && matches!(problem.problem, argo_core::strict::Problem::UnknownField { .. }) {
            continue;
        }
        found.push(Found {
            file: problem.file.clone(),
            place: format!("{}:{}:{}", problem.file, problem.line, problem.column),
            object: String::new(),
            message: problem.problem.to_string(),
        });
    }
    let wanted: Vec<Manifest> = files.manifests.into_iter().filter(|m| is_wanted(m.kind(), kinds)).collect();
    found.extend(check(&wanted, known, true));
    if found.is_empty() {
        if wanted.is_empty() {
            return Err(Failure::new(Code::Failed, "found nothing to lint in the specified paths, failing..."));
        }
        return match output {
            LintOutput::Pretty => print(&[format!("{} no linting errors found!", look.paint(icon("Succeeded").1, "✔"))]),
            LintOutput::Simple => Ok(()),
        };
    }
    print(&lines(&found, output, look))?;
    Err(Failure::told(Code::Failed))
}

fn lines(found: &[Found], output: LintOutput, look: Look) -> Vec<String> {
    if output == LintOutput::Simple {
        return found.iter().map(|f| format!("{}: {}{}", f.place, f.object, f.message)).collect();
    }
    let mut lines = Vec::new();
    let mut file = None;
    let cross = look.paint(icon("Failed").1, "✖");
    for problem in found {
        if file != Some(&problem.file) {
            if file.is_some() {
                lines.push(String::new());
            }
            lines.push(format!("{}:", problem.file));
            file = Some(&problem.file);
        }
        let place = problem.place.strip_prefix(&problem.file).unwrap_or_default().trim_start_matches(':');
        lines.push(format!("   {cross} {place} {}{}", problem.object, problem.message));
    }
    lines.push(String::new());
    lines.push(format!("{cross} {} linting errors found!", found.len()));
    lines
}

/// Whether a kind is asked for: `all`, its name, or its plural in small letters.
fn is_wanted(kind: &str, kinds: &[String]) -> bool {
    crd::KINDS.iter().any(|known| known.kind == kind)
        && kinds
            .iter()
            .any(|wanted| wanted == "all" || wanted.eq_ignore_ascii_case(kind) || wanted.eq_ignore_ascii_case(&format!("{kind}s")))
}

#[cfg(test)]
mod tests {
    use super::{Known, LintOutput, is_wanted, lines};
    use crate::manifest::Files;
    use crate::show::Look;

    #[test]
    fn problems_are_told_by_file_and_place() {
        let found = vec![super::Found {
            file: "a.yaml".into(),
            place: "a.yaml:3:5".into(),
            object: "in \"w\" (Workflow): ".into(),
            message: "bad".into(),
        }];
        assert_eq!(lines(&found, LintOutput::Simple, Look::default()), ["a.yaml:3:5: in \"w\" (Workflow): bad"]);
        let expected = ["a.yaml:", "   ✖ 3:5 in \"w\" (Workflow): bad", "", "✖ 1 linting errors found!"];
        assert_eq!(lines(&found, LintOutput::Pretty, Look::default()), expected);
    }

    #[test]
    fn templates_in_the_files_are_known() {
        let mut files = Files::default();
        files.add("f", "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata:\n  name: lib\nspec: {}\n");
        use argo_dag::library::Library;
        assert!(Known::of(&files.manifests).workflow_template("lib").is_some());
    }

    #[test]
    fn kinds_are_named_as_upstream_does() {
        assert!(is_wanted("Workflow", &["all".into()]) && is_wanted("WorkflowTemplate", &["workflowtemplates".into()]));
        assert!(!is_wanted("ConfigMap", &["all".into()]) && !is_wanted("Workflow", &["cronworkflows".into()]));
    }
}
