//! `strftime` as Workflows has it for `workflow.creationTimestamp.<format>`.

use jiff::Zoned;

use super::time;

/// Formats a time. Known are `B b m A a d H I M S Y y p Z z L`; another character after `%` stands for itself.
///
/// ```
/// let t = argo_lang::go::time::parse("2006-01-02", "2024-02-29", &jiff::tz::TimeZone::UTC).unwrap();
/// assert_eq!(argo_lang::go::strftime::format(&t, "%Y/%b-%d"), "2024/Feb-29");
/// ```
#[must_use]
pub fn format(t: &Zoned, format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let Some(verb) = chars.next() else {
            out.push('%');
            break;
        };
        let layout = match verb {
            'B' => "January",
            'b' => "Jan",
            'm' => "01",
            'A' => "Monday",
            'a' => "Mon",
            'd' => "02",
            'H' => "15",
            'I' => "03",
            'M' => "04",
            'S' => "05",
            'Y' => "2006",
            'y' => "06",
            'p' => "PM",
            'Z' => "MST",
            'z' => "-0700",
            'L' => {
                out.push_str(&format!("{:03}", t.millisecond()));
                continue;
            }
            other => {
                out.push(other);
                continue;
            }
        };
        out.push_str(&time::format(t, layout));
    }
    out
}
