//! The list of cases that do not pass yet, each group with its reason.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// `known.toml` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The file cannot be read.
    #[error("cannot read known.toml: {0}")]
    Read(#[from] std::io::Error),
    /// The file is not what it should be.
    #[error("known.toml: {0}")]
    Parse(#[from] toml::de::Error),
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    known: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    file: String,
    reason: String,
    ids: Vec<String>,
}

/// Cases known not to pass.
#[derive(Clone, Debug, Default)]
pub struct Known(BTreeMap<String, String>);

impl Known {
    /// Reads the crate's own `known.toml`.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn load() -> Result<Self, KnownError> {
        Self::parse(&std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("known.toml"))?)
    }

    /// Reads a list from text.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(text: &str) -> Result<Self, KnownError> {
        let file: File = toml::from_str(text)?;
        let mut known = BTreeMap::new();
        for group in file.known {
            for id in group.ids {
                known.insert(format!("{}/{id}", group.file), group.reason.clone());
            }
        }
        Ok(Self(known))
    }

    /// Why a case is known not to pass, by its full name.
    #[must_use]
    pub fn reason(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn a_group_gives_its_reason_to_each_id() {
        let known = Known::parse("[[known]]\nfile = \"a/b\"\nreason = \"because\"\nids = [\"x\", \"y\"]\n").unwrap();
        assert_eq!(known.reason("a/b/y"), Some("because"));
        assert_eq!(known.reason("a/b/z"), None);
    }
}
