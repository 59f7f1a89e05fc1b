//! Progress that the main container writes to a file.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Settings;

/// Looks at the progress file now and then.
pub(super) struct Progress {
    file: Option<PathBuf>,
    ticks: tokio::time::Interval,
    patch_tick: Duration,
    last: Option<String>,
    reported: Option<(String, Instant)>,
}

/// The text if it is `N/M` with 0 <= N <= M and M > 0, as upstream demands.
fn parse(text: &str) -> Option<String> {
    let (done, all) = text.trim().split_once('/')?;
    let (done, all) = (done.parse::<u64>().ok()?, all.parse::<u64>().ok()?);
    (done <= all && all > 0).then(|| format!("{done}/{all}"))
}

impl Progress {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut ticks = interval(settings.progress_file_tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self { file: settings.progress_file.clone(), ticks, patch_tick: settings.progress_patch_tick, last: None, reported: None }
    }

    fn look(&mut self) {
        let Some(file) = &self.file else { return };
        let Ok(text) = std::fs::read_to_string(file) else { return };
        // The last line: a program may write over the file or go on at its end.
        match text.lines().rev().find(|line| !line.trim().is_empty()).and_then(parse) {
            Some(progress) => self.last = Some(progress),
            None => tracing::warn!(file = %file.display(), "progress is not written as N/M"),
        }
    }

    /// The next progress to report: a change, and not sooner after the one before than the patch tick.
    pub(super) async fn next(&mut self) -> String {
        if self.file.is_none() {
            return std::future::pending().await;
        }
        loop {
            self.ticks.tick().await;
            self.look();
            let Some(last) = &self.last else { continue };
            let due = self.reported.as_ref().is_none_or(|(text, at)| text != last && at.elapsed() >= self.patch_tick);
            if due {
                self.reported = Some((last.clone(), Instant::now()));
                return last.clone();
            }
        }
    }

    /// The progress at the end.
    pub(super) fn last(&mut self) -> Option<String> {
        if self.file.as_ref().is_some_and(|file| file.exists()) {
            self.look();
        }
        self.last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sensible_progress_counts() {
        assert_eq!(parse(" 3/10\n").as_deref(), Some("3/10"));
        for bad in ["", "3", "4/3", "0/0", "-1/2", "a/b", "1/2/3"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_told_no_sooner_than_the_tick() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("progress");
        let text = file.to_str().unwrap().to_owned();
        let settings = Settings::from_lookup(&|name| (name == "ARGO_PROGRESS_FILE").then(|| text.clone())).unwrap();
        let start = Instant::now();
        let mut progress = Progress::new(&settings);
        std::fs::write(&file, "1/4").unwrap();
        assert_eq!(progress.next().await, "1/4");
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        std::fs::write(&file, "1/4\n2/4\n").unwrap();
        assert_eq!(progress.next().await, "2/4");
        assert_eq!(start.elapsed(), Duration::from_secs(63));
        std::fs::write(&file, "4/4").unwrap();
        assert_eq!(progress.last().as_deref(), Some("4/4"));
    }
}
