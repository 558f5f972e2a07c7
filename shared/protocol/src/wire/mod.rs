//! What crosses a network, by network. Every form is versioned; parsing is pure, bounded and never panics.

pub mod quic;

pub mod mqtt;

pub mod browser;
