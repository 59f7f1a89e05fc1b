//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::{BUDGET, document};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(p) = argo_lang::jsonpath::Program::parse(text) { let _ = p.run(&document(), argo_lang::jsonpath::Missing::Error, &BUDGET); }
});
