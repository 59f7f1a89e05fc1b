//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::{BUDGET, reads_back};
use argo_lang::when::{self, WhenError};
use argo_lang::{ParseError, Span};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = when::evaluate(text, &BUDGET);
    if let Ok(program) = when::parse(text) {
        reads_back(&program, |text| {
            when::parse(text).map_err(|error| match error {
                WhenError::Parse(error) => error,
                other => ParseError::new(other.to_string(), Span::default()),
            })
        });
    }
});
