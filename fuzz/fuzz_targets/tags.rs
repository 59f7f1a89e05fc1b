//! Nothing here panics, hangs or overflows.
#![no_main]

use argo_fuzz::none;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(t) = argo_lang::tags::Template::parse(text) { let _ = t.render(&none, argo_lang::tags::Policy::RefuseUnknown).map_err(|e| e.render(text)); }
});
