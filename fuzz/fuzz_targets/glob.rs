//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::reads_back;
use argo_lang::glob::Pattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parse = |text: &str| Pattern::parse(text, &['/']);
    if let Ok(pattern) = parse(text) {
        let _ = pattern.matches(text);
        reads_back(&pattern, parse);
    }
});
