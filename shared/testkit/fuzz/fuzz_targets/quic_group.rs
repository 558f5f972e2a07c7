//! Drives [`omma_testkit::fuzz::quic_group`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::quic_group(data));
