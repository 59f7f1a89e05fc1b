//! The commands, a module each.

pub mod control;
pub mod delete;
pub mod get;
pub mod kinds;
pub mod lang;
pub mod lint;
pub mod list;
pub mod logs;
pub mod retry;
pub mod run;
pub mod submit;
pub mod up;
pub mod watch;

use std::io::Write;

use argo_core::workflows::Workflow;
use argo_kube::crd;
use clap::Args;
use kube::api::ListParams;

use crate::failure::{Code, Failure, Outcome};
use crate::session::Session;

/// Which workflows a command is about: by name, or by selector.
#[derive(Args, Clone, Debug, Default)]
pub struct Targets {
    /// Workflow names; `@latest` is the newest.
    #[arg(value_name = "WORKFLOW")]
    pub names: Vec<String>,
    /// All whose labels match, such as `app=x,stage!=test`.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// All whose fields match, such as `metadata.name=x`.
    #[arg(long, value_name = "SELECTOR")]
    pub field_selector: Option<String>,
}

impl Targets {
    /// The names of the workflows that are meant.
    pub async fn resolve(&self, session: &Session) -> Outcome<Vec<String>> {
        if self.names.is_empty() && self.selector.is_none() && self.field_selector.is_none() {
            return Err(Failure::new(Code::Usage, "no workflow is named").hint("give names, `@latest`, or a selector with -l"));
        }
        let mut names = Vec::new();
        for name in &self.names {
            names.push(session.resolve(name).await?);
        }
        if self.selector.is_some() || self.field_selector.is_some() {
            let found: Vec<Workflow> = session.list(&crd::WORKFLOW, &session.namespace, &self.params()).await?;
            if found.is_empty() && names.is_empty() {
                return Err(Failure::new(Code::Failed, "no workflow matches the selector"));
            }
            names.extend(found.into_iter().map(|w| w.metadata.name));
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }

    fn params(&self) -> ListParams {
        ListParams { label_selector: self.selector.clone(), field_selector: self.field_selector.clone(), ..ListParams::default() }
    }
}

/// Prints lines.
pub fn print(lines: &[String]) -> Outcome {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

/// Prints a text as it is.
pub fn print_text(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Five letters and digits that nobody else has, for names; the letters are those Kubernetes uses.
pub fn suffix() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    // A hasher's keys are random for each process, and differ each time.
    let mut random = RandomState::new().build_hasher().finish();
    let mut suffix = String::new();
    let base = u64::try_from(LETTERS.len()).unwrap_or(1);
    for _ in 0..5 {
        let at = usize::try_from(random.checked_rem(base).unwrap_or_default()).unwrap_or_default();
        suffix.extend(LETTERS.get(at).map(|letter| char::from(*letter)));
        random = random.checked_div(base).unwrap_or_default();
    }
    suffix
}

#[cfg(test)]
mod tests {
    #[test]
    fn suffixes_differ() {
        let (a, b) = (super::suffix(), super::suffix());
        assert!(a.len() == 5 && b.len() == 5 && a != b, "{a} {b}");
    }
}
