//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::{BUDGET, none, reads_back};
use argo_lang::expr::Program;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(program) = Program::parse(text) {
        let _ = program.check_env(&none);
        let _ = program.run(&none, &BUDGET);
        reads_back(&program, Program::parse);
    }
});
