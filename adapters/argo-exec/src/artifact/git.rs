//! Git repositories, read.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use argo_core::workflows::GitArtifact;
use async_trait::async_trait;
use gix::bstr::ByteSlice;
use gix::progress::Discard;

use super::{ArtifactStore, Location, StoreError, secret};
use crate::Paths;

/// Clones with gix; nothing can be kept in a repository.
pub struct GitStore {
    paths: Paths,
}

/// Submodules of submodules are followed this deep.
const MAX_DEPTH: u32 = 8;

/// Nothing interrupts a clone but the end of the process.
static NEVER: AtomicBool = AtomicBool::new(false);

struct Clone {
    git: GitArtifact,
    account: Option<(String, String)>,
}

impl GitStore {
    /// A store that takes its secrets from where they are mounted.
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self { paths }
    }

    fn clone_of(&self, git: &GitArtifact) -> Result<Clone, StoreError> {
        if git.ssh_private_key_secret.is_some() {
            return Err(StoreError::Unsupported("git over SSH with sshPrivateKeySecret".to_owned()));
        }
        if git.insecure_skip_tls {
            return Err(StoreError::Unsupported("git with insecureSkipTLS".to_owned()));
        }
        let value =
            |selector: &Option<_>| selector.as_ref().map(|s| secret(&self.paths, s).map(|text| text.trim_end().to_owned())).transpose();
        let account = match (value(&git.username_secret)?, value(&git.password_secret)?) {
            (None, None) => None,
            (user, password) => Some((user.unwrap_or_default(), password.unwrap_or_default())),
        };
        Ok(Clone { git: git.clone(), account })
    }
}

fn read_only(location: &Location) -> StoreError {
    StoreError::Location { location: location.to_string(), reason: "git artifacts can only be read".to_owned() }
}

/// What is fetched and checked out.
enum Wanted<'a> {
    /// All branches and tags; the remote's HEAD or this branch.
    All(Option<&'a str>),
    /// One revision only, by its full name.
    Only(String),
}

/// The host of a URL, if it has one.
fn host(url: &str) -> Option<String> {
    gix::url::parse(url.as_bytes().as_bstr()).ok()?.host().map(str::to_owned)
}

/// A submodule's URL, which may be relative to its parent's.
fn resolved(url: &str, parent: &str) -> String {
    if !url.starts_with("./") && !url.starts_with("../") {
        return url.to_owned();
    }
    let mut base: Vec<&str> = parent.trim_end_matches('/').split('/').collect();
    for part in url.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(base.pop()),
            name => base.push(name),
        }
    }
    base.join("/")
}

impl Clone {
    fn run_with_submodules(&self, to: &Path, depth: u32) -> Result<(), StoreError> {
        self.run(to)?;
        if self.git.disable_submodules || !to.join(".gitmodules").exists() {
            return Ok(());
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(StoreError::Remote {
                location: format!("git {}", self.git.repo),
                reason: "its submodules nest too deeply".to_owned(),
            });
        };
        for (url, path, revision) in self.submodules(to).map_err(|e| self.failed(&e))? {
            let repo = resolved(&url, &self.git.repo);
            // A password is for the host it was given for.
            let account = self.account.clone().filter(|_| host(&repo) == host(&self.git.repo));
            let module = Clone { git: GitArtifact { repo, revision, ..GitArtifact::default() }, account };
            module.run_with_submodules(&crate::paths::below(to, &path), depth)?;
        }
        Ok(())
    }

    /// URL, path and commit of each submodule.
    fn submodules(&self, at: &Path) -> Result<Vec<(String, String, String)>, gix::Error> {
        let repo = gix::open(at)?;
        let mut found = Vec::new();
        for module in repo.submodules()?.into_iter().flatten() {
            // A module without a commit is named in .gitmodules only.
            if let Some(id) = module.index_id()? {
                found.push((module.url()?.to_bstring().to_string(), module.path()?.to_string(), id.to_string()));
            }
        }
        Ok(found)
    }

    fn run(&self, to: &Path) -> Result<(), StoreError> {
        let git = &self.git;
        let branch = Some(git.branch.as_str()).filter(|b| !b.is_empty());
        let done = match (git.revision.as_str(), git.depth.and_then(|d| u32::try_from(d).ok()).and_then(NonZeroU32::new)) {
            ("", depth) => {
                self.fetch(to, Wanted::All(branch), depth).and_then(|mut fetched| fetched.main_worktree(Discard, &NEVER).map(drop))
            }
            (revision, None) => self
                .fetch(to, Wanted::All(branch), None)
                .map(gix::clone::PrepareCheckout::persist)
                .and_then(|repo| check_out(&repo, revision)),
            (revision, Some(depth)) => return self.shallow(to, revision, depth),
        };
        done.map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &gix::Error) -> StoreError {
        StoreError::Remote { location: format!("git {}", self.git.repo), reason: error.to_string() }
    }

    /// One revision with so many commits of its history. Which kind of name it is, only trying says.
    fn shallow(&self, to: &Path, revision: &str, depth: NonZeroU32) -> Result<(), StoreError> {
        let names = if revision.starts_with("refs/") || gix::ObjectId::from_hex(revision.as_bytes()).is_ok() {
            vec![revision.to_owned()]
        } else {
            let short = revision.strip_prefix("origin/").unwrap_or(revision);
            vec![format!("refs/heads/{short}"), format!("refs/tags/{short}")]
        };
        let mut last = None;
        for name in names {
            let fetched = self.fetch(to, Wanted::Only(name), Some(depth));
            match fetched.and_then(|mut fetched| fetched.main_worktree(Discard, &NEVER)) {
                Ok(_) => return Ok(()),
                Err(e) => last = Some(self.failed(&e)),
            }
            let _ = std::fs::remove_dir_all(to);
        }
        Err(last.unwrap_or_else(|| StoreError::NotFound(format!("git {}", self.git.repo))))
    }

    fn fetch(&self, to: &Path, wanted: Wanted<'_>, depth: Option<NonZeroU32>) -> Result<gix::clone::PrepareCheckout, gix::Error> {
        let mut clone = gix::prepare_clone(self.git.repo.as_str(), to)?;
        if let Some(depth) = depth {
            clone = clone.with_shallow(gix::remote::fetch::Shallow::DepthAtRemote(depth));
        }
        match &wanted {
            Wanted::All(None) => {}
            Wanted::All(Some(branch)) => clone = clone.with_ref_name(Some(*branch))?,
            Wanted::Only(name) => clone = clone.with_revision(Some(name.as_str()))?,
        }
        if matches!(wanted, Wanted::All(_)) {
            let mut only = Vec::new();
            if self.git.single_branch && !self.git.branch.is_empty() {
                only.push(format!("+refs/heads/{0}:refs/remotes/origin/{0}", self.git.branch));
            }
            let more = self.git.fetch.clone();
            if !only.is_empty() || !more.is_empty() {
                clone = clone.configure_remote(move |mut remote| {
                    let direction = gix::remote::Direction::Fetch;
                    if !only.is_empty() {
                        remote.replace_refspecs(only.iter().map(String::as_str), direction)?;
                    }
                    for spec in &more {
                        remote = remote.with_refspecs(Some(spec.as_str()), direction)?;
                    }
                    Ok(remote)
                });
            }
        }
        if let Some((username, password)) = self.account.clone() {
            clone = clone.configure_connection(move |connection| {
                let (username, password) = (username.clone(), password.clone());
                connection.set_credentials(move |action| {
                    let gix::credentials::helper::Action::Get(context) = action else { return Ok(None) };
                    let identity =
                        gix::sec::identity::Account { username: username.clone(), password: password.clone(), oauth_refresh_token: None };
                    Ok(Some(gix::credentials::protocol::Outcome { identity, next: context.into() }))
                });
                Ok(())
            });
        } else {
            // Nobody is there to be asked.
            clone = clone.configure_connection(|connection| {
                connection.set_credentials(|_| Ok(None));
                Ok(())
            });
        }
        clone.fetch_then_checkout(Discard, &NEVER).map(|(checkout, _)| checkout)
    }
}

/// Checks a revision out with a detached HEAD: a commit, a tag, a branch of the remote, or what git's language of revisions says.
fn check_out(repo: &gix::Repository, revision: &str) -> Result<(), gix::Error> {
    let remote_branch = format!("refs/remotes/origin/{revision}");
    let id = match repo.rev_parse_single(remote_branch.as_str()) {
        Ok(id) => id,
        Err(_) => repo.rev_parse_single(revision)?,
    };
    let commit = id.object()?.peel_to_commit()?;
    let mut index = repo.index_from_tree(commit.tree_id()?.as_ref())?;
    let mut options = repo.checkout_options(gix::worktree::stack::state::attributes::Source::IdMapping)?;
    options.destination_is_initially_empty = true;
    if let Some(folder) = repo.workdir() {
        let objects = repo.objects.clone().into_arc().map_err(gix::Error::from_error)?;
        gix::worktree::state::checkout(&mut index, folder, objects, &Discard, &Discard, &NEVER, options)?;
    }
    index.write(gix::index::write::Options::default())?;
    let head = repo.git_dir().join("HEAD");
    std::fs::write(head, format!("{}\n", commit.id)).map_err(gix::Error::from_error)
}

#[async_trait]
impl ArtifactStore for GitStore {
    async fn load(&self, location: &Location, to: &Path) -> Result<(), StoreError> {
        let Location::Git(git) = location else { return Err(read_only(location)) };
        let (clone, to) = (self.clone_of(git)?, to.to_owned());
        tokio::task::spawn_blocking(move || clone.run_with_submodules(&to, MAX_DEPTH)).await?
    }

    async fn save(&self, location: &Location, _: &Path) -> Result<(), StoreError> {
        Err(read_only(location))
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        Err(read_only(location))
    }

    async fn list(&self, location: &Location) -> Result<Vec<String>, StoreError> {
        Err(StoreError::Unsupported(format!("listing {} artifacts", location.backend())))
    }

    async fn exists(&self, location: &Location) -> Result<bool, StoreError> {
        Err(StoreError::Unsupported(format!("looking for {} artifacts", location.backend())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::process::Command;

    fn git(folder: &Path, args: &str) -> String {
        let mut command = Command::new("git");
        command.args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ]);
        let output = command.args(args.split(' ')).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(output.status.success(), "git {args}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A repository with three commits: `one` (tag v1), `two` on main, `side` on the branch side.
    fn repository() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("repo");
        std::fs::create_dir(&repo).unwrap();
        git(&repo, "init -q");
        for (content, after) in [("one", "tag v1"), ("two", "checkout -q -b side"), ("side", "checkout -q main")] {
            std::fs::write(repo.join("file"), content).unwrap();
            git(&repo, "add file");
            git(&repo, &format!("commit -q -m {content}"));
            git(&repo, after);
        }
        (folder, repo)
    }

    async fn loaded(repo: &Path, to: &Path, change: impl FnOnce(&mut GitArtifact)) -> Result<String, StoreError> {
        let mut artifact = GitArtifact { repo: format!("file://{}", repo.display()), ..GitArtifact::default() };
        change(&mut artifact);
        let _ = std::fs::remove_dir_all(to);
        GitStore::new(Paths::default()).load(&Location::Git(artifact), to).await?;
        assert_eq!(git(to, "status --porcelain"), "");
        Ok(std::fs::read_to_string(to.join("file")).unwrap())
    }

    #[tokio::test]
    async fn revisions_of_all_kinds() {
        if Command::new("git").arg("--version").output().is_err() {
            return;
        }
        let (folder, repo) = repository();
        let to = folder.path().join("to");
        let first = git(&repo, "rev-parse v1");
        assert_eq!(loaded(&repo, &to, |_| {}).await.unwrap(), "two");
        assert_eq!(loaded(&repo, &to, |a| a.branch = "side".into()).await.unwrap(), "side");
        for (revision, content) in [("v1", "one"), ("side", "side"), (first.as_str(), "one"), ("refs/tags/v1", "one")] {
            assert_eq!(loaded(&repo, &to, |a| a.revision = revision.into()).await.unwrap(), content, "{revision}");
        }
        for (revision, content) in [("v1", "one"), ("side", "side")] {
            let shallow = loaded(&repo, &to, |a| (a.revision, a.depth) = (revision.into(), Some(1)));
            assert_eq!(shallow.await.unwrap(), content, "{revision}");
            assert_eq!(git(&to, "rev-list --count HEAD"), "1");
        }
        let single = loaded(&repo, &to, |a| (a.branch, a.single_branch) = ("side".into(), true));
        assert_eq!(single.await.unwrap(), "side");
        let error = loaded(&repo, &to, |a| a.revision = "nope".into()).await.unwrap_err().to_string();
        assert!(error.contains("nope"), "{error}");
    }

    #[tokio::test]
    async fn submodules_come_with_it() {
        if Command::new("git").arg("--version").output().is_err() {
            return;
        }
        let (folder, repo) = repository();
        let outer = folder.path().join("outer");
        std::fs::create_dir(&outer).unwrap();
        git(&outer, "init -q");
        std::fs::write(outer.join("file"), "outer").unwrap();
        git(&outer, &format!("-c protocol.file.allow=always submodule add -q {} sub/module", repo.display()));
        std::fs::write(outer.join(".gitmodules"), "[submodule \"m\"]\n\tpath = sub/module\n\turl = ../repo\n").unwrap();
        git(&outer, "add .");
        git(&outer, "commit -q -m outer");
        let to = folder.path().join("to");
        assert_eq!(loaded(&outer, &to, |a| a.disable_submodules = true).await.unwrap(), "outer");
        assert!(!to.join("sub/module/file").exists());
        let _ = std::fs::remove_dir_all(&to);
        let git = GitArtifact { repo: format!("file://{}", outer.display()), ..GitArtifact::default() };
        GitStore::new(Paths::default()).load(&Location::Git(git), &to).await.unwrap();
        assert_eq!(std::fs::read_to_string(to.join("sub/module/file")).unwrap(), "two");
    }

    #[test]
    fn relative_urls() {
        assert_eq!(resolved("../b.git", "https://h/x/a.git"), "https://h/x/b.git");
        assert_eq!(resolved("https://o/c", "https://h/x/a.git"), "https://o/c");
    }

    #[tokio::test]
    async fn what_cannot_be_done_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("to");
        let error = loaded(Path::new("/no/such/repo"), &to, |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("/no/such/repo"), "{error}");
        let error = loaded(Path::new("/x"), &to, |a| a.ssh_private_key_secret = Some(Default::default())).await.unwrap_err().to_string();
        assert!(error.starts_with("not supported yet: git over SSH"), "{error}");
    }
}
