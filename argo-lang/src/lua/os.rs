//! `os.time` and `os.date`.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::library::Arguments;
use super::operate::number_of;
use super::run::{Machine, Run};
use super::values::V;
use crate::go::strftime;
use crate::go::text::lossy;

/// Letters that Lua knows besides those of Workflows.
const FURTHER: [(char, &str); 5] =
    [('c', "02 Jan 06 15:04 MST"), ('F', "2006-01-02"), ('x', "15/04/05"), ('X', "15:04:05"), ('T', "15:04:05")];

pub(super) fn now(m: &Machine<'_>) -> Run<i64> {
    match m.env.now() {
        Some(t) => Ok(t.as_second()),
        None => m.fail("the time is not known here"),
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(super) fn os_time(m: &mut Machine<'_>, a: &Arguments) -> Run<f64> {
    if a.count() == 0 {
        return Ok(now(m)? as f64);
    }
    let id = a.table(m, 0)?;
    let field = |m: &Machine<'_>, name: &str, default: i64| {
        let value = m.tables.get(id).map_or(V::Nil, |t| t.get_text(name.as_bytes()));
        number_of(&value).map_or(default, |n| n as i64).clamp(-1_000_000_000, 1_000_000_000)
    };
    // What is missing is what the reference takes for it.
    let (year, month, day) = (field(m, "year", -1), field(m, "month", -1), field(m, "day", -1));
    let (hour, minute, second) = (field(m, "hour", 12), field(m, "min", 0), field(m, "sec", 0));
    let month = month - 1;
    let year = year + month.div_euclid(12);
    let first = i16::try_from(year)
        .ok()
        .and_then(|y| Date::new(y, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok())
        .and_then(|d| d.to_datetime(Time::midnight()).to_zoned(TimeZone::UTC).ok());
    match first {
        Some(first) => Ok((first.timestamp().as_second() + (day - 1) * 86_400 + hour * 3600 + minute * 60 + second) as f64),
        None => m.fail("the time is out of range"),
    }
}

#[allow(clippy::cast_possible_truncation)]
pub(super) fn os_date(m: &mut Machine<'_>, a: &Arguments) -> Run<V> {
    let layout = if matches!(a.get(0), V::Nil) { "%c".to_owned() } else { lossy(&a.bytes(m, 0)?) };
    let second = if matches!(a.get(1), V::Nil) { now(m)? } else { a.number(m, 1)? as i64 };
    let Ok(stamp) = Timestamp::from_second(second) else { return m.fail("the time is out of range") };
    let t = stamp.to_zoned(TimeZone::UTC);
    let layout = layout.strip_prefix('!').unwrap_or(&layout);
    if layout.starts_with("*t") {
        return date_table(m, &t);
    }
    let other = |letter: char| if letter == '%' { "%".to_owned() } else { format!("%{letter}") };
    let out = strftime::expand(&t, layout, &FURTHER, &other);
    m.bytes(out.into_bytes())
}

fn date_table(m: &mut Machine<'_>, t: &Zoned) -> Run<V> {
    let table = m.table()?;
    let fields: [(&str, f64); 8] = [
        ("year", t.year().into()),
        ("month", t.month().into()),
        ("day", t.day().into()),
        ("hour", t.hour().into()),
        ("min", t.minute().into()),
        ("sec", t.second().into()),
        ("wday", f64::from(t.weekday().to_sunday_zero_offset()) + 1.0),
        ("yday", 0.0),
    ];
    for (name, value) in fields {
        m.set_raw(table, &V::text(name), V::Number(value))?;
    }
    m.set_raw(table, &V::text("isdst"), V::Bool(false))?;
    Ok(V::Table(table))
}
