//! Running files of cases and counting.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::known::Known;
use crate::{CaseFile, Outcome, adapters, run_case};

/// Stack of a worker, in bytes.
const STACK: usize = 256 << 20;

/// One case that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Case id.
    pub id: String,
    /// What differs.
    pub message: String,
}

/// The figures of one file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FileReport {
    /// `folder/file`.
    pub file: String,
    /// Number of cases.
    pub cases: usize,
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were not asked.
    pub skipped: usize,
    /// What failed.
    pub failures: Vec<Failure>,
}

impl FileReport {
    /// Passed of all that were asked, in percent; none asked is nothing shown.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let asked = self.passed.saturating_add(self.failed);
        #[allow(clippy::cast_precision_loss)]
        (asked > 0).then(|| self.passed as f64 * 100.0 / asked as f64)
    }
}

/// Whether a full case name is asked for: no filter, or one that it contains.
#[must_use]
pub fn wanted(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str()))
}

/// Runs the cases of a file that the filters let through. With `known`, a case listed there counts as skipped when it fails.
#[must_use]
pub fn run_file(file: &CaseFile, filters: &[String], known: Option<&Known>) -> FileReport {
    let mut report = FileReport { file: file.name.clone(), ..FileReport::default() };
    let cases: Vec<_> = file.cases.iter().filter(|c| wanted(&format!("{}/{}", file.name, c.id), filters)).collect();
    report.cases = cases.len();
    let Some(adapter) = adapters::find(&file.name) else {
        report.skipped = cases.len();
        return report;
    };
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let workers = if adapters::serial(&file.name) { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let worker = || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let outcome = run_case(adapter, &file.name, case, &file.ctx);
                    if let Ok(mut all) = outcomes.lock() {
                        all.push((index, outcome));
                    }
                }
            };
            // Deep recursion is among the cases.
            if std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_default();
    outcomes.sort_by_key(|(index, _)| *index);
    for ((_, outcome), case) in outcomes.into_iter().zip(&cases) {
        match outcome {
            Outcome::Pass => report.passed = report.passed.saturating_add(1),
            Outcome::Skip(_) => report.skipped = report.skipped.saturating_add(1),
            Outcome::Fail(_) if known.is_some_and(|k| k.reason(&format!("{}/{}", file.name, case.id)).is_some()) => {
                report.skipped = report.skipped.saturating_add(1);
            }
            Outcome::Fail(message) => {
                report.failed = report.failed.saturating_add(1);
                report.failures.push(Failure { id: case.id.clone(), message });
            }
        }
    }
    report
}

/// What fails as groups of `known.toml`: a case keeps the reason it has there, the others get a place-holder to be replaced by hand.
#[must_use]
pub fn known_toml(reports: &[FileReport], known: &Known) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for report in reports {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for failure in &report.failures {
            let reason = known.reason(&format!("{}/{}", report.file, failure.id)).unwrap_or("does not pass yet");
            groups.entry(reason).or_default().push(&failure.id);
        }
        for (reason, ids) in groups {
            let text = |s: &str| toml::Value::from(s).to_string();
            let _ = writeln!(out, "[[known]]\nfile = {}\nreason = {}\nids = [", text(&report.file), text(reason));
            for id in ids {
                let _ = writeln!(out, "    {},", text(id));
            }
            out.push_str("]\n\n");
        }
    }
    out
}

/// The table for people.
#[must_use]
pub fn table(reports: &[FileReport]) -> String {
    use std::fmt::Write;
    let width = reports.iter().map(|r| r.file.len()).max().unwrap_or(4).max(4);
    let mut out = String::new();
    let _ = writeln!(out, "{:width$}  {:>6} {:>6} {:>6} {:>7} {:>6}", "FILE", "CASES", "PASSED", "FAILED", "SKIPPED", "%");
    for r in reports {
        let percent = r.percent().map_or_else(|| "-".to_owned(), |p| format!("{p:.1}"));
        let _ = writeln!(out, "{:width$}  {:>6} {:>6} {:>6} {:>7} {:>6}", r.file, r.cases, r.passed, r.failed, r.skipped, percent);
    }
    out
}
