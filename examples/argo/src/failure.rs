//! What goes wrong, in one line with a hint, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

/// Exit codes; `argo run --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A workflow failed, a manifest has lint errors, or what was asked makes no sense now.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A manifest is wrong.
    Manifest = 65,
    /// A file that is not there or cannot be read.
    NoInput = 66,
    /// The API cannot be reached, or refused.
    Unavailable = 69,
    /// A fault of this program.
    Internal = 70,
    /// The data folder or the port cannot be used.
    CannotStart = 73,
    /// Output cannot be written.
    Output = 74,
    /// The time that `--timeout` allows is over.
    Timeout = 124,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Why a command ends without having done what was asked.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    message: String,
    hint: String,
}

impl Failure {
    /// A failure with its sentence: what, and where.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: String::new() }
    }

    /// A failure that has been told already: only the exit code is left to say.
    pub fn told(code: Code) -> Self {
        Self::new(code, "")
    }

    /// With what could be done about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Its exit code.
    #[cfg(test)]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Tells the user, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("error: {self}");
        }
        ExitCode::from(self.code as u8)
    }

    /// An API error while `doing` something.
    pub fn api(doing: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 404 => Self::new(Code::Failed, format!("{doing}: {}", status.message)),
            kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists" => {
                Self::new(Code::Failed, format!("{doing}: {}", status.message))
                    .hint("give another name with --name, or a prefix with --generate-name")
            }
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
                Self::new(Code::Unavailable, format!("{doing}: {}", status.message)).hint("the kubeconfig's user may not do this")
            }
            kube::Error::Api(status) => Self::new(Code::Unavailable, format!("{doing}: {}", status.message)),
            other => Self::new(Code::Unavailable, format!("{doing}: {}", innermost(other)))
                .hint("is the API running? `argo up` starts one here; --context and --kubeconfig name another"),
        }
    }
}

/// The last of a chain of causes: kube's own layers say nothing that helps.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // Whoever read our output has had enough: that is no fault.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::told(Code::Output);
        }
        Self::new(Code::Output, format!("the output cannot be written: {error}"))
    }
}

impl From<argo_dag::ops::PatchError> for Failure {
    fn from(error: argo_dag::ops::PatchError) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}

macro_rules! refused {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Code::Failed, error.to_string())
            }
        })*
    };
}
refused!(argo_dag::ops::control::ControlError, argo_dag::ops::retry::RetryError, argo_dag::ops::resubmit::ResubmitError);

impl From<argo_dag::ops::submit::SubmitError> for Failure {
    fn from(error: argo_dag::ops::submit::SubmitError) -> Self {
        Self::new(Code::Usage, error.to_string())
    }
}

/// How commands end.
pub type Outcome<T = ()> = Result<T, Failure>;
