//! What an image name means on a node that pulls no images: the host's programs, a folder, or one program.

use std::path::PathBuf;

/// What stands for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The programs of the host.
    Host,
    /// A folder that holds a root file system.
    Folder(PathBuf),
    /// A program of the host with its first arguments, as the image's entrypoint.
    Command(Vec<String>),
}

/// Images and what stands for them: names or patterns with `*`; the first that fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images(Vec<(String, Program)>);

/// What is run for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) root: Option<PathBuf>,
    pub(crate) argv: Vec<String>,
}

/// Why a container cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageError {
    #[error(
        "image {0:?}: the container has no command, and images are not pulled here, so their entrypoints are unknown: give the container a command, or say what the image stands for with `--image {0}=FOLDER|PROGRAM`"
    )]
    NoCommand(String),
}

/// Entrypoint and command of images that are well known, as their makers set them; programs of the node's own where the host has none.
const KNOWN: [(&str, &[&str], &[&str]); 14] = [
    ("hello-world", &[], &["hello-world"]),
    ("argoproj/argosay", &["/argosay"], &["echo", "hello argo"]),
    ("docker/whalesay", &[], &["bash"]),
    ("alpine", &[], &["sh"]),
    ("busybox", &[], &["sh"]),
    ("debian", &[], &["bash"]),
    ("ubuntu", &[], &["bash"]),
    ("bash", &["bash"], &[]),
    ("python", &[], &["python3"]),
    ("node", &[], &["node"]),
    ("golang", &[], &["bash"]),
    ("perl", &[], &["perl"]),
    ("ruby", &[], &["irb"]),
    ("alpine/git", &["git"], &["--help"]),
];

/// Repository of an image reference without registry defaults, tag and digest: `docker.io/library/alpine:3@sha256:…` is `alpine`.
pub(crate) fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let name = name.strip_prefix("docker.io/").or_else(|| name.strip_prefix("index.docker.io/")).unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

/// Matches `*` against any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    places.any(|at| text.get(at..).is_some_and(|text| fits(rest, text)))
}

impl Images {
    /// Says what stands for an image: a name with or without its tag, or a pattern with `*`. What was said first counts.
    pub fn map(&mut self, image: impl Into<String>, program: Program) {
        self.0.push((image.into(), program));
    }

    /// What was said of an image.
    #[must_use]
    pub fn find(&self, image: &str) -> Option<&Program> {
        let names = [image, repository(image)];
        self.0.iter().find(|(pattern, _)| names.iter().any(|name| fits(pattern, name))).map(|(_, program)| program)
    }

    /// What to run for a container: as Kubernetes combines an image's entrypoint and command with the container's `command` and `args`.
    pub(crate) fn resolve(&self, image: &str, command: &[String], args: &[String]) -> Result<Resolved, ImageError> {
        let program = self.find(image);
        let root = match program {
            Some(Program::Folder(folder)) => Some(folder.clone()),
            _ => None,
        };
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (entrypoint, default) = match program {
            Some(Program::Command(words)) => (words.clone(), Vec::new()),
            Some(Program::Folder(_)) => (Vec::new(), Vec::new()),
            _ => KNOWN
                .iter()
                .find(|(name, ..)| *name == repository(image))
                .map(|(_, entrypoint, default)| (owned(entrypoint), owned(default)))
                .unwrap_or_default(),
        };
        let argv = match (command.is_empty(), args.is_empty()) {
            (false, _) => [command, args].concat(),
            (true, false) if matches!(program, Some(Program::Command(_))) || is_known(image) => [entrypoint.as_slice(), args].concat(),
            // Without an entrypoint the arguments are the command; whether this image has one is unknown.
            (true, false) => Vec::new(),
            (true, true) => [entrypoint, default].concat(),
        };
        if argv.is_empty() { Err(ImageError::NoCommand(image.to_owned())) } else { Ok(Resolved { root, argv }) }
    }
}

fn is_known(image: &str) -> bool {
    KNOWN.iter().any(|(name, ..)| *name == repository(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn repositories() {
        for (image, name) in [
            ("alpine", "alpine"),
            ("alpine:3.18", "alpine"),
            ("docker.io/library/alpine:latest", "alpine"),
            ("quay.io/org/app:v1", "quay.io/org/app"),
            ("localhost:5000/app", "localhost:5000/app"),
            ("app@sha256:00ff", "app"),
        ] {
            assert_eq!(repository(image), name);
        }
    }

    #[test]
    fn commands() {
        let mut images = Images::default();
        images.map("tool*", Program::Command(words("/bin/tool --fast")));
        images.map("rooted:1", Program::Folder(PathBuf::from("/srv/root")));
        let argv = |image: &str, command: &str, args: &str| {
            images.resolve(image, &words(command), &words(args)).map(|resolved| resolved.argv.join(" ")).map_err(|error| error.to_string())
        };
        assert_eq!(argv("any", "sh -c", "ls").unwrap(), "sh -c ls");
        assert_eq!(argv("tools:2", "", "x").unwrap(), "/bin/tool --fast x");
        assert_eq!(argv("argoproj/argosay:v2", "", "echo hi").unwrap(), "/argosay echo hi");
        assert_eq!(argv("argoproj/argosay:v2", "", "").unwrap(), "/argosay echo hello argo");
        assert_eq!(argv("alpine:3", "", "ls -l").unwrap(), "ls -l");
        assert_eq!(images.resolve("rooted:1", &words("sh"), &[]).unwrap().root, Some(PathBuf::from("/srv/root")));
        assert!(argv("nginx:1", "", "").unwrap_err().contains("--image nginx:1=FOLDER|PROGRAM"));
    }
}
