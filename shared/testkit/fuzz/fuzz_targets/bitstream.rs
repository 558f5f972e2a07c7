//! Drives [`omma_testkit::fuzz::bitstream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::bitstream(data));
