//! Small pieces of Go's standard library that the languages of manifests let through: verbs of `fmt`, layouts of `time`, JSON as
//! `encoding/json` writes it.

mod duration;
pub mod json;
pub mod print;
pub mod strftime;
pub mod text;
pub mod time;
pub mod zone;
