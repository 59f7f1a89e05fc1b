//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::{BUDGET, document, none};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(p) = argo_lang::lua::Program::parse(text) {
        let _ = p.run(&[("obj", document())], argo_lang::lua::Libraries::Open, &none, &BUDGET);
    }
});
