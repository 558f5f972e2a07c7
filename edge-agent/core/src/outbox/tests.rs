//! All of it together, beside models of the world around it.

pub(super) mod disk;

pub(super) mod things;

mod history;

mod failing_disk;

mod week;
