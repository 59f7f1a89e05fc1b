//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(p) = argo_lang::glob::Pattern::parse(text, &['/']) { let _ = p.matches(text); }
});
