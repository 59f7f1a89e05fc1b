//! Quantities such as `500m` and `1Gi`, in their canonical form.

const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// The canonical form: no fraction, the largest suffix that keeps it whole; the kind of suffix stays. `None` where it is no quantity.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let digits_end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '+' | '-'))))
        .map_or(text.len(), |(at, _)| at);
    let (number, suffix) = text.split_at(digits_end);
    let negative = number.starts_with('-');
    let number = number.trim_start_matches(['+', '-']);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut scale = i32::try_from(fraction.len()).ok()?.checked_neg()?;
    enum Family {
        Binary,
        Decimal,
        Exponent,
    }
    let family = if let Some((_, power)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        digits = digits.checked_mul(1_i128.checked_shl(*power)?)?;
        Family::Binary
    } else if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        scale = scale.checked_add(*power)?;
        Family::Decimal
    } else {
        let exponent = suffix.strip_prefix(['e', 'E'])?;
        scale = scale.checked_add(exponent.parse::<i32>().ok()?)?;
        Family::Exponent
    };
    if digits == 0 {
        return Some("0".to_owned());
    }
    // Nothing finer than a billionth: rounded up, away from zero.
    while scale < -9 {
        let rest = digits % 10;
        digits = digits / 10 + i128::from(rest != 0);
        scale += 1;
    }
    while digits % 10 == 0 {
        digits /= 10;
        scale = scale.checked_add(1)?;
    }
    let sign = if negative { "-" } else { "" };
    if let Family::Binary = family
        && scale >= 0
    {
        let value = digits.checked_mul(10_i128.checked_pow(u32::try_from(scale).ok()?)?)?;
        if value >= 1024 {
            let (suffix, power) = BINARY.iter().rev().find(|(_, power)| value % (1_i128 << power) == 0).copied().unwrap_or(("", 0));
            return Some(format!("{sign}{}{suffix}", value >> power));
        }
        return Some(format!("{sign}{value}"));
    }
    let down = scale.rem_euclid(3);
    let power = scale.checked_sub(down)?;
    let shown = digits.checked_mul(10_i128.checked_pow(u32::try_from(down).ok()?)?)?;
    if let Family::Exponent = family {
        let suffix = if power == 0 { String::new() } else { format!("e{power}") };
        return Some(format!("{sign}{shown}{suffix}"));
    }
    let suffix = DECIMAL.iter().find(|(_, p)| *p == power).map(|(s, _)| *s);
    match suffix {
        Some(suffix) => Some(format!("{sign}{shown}{suffix}")),
        None => {
            let extra = u32::try_from(power.checked_sub(18)?).ok()?;
            Some(format!("{sign}{}E", shown.checked_mul(10_i128.checked_pow(extra)?)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn forms() {
        for (from, to) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1Gi", "1Gi"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1500", "1500"),
            ("1000", "1k"),
            ("1e3", "1e3"),
            ("0", "0"),
            ("100", "100"),
            ("-1", "-1"),
            ("1G", "1G"),
            ("12e6", "12e6"),
        ] {
            assert_eq!(canonical(from).as_deref(), Some(to), "{from}");
        }
        assert_eq!(canonical("abc"), None);
        assert_eq!(canonical("1x"), None);
        assert_eq!(canonical(""), None);
    }
}
