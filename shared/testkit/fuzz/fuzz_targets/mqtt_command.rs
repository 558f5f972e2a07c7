//! Drives [`omma_testkit::fuzz::mqtt_command`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::mqtt_command(data));
