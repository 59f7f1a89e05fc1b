//! Walking the calendar of a zone, with Go's rules where its clock changes.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use super::{CronError, Fields};

/// Steps after which a search runs in a circle.
const MOST_STEPS: u32 = 20_000;
/// How many days back a time before is looked for.
const MOST_DAYS: u32 = 36_525;

/// A point in time with its local reading.
#[derive(Clone)]
struct Clock<'a> {
    zone: &'a TimeZone,
    second: i64,
    local: DateTime,
}

impl<'a> Clock<'a> {
    fn at(zone: &'a TimeZone, second: i64) -> Result<Self, CronError> {
        let stamp = Timestamp::from_second(second).map_err(|_| CronError::OutOfRange)?;
        Ok(Self { zone, second, local: zone.to_datetime(stamp) })
    }

    /// The point in time of a local reading. Where the clock skips it, the offset before the change counts, as Go's `time.Date` has it.
    fn of(zone: &'a TimeZone, local: DateTime) -> Result<Self, CronError> {
        let out = |_| CronError::OutOfRange;
        let naive = local.to_zoned(TimeZone::UTC).map_err(out)?.timestamp().as_second();
        let offset = |second: i64| -> Result<i64, CronError> {
            let stamp = Timestamp::from_second(second).map_err(out)?;
            Ok(zone.to_offset(stamp).seconds().into())
        };
        let first = offset(naive)?;
        let right = if first == 0 { 0 } else { offset(naive - first)? };
        Self::at(zone, naive - right)
    }

    fn plus(&self, seconds: i64) -> Result<Self, CronError> {
        Self::at(self.zone, self.second.checked_add(seconds).ok_or(CronError::OutOfRange)?)
    }

    fn on(&self, date: Date, hour: i8) -> Result<Self, CronError> {
        Self::of(self.zone, date.at(hour, 0, 0, 0))
    }

    /// The same reading on another date.
    fn moved(&self, date: Date) -> Result<Self, CronError> {
        Self::of(self.zone, date.to_datetime(self.local.time()))
    }
}

fn has(bits: u64, n: i8) -> bool {
    bits >> u32::from(n.unsigned_abs()) & 1 == 1
}

/// The first second after a time at which all fields fit, as robfig/cron looks for it.
pub(super) fn next(fields: &Fields, after: &Zoned) -> Result<Option<Timestamp>, CronError> {
    let out = |_: jiff::Error| CronError::OutOfRange;
    let zone = after.time_zone();
    let mut t = Clock::at(zone, after.timestamp().as_second().saturating_add(1))?;
    let last_year = t.local.year().saturating_add(5);
    // Once a field was moved on, the smaller ones start from their beginning.
    let mut moved = false;
    let mut steps = 0_u32;
    'wrap: loop {
        if t.local.year() > last_year {
            return Ok(None);
        }
        steps += 1;
        if steps > MOST_STEPS {
            return Err(CronError::Endless);
        }
        while !has(fields.month, t.local.month()) {
            if !moved {
                moved = true;
                t = t.on(t.local.date().first_of_month(), 0)?;
            }
            t = t.moved(month_after(t.local.date())?)?;
            if t.local.month() == 1 {
                continue 'wrap;
            }
        }
        while !fields.day_fits(t.local) {
            steps += 1;
            if steps > MOST_STEPS {
                return Err(CronError::Endless);
            }
            if !moved {
                moved = true;
                t = t.on(t.local.date(), 0)?;
            }
            t = t.moved(t.local.date().checked_add(Span::new().days(1)).map_err(out)?)?;
            let hour = i64::from(t.local.hour());
            if hour != 0 {
                // Midnight does not exist that day.
                t = t.plus(if hour > 12 { (24 - hour) * 3600 } else { -hour * 3600 })?;
            }
            if t.local.day() == 1 {
                continue 'wrap;
            }
        }
        while !has(fields.hour, t.local.hour()) {
            if !moved {
                moved = true;
                t = t.on(t.local.date(), t.local.hour())?;
            }
            t = t.plus(3600)?;
            if t.local.hour() == 0 {
                continue 'wrap;
            }
        }
        while !has(fields.minute, t.local.minute()) {
            if !moved {
                moved = true;
                t = t.plus(-t.second.rem_euclid(60))?;
            }
            t = t.plus(60)?;
            if t.local.minute() == 0 {
                continue 'wrap;
            }
        }
        while !has(fields.second, t.local.second()) {
            moved = true;
            t = t.plus(1)?;
            if t.local.second() == 0 {
                continue 'wrap;
            }
        }
        return Timestamp::from_second(t.second).map(Some).map_err(out);
    }
}

/// The same day a month later; days that the month lacks run over into the one after, as Go's `AddDate`.
fn month_after(date: Date) -> Result<Date, CronError> {
    let out = |_| CronError::OutOfRange;
    let first = date.first_of_month().checked_add(Span::new().months(1)).map_err(out)?;
    first.checked_add(Span::new().days(i64::from(date.day()) - 1)).map_err(out)
}

/// The last second before a time at which all fields fit.
pub(super) fn previous(fields: &Fields, before: &Zoned) -> Result<Option<Timestamp>, CronError> {
    let zone = before.time_zone();
    let end = before.timestamp();
    let mut date = before.date();
    for _ in 0..MOST_DAYS {
        if has(fields.month, date.month()) && fields.day_fits(date.at(0, 0, 0, 0)) {
            let mut best: Option<Timestamp> = None;
            for hour in (0..24).rev().filter(|h| has(fields.hour, *h)) {
                best = best.max(last_of_hour(fields, zone, date, hour, end)?);
                if best.is_some() {
                    // An hour that the clock repeats may hold a later second than one that reads later.
                    break;
                }
            }
            if best.is_some() {
                return Ok(best);
            }
        }
        let Ok(earlier) = date.yesterday() else { return Ok(None) };
        date = earlier;
    }
    Ok(None)
}

fn last_of_hour(fields: &Fields, zone: &TimeZone, date: Date, hour: i8, end: Timestamp) -> Result<Option<Timestamp>, CronError> {
    let mut best = None;
    for minute in (0..60).rev().filter(|m| has(fields.minute, *m)) {
        for second in (0..60).rev().filter(|s| has(fields.second, *s)) {
            let ambiguous = zone.to_ambiguous_timestamp(date.at(hour, minute, second, 0));
            if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
                continue;
            }
            for found in [ambiguous.later(), ambiguous.earlier()].into_iter().flatten() {
                if found < end {
                    best = best.max(Some(found));
                }
            }
        }
        if best.is_some() {
            return Ok(best);
        }
    }
    Ok(best)
}
