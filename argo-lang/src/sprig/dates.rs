//! Points and lengths of time.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::args::{any, text};
use super::strings::entry;
use super::{Done, Entry};
use crate::go::{time, zone};
use crate::{Env, Value};

pub(super) const TABLE: &[Entry] = &[
    entry("now", "", |env, _| Ok(now(env)?.into())),
    entry("ago", "a", |env, a| {
        let then = instant(env, any(a, 0))?;
        let seconds = now(env)?.timestamp().as_second().saturating_sub(then.timestamp().as_second());
        Ok(time::duration_text(seconds.saturating_mul(time::SECOND)).into())
    }),
    entry("date", "sa", |env, a| in_zone(env, text(a, 0), any(a, 1), "UTC")),
    entry("dateInZone", "sas", |env, a| in_zone(env, text(a, 0), any(a, 1), text(a, 2))),
    entry("date_in_zone", "sas", |env, a| in_zone(env, text(a, 0), any(a, 1), text(a, 2))),
    entry("htmlDate", "a", |env, a| in_zone(env, "2006-01-02", any(a, 0), "UTC")),
    entry("htmlDateInZone", "as", |env, a| in_zone(env, "2006-01-02", any(a, 0), text(a, 1))),
    entry("dateModify", "st", |_, a| Ok(modified(a).unwrap_or_else(|_| any(a, 1).clone()))),
    entry("date_modify", "st", |_, a| Ok(modified(a).unwrap_or_else(|_| any(a, 1).clone()))),
    entry("mustDateModify", "st", |_, a| modified(a)),
    entry("must_date_modify", "st", |_, a| modified(a)),
    entry("toDate", "ss", |_, a| Ok(parsed(a).unwrap_or_else(|_| time::zero().into()))),
    entry("mustToDate", "ss", |_, a| parsed(a)),
    entry("unixEpoch", "t", |_, a| match any(a, 0) {
        Value::Time(t) => Ok(t.timestamp().as_second().to_string().into()),
        _ => Err("unixEpoch takes a time".to_owned()),
    }),
    entry("duration", "a", |_, a| {
        let seconds = any(a, 0).as_str().and_then(|s| s.parse::<i64>().ok()).unwrap_or(0);
        Ok(time::duration_text(seconds.saturating_mul(time::SECOND)).into())
    }),
    entry("durationRound", "a", |env, a| {
        let nanos = match any(a, 0) {
            Value::String(s) => time::parse_duration(s).unwrap_or(0),
            Value::Duration(n) => *n,
            Value::Time(t) => nanos_between(&now(env)?, t),
            _ => 0,
        };
        Ok(rounded(nanos).into())
    }),
];

fn now(env: &dyn Env) -> Result<Zoned, String> {
    env.now().map(|t| t.to_zoned(TimeZone::UTC)).ok_or_else(|| "the time is not known here".to_owned())
}

/// A point in time from a time or seconds since 1970; anything else is now, as upstream does.
fn instant(env: &dyn Env, value: &Value) -> Result<Zoned, String> {
    match value {
        Value::Time(t) => Ok(t.as_ref().clone()),
        Value::Int(n) => Timestamp::from_second(*n).map(|t| t.to_zoned(TimeZone::UTC)).map_err(|e| e.to_string()),
        _ => now(env),
    }
}

fn in_zone(env: &dyn Env, layout: &str, value: &Value, name: &str) -> Done {
    let zone = zone::load(name).unwrap_or(TimeZone::UTC);
    Ok(time::format(&instant(env, value)?.with_time_zone(zone), layout).into())
}

/// A time moved by nanoseconds; none outside the calendar.
pub(crate) fn shifted(t: &Zoned, nanos: i64) -> Option<Value> {
    t.checked_add(SignedDuration::from_nanos(nanos)).ok().map(|t| Value::Time(Arc::new(t)))
}

/// Nanoseconds from the second time to the first, at most what fits.
pub(crate) fn nanos_between(a: &Zoned, b: &Zoned) -> i64 {
    let n = a.timestamp().as_nanosecond() - b.timestamp().as_nanosecond();
    i64::try_from(n).unwrap_or(if n > 0 { i64::MAX } else { i64::MIN })
}

fn modified(a: &[Value]) -> Done {
    let nanos = time::parse_duration(text(a, 0))?;
    match any(a, 1) {
        Value::Time(t) => shifted(t, nanos).ok_or_else(|| "the time is out of range".to_owned()),
        _ => Err("a time is needed".to_owned()),
    }
}

fn parsed(a: &[Value]) -> Done {
    time::parse(text(a, 0), text(a, 1), &TimeZone::UTC).map(Value::from)
}

fn rounded(nanos: i64) -> String {
    let n = nanos.unsigned_abs() / 1_000_000_000;
    let exact = nanos.unsigned_abs().is_multiple_of(1_000_000_000);
    let sign = if nanos < 0 { "-" } else { "" };
    for (unit, name) in [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
        if n > unit || (n == unit && !exact) {
            return format!("{sign}{}{name}", n / unit);
        }
    }
    "0s".to_owned()
}
