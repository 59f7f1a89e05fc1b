//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::BUDGET;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = argo_lang::when::evaluate(text, &BUDGET);
});
