//! Times and durations in words.

use argo_core::meta::Time;
use jiff::Timestamp;

/// Seconds between two times; until `now` where the second is open, nothing where the first never was.
pub fn seconds(started: Option<Time>, finished: Option<Time>, now: Timestamp) -> Option<i64> {
    let started = started?.0;
    Some(finished.map_or(now, |t| t.0).as_second().saturating_sub(started.as_second()).max(0))
}

const UNITS: [(&str, &str, i64); 4] = [("d", "day", 86_400), ("h", "hour", 3_600), ("m", "minute", 60), ("s", "second", 1)];

/// `4s`, `2m`, `3h`, `5d`: the largest unit, as columns show it.
pub fn short(seconds: i64) -> String {
    let (unit, _, size) = UNITS.into_iter().find(|(_, _, size)| seconds >= *size).unwrap_or(("s", "second", 1));
    format!("{}{unit}", seconds.checked_div(size).unwrap_or_default())
}

/// `1 minute 5 seconds`: the two largest units.
pub fn long(seconds: i64) -> String {
    let words = |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    let at = UNITS.into_iter().position(|(_, _, size)| seconds >= size).unwrap_or(UNITS.len().saturating_sub(1));
    let Some((_, unit, size)) = UNITS.get(at).copied() else { return String::new() };
    let first = words(seconds.checked_div(size).unwrap_or_default(), unit);
    match UNITS.get(at.saturating_add(1)) {
        Some((_, next, next_size)) => {
            let rest = seconds.checked_rem(size).unwrap_or_default();
            format!("{first} {}", words(rest.checked_div(*next_size).unwrap_or_default(), next))
        }
        None => first,
    }
}

/// A time and how long ago it was: `Tue Nov 24 13:53:11 +0000 (5 seconds ago)`.
pub fn ago(at: Time, now: Timestamp) -> String {
    let passed = now.as_second().saturating_sub(at.0.as_second());
    let when = if passed < 0 { "from now" } else { "ago" };
    format!("{} ({} {when})", at.0.strftime("%a %b %d %H:%M:%S +0000"), long(passed.saturating_abs()))
}

/// Reads `90s`, `1h30m`, `2d`: units d, h, m, s, ms.
pub fn parse(text: &str) -> Result<std::time::Duration, String> {
    let bad = || format!("{text:?} is no duration: write 30s, 10m, 2h or 1d");
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(bad)?;
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters).ok_or_else(bad)?;
        let size: u64 = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return Err(bad()),
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        total = number.checked_mul(size).and_then(|n| n.checked_add(total)).ok_or_else(bad)?;
        rest = tail;
    }
    Ok(std::time::Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::{ago, long, parse, short};
    use argo_core::meta::Time;
    use jiff::Timestamp;

    #[test]
    fn durations_in_words() {
        let words: Vec<String> = [0, 1, 60, 3_600, 7_200, 86_400, 90_061].into_iter().map(long).collect();
        let expected =
            ["0 seconds", "1 second", "1 minute 0 seconds", "1 hour 0 minutes", "2 hours 0 minutes", "1 day 0 hours", "1 day 1 hour"];
        assert_eq!(words, expected);
        assert_eq!([0, 59, 60, 3_599, 86_399, 90_000].map(short), ["0s", "59s", "1m", "59m", "23h", "1d"]);
    }

    #[test]
    fn times_say_how_long_ago() {
        assert_eq!(ago(Time(Timestamp::UNIX_EPOCH), Timestamp::from_second(5).unwrap()), "Thu Jan 01 00:00:00 +0000 (5 seconds ago)");
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(["90s", "1h30m", "1d", "5ms"].map(|t| parse(t).unwrap().as_millis()), [90_000, 5_400_000, 86_400_000, 5]);
        for bad in ["", "5", "x", "5y", "99999999999999999999s", "h"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
