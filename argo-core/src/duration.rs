//! Durations as Go writes them (`1h30m`), with days and weeks where manifests allow them, and plain seconds.
//!
//! ```
//! use argo_core::duration;
//!
//! let d = duration::parse("1h30m").unwrap();
//! assert_eq!(duration::to_string(d), "1h30m0s");
//! assert_eq!(duration::parse_with_days("1d12h"), duration::parse("36h"));
//! assert_eq!(duration::parse_seconds_or("90"), duration::parse("1m30s"));
//! ```

use jiff::SignedDuration;

/// A text that is no duration. The messages are Go's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number where one must be, or more nanoseconds than 64 bits hold.
    #[error("time: invalid duration {}", quote(text))]
    Invalid {
        /// The whole text.
        text: String,
    },
    /// A number without a unit.
    #[error("time: missing unit in duration {}", quote(text))]
    MissingUnit {
        /// The whole text.
        text: String,
    },
    /// A unit that does not exist.
    #[error("time: unknown unit {} in duration {}", quote(unit), quote(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Magnitude of the smallest duration in nanoseconds; the largest is one less.
const MOST: u64 = 1 << 63;
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// Reads a duration as Go's `time.ParseDuration`: a sign, then numbers with the units `ns`, `us`, `ms`, `s`, `m`, `h`.
///
/// # Errors
/// When the text is not of that form or overflows 64-bit nanoseconds (about 292 years).
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    read(text, false)
}

/// As [`parse`], with the units `d` (24 hours) and `w` (7 days), as Argo Workflows and Rollouts read their longer durations.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_days(text: &str) -> Result<SignedDuration, DurationError> {
    read(text, true)
}

/// A plain whole number of seconds, or else a duration as [`parse`] reads it: how `suspend.duration`, back-offs and the like are written.
///
/// # Errors
/// As [`parse`].
pub fn parse_seconds_or(text: &str) -> Result<SignedDuration, DurationError> {
    match text.parse::<i64>() {
        Ok(seconds) => Ok(SignedDuration::from_secs(seconds)),
        Err(_) => parse(text),
    }
}

fn read(text: &str, days: bool) -> Result<SignedDuration, DurationError> {
    let invalid = || DurationError::Invalid { text: text.to_owned() };
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole_digits, after) = split_digits(rest);
        let (fraction_digits, after, dotted) = match after.strip_prefix('.') {
            Some(after) => {
                let (digits, after) = split_digits(after);
                (digits, after, true)
            }
            None => ("", after, false),
        };
        if whole_digits.is_empty() && (!dotted || fraction_digits.is_empty()) {
            return Err(invalid());
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        if unit.is_empty() {
            return Err(DurationError::MissingUnit { text: text.to_owned() });
        }
        let whole = number(whole_digits).ok_or_else(invalid)?;
        let Some(scale) = unit_of(unit, days) else {
            return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
        };
        let part = whole.checked_mul(scale).and_then(|v| v.checked_add(fraction(fraction_digits, scale)));
        total = part.and_then(|part| total.checked_add(part)).filter(|total| *total <= MOST).ok_or_else(invalid)?;
        rest = next;
    }
    let nanos = if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() };
    nanos.map(SignedDuration::from_nanos).ok_or_else(invalid)
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().filter(|n| *n <= MOST)
}

/// Nanoseconds of a decimal fraction of a unit. Go multiplies in floating point, so this does; digits that no longer fit are dropped.
fn fraction(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        let Some(next) = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit.saturating_sub(b'0')))) else { break };
        if next > MOST {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let nanos = (value as f64 * (unit as f64 / scale)) as u64;
    nanos
}

fn unit_of(unit: &str, days: bool) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => HOUR,
        "d" if days => DAY,
        "w" if days => WEEK,
        _ => return None,
    })
}

/// The total in nanoseconds, cut to what 64 bits hold.
#[must_use]
pub fn nanos(d: SignedDuration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(if d.is_negative() { i64::MIN } else { i64::MAX })
}

/// Writes a duration as Go does: `1h0m0s`, `1.5s`, `100ms`, `1µs`.
#[must_use]
pub fn to_string(d: SignedDuration) -> String {
    let ns = nanos(d);
    let (sign, total) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    if total == 0 {
        return "0s".to_owned();
    }
    if total < SECOND {
        let (unit, width, scale) = match total {
            0..1_000 => ("ns", 0, 1),
            1_000..1_000_000 => ("µs", 3, 1_000),
            _ => ("ms", 6, 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(total / scale, total % scale, width));
    }
    let seconds = total / SECOND;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(seconds % 60, total % SECOND, 9);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn decimal(whole: u64, fraction: u64, width: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// Writes a duration with one number a unit, days and weeks included: `1w2d3h4m5s6ms7us8ns`; zero is `0s`.
#[must_use]
pub fn to_string_with_days(d: SignedDuration) -> String {
    let ns = nanos(d);
    if ns == 0 {
        return "0s".to_owned();
    }
    let mut out = if ns < 0 { "-".to_owned() } else { String::new() };
    let mut rest = ns.unsigned_abs();
    for (unit, size) in
        [("w", WEEK), ("d", DAY), ("h", HOUR), ("m", 60 * SECOND), ("s", SECOND), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)]
    {
        let count = rest.checked_div(size).unwrap_or(0);
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
            rest = rest.checked_rem(size).unwrap_or(0);
        }
    }
    out
}

/// Rounded to the nearest multiple of `unit`, halves away from zero; unchanged where the result would overflow or `unit` is not positive.
#[must_use]
pub fn round(d: SignedDuration, unit: SignedDuration) -> SignedDuration {
    let (ns, unit) = (nanos(d), nanos(unit));
    if unit <= 0 {
        return d;
    }
    let rest = ns.checked_rem(unit).unwrap_or(0);
    let down = ns.saturating_sub(rest);
    let away = rest.unsigned_abs() >= unit.unsigned_abs().saturating_sub(rest.unsigned_abs());
    let rounded = match (away, ns < 0) {
        (false, _) => Some(down),
        (true, false) => down.checked_add(unit),
        (true, true) => down.checked_sub(unit),
    };
    // Go saturates here.
    SignedDuration::from_nanos(rounded.unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX }))
}

/// Cut to a multiple of `unit`, towards zero.
#[must_use]
pub fn truncate(d: SignedDuration, unit: SignedDuration) -> SignedDuration {
    let (ns, unit) = (nanos(d), nanos(unit));
    if unit <= 0 {
        return d;
    }
    SignedDuration::from_nanos(ns.saturating_sub(ns.checked_rem(unit).unwrap_or(0)))
}

/// Quotes as Go's `time` package does in its messages: bytes outside printable ASCII as `\x..`.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='\u{7f}' => out.push(c),
            _ => {
                let mut buffer = [0_u8; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_forms() {
        for (text, written) in [("90m", "1h30m0s"), ("1.5h", "1h30m0s"), ("-1s", "-1s"), (".5s", "500ms"), ("1us", "1µs"), ("0", "0s")] {
            assert_eq!(to_string(parse(text).unwrap()), written);
        }
        assert_eq!(nanos(parse("-9223372036854775808ns").unwrap()), i64::MIN);
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("1", "time: missing unit in duration \"1\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn days_and_seconds() {
        assert_eq!(to_string_with_days(parse_with_days("1.5d").unwrap()), "1d12h");
        assert_eq!(parse_seconds_or("20"), Ok(SignedDuration::from_secs(20)));
        assert_eq!(parse_seconds_or("2m"), Ok(SignedDuration::from_secs(120)));
        let minute = SignedDuration::from_secs(60);
        assert_eq!(to_string(round(parse("59.999s").unwrap(), minute)), "1m0s");
        assert_eq!(truncate(parse("59.999s").unwrap(), minute), SignedDuration::ZERO);
    }
}
