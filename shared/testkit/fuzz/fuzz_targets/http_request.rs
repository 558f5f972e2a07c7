//! Drives [`omma_testkit::fuzz::http_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::http_request(data));
