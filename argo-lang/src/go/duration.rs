//! Durations as Go's `time` reads and writes them. They are re-exported by [`super::time`].

/// A duration as Go prints it: `1h30m0s`, `1.5ms`.
#[must_use]
pub fn duration_text(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let n = nanos.unsigned_abs();
    let fraction = |n: u64, unit: u64, width: usize| {
        let rest = n % unit;
        let digits = format!("{rest:0width$}");
        let digits = digits.trim_end_matches('0');
        if rest == 0 { (n / unit).to_string() } else { format!("{}.{digits}", n / unit) }
    };
    if n < 1_000 {
        return format!("{sign}{n}ns");
    }
    if n < 1_000_000 {
        return format!("{sign}{}µs", fraction(n, 1_000, 3));
    }
    if n < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(n, 1_000_000, 6));
    }
    let minutes = n / 60_000_000_000;
    let seconds = fraction(n % 60_000_000_000, 1_000_000_000, 9);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, m) => format!("{sign}{m}m{seconds}s"),
        (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
    }
}

/// Reads a duration as Go's `time.ParseDuration`, in nanoseconds.
///
/// # Errors
/// When it is no sequence of numbers with units, or does not fit.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    parse_units(text, nanoseconds)
}

/// Reads a duration as `xhit/go-str2duration`: as Go's, with days and weeks.
///
/// # Errors
/// When it is no sequence of numbers with units, or does not fit.
pub fn parse_long_duration(text: &str) -> Result<i64, String> {
    parse_units(text, |unit| match unit {
        "d" => Some(86_400_000_000_000),
        "w" => Some(604_800_000_000_000),
        _ => nanoseconds(unit),
    })
}

fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn parse_units(text: &str, unit_of: impl Fn(&str) -> Option<u64>) -> Result<i64, String> {
    let quoted = super::print::quote(text);
    let invalid = || format!("time: invalid duration {quoted}");
    let (negative, mut rest) = match text.chars().next() {
        Some('-') => (true, text.get(1..).unwrap_or_default()),
        Some('+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let whole_length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(whole_length);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(tail) => tail.split_at(tail.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let value: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let unit_length = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, tail) = after.split_at(unit_length);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {quoted}"));
        }
        let scale = unit_of(unit).ok_or_else(|| format!("time: unknown unit {} in duration {quoted}", super::print::quote(unit)))?;
        let mut amount = value.checked_mul(scale).ok_or_else(invalid)?;
        let mut place = scale;
        for digit in fraction.bytes().take(18) {
            // Below one nanosecond nothing is left; the reference keeps a float, which rounds the same.
            place /= 10;
            amount = amount.saturating_add(u64::from(digit - b'0').saturating_mul(place));
        }
        total = total.checked_add(amount).filter(|t| *t <= 1 << 63).ok_or_else(invalid)?;
        rest = tail;
    }
    if negative {
        return Ok(0_i64.checked_sub_unsigned(total).unwrap_or(i64::MIN));
    }
    i64::try_from(total).map_err(|_| invalid())
}
