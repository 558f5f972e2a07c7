//! What is decided about live video on its way to the hub.

pub mod key_queue;

pub mod keyless;
