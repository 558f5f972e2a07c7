//! Drives [`omma_fuzz::mqtt_connect`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::mqtt_connect(data));
