//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(documents) = argo_core::yaml::parse_documents(text) {
        for d in documents {
            let _ = argo_core::json::to_string(&d.value);
        }
    }
});
