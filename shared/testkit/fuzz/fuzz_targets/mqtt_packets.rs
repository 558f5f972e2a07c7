//! Drives [`omma_fuzz::mqtt_packets`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::mqtt_packets(data));
