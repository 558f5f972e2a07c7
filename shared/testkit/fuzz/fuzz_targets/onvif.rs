//! Drives [`omma_testkit::fuzz::onvif`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::onvif(data));
