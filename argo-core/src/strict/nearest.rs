//! Names that were probably meant.

use crate::describe::{Inner, Shape};

/// The name among `known` that is nearest to `name`, where one is near: the same but for capitals, or few letters away.
///
/// ```
/// assert_eq!(argo_core::strict::nearest("contaner", ["container", "script"]), Some("container"));
/// assert_eq!(argo_core::strict::nearest("banana", ["container", "script"]), None);
/// ```
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(name);
    let most = (wanted.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A near name of the same struct, or else a field of that very name one level down: `image` of a template is `container.image`.
pub(super) fn suggest(name: &str, shape: Shape) -> Option<String> {
    let fields = shape.fields();
    if let Some(near) = nearest(name, fields.iter().map(|f| f.name)) {
        return Some(near.to_owned());
    }
    let into = |shape: Shape| match shape {
        Shape::List(inner @ Inner::Type(_)) => inner.get(),
        other => other,
    };
    let below = fields.iter().find(|f| matches!(into(f.shape), Shape::Struct(_)) && into(f.shape).field(name).is_some())?;
    Some(format!("{}.{name}", below.name))
}

/// How many letters must be changed, added, removed or swapped with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let width = b.len().saturating_add(1);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..width).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX);
            let replace = at(&last, j).saturating_add(usize::from(ca != cb));
            let remove = at(&last, j.saturating_add(1)).saturating_add(1);
            let add = at(&row, j).saturating_add(1);
            let mut best = replace.min(remove).min(add);
            let swapped = i > 0 && j > 0 && a.get(i.saturating_sub(1)) == Some(cb) && b.get(j.saturating_sub(1)) == Some(ca);
            if swapped {
                best = best.min(at(&before_last, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}
