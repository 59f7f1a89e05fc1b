//! Which names things may have.

use super::Diagnostic;

/// Longest name of a workflow or a template object: it becomes a label's value.
pub(super) const OBJECT_NAME: usize = 63;
/// Longest name of a cron workflow: a time is put after it.
pub(super) const CRON_NAME: usize = 52;
/// Longest name of a template, step or task.
const FIELD_NAME: usize = 128;

pub(super) fn too_long(what: &str, name: &str, most: usize) -> Option<Diagnostic> {
    (name.len() > most).then(|| Diagnostic {
        path: "metadata.name".to_owned(),
        message: format!("{what} name {name:?} must not be more than {most} characters long (currently {})", name.len()),
        hint: "use a shorter name, or generateName".to_owned(),
    })
}

/// Why it cannot be the name of a template, step, task or container; empty when it can.
pub(super) fn field(name: &str) -> String {
    let mut wrong = Vec::new();
    if name.len() > FIELD_NAME {
        wrong.push(format!("must be no more than {FIELD_NAME} characters"));
    }
    let fits = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !fits {
        wrong.push(
            "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character (e.g. My-name1-2, 123-NAME)"
                .to_owned(),
        );
    }
    wrong.join(";")
}

/// Why it cannot be the name of a parameter or artifact; empty when it can.
pub(super) fn argument(name: &str) -> &'static str {
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if fits { "" } else { "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1" }
}

/// What is wrong with the names of a list: index and the words after the list's own name. `rule` says why one name is wrong.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>, rule: impl Fn(&str) -> String) -> Vec<(usize, String)> {
    let mut seen = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let wrong = rule(name);
        if name.is_empty() {
            found.push((index, format!("[{index}].name is required")));
        } else if !wrong.is_empty() {
            found.push((index, format!("[{index}].name: '{name}' is invalid: {wrong}")));
        } else if !seen.insert(name) {
            found.push((index, format!("[{index}].name '{name}' is not unique")));
        }
    }
    found
}
