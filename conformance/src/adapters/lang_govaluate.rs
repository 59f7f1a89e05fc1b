//! govaluate, fasttemplate.

use serde_json::Value as Json;

use super::lang::judge;
use crate::{Ctx, Outcome};

pub(super) fn govaluate(_file: &str, case: &Json, _ctx: &Ctx) -> Outcome {
    if case.pointer("/in/mode").and_then(Json::as_str) != Some("argo") {
        return Outcome::Skip("the language with parameters and functions is not built".to_owned());
    }
    let got = argo_lang::when::evaluate(case.pointer("/in/expr").and_then(Json::as_str).unwrap_or_default());
    judge(case, got.map_err(|e| ("eval", e.to_string())))
}
