//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::BUDGET;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (path, doc) = text.split_once('\n').unwrap_or((text, r#"{"a":[1,{"b":2}]}"#));
    if let Ok(f) = argo_lang::gjson::get(doc, path, &BUDGET) {
        let _ = (f.text(), f.value(), f.array().len());
    }
});
