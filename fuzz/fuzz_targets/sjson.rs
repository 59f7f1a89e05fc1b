//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::BUDGET;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (path, doc) = text.split_once('\n').unwrap_or((text, r#"{"a":[1,{"b":2}]}"#));
    let _ = argo_lang::sjson::set_raw(doc, path, "1", &BUDGET);
    let _ = argo_lang::sjson::delete(doc, path, &BUDGET);
});
