//! Fields and methods of values that are more than data: times, durations, months, zones, versions.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use crate::go::{time, zone};
use crate::sprig::dates::{nanos_between, shifted};
use crate::value::Object;
use crate::{Function, Value};

/// A month or weekday: a number with a name.
#[derive(Debug)]
struct Named {
    kind: &'static str,
    number: i64,
}

impl Object for Named {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn has_method(&self, name: &str) -> bool {
        name == "String"
    }

    fn call(&self, name: &str, _: &[Value]) -> Option<Result<Value, String>> {
        (name == "String").then(|| Ok(self.text().into()))
    }

    fn number(&self) -> Option<i64> {
        Some(self.number)
    }

    fn text(&self) -> String {
        if self.kind == "time.Month" { time::month_name(self.number) } else { time::weekday_name(self.number) }.to_owned()
    }
}

/// A time zone as a value.
#[derive(Debug)]
struct Zone(TimeZone);

impl Object for Zone {
    fn type_name(&self) -> &str {
        "*time.Location"
    }

    fn has_method(&self, name: &str) -> bool {
        name == "String"
    }

    fn call(&self, name: &str, _: &[Value]) -> Option<Result<Value, String>> {
        (name == "String").then(|| Ok(self.text().into()))
    }

    fn text(&self) -> String {
        self.0.iana_name().unwrap_or("UTC").to_owned()
    }
}

/// The time zone of a name as a value.
pub(crate) fn timezone(name: &str) -> Result<Value, String> {
    zone::load(name).map(|z| Value::Object(Arc::new(Zone(z)))).ok_or_else(|| format!("unknown time zone {name}"))
}

/// The zone that a value stands for.
pub(crate) fn zone_of(value: &Value) -> Option<TimeZone> {
    match value {
        Value::Object(object) if object.type_name() == "*time.Location" => zone::load(&object.text()),
        _ => None,
    }
}

const TIME: [&str; 31] = [
    "Year",
    "Month",
    "Day",
    "Hour",
    "Minute",
    "Second",
    "Nanosecond",
    "Weekday",
    "YearDay",
    "Unix",
    "UnixMilli",
    "UnixMicro",
    "UnixNano",
    "Format",
    "Add",
    "Sub",
    "AddDate",
    "Truncate",
    "Round",
    "In",
    "UTC",
    "Local",
    "Before",
    "After",
    "Equal",
    "Compare",
    "IsZero",
    "String",
    "Location",
    "GoString",
    "IsDST",
];
const DURATION: [&str; 10] =
    ["Seconds", "Minutes", "Hours", "Milliseconds", "Microseconds", "Nanoseconds", "String", "Abs", "Round", "Truncate"];

/// Whether a value has a method of that name.
pub(crate) fn has(value: &Value, name: &str) -> bool {
    match value {
        Value::Time(_) => TIME.contains(&name),
        Value::Duration(_) => DURATION.contains(&name),
        Value::Object(object) => object.has_method(name),
        _ => false,
    }
}

/// A method of a value as a function.
pub(crate) fn method(value: &Value, name: &str) -> Option<Value> {
    has(value, name).then(|| {
        let (value, owned) = (value.clone(), name.to_owned());
        Value::Function(Function::new(name, move |_, arguments| call(&value, &owned, arguments)))
    })
}

/// Calls a method.
pub(crate) fn call(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let unknown = || format!("{} has no method {name}", value.type_name());
    match value {
        Value::Time(t) => time_method(t, name, arguments).unwrap_or_else(|| Err(unknown())),
        Value::Duration(n) => duration_method(*n, name, arguments).unwrap_or_else(|| Err(unknown())),
        Value::Object(object) => object.call(name, arguments).unwrap_or_else(|| Err(unknown())),
        _ => Err(unknown()),
    }
}

#[allow(clippy::cast_precision_loss)]
fn duration_method(n: i64, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    let unit = || match arguments {
        [Value::Duration(u) | Value::Int(u)] => Ok(*u),
        _ => Err(format!("{name} takes a duration")),
    };
    Some(Ok(match name {
        "Seconds" => Value::Float(n as f64 / 1e9),
        "Minutes" => Value::Float(n as f64 / 60e9),
        "Hours" => Value::Float(n as f64 / 3600e9),
        "Milliseconds" => Value::Int(n / 1_000_000),
        "Microseconds" => Value::Int(n / 1_000),
        "Nanoseconds" => Value::Int(n),
        "String" => time::duration_text(n).into(),
        "Abs" => Value::Duration(n.saturating_abs()),
        "Round" | "Truncate" => match unit() {
            Err(error) => return Some(Err(error)),
            Ok(u) if u <= 0 => Value::Duration(n),
            Ok(u) => {
                let rest = n % u;
                let down = n - rest;
                let up = name == "Round" && rest.unsigned_abs().saturating_mul(2) >= u.unsigned_abs();
                Value::Duration(if up { down.saturating_add(u * rest.signum()) } else { down })
            }
        },
        _ => return None,
    }))
}

fn time_method(t: &Zoned, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    Some(time_value(t, name, arguments)?.and_then(|v| v.ok_or_else(|| "the time is out of range".to_owned())))
}

type Found = Option<Result<Option<Value>, String>>;

fn time_value(t: &Zoned, name: &str, arguments: &[Value]) -> Found {
    let stamp = t.timestamp();
    let number = |n: i128| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let value = match name {
        "Year" => Value::Int(t.year().into()),
        "Month" => Value::Object(Arc::new(Named { kind: "time.Month", number: t.month().into() })),
        "Day" => Value::Int(t.day().into()),
        "Hour" => Value::Int(t.hour().into()),
        "Minute" => Value::Int(t.minute().into()),
        "Second" => Value::Int(t.second().into()),
        "Nanosecond" => Value::Int(t.subsec_nanosecond().into()),
        "Weekday" => Value::Object(Arc::new(Named { kind: "time.Weekday", number: t.weekday().to_sunday_zero_offset().into() })),
        "YearDay" => Value::Int(t.day_of_year().into()),
        "Unix" => Value::Int(stamp.as_second()),
        "UnixMilli" => number(stamp.as_nanosecond().div_euclid(1_000_000)),
        "UnixMicro" => number(stamp.as_nanosecond().div_euclid(1_000)),
        "UnixNano" => number(stamp.as_nanosecond()),
        "String" | "GoString" => time::text(t).into(),
        "UTC" => t.with_time_zone(TimeZone::UTC).into(),
        "Local" => t.with_time_zone(TimeZone::UTC).into(),
        "IsZero" => (stamp == time::zero().timestamp()).into(),
        "IsDST" => t.time_zone().to_offset_info(stamp).dst().is_dst().into(),
        "Location" => Value::Object(Arc::new(Zone(t.time_zone().clone()))),
        _ => return with_arguments(t, stamp, name, arguments),
    };
    Some(if arguments.is_empty() { Ok(Some(value)) } else { Err(format!("too many arguments to call {name}")) })
}

fn with_arguments(t: &Zoned, stamp: Timestamp, name: &str, arguments: &[Value]) -> Found {
    Some(Ok(match (name, arguments) {
        ("Format", [Value::String(layout)]) => Some(time::format(t, layout).into()),
        ("Add", [Value::Duration(n)]) => shifted(t, *n),
        ("Sub", [Value::Time(other)]) => Some(Value::Duration(nanos_between(t, other))),
        ("AddDate", [Value::Int(years), Value::Int(months), Value::Int(days)]) => added(t, *years, *months, *days).map(Value::from),
        ("Truncate" | "Round", [Value::Duration(unit)]) => {
            let since = i64::try_from((stamp.as_nanosecond() - time::zero().timestamp().as_nanosecond()).rem_euclid((*unit).max(1).into()))
                .unwrap_or(0);
            let back = if *unit <= 0 { 0 } else { since };
            let up = name == "Round" && *unit > 0 && back.saturating_mul(2) >= *unit;
            shifted(t, if up { *unit - back } else { -back })
        }
        ("In", [zone]) => match zone_of(zone) {
            Some(zone) => Some(t.with_time_zone(zone).into()),
            None => return Some(Err("In takes a time zone".to_owned())),
        },
        ("Before", [Value::Time(other)]) => Some((stamp < other.timestamp()).into()),
        ("After", [Value::Time(other)]) => Some((stamp > other.timestamp()).into()),
        ("Equal", [Value::Time(other)]) => Some((stamp == other.timestamp()).into()),
        ("Compare", [Value::Time(other)]) => Some(Value::Int(stamp.cmp(&other.timestamp()) as i64)),
        (name, _) if TIME.contains(&name) => return Some(Err(format!("the arguments do not fit {name}"))),
        _ => return None,
    }))
}

/// As Go's `AddDate`: months overflow into the next one (31 January and a month is 3 March).
fn added(t: &Zoned, years: i64, months: i64, days: i64) -> Option<Zoned> {
    let month = i64::from(t.month()).checked_add(months)?.checked_sub(1)?;
    let year = i64::from(t.year()).checked_add(years)?.checked_add(month.div_euclid(12))?;
    let first = jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
    let days = i64::from(t.day()).checked_sub(1)?.checked_add(days)?;
    let date = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
    date.to_datetime(t.time()).to_zoned(t.time_zone().clone()).ok()
}
