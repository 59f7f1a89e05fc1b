//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::{BUDGET, none, reads_back};
use argo_lang::govaluate::Program;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parse = |text: &str| Program::parse(text, &|_: &str| None);
    if let Ok(program) = parse(text) {
        let _ = program.run(&none, &BUDGET);
        reads_back(&program, parse);
    }
});
