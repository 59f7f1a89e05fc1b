//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(s) = text.parse::<argo_core::selector::LabelSelector>() {
        let _ = (s.to_string(), s.matches(&Default::default()));
    }
    let _ = text.parse::<argo_core::selector::FieldSelector>();
});
