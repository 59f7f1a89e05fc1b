//! From a container of a pod to what a supervisor is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod};

use super::Context;
use super::env::{Environment, environment};
use super::resident::{Call, ResidentRun, link};
use super::spec::{Mount, RunDir, RunSpec, Sandbox};
use super::status::POD_IP;
use super::tools::{Tools, WHERE};
use super::volumes;
use super::worker::Trouble;

/// Where client libraries look for a pod's credentials.
const CREDENTIALS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The path of the file for a container's last words, when it does not say.
const LAST_WORDS: &str = "/dev/termination-log";
/// What images set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// In plain mode: the folder that stands for `/` in paths of volumes.
pub(crate) const PLAIN_ROOT: &str = "ARGO_LOCAL_ROOT";
/// Where the executor's program lies, so that it need not be copied into each pod.
pub(crate) const EXECUTOR: &str = "ARGO_LOCAL_EXECUTOR";

/// Names the folder that stands for object stores, and where it is in containers that have a file system of their own.
const ARTIFACTS: (&str, &str) = ("ARGO_LOCAL_ARTIFACTS", "/.argo-artifacts");

/// Volumes that plain mode can redirect: those whose users look at [`PLAIN_ROOT`].
const REDIRECTED: [&str; 6] = ["/var/run/argo", "/argo", "/mainctrfs", "/tmp", "/var/run/secrets", "/run/secrets"];

/// No waiting helps.
fn refused(message: impl Into<String>) -> Trouble {
    Trouble { reason: "CreateContainerError".to_owned(), message: message.into(), passing: false }
}

fn base_environment(ctx: &Context, pod: &Pod, image_root: bool) -> Environment {
    let mut env = Environment::default();
    let host = if image_root { String::new() } else { std::env::var("PATH").unwrap_or_default() };
    let path = if host.is_empty() { DEFAULT_PATH.to_owned() } else { format!("{host}:{DEFAULT_PATH}") };
    env.set("PATH", format!("{}:{path}", ctx.tools.visible.display()));
    env.set("HOSTNAME", hostname(pod));
    env.set("HOME", if nix::unistd::geteuid().is_root() || ctx.sandbox != Sandbox::Plain { "/root" } else { "/" });
    if let Some(api) = &ctx.options.api {
        let port = api.port.to_string();
        env.set("KUBERNETES_SERVICE_HOST", api.host.as_str());
        env.set("KUBERNETES_SERVICE_PORT", port.as_str());
        env.set("KUBERNETES_SERVICE_PORT_HTTPS", port.as_str());
        env.set("KUBERNETES_PORT", format!("tcp://{}:{port}", api.host));
    }
    if let Some(executor) = &ctx.tools.executor {
        env.set(EXECUTOR, executor.display().to_string());
    }
    env
}

fn hostname(pod: &Pod) -> String {
    let wanted = pod.spec.as_ref().and_then(|spec| spec.hostname.clone()).or_else(|| pod.metadata.name.clone()).unwrap_or_default();
    wanted.chars().take(63).collect()
}

fn user(pod: &Pod, container: &Container) -> (Option<u32>, Option<u32>) {
    let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    let own = container.security_context.as_ref();
    let user = own.and_then(|own| own.run_as_user).or_else(|| of_pod.and_then(|pod| pod.run_as_user));
    let group = own.and_then(|own| own.run_as_group).or_else(|| of_pod.and_then(|pod| pod.run_as_group));
    let number = |id: Option<i64>| id.and_then(|id| u32::try_from(id).ok());
    (number(user), number(group))
}

/// How a container is run.
pub(crate) enum Plan {
    /// As a process of its own.
    Process(Box<RunSpec>),
    /// By the node itself.
    Resident(Box<dyn ResidentRun>),
}

/// Everything for one run of a container.
///
/// # Errors
/// What is missing, or why it cannot be run.
pub(crate) async fn plan(
    ctx: &Context,
    pod: &Pod,
    container: &Container,
    volumes: &BTreeMap<String, PathBuf>,
    dir: &RunDir,
) -> Result<Plan, Trouble> {
    let image = container.image.as_deref().unwrap_or_default();
    let (command, args) = (container.command.clone().unwrap_or_default(), container.args.clone().unwrap_or_default());
    let is_executor = !ctx.options.executor_image.is_empty() && image == ctx.options.executor_image;
    let resolved = if is_executor && command.is_empty() {
        Ok(super::images::Resolved { root: None, argv: [vec!["argoexec".to_owned()], args].concat() })
    } else {
        ctx.options.images.resolve(image, &command, &args)
    };
    let mut resolved = resolved.map_err(|error| refused(error.to_string()))?;
    let base = base_environment(ctx, pod, resolved.root.is_some());
    let mut env = environment(&ctx.client, pod, container, base).await?;
    resolved.argv.iter_mut().for_each(|word| *word = env.expand(word));
    if is_executor && let Some(run) = resident(ctx, pod, container, volumes, dir, &resolved.argv, &env)? {
        return Ok(Plan::Resident(run));
    }
    if let (Some("argoexec"), Some(prefix)) = (resolved.argv.first().map(String::as_str), ctx.tools.executor_prefix()) {
        resolved.argv.splice(..1, prefix);
    }
    let mut mounts = volumes::mounts(pod, container, volumes, &env).map_err(refused)?;
    let automount = pod.spec.as_ref().and_then(|spec| spec.automount_service_account_token) != Some(false);
    let own = mounts.iter().any(|mount| mount.target == Path::new(CREDENTIALS));
    if let (true, Some(folder)) = (automount && !own, ctx.tokens.folder(pod).await?) {
        if ctx.sandbox == Sandbox::Plain {
            env.set("KUBECONFIG", folder.join("kubeconfig").display().to_string());
        }
        mounts.push(Mount { source: folder, target: PathBuf::from(CREDENTIALS), read_only: true });
    }
    if let (true, Some(folder)) = (is_executor, &ctx.options.artifacts) {
        let folder = fs::canonicalize(folder).map_err(|error| refused(format!("{}: {error}", folder.display())))?;
        if ctx.sandbox == Sandbox::Plain {
            env.set(ARTIFACTS.0, folder.display().to_string());
        } else {
            env.set(ARTIFACTS.0, ARTIFACTS.1);
            mounts.push(Mount { source: folder, target: PathBuf::from(ARTIFACTS.1), read_only: false });
        }
    }
    let failed = |error: std::io::Error| refused(format!("{}: {error}", dir.0.display()));
    make_folder(dir)?;
    let cwd =
        PathBuf::from(container.working_dir.as_deref().filter(|path| !path.is_empty()).map_or("/".to_owned(), |path| env.expand(path)));
    let mut spec = RunSpec {
        argv: resolved.argv,
        env: Vec::new(),
        cwd: Path::new("/").join(cwd),
        user: None,
        group: None,
        hostname: hostname(pod),
        sandbox: ctx.sandbox,
        image_root: resolved.root,
        mounts: Vec::new(),
        host_mounts: ctx.host_mounts.clone(),
        mount_point: ctx.root.join(super::MOUNT_POINT),
        empty: ctx.root.join(super::EMPTY),
        hidden: std::iter::once(&ctx.root).chain(&ctx.options.hidden).cloned().collect(),
        survive: ctx.options.survive,
        in_place: None,
        shim_args: ctx.shim_args.clone(),
        node_pid: std::process::id(),
    };
    match ctx.sandbox {
        Sandbox::Plain => redirect(&mut spec, &mut env, mounts, dir, ctx)?,
        Sandbox::Namespaces { user: in_user_namespace, .. } => {
            // Within a user namespace there is only one user to be.
            if !in_user_namespace {
                (spec.user, spec.group) = user(pod, container);
            }
            if (spec.user, spec.group) == (None, None) {
                spec.in_place.clone_from(&ctx.tools.executor);
            }
            let last_words = container.termination_message_path.as_deref().filter(|path| !path.is_empty()).unwrap_or(LAST_WORDS);
            mounts.push(Mount { source: dir.termination(), target: PathBuf::from(last_words), read_only: false });
            fs::set_permissions(dir.termination(), std::os::unix::fs::PermissionsExt::from_mode(0o666)).map_err(failed)?;
            mounts.extend(ctx.tools.mounts(image));
            mounts.extend(hosts_file(ctx, pod, &spec.hostname).map_err(failed)?);
            spec.mounts = mounts;
        }
    }
    spec.env = env.0;
    Ok(Plan::Process(Box::new(spec)))
}

fn make_folder(dir: &RunDir) -> Result<(), Trouble> {
    let failed = |error: std::io::Error| refused(format!("{}: {error}", dir.0.display()));
    fs::create_dir_all(&dir.0).map_err(failed)?;
    fs::write(dir.termination(), "").map_err(failed)
}

/// The run of an executor's container by the node itself, if it can be: it must be nobody else's than the node's user, and its volumes where it looks for them.
fn resident(
    ctx: &Context,
    pod: &Pod,
    container: &Container,
    volumes: &BTreeMap<String, PathBuf>,
    dir: &RunDir,
    argv: &[String],
    env: &Environment,
) -> Result<Option<Box<dyn ResidentRun>>, Trouble> {
    let (Some(residents), Some((_, args))) = (&ctx.options.residents, argv.split_first().filter(|(program, _)| *program == "argoexec"))
    else {
        return Ok(None);
    };
    if user(pod, container) != (None, None) {
        return Ok(None);
    }
    let mounts = volumes::mounts(pod, container, volumes, env).map_err(refused)?;
    let nested = |mount: &Mount| mounts.iter().any(|other| other != mount && mount.target.starts_with(&other.target));
    if mounts.iter().any(|mount| !is_redirected(mount) || nested(mount)) {
        return Ok(None);
    }
    let mut env = env.clone();
    if let Some(folder) = &ctx.options.artifacts {
        env.set(ARTIFACTS.0, folder.display().to_string());
    }
    let (namespace, service_account) = super::tokens::account(pod);
    let call = Call {
        args: args.to_vec(),
        env: env.0,
        namespace,
        service_account,
        termination_log: dir.termination(),
        mounts: mounts.into_iter().map(|mount| (mount.target, mount.source)).collect(),
        scratch: dir.layer(),
    };
    let run = residents.find(&call);
    if run.is_some() {
        fs::create_dir_all(&dir.0).map_err(|error| refused(format!("{}: {error}", dir.0.display())))?;
    }
    Ok(run)
}

/// Whether those who use a volume look for it below [`PLAIN_ROOT`].
fn is_redirected(mount: &Mount) -> bool {
    REDIRECTED.iter().any(|known| mount.target.starts_with(known))
}

/// A folder that stands for `/`, with links to the volumes.
fn fake_root(mounts: &[Mount], dir: &RunDir) -> Result<PathBuf, Trouble> {
    let root = dir.layer().join("root");
    let failed = |error: std::io::Error| refused(format!("{}: {error}", root.display()));
    fs::create_dir_all(root.join("tmp")).map_err(failed)?;
    let mut mounts: Vec<&Mount> = mounts.iter().collect();
    // What is inside of another comes after it.
    mounts.sort_by_key(|mount| mount.target.components().count());
    for mount in mounts {
        link(&mount.source, &root.join(mount.target.strip_prefix("/").unwrap_or(&mount.target))).map_err(failed)?;
    }
    link(&dir.termination(), &root.join("dev/termination-log")).map_err(failed)?;
    Ok(root)
}

/// A hosts file with the pod's own name and its `hostAliases`.
fn hosts_file(ctx: &Context, pod: &Pod, hostname: &str) -> std::io::Result<Option<Mount>> {
    let Some(uid) = pod.metadata.uid.as_deref() else { return Ok(None) };
    let path = ctx.pod_folder(uid).join("hosts");
    if !path.exists() {
        let mut text = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        text.push_str(&format!("\n{POD_IP}\t{hostname}\n"));
        for alias in pod.spec.iter().flat_map(|spec| spec.host_aliases.iter().flatten()) {
            text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.clone().unwrap_or_default().join("\t")));
        }
        fs::write(&path, text)?;
    }
    Ok(Some(Mount { source: path, target: PathBuf::from("/etc/hosts"), read_only: false }))
}

/// Plain mode: the container has no file system of its own, so what is at absolute paths is only found by those who look for it.
fn redirect(spec: &mut RunSpec, env: &mut Environment, mounts: Vec<Mount>, dir: &RunDir, ctx: &Context) -> Result<(), Trouble> {
    if let Some(folder) = &spec.image_root {
        let why = "a folder as an image needs namespaces, which this machine does not allow";
        return Err(refused(format!("image folder {}: {why}", folder.display())));
    }
    if let Some(mount) = mounts.iter().find(|mount| !is_redirected(mount)) {
        let why = "this machine does not allow the namespaces that keep a volume at an absolute path within its pod";
        return Err(refused(format!("volume mount at {}: {why} ({})", mount.target.display(), ctx.why)));
    }
    let root = fake_root(&mounts, dir)?;
    if let Some(program) = spec.argv.first_mut() {
        let path = PathBuf::from(&program);
        if mounts.iter().any(|mount| path.starts_with(&mount.target)) && !path.starts_with(&ctx.root) {
            *program = root.join(path.strip_prefix("/").unwrap_or(&path)).display().to_string();
        }
        if program == "/argosay" {
            *program = ctx.tools.visible.join("argosay").display().to_string();
        }
    }
    spec.cwd = root.join(spec.cwd.strip_prefix("/").unwrap_or(&spec.cwd));
    for (name, path) in [("HOME", root.clone()), ("TMPDIR", root.join("tmp")), (PLAIN_ROOT, root.clone())] {
        env.set(name, path.display().to_string());
    }
    Ok(())
}

/// Where programs of the node are visible in containers of `sandbox`.
pub(crate) fn visible_tools(sandbox: Sandbox, folder: &Path) -> PathBuf {
    if sandbox == Sandbox::Plain { folder.to_owned() } else { PathBuf::from(WHERE) }
}

impl Tools {
    /// What stands for `argoexec`.
    fn executor_prefix(&self) -> Option<Vec<String>> {
        let program = self.executor.as_ref()?;
        Some(std::iter::once(program.display().to_string()).chain(self.executor_args.iter().cloned()).collect())
    }

    fn mounts(&self, image: &str) -> Vec<Mount> {
        let at = |source: &Path, target: &str| Mount { source: source.to_owned(), target: PathBuf::from(target), read_only: true };
        let mut mounts = vec![at(&self.folder, WHERE)];
        for (name, program) in &self.programs {
            mounts.push(at(program, &format!("{WHERE}/{name}")));
        }
        if super::images::repository(image).ends_with("argosay") {
            mounts.push(at(&self.folder.join("argosay"), "/argosay"));
        }
        mounts
    }
}
