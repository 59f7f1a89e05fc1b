//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (a, b) = text.split_once('\n').unwrap_or((text, "null"));
    if let (Ok(a), Ok(b)) = (serde_json::from_str::<serde_json::Value>(a), serde_json::from_str::<serde_json::Value>(b)) {
        let mut merged = a.clone();
        argo_core::patch::merge::apply(&mut merged, &b);
        let mut strategic = a.clone();
        argo_core::patch::strategic::apply(&mut strategic, &b);
        if let Ok(operations) = argo_core::patch::json::parse(&b) {
            let mut patched = a;
            let _ = argo_core::patch::json::apply(&mut patched, &operations);
        }
    }
});
