//! The executor inside a workflow pod: inputs in, command run, outputs out.
