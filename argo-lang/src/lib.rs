//! The languages of Argo manifests. Each is parsed once into a program that runs many times; errors carry the place.
//!
//! | module | where manifests use it |
//! |---|---|
//! | [`tags`] | `{{name}}` and `{{=expression}}` in any text of a template |
//! | [`expr`] | expression tags, `expression:` of hooks, retries and `valueFrom`, `fromExpression` |
//! | [`when`] | `when:` of steps and tasks |
//! | [`depends`] | `depends:` of DAG tasks |
//! | [`sequence`] | `withSequence` |
//!
//! ```
//! use argo_lang::{Value, expr::Program};
//!
//! let program = Program::parse("asInt(retries) < 3 && lastRetry.exitCode != '0'").unwrap();
//! let env = |name: &str| match name {
//!     "retries" => Some(Value::from("2")),
//!     "lastRetry" => Some(Value::from(serde_json::json!({"exitCode": "1"}))),
//!     _ => None,
//! };
//! assert_eq!(program.run(&env).unwrap(), Value::Bool(true));
//! ```

pub mod cron;
pub mod depends;
pub mod expr;
pub mod fasttemplate;
pub mod gjson;
pub mod go;
pub mod gotemplate;
pub mod govaluate;
pub mod jq;
pub mod jsonpath;
mod methods;
pub mod sequence;
pub mod sjson;
pub mod span;
pub mod sprig;
pub mod tags;
mod value;
pub mod when;

pub use span::{ParseError, Span};
pub use value::{Env, Function, Object, Value};
