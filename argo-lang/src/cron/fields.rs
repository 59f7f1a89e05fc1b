//! Fields of a schedule.

use super::{Fields, Format, STAR};
use crate::{ParseError, Span};

struct Bounds {
    what: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const SECONDS: Bounds = Bounds { what: "a second or minute", low: 0, high: 59, names: &[] };
const HOURS: Bounds = Bounds { what: "an hour", low: 0, high: 23, names: &[] };
const DAYS: Bounds = Bounds { what: "a day of the month", low: 1, high: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    what: "a month",
    low: 1,
    high: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAYS: Bounds = Bounds { what: "a day of the week", low: 0, high: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// Reads the fields of a schedule; `place` is where they are in its text.
pub(super) fn parse(text: &str, place: Span, format: Format) -> Result<Fields, ParseError> {
    let mut at = place.start;
    let mut parts = Vec::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim();
        if !word.is_empty() {
            parts.push((word, Span::new(at, at.saturating_add(word.len()))));
        }
        at = at.saturating_add(piece.len());
    }
    let most = if format.seconds { 6 } else { 5 };
    let least = most - usize::from(format.optional_weekday);
    if parts.len() < least || parts.len() > most {
        let shown = parts.iter().map(|(part, _)| *part).collect::<Vec<_>>().join(" ");
        let wanted = if least == most { format!("exactly {most}") } else { format!("{least} to {most}") };
        let message = format!("expected {wanted} fields, found {}: [{shown}]", parts.len());
        let place = parts.get(most).map_or(Span::new(place.end, place.end), |(_, span)| *span);
        let all = "minute, hour, day of month, month and day of week, or a descriptor such as @daily";
        return Err(ParseError::new(message, place).expecting(all));
    }
    let mut parts = parts.into_iter();
    let mut next = |default: &'static str, bounds: &Bounds| {
        let (part, span) = parts.next().unwrap_or((default, place));
        field(part, bounds).map_err(|message| {
            let names = match (bounds.names.first(), bounds.names.last()) {
                (Some(first), Some(last)) => format!(", or {first} to {last}"),
                _ => String::new(),
            };
            ParseError::new(message, span).expecting(format!("{} from {} to {}{names}", bounds.what, bounds.low, bounds.high))
        })
    };
    let second = if format.seconds { next("0", &SECONDS)? } else { 1 };
    Ok(Fields {
        second,
        minute: next("0", &SECONDS)?,
        hour: next("0", &HOURS)?,
        day: next("*", &DAYS)?,
        month: next("*", &MONTHS)?,
        weekday: next("*", &WEEKDAYS)?,
    })
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    text.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | range(part, bounds)?))
}

/// `*`, `5`, `1-5`, each with a step: `*/15`, `5/10`, `1-5/2`.
fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts.first().copied().unwrap_or_default().split('-').collect();
    let first = ends.first().copied().unwrap_or_default();
    let mut extra = 0;
    let (start, mut end) = if matches!(first, "*" | "?") {
        extra = STAR;
        (bounds.low, bounds.high)
    } else {
        let start = number(first, bounds.names)?;
        match ends.get(1) {
            None => (start, start),
            Some(_) if ends.len() > 2 => return Err(format!("too many hyphens: {text}")),
            Some(end) => (start, number(end, bounds.names)?),
        }
    };
    let step = match parts.get(1) {
        None => 1,
        Some(_) if parts.len() > 2 => return Err(format!("too many slashes: {text}")),
        Some(step) => {
            let step = number(step, &[])?;
            if ends.len() == 1 {
                end = bounds.high;
            }
            if step > 1 {
                extra = 0;
            }
            step
        }
    };
    if start < bounds.low {
        return Err(format!("beginning of range ({start}) below minimum ({}): {text}", bounds.low));
    }
    if end > bounds.high {
        return Err(format!("end of range ({end}) above maximum ({}): {text}", bounds.high));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(bits(start, end, step) | extra)
}

pub(super) fn bits(start: u32, end: u32, step: u32) -> u64 {
    let step = usize::try_from(step).unwrap_or(usize::MAX).max(1);
    (start..=end.min(62)).step_by(step).fold(0, |bits, n| bits | 1 << n)
}

/// The fields as a schedule has them; that of seconds only if it is not 0 alone.
pub(super) fn print(fields: &Fields) -> String {
    let all = [
        (fields.second, &SECONDS),
        (fields.minute, &SECONDS),
        (fields.hour, &HOURS),
        (fields.day, &DAYS),
        (fields.month, &MONTHS),
        (fields.weekday, &WEEKDAYS),
    ];
    let skipped = usize::from(fields.second == 1);
    all.iter().skip(skipped).map(|(bits, bounds)| print_one(*bits, bounds)).collect::<Vec<_>>().join(" ")
}

fn print_one(field: u64, bounds: &Bounds) -> String {
    if field & STAR != 0 {
        return "*".to_owned();
    }
    let stepped = (2..=bounds.high).find(|step| field == bits(bounds.low, bounds.high, *step) && field.count_ones() > 2);
    if let Some(step) = stepped {
        return format!("*/{step}");
    }
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for n in (bounds.low..=bounds.high).filter(|n| field >> n & 1 == 1) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => runs.push((n, n)),
        }
    }
    let shown: Vec<String> = runs.iter().map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") }).collect();
    // A comma alone is a field without any value.
    if shown.is_empty() { ",".to_owned() } else { shown.join(",") }
}

fn number(text: &str, names: &[&str]) -> Result<u32, String> {
    if let Some(at) = names.iter().position(|n| n.eq_ignore_ascii_case(text)) {
        // Months count from 1, weekdays from 0.
        return Ok(u32::try_from(at).unwrap_or(0) + u32::from(names.len() == 12));
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"));
    }
    if text.starts_with('-') && bare.bytes().any(|b| b != b'0') {
        return Err(format!("negative number ({text}) not allowed: {text}"));
    }
    bare.parse().map_err(|_| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: value out of range"))
}
