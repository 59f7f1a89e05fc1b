//! What holds for any text: no language panics on it, errors point into it, and `depends` reads back as the same (the others: printing.rs).
#![allow(clippy::unwrap_used)]

use argo_lang::jsonpath::Missing;
use argo_lang::lua::Libraries;
use argo_lang::{
    Budget, ParseError, RunError, Value, cron, depends, expr, fasttemplate, gjson, glob, gotemplate, govaluate, jq, jsonpath, lua, sjson,
    tags, when,
};
use proptest::prelude::*;

const BUDGET: Budget = Budget { steps: 20_000, bytes: 5_000_000, depth: 1_000 };

/// Texts of the pieces that languages are made of, with some of anything between.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", "{{", "}}", "a", "b.c", ".", "..", ",", ":", ";", "|", "||", "&&", "!", "!=", "==", "<=", "=", "+", "-", "*", "/", "%",
            "?", "??", "#", "@", "$", "$x", "'", "\"", "\\", "1", "0.5", "9223372036854775807", "1e400", " ", "\n", "true", "nil", "null", "not", "in", "and", "or",
            "if", "then", "else", "end", "for", "do", "while", "return", "function", "local", "def f: ", "reduce", "as", "map", "filter", "range", "@every ", "*/5",
            "{{=", "{{range", "{{end}}", "?(@.", "[*]", "sprig.", "printf", "\"%d\"", "@base64", "input", "len", "TZ=UTC ", "Succeeded", "=~", "**",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn env(name: &str) -> Option<Value> {
    matches!(name, "a" | "b" | "x").then(|| Value::from(serde_json::json!({"c": [1, "x", null], "a": -1.5})))
}

fn parsed<T>(text: &str, result: Result<T, ParseError>) -> Option<T> {
    result.map_err(|e| assert!(e.span.start <= text.len() && e.render(text).contains('^'), "{e:?}")).ok()
}

fn ran<T>(text: &str, result: Result<T, RunError>) -> Option<T> {
    result.map_err(|e| assert!(e.span.start <= text.len() && e.render(text).contains('^'), "{e:?}")).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_language_panics(text in text()) {
        let data = env("a").unwrap();
        parsed(&text, expr::Program::parse(&text)).and_then(|p| { let _ = p.check_env(&env); ran(&text, p.run(&env, &BUDGET)) });
        let _ = tags::Template::parse(&text).unwrap().render(&env, tags::Policy::RefuseUnknown).map_err(|e| e.render(&text));
        let _ = when::evaluate(&text, &BUDGET).map_err(|e| e.render(&text));
        parsed(&text, govaluate::Program::parse(&text, &|_: &str| None)).and_then(|p| ran(&text, p.run(&env, &BUDGET)));
        parsed(&text, gotemplate::Program::parse(&text)).and_then(|p| ran(&text, p.run(&data, &env, &BUDGET)));
        parsed(&text, jsonpath::Program::parse(&text)).and_then(|p| ran(&text, p.run(&data, Missing::Error, &BUDGET)));
        parsed(&text, jq::Program::parse(&text)).and_then(|p| ran(&text, p.run(&data, &env, &BUDGET)));
        parsed(&text, lua::Program::parse(&text)).and_then(|p| ran(&text, p.run(&[("a", data.clone())], Libraries::Open, &env, &BUDGET)));
        parsed(&text, fasttemplate::Template::parse(&text, "{{", "}}")).and_then(|t| ran(&text, t.execute_strict(|_| None, &BUDGET)));
        parsed(&text, glob::Pattern::parse(&text, &['/'])).map(|p| p.matches(&text));
        parsed(&text, cron::Schedule::parse(&text));
        parsed(&text, cron::exclusions(&text));
        ran(&text, gjson::get(r#"{"a":[1,{"b":{"c":"x"}}]}"#, &text, &BUDGET));
        ran("a.b", gjson::get(&text, "a.b", &BUDGET));
        ran(&text, sjson::set(r#"{"a":[1,{"b":2}]}"#, &text, &data, &BUDGET));
        ran(&text, sjson::delete(r#"{"a":[1,{"b":2}]}"#, &text, &BUDGET));
        let _ = argo_lang::go::json::decode(&text);
    }

    #[test]
    fn depends_reads_back(text in "(!?\\(?[ab](\\.Failed|\\.Succeeded)?\\)?( && | \\|\\| )?){1,6}") {
        if let Ok(logic) = depends::Logic::parse(&text) {
            prop_assert_eq!(depends::Logic::parse(&logic.to_string()), Ok(logic));
        }
    }
}
