//! Manifests in files: read with the places of everything, so that what is wrong can be pointed at.

use std::io::Read;
use std::path::{Path, PathBuf};

use argo_core::object::Object;
use argo_core::strict::{self, Problem, StrictError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Code, Failure, Outcome};

/// How many problems are told at once.
const MOST_TOLD: usize = 20;

/// One object of a file.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file as the user named it.
    pub file: String,
    document: strict::Document,
}

impl Manifest {
    /// The object.
    pub fn object(&self) -> &Object {
        &self.document.object
    }

    /// The object as JSON.
    pub fn value(&self) -> Outcome<Value> {
        self.object().to_value().map_err(|e| Failure::new(Code::Internal, format!("{}: {e}", self.place(""))))
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.object().kind()
    }

    /// Its name, or the prefix that a name is made from.
    pub fn name(&self) -> &str {
        match self.object().metadata() {
            Some(metadata) if metadata.name.is_empty() => &metadata.generate_name,
            _ => self.object().name(),
        }
    }

    /// `file:line:column` of a part, such as `spec.templates[2].steps[0][1]`; of the nearest part around it that is written.
    pub fn place(&self, path: &str) -> String {
        let (line, column) = self.document.place(path);
        format!("{}:{line}:{column}", self.file)
    }

    /// The object as one of our types.
    pub fn read<T: DeserializeOwned>(&self) -> Outcome<T> {
        serde_json::from_value(self.value()?)
            .map_err(|e| Failure::new(Code::Manifest, format!("{}: {} {:?} cannot be read: {e}", self.place(""), self.kind(), self.name())))
    }
}

/// What stands in files.
#[derive(Debug, Default)]
pub struct Files {
    /// The objects that can be read.
    pub manifests: Vec<Manifest>,
    /// Everything that is wrong.
    pub problems: Vec<StrictError>,
}

impl Files {
    /// Reads files; `-` is standard input, a folder stands for the manifests in it and below.
    pub fn read(files: &[PathBuf]) -> Outcome<Self> {
        let mut all = Self::default();
        for file in files {
            for (name, text) in texts(file)? {
                all.add(&name, &text);
            }
        }
        Ok(all)
    }

    /// Reads one text more.
    pub fn add(&mut self, file: &str, text: &str) {
        let reading = strict::read(text, file);
        self.problems.extend(reading.errors);
        self.manifests.extend(reading.documents.into_iter().map(|document| Manifest { file: file.to_owned(), document }));
    }

    /// The objects, if nothing is wrong; with `lenient`, unknown fields are not.
    pub fn manifests(self, lenient: bool) -> Outcome<Vec<Manifest>> {
        let told: Vec<String> = self
            .problems
            .iter()
            .filter(|p| !(lenient && matches!(p.problem, Problem::UnknownField { .. })))
            .map(ToString::to_string)
            .collect();
        if told.is_empty() {
            return Ok(self.manifests);
        }
        let hidden = told.len().saturating_sub(MOST_TOLD);
        let mut message = told.into_iter().take(MOST_TOLD).collect::<Vec<_>>().join("\n       ");
        if hidden > 0 {
            message.push_str(&format!("\n       … and {hidden} more"));
        }
        Err(Failure::new(Code::Manifest, message))
    }
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
    let read = |path: PathBuf| {
        let name = path.display().to_string();
        std::fs::read_to_string(&path).map_err(|e| unreadable(&name, &e)).map(|text| (name, text))
    };
    names.into_iter().map(read).collect()
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Code::NoInput, format!("{name}: there is no such file")).hint("`-` reads standard input")
        }
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

#[cfg(test)]
mod tests {
    use super::Files;
    use crate::failure::Code;

    fn read(text: &str) -> Files {
        let mut files = Files::default();
        files.add("f.yaml", text);
        files
    }

    #[test]
    fn places_are_those_of_the_nearest_part() {
        let text = "apiVersion: v1\nkind: A\nspec:\n  list:\n  - name: x\n---\napiVersion: v1\nkind: B\n";
        let manifests = read(text).manifests(false).unwrap();
        assert_eq!(manifests.len(), 2);
        assert_eq!(manifests[0].place("spec.list[0].name"), "f.yaml:5:5");
        assert_eq!(manifests[0].place("spec.list[0].template.x"), "f.yaml:5:5");
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let failure = |text: &str| read(text).manifests(false).unwrap_err();
        assert!(failure("kind: A\n b: [").to_string().starts_with("f.yaml:2:"), "{}", failure("kind: A\n b: ["));
        assert_eq!(failure("- a").code(), Code::Manifest);
        let unknown = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  entrypont: main\n";
        assert_eq!(failure(unknown).to_string(), "f.yaml:4:3: unknown field \"spec.entrypont\" (did you mean \"entrypoint\"?)");
        assert_eq!(read(unknown).manifests(true).unwrap().len(), 1);
    }
}
