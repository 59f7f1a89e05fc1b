//! Go templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_lang::gotemplate::{Missing, Program};
use argo_lang::{Budget, Function, Object, Value};
use serde_json::Value as Json;

use super::lang::{Names, side, tagged, text};
use super::lang_govaluate::judge_json;
use crate::{Ctx, Outcome};

/// The recorder's struct.
#[derive(Debug)]
struct Typed;

impl Object for Typed {
    fn type_name(&self) -> &str {
        "main.typed"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Name" => Some("ann".into()),
            "Age" => Some(Value::Int(3)),
            _ => None,
        }
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "Greet" | "Add" | "Fail")
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let wanted = usize::from(name == "Add") * 2;
        if arguments.len() != wanted {
            return Some(Err(format!("wrong number of args for {name}: want {wanted} got {}", arguments.len())));
        }
        Some(match (name, arguments) {
            ("Greet", _) => Ok("hi ann".into()),
            ("Add", [Value::Int(a), Value::Int(b)]) => Ok(Value::Int(a + b)),
            ("Fail", _) => Err("method failed".to_owned()),
            _ => Err("wrong type for value; expected int".to_owned()),
        })
    }

    fn json(&self) -> Option<Json> {
        Some(serde_json::json!({"name": "ann", "age": 3}))
    }

    fn text(&self) -> String {
        "{ann 3}".to_owned()
    }
}

pub(super) fn template(_file: &str, case: &Json, ctx: &Ctx) -> Outcome {
    let data = match side(ctx, "lang/template.data.json") {
        Ok(data) => tagged(&data).unwrap_or_default(),
        Err(error) => return Outcome::Fail(error),
    };
    let Value::Map(map) = data else { return Outcome::Fail("template.data.json is no map".to_owned()) };
    let mut map = map.as_ref().clone();
    map.insert("typed".into(), Value::Object(Arc::new(Typed)));
    let function = Function::new("fn", |_, a| match a {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(a * 10 + b)),
        _ => Err("wrong arguments".to_owned()),
    });
    map.insert("fn".into(), function.into());
    let missing = match text(case, "/in/missingkey") {
        "zero" => Missing::Zero,
        "error" => Missing::Error,
        _ => Missing::Default,
    };
    let got = Program::parse(text(case, "/in/template")).map_err(|e| ("parse", e.message)).and_then(|p| {
        p.missing(missing)
            .run(&Value::Map(Arc::new(map)), &Names(BTreeMap::new()), &Budget::default())
            .map(Json::from)
            .map_err(|e| ("eval", e.message))
    });
    judge_json(case, got)
}
