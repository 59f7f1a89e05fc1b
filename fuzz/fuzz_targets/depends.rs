//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(l) = argo_lang::depends::Logic::parse(text) {
        assert_eq!(argo_lang::depends::Logic::parse(&l.to_string()), Ok(l));
    }
});
