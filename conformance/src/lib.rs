//! The conformance harness: cases as data, one adapter for each file, one named test for each case.
//!
//! A case's name is `folder/file/id`. Cases come from this crate's own `data/` and from the folder that `ARGO_CONFORMANCE_DIR` names.
//!
//! ```
//! use argo_conformance::{Outcome, adapters};
//!
//! let case = serde_json::json!({"wf": "retry-ok", "node_name": "retry-ok(0)", "node_id": "retry-ok-1316762405"});
//! let ctx = argo_conformance::Ctx::empty();
//! let run = adapters::find("workflows/node_ids").expect("an adapter");
//! assert_eq!(run("workflows/node_ids", &case, &ctx), Outcome::Pass);
//! ```

pub mod adapters;
pub mod cases;
pub mod known;
pub mod report;

pub use cases::{Case, CaseFile, Ctx, LoadError};

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As upstream.
    Pass,
    /// Not as upstream; the difference.
    Fail(String),
    /// Not asked; why.
    Skip(String),
}

/// Runs one case: file name (`workflows/validate`), the case, and the folder it came from.
pub type Adapter = fn(file: &str, case: &serde_json::Value, ctx: &Ctx) -> Outcome;

/// Runs a case, turning a panic into a failure so that one case cannot hide the others.
#[must_use]
pub fn run_case(adapter: Adapter, file: &str, case: &Case, ctx: &Ctx) -> Outcome {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| adapter(file, &case.value, ctx))).unwrap_or_else(|panic| {
        let message =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Outcome::Fail(format!("panicked: {message}"))
    })
}
