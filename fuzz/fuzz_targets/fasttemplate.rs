//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::{BUDGET, reads_back};
use argo_lang::fasttemplate::Template;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parse = |text: &str| Template::parse_lenient(text, "{{", "}}");
    if let Ok(template) = parse(text) {
        let _ = template.execute_keeping(|_| None, &BUDGET);
        reads_back(&template, parse);
    }
});
