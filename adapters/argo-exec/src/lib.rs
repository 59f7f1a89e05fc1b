//! The executor inside a workflow pod: inputs in, command run, outputs out.
//!
//! A workflow pod holds three kinds of containers, and all of them run this program:
//!
//! | subcommand | container | what it does |
//! |---|---|---|
//! | `init` | `init` | stages the executor itself, the template, the script and the input artifacts |
//! | `emissary … -- command args` | `main`, sidecars | runs the command, passes signals on, keeps its output and copies output files out of the container |
//! | `wait` | `wait` | waits for the main containers, stops sidecars, saves artifacts and reports a `WorkflowTaskResult` |
//! | `resource ACTION` | `main` of resource templates | works on one Kubernetes object and waits for its condition |
//! | `data JSON` | `main` of data templates | lists artifacts and transforms the list |
//! | `agent main` | `main` of the agent's pod | makes the requests of HTTP templates |
//! | `artifact delete` | `main` of artifact collection pods | deletes artifacts and says which |
//! | `kill SIGNAL PID` | any | sends a signal |
//!
//! The subcommands, files and environment variables are upstream's, so that pods of either controller run with either executor.
//! Paths come from one struct, [`Paths`], and what the pod says about itself from another, [`Settings`]:
//!
//! ```
//! use argo_exec::Paths;
//!
//! let paths = Paths::from_lookup(&|name: &str| (name == "ARGO_VAR_RUN").then(|| "/scratch/run".to_owned()));
//! assert_eq!(paths.exit_code_file("main"), std::path::Path::new("/scratch/run/ctr/main/exitcode"));
//! assert_eq!(paths.output_parameter("/tmp/out.txt"), std::path::Path::new("/scratch/run/outputs/parameters/tmp/out.txt"));
//! ```

#[cfg(feature = "http")]
pub mod agent;
mod api_error;
pub mod archive;
pub mod artifact;
mod cli;
mod data;
pub mod emissary;
pub mod init;
mod paths;
mod resident;
pub mod resource;
mod settings;
mod stop;
pub mod template;
pub mod wait;
mod watch;

pub use api_error::ApiError;
pub use cli::{emissary_in_place, main};
pub use paths::Paths;
pub use resident::Resident;
pub use settings::{Settings, SettingsError, parse_duration};
pub use stop::Stop;
