//! What a run may use: the same for every language.

use std::cell::Cell;
use std::fmt;

/// Bounds of a run. Hostile programs end in an error with [`Cause::Limit`](crate::Cause::Limit) instead of using more.
///
/// ```
/// use argo_lang::{Budget, Cause, Limit, jq::Program};
///
/// let budget = Budget { steps: 10_000, ..Budget::default() };
/// let error = Program::parse("[limit(1e9; repeat(1))]").unwrap().run(&argo_lang::Value::Nil, &|_: &str| None, &budget).unwrap_err();
/// assert_eq!(error.cause, Cause::Limit(Limit::Steps));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps of work; one is a fraction of a microsecond.
    pub steps: u64,
    /// Bytes of the texts, lists and maps that the run makes, those it no longer needs included.
    pub bytes: usize,
    /// Calls within calls, and operations within operations. Languages that recurse on the thread's stack have a ceiling below the default, which a stack of
    /// 2 MB holds; more than that is not to be had.
    pub depth: usize,
}

/// Some tenths of a second, 256 MB, and the depth that a stack of 2 MB holds.
impl Default for Budget {
    fn default() -> Self {
        Self { steps: 5_000_000, bytes: 256_000_000, depth: 1_000 }
    }
}

/// Which bound was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Budget::steps`].
    Steps,
    /// [`Budget::bytes`].
    Memory,
    /// [`Budget::depth`].
    Depth,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steps => "takes too many steps",
            Self::Memory => "takes too much memory",
            Self::Depth => "is nested too deeply",
        })
    }
}

/// What is left of a budget.
#[derive(Debug)]
pub(crate) struct Meter {
    steps: Cell<u64>,
    bytes: Cell<usize>,
    depth: Cell<usize>,
}

impl Meter {
    /// A full budget; `ceiling` is the depth that the language's recursion can have at most.
    pub(crate) fn new(budget: &Budget, ceiling: usize) -> Self {
        Self { steps: Cell::new(budget.steps), bytes: Cell::new(budget.bytes), depth: Cell::new(budget.depth.min(ceiling)) }
    }

    /// Takes steps.
    pub(crate) fn step(&self, cost: u64) -> Result<(), Limit> {
        let left = self.steps.get().checked_sub(cost.max(1));
        self.steps.set(left.unwrap_or(0));
        left.map(drop).ok_or(Limit::Steps)
    }

    /// Takes memory, and the steps of filling it.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), Limit> {
        let left = self.bytes.get().checked_sub(bytes);
        self.bytes.set(left.unwrap_or(0));
        left.ok_or(Limit::Memory)?;
        self.step(u64::try_from(bytes / 64).unwrap_or(u64::MAX))
    }

    /// Goes one level deeper; [`Meter::leave`] comes back.
    pub(crate) fn enter(&self) -> Result<(), Limit> {
        let left = self.depth.get().checked_sub(1).ok_or(Limit::Depth)?;
        self.depth.set(left);
        Ok(())
    }

    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_add(1));
    }
}
