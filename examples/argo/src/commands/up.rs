//! `argo up`: the embedded control plane, until Ctrl-C.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::embedded::{Embedded, Options};
use crate::failure::Outcome;
use crate::session::well_known_kubeconfig;

/// Start the embedded control plane and stay until Ctrl-C.
///
/// It listens on 127.0.0.1 only, with TLS; whoever can read the kubeconfig it writes (mode 0600) may use it. The steps of workflows are processes of
/// this machine, run as the user who started it.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Keep state in this folder: it survives a restart, even a kill [default: in memory].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port [default: a free one].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// What an image stands for here: `NAME=PROGRAM` or `NAME=FOLDER` with a root file system.
    #[arg(long = "image", value_name = "NAME=PROGRAM")]
    images: Vec<String>,
    /// Where to write the kubeconfig [default: where `argo` looks for it].
    #[arg(long, value_name = "FILE")]
    write_kubeconfig: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(args: &UpArgs) -> Outcome {
    let embedded = Embedded::start(&Options { data: args.data.clone(), port: args.port, images: args.images.clone() }).await?;
    let well_known = args.write_kubeconfig.is_none();
    let path = args.write_kubeconfig.clone().unwrap_or_else(well_known_kubeconfig);
    embedded.write_kubeconfig(&path)?;
    let state = args.data.as_ref().map_or_else(|| "in memory".to_owned(), |data| format!("in {}", data.display()));
    let shown = path.display();
    let use_it = if well_known { "argo submit --watch FILE" } else { "argo --kubeconfig FILE submit --watch FILE" };
    print(&[
        format!("argo is up at {}, state {state}", embedded.address()),
        format!("kubeconfig: {shown}"),
        String::new(),
        format!("  {use_it}"),
        format!("  kubectl --kubeconfig {shown} get workflows --watch"),
        String::new(),
        "Ctrl-C stops it.".to_owned(),
    ])?;
    tokio::signal::ctrl_c().await?;
    if well_known {
        // Another `argo up` may have written its own since: that one stays.
        let _ = std::fs::read_to_string(&path)
            .map(|text| if text.contains(&embedded.address()) { std::fs::remove_file(&path) } else { Ok(()) });
    }
    embedded.shutdown().await
}
