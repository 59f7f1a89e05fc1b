//! Label and field selectors.
//!
//! ```
//! use argo_core::selector::LabelSelector;
//! use std::collections::BTreeMap;
//!
//! let selector: LabelSelector = "app in (web, db), !draining".parse().unwrap();
//! let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
//! assert!(selector.matches(&labels));
//! assert_eq!(selector.to_string(), "app in (db,web),!draining");
//! ```

mod field;
mod label;
mod parse;

pub use field::{FieldSelector, FieldSelectorError, FieldTerm};
pub use label::{InvalidRequirement, LabelSelector, LabelSelectorError, Operator, Requirement};
