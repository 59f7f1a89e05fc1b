//! Container logs: one file a run, in the format of the container runtime interface (`time stream F|P text`), and reading them.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::backend::LogOptions;

/// A line is cut into parts of so many bytes, as container runtimes do.
const LONGEST: usize = 16 * 1024;

/// Turns what a stream of a container writes into lines of its log.
pub(crate) struct Framer {
    stream: &'static str,
    rest: Vec<u8>,
}

impl Framer {
    pub(crate) fn new(stream: &'static str) -> Self {
        Self { stream, rest: Vec::new() }
    }

    fn line(&self, now: Timestamp, tag: &str, text: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{now:.9} {} {tag} ", self.stream).as_bytes());
        text.iter().for_each(|part| out.extend_from_slice(part));
        out.push(b'\n');
    }

    /// Appends the lines that are complete with `data` to `out`.
    pub(crate) fn push(&mut self, now: Timestamp, data: &[u8], out: &mut Vec<u8>) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            if let Some(line) = piece.strip_suffix(b"\n") {
                self.line(now, "F", &[&self.rest, line], out);
                self.rest.clear();
            } else {
                self.rest.extend_from_slice(piece);
                while self.rest.len() >= LONGEST {
                    let tail = self.rest.split_off(LONGEST);
                    self.line(now, "P", &[&self.rest], out);
                    self.rest = tail;
                }
            }
        }
    }

    /// Appends what was not ended by a line break.
    pub(crate) fn finish(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        if !self.rest.is_empty() {
            self.line(now, "P", &[&self.rest], out);
            self.rest.clear();
        }
    }
}

/// Time, whether a line break belongs after it, and text of a line of a log file.
fn parse(line: &[u8]) -> Option<(Timestamp, bool, &[u8])> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let _stream = parts.next()?;
    Some((time, parts.next()? == b"F", parts.next()?))
}

/// Renders the lines that are wanted.
struct Reader {
    since: Option<Timestamp>,
    timestamps: bool,
    left: Option<u64>,
    continued: bool,
}

impl Reader {
    fn new(options: &LogOptions, now: Timestamp) -> Self {
        let ago = options.since_seconds.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
        Self { since: options.since_time.or(ago), timestamps: options.timestamps, left: options.limit_bytes, continued: false }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let Some((time, full, text)) = parse(line) else { return };
        if self.since.is_some_and(|since| time < since) {
            return;
        }
        let from = out.len();
        if self.timestamps && !self.continued {
            out.extend_from_slice(format!("{time:.9} ").as_bytes());
        }
        out.extend_from_slice(text);
        if full {
            out.push(b'\n');
        }
        self.continued = !full;
        if let Some(left) = self.left {
            let length = u64::try_from(out.len().saturating_sub(from)).unwrap_or(u64::MAX);
            let kept = length.min(left);
            out.truncate(from.saturating_add(usize::try_from(kept).unwrap_or(usize::MAX)));
            self.left = Some(left.saturating_sub(kept));
        }
    }

    fn full(&self) -> bool {
        self.left == Some(0)
    }
}

/// Where the last `lines` complete lines of the file begin.
async fn tail_start(file: &mut File, lines: u64) -> io::Result<u64> {
    const BLOCK: u64 = 64 * 1024;
    let mut end = file.seek(SeekFrom::End(0)).await?;
    if lines == 0 {
        return Ok(end);
    }
    let mut breaks = 0u64;
    let mut last = true;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start)).await?;
        let mut block = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or_default()];
        file.read_exact(&mut block).await?;
        for (index, byte) in block.iter().enumerate().rev() {
            if *byte == b'\n' && !std::mem::take(&mut last) {
                breaks = breaks.saturating_add(1);
                if breaks == lines {
                    return Ok(start.saturating_add(u64::try_from(index).unwrap_or_default()).saturating_add(1));
                }
            }
            last = false;
        }
        end = start;
    }
    Ok(0)
}

/// Reads a run's log. `ended` says whether no more will be written.
pub(crate) fn read(
    path: &Path,
    options: LogOptions,
    now: Timestamp,
    ended: impl Fn() -> bool + Send + Sync + 'static,
) -> BoxStream<'static, io::Result<Bytes>> {
    let state = Open {
        path: path.to_owned(),
        reader: Reader::new(&options, now),
        options,
        file: None,
        rest: Vec::new(),
        idle: 0,
        ended: Box::new(ended),
    };
    futures::stream::unfold(Some(state), |state| async {
        let mut state = state?;
        match state.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(state))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Open {
    path: PathBuf,
    options: LogOptions,
    reader: Reader,
    file: Option<File>,
    rest: Vec<u8>,
    idle: u32,
    ended: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Open {
    async fn open(&mut self) -> io::Result<Option<&mut File>> {
        if self.file.is_none() {
            match File::open(&self.path).await {
                Ok(mut file) => {
                    let start = match self.options.tail_lines {
                        Some(lines) => tail_start(&mut file, lines).await?,
                        None => 0,
                    };
                    file.seek(SeekFrom::Start(start)).await?;
                    self.file = Some(file);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(self.file.as_mut())
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.reader.full() {
                return Ok(None);
            }
            // Asked before reading: what is written before the end is then surely read.
            let ended = (self.ended)();
            let mut block = vec![0; 64 * 1024];
            let length = match self.open().await? {
                Some(file) => file.read(&mut block).await?,
                None => 0,
            };
            if length == 0 {
                if ended || !self.options.follow {
                    return Ok(None);
                }
                // From 5 ms to 160 ms.
                tokio::time::sleep(Duration::from_millis(5 << self.idle.min(5))).await;
                self.idle = self.idle.saturating_add(1);
                continue;
            }
            self.idle = 0;
            self.rest.extend_from_slice(block.get(..length).unwrap_or_default());
            let Some(last) = self.rest.iter().rposition(|byte| *byte == b'\n') else { continue };
            let tail = self.rest.split_off(last.saturating_add(1));
            let mut out = Vec::with_capacity(self.rest.len());
            for line in self.rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                if !self.reader.full() {
                    self.reader.line(line, &mut out);
                }
            }
            self.rest = tail;
            if !out.is_empty() {
                return Ok(Some(Bytes::from(out)));
            }
        }
    }
}

/// The last lines of a log as text, for FallbackToLogsOnError: at most 80 lines and 2048 bytes, as upstream's kubelet takes.
pub(crate) fn last_words(path: &Path) -> String {
    let log = std::fs::read(path).unwrap_or_default();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut size = 0usize;
    for line in log.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()).take(80) {
        let Some((_, full, text)) = parse(line) else { continue };
        let mut text = text.to_vec();
        if full {
            text.push(b'\n');
        }
        size = size.saturating_add(text.len());
        if size > 2048 {
            break;
        }
        lines.push(text);
    }
    lines.reverse();
    String::from_utf8_lossy(&lines.concat()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn framed(pieces: &[&str]) -> String {
        let mut framer = Framer::new("stdout");
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| framer.push(at(0), piece.as_bytes(), &mut out));
        framer.finish(at(1), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_framed_whole() {
        assert_eq!(
            framed(&["he", "llo\nwor", "ld\n\nrest"]),
            "1970-01-01T00:00:00.000000000Z stdout F hello\n1970-01-01T00:00:00.000000000Z stdout F world\n\
             1970-01-01T00:00:00.000000000Z stdout F \n1970-01-01T00:00:01.000000000Z stdout P rest\n"
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = "x".repeat(LONGEST + 3);
        let log = framed(&[&long, "\n"]);
        let tags: Vec<&str> = log.lines().map(|line| line.split(' ').nth(2).unwrap()).collect();
        assert_eq!(tags, ["P", "F"]);
    }

    async fn collect(log: &str, options: LogOptions) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), log).unwrap();
        let pieces: Vec<_> = read(file.path(), options, at(100), || true).collect().await;
        pieces.into_iter().map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap()).collect()
    }

    #[tokio::test]
    async fn options_select() {
        let log = "1970-01-01T00:00:10.000000000Z stdout F one\n1970-01-01T00:00:50.000000000Z stderr F two\n\
                   1970-01-01T00:01:30.000000000Z stdout P thr\n1970-01-01T00:01:30.000000000Z stdout F ee\n";
        let options = LogOptions::default();
        assert_eq!(collect(log, options.clone()).await, "one\ntwo\nthree\n");
        assert_eq!(collect(log, LogOptions { tail_lines: Some(2), ..options.clone() }).await, "three\n");
        assert_eq!(collect(log, LogOptions { tail_lines: Some(0), ..options.clone() }).await, "");
        assert_eq!(collect(log, LogOptions { since_seconds: Some(60), ..options.clone() }).await, "two\nthree\n");
        assert_eq!(collect(log, LogOptions { limit_bytes: Some(6), ..options.clone() }).await, "one\ntw");
        assert_eq!(
            collect(log, LogOptions { timestamps: true, tail_lines: Some(3), ..options }).await,
            "1970-01-01T00:00:50.000000000Z two\n1970-01-01T00:01:30.000000000Z three\n"
        );
    }
}
