//! Large texts of anything end in an answer, for every language, on a thread with a stack of 2 MB: no hang, no overflow.

use argo_lang::jsonpath::Missing;
use argo_lang::lua::Libraries;
use argo_lang::{
    Budget, Value, cron, depends, expr, fasttemplate, gjson, glob, gotemplate, govaluate, jq, jsonpath, lua, sjson, tags, when,
};

const BRACKETS: usize = 100_000;
const LARGE: usize = 10_000_000;
/// Less than the default: without optimisation a step takes ten times as long.
const BUDGET: Budget = Budget { steps: 200_000, bytes: 50_000_000, depth: 1_000 };

type Language = (&'static str, fn(&str));

fn none(_: &str) -> Option<Value> {
    None
}

/// Each language parses a text and, where it is a program, runs it; those that read data get the text as data too.
const LANGUAGES: [Language; 15] = [
    ("expr", |text| {
        let _ = expr::Program::parse(text).map(|p| p.evaluate(&none, &BUDGET));
    }),
    ("tags", |text| {
        let _ = tags::Template::parse(text).map(|t| t.render(&none, tags::Policy::KeepUnknown));
    }),
    ("when", |text| {
        let _ = when::evaluate(text, &BUDGET);
    }),
    ("govaluate", |text| {
        let _ = govaluate::Program::parse(text, &|_: &str| None).map(|p| p.run(&none, &BUDGET));
    }),
    ("depends", |text| {
        let _ = depends::Logic::parse(text).map(|l| l.holds(&|_| true, &|_, _| true));
    }),
    ("cron", |text| {
        let _ = cron::Schedule::parse(text);
        let _ = cron::exclusions(text);
    }),
    ("glob", |text| {
        let _ = glob::Pattern::parse(text, &['/']).map(|p| p.matches(text));
    }),
    ("fasttemplate", |text| {
        let _ = fasttemplate::Template::parse_lenient(text, "{{", "}}").map(|t| t.execute(|_| None, &BUDGET));
    }),
    ("gotemplate", |text| {
        let _ = gotemplate::Program::parse(text).map(|p| p.run(&Value::Nil, &none, &BUDGET));
    }),
    ("jsonpath", |text| {
        let _ = jsonpath::Program::parse(text).map(|p| p.run(&Value::Nil, Missing::Nothing, &BUDGET));
    }),
    ("gjson", |text| {
        let _ = gjson::get(r#"{"a":[1,{"b":2}]}"#, text, &BUDGET);
        let _ = gjson::get(text, "a.#.b|@pretty", &BUDGET);
    }),
    ("sjson", |text| {
        let _ = sjson::set_raw(r#"{"a":[1,{"b":2}]}"#, text, "1", &BUDGET);
        let _ = sjson::set_raw(text, "a.b", "1", &BUDGET);
    }),
    ("jq", |text| {
        let _ = jq::Program::parse(text).map(|p| p.run(&Value::Nil, &none, &BUDGET));
    }),
    ("lua", |text| {
        let _ = lua::Program::parse(text).map(|p| p.run(&[], Libraries::Open, &none, &BUDGET));
    }),
    ("json", |text| {
        let _ = argo_lang::go::json::decode(text);
    }),
];

fn on_a_small_stack(texts: impl Fn() -> Vec<String> + Copy + Send + 'static) {
    for (name, run) in LANGUAGES {
        let body = move || texts().iter().for_each(|text| run(text));
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(body);
        assert!(thread.is_ok_and(|t| t.join().is_ok()), "{name}");
    }
}

#[test]
fn a_hundred_thousand_brackets_end() {
    on_a_small_stack(|| {
        let around = |open: &str, inner: &str, close: &str| open.repeat(BRACKETS) + inner + &close.repeat(BRACKETS);
        let pieces = ["(", "[", "{", "{{", "#(", "-(", "[?(", "if a then ", "{{if 1}}", "{\"a\":", "!", "not ", "\\", "1+", "a.", "a|"];
        let mut texts: Vec<String> = pieces.iter().map(|piece| piece.repeat(BRACKETS)).collect();
        texts.extend([around("(", "1", ")"), around("[", "1", "]"), around("{", "", "}"), format!("{{{{{}}}}}", around("(", "1", ")"))]);
        texts
    });
}

#[test]
fn ten_megabytes_end() {
    on_a_small_stack(|| ["(", "a", "é", "{{a}} ", "1+", "\n", "\"a\","].iter().map(|piece| piece.repeat(LARGE / piece.len())).collect());
}
