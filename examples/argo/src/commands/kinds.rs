//! `argo template`, `argo cluster-template` and `argo cron`: objects that workflows are made from.

use std::path::PathBuf;

use argo_core::workflows::CronWorkflow;
use argo_kube::crd::{self, Kind};
use argo_kube::driver;
use argo_lang::cron::Schedule;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch};
use serde_json::{Value, json};

use super::lint::{Known, LintOutput, lint};
use super::{print, print_text};
use crate::failure::{Code, Failure, Outcome};
use crate::manifest::{Files, Manifest};
use crate::session::{Connection, Session};
use crate::show::{self, Look, Output, table, table::Cell, time};

/// What can be done with the objects of a kind.
#[derive(Subcommand, Clone, Debug)]
pub enum Action {
    /// Create them.
    Create(FileArgs),
    /// Create them, or change those that exist.
    Apply(FileArgs),
    /// Change those that exist.
    Update(FileArgs),
    /// List them.
    List(ListArgs),
    /// Show some.
    Get {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
        output: Output,
    },
    /// Delete them.
    Delete {
        /// Their names.
        #[arg(value_name = "NAME", required_unless_present = "all")]
        names: Vec<String>,
        /// All in the namespace.
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
    /// Check manifests.
    Lint {
        /// Manifests or folders; `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Let unknown fields be.
        #[arg(long = "no-strict")]
        lenient: bool,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: LintOutput,
    },
}

/// What can be done with cron workflows.
#[derive(Subcommand, Clone, Debug)]
pub enum CronAction {
    #[command(flatten)]
    Any(Action),
    /// Let them start nothing until they are resumed.
    Suspend {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Let them start workflows again.
    Resume {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

/// Manifests.
#[derive(Args, Clone, Debug)]
pub struct FileArgs {
    /// Manifests or folders; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Let unknown fields be.
    #[arg(long = "no-strict")]
    lenient: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Which are listed, and how.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// In all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only those whose labels match.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, hide_default_value = true)]
    output: Output,
}

/// Runs `argo cron`.
pub async fn cron(action: &CronAction, connection: &Connection) -> Outcome {
    let (names, suspend) = match action {
        CronAction::Any(action) => return run(&crd::CRON_WORKFLOW, action, connection).await,
        CronAction::Suspend { names } => (names, true),
        CronAction::Resume { names } => (names, false),
    };
    let session = connection.session().await?;
    let api = session.api(&crd::CRON_WORKFLOW);
    for name in names {
        let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
        api.patch(name, &driver::patch_params(), &patch).await.map_err(|e| Failure::api(&format!("change CronWorkflow {name:?}"), &e))?;
        print(&[format!("CronWorkflow '{name}' {}", if suspend { "suspended" } else { "resumed" })])?;
    }
    Ok(())
}

/// Runs `argo template`, `argo cluster-template` and what of `argo cron` is like them.
pub async fn run(kind: &Kind, action: &Action, connection: &Connection) -> Outcome {
    if let Action::Lint { files, lenient, output } = action {
        let files = Files::read(files)?;
        let known = Known::of(&files.manifests);
        return lint(files, &known, &[kind.kind.to_owned()], *lenient, *output, Look::of_stdout());
    }
    let session = connection.session().await?;
    match action {
        Action::Create(args) => write(kind, args, &session, true, false).await,
        Action::Apply(args) => write(kind, args, &session, true, true).await,
        Action::Update(args) => write(kind, args, &session, false, true).await,
        Action::List(args) => list(kind, args, &session).await,
        Action::Get { names, output } => {
            for name in names {
                show_one(kind, &session.get(kind, name).await?, *output)?;
            }
            Ok(())
        }
        Action::Delete { names, all } => delete(kind, names, *all, &session).await,
        Action::Lint { .. } => Ok(()),
    }
}

async fn write(kind: &Kind, args: &FileArgs, session: &Session, create: bool, change: bool) -> Outcome {
    let manifests = Files::read(&args.files)?.manifests(args.lenient)?;
    if let Some(other) = manifests.iter().find(|m| m.kind() != kind.kind) {
        return Err(Failure::new(
            Code::Manifest,
            format!("{}: {} {:?} is no {}", other.place("kind"), other.kind(), other.name(), kind.kind),
        ));
    }
    if manifests.is_empty() {
        return Err(Failure::new(Code::Manifest, format!("there is no {} in the files", kind.kind)));
    }
    for manifest in &manifests {
        let written = write_one(kind, manifest, session, create, change).await?;
        show_one(kind, &written, args.output)?;
    }
    Ok(())
}

async fn write_one(kind: &Kind, manifest: &Manifest, session: &Session, create: bool, change: bool) -> Outcome<Value> {
    let value = manifest.value()?;
    let namespace = if manifest.object().namespace().is_empty() { session.namespace.as_str() } else { manifest.object().namespace() };
    let name = manifest.name();
    let api = session.api_in(kind, namespace);
    if change {
        let existing = api.get_opt(name).await.map_err(|e| Failure::api(&format!("get {} {name:?}", kind.kind), &e))?;
        match existing {
            Some(existing) => {
                let mut object = crate::session::dynamic(&value)?;
                // The version that was read: if somebody else changes it meanwhile, that is not lost.
                object.metadata.resource_version = existing.metadata.resource_version;
                let replaced = api.replace(name, &kube::api::PostParams::default(), &object).await;
                return crate::session::read(replaced.map_err(|e| Failure::api(&format!("change {} {name:?}", kind.kind), &e))?);
            }
            None if !create => {
                return Err(
                    Failure::new(Code::Failed, format!("{} {name:?} does not exist", kind.kind)).hint("`create` or `apply` makes it")
                );
            }
            None => {}
        }
    }
    session.create(kind, namespace, &value, false).await
}

async fn list(kind: &Kind, args: &ListArgs, session: &Session) -> Outcome {
    let params = ListParams { label_selector: args.selector.clone(), ..ListParams::default() };
    let namespace = if args.all_namespaces { "" } else { session.namespace.as_str() };
    let mut objects: Vec<Value> = session.list(kind, namespace, &params).await?;
    objects.sort_by_key(|object| (text(object, "/metadata/namespace").to_owned(), text(object, "/metadata/name").to_owned()));
    if !args.output.is_text() && args.output != Output::Name {
        let list =
            json!({"apiVersion": argo_core::object::API_VERSION, "kind": format!("{}List", kind.kind), "metadata": {}, "items": objects});
        return print_text(&show::encode(&list, args.output)?.unwrap_or_default());
    }
    if args.output == Output::Name {
        return print(&objects.iter().map(|object| text(object, "/metadata/name").to_owned()).collect::<Vec<_>>());
    }
    if objects.is_empty() {
        return print(&[format!("No {} found", kind.plural)]);
    }
    let namespaces = args.all_namespaces && kind.namespaced;
    print(&table::lines(&rows(kind, &objects, namespaces, Timestamp::now())?, 3, session.look))
}

fn rows(kind: &Kind, objects: &[Value], namespaces: bool, now: Timestamp) -> Outcome<Vec<Vec<Cell>>> {
    let is_cron = *kind == crd::CRON_WORKFLOW;
    let mut header: Vec<Cell> = if namespaces { vec!["NAMESPACE".into()] } else { Vec::new() };
    header.push("NAME".into());
    header.push("AGE".into());
    if is_cron {
        header.extend(["LAST RUN", "NEXT RUN", "SCHEDULES", "TIMEZONE", "SUSPENDED"].map(Cell::from));
    }
    let mut rows = vec![header];
    for object in objects {
        let created = text(object, "/metadata/creationTimestamp").parse().ok().map(argo_core::meta::Time);
        let mut row: Vec<Cell> = if namespaces { vec![text(object, "/metadata/namespace").into()] } else { Vec::new() };
        row.push(text(object, "/metadata/name").into());
        row.push(time::seconds(created, None, now).map(time::short).unwrap_or_default().into());
        if is_cron {
            let cron: CronWorkflow = serde_json::from_value(object.clone())
                .map_err(|e| Failure::new(Code::Internal, format!("a cron workflow cannot be read: {e}")))?;
            row.push(time::seconds(cron.status.last_scheduled_time, None, now).map_or_else(|| "N/A".to_owned(), time::short).into());
            let next = next_run(&cron, now).map(|at| time::short(at.as_second().saturating_sub(now.as_second()).max(0)));
            row.push(next.unwrap_or_else(|| "N/A".to_owned()).into());
            row.push(cron.spec.schedules.join(",").into());
            row.push(cron.spec.timezone.as_str().into());
            row.push((cron.spec.suspend == Some(true)).to_string().into());
        }
        rows.push(row);
    }
    Ok(rows)
}

/// When a cron workflow starts the next one.
fn next_run(cron: &CronWorkflow, now: Timestamp) -> Option<Timestamp> {
    if cron.spec.suspend == Some(true) || cron.status.phase == "Stopped" {
        return None;
    }
    let zone = if cron.spec.timezone.is_empty() { String::new() } else { format!("CRON_TZ={} ", cron.spec.timezone) };
    let now = now.to_zoned(jiff::tz::TimeZone::UTC);
    let next = |spec: &String| Schedule::parse(&format!("{zone}{spec}")).ok()?.next(&now).ok()?.map(|at| at.timestamp());
    cron.spec.schedules.iter().filter_map(next).min()
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn show_one(kind: &Kind, object: &Value, output: Output) -> Outcome {
    if let Some(text) = show::encode(object, output)? {
        return print_text(&text);
    }
    if output == Output::Name {
        return print(&[text(object, "/metadata/name").to_owned()]);
    }
    let now = Timestamp::now();
    let line = |name: &str, value: &str| format!("{name:<20} {value}").trim_end().to_owned();
    let mut lines = vec![line("Name:", text(object, "/metadata/name"))];
    if kind.namespaced {
        lines.push(line("Namespace:", text(object, "/metadata/namespace")));
    }
    if let Ok(created) = text(object, "/metadata/creationTimestamp").parse() {
        lines.push(line("Created:", &time::ago(argo_core::meta::Time(created), now)));
    }
    if *kind == crd::CRON_WORKFLOW {
        let list = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_array).map(|l| l.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
        };
        lines.push(line("Schedules:", &list("/spec/schedules").unwrap_or_default()));
        lines.push(line("Suspended:", if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) { "true" } else { "false" }));
        let others = [
            ("Timezone:", "/spec/timezone"),
            ("StartingDeadlineSeconds:", "/spec/startingDeadlineSeconds"),
            ("ConcurrencyPolicy:", "/spec/concurrencyPolicy"),
            ("LastScheduledTime:", "/status/lastScheduledTime"),
        ];
        for (name, pointer) in others {
            match object.pointer(pointer) {
                Some(Value::String(value)) => lines.push(line(name, value)),
                Some(Value::Null) | None => {}
                Some(value) => lines.push(line(name, &value.to_string())),
            }
        }
    }
    print(&lines)
}

async fn delete(kind: &Kind, names: &[String], all: bool, session: &Session) -> Outcome {
    let mut names = names.to_vec();
    if all {
        let objects: Vec<Value> = session.list(kind, &session.namespace, &ListParams::default()).await?;
        names = objects.iter().map(|object| text(object, "/metadata/name").to_owned()).collect();
    }
    let api = session.api(kind);
    for name in names {
        api.delete(&name, &DeleteParams::default()).await.map_err(|e| Failure::api(&format!("delete {} {name:?}", kind.kind), &e))?;
        print(&[format!("{} '{name}' deleted", kind.kind)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use argo_kube::crd;
    use jiff::Timestamp;
    use serde_json::json;

    use super::rows;
    use crate::show::{Look, table};

    #[test]
    fn cron_workflows_show_their_schedules() {
        let objects = [json!({"metadata": {"name": "c", "namespace": "n", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"schedules": ["30 2 * * *", "0 1 * * *"]}, "status": {"lastScheduledTime": "1970-01-01T00:01:00Z"}})];
        let now = Timestamp::from_second(120).unwrap();
        let lines = table::lines(&rows(&crd::CRON_WORKFLOW, &objects, true, now).unwrap(), 3, Look::default());
        assert_eq!(lines[1], "n           c      2m    1m         58m        30 2 * * *,0 1 * * *              false");
        let lines = table::lines(&rows(&crd::WORKFLOW_TEMPLATE, &objects, false, now).unwrap(), 3, Look::default());
        assert_eq!(lines, ["NAME   AGE", "c      2m"]);
    }
}
