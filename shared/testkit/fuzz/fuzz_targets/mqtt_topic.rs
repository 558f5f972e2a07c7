//! Drives [`omma_testkit::fuzz::mqtt_topic`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::mqtt_topic(data));
