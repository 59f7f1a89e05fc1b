//! The part of the node that runs in processes of its own: this program, started again.
//!
//! A container is two of them. `supervise` stays outside: it keeps the log, passes signals on, and writes down when the command started and
//! how it ended, so that both are known after the node was killed. `init` is the first process of the container's own pid namespace: it
//! builds the file system, runs the command, and reaps; when it ends the kernel ends everything else in there.

pub(crate) mod builtins;
#[cfg(target_os = "linux")]
mod exec;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod mounts;
mod process;
mod signals;
pub(crate) mod supervise;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// See [`shim`].
pub type InPlace = dyn Fn(&[String], &[(String, String)]) -> Option<Box<dyn FnOnce() -> u8>>;

/// Exit code of a container whose command could not be started, as container runtimes say.
pub(crate) const CANNOT_START: i32 = 128;

/// Runs one of the node's own programs. A binary that holds a node calls this first thing in `main`, before any thread exists, when its
/// first argument is `__node`, with what follows that argument.
///
/// `in_place` runs the executor without starting a program for it: it is given arguments, the program's name first, and the whole environment, as the
/// container's first process; what it returns is called there and gives the exit code. It returns none for what has to be a program.
///
/// ```no_run
/// # use std::process::ExitCode;
/// fn main() -> ExitCode {
///     let mut arguments = std::env::args_os().skip(1);
///     if arguments.next().is_some_and(|first| first == "__node") {
///         return argo_local::node::shim(arguments, &|_, _| None);
///     }
///     ExitCode::SUCCESS
/// }
/// ```
pub fn shim(args: impl IntoIterator<Item = OsString>, in_place: &InPlace) -> ExitCode {
    let mut args = args.into_iter();
    let verb = args.next().unwrap_or_default();
    let rest: Vec<OsString> = args.collect();
    match (verb.to_str().unwrap_or_default(), rest.first()) {
        ("supervise", Some(dir)) => supervise::main(PathBuf::from(dir)),
        #[cfg(target_os = "linux")]
        ("init", Some(dir)) => init::main(PathBuf::from(dir), in_place),
        #[cfg(target_os = "linux")]
        ("exec", Some(dir)) => exec::main(PathBuf::from(dir), rest.get(1..).unwrap_or_default()),
        (name, _) => {
            let rest: Vec<String> = rest.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            builtins::run(name, &rest).unwrap_or_else(|| {
                eprintln!("{name:?} is not a part of the node: this way of starting the program is for its own use");
                ExitCode::from(64)
            })
        }
    }
}
