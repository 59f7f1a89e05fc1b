//! Kubernetes quantities: `500m`, `1.5Gi`, `12e6`, with their arithmetic and their canonical form.
//!
//! Exact to the Go library, its habits included: values below one billionth are rounded up to it, binary values above 2^63-1 are cut to it,
//! suffixes beyond `E` are lost in the canonical form, and a text that looks canonical is kept as it was written.
//!
//! ```
//! use argo_core::quantity::Quantity;
//!
//! let memory: Quantity = "1.5Gi".parse().unwrap();
//! assert_eq!(memory.to_string(), "1536Mi");
//! assert_eq!(memory.value(), 1_610_612_736);
//! assert!("500m".parse::<Quantity>().unwrap() < "1".parse().unwrap());
//! ```

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, Sign};

mod parse;

/// In which form a quantity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`.
    BinarySi,
    /// `12M`.
    #[default]
    DecimalSi,
}

impl Format {
    /// Its name in Kubernetes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DecimalExponent => "DecimalExponent",
            Self::BinarySi => "BinarySI",
            Self::DecimalSi => "DecimalSI",
        }
    }
}

/// A text that is no quantity; the messages are Kubernetes' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// A suffix that does not exist.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// Not a number, or one of more digits than are reasonable.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
}

/// An amount. Small ones are a whole number times a power of ten, all others have as many digits as they need.
#[derive(Clone, Debug)]
pub(crate) enum Amount {
    /// `value` × 10^`scale`.
    Small { value: i64, scale: i32 },
    /// `unscaled` × 10^-`scale`.
    Big { unscaled: BigInt, scale: i32 },
}

/// A quantity.
#[derive(Clone, Debug)]
pub struct Quantity {
    pub(crate) amount: Amount,
    pub(crate) format: Format,
    /// The text it was read from, where that is kept.
    pub(crate) text: String,
}

impl Default for Quantity {
    fn default() -> Self {
        Self { amount: Amount::Small { value: 0, scale: 0 }, format: Format::DecimalSi, text: String::new() }
    }
}

/// Ten to a power.
fn power(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// `value` × 10^`by`, where that fits.
fn scale_up(value: i64, by: u32) -> Option<i64> {
    if value == 0 { Some(0) } else { 10_i64.checked_pow(by).and_then(|p| value.checked_mul(p)) }
}

/// `value` ÷ 10^`by`, away from zero where it is not exact.
fn scale_down(value: i64, by: u32) -> i64 {
    let Some(divisor) = 10_i64.checked_pow(by) else { return value.signum() };
    let (whole, rest) = (value.checked_div(divisor).unwrap_or(0), value.checked_rem(divisor).unwrap_or(0));
    whole.saturating_add(rest.signum())
}

impl Amount {
    /// Digits and decimal scale, exactly.
    fn big(&self) -> (BigInt, i32) {
        match self {
            Self::Small { value, scale } => (BigInt::from(*value), scale.saturating_neg()),
            Self::Big { unscaled, scale } => (unscaled.clone(), *scale),
        }
    }

    fn is_zero(&self) -> bool {
        match self {
            Self::Small { value, .. } => *value == 0,
            Self::Big { unscaled, .. } => unscaled.sign() == Sign::NoSign,
        }
    }

    /// Both amounts' digits at the finer of the two scales.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i32) {
        let ((a, a_scale), (b, b_scale)) = (self.big(), other.big());
        let scale = a_scale.max(b_scale);
        let raise = |digits: BigInt, from: i32| digits * power(u32::try_from(scale.saturating_sub(from)).unwrap_or(0));
        (raise(a, a_scale), raise(b, b_scale), scale)
    }

    /// The sum, or difference, of two small amounts, where it is one.
    fn small_sum(&self, other: &Self, negate: bool) -> Option<Self> {
        let (Self::Small { value: a, scale: a_scale }, Self::Small { value: b, scale: b_scale }) = (self, other) else { return None };
        let b = if negate { b.checked_neg()? } else { *b };
        if b == 0 {
            return Some(self.clone());
        }
        if *a == 0 {
            return Some(Self::Small { value: b, scale: *b_scale });
        }
        let scale = *a_scale.min(b_scale);
        let raise = |value: i64, from: i32| scale_up(value, u32::try_from(from.checked_sub(scale)?).ok()?);
        Some(Self::Small { value: raise(*a, *a_scale)?.checked_add(raise(b, *b_scale)?)?, scale })
    }
}

impl Quantity {
    /// The form it is written in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.amount.is_zero()
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn sign(&self) -> i32 {
        match self.amount.big().0.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        }
    }

    /// The whole number it is, where it is one that fits and needs no rounding.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.amount {
            Amount::Small { value, scale } => u32::try_from(scale).ok().and_then(|by| scale_up(value, by)),
            Amount::Big { .. } => None,
        }
    }

    /// Its value in whole units, fractions rounded up.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.scaled(0)
    }

    /// Its value in thousandths, finer fractions rounded up.
    #[must_use]
    pub fn milli_value(&self) -> i64 {
        self.scaled(-3)
    }

    /// Its value in units of 10^`unit`. What does not fit is zero or wraps, as in Go.
    fn scaled(&self, unit: i32) -> i64 {
        match &self.amount {
            Amount::Small { value, scale } => {
                let by = scale.saturating_sub(unit);
                if by >= 0 { scale_up(*value, by.unsigned_abs()).unwrap_or(0) } else { scale_down(*value, by.unsigned_abs()) }
            }
            Amount::Big { unscaled, scale } => {
                let by = scale.saturating_add(unit);
                if by <= 0 {
                    return low_bits(unscaled).wrapping_mul(10_i64.checked_pow(by.unsigned_abs()).unwrap_or(i64::MIN));
                }
                let divisor = power(by.unsigned_abs());
                let floor = floor_div(unscaled, &divisor);
                let exact = &floor * &divisor == *unscaled;
                low_bits(&if exact { floor } else { floor + 1 })
            }
        }
    }

    /// Its value as a float, about.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let (base, exponent) = match &self.amount {
            Amount::Small { value, scale } => (*value as f64, *scale),
            Amount::Big { unscaled, scale } => (unscaled.to_string().parse().unwrap_or(f64::INFINITY), scale.saturating_neg()),
        };
        if exponent == 0 { base } else { base * power_of_ten(exponent) }
    }

    /// Its digits, all of them: `0.100`.
    #[must_use]
    pub fn decimal(&self) -> String {
        let (unscaled, scale) = self.amount.big();
        let digits = unscaled.magnitude().to_string();
        let sign = if unscaled.sign() == Sign::Minus { "-" } else { "" };
        match usize::try_from(scale) {
            Err(_) if unscaled.sign() == Sign::NoSign => "0".to_owned(),
            Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::try_from(scale.unsigned_abs()).unwrap_or(0))),
            Ok(0) => format!("{sign}{digits}"),
            Ok(scale) => {
                let padded = format!("{digits:0>width$}", width = scale.saturating_add(1));
                let (whole, fraction) = padded.split_at(padded.len().saturating_sub(scale));
                format!("{sign}{whole}.{fraction}")
            }
        }
    }

    /// The sum. Zero takes the other's form.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        self.combine(other, false)
    }

    /// The difference. Zero takes the other's form.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        self.combine(other, true)
    }

    fn combine(&self, other: &Self, negate: bool) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        let amount = self.amount.small_sum(&other.amount, negate).unwrap_or_else(|| {
            let (a, b, scale) = self.amount.aligned(&other.amount);
            Amount::Big { unscaled: if negate { a - b } else { a + b }, scale }
        });
        Self { amount, format, text: String::new() }
    }

    /// The canonical text: the largest suffix with which nothing is lost and no fraction is needed.
    fn canonical(&self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let (unscaled, scale) = self.amount.big();
        if self.format == Format::BinarySi
            && let Some(whole) = whole_of(&unscaled, scale)
            && *whole.magnitude() >= 1024_u32.into()
        {
            let (mantissa, exponent) = without_factors(whole, 1024);
            let suffix =
                ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(usize::try_from(exponent).unwrap_or(usize::MAX)).copied().unwrap_or("");
            return format!("{mantissa}{suffix}");
        }
        let (mut mantissa, factors) = without_factors(unscaled, 10);
        let mut exponent = factors.saturating_sub(scale);
        while exponent.rem_euclid(3) != 0 {
            mantissa *= 10;
            exponent = exponent.saturating_sub(1);
        }
        match (self.format, exponent) {
            (_, 0) => mantissa.to_string(),
            (Format::DecimalExponent, _) => format!("{mantissa}e{exponent}"),
            _ => format!("{mantissa}{}", decimal_suffix(exponent)),
        }
    }
}

fn decimal_suffix(exponent: i32) -> &'static str {
    match exponent {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => "",
    }
}

/// The whole number that digits and scale are, where they are one.
fn whole_of(unscaled: &BigInt, scale: i32) -> Option<BigInt> {
    match u32::try_from(scale) {
        Err(_) => Some(unscaled * power(scale.unsigned_abs())),
        Ok(scale) => {
            let divisor = power(scale);
            let whole = unscaled / &divisor;
            (&whole * &divisor == *unscaled).then_some(whole)
        }
    }
}

fn without_factors(mut value: BigInt, factor: u32) -> (BigInt, i32) {
    let mut count = 0_i32;
    while value.sign() != Sign::NoSign && &value % factor == BigInt::ZERO {
        value /= factor;
        count = count.saturating_add(1);
    }
    (value, count)
}

fn floor_div(a: &BigInt, b: &BigInt) -> BigInt {
    let whole = a / b;
    if a.sign() == Sign::Minus && &whole * b != *a { whole - 1 } else { whole }
}

/// The lowest 64 bits, with the sign applied to them.
fn low_bits(value: &BigInt) -> i64 {
    let low = value.magnitude().iter_u64_digits().next().unwrap_or(0).cast_signed();
    if value.sign() == Sign::Minus { low.wrapping_neg() } else { low }
}

/// Ten to a power as Go's table has it.
fn power_of_ten(exponent: i32) -> f64 {
    let entry = |e: u32| format!("1e{e}").parse::<f64>().unwrap_or(f64::INFINITY);
    let size = exponent.unsigned_abs();
    let (coarse, fine) = (size / 32 * 32, size % 32);
    match exponent {
        309.. => f64::INFINITY,
        0..309 => entry(coarse) * entry(fine),
        -323..0 => format!("1e-{coarse}").parse::<f64>().unwrap_or(0.0) / entry(fine),
        _ => 0.0,
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() { f.write_str(&self.canonical()) } else { f.write_str(&self.text) }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b, _) = self.amount.aligned(&other.amount);
        a.cmp(&b)
    }
}

impl serde::Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_value(&serde_json::Value::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl Quantity {
    /// Reads a quantity from a JSON text or number; null is zero.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, QuantityError> {
        match value {
            serde_json::Value::String(text) => text.trim().parse(),
            serde_json::Value::Null => Ok(Self::default()),
            serde_json::Value::Number(number) => crate::json::to_string(&serde_json::Value::Number(number.clone())).parse(),
            _ => Err(QuantityError::Format),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn canonical_forms() {
        for (text, canonical) in [
            ("0.5", "500m"),
            ("1024Ki", "1Mi"),
            ("0.5Gi", "512Mi"),
            ("1.1Ki", "1126400m"),
            ("00100", "00100"),
            ("1000", "1k"),
            ("1e-10", "1e-9"),
            ("Mi", "0"),
            ("8Ei", "9223372036854775807"),
        ] {
            assert_eq!(read(text).to_string(), canonical, "{text}");
        }
        for (text, error) in
            [("", QuantityError::Format), ("1KB", QuantityError::Format), ("1K", QuantityError::Suffix), ("1e", QuantityError::Suffix)]
        {
            assert_eq!(text.parse::<Quantity>().unwrap_err(), error, "{text}");
        }
        assert_eq!("1e999999999".parse::<Quantity>().unwrap_err(), QuantityError::Numeric);
    }

    #[test]
    fn arithmetic() {
        assert_eq!(read("1Ei").add(&read("10m")).to_string(), "1152921504606846976010m");
        assert_eq!(read("1k").sub(&read("2048Mi")).to_string(), "-2147482648");
        assert!(read("1Gi") > read("1G"));
        assert_eq!(read("100m").value(), 1);
    }

    #[test]
    fn the_largest_ones_read_back() {
        assert_eq!("100E10000".parse::<Quantity>(), Err(QuantityError::Numeric));
        let largest = read(&format!("{}0e9000", "9".repeat(998)));
        assert_eq!(read(&largest.to_string()), largest);
    }
}
