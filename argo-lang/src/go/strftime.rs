//! `strftime` as Workflows has it for `workflow.creationTimestamp.<format>`, and the table that Lua's `os.date` shares.

use jiff::Zoned;

use super::time;

/// Letters and the Go layouts that they stand for.
const LAYOUTS: [(char, &str); 15] = [
    ('B', "January"),
    ('b', "Jan"),
    ('m', "01"),
    ('A', "Monday"),
    ('a', "Mon"),
    ('d', "02"),
    ('H', "15"),
    ('I', "03"),
    ('M', "04"),
    ('S', "05"),
    ('Y', "2006"),
    ('y', "06"),
    ('p', "PM"),
    ('Z', "MST"),
    ('z', "-0700"),
];

/// Formats a time. Known are `B b m A a d H I M S Y y p Z z L`; another character after `%` stands for itself.
///
/// ```
/// let t = argo_lang::go::time::parse("2006-01-02", "2024-02-29", &jiff::tz::TimeZone::UTC).unwrap();
/// assert_eq!(argo_lang::go::strftime::format(&t, "%Y/%b-%d"), "2024/Feb-29");
/// ```
#[must_use]
pub fn format(t: &Zoned, format: &str) -> String {
    expand(t, format, &[], &|letter| if letter == 'L' { format!("{:03}", t.millisecond()) } else { letter.to_string() })
}

/// Formats a time with further letters; `other` is asked for those that are in no table.
pub(crate) fn expand(t: &Zoned, format: &str, further: &[(char, &str)], other: &dyn Fn(char) -> String) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let Some(letter) = chars.next() else {
            out.push('%');
            break;
        };
        match LAYOUTS.iter().chain(further).find(|(known, _)| *known == letter) {
            Some((_, layout)) => out.push_str(&time::format(t, layout)),
            None => out.push_str(&other(letter)),
        }
    }
    out
}
