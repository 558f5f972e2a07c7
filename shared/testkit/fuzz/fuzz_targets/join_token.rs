//! Drives [`omma_testkit::fuzz::join_token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::join_token(data));
