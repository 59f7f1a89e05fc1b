//! Nothing here panics, hangs or overflows, and what is printed reads back as the same.
#![no_main]

use argo_fuzz::reads_back;
use argo_lang::cron::Schedule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(schedule) = Schedule::parse(text) {
        let at = argo_lang::go::time::zero();
        let _ = (schedule.next(&at), schedule.previous(&at));
        reads_back(&schedule, Schedule::parse);
    }
});
