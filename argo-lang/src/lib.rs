//! The languages of Argo manifests. Each is parsed once into a program that runs many times; errors carry the place; every run is bounded in steps, depth and
//! sizes, so that no text, however hostile, hangs or aborts the program around it.
//!
//! | module | where manifests use it | feature |
//! |---|---|---|
//! | [`tags`] | `{{name}}` and `{{=expression}}` in any text of a template | always |
//! | [`expr`] | expression tags, `expression:` of hooks, retries and `valueFrom`, `fromExpression` | always |
//! | [`sprig`] | functions of expressions and Go templates | always |
//! | [`when`], [`govaluate`] | `when:` of steps and tasks; of cron workflows, event filters | always |
//! | [`depends`], [`sequence`] | `depends:` of DAG tasks, `withSequence` | always |
//! | [`cron`] | schedules of cron workflows, sync windows, calendar events | `cron` |
//! | [`jsonpath`] | `valueFrom.jsonPath`, printer columns | `jsonpath` |
//! | [`gjson`], [`sjson`] | resource conditions, filters and parameters of events | `gjson` |
//! | [`jq`] | `ignoreDifferences`, `valueFrom.jqFilter`, transforms of events | `jq` |
//! | [`glob`] | names of projects, destinations and topics with wildcards | `glob` |
//! | [`gotemplate`] | ApplicationSets, notifications | `gotemplate` |
//! | [`fasttemplate`] | ApplicationSets without Go templates | `fasttemplate` |
//! | [`lua`] | health checks, resource actions, filters and transforms of events | `lua` |
//!
//! Programs print (`Display`) in a normal form that reads back as the same program (`==`, which leaves out places and brackets that are not needed); Lua
//! scripts and gjson paths do not.
//!
//! All features are on by default and none brings C code. Nothing here reads a clock, a file or the environment: time and randomness come with the run's [`Env`].
//!
//! ```
//! use argo_lang::{Budget, Value, expr::Program};
//!
//! let program = Program::parse("asInt(retries) < 3 && lastRetry.exitCode != '0'").unwrap();
//! let env = |name: &str| match name {
//!     "retries" => Some(Value::from("2")),
//!     "lastRetry" => Some(Value::from(serde_json::json!({"exitCode": "1"}))),
//!     _ => None,
//! };
//! assert_eq!(program.run(&env, &Budget::default()).unwrap(), Value::Bool(true));
//! ```

// With some languages left out, helpers that only they use are left over.
#![cfg_attr(not(feature = "full"), allow(dead_code))]

mod budget;
#[cfg(feature = "cron")]
pub mod cron;
mod cursor;
pub mod depends;
mod error;
pub mod expr;
#[cfg(feature = "fasttemplate")]
pub mod fasttemplate;
#[cfg(feature = "gjson")]
pub mod gjson;
#[cfg(feature = "glob")]
pub mod glob;
pub mod go;
#[cfg(feature = "gotemplate")]
pub mod gotemplate;
pub mod govaluate;
#[cfg(feature = "jq")]
pub mod jq;
#[cfg(feature = "jsonpath")]
pub mod jsonpath;
#[cfg(feature = "lua")]
pub mod lua;
mod methods;
mod nearest;
mod print;
pub mod sequence;
#[cfg(feature = "gjson")]
pub mod sjson;
pub mod span;
pub mod sprig;
pub mod tags;
mod value;
pub mod when;

pub use budget::{Budget, Limit};
pub use error::{Cause, Fault, ParseError, RunError};
pub use span::Span;
pub use value::{Env, Function, Object, Value};
