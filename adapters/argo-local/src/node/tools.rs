//! The folder of programs that the node adds to every container: the executor, and small programs of well-known images.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::container::visible_tools;
use super::shim::builtins;
use super::spec::Sandbox;

/// Where it is in a container that has a file system of its own.
pub(crate) const WHERE: &str = "/run/.argo-local";
/// Name of the node's own program there; nothing that a user may mean.
pub(crate) const PROGRAM: &str = ".argo-node";

pub(crate) struct Tools {
    /// On the host.
    pub(crate) folder: PathBuf,
    /// In containers.
    pub(crate) visible: PathBuf,
    /// Programs of the host that are to appear in the folder in containers.
    pub(crate) programs: Vec<(String, PathBuf)>,
    /// The executor's program, as containers see it, and its first arguments.
    pub(crate) executor: Option<PathBuf>,
    pub(crate) executor_args: Vec<String>,
}

/// A word for a shell script.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn script(path: &Path, program: &Path, args: &[String]) -> io::Result<()> {
    let args: Vec<String> = args.iter().map(|word| quoted(word)).collect();
    fs::write(path, format!("#!/bin/sh\nexec {} {} \"$@\"\n", quoted(&program.display().to_string()), args.join(" ")))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

impl Tools {
    /// Writes the folder.
    ///
    /// # Errors
    /// It cannot be written, or a program does not exist.
    pub(crate) fn new(folder: &Path, sandbox: Sandbox, shim: &[OsString], executor: &[OsString]) -> io::Result<Self> {
        let plain = sandbox == Sandbox::Plain;
        fs::create_dir_all(folder)?;
        let visible = visible_tools(sandbox, folder);
        let text = |words: &[OsString]| words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
        let mut programs = Vec::new();
        let mut provide = |name: &str, program: &OsString| {
            let real = fs::canonicalize(program)?;
            let path = folder.join(name);
            drop(fs::remove_file(&path));
            if plain {
                std::os::unix::fs::symlink(&real, &path)?;
            } else {
                // Only a place for the mount.
                fs::write(&path, "")?;
                programs.push((name.to_owned(), real));
            }
            Ok::<_, io::Error>(visible.join(name))
        };
        if let Some((program, args)) = shim.split_first() {
            let node = provide(PROGRAM, program)?;
            for name in builtins::NAMES {
                script(&folder.join(name), &node, &[text(args), vec![name.to_owned()]].concat())?;
            }
        }
        let (mut executor_path, mut executor_args) = (None, Vec::new());
        if let Some((program, args)) = executor.split_first() {
            if args.is_empty() {
                executor_path = Some(provide("argoexec", program)?);
            } else {
                let path = provide("executor", program)?;
                executor_args = text(args);
                script(&folder.join("argoexec"), &path, &executor_args)?;
                executor_path = Some(path);
            }
        }
        Ok(Self { folder: fs::canonicalize(folder)?, visible, programs, executor: executor_path, executor_args })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_pass_words_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tool");
        script(&path, Path::new("/bin/echo"), &["it's".to_owned(), "a b".to_owned()]).unwrap();
        let out = std::process::Command::new("sh").arg(&path).arg("$c").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "it's a b $c\n");
    }
}
