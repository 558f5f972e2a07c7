//! Drives [`omma_testkit::fuzz::quic_lasting`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::quic_lasting(data));
