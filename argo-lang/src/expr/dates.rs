//! `date`, `duration`, `now` and `timezone`, and arithmetic with them.

use jiff::tz::TimeZone;

use super::ast::Binary;
use crate::go::{time, zone};
use crate::methods;
use crate::sprig::dates::{nanos_between, shifted};
use crate::{Env, Value};

/// Layouts that `date` tries, as upstream does.
const LAYOUTS: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

pub(super) fn call(env: &dyn Env, name: &str, values: &[Value]) -> Option<Result<Value, String>> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(s)) => Ok(s.clone()),
        Some(other) => Err(format!("interface conversion: interface {{}} is {}, not string", other.kind())),
        None => Err(format!("not enough arguments to call {name}")),
    };
    Some(match name {
        "duration" => text(values.first()).and_then(|s| time::parse_duration(&s)).map(Value::Duration),
        "timezone" => text(values.first()).and_then(|s| methods::timezone(&s)),
        "now" => {
            let zone = values.first().and_then(methods::zone_of).unwrap_or(TimeZone::UTC);
            env.now().map(|t| t.to_zoned(zone).into()).ok_or_else(|| "the time is not known here".to_owned())
        }
        "date" => {
            let given = values.first().and_then(methods::zone_of);
            let values = if given.is_some() { values.get(1..).unwrap_or_default() } else { values };
            text(values.first()).and_then(|s| {
                let zone = match values.get(2) {
                    Some(name) => {
                        let name = text(Some(name))?;
                        zone::load(&name).ok_or_else(|| format!("unknown time zone {name}"))?
                    }
                    None => given.unwrap_or(TimeZone::UTC),
                };
                if values.len() > 1 {
                    return time::parse(&text(values.get(1))?, &s, &zone).map(Value::from);
                }
                LAYOUTS
                    .iter()
                    .find_map(|layout| time::parse(layout, &s, &zone).ok())
                    .map(Value::from)
                    .ok_or_else(|| format!("invalid date {s}"))
            })
        }
        _ => return None,
    })
}

/// An operator between times, durations and numbers; none where it does not fit them.
#[allow(clippy::cast_precision_loss)]
pub(super) fn compute(operator: Binary, a: &Value, b: &Value) -> Option<Result<Value, String>> {
    use Binary as B;
    let compared = |order: std::cmp::Ordering| {
        Some(Ok(Value::Bool(match operator {
            B::Less => order.is_lt(),
            B::Greater => order.is_gt(),
            B::LessEqual => order.is_le(),
            B::GreaterEqual => order.is_ge(),
            _ => return None,
        })))
    };
    let moved = |found: Option<Value>| Some(found.ok_or_else(|| "the time is out of range".to_owned()));
    match (a, b) {
        (Value::Time(x), Value::Time(y)) => match operator {
            B::Subtract => Some(Ok(Value::Duration(nanos_between(x, y)))),
            _ => compared(x.timestamp().cmp(&y.timestamp())),
        },
        (Value::Time(x), Value::Duration(y)) => match operator {
            B::Add => moved(shifted(x, *y)),
            B::Subtract => moved(shifted(x, y.saturating_neg())),
            _ => None,
        },
        (Value::Duration(x), Value::Time(y)) if operator == B::Add => moved(shifted(y, *x)),
        (Value::Duration(x), Value::Duration(y)) => match operator {
            B::Add => Some(Ok(Value::Duration(x.wrapping_add(*y)))),
            B::Subtract => Some(Ok(Value::Duration(x.wrapping_sub(*y)))),
            _ => compared(x.cmp(y)),
        },
        (Value::Duration(x), Value::Int(n)) | (Value::Int(n), Value::Duration(x)) if operator == B::Multiply => {
            Some(Ok(Value::Duration(x.wrapping_mul(*n))))
        }
        (Value::Duration(x), Value::Float(n)) | (Value::Float(n), Value::Duration(x)) if operator == B::Multiply => {
            Some(Ok(Value::Float(*x as f64 * n)))
        }
        _ => None,
    }
}
