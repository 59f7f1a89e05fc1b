//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::{BUDGET, none};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(p) = argo_lang::govaluate::Program::parse(text, &|_: &str| None) { let _ = p.run(&none, &BUDGET); }
});
