//! Drives [`omma_testkit::fuzz::browser_message`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::browser_message(data));
