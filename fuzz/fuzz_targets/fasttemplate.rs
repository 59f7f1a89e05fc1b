//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::BUDGET;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(t) = argo_lang::fasttemplate::Template::parse_lenient(text, "{{", "}}") { let _ = t.execute_keeping(|_| None, &BUDGET); }
});
