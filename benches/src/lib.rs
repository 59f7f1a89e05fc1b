//! Measurements of the crates: `cargo bench -p argo-benches`. Each figure is one JSON line.

use std::time::Instant;

/// Microseconds of one call: the best of five rounds of about a fifth of a second.
#[must_use]
pub fn measure(mut run: impl FnMut()) -> f64 {
    let (begin, mut count) = (Instant::now(), 0_u32);
    while begin.elapsed().as_millis() < 50 {
        run();
        count = count.saturating_add(1);
    }
    let count = count.saturating_mul(4);
    let round = |run: &mut dyn FnMut()| {
        let begin = Instant::now();
        (0..count).for_each(|_| run());
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(count)
    };
    (0..5).map(|_| round(&mut run)).fold(f64::INFINITY, f64::min)
}
