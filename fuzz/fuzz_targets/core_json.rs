//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) { let written = argo_core::json::to_string(&value); assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value); }
});
