//! What a plain scalar means in YAML 1.1, as go-yaml v2 reads it.

use serde_json::{Number, Value};

/// Largest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value of a scalar.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    match tag.and_then(|t| t.rsplit([':', '!']).next()) {
        Some("str" | "binary") => return Ok(Value::from(text)),
        Some("int" | "float" | "bool" | "null") | None => {}
        Some(_) if !plain => return Ok(Value::from(text)),
        Some(_) => {}
    }
    if !plain && tag.is_none() {
        return Ok(Value::from(text));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN" | ".NAN" => {
            return Err(format!("{text} has no counterpart in JSON: quote it if it is text"));
        }
        _ => {}
    }
    Ok(number(text).unwrap_or_else(|| Value::from(text)))
}

/// Whether a plain scalar of this text would be read as something other than the text.
pub(super) fn is_special(text: &str) -> bool {
    !matches!(resolve(text, true, None), Ok(Value::String(_)))
}

fn number(text: &str) -> Option<Value> {
    let first = text.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    integer(&plain).or_else(|| float(&plain))
}

fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let parse = |digits: &str, radix: u32| -> Option<u64> {
        (!digits.is_empty() && digits.chars().all(|c| c.is_digit(radix))).then(|| u64::from_str_radix(digits, radix).ok())?
    };
    let lower = digits.to_ascii_lowercase();
    let magnitude = if let Some(hex) = lower.strip_prefix("0x") {
        parse(hex, 16)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        parse(binary, 2)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        parse(octal, 8)
    } else if lower.len() > 1 && lower.starts_with('0') {
        parse(&lower, 8)
    } else {
        parse(&lower, 10)
    }?;
    if negative { 0_i64.checked_sub_unsigned(magnitude).map(Value::from) } else { Some(Value::from(magnitude)) }
}

fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let good_exponent = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) || !good_exponent {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    from_float(value)
}

/// A float as Go's JSON has it: without a fraction where there is none.
fn from_float(value: f64) -> Option<Value> {
    #[allow(clippy::cast_possible_truncation)]
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::resolve;

    #[test]
    fn numbers_are_yaml_1_1() {
        for (text, value) in [
            ("010", json!(8)),
            ("0o10", json!(8)),
            ("0x1F", json!(31)),
            ("1_000", json!(1000)),
            ("08", json!(8)),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("-0", json!(0)),
        ] {
            assert_eq!(resolve(text, true, None), Ok(value), "{text}");
        }
        for text in ["1.2.3", "0o8", "-", "+", ".", "1e", "12:30:45", "2001-01-01"] {
            assert_eq!(resolve(text, true, None), Ok(Value::from(text)), "{text}");
        }
    }
}
