//! The functions of Masterminds/sprig 3.3, shared by expressions (`sprig.trim(x)`) and Go templates (`{{ trim .x }}`).
//!
//! ```
//! let trunc = argo_lang::sprig::find("trunc").unwrap();
//! let none = |_: &str| None;
//! let arguments = [argo_lang::Value::Int(3), argo_lang::Value::from("abcdef")];
//! assert_eq!(trunc.call(&none, &arguments).unwrap().as_str(), Some("abc"));
//! ```
//!
//! Not there on purpose: `env`, `expandenv`, `getHostByName` (they look outside; CD takes them out too), and what makes keys and certificates or encrypts
//! (`genCA`, `genPrivateKey`, `encryptAES`, …). Time (`now`, `ago`) and randomness (`uuidv4`, `randAlpha`, `shuffle`) come from
//! the run's [`Env`]. Maps are values: `set`, `unset` and `merge` give the changed map (templates write it back to the variable that was named).

use std::sync::OnceLock;

use crate::{Env, Function, Value};

pub(crate) mod args;
mod cases;
pub(crate) mod dates;
mod dicts;
pub(crate) mod encode;
pub(crate) mod lists;
mod numbers;
pub(crate) mod regexes;
mod secrets;
pub mod semver;
mod strings;
mod urls;

pub use args::{Kind, empty};

/// Deepest value that a function makes.
const MOST_NESTING: usize = 500;
/// Largest text or list that a function makes.
pub(crate) const MOST_SIZE: usize = 10_000_000;

pub(crate) type Done = Result<Value, String>;
type Body = fn(&dyn Env, &[Value]) -> Done;

/// One function with the kinds of its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    signature: &'static str,
    /// Steps of a budget that a call costs.
    pub cost: u64,
    body: Body,
}

/// Why arguments do not fit a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The number of arguments.
    Count {
        /// How many there must be (at least, if variadic).
        wanted: usize,
        /// Whether more are allowed.
        variadic: bool,
        /// How many there are.
        got: usize,
    },
    /// The kind of one argument.
    Kind {
        /// Which, from 0.
        index: usize,
        /// What it must be.
        wanted: Kind,
    },
}

impl Entry {
    /// The kinds of the parameters; the last one repeats if the function is variadic.
    #[must_use]
    pub fn parameters(&self) -> (Vec<Kind>, bool) {
        let variadic = self.signature.ends_with('*');
        (self.signature.trim_end_matches('*').chars().map(Kind::of).collect(), variadic)
    }

    /// Checks number and kinds of arguments.
    ///
    /// # Errors
    /// The first that does not fit.
    pub fn check(&self, arguments: &[Value]) -> Result<(), Misfit> {
        let (kinds, variadic) = self.parameters();
        let wanted = kinds.len() - usize::from(variadic);
        if arguments.len() < wanted || (!variadic && arguments.len() > wanted) {
            return Err(Misfit::Count { wanted, variadic, got: arguments.len() });
        }
        for (index, argument) in arguments.iter().enumerate() {
            let Some(kind) = kinds.get(index).or(kinds.last()) else { break };
            if !kind.fits(argument) {
                return Err(Misfit::Kind { index, wanted: *kind });
            }
        }
        Ok(())
    }

    /// Calls it; the arguments are checked first.
    ///
    /// # Errors
    /// When the arguments do not fit, or as the function says.
    pub fn call(&self, env: &dyn Env, arguments: &[Value]) -> Result<Value, String> {
        match self.check(arguments) {
            Ok(()) => {
                let value = (self.body)(env, arguments)?;
                if value.nests_deeper_than(MOST_NESTING) { Err("the value is nested too deeply".to_owned()) } else { Ok(value) }
            }
            Err(Misfit::Count { wanted, variadic, got }) => {
                let least = if variadic { "at least " } else { "" };
                Err(format!("invalid number of arguments: expected {least}{wanted}, got {got}"))
            }
            Err(Misfit::Kind { index, wanted }) => {
                let got = arguments.get(index).map_or("nothing", Value::kind);
                Err(format!("{}: cannot use {got} as {wanted}", self.name))
            }
        }
    }
}

const TABLES: [&[Entry]; 9] =
    [secrets::TABLE, strings::TABLE, cases::TABLE, numbers::TABLE, lists::TABLE, dicts::TABLE, dates::TABLE, encode::TABLE, regexes::TABLE];

/// All functions.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    TABLES.into_iter().flatten().chain(urls::TABLE).chain(semver::TABLE)
}

/// The function of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.name == name)
}

/// Steps of a budget that a call of a function costs: more than one for what is slow on purpose.
pub(crate) fn cost(name: &str) -> u64 {
    secrets::TABLE.iter().find(|entry| entry.name == name).map_or(1, |entry| entry.cost)
}

/// All functions as a map of values, as expressions see it under `sprig`.
#[must_use]
pub fn map() -> &'static Value {
    static MAP: OnceLock<Value> = OnceLock::new();
    MAP.get_or_init(|| {
        Value::map(all().map(|e| (e.name, Value::from(Function::new(e.name, move |env, arguments| e.call(env, arguments))))))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{all, find};
    use crate::Value;

    #[test]
    fn names_are_unique_and_arguments_are_checked() {
        let names: BTreeSet<_> = all().map(|e| e.name).collect();
        assert_eq!(names.len(), all().count());
        let env = |_: &str| None;
        for entry in all() {
            // No argument at all, and too many odd ones, must not panic.
            let _ = entry.call(&env, &[]);
            for odd in [Value::Nil, Value::Int(-1), Value::Int(i64::MIN), Value::from("é"), Value::from(Vec::new()), Value::Float(f64::NAN)]
            {
                for count in 1..4 {
                    let _ = (entry.body)(&env, &vec![odd.clone(); count]);
                }
            }
        }
        assert!(find("env").is_none());
    }
}
