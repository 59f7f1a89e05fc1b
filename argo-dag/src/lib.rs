//! The workflow engine: templates become a node tree, and the tree says what is to run next. Pure: events in, effects out.

pub mod effect;
pub mod event;

pub use effect::Effect;
pub use event::{ContainerSeen, ContainerState, PodSeen, TaskEvent};
