//! Finding case files and reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Folders of the data that hold case files.
const FOLDERS: [&str; 7] = ["core", "events", "gitops", "kubeapi", "lang", "rollouts", "workflows"];
/// Environment variable that names the folder with the full data.
pub const DATA_VARIABLE: &str = "ARGO_CONFORMANCE_DIR";

/// The data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder cannot be listed.
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not JSON.
    #[error("{}:{line}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// Where the cases of a file come from, for side files.
#[derive(Clone, Debug)]
pub struct Ctx {
    root: PathBuf,
}

impl Ctx {
    /// A context without side files.
    #[must_use]
    pub fn empty() -> Self {
        Self { root: PathBuf::new() }
    }

    /// A context whose side files stand under `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The data folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a JSON side file such as `lang/expr.env.json`.
    ///
    /// # Errors
    /// When the file is missing or not JSON.
    pub fn side_json(&self, relative: &str) -> Result<Value, LoadError> {
        let text = self.side_text(relative)?;
        serde_json::from_str(&text).map_err(|source| LoadError::Parse { path: self.root.join(relative), line: source.line(), source })
    }

    /// Reads a text side file such as an example manifest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn side_text(&self, relative: &str) -> Result<String, LoadError> {
        let path = self.root.join(relative);
        std::fs::read_to_string(&path).map_err(|source| LoadError::Read { path, source })
    }
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Id, unique in its file.
    pub id: String,
    /// The case as it stands in the file.
    pub value: Value,
}

/// A file of cases.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// `folder/file` without the ending.
    pub name: String,
    /// Where it came from.
    pub ctx: Ctx,
    /// Its cases in order.
    pub cases: Vec<Case>,
}

/// Folders that hold data: the crate's own and the one the environment names.
#[must_use]
pub fn roots() -> Vec<PathBuf> {
    let mut roots = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("data")];
    if let Some(dir) = std::env::var_os(DATA_VARIABLE) {
        let dir = PathBuf::from(dir);
        roots.push(if dir.is_relative() { workspace_relative(&dir) } else { dir });
    }
    roots
}

// Tests run in their package's folder, people in the workspace's: a relative path means the latter in both.
fn workspace_relative(dir: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| dir.to_owned(), |top| top.join(dir))
}

/// Reads every case file under the given folders. Where two folders hold the same file, the later one's cases win.
///
/// # Errors
/// When a folder that was named is missing, or a file is not JSON lines.
pub fn load(roots: &[PathBuf]) -> Result<Vec<CaseFile>, LoadError> {
    let mut files: BTreeMap<String, CaseFile> = BTreeMap::new();
    for root in roots {
        std::fs::read_dir(root).map_err(|source| LoadError::List { path: root.clone(), source })?;
        for folder in FOLDERS {
            let dir = root.join(folder);
            if !dir.is_dir() {
                continue;
            }
            let entries = std::fs::read_dir(&dir).map_err(|source| LoadError::List { path: dir.clone(), source })?;
            for entry in entries {
                let path = entry.map_err(|source| LoadError::List { path: dir.clone(), source })?.path();
                let (Some(stem), Some("jsonl")) = (path.file_stem().and_then(|s| s.to_str()), path.extension().and_then(|s| s.to_str()))
                else {
                    continue;
                };
                let name = format!("{folder}/{stem}");
                let file = CaseFile { cases: read_lines(&path)?, ctx: Ctx::new(root), name: name.clone() };
                files.insert(name, file);
            }
        }
        let classes = root.join("examples/workflows/classes.json");
        if classes.is_file() {
            let file = CaseFile { name: "examples/workflows".to_owned(), ctx: Ctx::new(root), cases: read_classes(&classes)? };
            files.insert(file.name.clone(), file);
            let file = CaseFile { name: "examples/round_trip".to_owned(), ctx: Ctx::new(root), cases: manifests(root)? };
            files.insert(file.name.clone(), file);
        }
    }
    Ok(files.into_values().collect())
}

fn read_lines(path: &Path) -> Result<Vec<Case>, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let mut seen = BTreeSet::new();
    let mut cases = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(line).map_err(|source| LoadError::Parse {
            path: path.to_owned(),
            line: index.saturating_add(1),
            source,
        })?;
        let id = unique(&mut seen, &case_id(&value, index));
        cases.push(Case { id, value });
    }
    Ok(cases)
}

/// Every manifest below `examples/workflows`, a case each.
fn manifests(root: &Path) -> Result<Vec<Case>, LoadError> {
    let mut cases = Vec::new();
    let mut folders = vec![root.join("examples/workflows")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|source| LoadError::List { path: folder.clone(), source })? {
            let path = entry.map_err(|source| LoadError::List { path: folder.clone(), source })?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml")
                && let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str)
            {
                let id = relative.trim_start_matches("examples/workflows/").to_owned();
                cases.push(Case { id, value: serde_json::json!({"path": relative}) });
            }
        }
    }
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(cases)
}

// All rows are cases; those that cannot run as local processes say so themselves.
fn read_classes(path: &Path) -> Result<Vec<Case>, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let all: BTreeMap<String, Value> =
        serde_json::from_str(&text).map_err(|source| LoadError::Parse { path: path.to_owned(), line: source.line(), source })?;
    let case = |(id, mut value): (String, Value)| {
        if let Some(map) = value.as_object_mut() {
            map.insert("path".to_owned(), Value::from(id.as_str()));
        }
        Case { id, value }
    };
    Ok(all.into_iter().map(case).collect())
}

fn case_id(value: &Value, index: usize) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(id) = text("id") {
        return id.to_owned();
    }
    if let (Some(function), Some(test)) = (text("fn"), text("test")) {
        return format!("{function}/{test}");
    }
    if let Some(test) = text("test").or_else(|| text("name")) {
        return test.to_owned();
    }
    if let (Some(file), Some(line)) = (text("go").or_else(|| text("file")), value.get("line").and_then(Value::as_u64)) {
        return format!("{file}:{line}");
    }
    text("node_name").map_or_else(|| format!("line-{}", index.saturating_add(1)), str::to_owned)
}

fn unique(seen: &mut BTreeSet<String>, id: &str) -> String {
    let mut candidate = id.to_owned();
    let mut n = 1_usize;
    while !seen.insert(candidate.clone()) {
        n = n.saturating_add(1);
        candidate = format!("{id}~{n}");
    }
    candidate
}
