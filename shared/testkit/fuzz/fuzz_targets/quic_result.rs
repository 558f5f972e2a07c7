//! Drives [`omma_testkit::fuzz::quic_result`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::quic_result(data));
