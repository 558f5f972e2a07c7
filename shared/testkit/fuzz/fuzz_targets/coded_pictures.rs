//! Drives [`omma_testkit::fuzz::coded_pictures`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::coded_pictures(data));
