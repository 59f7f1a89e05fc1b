//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_core::quantity::Quantity;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(quantity) = text.parse::<Quantity>() {
        let written = quantity.to_string();
        let again: Quantity = written.parse().unwrap();
        assert_eq!(again.to_string(), written);
        let _ = quantity.add(&again);
    }
});
