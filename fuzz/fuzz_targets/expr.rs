//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::{BUDGET, none};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(p) = argo_lang::expr::Program::parse(text) { let _ = p.check_env(&none); let _ = p.run(&none, &BUDGET); }
});
