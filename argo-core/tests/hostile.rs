//! No text overflows the stack of a thread of 2 MB, runs without end or fills the memory.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use argo_core::quantity::Quantity;
use argo_core::selector::{FieldSelector, LabelSelector};
use argo_core::{duration, json, patch, strict, yaml};
use serde_json::{Value, json};

const DEEP: usize = 100_000;

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run);
    assert!(thread.is_ok_and(|t| t.join().is_ok()));
}

fn everything(text: &str) {
    let _ = yaml::parse_documents(text);
    let _ = strict::read(text, "x.yaml");
    let _ = serde_json::from_str::<Value>(text);
    let _ = text.parse::<Quantity>().map(|q| (q.to_string(), q.value(), q.milli_value()));
    let _ = text.parse::<LabelSelector>().map(|s| (s.to_string(), s.matches(&BTreeMap::new())));
    let _ = text.parse::<FieldSelector>().map(|s| s.to_string());
    let _ = (duration::parse(text), duration::parse_with_days(text));
}

#[test]
fn deep_texts_end() {
    on_a_small_stack(|| {
        for piece in [
            "[", "{", "{a: ", "- ", "? ", "a: [", "!!x ", "&a ", "(", "a in (", "\"", "'", "|\n ", "!", "a,", "1h", "1", "-", "e",
            "{\"a\":",
        ] {
            everything(&piece.repeat(DEEP));
        }
        everything(&("[".repeat(DEEP) + &"]".repeat(DEEP)));
        let steps = (0..2_000).fold(String::new(), |mut out, i| {
            let _ = writeln!(out, "{}a:", " ".repeat(i));
            out
        });
        everything(&steps);
    });
}

#[test]
fn aliases_are_no_bombs() {
    on_a_small_stack(|| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..30 {
            let again = vec![format!("*a{}", i - 1); 9].join(", ");
            let _ = writeln!(text, "a{i}: &a{i} [{again}]");
        }
        assert!(yaml::parse_documents(&text).is_err());
        // Each level is one deeper than the last, by one alias.
        let chain = (1..DEEP / 10).fold("a0: &a0 []\n".to_owned(), |mut out, i| {
            let _ = writeln!(out, "a{i}: &a{i} [*a{}]", i - 1);
            out
        });
        assert!(yaml::parse_documents(&chain).is_err());
        // Anchors of what is large, many times: small in text, large in what is kept.
        let nested = "&a [".repeat(400) + "x" + &"]".repeat(400);
        let _ = yaml::parse_documents(&nested);
        let merged = "a: &a {x: 1}\nb:\n".to_owned() + &"  <<: *a\n".repeat(10_000);
        let _ = yaml::parse_documents(&merged);
    });
}

/// As deep as a text that is read can be.
fn deepest() -> Value {
    (0..200).fold(json!(1), |inner, _| json!({"a": [inner]}).get("a").cloned().unwrap_or_default())
}

#[test]
fn patches_of_deep_objects_end() {
    on_a_small_stack(|| {
        let text = "{\"a\":".repeat(199) + "1" + &"}".repeat(199);
        let mut deep = yaml::parse_documents(&text).unwrap().pop().unwrap().value;
        let other = deepest();
        let _ = (json::to_string(&deep), yaml::to_string(&deep).unwrap());
        let created = patch::merge::create(&deep, &other);
        patch::merge::apply(&mut deep, &created);
        patch::strategic::apply(&mut deep, &other);
        let long = "/a".repeat(DEEP);
        let operations = json!([{"op": "add", "path": long, "value": 1}, {"op": "copy", "from": "", "path": "/a"}]);
        let _ = patch::json::parse(&operations).map(|operations| patch::json::apply(&mut deep, &operations));
        // A document that is copied into itself doubles with each operation.
        let doubling: Vec<Value> = (0..40).map(|i| json!({"op": "copy", "from": "", "path": format!("/c{i}")})).collect();
        let mut small = json!({"x": "y"});
        assert!(patch::json::parse(&json!(doubling)).and_then(|operations| patch::json::apply(&mut small, &operations)).is_err());
    });
}
