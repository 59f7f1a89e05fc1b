//! The workflow engine: templates become a node tree, and the tree says what is to run next. Pure: events in, effects out.

pub mod effect;
pub mod event;
pub mod library;
pub mod locks;
pub mod ops;
pub mod pod;
pub mod run;
pub mod validate;

pub use effect::Effect;
pub use event::{ContainerSeen, ContainerState, PodSeen, TaskEvent};
pub use library::Library;
pub use run::{LoadError, RunConfig, WorkflowRun};
