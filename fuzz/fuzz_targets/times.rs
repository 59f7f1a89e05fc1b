//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = argo_lang::go::time::parse_duration(text);
    let _ = argo_lang::go::time::parse_long_duration(text);
    let _ = argo_lang::go::strftime::format(&argo_lang::go::time::zero(), text);
});
