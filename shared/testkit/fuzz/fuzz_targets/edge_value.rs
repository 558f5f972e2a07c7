//! Drives [`omma_fuzz::edge_value`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::edge_value(data));
