//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_core::json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    // Go writes 1.0 as 1, so that values may differ once; what was written does not change any more.
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let written = json::to_string(&value);
        let again: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(json::to_string(&again), written);
    }
});
