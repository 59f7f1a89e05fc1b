//! `argo up` for a test. Each test program uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A control plane that runs until this is dropped.
pub(crate) struct Up {
    process: Child,
    /// The path that it printed.
    kubeconfig: String,
    /// Kept open: a program whose output nobody takes ends.
    _output: std::io::Lines<BufReader<ChildStdout>>,
}

impl Up {
    /// Starts one and waits until it says where its kubeconfig is; `add` gives the command what the test needs.
    pub(crate) fn start(add: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argo"));
        command.arg("up").env_remove("KUBECONFIG").stdout(Stdio::piped()).stderr(Stdio::null());
        add(&mut command);
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let kubeconfig = output.find_map(|line| line.unwrap().strip_prefix("kubeconfig: ").map(str::to_owned)).unwrap();
        Self { process, kubeconfig, _output: output }
    }

    /// Runs a command against it; all it said.
    pub(crate) fn argo(&self, home: &Path, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argo"));
        let output = command.args(args).env("KUBECONFIG", &self.kubeconfig).env("HOME", home).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.kill();
    }
}
