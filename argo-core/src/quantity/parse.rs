//! Reading quantities.

use num_bigint::{BigInt, Sign};

use super::{Amount, Format, Quantity, QuantityError, power};

/// Largest power of ten that is worked with, and longest text; Go would go on until memory ends.
const MOST_EXPONENT: i32 = 10_000;
/// Finest scale: one billionth.
const NANO: i32 = -9;

struct Parts<'t> {
    positive: bool,
    whole: &'t str,
    fraction: &'t str,
    suffix: &'t str,
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let (positive, rest) = match text.strip_prefix('-') {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let letters = suffix.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
    let number = letters.strip_prefix(['-', '+']).unwrap_or(letters);
    if digits(number) != number.len() {
        return Err(QuantityError::Format);
    }
    Ok(Parts { positive, whole: whole.trim_start_matches('0'), fraction, suffix })
}

/// Base, exponent and form that a suffix stands for.
fn interpret(suffix: &str) -> Option<(u32, i32, Format)> {
    let decimal = |exponent| Some((10, exponent, Format::DecimalSi));
    let binary = |exponent| Some((2, exponent, Format::BinarySi));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some((10, i32::try_from(exponent).unwrap_or(i32::MAX), Format::DecimalExponent))
        }
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "0" {
            return Ok(Self { text: text.to_owned(), ..Self::default() });
        }
        let parts = split(text)?;
        let (base, exponent, format) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
        // With its digits too: the canonical form may move them all into the exponent.
        let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
        if exponent < -MOST_EXPONENT || exponent.saturating_add(length(parts.whole)) > MOST_EXPONENT || length(text) > MOST_EXPONENT {
            return Err(QuantityError::Numeric);
        }
        if let Some(quantity) = small(text, &parts, base, exponent, format) {
            return Ok(quantity);
        }
        big(&parts, base, exponent, format)
    }
}

/// What has few enough digits is a whole number and a scale.
fn small(text: &str, parts: &Parts<'_>, base: u32, exponent: i32, format: Format) -> Option<Quantity> {
    let whole = if parts.whole.is_empty() { "0" } else { parts.whole };
    let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
    let (scale, factor, room) = if base == 10 {
        let used = length(whole).saturating_add(length(parts.fraction));
        (exponent, 1_i64, 18_i32.saturating_sub(used))
    } else {
        if !parts.fraction.is_empty() {
            return None;
        }
        // A power of two has about three tenths as many decimal digits.
        let digits = exponent.saturating_mul(3) / 10;
        (0, 1_i64.checked_shl(exponent.unsigned_abs())?, 14_i32.saturating_sub(length(whole)).saturating_sub(digits))
    };
    let scale = scale.saturating_sub(length(parts.fraction));
    if room < 0 || scale < NANO {
        return None;
    }
    let value: i64 = format!("{whole}{}", parts.fraction).parse().ok()?;
    let product = value.checked_mul(factor)?;
    let signed = if parts.positive { product } else { product.saturating_neg() };
    // The text is kept where it cannot be shortened much: no fraction, an exponent that has a suffix, and fewer than three factors of the base.
    let kept = parts.fraction.is_empty() && scale <= 18 && value.checked_rem(i64::from(base.pow(3))) != Some(0);
    let text = if kept { text.to_owned() } else { String::new() };
    Some(Quantity { amount: Amount::Small { value: signed, scale }, format, text })
}

fn big(parts: &Parts<'_>, base: u32, exponent: i32, format: Format) -> Result<Quantity, QuantityError> {
    let digits = format!("{}{}", parts.whole, parts.fraction);
    let mut unscaled: BigInt = if digits.is_empty() { BigInt::ZERO } else { digits.parse().map_err(|_| QuantityError::Numeric)? };
    let mut scale = i32::try_from(parts.fraction.len()).map_err(|_| QuantityError::Numeric)?;
    if base == 10 {
        scale = scale.saturating_sub(exponent);
    } else {
        unscaled <<= exponent.unsigned_abs();
    }
    let mut format = format;
    (unscaled, scale) = round_up(unscaled, scale);
    if format == Format::BinarySi {
        let most = BigInt::from(i64::MAX);
        let one = power(scale.unsigned_abs());
        if unscaled > &most * &one {
            (unscaled, scale) = (most, 0);
        } else if unscaled < one && unscaled.sign() != Sign::NoSign {
            format = Format::DecimalSi;
        }
    }
    let unscaled = if parts.positive { unscaled } else { -unscaled };
    Ok(Quantity { amount: Amount::Big { unscaled, scale }, format, text: String::new() })
}

/// To whole billionths, upwards.
fn round_up(unscaled: BigInt, scale: i32) -> (BigInt, i32) {
    let finest = NANO.saturating_neg();
    if scale <= finest {
        return (unscaled * power(finest.saturating_sub(scale).unsigned_abs()), finest);
    }
    let divisor = power(scale.saturating_sub(finest).unsigned_abs());
    let whole = &unscaled / &divisor;
    let exact = &whole * &divisor == unscaled;
    (if exact { whole } else { whole + 1 }, finest)
}
