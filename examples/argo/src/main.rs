//! The all-in-one command line.
fn main() {}
