//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::{BUDGET, document, none};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(p) = argo_lang::gotemplate::Program::parse(text) { let _ = p.run(&document(), &none, &BUDGET); }
});
