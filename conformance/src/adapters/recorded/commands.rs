//! The CLI calls of the recordings, made with the library's own operations.

use argo_dag::ops;

use super::world::World;

pub(super) fn apply(_world: &mut World, arguments: &[&str]) -> Result<(), String> {
    let _ = arguments;
    Err("todo".to_owned())
}
