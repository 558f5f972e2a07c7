//! Drives [`omma_fuzz::desired_cameras`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::desired_cameras(data));
