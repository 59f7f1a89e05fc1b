//! Dates that a schedule leaves out.

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::go::time;
use crate::{ParseError, Span};

/// What RFC 5545 calls a date-time in UTC.
const LAYOUT: &str = "20060102T150405Z";

/// The points in time of one line of `exclusionDates` (RFC 5545 `EXDATE`): `EXDATE:20240101T000000Z,20240102T000000Z`, the name may be left out.
///
/// # Errors
/// At the first date that is none.
pub fn exclusions(line: &str) -> Result<Vec<Zoned>, ParseError> {
    let list = line.strip_prefix("EXDATE:").unwrap_or(line);
    let mut start = line.len().saturating_sub(list.len());
    let mut out = Vec::new();
    for date in list.split(',') {
        let span = Span::new(start, start.saturating_add(date.len()));
        out.push(time::parse(LAYOUT, date, &TimeZone::UTC).map_err(|e| ParseError::new(e, span).expecting(LAYOUT))?);
        start = span.end.saturating_add(1);
    }
    Ok(out)
}
