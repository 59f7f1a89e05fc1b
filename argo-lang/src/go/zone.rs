//! Time zones by name, from the database inside the program: the same everywhere, no files read.

use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();

/// The zone of a name, as Go's `time.LoadLocation`: `""` and `UTC` are UTC; names are spelled exactly.
#[must_use]
pub fn load(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name == "UTC" || name == "Local" {
        return Some(TimeZone::UTC);
    }
    // Go refuses what could leave the folder of zones.
    if name.contains("..") || name.starts_with('/') || name.contains('\\') {
        return None;
    }
    let zone = ZONES.get_or_init(TimeZoneDatabase::bundled).get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

/// Names of all zones.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let all = || ZONES.get_or_init(TimeZoneDatabase::bundled).available().map(|name| name.to_string()).collect();
    NAMES.get_or_init(all).iter().map(String::as_str)
}
