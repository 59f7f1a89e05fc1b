//! What the targets share.

use argo_lang::{Budget, Value};

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
