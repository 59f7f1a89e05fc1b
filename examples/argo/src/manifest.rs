//! Manifests in files: read with the places of everything, so that what is wrong can be pointed at.

use std::io::Read;
use std::path::{Path, PathBuf};

use argo_core::yaml::{self, Document};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Code, Failure, Outcome};

/// One object of a file.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file as the user named it.
    pub file: String,
    document: Document,
}

impl Manifest {
    /// The object.
    pub fn value(&self) -> &Value {
        &self.document.value
    }

    /// `kind`; empty where there is none.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// `apiVersion`; empty where there is none.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// Its name, or the prefix that a name is made from.
    pub fn name(&self) -> &str {
        let name = self.text("/metadata/name");
        if name.is_empty() { self.text("/metadata/generateName") } else { name }
    }

    /// `metadata.namespace`; empty where there is none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    fn text(&self, pointer: &str) -> &str {
        self.document.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `file:line:column` of a part, such as `spec.templates[2].steps[0][1]`; of the nearest part around it that is written.
    pub fn place(&self, path: &str) -> String {
        let mut pointer = pointer_of(path);
        loop {
            if let Some((line, column)) = self.document.place(&pointer) {
                return format!("{}:{line}:{column}", self.file);
            }
            match pointer.rfind('/') {
                Some(cut) => pointer.truncate(cut),
                None => return self.file.clone(),
            }
        }
    }

    /// The object as one of our types.
    pub fn read<T: DeserializeOwned>(&self) -> Outcome<T> {
        serde_json::from_value(self.document.value.clone())
            .map_err(|e| Failure::new(Code::Manifest, format!("{}: {} {:?} cannot be read: {e}", self.place(""), self.kind(), self.name())))
    }
}

/// `spec.templates[0].name` as a JSON pointer.
fn pointer_of(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// Reads all objects of files; `-` is standard input, a folder stands for the manifests in it and below.
pub fn read_all(files: &[PathBuf]) -> Outcome<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for file in files {
        for (name, text) in texts(file)? {
            manifests.extend(parse(&name, &text)?);
        }
    }
    Ok(manifests)
}

/// The texts of a file, of standard input or of a folder, by name.
pub fn texts(file: &Path) -> Outcome<Vec<(String, String)>> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| unreadable("standard input", &e))?;
        return Ok(vec![("-".to_owned(), text)]);
    }
    let mut names = Vec::new();
    collect(file, true, &mut names)?;
    names.into_iter().map(|name| std::fs::read_to_string(&name).map(|text| (name.display().to_string(), text)).map_err(|e| unreadable(&name.display().to_string(), &e))).collect()
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(Code::NoInput, format!("{name}: there is no such file")).hint("`-` reads standard input"),
        std::io::ErrorKind::InvalidData => Failure::new(Code::Manifest, format!("{name}: this is no text in UTF-8")),
        _ => Failure::new(Code::NoInput, format!("{name}: {error}")),
    }
}

fn collect(path: &Path, named: bool, names: &mut Vec<PathBuf>) -> Outcome {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.map_err(|e| unreadable(&path.display().to_string(), &e))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            collect(&entry.path(), false, names)?;
        }
    } else if named || path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
        names.push(path.to_owned());
    }
    Ok(())
}

/// Reads all objects of a text.
pub fn parse(file: &str, text: &str) -> Outcome<Vec<Manifest>> {
    let documents = yaml::parse_documents(text).map_err(|e| Failure::new(Code::Manifest, place_first(file, &e.to_string())))?;
    let mut manifests = Vec::new();
    for document in documents {
        let manifest = Manifest { file: file.to_owned(), document };
        if !manifest.value().is_object() {
            return Err(Failure::new(Code::Manifest, format!("{}: this is no Kubernetes object", manifest.place(""))));
        }
        if manifest.kind().is_empty() {
            return Err(Failure::new(Code::Manifest, format!("{}: this object has no kind", manifest.place("")))
                .hint("every object starts with apiVersion and kind, such as `kind: Workflow`"));
        }
        manifests.push(manifest);
    }
    Ok(manifests)
}

/// `line 3, column 5: …` as `file:3:5: …`, which editors and terminals can follow.
fn place_first(file: &str, message: &str) -> String {
    let placed = || {
        let (line, rest) = message.strip_prefix("line ")?.split_once(", column ")?;
        let (column, what) = rest.split_once(": ")?;
        Some(format!("{file}:{line}:{column}: {what}"))
    };
    placed().unwrap_or_else(|| format!("{file}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::failure::Code;

    #[test]
    fn places_are_those_of_the_nearest_part() {
        let manifests = parse("f.yaml", "kind: A\nspec:\n  list:\n  - name: x\n---\nkind: B\n").unwrap();
        assert_eq!(manifests.len(), 2);
        assert_eq!(manifests[0].place("spec.list[0].name"), "f.yaml:4:5");
        assert_eq!(manifests[0].place("spec.list[0].template.x"), "f.yaml:4:5");
        assert_eq!(manifests[1].place(""), "f.yaml:6:1");
    }

    #[test]
    fn what_is_no_manifest_is_pointed_at() {
        let failure = |text| parse("f.yaml", text).unwrap_err();
        assert!(failure("kind: A\n b: [").to_string().starts_with("f.yaml:2:"), "{}", failure("kind: A\n b: ["));
        assert!(failure("a: b").to_string().contains("f.yaml:1:1: this object has no kind"));
        assert_eq!(failure("- a").code(), Code::Manifest);
    }
}
