//! Durations and layouts of Go's `time`. A layout is its own printed form: it is read anew with each use.
//!
//! ```
//! use argo_lang::go::time;
//! assert_eq!(time::parse_duration("1h30m").unwrap(), 5_400_000_000_000);
//! assert_eq!(time::duration_text(90_000_000_000), "1m30s");
//! let t = time::parse("2006-01-02", "2024-02-29", &jiff::tz::TimeZone::UTC).unwrap();
//! assert_eq!(time::format(&t, "Jan _2, 2006 (Mon)"), "Feb 29, 2024 (Thu)");
//! ```

pub use super::duration::{duration_text, parse_duration, parse_long_duration};
use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
/// `time.RFC3339Nano`.
pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The English name of a month, from 1.
#[must_use]
pub fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i)).copied().unwrap_or("%!Month")
}

/// The English name of a weekday, Sunday being 0.
#[must_use]
pub fn weekday_name(day: i64) -> &'static str {
    usize::try_from(day).ok().and_then(|i| DAYS.get(i)).copied().unwrap_or("%!Weekday")
}

/// Go's zero time: the first of January of the year 1.
#[must_use]
pub fn zero() -> Zoned {
    civil::date(1, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap_or_else(|_| Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
}

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Zone,
    /// Sign, colons, seconds, `Z` for UTC, hours only.
    Offset {
        colons: bool,
        seconds: bool,
        zulu: bool,
        short: bool,
    },
    /// A fraction of seconds with its number of digits; `trim`: without trailing zeros.
    Fraction {
        digits: usize,
        trim: bool,
    },
}

/// The first element of a layout: text before it, itself, what follows.
fn next_part(layout: &str) -> Option<(&str, Part, &str)> {
    for (at, c) in layout.char_indices() {
        let rest = layout.get(at..)?;
        let found: Option<(usize, Part)> = match c {
            'J' if rest.starts_with("January") => Some((7, Part::LongMonth)),
            'J' if rest.starts_with("Jan") && !rest.get(3..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_lowercase())) => {
                Some((3, Part::Month))
            }
            'M' if rest.starts_with("Monday") => Some((6, Part::LongWeekday)),
            'M' if rest.starts_with("Mon") && !rest.get(3..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_lowercase())) => {
                Some((3, Part::Weekday))
            }
            'M' if rest.starts_with("MST") => Some((3, Part::Zone)),
            '0' => match rest.get(..2) {
                Some("01") => Some((2, Part::ZeroMonth)),
                Some("02") => Some((2, Part::ZeroDay)),
                Some("03") => Some((2, Part::ZeroHour12)),
                Some("04") => Some((2, Part::ZeroMinute)),
                Some("05") => Some((2, Part::ZeroSecond)),
                Some("06") => Some((2, Part::Year)),
                _ if rest.starts_with("002") => Some((3, Part::ZeroYearDay)),
                _ => None,
            },
            '1' if rest.starts_with("15") => Some((2, Part::Hour)),
            '1' => Some((1, Part::NumMonth)),
            '2' if rest.starts_with("2006") => Some((4, Part::LongYear)),
            '2' => Some((1, Part::Day)),
            '_' if rest.starts_with("_2006") => return Some((layout.get(..at + 1)?, Part::LongYear, layout.get(at + 5..)?)),
            '_' if rest.starts_with("__2") => Some((3, Part::UnderYearDay)),
            '_' if rest.starts_with("_2") => Some((2, Part::UnderDay)),
            '3' => Some((1, Part::Hour12)),
            '4' => Some((1, Part::Minute)),
            '5' => Some((1, Part::Second)),
            'P' if rest.starts_with("PM") => Some((2, Part::UpperPm)),
            'p' if rest.starts_with("pm") => Some((2, Part::LowerPm)),
            '-' | 'Z' => offset_part(rest, c == 'Z'),
            '.' | ',' => fraction_part(rest),
            _ => None,
        };
        if let Some((length, part)) = found {
            return Some((layout.get(..at)?, part, layout.get(at + length..)?));
        }
    }
    None
}

fn offset_part(rest: &str, zulu: bool) -> Option<(usize, Part)> {
    let tail = rest.get(1..)?;
    let make = |length, colons, seconds, short| Some((length, Part::Offset { colons, seconds, zulu, short }));
    if tail.starts_with("07:00:00") {
        make(9, true, true, false)
    } else if tail.starts_with("070000") {
        make(7, false, true, false)
    } else if tail.starts_with("07:00") {
        make(6, true, false, false)
    } else if tail.starts_with("0700") {
        make(5, false, false, false)
    } else if tail.starts_with("07") {
        make(3, false, false, true)
    } else {
        None
    }
}

fn fraction_part(rest: &str) -> Option<(usize, Part)> {
    let tail = rest.get(1..)?;
    let first = tail.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = tail.chars().take_while(|c| *c == first).count();
    // Digits that go on mean something else.
    if tail.get(digits..)?.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((digits + 1, Part::Fraction { digits, trim: first == '9' }))
}

/// Abbreviation of the zone, as Go prints it for `MST`.
fn zone_name(t: &Zoned) -> String {
    if t.time_zone().iana_name().is_none() && *t.time_zone() != TimeZone::UTC {
        return offset_text(t.offset(), false, false, false, false);
    }
    let info = t.time_zone().to_offset_info(t.timestamp());
    info.abbreviation().to_owned()
}

fn offset_text(offset: Offset, colons: bool, seconds: bool, zulu: bool, short: bool) -> String {
    let total = offset.seconds();
    if zulu && total == 0 {
        return "Z".to_owned();
    }
    let sign = if total < 0 { '-' } else { '+' };
    let total = total.unsigned_abs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    let colon = if colons { ":" } else { "" };
    let mut out = format!("{sign}{h:02}");
    if !short {
        out.push_str(&format!("{colon}{m:02}"));
    }
    if seconds {
        out.push_str(&format!("{colon}{s:02}"));
    }
    out
}

/// A time in a Go layout.
#[must_use]
pub fn format(t: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, part, after)) = next_part(rest) {
        out.push_str(before);
        rest = after;
        let hour12 = if t.hour() % 12 == 0 { 12 } else { t.hour() % 12 };
        let month = i64::from(t.month());
        let weekday = i64::from(t.weekday().to_sunday_zero_offset());
        match part {
            Part::LongMonth => out.push_str(month_name(month)),
            Part::Month => out.push_str(month_name(month).get(..3).unwrap_or_default()),
            Part::NumMonth => out.push_str(&month.to_string()),
            Part::ZeroMonth => out.push_str(&format!("{month:02}")),
            Part::LongWeekday => out.push_str(weekday_name(weekday)),
            Part::Weekday => out.push_str(weekday_name(weekday).get(..3).unwrap_or_default()),
            Part::Day => out.push_str(&t.day().to_string()),
            Part::UnderDay => out.push_str(&format!("{:>2}", t.day())),
            Part::ZeroDay => out.push_str(&format!("{:02}", t.day())),
            Part::UnderYearDay => out.push_str(&format!("{:>3}", t.day_of_year())),
            Part::ZeroYearDay => out.push_str(&format!("{:03}", t.day_of_year())),
            Part::Hour => out.push_str(&format!("{:02}", t.hour())),
            Part::Hour12 => out.push_str(&hour12.to_string()),
            Part::ZeroHour12 => out.push_str(&format!("{hour12:02}")),
            Part::Minute => out.push_str(&t.minute().to_string()),
            Part::ZeroMinute => out.push_str(&format!("{:02}", t.minute())),
            Part::Second => out.push_str(&t.second().to_string()),
            Part::ZeroSecond => out.push_str(&format!("{:02}", t.second())),
            Part::LongYear => out.push_str(&format!("{:04}", t.year())),
            Part::Year => out.push_str(&format!("{:02}", t.year().rem_euclid(100))),
            Part::UpperPm => out.push_str(if t.hour() >= 12 { "PM" } else { "AM" }),
            Part::LowerPm => out.push_str(if t.hour() >= 12 { "pm" } else { "am" }),
            Part::Zone => out.push_str(&zone_name(t)),
            Part::Offset { colons, seconds, zulu, short } => out.push_str(&offset_text(t.offset(), colons, seconds, zulu, short)),
            Part::Fraction { digits, trim } => {
                let nanos = format!("{:09}", t.subsec_nanosecond());
                let shown: String = nanos.chars().chain("0".repeat(digits.saturating_sub(9)).chars()).take(digits).collect();
                let shown = if trim { shown.trim_end_matches('0') } else { &shown };
                if !shown.is_empty() {
                    out.push('.');
                    out.push_str(shown);
                }
            }
        }
    }
    out.push_str(rest);
    out
}

/// A time as Go prints it with `%v`.
#[must_use]
pub fn text(t: &Zoned) -> String {
    format(t, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// A time in RFC 3339 with as many digits of a second as it has.
#[must_use]
pub fn rfc3339(t: &Zoned) -> String {
    format(t, RFC3339_NANO)
}

struct Fields {
    year: i16,
    month: i8,
    day: i8,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    pm: Option<bool>,
    offset: Option<i32>,
    utc: bool,
    zone: Option<String>,
}

/// Reads a time in a Go layout; without a zone in the text it is in the given one.
///
/// # Errors
/// When the text does not fit the layout, or names no time.
pub fn parse(layout: &str, value: &str, zone: &TimeZone) -> Result<Zoned, String> {
    let fail = |what: &str| {
        let q = super::print::quote;
        if what.is_empty() {
            format!("parsing time {} as {}: cannot parse", q(value), q(layout))
        } else {
            format!("parsing time {}: {what}", q(value))
        }
    };
    let mut f = Fields {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        pm: None,
        offset: None,
        utc: false,
        zone: None,
    };
    let mut text = value;
    let mut rest = layout;
    while let Some((before, part, after)) = next_part(rest) {
        text = literal(text, before).ok_or_else(|| fail(""))?;
        rest = after;
        text = f.take(part, text, rest).map_err(|e| fail(&e))?;
    }
    text = literal(text, rest).ok_or_else(|| fail(""))?;
    if !text.is_empty() {
        return Err(fail(&format!("extra text: {}", super::print::quote(text))));
    }
    match f.pm {
        Some(true) if f.hour < 12 => f.hour += 12,
        Some(false) if f.hour == 12 => f.hour = 0,
        _ => {}
    }
    let range = |what: &str| fail(&format!("{what} out of range"));
    let date = match f.year_day {
        Some(n) => civil::Date::new(f.year, 1, 1)
            .and_then(|d| d.checked_add(jiff::Span::new().days(i64::from(n) - 1)))
            .map_err(|_| range("day-of-year"))?,
        None => civil::Date::new(f.year, f.month, f.day).map_err(|_| range("day"))?,
    };
    let time = civil::Time::new(f.hour, f.minute, f.second, f.nanos).map_err(|_| range("hour"))?;
    let local = date.to_datetime(time);
    let out_of_range = |e: jiff::Error| fail(&e.to_string());
    if f.utc {
        return local.to_zoned(TimeZone::UTC).map_err(out_of_range);
    }
    if let Some(seconds) = f.offset {
        let offset = Offset::from_seconds(seconds).map_err(out_of_range)?;
        // As Go: an offset that the zone has at that time means the zone itself.
        let instant = offset.to_timestamp(local).map_err(out_of_range)?;
        let zone = if zone.to_offset(instant) == offset { zone.clone() } else { TimeZone::fixed(offset) };
        return Ok(instant.to_zoned(zone));
    }
    if let Some(name) = &f.zone {
        if name == "UTC" {
            return local.to_zoned(TimeZone::UTC).map_err(out_of_range);
        }
        let there = local.to_zoned(zone.clone()).map_err(out_of_range)?;
        if zone_name(&there) == *name {
            return Ok(there);
        }
        // An abbreviation that the zone does not know is one without an offset.
        let hours = name.strip_prefix("GMT").and_then(|h| h.parse::<i32>().ok()).unwrap_or(0);
        let offset = Offset::from_seconds(hours.saturating_mul(3600)).map_err(out_of_range)?;
        return local.to_zoned(TimeZone::fixed(offset)).map_err(out_of_range);
    }
    local.to_zoned(zone.clone()).map_err(out_of_range)
}

/// Skips the text between two elements; blanks match any number of blanks.
fn literal<'a>(mut text: &'a str, mut prefix: &str) -> Option<&'a str> {
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(c)?;
        prefix = prefix.get(c.len_utf8()..)?;
    }
    Some(text)
}

fn number(text: &str, least: usize, most: usize) -> Result<(i64, &str), String> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count().min(most);
    if length < least {
        return Err(String::new());
    }
    let (digits, rest) = text.split_at(length);
    Ok((digits.parse().map_err(|_| String::new())?, rest))
}

fn name<'a>(text: &'a str, names: &[&str], short: bool) -> Result<(usize, &'a str), String> {
    for (i, name) in names.iter().enumerate() {
        let name = if short { name.get(..3).unwrap_or(name) } else { name };
        if text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name)) {
            return Ok((i, text.get(name.len()..).unwrap_or_default()));
        }
    }
    Err(String::new())
}

fn small(n: i64) -> i8 {
    i8::try_from(n).unwrap_or(i8::MAX)
}

impl Fields {
    fn take<'a>(&mut self, part: Part, text: &'a str, after: &str) -> Result<&'a str, String> {
        let bounded = |n: i64, low: i64, high: i64, what: &str| {
            if (low..=high).contains(&n) { Ok(small(n)) } else { Err(format!("{what} out of range")) }
        };
        Ok(match part {
            Part::Year => {
                let (n, rest) = number(text, 2, 2)?;
                let year = if n >= 69 { 1900 + n } else { 2000 + n };
                self.year = i16::try_from(year).unwrap_or_default();
                rest
            }
            Part::LongYear => {
                let (n, rest) = number(text, 4, 4)?;
                self.year = i16::try_from(n).unwrap_or_default();
                rest
            }
            Part::Month | Part::LongMonth => {
                let (i, rest) = name(text, &MONTHS, part == Part::Month)?;
                self.month = small(i64::try_from(i).unwrap_or(0) + 1);
                rest
            }
            Part::NumMonth | Part::ZeroMonth => {
                let (n, rest) = number(text, if part == Part::ZeroMonth { 2 } else { 1 }, 2)?;
                self.month = bounded(n, 1, 12, "month")?;
                rest
            }
            Part::Weekday => name(text, &DAYS, true)?.1,
            Part::LongWeekday => name(text, &DAYS, false)?.1,
            Part::Day | Part::UnderDay | Part::ZeroDay => {
                let text = if part == Part::UnderDay { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (n, rest) = number(text, if part == Part::ZeroDay { 2 } else { 1 }, 2)?;
                self.day = small(n);
                rest
            }
            Part::UnderYearDay | Part::ZeroYearDay => {
                let (n, rest) = number(text.trim_start_matches(' '), 1, 3)?;
                self.year_day = Some(i16::try_from(n).unwrap_or_default());
                rest
            }
            Part::Hour => {
                let (n, rest) = number(text, 1, 2)?;
                self.hour = bounded(n, 0, 23, "hour")?;
                rest
            }
            Part::Hour12 | Part::ZeroHour12 => {
                let (n, rest) = number(text, if part == Part::ZeroHour12 { 2 } else { 1 }, 2)?;
                self.hour = bounded(n, 0, 12, "hour")?;
                rest
            }
            Part::Minute | Part::ZeroMinute => {
                let (n, rest) = number(text, if part == Part::ZeroMinute { 2 } else { 1 }, 2)?;
                self.minute = bounded(n, 0, 59, "minute")?;
                rest
            }
            Part::Second | Part::ZeroSecond => {
                let (n, mut rest) = number(text, if part == Part::ZeroSecond { 2 } else { 1 }, 2)?;
                self.second = bounded(n, 0, 59, "second")?;
                // A fraction may follow though the layout has none.
                let own = matches!(next_part(after), Some(("", Part::Fraction { .. }, _)));
                let digits = rest.get(1..).unwrap_or_default();
                if !own && rest.starts_with(['.', ',']) && digits.starts_with(|c: char| c.is_ascii_digit()) {
                    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                    self.nanos = nanos(digits.get(..length).unwrap_or_default());
                    rest = digits.get(length..).unwrap_or_default();
                }
                rest
            }
            Part::UpperPm | Part::LowerPm => {
                let (pm, am) = if part == Part::UpperPm { ("PM", "AM") } else { ("pm", "am") };
                if let Some(rest) = text.strip_prefix(pm) {
                    self.pm = Some(true);
                    rest
                } else if let Some(rest) = text.strip_prefix(am) {
                    self.pm = Some(false);
                    rest
                } else {
                    return Err(String::new());
                }
            }
            Part::Fraction { digits, trim } => {
                if trim {
                    let inner = text.get(1..).unwrap_or_default();
                    let length = inner.bytes().take_while(u8::is_ascii_digit).count();
                    if !text.starts_with(['.', ',']) || length == 0 {
                        return Ok(text);
                    }
                    self.nanos = nanos(inner.get(..length).unwrap_or_default());
                    return Ok(inner.get(length..).unwrap_or_default());
                }
                let inner = text.strip_prefix(['.', ',']).ok_or_else(String::new)?;
                let shown = inner.get(..digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).ok_or_else(String::new)?;
                self.nanos = nanos(shown);
                inner.get(digits..).unwrap_or_default()
            }
            Part::Offset { colons, seconds, zulu, short } => {
                if zulu && let Some(rest) = text.strip_prefix('Z') {
                    self.utc = true;
                    return Ok(rest);
                }
                self.offset(text, colons, seconds, short)?
            }
            Part::Zone => self.abbreviation(text)?,
        })
    }

    fn offset<'a>(&mut self, text: &'a str, colons: bool, seconds: bool, short: bool) -> Result<&'a str, String> {
        let sign = match text.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return Err(String::new()),
        };
        let (h, mut rest) = number(text.get(1..).unwrap_or_default(), 2, 2)?;
        let mut more = || -> Result<i64, String> {
            if colons {
                rest = rest.strip_prefix(':').ok_or_else(String::new)?;
            }
            let (n, tail) = number(rest, 2, 2)?;
            rest = tail;
            Ok(n)
        };
        let m = if short { 0 } else { more()? };
        let s = if seconds { more()? } else { 0 };
        if h > 24 || m > 60 || s > 60 {
            return Err("time zone offset out of range".to_owned());
        }
        self.offset = i32::try_from(sign * (h * 3600 + m * 60 + s)).ok();
        Ok(rest)
    }

    fn abbreviation<'a>(&mut self, text: &'a str) -> Result<&'a str, String> {
        let length = if text.starts_with("ChST") || text.starts_with("MeST") {
            4
        } else if let Some(tail) = text.strip_prefix("GMT") {
            let digits = tail.get(1..).unwrap_or_default().bytes().take_while(u8::is_ascii_digit).count();
            if tail.starts_with(['+', '-']) && digits > 0 { 4 + digits } else { 3 }
        } else if text.starts_with(['+', '-']) {
            1 + text.get(1..).unwrap_or_default().bytes().take_while(u8::is_ascii_digit).count()
        } else {
            match text.bytes().take_while(u8::is_ascii_uppercase).count() {
                n @ 3 => n,
                4 if text.get(3..4) == Some("T") || text.starts_with("WITA") => 4,
                5 if text.get(4..5) == Some("T") => 5,
                _ => return Err(String::new()),
            }
        };
        self.zone = text.get(..length).map(str::to_owned);
        Ok(text.get(length..).unwrap_or_default())
    }
}

fn nanos(digits: &str) -> i32 {
    let padded: String = digits.chars().chain("000000000".chars()).take(9).collect();
    padded.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{duration_text, format, parse, parse_duration, parse_long_duration, rfc3339, text};

    #[test]
    fn durations() {
        for (input, shown) in [("1.5h", "1h30m0s"), ("-90s", "-1m30s"), ("1us", "1µs"), ("100ms", "100ms"), ("0", "0s"), (".5s", "500ms")]
        {
            assert_eq!(duration_text(parse_duration(input).unwrap()), shown, "{input}");
        }
        for bad in ["", "1", "1d", "s", ".s", "1h ", "9999999999999999h", "--1s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_long_duration("1w2d").unwrap(), 9 * 86_400 * super::SECOND);
    }

    #[test]
    fn layouts() {
        let t = parse("Jan 2, 2006 at 3:04pm (MST)", "Feb 3, 2013 at 7:54pm (UTC)", &TimeZone::UTC).unwrap();
        assert_eq!(rfc3339(&t), "2013-02-03T19:54:00Z");
        assert_eq!(format(&t, "Mon Jan _2 15:04:05.000 2006 -07:00 __2 002 06"), "Sun Feb  3 19:54:00.000 2013 +00:00  34 034 13");
        let t = parse(super::RFC3339_NANO, "2023-08-14T15:04:05.25+02:00", &TimeZone::UTC).unwrap();
        assert_eq!((rfc3339(&t), text(&t)), ("2023-08-14T15:04:05.25+02:00".into(), "2023-08-14 15:04:05.25 +0200 +0200".into()));
        for (layout, bad) in
            [("2006-01-02", "2023-13-01"), ("2006-01-02", "2023-02-30"), ("15:04", "24:00"), ("2006", "20"), ("2006", "2023x")]
        {
            assert!(parse(layout, bad, &TimeZone::UTC).is_err(), "{bad}");
        }
    }
}
