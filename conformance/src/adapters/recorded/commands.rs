//! The CLI calls of the recordings, made with the library's own operations.

use super::world::World;

pub(super) fn apply(_world: &mut World, arguments: &[&str]) -> Result<(), String> {
    Err(format!("`argo {}` has no counterpart yet", arguments.join(" ")))
}
