//! One named test for each case: `cargo test -p argo-conformance --test conformance FILTER`.
#![allow(missing_docs)]

use std::process::ExitCode;
use std::sync::Arc;

use argo_conformance::known::Known;
use argo_conformance::{Outcome, adapters, cases, run_case};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.test_threads.is_none() {
        arguments.test_threads = std::thread::available_parallelism().ok().map(usize::from);
    }
    let (known, files) = match (Known::load(), cases::load(&cases::roots())) {
        (Ok(known), Ok(files)) => (Arc::new(known), files),
        (Err(error), _) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
        (_, Err(error)) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut trials = Vec::new();
    let mut stale: Vec<String> =
        known.names().filter(|name| std::env::var_os(cases::DATA_VARIABLE).is_some() && !name.is_empty()).map(str::to_owned).collect();
    for file in files {
        let adapter = adapters::find(&file.name);
        let file_name: Arc<str> = file.name.as_str().into();
        for case in file.cases {
            let name = format!("{file_name}/{}", case.id);
            stale.retain(|known| *known != name);
            let Some(adapter) = adapter else {
                trials.push(Trial::test(name, || Ok(())).with_ignored_flag(true));
                continue;
            };
            let (known, ctx, file_name, full) = (known.clone(), file.ctx.clone(), file_name.clone(), name.clone());
            trials.push(Trial::test(name, move || judge(&run_case(adapter, &file_name, &case, &ctx), known.reason(&full))));
        }
    }
    trials.push(Trial::test("known.toml names only cases that exist", move || {
        if stale.is_empty() { Ok(()) } else { Err(Failed::from(format!("no such case: {}", stale.join(", ")))) }
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn judge(outcome: &Outcome, known: Option<&str>) -> Result<(), Failed> {
    match (outcome, known) {
        (Outcome::Fail(_), Some(_)) | (Outcome::Pass, None) | (Outcome::Skip(_), _) => Ok(()),
        (Outcome::Pass, Some(reason)) => Err(Failed::from(format!("passes now, take it off known.toml (it says: {reason})"))),
        (Outcome::Fail(message), None) => Err(Failed::from(message.clone())),
    }
}
