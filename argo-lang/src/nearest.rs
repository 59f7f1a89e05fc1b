//! Names that were probably meant.

/// What to say is expected where a name is unknown: one of its kind, and the nearest if one is near (the same but for few letters).
pub(crate) fn known<'k>(kind: &str, name: &str, candidates: impl IntoIterator<Item = &'k str>) -> String {
    let wanted = name.to_ascii_lowercase();
    let most = (name.chars().count() / 3).clamp(1, 3);
    let near = candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance);
    near.map_or_else(|| format!("a known {kind}"), |(_, near)| format!("a known {kind}, perhaps {near}"))
}
