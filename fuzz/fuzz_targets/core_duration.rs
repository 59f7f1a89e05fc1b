//! Nothing here panics, hangs or overflows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(d) = argo_core::duration::parse(text) {
        assert_eq!(argo_core::duration::parse(&argo_core::duration::to_string(d)), Ok(d));
    }
    let _ = argo_core::duration::parse_with_days(text);
});
