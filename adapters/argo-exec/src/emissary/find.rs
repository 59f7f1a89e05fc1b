//! Finding a command.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Why there is no such command.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FindError {
    /// No command was given.
    #[error("no command: the container needs a `command`, as its image has no known entrypoint")]
    Empty,
    /// It is in no folder of `PATH`.
    #[error("failed to find {command:?} in PATH ({path}): is it installed where this container runs?")]
    NotInPath {
        /// The command.
        command: OsString,
        /// `PATH`.
        path: String,
    },
    /// The file it names does not exist.
    #[error("command {0:?} does not exist: is it installed where this container runs?")]
    NoFile(PathBuf),
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The file of a command: what it names if it holds a `/`, else the first program of that name in `path`.
///
/// `argoexec` is the executor staged by `init` where the container has none of its own.
///
/// # Errors
/// There is none.
pub fn find_command(command: &OsStr, path: Option<&OsStr>, executor: &Path) -> Result<PathBuf, FindError> {
    if command.is_empty() {
        return Err(FindError::Empty);
    }
    if command.as_encoded_bytes().contains(&b'/') {
        let file = PathBuf::from(command);
        return if file.exists() { Ok(file) } else { Err(FindError::NoFile(file)) };
    }
    let path = path.unwrap_or(OsStr::new("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    let found = std::env::split_paths(path).map(|folder| folder.join(command)).find(|file| is_program(file));
    found
        .or_else(|| (command == "argoexec" && is_program(executor)).then(|| executor.to_owned()))
        .ok_or_else(|| FindError::NotInPath { command: command.to_owned(), path: path.to_string_lossy().into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(command: &str, path: &str) -> Result<PathBuf, FindError> {
        find_command(OsStr::new(command), Some(OsStr::new(path)), Path::new("/bin/true"))
    }

    #[test]
    fn by_path_and_by_name() {
        assert_eq!(find("sh", "/nowhere:/bin").unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("/bin/sh", "").unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("argoexec", "/nowhere").unwrap(), Path::new("/bin/true"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = find("no-such-thing", "/bin").unwrap_err().to_string();
        assert!(error.contains("\"no-such-thing\" in PATH (/bin)"), "{error}");
        assert_eq!(find("/no/such", "/bin"), Err(FindError::NoFile("/no/such".into())));
        assert_eq!(find("", "/bin"), Err(FindError::Empty));
    }
}
