//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::{BUDGET, document, none, reads_back};
use argo_lang::gotemplate::Program;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(program) = Program::parse(text) {
        let _ = program.run(&document(), &none, &BUDGET);
        reads_back(&program, Program::parse);
    }
});
