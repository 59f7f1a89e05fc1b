//! Numbers.

use super::args::{any, int, shown, tail, to_float, to_int};
use super::strings::{entry, list, number_below};
use super::{Done, Entry};
use crate::{Env, Value};

/// Longest list of numbers.
const MOST_NUMBERS: i64 = 1_000_000;

pub(super) const TABLE: &[Entry] = &[
    entry("int", "a", |_, a| Ok(to_int(any(a, 0)).into())),
    entry("int64", "a", |_, a| Ok(to_int(any(a, 0)).into())),
    entry("float64", "a", |_, a| Ok(to_float(any(a, 0)).into())),
    entry("atoi", "s", |_, a| Ok(shown(any(a, 0)).parse::<i64>().unwrap_or(0).into())),
    entry("toDecimal", "a", |_, a| Ok(i64::from_str_radix(&shown(any(a, 0)), 8).unwrap_or(0).into())),
    entry("add", "a*", |_, a| Ok(a.iter().fold(0_i64, |n, v| n.wrapping_add(to_int(v))).into())),
    entry("add1", "a", |_, a| Ok(to_int(any(a, 0)).wrapping_add(1).into())),
    entry("sub", "aa", |_, a| Ok(to_int(any(a, 0)).wrapping_sub(to_int(any(a, 1))).into())),
    entry("mul", "aa*", |_, a| Ok(a.iter().fold(1_i64, |n, v| n.wrapping_mul(to_int(v))).into())),
    entry("div", "aa", |_, a| divide(a, i64::wrapping_div)),
    entry("mod", "aa", |_, a| divide(a, i64::wrapping_rem)),
    entry("add1f", "a", |_, a| Ok(decimal('+', to_float(any(a, 0)), 1.0).into())),
    entry("addf", "a*", |_, a| Ok(a.iter().fold(0.0, |n, v| decimal('+', n, to_float(v))).into())),
    entry("subf", "aa*", |_, a| Ok(tail(a, 1).iter().fold(to_float(any(a, 0)), |n, v| decimal('-', n, to_float(v))).into())),
    entry("mulf", "aa*", |_, a| Ok(tail(a, 1).iter().fold(to_float(any(a, 0)), |n, v| decimal('*', n, to_float(v))).into())),
    entry("divf", "aa*", |_, a| {
        tail(a, 1)
            .iter()
            .try_fold(to_float(any(a, 0)), |n, v| {
                let by = to_float(v);
                if by == 0.0 { Err("decimal division by 0".to_owned()) } else { Ok(decimal('/', n, by)) }
            })
            .map(Value::from)
    }),
    entry("max", "aa*", |_, a| Ok(a.iter().map(to_int).max().unwrap_or(0).into())),
    entry("biggest", "aa*", |_, a| Ok(a.iter().map(to_int).max().unwrap_or(0).into())),
    entry("min", "aa*", |_, a| Ok(a.iter().map(to_int).min().unwrap_or(0).into())),
    entry("maxf", "aa*", |_, a| Ok(a.iter().map(to_float).fold(to_float(any(a, 0)), f64::max).into())),
    entry("minf", "aa*", |_, a| Ok(a.iter().map(to_float).fold(to_float(any(a, 0)), f64::min).into())),
    entry("ceil", "a", |_, a| Ok(to_float(any(a, 0)).ceil().into())),
    entry("floor", "a", |_, a| Ok(to_float(any(a, 0)).floor().into())),
    entry("round", "aif*", |_, a| Ok(round(to_float(any(a, 0)), int(a, 1), a.get(2).map_or(0.5, to_float)).into())),
    entry("until", "i", |_, a| {
        let count = int(a, 0);
        until(0, count, if count < 0 { -1 } else { 1 }).map(numbers)
    }),
    entry("untilStep", "iii", |_, a| until(int(a, 0), int(a, 1), int(a, 2)).map(numbers)),
    entry("seq", "i*", |_, a| seq(a)),
    entry("randInt", "ii", |env, a| random_int(env, int(a, 0), int(a, 1))),
];

fn divide(a: &[Value], f: fn(i64, i64) -> i64) -> Done {
    match to_int(any(a, 1)) {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        by => Ok(f(to_int(any(a, 0)), by).into()),
    }
}

/// A float as digits and a power of ten; none where it has too many.
fn digits(n: f64) -> Option<(i128, u32)> {
    let text = format!("{n}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if whole.len() + fraction.len() > 30 {
        return None;
    }
    Some((format!("{whole}{fraction}").parse().ok()?, u32::try_from(fraction.len()).ok()?))
}

/// Decimal arithmetic, so that 0.1 + 0.2 is 0.3.
#[allow(clippy::cast_precision_loss)]
fn decimal(operator: char, a: f64, b: f64) -> f64 {
    let plain = match operator {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ => a / b,
    };
    if operator == '/' {
        return format!("{plain:.16}").parse().unwrap_or(plain);
    }
    let exact = || -> Option<f64> {
        let ((x, xs), (y, ys)) = (digits(a)?, digits(b)?);
        let (value, scale) = if operator == '*' {
            (x.checked_mul(y)?, xs + ys)
        } else {
            let scale = xs.max(ys);
            let x = x.checked_mul(10_i128.checked_pow(scale - xs)?)?;
            let y = y.checked_mul(10_i128.checked_pow(scale - ys)?)?;
            (if operator == '+' { x.checked_add(y)? } else { x.checked_sub(y)? }, scale)
        };
        format!("{value}e-{scale}").parse().ok()
    };
    exact().unwrap_or(plain)
}

fn round(n: f64, places: i64, on: f64) -> f64 {
    let power = 10_f64.powi(i32::try_from(places).unwrap_or(0));
    let shifted = power * n;
    let rounded = if shifted.fract() >= on { shifted.ceil() } else { shifted.floor() };
    rounded / power
}

fn until(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, String> {
    let mut out = Vec::new();
    if (stop < start && step >= 0) || (stop >= start && step <= 0) {
        return Ok(out);
    }
    let count = (i128::from(stop) - i128::from(start)) / i128::from(step);
    if count.abs() > i128::from(MOST_NUMBERS) {
        return Err("the list is too long".to_owned());
    }
    let mut n = start;
    while if step > 0 { n < stop } else { n > stop } {
        out.push(n);
        let Some(next) = n.checked_add(step) else { break };
        n = next;
    }
    Ok(out)
}

fn numbers(items: Vec<i64>) -> Value {
    list(items.into_iter().map(Value::Int))
}

fn seq(a: &[Value]) -> Done {
    let (start, step, end) = match a.len() {
        1 => (1, None, int(a, 0)),
        2 => (int(a, 0), None, int(a, 1)),
        3 => (int(a, 0), Some(int(a, 1)), int(a, 2)),
        _ => return Ok("".into()),
    };
    let one = if end < start { -1 } else { 1 };
    if step.is_some_and(|s| one < 0 && s > 0) {
        return Ok("".into());
    }
    let items = until(start, end.saturating_add(one), step.unwrap_or(one))?;
    Ok(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into())
}

fn random_int(env: &dyn Env, low: i64, high: i64) -> Done {
    let span = high.checked_sub(low).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let n = number_below(env, span)?;
    Ok(low.wrapping_add(i64::try_from(n).unwrap_or(0)).into())
}
