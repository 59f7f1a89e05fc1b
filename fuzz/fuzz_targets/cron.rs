//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(s) = argo_lang::cron::Schedule::parse(text) { let at = argo_lang::go::time::zero(); let _ = s.next(&at); let _ = s.previous(&at); }
});
