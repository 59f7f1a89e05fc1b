//! Upstream's example workflows that can run as local processes: `argo run` on the embedded control plane, and the phase each ends in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Ctx, Outcome};

/// Environment variable that names the binary to be tested.
const BINARY: &str = "ARGO_BINARY";
/// How long a workflow may take, in seconds.
const LIMIT: u64 = 60;
/// How long the binary may take to stop after that, in seconds.
const GRACE: u64 = 20;

pub(super) fn run(_file: &str, case: &Value, ctx: &Ctx) -> Outcome {
    let text = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default();
    if case.get("runnable_locally_as_processes").and_then(Value::as_bool) != Some(true) {
        let why = if text("why_not").is_empty() { "needs a cluster" } else { text("why_not") };
        return Outcome::Skip(why.to_owned());
    }
    let expected = text("expected_final_phase");
    if !matches!(expected, "Succeeded" | "Failed" | "Error" | "nondeterministic") {
        return Outcome::Skip(format!("ends {expected}"));
    }
    let Some(binary) = binary() else {
        return Outcome::Skip(format!("no argo binary beside this one: cargo build -p argo, or set {BINARY}"));
    };
    let folder = ctx.root().join("examples/workflows");
    match attempt(&binary, &folder, text("path")) {
        Ok(phase) if phase == expected => Outcome::Pass,
        Ok(phase) if expected == "nondeterministic" && matches!(phase.as_str(), "Succeeded" | "Failed" | "Error") => Outcome::Pass,
        Ok(phase) => Outcome::Fail(format!("ends {phase}, expected {expected}")),
        Err(message) => Outcome::Fail(message),
    }
}

// The binary that stands beside this one, or the one that the environment names.
pub(super) fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY) {
        return Some(PathBuf::from(path));
    }
    let own = std::env::current_exe().ok()?;
    own.ancestors().skip(1).take(2).map(|folder| folder.join("argo")).find(|path| path.is_file())
}

fn attempt(binary: &Path, folder: &Path, path: &str) -> Result<String, String> {
    let documents = read(&folder.join(path))?;
    let scratch = Scratch::new()?;
    let printed = printed(&scratch, binary, folder, &folder.join(path), &documents)?;
    phase(&printed).ok_or_else(|| "a workflow without phase was printed".to_owned())
}

/// A folder of its own for one run, removed at the end.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("argo-conformance-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a file and gives what is printed: the workflow, or a list of them. What the file refers to is looked for below `folder`.
pub(super) fn printed(scratch: &Scratch, binary: &Path, folder: &Path, file: &Path, documents: &[Value]) -> Result<Value, String> {
    let (files, made) = needed(folder, file, documents);
    let mut command = Command::new(binary);
    command.arg("run").args(["-o", "json", "--timeout", &format!("{LIMIT}s")]);
    if let Some(from) = from(documents) {
        command.args(["--from", &from]);
    }
    if !made.is_empty() {
        let file = scratch.path("needed.yaml");
        let text: Vec<String> = made.iter().map(ToString::to_string).collect();
        fs::write(&file, text.join("\n---\n")).map_err(|e| e.to_string())?;
        command.arg(file);
    }
    command.args(files).arg(file);
    let (stdout, stderr) = (scratch.path("stdout"), scratch.path("stderr"));
    let create = |path: &Path| File::create(path).map_err(|e| e.to_string());
    command.stdin(Stdio::null()).stdout(create(&stdout)?).stderr(create(&stderr)?);
    command.env_remove("KUBECONFIG").env("NO_COLOR", "1");
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", binary.display()))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        if start.elapsed() > Duration::from_secs(LIMIT + GRACE) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("did not end within {} s", LIMIT + GRACE));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if start.elapsed() > Duration::from_secs(LIMIT) {
        return Err(format!("did not end within {LIMIT} s"));
    }
    let printed = fs::read_to_string(&stdout).unwrap_or_default();
    serde_json::from_str(&printed).map_err(|_| {
        let said = fs::read_to_string(&stderr).unwrap_or_default();
        let said: String = said.trim().chars().take(300).collect();
        format!("no workflow was printed ({status}): {said}")
    })
}

// The phase of the workflow, or of the worst of several.
pub(super) fn phase(printed: &Value) -> Option<String> {
    let one = |w: &Value| w.pointer("/status/phase").and_then(Value::as_str).map(str::to_owned);
    match printed.get("items").and_then(Value::as_array).or_else(|| printed.as_array()) {
        Some(items) => {
            let phases: Option<Vec<String>> = items.iter().map(one).collect();
            let phases = phases?;
            phases.iter().find(|p| *p != "Succeeded").or_else(|| phases.first()).cloned()
        }
        None => one(printed),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let documents = argo_core::yaml::parse_documents(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(documents.into_iter().map(|d| d.value).filter(Value::is_object).collect())
}

fn kind(document: &Value) -> &str {
    document.get("kind").and_then(Value::as_str).unwrap_or_default()
}

fn name(document: &Value) -> &str {
    document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

// A file without a workflow is submitted from.
fn from(documents: &[Value]) -> Option<String> {
    if documents.iter().any(|d| kind(d) == "Workflow") {
        return None;
    }
    let kinds = ["WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"];
    let document = documents.iter().find(|d| kinds.contains(&kind(d)))?;
    Some(format!("{}/{}", kind(document).to_lowercase(), name(document)))
}

/// What the documents refer to and do not define: files of the examples that do, and objects that none of them defines, made here.
fn needed(folder: &Path, own: &Path, documents: &[Value]) -> (BTreeSet<PathBuf>, Vec<Value>) {
    let shelf = shelf(folder);
    let mut known: BTreeSet<(String, String)> = documents.iter().map(|d| (kind(d).to_owned(), name(d).to_owned())).collect();
    let (mut files, mut made) = (BTreeSet::new(), BTreeMap::new());
    let mut open: Vec<Value> = documents.to_vec();
    while let Some(document) = open.pop() {
        let mut wanted = Vec::new();
        references(&document, &mut wanted);
        for (kind, name, key) in wanted {
            let id = (kind.clone(), name.clone());
            if let Some(object) = made.get_mut(&id) {
                fill(object, &key);
            } else if known.insert(id.clone()) {
                match shelf.get(&id).filter(|(file, _)| file != own) {
                    Some((file, object)) => {
                        files.insert(file.clone());
                        open.push(object.clone());
                    }
                    None => {
                        if let Some(mut object) = object(&kind, &name) {
                            fill(&mut object, &key);
                            made.insert(id, object);
                        }
                    }
                }
            }
        }
    }
    (files, made.into_values().collect())
}

// All objects that the examples define, apart from workflows, by kind and name.
fn shelf(folder: &Path) -> BTreeMap<(String, String), (PathBuf, Value)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml")
                && let Ok(documents) = read(&path)
                && documents.iter().all(|d| kind(d) != "Workflow")
            {
                for document in documents {
                    found.entry((kind(&document).to_owned(), name(&document).to_owned())).or_insert((path.clone(), document));
                }
            }
        }
    }
    found
}

fn references(value: &Value, out: &mut Vec<(String, String, String)>) {
    match value {
        Value::Object(map) => {
            for (field, inner) in map {
                let text = |key: &str| inner.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let cluster = inner.get("clusterScope").and_then(Value::as_bool).unwrap_or_default();
                let (kind, name, key) = match field.as_str() {
                    "templateRef" | "workflowTemplateRef" => {
                        (if cluster { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" }, text("name"), String::new())
                    }
                    "configMapKeyRef" => ("ConfigMap", text("name"), text("key")),
                    "secretKeyRef" => ("Secret", text("name"), text("key")),
                    "secret" => ("Secret", text("secretName"), String::new()),
                    "persistentVolumeClaim" => ("PersistentVolumeClaim", text("claimName"), String::new()),
                    _ => ("", String::new(), String::new()),
                };
                if !kind.is_empty() && !name.is_empty() && !name.contains("{{") {
                    out.push((kind.to_owned(), name, key));
                }
                references(inner, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|v| references(v, out)),
        _ => {}
    }
}

fn object(kind: &str, name: &str) -> Option<Value> {
    let metadata = json!({"name": name});
    Some(match kind {
        // A number will do for semaphores and for texts.
        "ConfigMap" => json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {}}),
        "Secret" => json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "stringData": {}}),
        "PersistentVolumeClaim" => json!({"apiVersion": "v1", "kind": kind, "metadata": metadata,
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        _ => return None,
    })
}

fn fill(object: &mut Value, key: &str) {
    if key.is_empty() {
        return;
    }
    for field in ["data", "stringData"] {
        if let Some(map) = object.get_mut(field).and_then(Value::as_object_mut) {
            map.entry(key).or_insert_with(|| json!("1"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{phase, references};

    #[test]
    fn references_are_found_where_they_stand() {
        let mut found = Vec::new();
        references(
            &json!({"spec": {"semaphores": [{"configMapKeyRef": {"name": "c", "key": "k"}}], "templateRef": {"name": "t"}}}),
            &mut found,
        );
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn the_worst_phase_counts() {
        let of = |p: &str| json!({"status": {"phase": p}});
        assert_eq!(phase(&json!({"items": [of("Succeeded"), of("Failed")]})).as_deref(), Some("Failed"));
        assert_eq!(phase(&of("Succeeded")).as_deref(), Some("Succeeded"));
    }
}
