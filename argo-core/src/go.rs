//! How Go writes things, where files and messages depend on it.

/// A float as Go's `strconv.FormatFloat(f, 'g', -1, 64)` writes it: shortest digits, with an exponent below 1e-4 and from 1e6 on.
#[must_use]
pub fn float_g(value: f64) -> String {
    match shortest(value) {
        Some((negative, digits, point)) if !(-3..=6).contains(&point) => exponent_form(negative, &digits, point.saturating_sub(1)),
        Some((negative, digits, point)) => plain_form(negative, &digits, point),
        None => special(value),
    }
}

/// A float without exponent, as Go's `'f', -1` writes it.
#[must_use]
pub fn float_f(value: f64) -> String {
    match shortest(value) {
        Some((negative, digits, point)) => plain_form(negative, &digits, point),
        None => special(value),
    }
}

/// A float as Go's encoding/json writes it: an exponent below 1e-6 and from 1e21 on, without leading zeros.
#[must_use]
pub fn float_json(value: f64) -> String {
    match shortest(value) {
        Some((negative, digits, point)) if value != 0.0 && (value.abs() < 1e-6 || value.abs() >= 1e21) => {
            let text = exponent_form(negative, &digits, point.saturating_sub(1));
            text.replace("e-0", "e-")
        }
        Some((negative, digits, point)) => plain_form(negative, &digits, point),
        None => special(value),
    }
}

fn special(value: f64) -> String {
    if value.is_nan() { "NaN".to_owned() } else { (if value > 0.0 { "+Inf" } else { "-Inf" }).to_owned() }
}

/// Sign, shortest digits that read back as the value, and where the point is: 0.d1d2… × 10^point.
fn shortest(value: f64) -> Option<(bool, String, i32)> {
    if !value.is_finite() {
        return None;
    }
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e')?;
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().ok()?;
    if value == 0.0 {
        return Some((value.is_sign_negative(), "0".to_owned(), 1));
    }
    Some((value.is_sign_negative(), digits, exponent.saturating_add(1)))
}

fn exponent_form(negative: bool, digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    let (sign, size) = (if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
    format!("{}{first}{point}{rest}e{sign}{size:02}", if negative { "-" } else { "" })
}

fn plain_form(negative: bool, digits: &str, point: i32) -> String {
    let mut out = if negative { "-".to_owned() } else { String::new() };
    let Ok(point) = usize::try_from(point) else {
        out.push_str("0.");
        out.push_str(&"0".repeat(usize::try_from(point.unsigned_abs()).unwrap_or(0)));
        out.push_str(digits);
        return out;
    };
    match digits.split_at_checked(point) {
        Some(("", fraction)) => out.push_str(&format!("0.{fraction}")),
        Some((whole, "")) => out.push_str(whole),
        Some((whole, fraction)) => out.push_str(&format!("{whole}.{fraction}")),
        None => {
            out.push_str(digits);
            out.push_str(&"0".repeat(point.saturating_sub(digits.len())));
        }
    }
    out
}

/// A value as Go's `%v` prints it: `map[a:1 b:[x y]]`, `<nil>`.
#[must_use]
pub fn print(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float_v(float),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => print_map(map),
    }
}

/// A map as Go's `%v` prints it, sorted by key.
#[must_use]
pub fn print_map(map: &serde_json::Map<String, serde_json::Value>) -> String {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    format!("map[{}]", entries.into_iter().map(|(key, value)| format!("{key}:{}", print(value))).collect::<Vec<_>>().join(" "))
}

/// A float as Go's `%v` prints it: with an exponent below 1e-4 and from 1e21 on.
#[must_use]
pub fn float_v(value: f64) -> String {
    match shortest(value) {
        Some((negative, digits, point)) if !(-3..=21).contains(&point) => exponent_form(negative, &digits, point.saturating_sub(1)),
        Some((negative, digits, point)) => plain_form(negative, &digits, point),
        None => special(value),
    }
}
