//! Drives [`omma_testkit::fuzz::quic_control`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::quic_control(data));
