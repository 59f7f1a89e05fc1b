//! Dates: broken-down times as jq has them, in UTC.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::ops::{shown, text};
use crate::Value;

/// `[year, month from 0, day, hour, minute, second, weekday, day of year from 0]`.
fn broken(t: &Zoned, fraction: f64) -> Value {
    let second = f64::from(t.second()) + fraction;
    let second = if second.fract() == 0.0 { Value::Int(t.second().into()) } else { Value::Float(second) };
    vec![
        Value::Int(t.year().into()),
        Value::Int(i64::from(t.month()) - 1),
        Value::Int(t.day().into()),
        Value::Int(t.hour().into()),
        Value::Int(t.minute().into()),
        second,
        Value::Int(t.weekday().to_sunday_zero_offset().into()),
        Value::Int(i64::from(t.day_of_year()) - 1),
    ]
    .into()
}

#[allow(clippy::cast_possible_truncation)]
fn instant(name: &str, value: &Value) -> Result<(Zoned, f64), String> {
    let seconds = value.as_f64().ok_or_else(|| format!("{name} cannot be applied to: {}", shown(value)))?;
    let whole = seconds.floor();
    let stamp = Timestamp::from_second(whole as i64).map_err(|e| format!("{name} cannot be applied to: {}: {e}", shown(value)))?;
    Ok((stamp.to_zoned(TimeZone::UTC), seconds - whole))
}

pub(super) fn gmtime(value: &Value) -> Result<Value, String> {
    let (t, fraction) = instant("gmtime", value)?;
    Ok(broken(&t, fraction))
}

/// A broken-down time as a point in time.
#[allow(clippy::cast_possible_truncation)]
fn join(name: &str, value: &Value) -> Result<Zoned, String> {
    let fail = || format!("{name} cannot be applied to: {}", shown(value));
    let Value::List(list) = value else { return Err(fail()) };
    let at = |i: usize| list.get(i).and_then(Value::as_f64).map(|n| n as i64).ok_or_else(fail);
    let (year, month) = (at(0)?, at(1)?);
    let (day, hour, minute, second) = (at(2)?, at(3)?, at(4)?, at(5)?);
    let year = year.checked_add(month.div_euclid(12)).ok_or_else(fail)?;
    let first = Date::new(i16::try_from(year).map_err(|_| fail())?, i8::try_from(month.rem_euclid(12) + 1).map_err(|_| fail())?, 1)
        .map_err(|_| fail())?;
    let start = first.to_zoned(TimeZone::UTC).map_err(|_| fail())?.timestamp().as_second();
    let limit = 400_000_000_000_i64;
    if [day, hour, minute, second].iter().any(|n| n.abs() > limit) {
        return Err(fail());
    }
    let total = start + (day - 1) * 86_400 + hour * 3600 + minute * 60 + second;
    Timestamp::from_second(total).map(|t| t.to_zoned(TimeZone::UTC)).map_err(|_| fail())
}

pub(super) fn mktime(value: &Value) -> Result<Value, String> {
    join("mktime", value).map(|t| Value::Int(t.timestamp().as_second()))
}

pub(super) fn strftime(value: &Value, format: &Value) -> Result<Value, String> {
    let fail = || format!("strftime({}) cannot be applied to: {}", text(format), shown(value));
    let Value::String(layout) = format else { return Err(fail()) };
    let t = match value {
        Value::List(_) => join("strftime", value)?,
        _ => instant("strftime", value).map_err(|_| fail())?.0,
    };
    BrokenDownTime::from(&t).to_string(layout.as_ref()).map(Value::from).map_err(|e| format!("{}: {e}", fail()))
}

pub(super) fn strptime(value: &Value, format: &Value) -> Result<Value, String> {
    let (Value::String(s), Value::String(layout)) = (value, format) else {
        return Err(format!("strptime({}) cannot be applied to: {}", text(format), shown(value)));
    };
    let fail = |why: String| format!("strptime({}) cannot be applied to {}: {why}", text(format), text(value));
    // `Z` is a zone too.
    let (s, layout) = match (s.strip_suffix('Z'), layout.strip_suffix("%z")) {
        (Some(s), Some(layout)) => (s, layout),
        _ => (s.as_ref(), layout.as_ref()),
    };
    let parsed = BrokenDownTime::parse(layout, s).map_err(|e| fail(format!("failed to parse: {e}")))?;
    let date = match parsed.to_date() {
        Ok(date) => date,
        Err(_) => Date::new(parsed.year().unwrap_or(1900), parsed.month().unwrap_or(1), parsed.day().unwrap_or(1))
            .map_err(|e| fail(e.to_string()))?,
    };
    let time = parsed.to_time().unwrap_or_default();
    let local = DateTime::from_parts(date, time);
    let t = match parsed.offset() {
        Some(offset) => offset.to_timestamp(local).map_err(|e| fail(e.to_string()))?.to_zoned(TimeZone::UTC),
        None => local.to_zoned(TimeZone::UTC).map_err(|e| fail(e.to_string()))?,
    };
    Ok(broken(&t, 0.0))
}
