//! Large texts of anything end in an answer, for every language: no hang, no overflow of the stack.

use argo_lang::jsonpath::Missing;
use argo_lang::lua::Libraries;
use argo_lang::{Value, cron, depends, expr, fasttemplate, gjson, gotemplate, govaluate, jq, jsonpath, lua, sjson, tags, when};

/// The same holds for ten megabytes, which takes minutes without optimisation.
const SIZE: usize = 200_000;

fn none(_: &str) -> Option<Value> {
    None
}

fn all(text: &str) {
    let _ = expr::Program::parse(text).map(|p| p.evaluate(&none));
    let _ = tags::Template::parse(text).map(|t| t.render(&none, tags::Policy::KeepUnknown));
    let _ = when::holds(text);
    let _ = govaluate::Program::parse(text, &|_: &str| None).map(|p| p.run(&none));
    let _ = depends::Logic::parse(text);
    let _ = cron::Schedule::parse(text);
    let _ = fasttemplate::Template::parse_lenient(text, "{{", "}}").map(|t| t.execute(|_| None));
    let _ = gotemplate::Program::parse(text).map(|p| p.run(&Value::Nil, &none));
    let _ = jsonpath::Program::parse(text).map(|p| p.run(&Value::Nil, Missing::Nothing));
    let _ = gjson::get(r#"{"a":[1,{"b":2}]}"#, text);
    let _ = gjson::get(text, "a.#.b|@pretty").exists();
    let _ = sjson::set_raw(text, "a.b", "1");
    let _ = jq::Program::parse(text).map(|p| p.run(&Value::Nil, &none));
    let _ = lua::Program::parse(text).map(|p| p.run(&[], Libraries::Open, &none));
}

#[test]
fn large_texts_end() {
    for piece in ["(", "[", "{{", "{{a}} ", "1+", "a.", "\"", "a,", "-", "\\", "é", "#(", "\n", "if a then ", "{{$x := 1}}"] {
        let text = piece.repeat(SIZE / piece.len());
        all(&text);
    }
}
