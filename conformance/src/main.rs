//! `argo-conformance report [--all] [--json] [--failures] [--known] [FILTER…]`: how much of the conformance data passes.

use std::process::ExitCode;

use argo_conformance::known::Known;
use argo_conformance::{cases, report};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Conformance of Argo in Rust, case by case")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the cases and print the figures of each file.
    Report {
        /// Ignore known.toml: what it lists counts as failed.
        #[arg(long)]
        all: bool,
        /// One JSON line a file.
        #[arg(long)]
        json: bool,
        /// Also print what failed, a line each.
        #[arg(long)]
        failures: bool,
        /// Print what fails in the form of known.toml, keeping the reasons that stand there.
        #[arg(long, conflicts_with_all = ["json", "failures"])]
        known: bool,
        /// Only cases whose name `folder/file/id` contains one of these.
        filters: Vec<String>,
    },
}

fn main() -> ExitCode {
    let Command::Report { all, json, failures, known: as_known, filters } = Cli::parse().command;
    let files = match cases::load(&cases::roots()) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let known = match Known::load() {
        Ok(known) => known,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    std::panic::set_hook(Box::new(|_| {}));
    let mut reports = Vec::new();
    for file in &files {
        let one = report::run_file(file, &filters, (!all && !as_known).then_some(&known));
        if one.cases == 0 {
            continue;
        }
        if json {
            match serde_json::to_string(&one) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("error: {error}"),
            }
        } else if failures {
            for failure in &one.failures {
                println!("{}/{}: {}", one.file, failure.id, failure.message);
            }
        }
        reports.push(one);
    }
    if as_known {
        print!("{}", report::known_toml(&reports, &known));
    } else if !json {
        print!("{}", report::table(&reports));
    }
    ExitCode::SUCCESS
}
