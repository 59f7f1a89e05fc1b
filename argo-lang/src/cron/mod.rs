//! Cron schedules as robfig/cron v3 reads them: cron workflows, sync windows, calendar event sources.
//!
//! ```
//! use argo_lang::cron::Schedule;
//! use argo_lang::go::time::{parse, rfc3339, RFC3339_NANO};
//! use jiff::tz::TimeZone;
//!
//! let schedule = Schedule::parse("CRON_TZ=Europe/Berlin 30 2 * * *").unwrap();
//! // Between 2 and 3 on 31 March 2024 there is no 2:30 in Berlin: that day is left out, as upstream does.
//! let now = parse(RFC3339_NANO, "2024-03-30T12:00:00Z", &TimeZone::UTC).unwrap();
//! let next = schedule.next(&now).unwrap().unwrap();
//! assert_eq!(rfc3339(&next), "2024-04-01T00:30:00Z");
//! ```
//!
//! Five fields, `?` as `*`, names of months and weekdays, `@daily` and its like, `@every 1h`, `TZ=` and `CRON_TZ=`. Day of week 7 is an error, a day of
//! month and a day of week that are both given mean either. A schedule without a zone is in the zone of the time that it is asked about.
//!
//! Differences on purpose: where the reference never returns (a zone that has no midnight on a wanted day) there is an error, and none of
//! its panics.

use std::fmt;

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::go::{time, zone};
use crate::{ParseError, Span, nearest};

mod clock;
mod exclusions;
mod fields;

pub use exclusions::exclusions;

/// Marks a field that was given as `*`.
const STAR: u64 = 1 << 63;

/// Which forms of a schedule are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// A field of seconds comes first.
    pub seconds: bool,
    /// The day of week may be left out.
    pub optional_weekday: bool,
    /// `@daily` and its like are allowed.
    pub descriptors: bool,
}

impl Format {
    /// Five fields and descriptors: what crontabs and Workflows have.
    pub const STANDARD: Self = Self { seconds: false, optional_weekday: false, descriptors: true };
}

/// A schedule; cheap to copy about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    when: When,
    zone: Option<TimeZone>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    Fields(Fields),
    /// Nanoseconds.
    Every(i64),
}

/// In a normal form, which reads back as the same schedule: five fields of numbers, in the standard format. A field of seconds, for
/// [`Format::seconds`], comes first where the schedule fires at others than 0.
///
/// ```
/// let schedule = argo_lang::cron::Schedule::parse("TZ=Europe/Berlin */15 9-17 ? JAN,mar MON-FRI").unwrap();
/// assert_eq!(schedule.to_string(), "TZ=Europe/Berlin */15 9-17 * 1,3 1-5");
/// assert_eq!(argo_lang::cron::Schedule::parse("@daily").unwrap().to_string(), "0 0 * * *");
/// ```
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.zone.as_ref().and_then(TimeZone::iana_name) {
            write!(f, "TZ={name} ")?;
        }
        match &self.when {
            When::Every(nanos) => write!(f, "@every {}", time::duration_text(*nanos)),
            When::Fields(fields) => f.write_str(&fields::print(fields)),
        }
    }
}

/// The values of each field as bits; the highest says that the field is `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub second: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 1 to 31.
    pub day: u64,
    /// 1 to 12.
    pub month: u64,
    /// 0 (Sunday) to 6.
    pub weekday: u64,
}

/// A schedule that could not be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The search runs in a circle: the zone has no midnight on a wanted day.
    #[error("the schedule has no next time: its zone skips the midnight of a day that it needs")]
    Endless,
    /// The calendar ends.
    #[error("the time is out of range")]
    OutOfRange,
}

impl Schedule {
    /// Reads a schedule in the standard format.
    ///
    /// # Errors
    /// When it is none; the message is the reference's.
    pub fn parse(spec: &str) -> Result<Self, ParseError> {
        Self::parse_as(spec, Format::STANDARD)
    }

    /// Reads a schedule in a given format.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_as(spec: &str, format: Format) -> Result<Self, ParseError> {
        let wrong = |message: String, span: Span, expected: String| ParseError::new(message, span).expecting(expected);
        let fields = "five fields, such as 0 9 * * 1-5";
        if spec.is_empty() {
            return Err(wrong("empty spec string".to_owned(), Span::whole(spec), fields.to_owned()));
        }
        let mut rest = spec;
        let mut found = None;
        if let Some(after) = spec.strip_prefix("CRON_TZ=").or_else(|| spec.strip_prefix("TZ=")) {
            let Some((name, tail)) = after.split_once(' ') else {
                let end = Span::new(spec.len(), spec.len());
                return Err(wrong(format!("no schedule after the time zone in {spec:?}"), end, format!("a blank and {fields}")));
            };
            let Some(zone) = zone::load(name) else {
                let span = Span::new(0, name.len()).shifted(spec.len().saturating_sub(after.len()));
                let message = format!("provided bad location {name}: unknown time zone {name}");
                return Err(wrong(message, span, nearest::known("time zone", name, zone::names())));
            };
            found = Some(zone);
            rest = tail.trim();
        }
        // Nothing but blanks is left out behind it.
        let end = spec.trim_end().len();
        let place = Span::new(end.saturating_sub(rest.trim_end().len()), end);
        let when = if rest.starts_with('@') {
            if !format.descriptors {
                return Err(wrong(format!("parser does not accept descriptors: {rest}"), place, fields.to_owned()));
            }
            descriptor(rest).map_err(|message| {
                let expected = match rest.split_once(' ') {
                    Some(("@every", _)) => "a duration such as 90s or 1h30m".to_owned(),
                    _ => nearest::known("descriptor", rest, DESCRIPTORS),
                };
                wrong(message, place, expected)
            })?
        } else {
            When::Fields(fields::parse(rest, place, format)?)
        };
        Ok(Self { when, zone: found })
    }

    /// The zone that the schedule names.
    #[must_use]
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// The fields; none for `@every`.
    #[must_use]
    pub fn fields(&self) -> Option<Fields> {
        match self.when {
            When::Fields(fields) => Some(fields),
            When::Every(_) => None,
        }
    }

    /// The length of `@every`, in nanoseconds.
    #[must_use]
    pub fn every(&self) -> Option<i64> {
        match self.when {
            When::Every(nanos) => Some(nanos),
            When::Fields(_) => None,
        }
    }

    /// The first time after the given one, in the zone of that; none within five years.
    ///
    /// # Errors
    /// When the zone has no midnight on a day that is needed, or the calendar ends.
    pub fn next(&self, after: &Zoned) -> Result<Option<Zoned>, CronError> {
        match &self.when {
            When::Every(nanos) => {
                let whole = after.timestamp().as_second();
                let next = whole.checked_add(nanos / time::SECOND).ok_or(CronError::OutOfRange)?;
                let next = jiff::Timestamp::from_second(next).map_err(|_| CronError::OutOfRange)?;
                Ok(Some(next.to_zoned(after.time_zone().clone())))
            }
            When::Fields(fields) if fields.never() => Ok(None),
            When::Fields(fields) => {
                let zone = self.zone.as_ref().unwrap_or(after.time_zone());
                let found = clock::next(fields, &after.with_time_zone(zone.clone()))?;
                Ok(found.map(|t| t.to_zoned(after.time_zone().clone())))
            }
        }
    }

    /// The last time before the given one, in the zone of that; none within a century. `@every` has none: it counts from when it is asked.
    ///
    /// # Errors
    /// When the calendar ends.
    pub fn previous(&self, before: &Zoned) -> Result<Option<Zoned>, CronError> {
        match &self.when {
            When::Every(_) => Ok(None),
            When::Fields(fields) if fields.never() => Ok(None),
            When::Fields(fields) => {
                let zone = self.zone.as_ref().unwrap_or(before.time_zone());
                let found = clock::previous(fields, &before.with_time_zone(zone.clone()))?;
                Ok(found.map(|t| t.to_zoned(before.time_zone().clone())))
            }
        }
    }

    /// Whether the schedule fires at a time, to the second.
    #[must_use]
    pub fn matches(&self, at: &Zoned) -> bool {
        match &self.when {
            When::Every(_) => false,
            When::Fields(fields) => {
                let zone = self.zone.as_ref().unwrap_or(at.time_zone());
                fields.fits(at.with_time_zone(zone.clone()).datetime())
            }
        }
    }
}

impl Fields {
    /// Whether a field is without any value (`,`): years need not be searched then.
    fn never(&self) -> bool {
        [self.second, self.minute, self.hour, self.month, self.day | self.weekday].iter().any(|bits| bits & !STAR == 0)
    }

    fn day_fits(&self, t: DateTime) -> bool {
        let day = self.day >> u32::from(t.day().unsigned_abs()) & 1 == 1;
        let weekday = self.weekday >> u32::from(t.weekday().to_sunday_zero_offset().unsigned_abs()) & 1 == 1;
        if self.day & STAR != 0 || self.weekday & STAR != 0 { day && weekday } else { day || weekday }
    }

    fn fits(&self, t: DateTime) -> bool {
        let bit = |bits: u64, n: i8| bits >> u32::from(n.unsigned_abs()) & 1 == 1;
        bit(self.month, t.month())
            && self.day_fits(t)
            && bit(self.hour, t.hour())
            && bit(self.minute, t.minute())
            && bit(self.second, t.second())
    }
}

/// Names of schedules.
const DESCRIPTORS: [&str; 8] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every 1h"];

fn descriptor(text: &str) -> Result<When, String> {
    let star = |low: u32, high: u32| fields::bits(low, high, 1) | STAR;
    let base = Fields { second: 1, minute: 1, hour: 1, day: star(1, 31), month: star(1, 12), weekday: star(0, 6) };
    Ok(When::Fields(match text {
        "@yearly" | "@annually" => Fields { day: 2, month: 2, ..base },
        "@monthly" => Fields { day: 2, ..base },
        "@weekly" => Fields { weekday: 1, ..base },
        "@daily" | "@midnight" => base,
        "@hourly" => Fields { hour: star(0, 23), ..base },
        _ => {
            let Some(length) = text.strip_prefix("@every ") else { return Err(format!("unrecognized descriptor: {text}")) };
            let nanos = time::parse_duration(length).map_err(|e| format!("failed to parse duration {text}: {e}"))?;
            return Ok(When::Every(if nanos < time::SECOND { time::SECOND } else { nanos - nanos % time::SECOND }));
        }
    }))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::Schedule;
    use crate::go::time::{RFC3339_NANO, parse, rfc3339};
    use crate::go::zone;

    fn next(spec: &str, after: &str, zone_name: &str) -> Option<String> {
        let t = parse(RFC3339_NANO, after, &TimeZone::UTC).unwrap().with_time_zone(zone::load(zone_name).unwrap());
        Schedule::parse(spec).unwrap().next(&t).unwrap().map(|t| rfc3339(&t))
    }

    #[test]
    fn either_day_where_both_are_given() {
        assert_eq!(next("0 0 13 * 5", "2024-09-01T00:00:00Z", "UTC").as_deref(), Some("2024-09-06T00:00:00Z"));
        assert_eq!(next("0 0 31 2 *", "2024-09-01T00:00:00Z", "UTC"), None);
        assert_eq!(next(", * * * *", "2024-09-01T00:00:00Z", "UTC"), None);
        assert_eq!(next("@every 90s", "2024-09-01T00:00:00.7Z", "UTC").as_deref(), Some("2024-09-01T00:01:30Z"));
    }

    #[test]
    fn clocks_that_change() {
        assert_eq!(next("30 2 * * *", "2024-03-10T05:00:00Z", "America/New_York").as_deref(), Some("2024-03-11T02:30:00-04:00"));
        assert_eq!(next("0 * * * *", "2024-03-10T06:30:00Z", "America/New_York").as_deref(), Some("2024-03-10T03:00:00-04:00"));
        assert_eq!(next("30 1 * * *", "2024-11-03T05:30:00Z", "America/New_York").as_deref(), Some("2024-11-03T01:30:00-05:00"));
    }

    #[test]
    fn times_before() {
        let t = parse(RFC3339_NANO, "2012-07-09T15:00:00Z", &TimeZone::UTC).unwrap();
        for (spec, expected) in
            [("0/15 * * * *", Some("2012-07-09T14:45:00Z")), ("0 0 29 2 *", Some("2012-02-29T00:00:00Z")), ("0 0 30 2 *", None)]
        {
            let found = Schedule::parse(spec).unwrap().previous(&t).unwrap().map(|t| rfc3339(&t));
            assert_eq!(found.as_deref(), expected, "{spec}");
        }
    }

    #[test]
    fn what_is_no_schedule() {
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* * * * 7",
            "@nope",
            "TZ=UTC",
            "TZ=Nope/City * * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "1-2-3 * * * *",
        ] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }
}
