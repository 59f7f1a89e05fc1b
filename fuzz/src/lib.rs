//! What the targets share.

use argo_lang::{Budget, ParseError, Value};

/// Small, so that no input takes long.
pub const BUDGET: Budget = Budget { steps: 50_000, bytes: 10_000_000, depth: 1_000 };

/// An environment without names.
pub fn none(_: &str) -> Option<Value> {
    None
}

/// A document with something of everything.
pub fn document() -> Value {
    Value::from(serde_json::json!({
        "metadata": {"name": "web", "labels": {"app": "web", "a.b/c": "x"}},
        "spec": {"replicas": 3, "containers": [{"name": "a", "ports": [80, 443]}, {"name": "b", "f": 1.5, "on": true, "none": null}]},
        "text": "2024-02-29T12:00:00Z", "items": [1, 2, 3, [4, [5]]],
    }))
}

/// What a program prints must read back as the same, unless the brackets that it needs are more than may be nested.
pub fn reads_back<T: PartialEq + std::fmt::Display>(program: &T, parse: impl Fn(&str) -> Result<T, ParseError>) {
    let printed = program.to_string();
    match parse(&printed) {
        Ok(again) => assert!(again == *program, "{printed}"),
        Err(error) => assert!(error.message.contains("too "), "{printed}: {error}"),
    }
}
