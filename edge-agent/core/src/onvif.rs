//! ONVIF: how cameras are found in a network, and how they are asked for the addresses of their streams.
//!
//! ```text
//! Probe ──▶ ProbeMatches ──▶ device service ──▶ media service ──▶ profiles ──▶ an RTSP address each ──▶ [[camera]]
//! ```
//!
//! 1. [`probe`] asks who is there (WS-Discovery, April 2005) and reads the answers;
//! 2. [`request`] writes the questions to one device (ONVIF Core and Media, SOAP 1.2), [`security`] signs them;
//! 3. [`answer`] reads what it says, by way of `xml`;
//! 4. [`address`] mends the addresses that it names;
//! 5. [`lines`] chooses main and sub-stream and writes them for the configuration; [`advice`] says what is wrong.
//!
//! All answers are hostile: their size is bounded, texts are cut and can't steer a terminal, no entity is resolved. No
//! address leads to another host than the one that answered, so that no answer can send the questions, or the proof of
//! the password in them, elsewhere.

pub mod probe;

pub mod request;

pub mod security;

pub mod answer;

mod xml;
pub use xml::{MAX_ANSWER, Malformed};

pub mod address;

pub mod device;

pub mod lines;

pub mod advice;

#[cfg(test)]
mod tests;
