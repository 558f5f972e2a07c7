//! What arrives from edges: over QUIC what is perishable, over MQTT what must last; that too over QUIC where there is no
//! broker.

pub mod quic;

pub mod mqtt;

pub mod keep;
