//! What a plain scalar means in YAML 1.1, as go-yaml v2 reads it.

use base64::Engine as _;
use serde_json::{Number, Value};

/// Largest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value of a scalar.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    match tag.map(|tag| tag.strip_prefix("tag:yaml.org,2002:")) {
        None if plain => untagged(text),
        None => Ok(Value::from(text)),
        Some(Some("binary")) => {
            let plain: String = text.split_ascii_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(plain);
            bytes.map(|b| Value::from(String::from_utf8_lossy(&b))).map_err(|_| "!!binary value contains invalid base64 data".to_owned())
        }
        Some(Some(name @ ("int" | "float" | "bool" | "null"))) => {
            let value = untagged(text)?;
            let fits = match &value {
                Value::Number(number) => name == "float" || (name == "int" && !number.is_f64()),
                Value::Bool(_) => name == "bool",
                Value::Null => name == "null",
                _ => false,
            };
            if fits { Ok(value) } else { Err(format!("`{text}` is no !!{name}")) }
        }
        // What other tags mean is not known here.
        Some(_) => Ok(Value::from(text)),
    }
}

fn untagged(text: &str) -> Result<Value, String> {
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

/// Whether a text is a number to base 60, which YAML 1.1 readers would take for one: `12:30:45`.
pub(super) fn is_base_60(text: &str) -> bool {
    let digits = |part: &str, more: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || more.contains(c));
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let mut parts = whole.split(':');
    let first = parts.next().is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()) && digits(p, "_"));
    let mut count = 0_usize;
    let rest = parts.all(|part| {
        count = count.saturating_add(1);
        match part.as_bytes() {
            [one] => one.is_ascii_digit(),
            [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
            _ => false,
        }
    });
    first && rest && count > 0 && (fraction.is_empty() || digits(fraction, "_"))
}

/// Whether a text is a time to YAML: a date, or date and time.
pub(super) fn is_timestamp(text: &str) -> bool {
    let Some((year, rest)) = text.split_at_checked(4) else { return false };
    let Some(rest) = rest.strip_prefix('-').filter(|_| year.bytes().all(|b| b.is_ascii_digit())) else { return false };
    let small = |text: &str, least: u32, most: u32| {
        (1..=2).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && text.parse::<u32>().is_ok_and(|n| (least..=most).contains(&n))
    };
    let Some((month, rest)) = rest.split_once('-') else { return false };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (day, time) = rest.split_at(end);
    let days = match (month.trim_start_matches('0'), year.parse::<u32>().unwrap_or(0)) {
        ("4" | "6" | "9" | "11", _) => 30,
        ("2", year) if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        ("2", _) => 28,
        _ => 31,
    };
    if !small(month, 1, 12) || !small(day, 1, days) {
        return false;
    }
    let (clock, zoned) = match time.chars().next() {
        None => return true,
        Some('T' | 't') => (time.get(1..).unwrap_or_default(), true),
        Some(' ') => (time.get(1..).unwrap_or_default(), false),
        Some(_) => return false,
    };
    let clock = match (zoned, clock.find(['Z', '+', '-'])) {
        (false, None) => clock,
        (true, Some(at)) => {
            let (clock, zone) = clock.split_at(at);
            let good = zone == "Z"
                || matches!(zone.get(1..).and_then(|z| z.split_once(':')), Some((h, m)) if h.len() == 2 && m.len() == 2 && small(h, 0, 24) && small(m, 0, 60));
            if !good {
                return false;
            }
            clock
        }
        _ => return false,
    };
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next(), parts.next(), parts.next());
    hour.is_some_and(|h| small(h, 0, 23))
        && minute.is_some_and(|m| small(m, 0, 59))
        && second.is_some_and(|s| small(s, 0, 59))
        && parts.next().is_none()
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
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
        let tagged = |text: &str, tag: &str| resolve(text, false, Some(&format!("tag:yaml.org,2002:{tag}")));
        assert_eq!(tagged("3", "int"), Ok(json!(3)));
        assert_eq!(tagged("3", "str"), Ok(json!("3")));
        assert!(tagged("x", "int").is_err());
        assert_eq!(resolve("3", true, Some("!int")), Ok(json!("3")));
        for text in ["1.2.3", "0o8", "-", "+", ".", "1e", "12:30:45", "2001-01-01"] {
            assert_eq!(resolve(text, true, None), Ok(Value::from(text)), "{text}");
        }
    }
}
