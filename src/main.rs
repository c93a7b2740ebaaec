//! The `mirrorlistd` program.

fn main() {}
