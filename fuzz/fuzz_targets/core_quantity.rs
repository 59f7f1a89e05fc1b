//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(q) = text.parse::<argo_core::quantity::Quantity>() { let written = q.to_string(); let again: argo_core::quantity::Quantity = written.parse().unwrap(); assert_eq!(again.to_string(), written); let _ = q.add(&again); }
});
