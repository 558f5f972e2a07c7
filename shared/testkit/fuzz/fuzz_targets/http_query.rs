//! Drives [`omma_fuzz::http_query`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::http_query(data));
