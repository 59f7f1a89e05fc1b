//! `withSequence`: ranges of numbers, formatted with Go's verbs.

/// A format that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("withSequence format {format:?}: {message}")]
pub struct FormatError {
    /// The format.
    pub format: String,
    /// What is wrong with it.
    pub message: String,
}

/// One number in a Go format: `%d`, `%03d`, `%x`, `%X`, `%o`, `%b`, `%c`, `%v`; `%%` is a percent sign.
///
/// ```
/// assert_eq!(argo_lang::sequence::format("testuser%02X", 10).unwrap(), "testuser0A");
/// ```
///
/// # Errors
/// When the format ends within a verb, or the verb is not for whole numbers.
pub fn format(format: &str, number: i64) -> Result<String, FormatError> {
    let fail = |message: &str| FormatError { format: format.to_owned(), message: message.to_owned() };
    let mut out = String::new();
    let mut used = false;
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| matches!(c, '0' | '-' | '+' | ' ' | '#')) {
            flags.push(flag);
        }
        let mut width = 0_usize;
        while let Some(digit) = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
            width = width.saturating_mul(10).saturating_add(digit as usize);
        }
        if width > 1_000 {
            return Err(fail("the width is too large"));
        }
        let verb = chars.next().ok_or_else(|| fail("it ends within a verb"))?;
        if verb == '%' {
            out.push('%');
            continue;
        }
        if used {
            out.push_str(&format!("%!{verb}(BADINDEX)"));
            continue;
        }
        used = true;
        let magnitude = number.unsigned_abs();
        let digits = match verb {
            'd' | 'v' => magnitude.to_string(),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            'o' => format!("{magnitude:o}"),
            'b' => format!("{magnitude:b}"),
            'c' => u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string(),
            's' => format!("%!s(int={number})"),
            _ => return Err(fail("only verbs for whole numbers can be used: %d, %x, %X, %o, %b, %c, %v")),
        };
        let sign = if number < 0 && !matches!(verb, 'c' | 's') {
            "-"
        } else if flags.contains('+') {
            "+"
        } else if flags.contains(' ') {
            " "
        } else {
            ""
        };
        let length = digits.chars().count().saturating_add(sign.len());
        let padding = width.saturating_sub(length);
        if flags.contains('-') {
            out.push_str(sign);
            out.push_str(&digits);
            out.push_str(&" ".repeat(padding));
        } else if flags.contains('0') {
            out.push_str(sign);
            out.push_str(&"0".repeat(padding));
            out.push_str(&digits);
        } else {
            out.push_str(&" ".repeat(padding));
            out.push_str(sign);
            out.push_str(&digits);
        }
    }
    if !used {
        out.push_str(&format!("%!(EXTRA int={number})"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn go_verbs() {
        for (f, n, expected) in [
            ("%d", 7, "7"),
            ("%03d", -7, "-07"),
            ("a%%%x", 255, "a%ff"),
            ("%5d|", 42, "   42|"),
            ("%-3d|", 1, "1  |"),
            ("x", 1, "x%!(EXTRA int=1)"),
        ] {
            assert_eq!(format(f, n).unwrap(), expected);
        }
        assert!(format("%", 1).is_err() && format("%q", 1).is_err());
    }
}
