//! What arrives from edges: over QUIC what is perishable, over MQTT what must last.

pub mod quic;

pub mod mqtt;

mod complaint;
