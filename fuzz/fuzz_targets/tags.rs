//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::{none, reads_back};
use argo_lang::tags::{Policy, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(template) = Template::parse(text) {
        let _ = template.render(&none, Policy::RefuseUnknown).map_err(|error| error.render(text));
        reads_back(&template, Template::parse);
    }
});
