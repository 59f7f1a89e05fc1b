//! The node with real processes. This binary is also the node's own shim, and the victim of the tests that kill it, so its `main` is its own.

// What the compiler's harness would allow its tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crash;
mod pods;
mod workloads;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A test of an async function.
macro_rules! trials {
    ($($module:ident::$name:ident),* $(,)?) => {
        vec![$(Trial::test(concat!(stringify!($module), "::", stringify!($name)), || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on($module::$name());
            Ok(())
        })),*]
    };
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_ref().and_then(|first| first.to_str()) {
        Some("__node") => return argo_local::node::shim(arguments, &|_, _| None),
        Some("__victim") => return crash::victim(arguments),
        _ => {}
    }
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let mut tests = trials![
        pods::isolated,
        pods::plain,
        pods::exit_codes,
        pods::environment,
        pods::volumes,
        pods::late_config,
        pods::order,
        pods::sidecar,
        pods::restart,
        pods::deleted_with_grace,
        pods::killed_after_grace,
        pods::finalizer,
        pods::deadline,
        pods::last_words,
        pods::logs,
        pods::probes,
        pods::credentials,
        pods::images,
        pods::shutdown_leaves_nothing,
        crash::every_step_once,
        crash::nothing_outlives_a_one_shot_node,
        workloads::deployment,
        workloads::job,
        workloads::stateful_set,
        workloads::service,
    ];
    if !cfg!(target_os = "linux") {
        tests.retain(|test| test.name() == "pods::plain");
    }
    let mut options = Arguments::from_args();
    // Each test starts processes of its own: more at once only make all slow.
    options.test_threads = options.test_threads.or(Some(2));
    libtest_mimic::run(&options, tests).exit_code()
}
