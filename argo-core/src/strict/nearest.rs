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
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), candidate))
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
