//! The verbs of Go's `fmt`.
//!
//! ```
//! use argo_lang::{Value, go::print::printf};
//! assert_eq!(printf("%s has %03d", &[Value::from("ann"), Value::Int(7)]), "ann has 007");
//! ```

use crate::Value;

/// Widest field that a verb may ask for.
const MOST_WIDTH: i64 = 100_000;

/// A float in Go's shortest form, as `%v` prints it: with an exponent below 1e-4 and from 1e6 on.
#[must_use]
pub fn float(n: f64) -> String {
    general(n, None, false, false)
}

/// The parts of a float with the given number of digits after the first (none: as few as needed): sign, digits, exponent.
fn scientific(n: f64, precision: Option<usize>) -> (bool, String, i32) {
    let text = precision.map_or_else(|| format!("{:e}", n.abs()), |p| format!("{:.p$e}", n.abs()));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (n.is_sign_negative(), mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn special(n: f64) -> Option<&'static str> {
    if n.is_nan() {
        Some("NaN")
    } else if n.is_infinite() {
        Some(if n > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

fn exponent_form(negative: bool, digits: &str, exponent: i32, upper: bool) -> String {
    let (first, rest) = digits.split_at(digits.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if negative { "-" } else { "" };
    let e = if upper { 'E' } else { 'e' };
    format!("{sign}{first}{point}{rest}{e}{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%g`: the shortest of the two forms.
fn general(n: f64, precision: Option<usize>, upper: bool, keep_zeros: bool) -> String {
    if let Some(text) = special(n) {
        return text.to_owned();
    }
    let (negative, mut digits, exponent) = scientific(n, precision.map(|p| p.max(1) - 1));
    if precision.is_some() && !keep_zeros {
        let kept = digits.trim_end_matches('0').len().max(1);
        digits.truncate(kept);
    }
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let threshold = match precision {
        // As Go: digits that stand before the point are not rounded away.
        Some(p) => {
            let p = i32::try_from(p.max(1)).unwrap_or(i32::MAX);
            if p > count && count > exponent { count } else { p }
        }
        None => SHORTEST_THRESHOLD,
    };
    if exponent < -4 || exponent >= threshold {
        return exponent_form(negative, &digits, exponent, upper);
    }
    let sign = if negative { "-" } else { "" };
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() <= whole {
        let zeros = "0".repeat(whole - digits.len());
        return format!("{sign}{digits}{zeros}");
    }
    let (before, after) = digits.split_at(whole);
    format!("{sign}{before}.{after}")
}

/// From which exponent on the shortest form is the one with an exponent.
const SHORTEST_THRESHOLD: i32 = 6;

#[derive(Clone, Copy, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats as Go's `fmt.Sprintf`; mistakes show in the text (`%!d(string=a)`), as there.
#[must_use]
pub fn printf(format: &str, arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0_usize;
    let mut reordered = false;
    while let Some(at) = rest.find('%') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let mut directive = Directive { text: after.get(1..).unwrap_or_default(), next, reordered: false, bad_index: false };
        let mut flags = directive.flags();
        directive.index(arguments.len());
        let mut good = true;
        if directive.eat('*') {
            flags.width = directive.star(arguments, &mut out, "%!(BADWIDTH)", &mut flags.minus);
        } else if let Some(n) = directive.digits() {
            flags.width = Some(n);
        }
        if directive.eat('.') {
            directive.index(arguments.len());
            if directive.eat('*') {
                let mut negative = false;
                flags.precision = directive.star(arguments, &mut out, "%!(BADPREC)", &mut negative).filter(|_| !negative);
            } else {
                flags.precision = Some(directive.digits().unwrap_or(0));
            }
        }
        directive.index(arguments.len());
        let verb = directive.text.chars().next();
        good &= !directive.bad_index;
        reordered |= directive.reordered;
        next = directive.next;
        rest = directive.text;
        let Some(verb) = verb else {
            out.push_str("%!(NOVERB)");
            break;
        };
        rest = rest.get(verb.len_utf8()..).unwrap_or_default();
        if verb == '%' {
            out.push('%');
        } else if !good {
            out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(argument) = arguments.get(next) {
            next += 1;
            one(&mut out, verb, argument, flags);
        } else {
            out.push_str(&format!("%!{verb}(MISSING)"));
        }
    }
    out.push_str(rest);
    if !reordered && next < arguments.len() {
        let extra: Vec<String> = arguments
            .iter()
            .skip(next)
            .map(|v| if matches!(v, Value::Nil) { "<nil>".to_owned() } else { format!("{}={v}", v.type_name()) })
            .collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

struct Directive<'a> {
    text: &'a str,
    next: usize,
    reordered: bool,
    bad_index: bool,
}

impl Directive<'_> {
    fn eat(&mut self, c: char) -> bool {
        match self.text.strip_prefix(c) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            if self.eat('+') {
                flags.plus = true;
            } else if self.eat('-') {
                flags.minus = true;
            } else if self.eat('#') {
                flags.sharp = true;
            } else if self.eat(' ') {
                flags.space = true;
            } else if self.eat('0') {
                flags.zero = true;
            } else {
                return flags;
            }
        }
    }

    fn digits(&mut self) -> Option<usize> {
        let length = self.text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.text.split_at(length);
        self.text = rest;
        let n: i64 = digits.parse().ok()?;
        usize::try_from(n.min(MOST_WIDTH)).ok()
    }

    /// `[n]`: which argument comes next.
    fn index(&mut self, count: usize) {
        let Some(inner) = self.text.strip_prefix('[') else { return };
        self.reordered = true;
        let Some((digits, rest)) = inner.split_once(']') else {
            self.bad_index = true;
            return;
        };
        self.text = rest;
        match digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < count) {
            Some(n) => self.next = n,
            None => self.bad_index = true,
        }
    }

    fn star(&mut self, arguments: &[Value], out: &mut String, bad: &str, minus: &mut bool) -> Option<usize> {
        let value = arguments.get(self.next);
        self.next += usize::from(value.is_some());
        match value {
            Some(Value::Int(n)) if n.abs() <= MOST_WIDTH => {
                *minus |= *n < 0;
                usize::try_from(n.abs()).ok()
            }
            _ => {
                out.push_str(bad);
                None
            }
        }
    }
}

fn pad(out: &mut String, text: &str, flags: Flags) {
    let padding = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if flags.minus {
        out.push_str(text);
        out.push_str(&" ".repeat(padding));
    } else {
        out.push_str(&" ".repeat(padding));
        out.push_str(text);
    }
}

/// A number with its sign: zeros go between the two.
fn pad_number(out: &mut String, text: &str, flags: Flags, zeros: bool) {
    if !(flags.zero && zeros) || flags.minus {
        return pad(out, text, flags);
    }
    let (sign, digits) = match text.chars().next() {
        Some('+' | '-' | ' ') => text.split_at(1),
        _ => ("", text),
    };
    let padding = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    out.push_str(sign);
    out.push_str(&"0".repeat(padding));
    out.push_str(digits);
}

fn one(out: &mut String, verb: char, value: &Value, flags: Flags) {
    let bad = |out: &mut String| match value {
        Value::Nil => out.push_str(&format!("%!{verb}(<nil>)")),
        other => out.push_str(&format!("%!{verb}({}={other})", other.type_name())),
    };
    if verb == 'T' {
        return pad(out, value.type_name(), flags);
    }
    match value {
        Value::Nil if verb == 'v' => pad(out, "<nil>", flags),
        Value::Bool(b) if matches!(verb, 't' | 'v') => pad(out, if *b { "true" } else { "false" }, flags),
        Value::Int(n) => match integer(*n, verb, flags) {
            Some((text, zeros)) => pad_number(out, &text, flags, zeros),
            None => bad(out),
        },
        Value::Float(n) => match float_verb(*n, verb, flags) {
            Some(text) => pad_number(out, &text, flags, n.is_finite()),
            None => bad(out),
        },
        Value::String(s) => match string(s, verb, flags) {
            Some(text) => pad(out, &text, flags),
            None => bad(out),
        },
        Value::Duration(n) if !matches!(verb, 'v' | 's') => one(out, verb, &Value::Int(*n), flags),
        Value::List(list) => {
            if verb == 'p' {
                return bad(out);
            }
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                one(out, verb, item, flags);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                one(out, verb, &Value::String(key.clone()), flags);
                out.push(':');
                one(out, verb, item, flags);
            }
            out.push(']');
        }
        Value::Duration(_) | Value::Time(_) | Value::Object(_) | Value::Pairs(_) if matches!(verb, 'v' | 's') => {
            pad(out, &value.to_string(), flags);
        }
        Value::Object(object) if object.number().is_some() => {
            one(out, verb, &object.number().map_or(Value::Nil, Value::Int), flags);
        }
        _ => bad(out),
    }
}

fn signed(negative: bool, flags: Flags) -> &'static str {
    if negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    }
}

/// The text, and whether zeros may fill it.
fn integer(n: i64, verb: char, flags: Flags) -> Option<(String, bool)> {
    let magnitude = n.unsigned_abs();
    let character = u32::try_from(n).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    let (prefix, digits) = match verb {
        'd' | 'v' => ("", magnitude.to_string()),
        'b' => (if flags.sharp { "0b" } else { "" }, format!("{magnitude:b}")),
        'o' => (if flags.sharp { "0" } else { "" }, format!("{magnitude:o}")),
        'O' => ("0o", format!("{magnitude:o}")),
        'x' => (if flags.sharp { "0x" } else { "" }, format!("{magnitude:x}")),
        'X' => (if flags.sharp { "0X" } else { "" }, format!("{magnitude:X}")),
        'c' => return Some((character.to_string(), false)),
        'q' => return Some((quote_char(character), false)),
        'U' => return Some((format!("U+{magnitude:04X}"), false)),
        _ => return None,
    };
    let digits = match flags.precision {
        Some(0) if n == 0 => String::new(),
        Some(precision) => format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len()))),
        None => digits,
    };
    Some((format!("{}{prefix}{digits}", signed(n < 0, flags)), flags.precision.is_none()))
}

fn float_verb(n: f64, verb: char, flags: Flags) -> Option<String> {
    let text = match verb {
        'v' | 'g' | 'G' => general(n, flags.precision, verb == 'G', flags.sharp),
        'f' | 'F' => special(n).map_or_else(|| format!("{:.*}", flags.precision.unwrap_or(6), n), str::to_owned),
        'e' | 'E' => special(n).map_or_else(
            || {
                let (negative, digits, exponent) = scientific(n, Some(flags.precision.unwrap_or(6)));
                exponent_form(negative, &digits, exponent, verb == 'E')
            },
            str::to_owned,
        ),
        _ => return None,
    };
    if text.starts_with('-') {
        return Some(text);
    }
    let text = text.strip_prefix('+').map_or(text.clone(), str::to_owned);
    if n.is_infinite() && !flags.space {
        return Some(format!("+{text}"));
    }
    Some(format!("{}{text}", signed(false, flags)))
}

fn string(s: &str, verb: char, flags: Flags) -> Option<String> {
    let cut: String = match flags.precision {
        Some(precision) => s.chars().take(precision).collect(),
        None => s.to_owned(),
    };
    Some(match verb {
        's' | 'v' => cut,
        'q' if flags.sharp && !s.contains('`') => format!("`{cut}`"),
        'q' => quote(&cut),
        'x' | 'X' => {
            let bytes = s.as_bytes();
            let bytes = bytes.get(..flags.precision.unwrap_or(bytes.len()).min(bytes.len())).unwrap_or_default();
            let hex: Vec<String> = bytes.iter().map(|b| if verb == 'x' { format!("{b:02x}") } else { format!("{b:02X}") }).collect();
            hex.join(if flags.space { " " } else { "" })
        }
        _ => return None,
    })
}

fn escape(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if u32::from(c) < 0x20 || u32::from(c) == 0x7f => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{a0}' | '\u{ad}') => {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
        c => out.push(c),
    }
}

/// A text in Go's double quotes (`strconv.Quote`).
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::from('"');
    text.chars().for_each(|c| escape(&mut out, c, '"'));
    out.push('"');
    out
}

fn quote_char(c: char) -> String {
    let mut out = String::from('\'');
    escape(&mut out, c, '\'');
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::{float, printf, quote};
    use crate::Value;

    #[test]
    fn floats_as_go_prints_them() {
        for (n, text) in
            [(1.0, "1"), (100_000.0, "100000"), (1e6, "1e+06"), (12_345_678.9, "1.23456789e+07"), (1e-5, "1e-05"), (-0.5, "-0.5")]
        {
            assert_eq!(float(n), text);
        }
        assert_eq!(float(f64::NEG_INFINITY), "-Inf");
    }

    #[test]
    fn verbs() {
        let v = [Value::Int(42), Value::from("a\"b"), Value::Float(2.345)];
        assert_eq!(printf("%5d|%-5d|%q|%.2f", &[v[0].clone(), v[0].clone(), v[1].clone(), v[2].clone()]), "   42|42   |\"a\\\"b\"|2.35");
        assert_eq!(printf("%d", &[Value::from("a")]), "%!d(string=a)");
        assert_eq!(printf("%d %d", &[Value::Int(1)]), "1 %!d(MISSING)");
        assert_eq!(printf("x", &[Value::Int(1)]), "x%!(EXTRA int=1)");
        assert_eq!(printf("%[2]d %[1]d", &[Value::Int(1), Value::Int(2)]), "2 1");
        assert_eq!(printf("%", &[]), "%!(NOVERB)");
        assert_eq!(quote("é\u{1}"), "\"é\\x01\"");
    }
}
