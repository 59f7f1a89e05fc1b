//! YAML and patches, against recordings of the reference libraries.

use argo_core::{patch, yaml};
use serde_json::Value;

use crate::{Ctx, Outcome};

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case.pointer(&format!("/in/{key}")).and_then(Value::as_str).unwrap_or_default()
}

fn judge(case: &Value, got: Result<String, String>) -> Outcome {
    let expected = case.get("out").and_then(Value::as_str);
    match (case.get("error"), expected, got) {
        (Some(_), _, Err(_)) => Outcome::Pass,
        (Some(error), _, Ok(got)) => Outcome::Fail(format!("gave {got}, expected the error {error}")),
        (None, _, Err(error)) => Outcome::Fail(format!("failed: {error}")),
        (None, Some(expected), Ok(got)) if expected == got || same_json(expected, &got) => Outcome::Pass,
        (None, expected, Ok(got)) => Outcome::Fail(format!("gave {got:?}, expected {expected:?}")),
    }
}

// Key order and escapes inside JSON texts are Go's; what is compared is the value.
fn same_json(a: &str, b: &str) -> bool {
    matches!((serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)), (Ok(a), Ok(b)) if a == b)
}

fn first(text: &str, duplicates: yaml::Duplicates) -> Result<Value, String> {
    let documents = yaml::parse(text, duplicates).map_err(|e| e.to_string())?;
    Ok(documents.into_iter().next().map_or(Value::Null, |d| d.value))
}

pub(super) fn yaml(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let source = text(case, "yaml");
    let got = match text(case, "op") {
        "to_json" => first(source, yaml::Duplicates::LastWins).map(|v| v.to_string()),
        "to_json_strict" => first(source, yaml::Duplicates::Refuse).map(|v| v.to_string()),
        "round_trip" => first(source, yaml::Duplicates::LastWins).and_then(|v| yaml::to_string(&v).map_err(|e| e.to_string())),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    judge(case, got)
}

pub(super) fn jsonpatch(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let read = |key: &str| serde_json::from_str::<Value>(text(case, key)).map_err(|e| format!("{key}: {e}"));
    let got = match text(case, "op") {
        "merge" => read("doc").and_then(|mut doc| {
            patch::merge::apply(&mut doc, &read("patch")?);
            Ok(doc.to_string())
        }),
        "create_merge" => read("doc").and_then(|doc| Ok(patch::merge::create(&doc, &read("target")?).to_string())),
        other => return Outcome::Skip(format!("operation {other} is not built")),
    };
    judge(case, got)
}

pub(super) fn strategic(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let read = |key: &str| match case.pointer(&format!("/in/{key}")) {
        Some(Value::String(text)) => serde_json::from_str::<Value>(text).map_err(|e| format!("{key}: {e}")),
        other => Ok(other.cloned().unwrap_or_default()),
    };
    if text(case, "op") != "apply" {
        return Outcome::Skip("making strategic patches is not built".to_owned());
    }
    let got = read("base").and_then(|mut doc| {
        patch::strategic::apply(&mut doc, &read("patch")?);
        Ok(doc.to_string())
    });
    judge(case, got)
}
